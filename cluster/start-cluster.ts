/**
 * A whole cluster in this process, for tests and demonstrations: real sockets on the loopback, memory for disks.
 *
 * Owns: the shape of the public interface. Leaves to RunningCluster: nodes. Disposal leaves no socket, timer or file behind.
 */
import { BrokerConfigLayers } from "../broker/config/broker-config-layers.ts";
import { LoggerLevels } from "../broker/config/logger-levels.ts";
import { NodeNearNetwork } from "../broker/network/node-near-network.ts";
import { NodeNetwork } from "../broker/network/node-network.ts";
import { ErrorCode, errorName } from "../protocol/error-codes.ts";
import { KafkaError } from "../protocol/kafka-error.ts";
import { CreateTopics } from "../protocol/messages/topics.ts";
import type { Disk } from "../storage/disk.ts";
import { SILENT_LOGGER } from "../storage/logger.ts";
import { MemoryDisk } from "../storage/memory-disk.ts";
import { NodeClock } from "../storage/node-clock.ts";
import { NodeCompute } from "../storage/node-compute.ts";
import { NodeDisk } from "../storage/node-disk.ts";
import { NodeRandom } from "../storage/node-random.ts";
import { BufferPool } from "../storage/shared-buffer.ts";
import type { ClusterEvents } from "./cluster-events.ts";
import type { ClusterNode } from "./cluster-node.ts";
import { type ClusterOptions, requireKnownSettings, settingsOf, type TopicOptions } from "./cluster-options.ts";
import { resetCluster } from "./cluster-reset.ts";
import { type ClusterDisks, type ClusterSnapshot, putBack, takeSnapshot } from "./cluster-snapshot.ts";
import type { Environment } from "./environment.ts";
import { ClusterFaults } from "./faults/cluster-faults.ts";
import type { ClusterNetwork } from "./faults/cluster-network.ts";
import type { FaultRule } from "./faults/fault-rule.ts";
import type { Fault } from "./faults/fault-rules.ts";
import { type ControllerHandle, controllerHandle, type NodeHandle, nodeHandle } from "./node-handle.ts";
import { IDLE_POOL_BYTES } from "./node-memory.ts";
import { RunningCluster } from "./running-cluster.ts";
import { WaitUntil } from "./wait-until.ts";

/** Fault rules of a cluster, as tests handle them. */
export interface FaultSet {
  /** Puts a rule in force. @throws FaultRuleError what is wrong with it. */
  add(rule: FaultRule): Fault;
  /** Those in force. */
  readonly list: readonly Fault[];
  /** Takes all out of force. */
  clear(): void;
}

export class Cluster implements AsyncDisposable {
  readonly waitUntil: WaitUntil;
  private readonly running: RunningCluster;
  private readonly compute: NodeCompute;
  /** Undefined where data lies in files. */
  private readonly disks: ClusterDisks | undefined;
  private failure: Error | undefined;

