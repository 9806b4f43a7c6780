/**
 * A record batch of magic 2 as a view: its header is read and rewritten in place, its records stay where they are.
 *
 * Owns: where each header field lies and what it means. Leaves to batch-iterator.ts: whether the bytes of a whole batch are there;
 * to record-iterator.ts and record-check.ts: what is inside.
 * Invariant: a view is only made over bytes that hold the header; it never copies and never allocates per field.
 */
import { crc32c } from "./crc32c.ts";
import { readInt64, writeInt64 } from "./int64.ts";

/** Positions of the header's fields, from the start of the batch. */
export const BASE_OFFSET_AT = 0;
export const BATCH_LENGTH_AT = 8;
export const PARTITION_LEADER_EPOCH_AT = 12;
export const MAGIC_AT = 16;
export const CRC_AT = 17;
export const ATTRIBUTES_AT = 21;
export const LAST_OFFSET_DELTA_AT = 23;
export const BASE_TIMESTAMP_AT = 27;
export const MAX_TIMESTAMP_AT = 35;
export const PRODUCER_ID_AT = 43;
export const PRODUCER_EPOCH_AT = 51;
export const BASE_SEQUENCE_AT = 53;
export const RECORD_COUNT_AT = 57;
export const RECORDS_AT = 61;

/** Base offset and length, which every magic has and which batchLength does not count. */
export const LOG_OVERHEAD_BYTES = 12;
export const BATCH_HEADER_BYTES = RECORDS_AT;
/** The least batchLength: a header and no record. */
export const MIN_BATCH_LENGTH = BATCH_HEADER_BYTES - LOG_OVERHEAD_BYTES;
export const CURRENT_MAGIC = 2;

const CODEC_MASK = 0x07;
export const LOG_APPEND_TIME_BIT = 0x08;
export const TRANSACTIONAL_BIT = 0x10;
export const CONTROL_BIT = 0x20;
export const DELETE_HORIZON_BIT = 0x40;

export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
export const NO_SEQUENCE = -1;
export const NO_TIMESTAMP = -1;
export const NO_LEADER_EPOCH = -1;

const MAX_SEQUENCE = 0x7fffffff;

export type TimestampType = "CreateTime" | "LogAppendTime";

export class RecordBatch {
  readonly buffer: Buffer;
  /** Where the batch starts in the buffer. */
  readonly position: number;

  constructor(buffer: Buffer, position = 0) {
    this.buffer = buffer;
    this.position = position;
  }

  get baseOffset(): number {
    return readInt64(this.buffer, this.position + BASE_OFFSET_AT);
  }

  /** Not covered by the CRC. */
  set baseOffset(offset: number) {
    writeInt64(this.buffer, this.position + BASE_OFFSET_AT, offset);
  }

  /** Bytes behind this field, as the batch itself says. */
  get batchLength(): number {
    return readInt32(this.buffer, this.position + BATCH_LENGTH_AT);
  }

  /** Bytes of the whole batch. */
  get sizeBytes(): number {
    return this.batchLength + LOG_OVERHEAD_BYTES;
  }

  get partitionLeaderEpoch(): number {
    return readInt32(this.buffer, this.position + PARTITION_LEADER_EPOCH_AT);
  }

  /** Not covered by the CRC. */
  set partitionLeaderEpoch(leaderEpoch: number) {
    writeInt32(this.buffer, this.position + PARTITION_LEADER_EPOCH_AT, leaderEpoch);
  }

  /** Of the other accessors only baseOffset, batchLength and sizeBytes mean anything when this is 0 or 1. */
  get magic(): number {
    return ((this.buffer[this.position + MAGIC_AT] as number) << 24) >> 24;
  }

  /** Unsigned, as stored. */
  get crc(): number {
    return readInt32(this.buffer, this.position + CRC_AT) >>> 0;
  }

  get attributes(): number {
    return readInt16(this.buffer, this.position + ATTRIBUTES_AT);
  }

  /** A codec's id, 0 to 7: see `isCodec`. */
  get compression(): number {
    return this.lowAttributes & CODEC_MASK;
  }

  get timestampType(): TimestampType {
    return (this.lowAttributes & LOG_APPEND_TIME_BIT) === 0 ? "CreateTime" : "LogAppendTime";
  }

  get isTransactional(): boolean {
    return (this.lowAttributes & TRANSACTIONAL_BIT) !== 0;
  }

  get isControl(): boolean {
    return (this.lowAttributes & CONTROL_BIT) !== 0;
  }

  /** Whether baseTimestamp is the time from which tombstones and markers in the batch may be dropped. */
  get hasDeleteHorizon(): boolean {
    return (this.lowAttributes & DELETE_HORIZON_BIT) !== 0;
  }

