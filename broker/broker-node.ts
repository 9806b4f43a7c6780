/**
 * One node's data plane, put together: partitions, coordinators, fetch sessions, listeners, over the ports that cluster/ fills.
 *
 * Owns: that every part follows the metadata, in one order: image, configs, partitions, coordinators. Leaves to cluster/: where
 * metadata comes from, replication's motion, registration.
 */
import type { Clock, Timer } from "../storage/clock.ts";
import type { LogConfig } from "../storage/log-config.ts";
import type { DirectoryDescription } from "../storage/log-directories-options.ts";
import type { Logger } from "../storage/logger.ts";
import type { PartitionLog } from "../storage/partition-log.ts";
import type { Random } from "../storage/random.ts";
import type { Broker } from "./broker.ts";
import type { BrokerConfigLayers } from "./config/broker-config-layers.ts";
import type { BrokerConfig } from "./config/broker-configs.ts";
import type { LoggerLevels } from "./config/logger-levels.ts";
import { logConfig, topicConfig } from "./config/topic-config.ts";
import type { NodeFeatures } from "./features.ts";
import { FetchMemory } from "./fetch/fetch-memory.ts";
import { FetchSessionCache } from "./fetch/fetch-session.ts";
import { GroupCoordinator } from "./groups/group-coordinator.ts";
import { groupSettings } from "./groups/group-settings.ts";
import { EndOffsets } from "./groups/share/end-offsets.ts";
import { AutoTopicCreation } from "./metadata/auto-topic-creation.ts";
import { internalTopicSettings } from "./metadata/internal-topic-settings.ts";
import { InternalTopic } from "./metadata/internal-topics.ts";
import { LostBrokers } from "./metadata/lost-brokers.ts";
import { type MetadataDelta, type MetadataImage, ResourceType } from "./metadata/metadata-image.ts";
import { PeerBrokers } from "./network/peer-brokers.ts";
import type { RpcEnvironment } from "./network/rpc-connection.ts";
import { CoordinatorPartition } from "./partition/coordinator-partition.ts";
import type { Partition, PartitionSurroundings } from "./partition/partition.ts";
import { type LogStore, type PartitionChange, PartitionTable } from "./partition/partition-table.ts";
import { WakeQueue } from "./partition/watch-list.ts";
import type { ControllerPort, IsrPort } from "./ports.ts";
import { ProducerIds } from "./producer-ids.ts";
import { type QuotaSide, ReplicationQuota } from "./quotas/replication-quota.ts";
import { SharePartitions } from "./share-partitions/share-partitions.ts";
import { PeerSharePersister } from "./share-state/peer-share-persister.ts";
import { ShareCoordinator } from "./share-state/share-coordinator.ts";
import { shareCoordinatorSettings } from "./share-state/share-coordinator-settings.ts";
import { ClientTelemetry, type ClientTelemetryReceiver } from "./telemetry/client-telemetry.ts";
import { MarkerWriter } from "./transactions/marker-writer.ts";
import { TransactionCoordinator } from "./transactions/transaction-coordinator.ts";
import { transactionSettings } from "./transactions/transaction-settings.ts";
import { TransactionVerifier } from "./transactions/transaction-verifier.ts";

/** The logs of this node, as a broker whose metadata changes needs them. */
export interface BrokerLogs extends LogStore {
  updateConfig(topic: string, config: LogConfig): void;
  describe(): readonly DirectoryDescription[];
  place(topic: string, partition: number, path: string): void;
}

export interface BrokerNodeOptions {
  readonly config: BrokerConfigLayers;
  readonly loggerLevels: LoggerLevels;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly logs: BrokerLogs;
  readonly controller: ControllerPort;
  readonly isr: IsrPort;
  /** Requests to other brokers, on the listener they use among themselves. */
  readonly rpc: RpcEnvironment;
  readonly interBrokerListener: string;
  /** Epoch of this broker's registration. */
  brokerEpoch(): number;
  readonly supportedFeatures: NodeFeatures["supported"];
  /** Before any metadata has come. */
  readonly emptyImage: MetadataImage;
  readonly observePartition?: PartitionSurroundings["observe"];
  /** Takes the metrics that clients push. */
  readonly onClientTelemetry?: ClientTelemetryReceiver;
}

