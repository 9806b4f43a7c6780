/** What lies on a simulated disk of one partition's log, read past all production code that keeps it. */
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import type { SimulatedDisk } from "../simulated-disk.ts";
import { type StoredBatch, storedBatch } from "./stored-batch.ts";

/** Whole batches with a right CRC, in order, up to the first that is not. */
export function batchesOnDisk(disk: SimulatedDisk, directory: string): StoredBatch[] {
  const batches: StoredBatch[] = [];
  for (const bytes of segmentsOnDisk(disk, directory)) {
    const walk = new BatchIterator(bytes);
    for (let batch = walk.next(); batch !== undefined; batch = walk.next()) {
      const last = batches[batches.length - 1];
      if (!batch.checkCrc() || (last !== undefined && batch.baseOffset !== last.lastOffset + 1)) return batches;
      batches.push(storedBatch(batch));
    }
    if (walk.stoppedBy !== "end") return batches;
  }
  return batches;
}

/** The bytes of each segment, in order. */
export function segmentsOnDisk(disk: SimulatedDisk, directory: string): Buffer[] {
  return disk
    .filesIn(directory)
    .filter(([path]) => path.endsWith(".log"))
    .map(([, inode]) => {
      const bytes = Buffer.alloc(inode.sizeBytes);
      inode.read(0, bytes);
      return bytes;
    });
}
