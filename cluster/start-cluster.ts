/**
 * A whole cluster in this process, for tests and demonstrations: real sockets on the loopback, memory for disks.
 *
 * Owns: the shape of the public interface. Leaves to RunningCluster: nodes. Disposal leaves no socket, timer or file behind.
 */
import { BrokerConfigLayers } from "../broker/config/broker-config-layers.ts";
import { LoggerLevels } from "../broker/config/logger-levels.ts";
import { NodeNetwork } from "../broker/network/node-network.ts";
import { ErrorCode, errorName } from "../protocol/error-codes.ts";
import { KafkaError } from "../protocol/kafka-error.ts";
import { CreateTopics } from "../protocol/messages/topics.ts";
import type { Disk } from "../storage/disk.ts";
import { type Logger, SILENT_LOGGER } from "../storage/logger.ts";
import { MemoryDisk } from "../storage/memory-disk.ts";
import { NodeClock } from "../storage/node-clock.ts";
import { NodeCompute } from "../storage/node-compute.ts";
import { NodeDisk } from "../storage/node-disk.ts";
import { NodeRandom } from "../storage/node-random.ts";
import { BufferPool } from "../storage/shared-buffer.ts";
import type { ClusterEvents } from "./cluster-events.ts";
import type { ClusterNode, NodeState } from "./cluster-node.ts";
import type { Environment } from "./environment.ts";
import { IDLE_POOL_BYTES } from "./node-memory.ts";
import { RunningCluster } from "./running-cluster.ts";
import { WaitUntil } from "./wait-until.ts";

export interface ClusterOptions {
  /** How many nodes; 1 when left out. */
  readonly nodes?: number;
  /** Port of node 1, node 2 one above, and so on; free ports when left out. */
  readonly port?: number;
  /** Address to listen on; 127.0.0.1 when left out. */
  readonly host?: string;
  /** What clients are told instead of where the nodes listen. */
  readonly advertisedHost?: string;
  /** Racks of the nodes, in order. */
  readonly racks?: readonly string[];
  /** Keeps data in DIR/1, DIR/2, ...; in memory when left out. */
  readonly dataDirectory?: string;
  /** Broker settings by Kafka's names, for every node. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** A broker whose process is gone is noticed at once, not after broker.session.timeout.ms; true when left out. */
  readonly fastDetection?: boolean;
  /** Where log lines go; nowhere when left out. */
  readonly logger?: Logger;
}

export interface TopicOptions {
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

/** One node, as tests handle it. */
export interface NodeHandle {
  readonly id: number;
  readonly state: NodeState;
  /** "host:port" */
  readonly address: string;
  /** As SIGKILL: sockets are reset, no goodbye. Written bytes survive; with `powerLoss` only synced ones. */
  kill(options?: { readonly powerLoss?: boolean }): Promise<void>;
  /** Controlled shutdown. */
  stop(): Promise<void>;
  /** Starts a node that was killed or stopped, or stops and starts a running one; resolves when it serves. */
  restart(): Promise<void>;
}

/** Settings under which a test does not wait; Kafka's own hold under `odradek start`. */
const TEST_SETTINGS: Readonly<Record<string, string>> = {
  "group.initial.rebalance.delay.ms": "0",
};

export class Cluster implements AsyncDisposable {
  readonly waitUntil: WaitUntil;
  private readonly running: RunningCluster;
  private readonly compute: NodeCompute;
  private failure: Error | undefined;

  /** Only for startCluster. */
  constructor(running: RunningCluster, compute: NodeCompute, clock: NodeClock) {
    this.running = running;
    this.compute = compute;
    this.waitUntil = new WaitUntil(running, clock);
  }

  /** "127.0.0.1:41234,127.0.0.1:41235,..." */
  get bootstrapServers(): string {
    return this.running.addresses.map(({ host, port }) => `${host}:${port}`).join(",");
  }

  get clusterId(): string {
    return this.running.clusterId;
  }

