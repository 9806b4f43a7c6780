/**
 * Opens the metadata log of a node: the directory, the log as Kafka configures it, the snapshots beside it.
 */
import type { BrokerConfig } from "../../broker/config/broker-configs.ts";
import { METADATA_TOPIC_ID } from "../../protocol/uuid.ts";
import type { LogSurroundings } from "../../storage/log/log-surroundings.ts";
import { openPartitionLog } from "../../storage/log/open-partition-log.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../storage/log-config.ts";
import { MetadataLog } from "./metadata-log.ts";
import { SnapshotStore } from "./snapshot-store.ts";

export const METADATA_TOPIC = "__cluster_metadata";
export const METADATA_PARTITION_DIRECTORY = `${METADATA_TOPIC}-0`;

export type MetadataLogSettings = Pick<
  BrokerConfig,
  | "metadataLogSegmentBytes"
  | "metadataLogSegmentMs"
  | "internalMetadataLogSegmentBytes"
  | "internalMetadataMaxBatchSizeInBytes"
>;

export interface OpenMetadataLogOptions {
  /** The node's metadata directory (metadata.log.dir), without a slash at its end. */
  readonly directory: string;
  /** From its meta.properties. */
  readonly directoryId: string;
  readonly settings: MetadataLogSettings;
  /** Whether the node stopped in order: then nothing is scanned. */
  readonly cleanShutdown: boolean;
}

/** @throws DiskError, KafkaError; Error when log and snapshots do not go together. */
export async function openMetadataLog(around: LogSurroundings, options: OpenMetadataLogOptions): Promise<MetadataLog> {
  const path = `${options.directory}/${METADATA_PARTITION_DIRECTORY}`;
  const log = await openPartitionLog(around, {
    path,
    topic: METADATA_TOPIC,
    partition: 0,
    topicId: METADATA_TOPIC_ID,
    directoryId: options.directoryId,
    config: logConfig(options.settings),
    cleanShutdown: options.cleanShutdown,
    recoveryPoint: 0,
    logStartOffset: 0,
    highWatermark: 0,
  });
  try {
    const metadataLog = new MetadataLog(log, SnapshotStore.open(around.disk, path));
    metadataLog.recover();
    return metadataLog;
  } catch (error) {
    log.abandon();
    throw error;
  }
}

/** Neither time nor size takes anything from this log: snapshots do. */
function logConfig(settings: MetadataLogSettings): LogConfig {
  return {
    ...DEFAULT_LOG_CONFIG,
    segmentBytes: settings.internalMetadataLogSegmentBytes ?? settings.metadataLogSegmentBytes,
    segmentMs: settings.metadataLogSegmentMs,
    maxMessageBytes: settings.internalMetadataMaxBatchSizeInBytes,
    retentionMs: -1,
    retentionBytes: -1,
  };
}