  get lastOffsetDelta(): number {
    return readInt32(this.buffer, this.position + LAST_OFFSET_DELTA_AT);
  }

  /** Inclusive. */
  get lastOffset(): number {
    return this.baseOffset + this.lastOffsetDelta;
  }

  /** The offset behind the batch. */
  get nextOffset(): number {
    return this.baseOffset + this.lastOffsetDelta + 1;
  }

  /** What the records' timestamp deltas are relative to. */
  get baseTimestamp(): number {
    return readInt64(this.buffer, this.position + BASE_TIMESTAMP_AT);
  }

  get maxTimestamp(): number {
    return readInt64(this.buffer, this.position + MAX_TIMESTAMP_AT);
  }

  get producerId(): number {
    return readInt64(this.buffer, this.position + PRODUCER_ID_AT);
  }

  get producerEpoch(): number {
    return readInt16(this.buffer, this.position + PRODUCER_EPOCH_AT);
  }

  get baseSequence(): number {
    return readInt32(this.buffer, this.position + BASE_SEQUENCE_AT);
  }

  /** Inclusive; NO_SEQUENCE when the batch has none. */
  get lastSequence(): number {
    const baseSequence = this.baseSequence;
    return baseSequence === NO_SEQUENCE ? NO_SEQUENCE : addToSequence(baseSequence, this.lastOffsetDelta);
  }

  /** As stored: negative in a batch that lies. */
  get recordCount(): number {
    return readInt32(this.buffer, this.position + RECORD_COUNT_AT);
  }

  /** The records as they lie there, compressed or not: a view. */
  get records(): Buffer {
    return this.buffer.subarray(this.position + RECORDS_AT, this.position + this.sizeBytes);
  }

  /** The whole batch: a view. */
  get bytes(): Buffer {
    return this.buffer.subarray(this.position, this.position + this.sizeBytes);
  }

  /** Whether the stored CRC is that of the bytes; false for a length that cannot be or that leads past the buffer. */
  checkCrc(): boolean {
    const end = this.position + this.sizeBytes;
    if (this.batchLength < MIN_BATCH_LENGTH || end > this.buffer.length) return false;
    return crc32c(this.buffer, this.position + ATTRIBUTES_AT, end) === this.crc;
  }

  /** To be called after a change of anything behind the CRC. */
  updateCrc(): void {
    const crc = crc32c(this.buffer, this.position + ATTRIBUTES_AT, this.position + this.sizeBytes);
    writeInt32(this.buffer, this.position + CRC_AT, crc);
  }

  /** Leaves the CRC to the caller. */
  setAttributes(attributes: number): void {
    writeInt16(this.buffer, this.position + ATTRIBUTES_AT, attributes);
  }

  /**
   * Gives the batch its timestamp type and its largest timestamp (of LogAppendTime: that of every record), and the CRC that
   * belongs to it; touches nothing when both are so already. Attribute bits 7 to 15 are cleared on a change, as in Kafka.
   */
  setMaxTimestamp(timestampType: TimestampType, maxTimestamp: number): void {
    if (this.timestampType === timestampType && this.maxTimestamp === maxTimestamp) return;
    const others = this.lowAttributes & 0x77;
    this.setAttributes(timestampType === "LogAppendTime" ? others | LOG_APPEND_TIME_BIT : others);
    writeInt64(this.buffer, this.position + MAX_TIMESTAMP_AT, maxTimestamp);
    this.updateCrc();
  }

  /** Every flag lies in the low byte. */
  private get lowAttributes(): number {
    return this.buffer[this.position + ATTRIBUTES_AT + 1] as number;
  }
}

/** The sequence `increment` after another: behind 2^31-1 comes 0. */
export function addToSequence(sequence: number, increment: number): number {
  const sum = sequence + increment;
  return sum > MAX_SEQUENCE ? sum - MAX_SEQUENCE - 1 : sum;
}

function readInt16(b: Buffer, at: number): number {
  return (((b[at] as number) << 24) >> 16) | (b[at + 1] as number);
}

function readInt32(b: Buffer, at: number): number {
  return (
    ((b[at] as number) << 24) | ((b[at + 1] as number) << 16) | ((b[at + 2] as number) << 8) | (b[at + 3] as number)
  );
}

function writeInt16(b: Buffer, at: number, value: number): void {
  b[at] = value >> 8;
  b[at + 1] = value;
}

function writeInt32(b: Buffer, at: number, value: number): void {
  b[at] = value >> 24;
  b[at + 1] = value >> 16;
  b[at + 2] = value >> 8;
  b[at + 3] = value;
}
