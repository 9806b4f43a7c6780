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
import type { Controller } from "./controller/controller.ts";
import { combinedLink, remoteLink } from "./controller-links.ts";
import { ControllerNode } from "./controller-node.ts";
import type { Environment } from "./environment.ts";
import type { ClusterFaults } from "./faults/cluster-faults.ts";
import { ClusterNetwork } from "./faults/cluster-network.ts";
import { HoldUps } from "./faults/hold-ups.ts";
import type { LinkEnd, LinkFault } from "./faults/links.ts";
import { logDirectoryPaths } from "./log-settings.ts";
import type { ManagedNode } from "./managed-node.ts";
import { type ClusterDelta, type ClusterImage, emptyImage } from "./metadata/cluster-image.ts";
import { differenceOf } from "./metadata/metadata-loader.ts";
import { adoptMetadata } from "./metadata-adoption.ts";

/** The controller's id where it is a node of its own: far from those of brokers, which count from 1. */
export const CONTROLLER_ID = 3000;

/** What a cluster gives a node of its own making. */
export interface NodeSurroundings {
  readonly clusterId: string;
  readonly controller: { readonly id: number; readonly address: Address };
  /** A node's high watermark of a partition is another. */
  onHighWatermark(partition: { topic: string; partition: number; highWatermark: number }): void;
  /** The node has taken on newer metadata. */
  onApplied(): void;
  /** False: there is nobody to ask to be let go. */
  hasController(): boolean;
  onFailure(error: Error): void;
}

export interface ClusterNodeSpec {
  readonly nodeId: number;
  readonly environment: Environment;
  config(): BrokerConfigLayers;
  readonly listeners: readonly NodeListener[];
  readonly crashDisk?: (options: { readonly powerLoss: boolean }) => void;
}

export interface RunningClusterOptions<N extends ManagedNode = ClusterNode> {
  /** Makes nodes that live elsewhere than in this process; the controller is then a node of its own. */
  readonly makeNode?: (spec: ClusterNodeSpec, surroundings: NodeSurroundings) => N;
  readonly nodes: readonly ClusterNodeSpec[];
  /** Where a controller that is a node of its own lives. */
  readonly controller: {
    readonly environment: Environment;
    readonly directory: string;
    readonly crashDisk?: (options: { readonly powerLoss: boolean }) => void;
  };
  readonly loggerLevels: LoggerLevels;
  readonly hooks?: Pick<BrokerServerOptions, "onUnexpectedError" | "onClientTelemetry">;
  /** What goes wrong on purpose; nothing can when left out. */
  readonly faults?: ClusterFaults;
  /** Fences a broker whose process is proved dead at once; see DeadBrokers. */
  readonly fastDetection?: boolean;
  readonly onFailure: (error: Error) => void;
}

export class RunningCluster<N extends ManagedNode = ClusterNode> {
  readonly nodes: readonly N[];
  readonly events: ClusterEvents;
  readonly clusterId: string;
  /** Undefined where the only node is its own controller. */
  readonly controller: ControllerNode | undefined;
  private committed: ClusterImage;
  readonly faults: ClusterFaults | undefined;
  /** Ways between the nodes; undefined where nothing can be wrong with them. */
  readonly network: ClusterNetwork | undefined;
  private combined: Controller | undefined;
  private readonly watchers = new Set<() => void>();

  constructor(options: RunningClusterOptions<N>) {
    const { nodes, makeNode } = options;
    const [first] = nodes;
    if (first === undefined) throw new Error("a cluster has at least one node");
    const { clock, random, disk } = first.environment;
    const directories = nodes.flatMap((node) => logDirectoryPaths(node.config().settings));
    this.events = new ClusterEvents(clock);
    this.clusterId = clusterIdAmong(options, directories) ?? randomUuid(random);
    this.committed = emptyImage(this.clusterId);
    this.faults = options.faults;
    this.network = options.faults === undefined ? undefined : this.joinFaults(options.faults);
    const onCommit = (delta: ClusterDelta): void => this.onCommit(delta);
    const own = options.controller;
    // A directory that had a controller of its own keeps it: the metadata is there.
    const separate =
      nodes.length > 1 || makeNode !== undefined || own.environment.disk.exists(`${own.directory}/meta.properties`);
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
    this.nodes = nodes.map((spec) =>
      makeNode === undefined
        ? (this.localNode(spec, options) as ManagedNode as N)
        : makeNode(spec, this.around(spec, options)),
    );
  }

