/**
 * Settings of the share coordinator, under names that say their units; Kafka's names and defaults beside them.
 */
import { Codec, isCodec } from "../../protocol/records/codec.ts";
import type { BrokerConfig } from "../config/broker-configs.ts";

export interface ShareCoordinatorSettings {
  /** share.coordinator.write.timeout.ms: how long an answer waits for what it wrote to be committed. */
  readonly writeTimeoutMs: number;
  /** share.coordinator.snapshot.update.records.per.snapshot. */
  readonly updatesPerSnapshot: number;
  /** share.coordinator.state.topic.prune.interval.ms. */
  readonly pruneIntervalMs: number;
  /** share.coordinator.cold.partition.snapshot.interval.ms. */
  readonly coldSnapshotIntervalMs: number;
  /** share.coordinator.state.topic.compression.codec. */
  readonly compression: Codec;
}

export const DEFAULT_SHARE_COORDINATOR_SETTINGS: ShareCoordinatorSettings = {
  writeTimeoutMs: 5000,
  updatesPerSnapshot: 500,
  pruneIntervalMs: 300_000,
  coldSnapshotIntervalMs: 300_000,
  compression: Codec.NONE,
};

/** The share coordinator's settings among the broker's configs. */
export function shareCoordinatorSettings(settings: BrokerConfig): ShareCoordinatorSettings {
  const codec = settings.shareCoordinatorStateTopicCompressionCodec;
  return {
    writeTimeoutMs: settings.shareCoordinatorWriteTimeoutMs,
    updatesPerSnapshot: settings.shareCoordinatorSnapshotUpdateRecordsPerSnapshot,
    pruneIntervalMs: settings.shareCoordinatorStateTopicPruneIntervalMs,
    coldSnapshotIntervalMs: settings.shareCoordinatorColdPartitionSnapshotIntervalMs,
    // Kafka knows the codecs by their ids here, and fails to start on others.
    compression: isCodec(codec) ? codec : Codec.NONE,
  };
}
