/**
 * Settings of the group coordinator, under names that say their units; Kafka's names and defaults beside them.
 */
import { Codec, isCodec } from "../../protocol/records/codec.ts";
import type { BrokerConfig } from "../config/broker-configs.ts";
import { type ConsumerGroupSettings, migrationPolicy } from "./consumer/consumer-rules.ts";
import { DEFAULT_SHARE_GROUP_SETTINGS, type ShareGroupSettings, shareGroupSettings } from "./share/share-rules.ts";
import type { StreamsGroupSettings } from "./streams/streams-rules.ts";

export interface GroupSettings {
  /** offsets.commit.timeout.ms: how long any answer waits for what it wrote to be committed. */
  readonly writeTimeoutMs: number;
  /** offset.metadata.max.bytes; counted in UTF-16 units, as Kafka does. */
  readonly maxOffsetMetadataLength: number;
  /** offsets.topic.compression.codec: of the batches this coordinator writes. */
  readonly compression: Codec;
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
  /** group.coordinator.rebalance.protocols: protocols that are served at all. */
  readonly protocols: ReadonlySet<string>;
  /** group.consumer.*. */
  readonly consumer: ConsumerGroupSettings;
  /** group.streams.*. */
  readonly streams: StreamsGroupSettings;
  /** group.share.*. */
  readonly share: ShareGroupSettings;
}

export const DEFAULT_GROUP_SETTINGS: GroupSettings = {
  writeTimeoutMs: 5000,
  maxOffsetMetadataLength: 4096,
  compression: Codec.NONE,
  offsetsRetentionMs: 10_080 * 60_000,
  offsetsRetentionCheckIntervalMs: 600_000,
  minSessionTimeoutMs: 6000,
  maxSessionTimeoutMs: 1_800_000,
  initialRebalanceDelayMs: 3000,
  maxGroupSize: 0x7fffffff,
  protocols: new Set(["classic", "consumer", "streams"]),
  consumer: {
    sessionTimeoutMs: 45_000,
    sessionTimeoutBounds: { min: 45_000, max: 60_000 },
    heartbeatIntervalMs: 5000,
    heartbeatIntervalBounds: { min: 5000, max: 15_000 },
    assignmentIntervalMs: 1000,
    assignmentIntervalBounds: { min: 0, max: 15_000 },
    maxGroupSize: 0x7fffffff,
    assignors: ["uniform", "range"],
    migration: { upgrade: true, downgrade: true },
    regexRefreshIntervalMs: 600_000,
  },
  streams: {
    sessionTimeoutMs: 45_000,
    sessionTimeoutBounds: { min: 45_000, max: 60_000 },
    heartbeatIntervalMs: 5000,
    heartbeatIntervalBounds: { min: 5000, max: 15_000 },
    assignmentIntervalMs: 1000,
    assignmentIntervalBounds: { min: 0, max: 15_000 },
    initialRebalanceDelayMs: 3000,
    standbyReplicaCount: 0,
    maxStandbyReplicaCount: 2,
    maxGroupSize: 0x7fffffff,
  },
  share: DEFAULT_SHARE_GROUP_SETTINGS,
};

/** The group coordinator's settings among the broker's configs. */
export function groupSettings(settings: BrokerConfig): GroupSettings {
  return {
    writeTimeoutMs: settings.offsetsCommitTimeoutMs,
    maxOffsetMetadataLength: settings.offsetMetadataMaxBytes,
    compression: compressionOf(settings.offsetsTopicCompressionCodec),
    offsetsRetentionMs: settings.offsetsRetentionMinutes * 60_000,
    offsetsRetentionCheckIntervalMs: settings.offsetsRetentionCheckIntervalMs,
    minSessionTimeoutMs: settings.groupMinSessionTimeoutMs,
    maxSessionTimeoutMs: settings.groupMaxSessionTimeoutMs,
    initialRebalanceDelayMs: settings.groupInitialRebalanceDelayMs,
    maxGroupSize: settings.groupMaxSize,
    protocols: new Set(settings.groupCoordinatorRebalanceProtocols),
    consumer: consumerSettings(settings),
    streams: streamsSettings(settings),
    share: shareGroupSettings(settings),
  };
}

function consumerSettings(settings: BrokerConfig): ConsumerGroupSettings {
  return {
    sessionTimeoutMs: settings.groupConsumerSessionTimeoutMs,
    sessionTimeoutBounds: {
      min: settings.groupConsumerMinSessionTimeoutMs,
      max: settings.groupConsumerMaxSessionTimeoutMs,
    },
    heartbeatIntervalMs: settings.groupConsumerHeartbeatIntervalMs,
    heartbeatIntervalBounds: {
      min: settings.groupConsumerMinHeartbeatIntervalMs,
      max: settings.groupConsumerMaxHeartbeatIntervalMs,
    },
    // Live: an administrator may change it.
    get assignmentIntervalMs(): number {
      return settings.groupConsumerAssignmentIntervalMs;
    },
    assignmentIntervalBounds: {
      min: settings.groupConsumerMinAssignmentIntervalMs,
      max: settings.groupConsumerMaxAssignmentIntervalMs,
    },
    maxGroupSize: settings.groupConsumerMaxSize,
    assignors: settings.groupConsumerAssignors,
    migration: migrationPolicy(settings.groupConsumerMigrationPolicy),
    regexRefreshIntervalMs: settings.groupConsumerRegexRefreshIntervalMs,
  };
}

function streamsSettings(settings: BrokerConfig): StreamsGroupSettings {
  return {
    sessionTimeoutMs: settings.groupStreamsSessionTimeoutMs,
    sessionTimeoutBounds: {
      min: settings.groupStreamsMinSessionTimeoutMs,
      max: settings.groupStreamsMaxSessionTimeoutMs,
    },
    heartbeatIntervalMs: settings.groupStreamsHeartbeatIntervalMs,
    heartbeatIntervalBounds: {
      min: settings.groupStreamsMinHeartbeatIntervalMs,
      max: settings.groupStreamsMaxHeartbeatIntervalMs,
    },
    // Live: an administrator may change it.
    get assignmentIntervalMs(): number {
      return settings.groupStreamsAssignmentIntervalMs;
    },
    assignmentIntervalBounds: {
      min: settings.groupStreamsMinAssignmentIntervalMs,
      max: settings.groupStreamsMaxAssignmentIntervalMs,
    },
    initialRebalanceDelayMs: settings.groupStreamsInitialRebalanceDelayMs,
    standbyReplicaCount: settings.groupStreamsNumStandbyReplicas,
    maxStandbyReplicaCount: settings.groupStreamsMaxStandbyReplicas,
    maxGroupSize: settings.groupStreamsMaxSize,
  };
}

/** Kafka knows the codecs by their ids here, and fails to start on others. */
function compressionOf(id: number): Codec {
  return isCodec(id) ? id : Codec.NONE;
}
