/**
 * Reads a log file from a position to its end and checks the CRC of every batch: what a crash left may be anything.
 *
 * Owns: block-wise reading off the loop; a batch larger than a block is checked piece by piece, so no length that lies makes it
 * allocate. Leaves to recovery what the batches mean.
 * Invariant: every batch given is whole and its CRC is right; `validEnd` is where the last of them ends.
 */
import { crc32c } from "../../protocol/records/crc32c.ts";
import { ATTRIBUTES_AT, BATCH_HEADER_BYTES, RecordBatch } from "../../protocol/records/record-batch.ts";
import type { DiskFile } from "../disk.ts";
import { type EndMarker, endMarkerOf } from "./end-marker.ts";
import { sizeOfPlausible } from "./header-scan.ts";

/** Every log that is recovered has one for a while: what a node of many logs takes for a start. */
const BLOCK_BYTES = 256 * 1024;

export class ChecksumScan {
  /** Where the batch that was given last starts. */
  position: number;
  validEnd: number;
  private readonly file: DiskFile;
  private readonly end: number;
  private readonly block: Buffer;
  private blockStart = 0;
  private blockEnd = 0;
  /** The header of a batch that is larger than a block. */
  private readonly largeHeader = Buffer.alloc(BATCH_HEADER_BYTES);
  private checkedLarge: RecordBatch | undefined;
  /** Of the batch whose CRC readOn() has checked. */
  private checkedPosition = -1;

  constructor(file: DiskFile, start: number, end: number) {
    this.file = file;
    this.end = end;
    this.position = start;
    this.validEnd = start;
    this.block = Buffer.allocUnsafeSlow(Math.max(BATCH_HEADER_BYTES, Math.min(BLOCK_BYTES, end - start)));
  }

  /** The next batch of what has been read, good until the next call of anything; undefined when readOn() must come first. */
  next(): RecordBatch | undefined {
    const position = this.validEnd;
    if (this.checkedLarge !== undefined) {
      const large = this.checkedLarge;
      this.checkedLarge = undefined;
      return this.give(large);
    }
    if (position < this.blockStart || position + BATCH_HEADER_BYTES > this.blockEnd) return undefined;
    const batch = new RecordBatch(this.block, position - this.blockStart);
    const sizeBytes = sizeOfPlausible(batch, position);
    if (sizeBytes === 0 || position + sizeBytes > this.blockEnd) return undefined;
    if (position !== this.checkedPosition && !batch.checkCrc()) return undefined;
    return this.give(batch);
  }

  /** The end marker in the batch that was given last; undefined when it is none. */
  markerOf(batch: RecordBatch): EndMarker | undefined {
    return batch.isControl && batch.buffer === this.block ? endMarkerOf(batch) : undefined;
  }

  /** Reads on; false when no valid batch follows. */
  async readOn(): Promise<boolean> {
    const position = this.validEnd;
    if (position + BATCH_HEADER_BYTES > this.end) return false;
    await this.load(position);
    if (position + BATCH_HEADER_BYTES > this.blockEnd) return false;
    const batch = new RecordBatch(this.block, 0);
    const sizeBytes = sizeOfPlausible(batch, position);
    if (sizeBytes === 0 || position + sizeBytes > this.end) return false;
    if (position + sizeBytes > this.blockEnd) return this.checkLarge(batch, sizeBytes);
    this.checkedPosition = position;
    return batch.checkCrc();
  }

  private give(batch: RecordBatch): RecordBatch {
    this.position = this.validEnd;
    this.validEnd += batch.sizeBytes;
    return batch;
  }

  private async checkLarge(batch: RecordBatch, sizeBytes: number): Promise<boolean> {
    const batchEnd = this.validEnd + sizeBytes;
    this.block.copy(this.largeHeader, 0, 0, BATCH_HEADER_BYTES);
    const expected = batch.crc;
    let crc = crc32c(this.block, ATTRIBUTES_AT, this.blockEnd - this.blockStart);
    while (this.blockEnd < batchEnd) {
      const before = this.blockEnd;
      await this.load(before);
      if (this.blockEnd === before) return false;
      crc = crc32c(this.block, 0, Math.min(this.blockEnd, batchEnd) - before, crc);
    }
    if (crc !== expected) return false;
    this.checkedLarge = new RecordBatch(this.largeHeader);
    return true;
  }

  private async load(position: number): Promise<void> {
    const target = this.block.subarray(0, Math.min(this.block.length, this.end - position));
    const count = await this.file.readLarge(position, target);
    this.blockStart = position;
    this.blockEnd = position + count;
  }
}