  /** What happens from now on: `for await (const event of cluster.events)`. */
  get events(): ClusterEvents {
    return this.running.events;
  }

  get nodes(): readonly NodeHandle[] {
    return this.running.nodes.map((node) => handleOf(this.running, node));
  }

  /** @throws Error: there is no such node. */
  node(id: number): NodeHandle {
    return handleOf(this.running, this.nodeOf(id));
  }

  /** The controller's own node; with one node it is that node's. */
  get controller(): Pick<NodeHandle, "kill" | "restart" | "stop"> & { readonly isRunning: boolean } {
    const { controller } = this.running;
    if (controller === undefined) {
      const only = this.node(1);
      return {
        isRunning: only.state === "running",
        kill: (options) => only.kill(options),
        stop: () => only.stop(),
        restart: () => only.restart(),
      };
    }
    return {
      isRunning: controller.isRunning,
      kill: (options) => {
        controller.kill(options);
        return Promise.resolve();
      },
      stop: () => controller.stop(),
      restart: () => controller.restart(),
    };
  }

  /** -1: none. @throws Error: there is no such partition. */
  leaderOf(topic: string, partition: number): number {
    return this.partition(topic, partition).leader;
  }

  inSyncReplicasOf(topic: string, partition: number): readonly number[] {
    return this.partition(topic, partition).inSyncReplicas;
  }

  private partition(topic: string, partition: number) {
    const image = this.running.image.topics.get(topic)?.partitions[partition];
    if (image === undefined) throw new Error(`there is no partition ${topic}-${partition}`);
    return image;
  }

  /** Creates a topic; resolves when every partition has a leader that knows it. @throws KafkaError. */
  async createTopic(name: string, options: TopicOptions = {}): Promise<void> {
    const { partitions = 1, replicationFactor = Math.min(3, this.running.nodes.length), configs = {} } = options;
    const request = {
      topics: [
        {
          ...{ name, numPartitions: partitions, replicationFactor, assignments: [] },
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        },
      ],
      timeoutMs: 10_000,
      validateOnly: false,
    };
    const broker = this.running.nodes.find((node) => node.running !== undefined)?.running?.broker;
    if (broker === undefined) throw new Error("no node runs");
    const answer = await broker.controller.forward(CreateTopics, 7, request, {
      ...{ principalType: "User", principalName: "ANONYMOUS", clientId: "odradek", clientHost: "127.0.0.1" },
    });
    const [topic] = answer.topics;
    if (topic !== undefined && topic.errorCode !== ErrorCode.NONE) {
      const detail = topic.errorMessage ?? errorName(topic.errorCode) ?? "";
      throw new KafkaError(topic.errorCode as ErrorCode, `creating ${name}: ${detail}`);
    }
    await this.waitUntil.holds(() => this.everyNodeLeads(name), {}, `${name} has its leaders`);
  }

  /** Every partition's leader serves it, and every running node knows the topic: clients may ask any of them. */
  private everyNodeLeads(topic: string): boolean {
    const image = this.running.image.topics.get(topic);
    if (image === undefined) return false;
    const servers = this.running.nodes.flatMap(({ running }) => (running === undefined ? [] : [running]));
    return (
      servers.every(({ broker }) => broker.image.topics.has(topic)) &&
      image.partitions.every(({ leader, partition }) =>
        servers.some(({ broker }) => broker.nodeId === leader && broker.partitions.get(topic, partition)?.isLeader),
      )
    );
  }

  /** Stops all nodes in good order and frees everything. */
  async stop(): Promise<void> {
    await this.running.stop();
    await this.compute.close();
    if (this.failure !== undefined) throw this.failure;
  }

  /** Ends at once: nothing in memory is worth an orderly end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.running.kill();
    this.running.events.close();
    await this.compute.close();
    if (this.failure !== undefined) throw this.failure;
  }

  /** A node failed of itself: disposal says so, so that no test passes over it. */
  noteFailure(error: Error): void {
    this.failure ??= error;
  }

