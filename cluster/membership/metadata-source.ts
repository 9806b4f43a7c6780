/**
 * Where a broker's metadata comes from: the controller of its own node, or a copy of the quorum's log that it fetches.
 */
import type { ClusterDelta, ClusterImage } from "../metadata/cluster-image.ts";

export interface MetadataSource {
  readonly image: ClusterImage;
  /** Begins; deltas lead from the image there is now. @throws when the metadata on the disk cannot be read. */
  start(onDelta: (delta: ClusterDelta) => void): Promise<void>;
  /** Called once when the metadata cannot be followed any more. */
  onFailure: ((error: unknown) => void) | undefined;
  /** Tells of nothing any more; files are closed clean. */
  stop(): Promise<void>;
}
