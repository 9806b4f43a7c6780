/**
 * What a node says of features (KIP-584): the levels it supports, and those the cluster has settled on.
 */
export interface NodeFeatures {
  readonly supported: readonly { readonly name: string; readonly minVersion: number; readonly maxVersion: number }[];
  /** Level 0 is the same as none. */
  readonly finalized: readonly { readonly name: string; readonly level: number }[];
  /** Highest metadata offset in the image the levels come from; -1 when unknown. */
  readonly finalizedEpoch: number;
}
