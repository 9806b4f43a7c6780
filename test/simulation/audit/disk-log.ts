/** What lies on a simulated disk of one partition's log, read past all production code that keeps it. */
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import type { SimulatedDisk } from "../simulated-disk.ts";
import { type StoredBatch, storedBatch } from "./stored-batch.ts";

/** Whole batches with a right CRC, in order, up to the first that is not; what reaches into the next segment was cut once. */
export function batchesOnDisk(disk: SimulatedDisk, directory: string): StoredBatch[] {
  const batches: StoredBatch[] = [];
  const segments = segmentsOnDisk(disk, directory);
  for (const [index, { bytes }] of segments.entries()) {
    const endOffset = segments[index + 1]?.baseOffset ?? Number.POSITIVE_INFINITY;
    const walk = new BatchIterator(bytes);
    for (let batch = walk.next(); batch !== undefined; batch = walk.next()) {
      const last = batches[batches.length - 1];
      if (batch.checkCrc() && batch.lastOffset >= endOffset) break;
      if (!batch.checkCrc() || (last !== undefined && batch.baseOffset !== last.lastOffset + 1)) return batches;
      batches.push(storedBatch(batch));
    }
    if (walk.stoppedBy !== undefined && walk.stoppedBy !== "end") return batches;
  }
  return batches;
}

export interface SegmentOnDisk {
  readonly baseOffset: number;
  readonly bytes: Buffer;
}

/** Each segment, in order. */
export function segmentsOnDisk(disk: SimulatedDisk, directory: string): SegmentOnDisk[] {
  return disk
    .filesIn(directory)
    .filter(([path]) => path.endsWith(".log"))
    .map(([path, inode]) => {
      const bytes = Buffer.alloc(inode.sizeBytes);
      inode.read(0, bytes);
      return { baseOffset: Number(path.slice(path.lastIndexOf("/") + 1, -".log".length)), bytes };
    });
}