  /** Only for startCluster. */
  constructor(running: RunningCluster, compute: NodeCompute, clock: NodeClock, disks: ClusterDisks | undefined) {
    this.running = running;
    this.compute = compute;
    this.disks = disks;
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

  /** Ways between the nodes, to be cut and slowed. */
  get network(): ClusterNetwork {
    return this.running.network as ClusterNetwork;
  }

  /** Rules for requests and disks that are to fail. */
  get faults(): FaultSet {
    return (this.running.faults as ClusterFaults).rules;
  }

  get nodes(): readonly NodeHandle[] {
    return this.running.nodes.map((node) => nodeHandle(this.running, node));
  }

  /** @throws Error: there is no such node. */
  node(id: number): NodeHandle {
    return nodeHandle(this.running, this.nodeOf(id));
  }

  /** The controller's own node; with one node it is that node's. */
  get controller(): ControllerHandle {
    return controllerHandle(this.running, this.node(1));
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
    const broker = this.running.nodes.find((node) => node.state === "running")?.running?.broker;
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
    const servers = this.running.nodes.flatMap(({ state, running }) =>
      state !== "running" || running === undefined ? [] : [running],
    );
    return (
      servers.every(({ broker }) => broker.image.topics.has(topic)) &&
      image.partitions.every(({ leader, partition }) =>
        servers.some(({ broker }) => broker.nodeId === leader && broker.partitions.get(topic, partition)?.isLeader),
      )
    );
  }

  /**
   * The same cluster, empty, for the next test: same ports, no topics, groups, configs or faults. Nodes that are down or stand still
   * come back; resolves when all serve.
   */
  reset(): Promise<void> {
    return resetCluster(this.running, this.waitUntil);
  }

  /** All that the cluster holds now, to go back to or to start another from. @throws Error its data lies in files. */
  snapshot(): ClusterSnapshot {
    if (this.disks === undefined) throw new Error("a cluster that keeps its data in files has no snapshots");
    return takeSnapshot(this.disks);
  }

  /** Goes back to what a cluster of as many nodes held: all nodes are killed and start from it. Resolves when all serve. */
  async restore(snapshot: ClusterSnapshot): Promise<void> {
    if (this.disks === undefined) throw new Error("a cluster that keeps its data in files has no snapshots");
    this.faults.clear();
    this.running.kill();
    putBack(snapshot, this.disks);
    await this.running.start();
    await this.waitUntil.everyNodeUp();
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
    // Under a disk fault a node may fail: that is what the fault is for.
    if (this.running.faults?.rules.disks.some(({ fired }) => fired > 0) === true) return;
    this.failure ??= error;
  }

  private nodeOf(id: number): ClusterNode {
    const node = this.running.nodes.find((one) => one.id === id);
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }
}

/** Starts a cluster; resolves when every node serves. @throws NetworkError in-use; ConfigError; DirectoryRefused. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { nodes = 1, port = 0, host = "127.0.0.1", dataDirectory, logger = SILENT_LOGGER } = options;
  requireKnownSettings(options);
  const compute = new NodeCompute();
  const clock = new NodeClock();
  const network = new NodeNearNetwork(new NodeNetwork());
  const pool = new BufferPool({ maxIdleBytes: IDLE_POOL_BYTES });
  const environment = (disk: Disk): Environment => {
    return { clock, random: new NodeRandom(), disk, network, compute, logger, pool };
  };
  const root = dataDirectory ?? "/odradek";
  const disks =
    dataDirectory === undefined
      ? { controller: new MemoryDisk(), nodes: Array.from({ length: nodes }, () => new MemoryDisk()) }
      : undefined;
  if (options.snapshot !== undefined) {
    if (disks === undefined) throw new Error("a snapshot is of a cluster in memory");
    putBack(options.snapshot, disks);
  }
  const diskOf = (inMemory: MemoryDisk | undefined): { disk: Disk; crashDisk?: MemoryDisk["crash"] } =>
    inMemory === undefined ? { disk: new NodeDisk() } : { disk: inMemory, crashDisk: (how) => inMemory.crash(how) };
  const { disk: controllerDisk, ...controllerCrash } = diskOf(disks?.controller);
  let cluster: Cluster | undefined;
  const running = new RunningCluster({
    nodes: Array.from({ length: nodes }, (_, index) => {
      const nodeId = index + 1;
      const { disk, ...crash } = diskOf(disks?.nodes[index]);
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
    faults: new ClusterFaults(clock),
    loggerLevels: new LoggerLevels("INFO", () => {}),
    ...(options.fastDetection === undefined ? {} : { fastDetection: options.fastDetection }),
    ...(options.onClientTelemetry === undefined ? {} : { hooks: { onClientTelemetry: options.onClientTelemetry } }),
    onFailure: (error) => cluster?.noteFailure(error),
  });
  cluster = new Cluster(running, compute, clock, disks);
  try {
    await running.start();
  } catch (error) {
    await compute.close();
    throw error;
  }
  return cluster;
}
