/**
 * Writes what the cleaner keeps of a group of segments into new ones, named `.cleaned` until they are swapped in.
 *
 * Owns: when another segment must begin (recompressed batches may be larger than they were, KAFKA-20036), and that small batches
 * are written many at a time. Leaves to Segment: its indexes.
 */
import { RecordBatch } from "../../protocol/records/record-batch.ts";
import type { Segment } from "./segment.ts";
import type { SegmentedLog } from "./segmented-log.ts";
import type { AbortedTransactionEntry } from "./transaction-index.ts";

const BLOCK_BYTES = 128 * 1024;

export class SegmentWriter {
  readonly written: Segment[] = [];
  /** Bytes of all batches so far. */
  sizeBytes = 0;
  private readonly log: SegmentedLog;
  private readonly block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  private blockUsed = 0;
  private segment: Segment;
  /** Of the segment, what waits in the block included. */
  private segmentBytes = 0;

  constructor(log: SegmentedLog, baseOffset: number) {
    this.log = log;
    this.segment = this.begin(baseOffset);
  }

  /** Adds a whole batch; copies or writes it. Returns the bytes that went to the disk just now. @throws DiskError */
  add(bytes: Buffer, aborted: readonly AbortedTransactionEntry[]): number {
    const { baseOffset, lastOffset, maxTimestamp } = new RecordBatch(bytes);
    let flushedBytes = 0;
    const isFull = this.segmentBytes + bytes.length > this.log.config.segmentBytes;
    if (this.segmentBytes > 0 && (isFull || !this.segment.canHold(lastOffset))) {
      flushedBytes = this.flush();
      this.segment = this.begin(baseOffset);
    }
    if (this.blockUsed + bytes.length > BLOCK_BYTES) flushedBytes += this.flush();
    const position = this.segmentBytes;
    if (bytes.length > BLOCK_BYTES) {
      this.segment.append([bytes]);
      flushedBytes += bytes.length;
    } else {
      bytes.copy(this.block, this.blockUsed);
      this.blockUsed += bytes.length;
    }
    this.segmentBytes += bytes.length;
    this.sizeBytes += bytes.length;
    this.segment.noteBatch(position, bytes.length, lastOffset, maxTimestamp);
    for (const entry of aborted) this.segment.transactionIndex.append(entry);
    return flushedBytes;
  }

  /** Gives the handles back; opening the log removes the files. */
  close(): void {
    for (const segment of this.written) segment.close();
  }

  /** Takes the files away again, when they were not swapped in. */
  discard(): void {
    for (const segment of this.written) this.log.dropCleanedSegment(segment);
  }

  private begin(baseOffset: number): Segment {
    const segment = this.log.createCleanedSegment(baseOffset);
    this.written.push(segment);
    this.segmentBytes = 0;
    return segment;
  }

  /** Writes what waits; returns its bytes. @throws DiskError */
  flush(): number {
    const bytes = this.blockUsed;
    if (bytes > 0) this.segment.append([this.block.subarray(0, bytes)]);
    this.blockUsed = 0;
    return bytes;
  }
}
