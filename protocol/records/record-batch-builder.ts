/**
 * Builds record batches of magic 2, as clients, internal topics and the cleaner write them.
 *
 * Owns: the encoding of records and header. Leaves compression to compression.ts. Timestamps are relative to the first record's,
 * or to the delete horizon. A builder makes one batch.
 */
import { Codec } from "./codec.ts";
import { compress } from "./compression.ts";
import { writeInt64 } from "./int64.ts";
import type { RecordHeader } from "./record.ts";
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_AT,
  CONTROL_BIT,
  CURRENT_MAGIC,
  DELETE_HORIZON_BIT,
  LAST_OFFSET_DELTA_AT,
  LOG_APPEND_TIME_BIT,
  LOG_OVERHEAD_BYTES,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  NO_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  PARTITION_LEADER_EPOCH_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  RecordBatch,
  TRANSACTIONAL_BIT,
} from "./record-batch.ts";
import { sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from "./varint.ts";

/** All may be left out: a batch as a client without idempotence sends it, not compressed. */
export interface RecordBatchOptions {
  readonly baseOffset?: number;
  readonly partitionLeaderEpoch?: number;
  readonly compression?: Codec;
  readonly compressionLevel?: number;
  /** Makes it a LogAppendTime batch of this time. */
  readonly logAppendTimeMs?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  /** Sets the delete horizon bit; timestamps are then relative to it. */
  readonly deleteHorizonMs?: number;
}

export interface RecordToWrite {
  /** NO_TIMESTAMP when left out. */
  readonly timestamp?: number;
  readonly key?: Uint8Array | string | null;
  readonly value?: Uint8Array | string | null;
  readonly headers?: readonly { readonly key: RecordHeader["key"]; readonly value: Uint8Array | string | null }[];
  /** Headers as another record has them encoded, count included; stands above `headers`. */
  readonly encodedHeaders?: Uint8Array;
}

export interface BatchEnd {
  /** Where the batch ends in a log whose last records of it are gone; the last record's offset when left out. */
  readonly lastOffset?: number;
  /** Of an empty batch, which has no record to take it from. */
  readonly maxTimestamp?: number;
}

const INITIAL_BYTES = 1024;
const NO_HEADERS = Buffer.from([0]);

export class RecordBatchBuilder {
  private readonly options: RecordBatchOptions;
  private readonly baseOffset: number;
  private buffer: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  private at = BATCH_HEADER_BYTES;
  private baseTimestamp: number | undefined;
  private maxTimestamp = NO_TIMESTAMP;
  private records = 0;
  private offsetAhead: number;

  constructor(options: RecordBatchOptions = {}) {
    this.options = options;
    this.baseOffset = options.baseOffset ?? 0;
    this.baseTimestamp = options.deleteHorizonMs;
    this.offsetAhead = this.baseOffset;
  }

  get recordCount(): number {
    return this.records;
  }

  /** Of the batch so far, before compression. */
  get sizeBytes(): number {
    return this.at;
  }

  /** The offset that `append` gives next. */
  get nextOffset(): number {
    return this.offsetAhead;
  }

  /** Adds a record behind the last and returns its offset. Copies its bytes. */
  append(record: RecordToWrite): number {
    return this.appendAt(this.offsetAhead, record);
  }

  /** Adds a record at an offset of its own: at or behind `nextOffset`, as the cleaner leaves gaps. */
  appendAt(offset: number, record: RecordToWrite): number {
    const timestamp = record.timestamp ?? NO_TIMESTAMP;
    this.baseTimestamp ??= timestamp;
    this.maxTimestamp = Math.max(this.maxTimestamp, timestamp);
    const offsetDelta = offset - this.baseOffset;
    const timestampDelta = timestamp - this.baseTimestamp;
    const key = bytesOf(record.key);
    const value = bytesOf(record.value);
    const headers = record.encodedHeaders ?? encodeHeaders(record.headers);
    const bodyBytes =
      1 +
      sizeOfVarlong(timestampDelta) +
      sizeOfVarint(offsetDelta) +
      sizeOfBytes(key) +
      sizeOfBytes(value) +
      headers.length;
    this.makeRoom(sizeOfVarint(bodyBytes) + bodyBytes);
    const { buffer } = this;
    let at = writeVarint(buffer, this.at, bodyBytes);
    buffer[at++] = 0;
    at = writeVarlong(buffer, at, timestampDelta);
    at = writeVarint(buffer, at, offsetDelta);
    at = writeBytes(buffer, at, key);
    at = writeBytes(buffer, at, value);
    buffer.set(headers, at);
    this.at = at + headers.length;
    this.records++;
    this.offsetAhead = offset + 1;
    return offset;
  }

  /** The batch, with its CRC. The builder must not be used again: an uncompressed batch is its own memory. */
  build(end: BatchEnd = {}): Buffer {
    const compression = this.records === 0 ? Codec.NONE : (this.options.compression ?? Codec.NONE);
    const written = this.buffer.subarray(0, this.at);
    let batch = written;
    if (compression !== Codec.NONE) {
      const payload = compress(compression, written.subarray(BATCH_HEADER_BYTES), this.options.compressionLevel);
      batch = Buffer.allocUnsafeSlow(BATCH_HEADER_BYTES + payload.length);
      payload.copy(batch, BATCH_HEADER_BYTES);
    }
    this.writeHeader(batch, compression, end);
    return batch;
  }

  private writeHeader(batch: Buffer, compression: Codec, end: BatchEnd): void {
    const { options, baseOffset } = this;
    const lastOffset = end.lastOffset ?? this.offsetAhead - 1;
    const maxTimestamp = options.logAppendTimeMs ?? (this.records === 0 ? end.maxTimestamp : this.maxTimestamp);
    writeInt64(batch, BASE_OFFSET_AT, baseOffset);
    batch.writeInt32BE(batch.length - LOG_OVERHEAD_BYTES, BATCH_LENGTH_AT);
    batch.writeInt32BE(options.partitionLeaderEpoch ?? NO_LEADER_EPOCH, PARTITION_LEADER_EPOCH_AT);
    batch[MAGIC_AT] = CURRENT_MAGIC;
    batch.writeInt16BE(compression | this.flags(), ATTRIBUTES_AT);
    batch.writeInt32BE(lastOffset - baseOffset, LAST_OFFSET_DELTA_AT);
    writeInt64(batch, BASE_TIMESTAMP_AT, this.baseTimestamp ?? NO_TIMESTAMP);
    writeInt64(batch, MAX_TIMESTAMP_AT, maxTimestamp ?? NO_TIMESTAMP);
    writeInt64(batch, PRODUCER_ID_AT, options.producerId ?? NO_PRODUCER_ID);
    batch.writeInt16BE(options.producerEpoch ?? NO_PRODUCER_EPOCH, PRODUCER_EPOCH_AT);
    batch.writeInt32BE(options.baseSequence ?? NO_SEQUENCE, BASE_SEQUENCE_AT);
    batch.writeInt32BE(this.records, RECORD_COUNT_AT);
    new RecordBatch(batch).updateCrc();
  }

  private flags(): number {
    const { logAppendTimeMs, isTransactional, isControl, deleteHorizonMs } = this.options;
    return (
      (logAppendTimeMs === undefined ? 0 : LOG_APPEND_TIME_BIT) |
      (isTransactional === true ? TRANSACTIONAL_BIT : 0) |
      (isControl === true ? CONTROL_BIT : 0) |
      (deleteHorizonMs === undefined ? 0 : DELETE_HORIZON_BIT)
    );
  }

  private makeRoom(sizeBytes: number): void {
    const needed = this.at + sizeBytes;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.at);
    this.buffer = grown;
  }
}

