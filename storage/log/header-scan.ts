/**
 * Walks the batches of a log file by their headers, reading as little as it can of what lies between.
 *
 * Owns: what may pass for a header. Leaves CRCs to ChecksumScan. Synchronous: for lookups, and for producer state where few bytes
 * are behind the newest snapshot.
 * Invariant: a header given is good until the next call.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import {
  BATCH_HEADER_BYTES,
  CURRENT_MAGIC,
  MIN_BATCH_LENGTH,
  RecordBatch,
} from "../../protocol/records/record-batch.ts";
import type { DiskFile } from "../disk.ts";
import { type EndMarker, endMarkerOf, MAX_MARKER_BATCH_BYTES } from "./end-marker.ts";

/** For lookups: an index entry is at most some kilobytes away. */
const LOOKUP_BYTES = 8 * 1024;
const WALK_BYTES = 64 * 1024;

/** For synchronous lookups, which never nest. */
const lookupBlock = Buffer.allocUnsafeSlow(LOOKUP_BYTES);

export class HeaderScan {
  /** Where the batch that was given last starts. */
  position: number;
  /** Where the next one starts; the end of the whole batches once next() gave undefined. */
  nextPosition: number;
  private readonly file: DiskFile;
  private readonly end: number;
  private readonly block: Buffer;
  private blockStart = 0;
  private blockEnd = 0;

  /** @param end exclusive position that no batch passes. */
  constructor(file: DiskFile, start: number, end: number, block: Buffer = Buffer.allocUnsafeSlow(WALK_BYTES)) {
    this.file = file;
    this.end = end;
    this.block = block;
    this.position = start;
    this.nextPosition = start;
  }

  /** For a few batches; no other lookup may start before it is done. */
  static lookup(file: DiskFile, start: number, end: number): HeaderScan {
    return new HeaderScan(file, start, end, lookupBlock);
  }

  /** Whether the walk came to the end of the last batch, not to bytes that are none. */
  get isAtEnd(): boolean {
    return this.nextPosition === this.end;
  }

  /** The header of the next batch that lies within the bounds whole, or undefined. */
  next(): RecordBatch | undefined {
    const position = this.nextPosition;
    if (!this.load(position, BATCH_HEADER_BYTES)) return undefined;
    let batch = new RecordBatch(this.block, position - this.blockStart);
    const sizeBytes = sizeOfPlausible(batch, position);
    const nextPosition = position + sizeBytes;
    if (sizeBytes === 0 || nextPosition > this.end) return undefined;
    if (batch.isControl && sizeBytes <= MAX_MARKER_BATCH_BYTES && this.load(position, sizeBytes)) {
      batch = new RecordBatch(this.block, position - this.blockStart);
    }
    this.position = position;
    this.nextPosition = nextPosition;
    return batch;
  }

  /** The end marker in the batch that was given last; undefined when it is none. */
  markerOf(batch: RecordBatch): EndMarker | undefined {
    const isWhole = batch.isControl && this.nextPosition <= this.blockEnd;
    return isWhole ? endMarkerOf(batch) : undefined;
  }

  private load(position: number, sizeBytes: number): boolean {
    if (position >= this.blockStart && position + sizeBytes <= this.blockEnd) return true;
    if (position < 0 || position + sizeBytes > this.end) return false;
    const wanted = Math.min(this.block.length, this.end - position);
    this.blockStart = position;
    this.blockEnd = position + this.file.read(position, this.block.subarray(0, wanted));
    return position + sizeBytes <= this.blockEnd;
  }
}

/**
 * Size of the batch whose header this seems to be, 0 when it is none.
 * @throws KafkaError UNSUPPORTED_FOR_MESSAGE_FORMAT for messages of before Kafka 0.11.
 */
export function sizeOfPlausible(header: RecordBatch, position: number): number {
  const { magic, batchLength } = header;
  if (magic !== CURRENT_MAGIC) {
    // A file that starts with such a message is an old one; elsewhere it is damage.
    if (position === 0 && (magic === 0 || magic === 1) && batchLength > 0 && header.baseOffset >= 0) {
      throw new KafkaError(ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT, `messages of format ${magic} cannot be read`);
    }
    return 0;
  }
  if (batchLength < MIN_BATCH_LENGTH || header.baseOffset < 0 || header.lastOffsetDelta < 0) return 0;
  return header.sizeBytes;
}