  private nodeOf(id: number): ClusterNode {
    const node = this.running.nodes.find((one) => one.id === id);
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }
}

function handleOf(running: RunningCluster, node: ClusterNode): NodeHandle {
  const down = (how: "killed" | "stopped"): void => running.events.emit({ type: "node-down", node: node.id, how });
  return {
    id: node.id,
    get state() {
      return node.state;
    },
    get address() {
      const [address] = node.addresses;
      return address === undefined ? "" : `${address.host}:${address.port}`;
    },
    kill: (options) => {
      down("killed");
      node.kill(options);
      return Promise.resolve();
    },
    stop: async () => {
      await node.stop();
      down("stopped");
    },
    restart: () => node.restart(),
  };
}

/** Starts a cluster; resolves when every node serves. @throws NetworkError in-use; ConfigError; DirectoryRefused. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { nodes = 1, port = 0, host = "127.0.0.1", dataDirectory, logger = SILENT_LOGGER } = options;
  const compute = new NodeCompute();
  const clock = new NodeClock();
  const network = new NodeNetwork();
  const pool = new BufferPool({ maxIdleBytes: IDLE_POOL_BYTES });
  const environment = (disk: Disk): Environment => {
    return { clock, random: new NodeRandom(), disk, network, compute, logger, pool };
  };
  const diskOf = (): { disk: Disk; crashDisk?: MemoryDisk["crash"] } => {
    if (dataDirectory !== undefined) return { disk: new NodeDisk() };
    const disk = new MemoryDisk();
    return { disk, crashDisk: (how) => disk.crash(how) };
  };
  const root = dataDirectory ?? "/odradek";
  const { disk: controllerDisk, ...controllerCrash } = diskOf();
  let cluster: Cluster | undefined;
  const running = new RunningCluster({
    nodes: Array.from({ length: nodes }, (_, index) => {
      const nodeId = index + 1;
      const { disk, ...crash } = diskOf();
      const texts = settingsOf(options, nodeId, `${root}/${nodeId}`);
      return {
        nodeId,
        environment: environment(disk),
        config: () => new BrokerConfigLayers(texts),
        listeners: [
          {
            ...{ name: "PLAINTEXT", securityProtocol: "PLAINTEXT", hosts: [host] },
            port: port === 0 ? 0 : port + index,
            advertised: { host: options.advertisedHost ?? host, port: undefined },
          },
        ],
        ...crash,
      };
    }),
    controller: { environment: environment(controllerDisk), directory: `${root}/controller`, ...controllerCrash },
    loggerLevels: new LoggerLevels("INFO", () => {}),
    ...(options.fastDetection === undefined ? {} : { fastDetection: options.fastDetection }),
    onFailure: (error) => cluster?.noteFailure(error),
  });
  cluster = new Cluster(running, compute, clock);
  try {
    await running.start();
  } catch (error) {
    await compute.close();
    throw error;
  }
  return cluster;
}

function settingsOf(options: ClusterOptions, nodeId: number, directory: string): Map<string, string> {
  const { nodes = 1, racks, settings = {} } = options;
  const rack = racks?.[nodeId - 1];
  const replicas = String(Math.min(nodes, 3));
  const inSync = String(Math.min(nodes, 2));
  return new Map([
    ...Object.entries(TEST_SETTINGS),
    ["offsets.topic.replication.factor", replicas],
    ["transaction.state.log.replication.factor", replicas],
    ["transaction.state.log.min.isr", inSync],
    ["share.coordinator.state.topic.replication.factor", replicas],
    ["share.coordinator.state.topic.min.isr", inSync],
    ...Object.entries(settings).map(([name, value]) => [name, String(value)] as const),
    ...(rack === undefined ? [] : [["broker.rack", rack] as const]),
    ["node.id", String(nodeId)],
    ["process.roles", "broker,controller"],
    ["controller.listener.names", "CONTROLLER"],
    ["log.dirs", directory],
  ]);
}
