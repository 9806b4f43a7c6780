/**
 * What decisions about a share group go by: Kafka's group.share.* settings, what is set for the one group, the cluster as it is, the
 * time.
 */
import type { BrokerConfig } from "../../config/broker-configs.ts";
import type { MetadataImage } from "../../metadata/metadata-image.ts";
import { type Bounds, groupConfigReader } from "../group-config-values.ts";

export interface ShareGroupSettings {
  readonly sessionTimeoutMs: number;
  readonly sessionTimeoutBounds: Bounds;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatIntervalBounds: Bounds;
  /** A target is computed at most this often; may change while the broker runs. */
  readonly assignmentIntervalMs: number;
  readonly assignmentIntervalBounds: Bounds;
  readonly maxGroupSize: number;
  /** What has been being initialized for so long is begun anew. */
  readonly initializeRetryIntervalMs: number;
}

export const DEFAULT_SHARE_GROUP_SETTINGS: ShareGroupSettings = {
  sessionTimeoutMs: 45_000,
  sessionTimeoutBounds: { min: 45_000, max: 60_000 },
  heartbeatIntervalMs: 5000,
  heartbeatIntervalBounds: { min: 5000, max: 15_000 },
  assignmentIntervalMs: 1000,
  assignmentIntervalBounds: { min: 0, max: 15_000 },
  maxGroupSize: 200,
  initializeRetryIntervalMs: 30_000,
};

/** The settings of one group, at one moment. */
export interface ShareRules
  extends Pick<ShareGroupSettings, "maxGroupSize" | "initializeRetryIntervalMs">,
    Pick<ShareGroupSettings, "sessionTimeoutMs" | "heartbeatIntervalMs" | "assignmentIntervalMs"> {
  readonly image: MetadataImage;
  /** Offset of the newest metadata that may call for another assignment. */
  readonly topicsOffset: number;
  /** Wall clock. */
  readonly nowMs: number;
}

/** What is set for one group, where nothing is the broker's own. */
export function shareRules(
  settings: ShareGroupSettings,
  groupId: string,
  around: Pick<ShareRules, "image" | "topicsOffset" | "nowMs">,
): ShareRules {
  const { sessionTimeoutMs, heartbeatIntervalMs, assignmentIntervalMs } = settings;
  const { maxGroupSize, initializeRetryIntervalMs } = settings;
  const value = groupConfigReader(groupId, around.image);
  return {
    ...around,
    ...{ maxGroupSize, initializeRetryIntervalMs },
    sessionTimeoutMs: value("share.session.timeout.ms", sessionTimeoutMs, settings.sessionTimeoutBounds),
    heartbeatIntervalMs: value("share.heartbeat.interval.ms", heartbeatIntervalMs, settings.heartbeatIntervalBounds),
    assignmentIntervalMs: value(
      "share.assignment.interval.ms",
      assignmentIntervalMs,
      settings.assignmentIntervalBounds,
    ),
  };
}

/** The settings of share groups among the broker's configs. */
export function shareGroupSettings(settings: BrokerConfig): ShareGroupSettings {
  return {
    sessionTimeoutMs: settings.groupShareSessionTimeoutMs,
    sessionTimeoutBounds: {
      min: settings.groupShareMinSessionTimeoutMs,
      max: settings.groupShareMaxSessionTimeoutMs,
    },
    heartbeatIntervalMs: settings.groupShareHeartbeatIntervalMs,
    heartbeatIntervalBounds: {
      min: settings.groupShareMinHeartbeatIntervalMs,
      max: settings.groupShareMaxHeartbeatIntervalMs,
    },
    // Live: an administrator may change it.
    get assignmentIntervalMs(): number {
      return settings.groupShareAssignmentIntervalMs;
    },
    assignmentIntervalBounds: {
      min: settings.groupShareMinAssignmentIntervalMs,
      max: settings.groupShareMaxAssignmentIntervalMs,
    },
    maxGroupSize: settings.groupShareMaxSize,
    initializeRetryIntervalMs: settings.groupShareInitializeRetryIntervalMs,
  };
}
