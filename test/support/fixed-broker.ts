/**
 * One broker on real sockets with metadata that a test writes by hand: no controller, no registration. For tests of the data
 * plane alone.
 */

import { BrokerNode } from "../../broker/broker-node.ts";
import { BrokerConfigLayers } from "../../broker/config/broker-config-layers.ts";
import { LoggerLevels } from "../../broker/config/logger-levels.ts";
import { Later } from "../../broker/dispatch/answer.ts";
import { Dispatcher } from "../../broker/dispatch/dispatcher.ts";
import { BROKER_HANDLERS } from "../../broker/handlers/table.ts";
import {
  type BrokerImage,
  type MetadataDelta,
  type MetadataImage,
  type PartitionImage,
  ResourceType,
  type TopicImage,
} from "../../broker/metadata/metadata-image.ts";
import { ConnectionQuota } from "../../broker/network/connection-quota.ts";
import type { Address, Network } from "../../broker/network/network.ts";
import { NodeNetwork } from "../../broker/network/node-network.ts";
import { DEFAULT_REQUEST_LIMITS } from "../../broker/network/request-limits.ts";
import { RequestListener } from "../../broker/network/request-listener.ts";
import { RequestMemory } from "../../broker/network/request-memory.ts";
import type { ControllerPort, IsrPort } from "../../broker/ports.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { DirectoryId } from "../../protocol/uuid.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Disk } from "../../storage/disk.ts";
import { DEFAULT_MAX_DECOMPRESSED_BYTES, DEFAULT_PRODUCER_LIMITS } from "../../storage/log/log-surroundings.ts";
import { createPartitionLog } from "../../storage/log/open-partition-log.ts";
import type { SegmentedLog } from "../../storage/log/segmented-log.ts";
import { TailBudget } from "../../storage/log/tail-budget.ts";
import { SILENT_LOGGER } from "../../storage/logger.ts";
import { MemoryDisk } from "../../storage/memory-disk.ts";
import { NodeClock } from "../../storage/node-clock.ts";
import { NodeCompute } from "../../storage/node-compute.ts";
import { NodeRandom } from "../../storage/node-random.ts";
import { randomUuid } from "../../storage/random.ts";
import { BufferPool } from "../../storage/shared-buffer.ts";

export interface FixedBrokerOptions {
  readonly nodeId?: number;
  readonly clock?: Clock;
  readonly disk?: Disk;
  readonly network?: Network;
  readonly isr?: IsrPort;
  readonly controller?: ControllerPort;
  readonly configs?: ReadonlyMap<string, string>;
  /** Finalized levels. */
  readonly features?: ReadonlyMap<string, number>;
  /** Memory for the newest batches of all logs; 0 and every read goes to the disk. */
  readonly tailBytes?: number;
  /** Fills freed buffers, so that late readers are found. Off for measurements. */
  readonly poison?: boolean;
}

export interface PartitionOptions {
  readonly replicas?: readonly number[];
  readonly inSyncReplicas?: readonly number[];
  readonly leader?: number;
  readonly leaderEpoch?: number;
  readonly partitionEpoch?: number;
  /** Dynamic configs of the topic. */
  readonly configs?: Readonly<Record<string, string>>;
}

export class FixedBroker {
  readonly broker: BrokerNode;
  readonly logs = new Map<string, SegmentedLog>();
  readonly listener: RequestListener;
  readonly pool: BufferPool;
  private readonly random = new NodeRandom();
  private readonly compute = new NodeCompute();
  private readonly topicConfigs = new Map<string, ReadonlyMap<string, string>>();
  private readonly groupConfigs = new Map<string, ReadonlyMap<string, string>>();
  private readonly features: ReadonlyMap<string, number>;
  private offset = 0;

