/**
 * The nodes of one cluster in this process, and their controller.
 *
 * Owns: which nodes there are and the order in which they start and stop; with one node it is Kafka's combined mode, with several
 * the controller is a node of its own. Leaves to ClusterNode and ControllerNode: their lives.
 */
import { BrokerConfigLayers } from "../broker/config/broker-config-layers.ts";
import type { LoggerLevels } from "../broker/config/logger-levels.ts";
import type { Address } from "../broker/network/network.ts";
import { clusterIdOf } from "../storage/meta-properties.ts";
import { randomUuid } from "../storage/random.ts";
import type { NodeListener } from "./broker-listeners.ts";
import type { BrokerServerOptions } from "./broker-server.ts";
import { ClusterEvents } from "./cluster-events.ts";
import { ClusterNode, type ClusterNodeOptions } from "./cluster-node.ts";
import { combinedLink, remoteLink } from "./controller-links.ts";
import { ControllerNode } from "./controller-node.ts";
import type { Environment } from "./environment.ts";
import type { ClusterFaults } from "./faults/cluster-faults.ts";
import type { LinkEnd } from "./faults/links.ts";
import { logDirectoryPaths } from "./log-settings.ts";
import { type ClusterDelta, type ClusterImage, emptyImage } from "./metadata/cluster-image.ts";
import { adoptMetadata } from "./metadata-adoption.ts";

/** The controller's id where it is a node of its own: far from those of brokers, which count from 1. */
export const CONTROLLER_ID = 3000;

export interface ClusterNodeSpec {
  readonly nodeId: number;
  readonly environment: Environment;
  config(): BrokerConfigLayers;
  readonly listeners: readonly NodeListener[];
  readonly crashDisk?: (options: { readonly powerLoss: boolean }) => void;
}

export interface RunningClusterOptions {
  readonly nodes: readonly ClusterNodeSpec[];
  /** Where a controller that is a node of its own lives. */
  readonly controller: {
    readonly environment: Environment;
    readonly directory: string;
    readonly crashDisk?: (options: { readonly powerLoss: boolean }) => void;
  };
  readonly loggerLevels: LoggerLevels;
  readonly hooks?: Pick<BrokerServerOptions, "onUnexpectedError">;
  /** What goes wrong on purpose; nothing can when left out. */
  readonly faults?: ClusterFaults;
  /** Fences a broker whose process is proved dead at once; see DeadBrokers. */
  readonly fastDetection?: boolean;
  readonly onFailure: (error: Error) => void;
}

export class RunningCluster {
  readonly nodes: readonly ClusterNode[];
  readonly events: ClusterEvents;
  readonly clusterId: string;
  /** Undefined where the only node is its own controller. */
  readonly controller: ControllerNode | undefined;
  private committed: ClusterImage;
  private readonly faults: ClusterFaults | undefined;
  private readonly watchers = new Set<() => void>();

