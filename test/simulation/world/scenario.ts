/**
 * A cluster for a scripted scenario: one topic whose replicas the script names, a client that asks the broker it is told to, and
 * conditions that are awaited. Every invariant is checked after every event, as in the runs of plans.
 */
import type { PartitionImage } from "../../../broker/metadata/metadata-image.ts";
import { RequestMemory } from "../../../broker/network/request-memory.ts";
import { RpcClient } from "../../../broker/network/rpc-client.ts";
import { RpcError } from "../../../broker/network/rpc-error.ts";
import type { Partition } from "../../../broker/partition/partition.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { ListOffsets } from "../../../protocol/messages/list-offsets.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import { CreateTopics } from "../../../protocol/messages/topics.ts";
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import { buildRecordBatch } from "../../../protocol/records/record-batch-builder.ts";
import { RecordIterator } from "../../../protocol/records/record-iterator.ts";
import { Auditor } from "../audit/auditor.ts";
import { segmentsOnDisk } from "../audit/disk-log.ts";
import { Admin } from "../clients/admin.ts";
import type { ClientEnvironment } from "../clients/cluster-client.ts";
import { Simulation } from "../simulation.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

export interface ScenarioOptions {
  readonly nodes: number;
  /** Of the topic's only partition, the preferred leader first. */
  readonly replicas: readonly number[];
  readonly configs?: Readonly<Record<string, string>>;
  readonly settings?: Readonly<Record<string, string>>;
  readonly fastDetection?: boolean;
}

export interface Produced {
  readonly errorCode: number;
  readonly baseOffset: number;
}

export const TOPIC = "t";
/** Sessions end soon, so that a scenario is a few seconds. */
const SETTINGS = {
  "broker.heartbeat.interval.ms": "100",
  "broker.session.timeout.ms": "600",
  "replica.lag.time.max.ms": "1000",
  "replica.fetch.wait.max.ms": "50",
  "replica.fetch.backoff.ms": "50",
  "replica.high.watermark.checkpoint.interval.ms": "100",
  "leader.imbalance.check.interval.seconds": "300",
};
const REQUEST_TIMEOUT_MS = 30_000;
/** A condition that does not hold by then never will. */
const PATIENCE_MS = 120_000;

export class Scenario {
  readonly simulation: Simulation;
  readonly cluster: SimulatedCluster;
  readonly auditor: Auditor;
  private readonly client: ClientEnvironment;
  private readonly clients = new Map<number, RpcClient>();
  private readonly waiting = new Set<() => void>();

  private constructor(name: string, options: ScenarioOptions) {
    this.simulation = new Simulation({ seed: name, latencyMs: [0, 0], shuffleTies: false });
    const { nodes, settings, fastDetection } = options;
    this.cluster = new SimulatedCluster(this.simulation, {
      ...{ nodes, settings: { ...SETTINGS, ...settings } },
      ...(fastDetection === undefined ? {} : { fastDetection }),
    });
    this.auditor = new Auditor(this.cluster);
    const { machine, host } = this.cluster.clientMachine("client");
    const { clock, random } = machine;
    this.client = { name: "client", clock, random, network: host, pool: this.cluster.pool, bootstrap: [] };
    this.simulation.scheduler.always(() => {
      for (const look of this.waiting) look();
    });
  }

  /** Starts the cluster and makes the topic, then runs the script. */
  static run(name: string, options: ScenarioOptions, script: (scenario: Scenario) => Promise<void>): Promise<void> {
    const scenario = new Scenario(name, options);
    return scenario.simulation.run(async () => {
      await scenario.cluster.running.start();
      await scenario.createTopic(options);
      await script(scenario);
      scenario.auditor.lookAtAll();
      scenario.close();
    });
  }

  private async createTopic({ replicas, configs = {} }: ScenarioOptions): Promise<void> {
    const admin = new Admin({ ...this.client, bootstrap: this.cluster.bootstrap });
    const topic = {
      ...{ name: TOPIC, numPartitions: -1, replicationFactor: -1 },
      assignments: [{ partitionIndex: 0, brokerIds: [...replicas] }],
      configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
    };
    const { topics } = await admin.ask(CreateTopics, 7, { topics: [topic], timeoutMs: 5000 }, () => true);
    admin.close();
    if (topics[0]?.errorCode !== ErrorCode.NONE) throw new Error(`no topic: ${topics[0]?.errorCode}`);
    await this.until("all replicas are there", () => replicas.every((id) => this.partition(id) !== undefined));
  }

  private close(): void {
    for (const client of this.clients.values()) client.close();
    this.cluster.running.kill();
  }