const MOVE_RATE = "replica.alter.log.dirs.io.max.bytes.per.second";

export class BrokerNode implements Broker {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: BrokerConfigLayers;
  readonly loggerLevels: LoggerLevels;
  readonly partitions: PartitionTable;
  readonly fetchSessions: FetchSessionCache;
  readonly fetchMemory = new FetchMemory();
  readonly controller: ControllerPort;
  readonly autoTopics: AutoTopicCreation;
  readonly producerIds: ProducerIds;
  readonly groups: GroupCoordinator;
  readonly transactions: TransactionCoordinator;
  readonly shareCoordinator: ShareCoordinator;
  readonly sharePersister: PeerSharePersister;
  readonly endOffsets: EndOffsets;
  readonly sharePartitions: SharePartitions;
  readonly markerWriter: MarkerWriter;
  readonly transactionVerifier: TransactionVerifier;
  readonly lostBrokers: LostBrokers;
  readonly telemetry: ClientTelemetry;
  readonly replicationQuotas: Broker["replicationQuotas"];
  image: MetadataImage;
  private readonly options: BrokerNodeOptions;
  private shrinkTimer: Timer | undefined;

  constructor(options: BrokerNodeOptions) {
    const { config, clock, random, logger, controller } = options;
    const { settings } = config;
    this.options = options;
    this.nodeId = config.nodeId;
    this.clock = clock;
    this.random = random;
    this.config = config;
    this.loggerLevels = options.loggerLevels;
    this.controller = controller;
    this.image = options.emptyImage;
    const around: PartitionSurroundings = {
      nodeId: this.nodeId,
      clock,
      waking: new WakeQueue(),
      followerWaking: new WakeQueue((run) => clock.afterPoll(run)),
      isr: options.isr,
      eligibility: { isEligible: (replicaId, brokerEpoch) => this.isEligible(replicaId, brokerEpoch) },
      brokerEpoch: options.brokerEpoch,
      replicaLagTimeMaxMs: settings.replicaLagTimeMaxMs,
      ...(options.observePartition === undefined ? {} : { observe: options.observePartition }),
    };
    const minInSyncReplicasOf = (topic: string): number =>
      topicConfig(this.image.configsOf(ResourceType.TOPIC, topic), settings).minInsyncReplicas;
    this.partitions = new PartitionTable(around, options.logs, minInSyncReplicasOf);
    this.partitions.onChange((changes) => this.placeCoordinators(changes));
    this.fetchSessions = new FetchSessionCache(settings.maxIncrementalFetchSessionCacheSlots, clock, random);
    this.lostBrokers = new LostBrokers(clock);
    this.replicationQuotas = { leader: this.replicationQuota("leader"), follower: this.replicationQuota("follower") };
    this.autoTopics = new AutoTopicCreation(controller, internalTopicSettings(settings), clock, logger);
    this.producerIds = new ProducerIds(controller);
    const image = (): MetadataImage => this.image;
    this.telemetry = new ClientTelemetry({
      ...{ nodeId: this.nodeId, clock, random, logger, image, receiver: options.onClientTelemetry },
      maxBytes: () => config.settings.telemetryMaxBytes,
    });
    this.shareCoordinator = new ShareCoordinator({
      ...{ clock, logger, image, settings: shareCoordinatorSettings(settings) },
    });
    this.sharePersister = new PeerSharePersister({
      ...{ nodeId: this.nodeId, clock, image, coordinator: this.shareCoordinator, autoTopics: this.autoTopics },
      peers: this.peers("share-state"),
    });
    this.groups = new GroupCoordinator({
      ...{ clock, random, logger, image, sharePersister: this.sharePersister },
      settings: groupSettings(settings),
    });
    const { nodeId, partitions, groups, producerIds } = this;
    const { requestTimeoutMs } = settings;
    this.markerWriter = new MarkerWriter({ clock, partitions, groups, timeoutMs: requestTimeoutMs });
    this.transactions = new TransactionCoordinator({
      ...{ nodeId, clock, logger, image, producerIds, writer: this.markerWriter },
      peers: this.peers("txn-marker-sender"),
      settings: transactionSettings(settings),
    });
    this.transactionVerifier = new TransactionVerifier({
      ...{ nodeId, logger, image, requestTimeoutMs, coordinator: this.transactions },
      peers: this.peers("add-partitions-to-txn"),
    });
    this.endOffsets = new EndOffsets({
      ...{ nodeId, image, partitions, requestTimeoutMs },
      peers: this.peers("end-offsets"),
    });
    this.sharePartitions = new SharePartitions({ clock, partitions, persister: this.sharePersister, settings, image });
  }

