/**
 * Reads a closed segment batch by batch, whole, off the loop: for those who look into every record.
 *
 * Owns: that each batch is sound, by its CRC and, for what that does not cover, by its offsets: what is damaged is not read on, so
 * that nobody writes it again as if it were not.
 * Invariant: a batch given is good until the next call.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { BATCH_HEADER_BYTES, RecordBatch } from "../../protocol/records/record-batch.ts";
import { sizeOfPlausible } from "./header-scan.ts";
import type { Segment } from "./segment.ts";

const BLOCK_BYTES = 256 * 1024;

export class BatchReader {
  /** Behind the batch that was given last. */
  nextPosition: number;
  private readonly segment: Segment;
  private readonly endOffset: number;
  private nextOffset: number;
  /** Exclusive; the end of a batch. */
  private readonly end: number;
  private block: Buffer;
  private blockStart = 0;
  private blockEnd = 0;

  /** @param endOffset where the next segment begins. */
  constructor(segment: Segment, start: number, endOffset: number) {
    const end = segment.sizeBytes;
    this.segment = segment;
    this.nextOffset = segment.baseOffset;
    this.endOffset = endOffset;
    this.end = end;
    this.nextPosition = start;
    this.block = Buffer.allocUnsafeSlow(Math.max(BATCH_HEADER_BYTES, Math.min(BLOCK_BYTES, end - start)));
  }

  /** The next batch; undefined at the end. @throws KafkaError CORRUPT_MESSAGE; DiskError. */
  async next(): Promise<RecordBatch | undefined> {
    const position = this.nextPosition;
    if (position >= this.end) return undefined;
    if (!this.has(position, BATCH_HEADER_BYTES)) await this.load(position, BATCH_HEADER_BYTES);
    const sizeBytes = this.has(position, BATCH_HEADER_BYTES) ? this.sizeAt(position) : 0;
    if (sizeBytes === 0 || position + sizeBytes > this.end) throw damaged(position);
    if (!this.has(position, sizeBytes)) await this.load(position, sizeBytes);
    const batch = new RecordBatch(this.block, position - this.blockStart);
    // What was read again may be something else by now.
    if (!this.has(position, sizeBytes) || batch.sizeBytes !== sizeBytes || !batch.checkCrc()) throw damaged(position);
    if (batch.baseOffset < this.nextOffset || batch.lastOffset >= this.endOffset) throw damaged(position);
    this.nextPosition = position + sizeBytes;
    this.nextOffset = batch.nextOffset;
    return batch;
  }

  private sizeAt(position: number): number {
    return sizeOfPlausible(new RecordBatch(this.block, position - this.blockStart), position);
  }

  private has(position: number, sizeBytes: number): boolean {
    return position >= this.blockStart && position + sizeBytes <= this.blockEnd;
  }

  private async load(position: number, sizeBytes: number): Promise<void> {
    if (sizeBytes > this.block.length) this.block = Buffer.allocUnsafeSlow(sizeBytes);
    const target = this.block.subarray(0, Math.min(this.block.length, this.end - position));
    const count = await this.segment.log.readLarge(position, target);
    this.blockStart = position;
    this.blockEnd = position + count;
  }
}

function damaged(position: number): KafkaError {
  return new KafkaError(ErrorCode.CORRUPT_MESSAGE, `no valid batch at position ${position}`);
}