  private localNode(spec: ClusterNodeSpec, options: RunningClusterOptions<N>): ClusterNode {
    const { loggerLevels, hooks } = options;
    const { clusterId } = this;
    const onCommit = (delta: ClusterDelta): void => this.onCommit(delta);
    return new ClusterNode(spec.nodeId, {
      ...{ loggerLevels, clusterId, listeners: spec.listeners },
      ...this.surroundings(spec.nodeId, spec.environment),
      config: () => spec.config(),
      link: (environment, config, logs, around) =>
        this.controller === undefined
          ? combinedLink(environment, config, clusterId, logs, onCommit, (controller) => {
              this.combined = controller;
            })
          : remoteLink(environment, config, clusterId, logs, around, [
              { id: CONTROLLER_ID, address: this.controller.address },
            ]),
      hooks: { ...hooks, observePartition: this.observerOf(spec.nodeId), onApplied: () => this.wakeWatchers() },
      hasController: () => this.controller?.isRunning ?? true,
      onFailure: (error) => this.nodeFailed(spec.nodeId, error, options),
      ...(spec.crashDisk === undefined ? {} : { crashDisk: spec.crashDisk }),
    });
  }

  private around({ nodeId }: ClusterNodeSpec, options: RunningClusterOptions<N>): NodeSurroundings {
    const address = (): Address => (this.controller as ControllerNode).address;
    return {
      clusterId: this.clusterId,
      controller: {
        id: CONTROLLER_ID,
        get address() {
          return address();
        },
      },
      onHighWatermark: (partition) => this.events.emit({ type: "high-watermark", node: nodeId, ...partition }),
      onApplied: () => this.wakeWatchers(),
      hasController: () => this.controller?.isRunning ?? true,
      onFailure: (error) => this.nodeFailed(nodeId, error, options),
    };
  }

  private nodeFailed(node: number, error: Error, { onFailure }: RunningClusterOptions<N>): void {
    this.events.emit({ type: "node-down", node, how: "failed" });
    onFailure(error);
  }

  /** The controller that decides; undefined while there is none. */
  get activeController(): Controller | undefined {
    return this.controller === undefined ? this.combined : this.controller.controller;
  }

  /** Everybody a way can lead to. */
  private get linkEnds(): readonly LinkEnd[] {
    const controller = this.controller === undefined ? [] : (["controller"] as const);
    return [...this.nodes.map(({ id }) => id), ...controller, "clients"];
  }

  private joinFaults(faults: ClusterFaults): ClusterNetwork {
    faults.topicNameOf = (topicId) => this.committed.topicsById.get(topicId)?.name;
    const holdUps = new HoldUps(faults.links);
    faults.onSlowDisk = (end, delayMs) => {
      const node = end === "controller" ? this.controller : this.nodes.find(({ id }) => id === end);
      holdUps.holdUp(end, node, delayMs);
    };
    faults.rules.onFired = ({ id, fired }) => this.events.emit({ type: "fault-fired", fault: id, fired });
    const emit = (fault: LinkFault): void => this.events.emit({ type: "link-changed", ...fault });
    return new ClusterNetwork(faults.links, () => this.linkEnds, emit);
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
    this.faults?.close();
    for (const node of this.nodes) void node.kill();
    this.controller?.kill();
  }

  private onCommit(delta: ClusterDelta): void {
    // A controller that begins anew tells of everything there is; what happened is the difference to what was there before.
    const happened = delta.previous === this.committed ? delta : differenceOf(this.committed, delta.image);
    this.committed = delta.image;
    this.events.committed(happened);
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

function clusterIdAmong(
  options: Pick<RunningClusterOptions, "controller" | "nodes">,
  directories: readonly string[],
): string | undefined {
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