  constructor(options: RunningClusterOptions) {
    const { nodes, loggerLevels, onFailure } = options;
    const [first] = nodes;
    if (first === undefined) throw new Error("a cluster has at least one node");
    const { clock, random, disk } = first.environment;
    const directories = nodes.flatMap((node) => logDirectoryPaths(node.config().settings));
    this.faults = options.faults;
    this.events = new ClusterEvents(clock);
    this.clusterId = clusterIdAmong(options, directories) ?? randomUuid(random);
    this.committed = emptyImage(this.clusterId);
    const onCommit = (delta: ClusterDelta): void => this.onCommit(delta);
    const own = options.controller;
    // A directory that had a controller of its own keeps it: the metadata is there.
    const separate = nodes.length > 1 || own.environment.disk.exists(`${own.directory}/meta.properties`);
    if (separate) adoptMetadata(own.environment.disk, own.directory, disk, directories[0]);
    this.controller = separate
      ? new ControllerNode({
          ...{ clusterId: this.clusterId, directory: own.directory, host: "127.0.0.1" },
          ...this.surroundings("controller", own.environment),
          config: () => withNodeId(first.config(), CONTROLLER_ID),
          fastDetection: options.fastDetection ?? true,
          onCommit,
          ...(own.crashDisk === undefined ? {} : { crashDisk: own.crashDisk }),
        })
      : undefined;
    this.nodes = nodes.map(
      (spec) =>
        new ClusterNode(spec.nodeId, {
          ...{ loggerLevels, clusterId: this.clusterId, listeners: spec.listeners },
          ...this.surroundings(spec.nodeId, spec.environment),
          config: () => spec.config(),
          link: (environment, config, logs, around) =>
            this.controller === undefined
              ? combinedLink(environment, config, this.clusterId, logs, onCommit)
              : remoteLink(environment, config, this.clusterId, logs, around, [
                  { id: CONTROLLER_ID, address: this.controller.address },
                ]),
          hooks: {
            ...options.hooks,
            observePartition: this.observerOf(spec.nodeId),
            onApplied: () => this.wakeWatchers(),
          },
          onFailure: (error) => {
            this.events.emit({ type: "node-down", node: spec.nodeId, how: "failed" });
            onFailure(error);
          },
          ...(spec.crashDisk === undefined ? {} : { crashDisk: spec.crashDisk }),
        }),
    );
  }

  /** What a node stands on, faults included. */
  private surroundings(
    end: LinkEnd,
    environment: Environment,
  ): Pick<ClusterNodeOptions, "environment" | "requestFaults"> {
    const { faults } = this;
    if (faults === undefined) return { environment };
    return {
      environment: faults.environmentOf(end, environment),
      requestFaults: (clock) => faults.requestFaults(end, clock),
    };
  }

  /** The cluster as it is committed. */
  get image(): ClusterImage {
    return this.committed;
  }

  get addresses(): readonly Address[] {
    return this.nodes.flatMap((node) => node.addresses);
  }

  /** Calls back after every change of the metadata, as it is committed and as each node takes it on. Returns what ends it. */
  onChange(run: () => void): () => void {
    this.watchers.add(run);
    return () => this.watchers.delete(run);
  }

  /** Starts controller and nodes; resolves when all serve. @throws what kept one from it; nothing is left open. */
  async start(): Promise<void> {
    try {
      await this.controller?.start();
      await Promise.all(this.nodes.map((node) => node.start()));
    } catch (error) {
      this.kill();
      throw error;
    }
  }

  /** Stops all in good order, the controller last. */
  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    await this.controller?.stop();
    this.kill();
    this.events.close();
  }

  /** Ends everything at once. */
  kill(): void {
    for (const node of this.nodes) node.kill();
    this.controller?.kill();
  }

  private onCommit(delta: ClusterDelta): void {
    this.committed = delta.image;
    this.events.committed(delta);
    this.wakeWatchers();
  }

  private wakeWatchers(): void {
    for (const run of [...this.watchers]) run();
  }

  private observerOf(node: number): NonNullable<BrokerServerOptions["observePartition"]> {
    return (partition, change) => {
      if (change !== "highWatermark" || !this.events.isObserved) return;
      const { topic, index, log } = partition;
      this.events.emit({ type: "high-watermark", node, topic, partition: index, highWatermark: log.highWatermark });
    };
  }
}

function clusterIdAmong(options: RunningClusterOptions, directories: readonly string[]): string | undefined {
  const { environment, directory } = options.controller;
  const known = [
    clusterIdOf(environment.disk, [directory]),
    ...options.nodes.map((node) => clusterIdOf(node.environment.disk, directories)),
  ];
  return known.find((id) => id !== undefined);
}

/** The controller's settings are those of the first node, but for its id. */
function withNodeId(config: BrokerConfigLayers, nodeId: number): BrokerConfigLayers {
  const texts = new Map(config.staticTexts);
  texts.set("node.id", String(nodeId));
  texts.set("broker.id", String(nodeId));
  return new BrokerConfigLayers(texts);
}
