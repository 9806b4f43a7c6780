/**
 * Batches of one log that lie one behind another in a buffer, and do so in one segment: a part of its tail.
 *
 * Owns: finding a batch among them by offset. Leaves to TailCache: which runs there are and how long.
 * Invariant: the bytes from `start` to `end` are whole batches with offsets from `baseOffset` to `endOffset`.
 */
import { RecordBatch } from "../../protocol/records/record-batch.ts";
import type { SharedBuffer } from "../shared-buffer.ts";

/** From one mark to the next; what lies between is walked. */
const MARK_BYTES = 4096;

export class TailRun {
  readonly owner: SharedBuffer;
  /** Where the bytes lie; positions are in here. */
  readonly buffer: Buffer;
  /** Base offset of the segment that holds the same batches. */
  readonly segmentBaseOffset: number;
  readonly baseOffset: number;
  readonly start: number;
  end: number;
  endOffset: number;
  /** Positions of batches and their base offsets, in turn. */
  private readonly marks: number[] = [];

  constructor(owner: SharedBuffer, buffer: Buffer, start: number, baseOffset: number, segmentBaseOffset: number) {
    this.owner = owner;
    this.buffer = buffer;
    this.start = start;
    this.end = start;
    this.baseOffset = baseOffset;
    this.endOffset = baseOffset;
    this.segmentBaseOffset = segmentBaseOffset;
  }

  /** The batch at `end` belongs to the run from now on. */
  grow(sizeBytes: number, baseOffset: number, endOffset: number): void {
    const { marks } = this;
    if (marks.length === 0 || this.end - (marks[marks.length - 2] as number) >= MARK_BYTES) {
      marks.push(this.end, baseOffset);
    }
    this.end += sizeBytes;
    this.endOffset = endOffset;
  }

  /** The first batch that reaches `offset` or lies behind it; undefined when the run ends before. */
  find(offset: number): RecordBatch | undefined {
    if (offset >= this.endOffset) return undefined;
    let batch = new RecordBatch(this.buffer, this.markBefore(offset));
    while (batch.lastOffset < offset) batch = new RecordBatch(this.buffer, batch.position + batch.sizeBytes);
    return batch;
  }

  /** Offset behind the batch in which `position` lies, or behind the one that ends there. */
  endOffsetAt(position: number): number {
    return position >= this.end ? this.endOffset : this.walkTo(position).nextOffset;
  }

  /** Where the batch begins in which `position` lies; a position between two batches stays. */
  boundaryAt(position: number): number {
    const batch = this.walkTo(position);
    return batch.position + batch.sizeBytes === position ? position : batch.position;
  }

  /** Drops the batch that reaches `offset` and all behind it; false when none is left. */
  truncateTo(offset: number): boolean {
    const batch = this.find(offset);
    if (batch === undefined) return true;
    if (batch.position === this.start) return false;
    // Not the offset itself: a hole may lie before it, and nothing of the run reaches into that.
    this.endOffset = this.walkTo(batch.position).nextOffset;
    this.end = batch.position;
    while ((this.marks[this.marks.length - 2] as number) >= this.end) this.marks.length -= 2;
    return true;
  }

  /** The batch that reaches a position behind the start, or ends there. */
  private walkTo(position: number): RecordBatch {
    let at = this.start;
    for (let index = 0; index < this.marks.length && (this.marks[index] as number) < position; index += 2) {
      at = this.marks[index] as number;
    }
    let batch = new RecordBatch(this.buffer, at);
    while (batch.position + batch.sizeBytes < position) {
      batch = new RecordBatch(this.buffer, batch.position + batch.sizeBytes);
    }
    return batch;
  }

  private markBefore(offset: number): number {
    const { marks } = this;
    let low = 0;
    let high = marks.length / 2;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((marks[middle * 2 + 1] as number) <= offset) low = middle;
      else high = middle;
    }
    return marks[low * 2] ?? this.start;
  }
}
