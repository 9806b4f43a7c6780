/**
 * The features of the reference version (KIP-584, KIP-1022): their levels, what they depend on, what a new cluster starts with.
 *
 * kraft.version is the quorum's own: its level is in control records, never in a FeatureLevel record.
 */
import { MAX_METADATA_VERSION, MIN_METADATA_VERSION } from "./metadata-version.ts";

export const METADATA_VERSION = "metadata.version";
export const KRAFT_VERSION = "kraft.version";
export const ELIGIBLE_LEADER_REPLICAS_VERSION = "eligible.leader.replicas.version";
export const TRANSACTION_VERSION = "transaction.version";
export const GROUP_VERSION = "group.version";
export const SHARE_VERSION = "share.version";
export const STREAMS_VERSION = "streams.version";

export interface Feature {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Finalized in a new cluster of the newest metadata.version. */
  readonly defaultLevel: number;
  /** metadata.version that a level above 0 needs. */
  readonly needsMetadataVersion: number;
}

const feature = (name: string, max: number, needsMetadataVersion = MIN_METADATA_VERSION): Feature => ({
  name,
  min: 0,
  max,
  defaultLevel: max,
  needsMetadataVersion,
});

/** In the order Kafka writes them when it formats a directory. */
export const FEATURES: readonly Feature[] = [
  {
    name: METADATA_VERSION,
    min: MIN_METADATA_VERSION,
    max: MAX_METADATA_VERSION,
    defaultLevel: MAX_METADATA_VERSION,
    needsMetadataVersion: MIN_METADATA_VERSION,
  },
  feature(ELIGIBLE_LEADER_REPLICAS_VERSION, 1, 23),
  feature(GROUP_VERSION, 1),
  { ...feature(KRAFT_VERSION, 1), defaultLevel: 0 },
  feature(SHARE_VERSION, 1),
  feature(STREAMS_VERSION, 1),
  feature(TRANSACTION_VERSION, 2),
];

const byName = new Map(FEATURES.map((each) => [each.name, each]));

export function featureNamed(name: string): Feature | undefined {
  return byName.get(name);
}

/** Kafka's levels for a new cluster, those at 0 left out. */
export const DEFAULT_FEATURE_LEVELS: ReadonlyMap<string, number> = new Map(
  FEATURES.filter(({ defaultLevel }) => defaultLevel > 0).map(({ name, defaultLevel }) => [name, defaultLevel]),
);
