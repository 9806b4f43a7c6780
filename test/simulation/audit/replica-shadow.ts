/**
 * What one replica's log holds, batch by batch: followed while its node lives, read from its disk when the node is dead.
 *
 * Owns: noticing appends and truncations between two looks. Invariant: after look() the batches are those of the log.
 */
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import type { LogRead, PartitionLog } from "../../../storage/partition-log.ts";
import type { SimulatedDisk } from "../simulated-disk.ts";
import { batchesOnDisk } from "./disk-log.ts";
import { indexOfOffset, type StoredBatch, storedBatch } from "./stored-batch.ts";

const READ_BYTES = 1 << 20;

export class ReplicaShadow {
  readonly nodeId: number;
  readonly directory: string;
  private readonly disk: SimulatedDisk;
  batches: StoredBatch[] = [];
  /** Exclusive. */
  endOffset = 0;
  startOffset = 0;
  highWatermark = 0;
  /**
   * Where the log began afresh, for the leader's began behind its end: as in Kafka, it knows nothing of what producers wrote before,
   * be it that the leader still does.
   */
  beganAt = 0;
  private log: PartitionLog | undefined;

  constructor(nodeId: number, disk: SimulatedDisk, directory: string) {
    this.nodeId = nodeId;
    this.disk = disk;
    this.directory = directory;
  }

  /** Whether there is anything to look at. */
  isBehind(log: PartitionLog): boolean {
    return (
      this.log !== log ||
      this.endOffset !== log.logEndOffset ||
      this.startOffset !== log.logStartOffset ||
      this.highWatermark !== log.highWatermark
    );
  }

  /** Takes in what the log did since the last look. */
  look(log: PartitionLog): "nothing" | "appended" | "truncated" | "opened" {
    const isNew = this.log !== log;
    if (log.logStartOffset > this.endOffset) this.beganAt = log.logStartOffset;
    this.highWatermark = log.highWatermark;
    this.startOffset = log.logStartOffset;
    const { logEndOffset } = log;
    if (isNew) {
      this.readDisk();
      this.log = log;
      this.cutAt(logEndOffset);
      this.endOffset = logEndOffset;
      return "opened";
    }
    const before = this.endOffset;
    if (logEndOffset === before) return "nothing";
    this.endOffset = logEndOffset;
    if (logEndOffset < before) {
      this.cutAt(logEndOffset);
      return "truncated";
    }
    this.take(log, before, logEndOffset);
    return "appended";
  }

  /** The node is dead: what its disk says counts. */
  readDisk(): void {
    this.log = undefined;
    this.batches = batchesOnDisk(this.disk, this.directory);
    const last = this.batches[this.batches.length - 1];
    this.endOffset = last === undefined ? this.startOffset : last.lastOffset + 1;
  }

  /** The batch that holds an offset. */
  at(offset: number): StoredBatch | undefined {
    const batch = this.batches[indexOfOffset(this.batches, offset)];
    return batch !== undefined && batch.baseOffset <= offset ? batch : undefined;
  }

  /** Batches that hold offsets of [from, to). */
  *between(from: number, to: number): Generator<StoredBatch> {
    for (let index = indexOfOffset(this.batches, from); index < this.batches.length; index++) {
      const batch = this.batches[index] as StoredBatch;
      if (batch.baseOffset >= to) return;
      yield batch;
    }
  }

  private cutAt(offset: number): void {
    while ((this.batches[this.batches.length - 1]?.lastOffset ?? -1) >= offset) this.batches.pop();
  }

  private take(log: PartitionLog, from: number, to: number): void {
    let at = Math.max(from, log.logStartOffset);
    // A log that was started afresh elsewhere holds nothing of what was before.
    if (at > from) this.batches = [];
    while (at < to) {
      const read = log.read(at, {
        maxBytes: READ_BYTES,
        upToOffset: to,
        minOneBatch: true,
        abortedTransactions: false,
      });
      if (read instanceof Promise) {
        void read.then((cold) => cold.release());
        this.batches = batchesOnDisk(this.disk, this.directory);
        return;
      }
      const next = this.takeRead(read, at);
      if (next === at)
        throw new Error(`V17 ${this.directory} of node ${this.nodeId}: nothing can be read at ${at} of ${to}`);
      at = next;
    }
  }

  private takeRead(read: LogRead, from: number): number {
    let at = from;
    const walk = new BatchIterator(read.pieces.length === 1 ? (read.pieces[0] as Buffer) : Buffer.concat(read.pieces));
    for (let batch = walk.next(); batch !== undefined; batch = walk.next()) {
      if (!batch.checkCrc())
        throw new Error(`${this.directory} of node ${this.nodeId}: a wrong CRC at ${batch.baseOffset}`);
      if (batch.lastOffset < from) continue;
      this.batches.push(storedBatch(batch));
      at = batch.nextOffset;
    }
    read.release();
    return at;
  }
}