  private replicationQuota(side: QuotaSide): ReplicationQuota {
    const { config, clock, nodeId } = this;
    const rateName = `${side}.replication.throttled.rate`;
    const { replicationQuotaWindowNum: count, replicationQuotaWindowSizeSeconds: seconds } = config.settings;
    return new ReplicationQuota({
      ...{ side, clock, brokerId: nodeId, windows: { count, sizeMs: seconds * 1000 } },
      image: () => this.image,
      rateText: () => config.dynamicOwnTexts.get(rateName) ?? config.dynamicClusterTexts.get(rateName),
    });
  }

  /** Connections to the other brokers for one purpose. */
  private peers(purpose: string): PeerBrokers {
    const { rpc, interBrokerListener } = this.options;
    return new PeerBrokers({
      environment: rpc,
      clientId: `broker-${this.nodeId}-${purpose}`,
      listenerName: interBrokerListener,
      image: () => this.image,
    });
  }

  /** Live: the dynamic layers show in it. */
  get settings(): BrokerConfig {
    return this.config.settings;
  }

  logDirectories(): readonly DirectoryDescription[] {
    return this.options.logs.describe();
  }

  placeLog(topic: string, partition: number, path: string): void {
    this.options.logs.place(topic, partition, path);
  }

  features(): NodeFeatures {
    const { features, offset } = this.image;
    return {
      supported: this.options.supportedFeatures,
      finalized: [...features].map(([name, level]) => ({ name, level })),
      finalizedEpoch: offset,
    };
  }

  start(): void {
    this.scheduleShrink();
    this.producerIds.prefetch();
  }

  private scheduleShrink(): void {
    const { clock } = this;
    this.shrinkTimer = clock.after(this.settings.replicaLagTimeMaxMs / 2, () => {
      this.scheduleShrink();
      // After a stall of the loop, fetches that arrived meanwhile count first.
      clock.afterPoll(() => this.partitions.maybeShrinkIsrs());
    });
  }

  /** Takes no more part: nothing is appended, nobody is answered from here on. */
  stop(): void {
    this.shrinkTimer?.cancel();
    this.lostBrokers.close();
    this.transactionVerifier.close();
    this.transactions.close();
    this.endOffsets.close();
    this.sharePartitions.stop();
    this.sharePersister.close();
    this.shareCoordinator.close();
    this.groups.close();
    for (const partition of this.partitions.all()) partition.resign();
  }

  /** A storage error took one of the logs offline; to be told of every log that LogStore gave. */
  logOffline(log: PartitionLog): void {
    this.partitions.logOffline(log, this.image);
  }

  /** A log that was offline is back, opened anew. */
  logReopened(log: PartitionLog): void {
    this.partitions.logReopened(log, this.image);
  }

  /** A log has taken the place of another that has the same batches; nobody who waits or asks need notice. */
  logMoved(log: PartitionLog): void {
    this.partitions.getById(log.topicId, log.partition)?.logMoved(log);
  }