  constructor(options: FixedBrokerOptions = {}) {
    const clock = options.clock ?? new NodeClock();
    const disk = options.disk ?? new MemoryDisk();
    const network = options.network ?? new NodeNetwork();
    this.features = options.features ?? new Map();
    const pool = new BufferPool({ maxIdleBytes: 64 << 20, poison: options.poison ?? true });
    this.pool = pool;
    const around = {
      disk,
      clock,
      random: this.random,
      compute: this.compute,
      logger: SILENT_LOGGER,
      tailBudget: new TailBudget(options.tailBytes ?? 32 << 20, pool),
      producerLimits: DEFAULT_PRODUCER_LIMITS,
      maxDecompressedBytes: DEFAULT_MAX_DECOMPRESSED_BYTES,
    };
    const nodeId = options.nodeId ?? 1;
    this.broker = new BrokerNode({
      config: new BrokerConfigLayers(new Map([["node.id", String(nodeId)], ...(options.configs ?? [])])),
      loggerLevels: new LoggerLevels("INFO", () => {}),
      clock,
      random: this.random,
      logger: SILENT_LOGGER,
      logs: {
        obtain: (topic, partition, topicId) => {
          const path = `/data/${topic}-${partition}`;
          const config = this.broker.logConfigOf(topic);
          const log = createPartitionLog(around, {
            ...{ path, topic, partition, topicId, config, directoryId: DirectoryId.UNASSIGNED, cleanShutdown: true },
            ...{ recoveryPoint: 0, logStartOffset: 0, highWatermark: 0 },
          });
          log.onOffline = () => this.broker.logOffline(log);
          this.logs.set(`${topic}-${partition}`, log);
          return log;
        },
        remove: (topic, partition) => {
          this.logs.get(`${topic}-${partition}`)?.abandon();
        },
        updateConfig: (topic, config) => {
          for (const log of this.logs.values()) if (log.topic === topic) log.updateConfig(config);
        },
        place: () => {},
        describe: () => [
          {
            ...{ path: "/data", directoryId: DirectoryId.UNASSIGNED, isOffline: false, ...disk.volume("/data") },
            logs: [...this.logs.values()],
            futures: [],
          },
        ],
      },
      controller: options.controller ?? {
        forward: () => Promise.reject(new KafkaError(ErrorCode.REQUEST_TIMED_OUT)),
        allocateProducerIds: () => Promise.resolve({ firstProducerId: 1000, count: 1000 }),
      },
      isr: options.isr ?? { alterPartition: () => new Later() },
      rpc: { network, clock, pool, memory: new RequestMemory(DEFAULT_REQUEST_LIMITS.maxRequestBytesOfNode) },
      interBrokerListener: "PLAINTEXT",
      brokerEpoch: () => 1,
      supportedFeatures: [],
      emptyImage: imageOf(0, [], [], new Map(), this.features),
    });
    const limits = DEFAULT_REQUEST_LIMITS;
    this.listener = new RequestListener({
      name: "PLAINTEXT",
      network,
      environment: { clock, log: SILENT_LOGGER, pool, memory: new RequestMemory(limits.maxRequestBytesOfNode), limits },
      quota: new ConnectionQuota(limits),
      handler: new Dispatcher({
        table: BROKER_HANDLERS,
        context: (info) => Object.assign(info, { broker: this.broker }),
        log: SILENT_LOGGER,
        onUnexpectedError: (error) => {
          throw error;
        },
      }),
    });
  }

  /** Listens, and makes itself the only broker. */
  async start(port = 0): Promise<Address> {
    const [address] = await this.listener.listen(["127.0.0.1"], port);
    if (address === undefined) throw new Error("nothing listens");
    this.apply([brokerImage(this.broker.nodeId, address)], [...this.broker.image.topics.values()]);
    this.broker.start();
    return address;
  }

  /** Replaces the whole metadata. */
  apply(brokers: readonly BrokerImage[], topics: readonly TopicImage[], reconfigured: readonly string[] = []): void {
    const previous = this.broker.image;
    const { topicConfigs, groupConfigs, features } = this;
    const image = imageOf(++this.offset, brokers, topics, topicConfigs, features, groupConfigs);
    const changed = new Set([...image.topicsById.keys(), ...previous.topicsById.keys()]);
    const delta: MetadataDelta = {
      image,
      previous,
      changedTopicIds: changed,
      deletedTopicIds: new Set([...changed].filter((id) => !image.topicsById.has(id))),
      changedConfigs: reconfigured.map((name) => ({ type: ResourceType.TOPIC, name })),
      changedBrokers: new Set(image.brokers.keys()),
      changedFeatures: false,
    };
    this.broker.apply(delta);
  }

