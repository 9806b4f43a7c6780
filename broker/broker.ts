/**
 * One node's data plane: what handlers reach for. Put together by cluster/node.ts.
 */
import type { Clock } from "../storage/clock.ts";
import type { DirectoryDescription } from "../storage/log-directories-options.ts";
import type { Random } from "../storage/random.ts";
import type { BrokerConfigLayers } from "./config/broker-config-layers.ts";
import type { LoggerLevels } from "./config/logger-levels.ts";
import type { NodeFeatures } from "./features.ts";
import type { FetchMemory } from "./fetch/fetch-memory.ts";
import type { FetchSessionCache } from "./fetch/fetch-session.ts";
import type { GroupCoordinator } from "./groups/group-coordinator.ts";
import type { EndOffsets } from "./groups/share/end-offsets.ts";
import type { AutoTopicCreation } from "./metadata/auto-topic-creation.ts";
import type { LostBrokers } from "./metadata/lost-brokers.ts";
import type { MetadataImage } from "./metadata/metadata-image.ts";
import type { PartitionTable } from "./partition/partition-table.ts";
import type { ControllerPort } from "./ports.ts";
import type { ProducerIds } from "./producer-ids.ts";
import type { ReplicationQuota } from "./quotas/replication-quota.ts";
import type { SharePartitions } from "./share-partitions/share-partitions.ts";
import type { ShareCoordinator } from "./share-state/share-coordinator.ts";
import type { SharePersister } from "./share-state/share-persister.ts";
import type { ClientTelemetry } from "./telemetry/client-telemetry.ts";
import type { MarkerWriter } from "./transactions/marker-writer.ts";
import type { TransactionCoordinator } from "./transactions/transaction-coordinator.ts";
import type { TransactionVerifier } from "./transactions/transaction-verifier.ts";

/** Settings the handlers read; the whole table is broker/config. */
export interface BrokerSettings {
  readonly autoCreateTopicsEnable: boolean;
  readonly fetchMaxBytes: number;
  readonly maxRequestPartitionSizeLimit: number;
  readonly deleteTopicEnable: boolean;
  readonly transactionMaxTimeoutMs: number;
  readonly transactionPartitionVerificationEnable: boolean;
  readonly requestTimeoutMs: number;
  readonly addPartitionsToTxnRetryBackoffMs: number;
  readonly addPartitionsToTxnRetryBackoffMaxMs: number;
}

export interface Broker {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: BrokerSettings;
  /** Every config with its layers; `settings` are the live values of it. */
  readonly config: BrokerConfigLayers;
  readonly loggerLevels: LoggerLevels;
  /** The cluster as this broker knows it now. */
  readonly image: MetadataImage;
  /** Brokers that are about to leave the image, or have just done so. */
  readonly lostBrokers: LostBrokers;
  readonly partitions: PartitionTable;
  /** Where its logs lie, those included whose partitions are not held (any more). */
  logDirectories(): readonly DirectoryDescription[];
  /** Has the log of a partition lie in one of them, now or once there is one. @throws KafkaError LOG_DIR_NOT_FOUND, KAFKA_STORAGE_ERROR */
  placeLog(topic: string, partition: number, path: string): void;
  readonly fetchSessions: FetchSessionCache;
  readonly fetchMemory: FetchMemory;
  /** Of replicas that are copied from here, and to here. */
  readonly replicationQuotas: { readonly leader: ReplicationQuota; readonly follower: ReplicationQuota };
  readonly controller: ControllerPort;
  readonly autoTopics: AutoTopicCreation;
  readonly producerIds: ProducerIds;
  readonly groups: GroupCoordinator;
  /** Partitions led here, as share groups read them. */
  readonly sharePartitions: SharePartitions;
  readonly transactions: TransactionCoordinator;
  /** Keeps the state of the share partitions that are this broker's to keep. */
  readonly shareCoordinator: ShareCoordinator;
  /** Where partitions end, wherever they are led. */
  readonly endOffsets: EndOffsets;
  /** Asks whichever broker keeps the state of a share partition. */
  readonly sharePersister: SharePersister;
  /** Ends transactions in the partitions led here. */
  readonly markerWriter: MarkerWriter;
  /** Asks coordinators about transactions that come to partitions led here. */
  readonly transactionVerifier: TransactionVerifier;
  /** Clients that push metrics. */
  readonly telemetry: ClientTelemetry;
  /** As ApiVersions tells them now. */
  features(): NodeFeatures;
}
