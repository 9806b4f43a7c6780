/**
 * Settings of the group coordinator, under names that say their units; Kafka's names and defaults beside them.
 */
import type { BrokerConfig } from "../config/broker-configs.ts";

export interface GroupSettings {
  /** offsets.commit.timeout.ms: how long any answer waits for what it wrote to be committed. */
  readonly writeTimeoutMs: number;
  /** offset.metadata.max.bytes; counted in UTF-16 units, as Kafka does. */
  readonly maxOffsetMetadataLength: number;
  /** offsets.retention.minutes, in milliseconds. */
  readonly offsetsRetentionMs: number;
  /** offsets.retention.check.interval.ms. */
  readonly offsetsRetentionCheckIntervalMs: number;
  /** group.min.session.timeout.ms and group.max.session.timeout.ms, inclusive. */
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  /** group.initial.rebalance.delay.ms. */
  readonly initialRebalanceDelayMs: number;
  /** group.max.size. */
  readonly maxGroupSize: number;
}

export const DEFAULT_GROUP_SETTINGS: GroupSettings = {
  writeTimeoutMs: 5000,
  maxOffsetMetadataLength: 4096,
  offsetsRetentionMs: 10_080 * 60_000,
  offsetsRetentionCheckIntervalMs: 600_000,
  minSessionTimeoutMs: 6000,
  maxSessionTimeoutMs: 1_800_000,
  initialRebalanceDelayMs: 3000,
  maxGroupSize: 0x7fffffff,
};

/** The group coordinator's settings among the broker's configs. */
export function groupSettings(settings: BrokerConfig): GroupSettings {
  return {
    writeTimeoutMs: settings.offsetsCommitTimeoutMs,
    maxOffsetMetadataLength: settings.offsetMetadataMaxBytes,
    offsetsRetentionMs: settings.offsetsRetentionMinutes * 60_000,
    offsetsRetentionCheckIntervalMs: settings.offsetsRetentionCheckIntervalMs,
    minSessionTimeoutMs: settings.groupMinSessionTimeoutMs,
    maxSessionTimeoutMs: settings.groupMaxSessionTimeoutMs,
    initialRebalanceDelayMs: settings.groupInitialRebalanceDelayMs,
    maxGroupSize: settings.groupMaxSize,
  };
}
