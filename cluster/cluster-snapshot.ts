/**
 * All that a cluster in memory holds, at one moment, to be gone back to.
 *
 * Owns: taking every disk in the same turn, so that they fit together as those of nodes killed at once. Who starts from it recovers
 * as after that kill.
 */
import type { DiskContents, MemoryDisk } from "../storage/memory-disk.ts";

/** Of the nodes, in order, and of the controller. */
export interface ClusterSnapshot {
  readonly nodes: readonly DiskContents[];
  readonly controller: DiskContents;
  readonly sizeBytes: number;
}

export interface ClusterDisks {
  readonly nodes: readonly MemoryDisk[];
  readonly controller: MemoryDisk;
}

export function takeSnapshot(disks: ClusterDisks): ClusterSnapshot {
  const nodes = disks.nodes.map((disk) => disk.contents());
  const controller = disks.controller.contents();
  const sizeBytes = [controller, ...nodes].reduce((sum, contents) => sum + contents.sizeBytes, 0);
  return { nodes, controller, sizeBytes };
}

/** Nobody may use the disks meanwhile. @throws Error the snapshot is of a cluster with another number of nodes. */
export function putBack(snapshot: ClusterSnapshot, disks: ClusterDisks): void {
  if (snapshot.nodes.length !== disks.nodes.length) {
    throw new Error(`a snapshot of ${snapshot.nodes.length} nodes for a cluster of ${disks.nodes.length}`);
  }
  for (const [index, disk] of disks.nodes.entries()) disk.replace(snapshot.nodes[index] as DiskContents);
  disks.controller.replace(snapshot.controller);
}
