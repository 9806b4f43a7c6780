/**
 * What decisions about a streams group go by: Kafka's group.streams.* settings, what is set for the one group, the cluster as it is,
 * the time.
 */
import type { MetadataImage } from "../../metadata/metadata-image.ts";
import { type Bounds, groupConfigReader } from "../group-config-values.ts";

export interface StreamsGroupSettings {
  readonly sessionTimeoutMs: number;
  readonly sessionTimeoutBounds: Bounds;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatIntervalBounds: Bounds;
  /** A target is computed at most this often; may change while the broker runs. */
  readonly assignmentIntervalMs: number;
  readonly assignmentIntervalBounds: Bounds;
  readonly initialRebalanceDelayMs: number;
  readonly standbyReplicaCount: number;
  readonly maxStandbyReplicaCount: number;
  readonly maxGroupSize: number;
}

/** The settings of one group, at one moment. */
export interface StreamsRules {
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly assignmentIntervalMs: number;
  /** How long the first assignment of a group waits for more members. */
  readonly initialRebalanceDelayMs: number;
  readonly standbyReplicaCount: number;
  readonly maxGroupSize: number;
  readonly image: MetadataImage;
  /** Offset of the newest metadata that may call for another assignment. */
  readonly topicsOffset: number;
  /** Wall clock. */
  readonly nowMs: number;
}

const ANY: Bounds = { min: 0, max: 0x7fffffff };

export function streamsRules(
  settings: StreamsGroupSettings,
  groupId: string,
  around: Pick<StreamsRules, "image" | "topicsOffset" | "nowMs">,
): StreamsRules {
  const value = groupConfigReader(groupId, around.image);
  return {
    ...around,
    sessionTimeoutMs: value("streams.session.timeout.ms", settings.sessionTimeoutMs, settings.sessionTimeoutBounds),
    heartbeatIntervalMs: value(
      "streams.heartbeat.interval.ms",
      settings.heartbeatIntervalMs,
      settings.heartbeatIntervalBounds,
    ),
    assignmentIntervalMs: value(
      "streams.assignment.interval.ms",
      settings.assignmentIntervalMs,
      settings.assignmentIntervalBounds,
    ),
    initialRebalanceDelayMs: value("streams.initial.rebalance.delay.ms", settings.initialRebalanceDelayMs, ANY),
    standbyReplicaCount: value("streams.num.standby.replicas", settings.standbyReplicaCount, {
      min: 0,
      max: settings.maxStandbyReplicaCount,
    }),
    maxGroupSize: settings.maxGroupSize,
  };
}