/** One batch of records at consecutive offsets. */
export function buildRecordBatch(records: readonly RecordToWrite[], options: RecordBatchOptions = {}): Buffer {
  const builder = new RecordBatchBuilder(options);
  for (const record of records) builder.append(record);
  return builder.build();
}

function bytesOf(part: Uint8Array | string | null | undefined): Uint8Array | null {
  return typeof part === "string" ? Buffer.from(part) : (part ?? null);
}

function sizeOfBytes(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : sizeOfVarint(bytes.length) + bytes.length;
}

function writeBytes(buffer: Buffer, at: number, bytes: Uint8Array | null): number {
  if (bytes === null) return writeVarint(buffer, at, -1);
  const start = writeVarint(buffer, at, bytes.length);
  buffer.set(bytes, start);
  return start + bytes.length;
}

function encodeHeaders(headers: RecordToWrite["headers"]): Uint8Array {
  if (headers === undefined || headers.length === 0) return NO_HEADERS;
  const parts = headers.flatMap(({ key, value }) => [Buffer.from(key), bytesOf(value)]);
  const sizeBytes = parts.reduce((sum, part) => sum + sizeOfBytes(part), sizeOfVarint(headers.length));
  const encoded = Buffer.allocUnsafe(sizeBytes);
  let at = writeVarint(encoded, 0, headers.length);
  for (const part of parts) at = writeBytes(encoded, at, part);
  return encoded;
}