  /** Bytes a second of logs that move from one directory to another (KIP-113). */
  get moveBytesPerSecond(): number {
    const { dynamicOwnTexts, dynamicClusterTexts } = this.config;
    const text = dynamicOwnTexts.get(MOVE_RATE) ?? dynamicClusterTexts.get(MOVE_RATE);
    const rate = text === undefined ? Number.POSITIVE_INFINITY : Number(text);
    return rate > 0 && rate < Number.MAX_SAFE_INTEGER ? rate : Number.POSITIVE_INFINITY;
  }

  /** Logs that could not be opened or made may be there by now; returns the partitions that are here now. */
  obtainMissing(): Partition[] {
    return this.partitions.obtainMissing(this.image);
  }

  /** Follows the metadata. Synchronous: no request sees half a delta. */
  apply(delta: MetadataDelta): void {
    this.image = delta.image;
    this.lostBrokers.apply(delta);
    this.applyConfigs(delta);
    this.partitions.apply(delta);
    const deleted = [...delta.deletedTopicIds].flatMap((id) => delta.previous.topicsById.get(id) ?? []);
    if (deleted.length > 0) this.groups.topicsDeleted(deleted);
    if (deleted.length > 0) this.shareCoordinator.topicsDeleted(delta.deletedTopicIds);
    this.groups.metadataChanged(delta);
    this.transactions.metadataChanged();
  }

  private applyConfigs(delta: MetadataDelta): void {
    const { image, changedConfigs } = delta;
    if (changedConfigs.length === 0) return;
    const ofBrokers = changedConfigs.filter((change) => change.type === ResourceType.BROKER);
    const ofMe = String(this.nodeId);
    if (ofBrokers.some(({ name }) => name === "" || name === ofMe)) {
      const refused = this.config.setDynamic(
        image.configsOf(ResourceType.BROKER, ""),
        image.configsOf(ResourceType.BROKER, ofMe),
      );
      for (const error of refused) this.options.logger.warn({ reason: error.message }, "a dynamic config is not used");
      for (const topic of image.topics.keys()) this.applyTopicConfig(topic);
    }
    for (const { type, name } of changedConfigs) if (type === ResourceType.TOPIC) this.applyTopicConfig(name);
  }

  private applyTopicConfig(topic: string): void {
    this.options.logs.updateConfig(topic, this.logConfigOf(topic));
  }

  /** What acts on the logs of a topic, as the metadata has it now. */
  logConfigOf(topic: string): LogConfig {
    return logConfig(topicConfig(this.image.configsOf(ResourceType.TOPIC, topic), this.settings));
  }

  /** Coordinators live where their partitions are led. */
  private placeCoordinators(changes: readonly PartitionChange[]): void {
    for (const { partition, now } of changes) {
      const coordinator = this.coordinatorAt(partition.topic);
      if (coordinator === undefined) continue;
      const { index } = partition;
      if (now === undefined) coordinator.resign(index);
      else if (partition.isLeader) coordinator.lead(index, now.leaderEpoch, new CoordinatorPartition(partition));
      else coordinator.resign(index, now.leaderEpoch);
    }
  }

  private coordinatorAt(topic: string): Pick<GroupCoordinator, "lead" | "resign"> | undefined {
    switch (topic) {
      case InternalTopic.CONSUMER_OFFSETS:
        return this.groups;
      case InternalTopic.TRANSACTION_STATE:
        return this.transactions;
      case InternalTopic.SHARE_GROUP_STATE:
        return this.shareCoordinator;
      default:
        return undefined;
    }
  }

  private isEligible(replicaId: number, brokerEpoch: number): boolean {
    const broker = this.image.brokers.get(replicaId);
    if (broker === undefined || broker.fenced || broker.inControlledShutdown) return false;
    return brokerEpoch === -1 || brokerEpoch === broker.brokerEpoch;
  }
}
