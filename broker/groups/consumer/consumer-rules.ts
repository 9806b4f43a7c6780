/**
 * What decisions about a consumer group go by: Kafka's group.consumer.* settings, what is set for the one group, the cluster as it
 * is, the time.
 */
import type { MetadataImage } from "../../metadata/metadata-image.ts";
import { type Bounds, groupConfigReader } from "../group-config-values.ts";

/** Whether a group may change its protocol while it has members (group.consumer.migration.policy). */
export interface MigrationPolicy {
  readonly upgrade: boolean;
  readonly downgrade: boolean;
}

export interface ConsumerGroupSettings {
  readonly sessionTimeoutMs: number;
  readonly sessionTimeoutBounds: Bounds;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatIntervalBounds: Bounds;
  /** A target is computed at most this often; may change while the broker runs. */
  readonly assignmentIntervalMs: number;
  readonly assignmentIntervalBounds: Bounds;
  readonly maxGroupSize: number;
  /** Names of assignors; the first is used where no member asks for one. */
  readonly assignors: readonly string[];
  readonly migration: MigrationPolicy;
  readonly regexRefreshIntervalMs: number;
}

/** The settings of one group, at one moment. */
export interface ConsumerRules {
  readonly settings: ConsumerGroupSettings;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly assignmentIntervalMs: number;
  readonly image: MetadataImage;
  /** Offset of the newest metadata in which topics were made. */
  readonly newTopicsOffset: number;
  /** Offset of the newest metadata that may call for another assignment. */
  readonly topicsOffset: number;
  /** Wall clock. */
  readonly nowMs: number;
  /** group.max.size and group.initial.rebalance.delay.ms, of groups that become classic. */
  readonly classicMaxSize: number;
  readonly initialRebalanceDelayMs: number;
}

export function migrationPolicy(text: string): MigrationPolicy {
  const policy = text.toLowerCase();
  const both = policy === "bidirectional";
  return { upgrade: both || policy === "upgrade", downgrade: both || policy === "downgrade" };
}

/** What is set for one group, where nothing is the broker's own. */
export function groupTimes(
  settings: ConsumerGroupSettings,
  groupId: string,
  image: MetadataImage,
): Pick<ConsumerRules, "sessionTimeoutMs" | "heartbeatIntervalMs" | "assignmentIntervalMs"> {
  const { sessionTimeoutMs, heartbeatIntervalMs, assignmentIntervalMs } = settings;
  const value = groupConfigReader(groupId, image);
  return {
    sessionTimeoutMs: value("consumer.session.timeout.ms", sessionTimeoutMs, settings.sessionTimeoutBounds),
    heartbeatIntervalMs: value("consumer.heartbeat.interval.ms", heartbeatIntervalMs, settings.heartbeatIntervalBounds),
    assignmentIntervalMs: value(
      "consumer.assignment.interval.ms",
      assignmentIntervalMs,
      settings.assignmentIntervalBounds,
    ),
  };
}