  createTopic(name: string, partitionCount = 1, options: PartitionOptions = {}): TopicImage {
    const { replicas = [this.broker.nodeId] } = options;
    const topic = {
      name,
      id: randomUuid(this.random),
      partitions: Array.from({ length: partitionCount }, (_, partition) =>
        partitionImage(partition, replicas, options),
      ),
    };
    const isConfigured = options.configs !== undefined;
    if (isConfigured) this.topicConfigs.set(name, new Map(Object.entries(options.configs)));
    this.apply(this.brokers, [...this.topics, topic], isConfigured ? [name] : []);
    return topic;
  }

  get brokers(): BrokerImage[] {
    return [...this.broker.image.brokers.values()];
  }

  get topics(): TopicImage[] {
    return [...this.broker.image.topics.values()];
  }

  /** Replaces the dynamic configs of a topic. */
  configure(topic: string, configs: Readonly<Record<string, string>>): void {
    this.topicConfigs.set(topic, new Map(Object.entries(configs)));
    this.apply(this.brokers, this.topics, [topic]);
  }

  /** Replaces the configs of a group. */
  configureGroup(group: string, configs: Readonly<Record<string, string>>): void {
    this.groupConfigs.set(group, new Map(Object.entries(configs)));
    this.apply(this.brokers, this.topics);
  }

  deleteTopic(name: string): void {
    this.apply(
      this.brokers,
      this.topics.filter((topic) => topic.name !== name),
    );
  }

  /** Changes what the metadata says of one partition. */
  changePartition(name: string, partition: number, change: Partial<PartitionImage>): void {
    const topics = this.topics.map((topic) =>
      topic.name !== name
        ? topic
        : { ...topic, partitions: topic.partitions.map((p) => (p.partition === partition ? { ...p, ...change } : p)) },
    );
    this.apply(this.brokers, topics);
  }

  async close(): Promise<void> {
    this.broker.stop();
    await this.listener.close();
    for (const log of this.logs.values()) log.abandon();
    await this.compute.close();
  }
}

export function brokerImage(id: number, address: Address): BrokerImage {
  return {
    id,
    brokerEpoch: 1,
    incarnationId: DirectoryId.UNASSIGNED,
    endpoints: [{ name: "PLAINTEXT", host: address.host, port: address.port, securityProtocol: 0 }],
    rack: null,
    fenced: false,
    inControlledShutdown: false,
    directories: [],
    features: new Map(),
  };
}

export function partitionImage(
  partition: number,
  replicas: readonly number[],
  options: PartitionOptions = {},
): PartitionImage {
  return {
    partition,
    replicas,
    directories: replicas.map(() => DirectoryId.UNASSIGNED),
    inSyncReplicas: options.inSyncReplicas ?? replicas,
    eligibleLeaderReplicas: [],
    lastKnownEligibleLeaderReplicas: [],
    addingReplicas: [],
    removingReplicas: [],
    leader: options.leader ?? replicas[0] ?? -1,
    leaderRecoveryState: 0,
    leaderEpoch: options.leaderEpoch ?? 0,
    partitionEpoch: options.partitionEpoch ?? 0,
  };
}

const NO_CONFIGS: ReadonlyMap<string, string> = new Map();

function imageOf(
  offset: number,
  brokers: readonly BrokerImage[],
  topics: readonly TopicImage[],
  topicConfigs: ReadonlyMap<string, ReadonlyMap<string, string>>,
  features: ReadonlyMap<string, number>,
  groupConfigs: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map(),
): MetadataImage {
  const configs = new Map(topicConfigs);
  const ofGroups = new Map(groupConfigs);
  return {
    offset,
    leaderEpoch: 1,
    clusterId: "fixedFixedFixedFixedFi",
    brokers: new Map(brokers.map((broker) => [broker.id, broker])),
    topics: new Map(topics.map((topic) => [topic.name, topic])),
    topicsById: new Map(topics.map((topic) => [topic.id, topic])),
    configsOf: (type, name) => {
      if (type === ResourceType.TOPIC) return configs.get(name) ?? NO_CONFIGS;
      return type === ResourceType.GROUP ? (ofGroups.get(name) ?? NO_CONFIGS) : NO_CONFIGS;
    },
    resourcesWithConfigs: (type) => (type === ResourceType.TOPIC ? [...configs.keys()] : []),
    features,
    nextProducerId: 0,
    clientQuotas: new Map(),
    scramCredentials: new Map(),
  };
}
