/**
 * Walks the batches that lie one behind another in a buffer: a produce request's, a fetch response's, a segment's.
 *
 * Owns: which bytes make a whole batch, and why the walk stops. Leaves CRC and contents to RecordBatch and record-check.ts.
 * Invariant: never a batch of which a byte lies behind the end, never a step of no bytes.
 */
import { CURRENT_MAGIC, LOG_OVERHEAD_BYTES, MAGIC_AT, MIN_BATCH_LENGTH, RecordBatch } from "./record-batch.ts";

/** The least length of a message of magic 0: CRC, magic, attributes, and two lengths. */
const MIN_LEGACY_LENGTH = 14;
const BYTES_UP_TO_MAGIC = MAGIC_AT + 1;

/**
 * `end`: every byte belongs to a batch. `truncated`: the last bytes are the start of a batch. `invalidLength`, `unknownMagic`:
 * what comes next is no batch.
 */
export type BatchesEnd = "end" | "truncated" | "invalidLength" | "unknownMagic";

export class BatchIterator {
  readonly buffer: Buffer;
  /** Where the next batch starts; once `stoppedBy` is set, where the walk stopped. */
  position: number;
  /** Undefined as long as `next` gave batches. */
  stoppedBy: BatchesEnd | undefined;
  private readonly end: number;

  /** @param end exclusive. */
  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.buffer = buffer;
    this.position = start;
    this.end = end;
  }

  /**
   * The next whole batch as a view, or undefined when there is none: `stoppedBy` then says why. Entries of magic 0 and 1 are
   * given too, to be told apart by their magic.
   */
  next(): RecordBatch | undefined {
    const { buffer, position, end } = this;
    const remaining = end - position;
    if (remaining < LOG_OVERHEAD_BYTES) return this.stop(remaining === 0 ? "end" : "truncated");
    const batch = new RecordBatch(buffer, position);
    const length = batch.batchLength;
    if (length < MIN_LEGACY_LENGTH) return this.stop("invalidLength");
    if (remaining < BYTES_UP_TO_MAGIC) return this.stop("truncated");
    const magic = batch.magic;
    if (magic < 0 || magic > CURRENT_MAGIC) return this.stop("unknownMagic");
    if (magic === CURRENT_MAGIC && length < MIN_BATCH_LENGTH) return this.stop("invalidLength");
    if (length > remaining - LOG_OVERHEAD_BYTES) return this.stop("truncated");
    this.position = position + LOG_OVERHEAD_BYTES + length;
    return batch;
  }

  *[Symbol.iterator](): Generator<RecordBatch, void, undefined> {
    for (let batch = this.next(); batch !== undefined; batch = this.next()) yield batch;
  }

  private stop(reason: BatchesEnd): undefined {
    this.stoppedBy = reason;
    return undefined;
  }
}
