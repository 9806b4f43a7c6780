/**
 * The features a new cluster begins with: those whose APIs this release serves, at Kafka's default level.
 */
import {
  ELIGIBLE_LEADER_REPLICAS_VERSION,
  FEATURES,
  GROUP_VERSION,
  METADATA_VERSION,
  SHARE_VERSION,
  STREAMS_VERSION,
  TRANSACTION_VERSION,
} from "./features.ts";

/** Finalized from the start; others follow when what they gate is served. */
const SERVED: ReadonlySet<string> = new Set([
  METADATA_VERSION,
  ELIGIBLE_LEADER_REPLICAS_VERSION,
  GROUP_VERSION,
  SHARE_VERSION,
  STREAMS_VERSION,
  TRANSACTION_VERSION,
]);

/** Levels by feature, those at 0 left out. */
export function initialFeatureLevels(): ReadonlyMap<string, number> {
  return new Map(
    FEATURES.filter(({ name, defaultLevel }) => SERVED.has(name) && defaultLevel > 0).map(({ name, defaultLevel }) => [
      name,
      defaultLevel,
    ]),
  );
}