  get nowMs(): number {
    return this.simulation.scheduler.nowMs;
  }

  /** Resolves in the event that makes it true. @throws Error when that takes too long. */
  until(what: string, holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const giveUp = this.client.clock.after(PATIENCE_MS, () => {
        this.waiting.delete(look);
        reject(new Error(`never: ${what} (${JSON.stringify(this.state)})`));
      });
      const look = (): void => {
        if (!holds()) return;
        this.waiting.delete(look);
        giveUp.cancel();
        resolve();
      };
      this.waiting.add(look);
    });
  }

  /** Only where nothing is to be seen happening. */
  pass(durationMs: number): Promise<void> {
    return new Promise((resolve) => void this.client.clock.after(durationMs, resolve));
  }

  /** What the controller has committed of the partition. */
  get state(): PartitionImage {
    const partition = this.cluster.running.image.topics.get(TOPIC)?.partitions[0];
    if (partition === undefined) throw new Error("there is no such partition");
    return partition;
  }

  untilLeader(nodeId: number): Promise<void> {
    const leads = (): boolean => this.state.leader === nodeId && this.partition(nodeId)?.isLeader === true;
    return this.until(`${nodeId} leads`, leads);
  }

  untilInSync(nodeIds: readonly number[]): Promise<void> {
    const wanted = [...nodeIds].sort().join();
    return this.until(`the ISR is ${wanted}`, () => [...this.state.inSyncReplicas].sort().join() === wanted);
  }

  /** A node's replica; undefined while it has none, or does not run. */
  partition(nodeId: number): Partition | undefined {
    return this.cluster.node(nodeId).present?.broker.partitions.get(TOPIC, 0);
  }

  /** What lies in a node's log: each value with its offset and the leader epoch it was written in. */
  logOf(nodeId: number): string[] {
    const found: string[] = [];
    for (const { bytes } of segmentsOnDisk(this.cluster.disk(nodeId), `/data/logs/${TOPIC}-0`)) {
      const walk = new BatchIterator(bytes);
      for (let batch = walk.next(); batch !== undefined; batch = walk.next()) {
        for (const { value, offset } of new RecordIterator(batch, batch.records)) {
          found.push(`${value?.toString()}@${offset}/${batch.partitionLeaderEpoch}`);
        }
      }
    }
    return found;
  }

  /** Asks this node, whoever leads. Undefined: no answer. */
  async produce(
    nodeId: number,
    values: readonly string[],
    acks: -1 | 1,
    timeoutMs = 5000,
  ): Promise<Produced | undefined> {
    const records = buildRecordBatch(values.map((value) => ({ key: null, value, timestamp: 1_700_000_000_000 })));
    const topicData = [{ name: TOPIC, partitionData: [{ index: 0, records }] }];
    try {
      const options = { version: 9, timeoutMs: REQUEST_TIMEOUT_MS };
      const { body } = await this.clientOf(nodeId).call(Produce, { acks, timeoutMs, topicData }, options);
      return body.responses[0]?.partitionResponses[0];
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      return undefined;
    }
  }

  /** What this node says is the end of the log for consumers. */
  async latestOffset(nodeId: number): Promise<{ readonly errorCode: number; readonly offset: number } | undefined> {
    const partitions = [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1 }];
    const request = { replicaId: -1, isolationLevel: 0, topics: [{ name: TOPIC, partitions }] };
    const { body } = await this.clientOf(nodeId).call(ListOffsets, request, {
      version: 7,
      timeoutMs: REQUEST_TIMEOUT_MS,
    });
    return body.topics[0]?.partitions[0];
  }

  kill(nodeId: number): void {
    this.cluster.kill(nodeId);
    this.auditor.wasKilled(nodeId);
  }

  /** What was not synced is gone. */
  cutPower(nodeId: number): void {
    this.cluster.cutPower(nodeId, { unsynced: "dropped" });
    this.auditor.powerWasCut(nodeId);
  }

  /** Resolves when the node serves. */
  start(nodeId: number): Promise<void> {
    return this.cluster.start(nodeId);
  }

  private clientOf(nodeId: number): RpcClient {
    let client = this.clients.get(nodeId);
    if (client === undefined) {
      const address = this.cluster.node(nodeId).addresses[0];
      if (address === undefined) throw new Error(`${nodeId} has no address`);
      const { network, clock, pool } = this.client;
      const rpc = { network, clock, pool, memory: new RequestMemory(1 << 26) };
      client = new RpcClient(rpc, address, { clientId: "client", connectTimeoutMs: 1000 });
      this.clients.set(nodeId, client);
    }
    return client;
  }
}
