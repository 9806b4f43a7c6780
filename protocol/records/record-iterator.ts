/**
 * Walks the records of one batch as views.
 *
 * Owns: the bounds: a length, a count or a varint that lies is an InvalidRecordError with the record's index, never a read past
 * the payload. Leaves decompression to compression.ts and the fast pass without views to record-check.ts.
 * Any negative key or value length is null, as Kafka reads it.
 * Differs from Kafka: the timestamp of a record that goes past the ends of an int64 saturates, where Java's wraps round.
 */

import { saturate } from "./int64.ts";
import { InvalidRecordError } from "./invalid-record-error.ts";
import { Record, type RecordParts } from "./record.ts";
import type { RecordBatch } from "./record-batch.ts";
import { BEYOND, readVarint, readVarlong, scan } from "./varint.ts";

export class RecordIterator {
  private readonly payload: Buffer;
  private readonly recordCount: number;
  private readonly baseOffset: number;
  private readonly baseTimestamp: number;
  /** The time of every record of a LogAppendTime batch. */
  private readonly logAppendTimeMs: number | undefined;
  private readonly parts: RecordParts = {
    attributes: 0,
    timestampDelta: 0,
    offsetDelta: 0,
    keyAt: 0,
    keyBytes: 0,
    valueAt: 0,
    valueBytes: 0,
    headersAt: 0,
    end: 0,
  };
  private index = 0;
  private at = 0;

  /**
   * @param payload the records, decompressed.
   * @throws InvalidRecordError when the batch's record count is negative.
   */
  constructor(batch: RecordBatch, payload: Buffer) {
    this.payload = payload;
    this.recordCount = batch.recordCount;
    this.baseOffset = batch.baseOffset;
    this.baseTimestamp = batch.baseTimestamp;
    this.logAppendTimeMs = batch.timestampType === "LogAppendTime" ? batch.maxTimestamp : undefined;
    if (this.recordCount < 0) throw new InvalidRecordError(0, `the batch says it has ${this.recordCount} records`);
  }

  /**
   * The next record, or undefined behind the last.
   * @throws InvalidRecordError when the bytes are no record, or bytes are left behind the last one.
   */
  next(): Record | undefined {
    const { payload, parts, index } = this;
    if (index === this.recordCount) return undefined;
    this.at = readRecord(payload, this.at, index, parts);
    this.index = index + 1;
    if (this.index === this.recordCount && this.at !== payload.length)
      throw new InvalidRecordError(index, `${payload.length - this.at} bytes are left behind the last record`);
    const offset = this.baseOffset + parts.offsetDelta;
    const timestamp = this.logAppendTimeMs ?? saturate(this.baseTimestamp + parts.timestampDelta);
    return new Record(payload, parts, offset, timestamp);
  }

  *[Symbol.iterator](): Generator<Record, void, undefined> {
    for (let record = this.next(); record !== undefined; record = this.next()) yield record;
  }
}

/** Finds the parts of the record at a position; returns the position behind it. */
function readRecord(payload: Buffer, start: number, index: number, parts: RecordParts): number {
  const bodyBytes = readVarint(payload, start, payload.length);
  const end = scan.at + bodyBytes;
  if (bodyBytes < 0 || end > payload.length)
    throw new InvalidRecordError(
      index,
      scan.at === BEYOND ? "it is missing or its length is no varint" : "it ends behind the batch",
    );
  let at = scan.at;
  parts.attributes = ((payload[at++] as number) << 24) >> 24;
  parts.timestampDelta = readVarlong(payload, at, end);
  parts.offsetDelta = readVarint(payload, scan.at, end);
  parts.keyBytes = readVarint(payload, scan.at, end);
  parts.keyAt = scan.at;
  at = behind(scan.at, parts.keyBytes, end, index, "its key");
  parts.valueBytes = readVarint(payload, at, end);
  parts.valueAt = scan.at;
  parts.headersAt = behind(scan.at, parts.valueBytes, end, index, "its value");
  parts.end = end;
  at = skipHeaders(payload, parts.headersAt, end, index);
  if (at !== end)
    throw new InvalidRecordError(index, `its length is ${bodyBytes}, its parts take ${at - end + bodyBytes}`);
  return end;
}

/** The position behind a key or value. */
function behind(at: number, sizeBytes: number, end: number, index: number, what: string): number {
  const next = sizeBytes < 0 ? at : at + sizeBytes;
  if (next > end) throw new InvalidRecordError(index, `${what} ends behind the record`);
  return next;
}

/**
 * The position behind a record's headers, count included.
 * @throws InvalidRecordError for a count that cannot be, a null key, or bytes that are missing.
 */
export function skipHeaders(payload: Uint8Array, start: number, end: number, index: number): number {
  const count = readVarint(payload, start, end);
  let at = scan.at;
  if (count < 0 || count > end - at) throw new InvalidRecordError(index, `${count} headers in ${end - at} bytes`);
  for (let left = count; left > 0; left--) {
    const keyBytes = readVarint(payload, at, end);
    if (keyBytes < 0) throw new InvalidRecordError(index, "a header without a key");
    const valueBytes = readVarint(payload, scan.at + keyBytes, end);
    at = valueBytes < 0 ? scan.at : scan.at + valueBytes;
    if (at > end) throw new InvalidRecordError(index, "a header ends behind the record");
  }
  return at;
}
