/** A CoordinatorLog in memory: batches as they were appended, a high watermark that tests move, and refusals on demand. */

import type { CoordinatorAppendOptions, CoordinatorLog } from "../../../broker/state-machine/coordinator-log.ts";
import type { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import { RecordBatch } from "../../../protocol/records/record-batch.ts";
import { RecordIterator } from "../../../protocol/records/record-iterator.ts";
import type { LogRead } from "../../../storage/partition-log.ts";

export class MemoryCoordinatorLog implements CoordinatorLog {
  logStartOffset = 0;
  highWatermark = 0;
  maxBatchBytes = 1_048_588;
  /** Appends are committed at once, as with one replica. */
  autoCommit = true;
  /** The next appends are refused with this code. */
  refusal: ErrorCode | undefined;
  /** Answers to reads come from a promise. */
  slowReads = false;
  readsHeld = 0;
  readonly appended: CoordinatorAppendOptions[] = [];
  private readonly batches: Buffer[] = [];
  private end = 0;
  private readonly listeners = new Set<() => void>();

  get logEndOffset(): number {
    return this.end;
  }

  get listenerCount(): number {
    return this.listeners.size;
  }

  append(batch: Buffer, options: CoordinatorAppendOptions): { baseOffset: number; lastOffset: number } {
    if (this.refusal !== undefined) throw new KafkaError(this.refusal);
    this.appended.push(options);
    return this.write(batch);
  }

  /** Puts a batch behind the last, whoever wrote it. */
  write(bytes: Buffer): { baseOffset: number; lastOffset: number } {
    const copy = Buffer.from(bytes);
    const batch = new RecordBatch(copy);
    batch.baseOffset = this.end;
    this.batches.push(copy);
    const baseOffset = this.end;
    this.end = batch.nextOffset;
    if (this.autoCommit) this.commit();
    return { baseOffset, lastOffset: this.end - 1 };
  }

  /** Moves the high watermark, to the end when nothing is said. */
  commit(offset = this.end): void {
    this.highWatermark = offset;
    for (const listener of [...this.listeners]) listener();
  }

  read(offset: number, maxBytes: number): LogRead | Promise<LogRead> {
    const from = this.batches.findIndex((bytes) => new RecordBatch(bytes).nextOffset > offset);
    const pieces: Buffer[] = [];
    let sizeBytes = 0;
    for (const bytes of from < 0 ? [] : this.batches.slice(from)) {
      if (pieces.length > 0 && sizeBytes + bytes.length > maxBytes) break;
      pieces.push(bytes);
      sizeBytes += bytes.length;
    }
    this.readsHeld++;
    const read: LogRead = { pieces, sizeBytes, abortedTransactions: null, release: () => this.readsHeld-- };
    return this.slowReads ? Promise.resolve(read) : read;
  }

  deleteRecordsBefore(offset: number): void {
    this.logStartOffset = Math.max(this.logStartOffset, offset);
  }

  onHighWatermark(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The batches' headers, for comparing. */
  *written(): IterableIterator<RecordBatch> {
    for (const bytes of this.batches) yield* new BatchIterator(bytes);
  }

  /** Every record's key and value. */
  *records(): IterableIterator<{ offset: number; key: Buffer | null; value: Buffer | null }> {
    for (const batch of this.written()) {
      for (const { offset, key, value } of new RecordIterator(batch, batch.records)) yield { offset, key, value };
    }
  }
}
