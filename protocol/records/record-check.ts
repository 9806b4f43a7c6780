/**
 * The pass over all records of a batch that a log makes for every batch a client sends.
 *
 * Owns: that the payload is exactly `recordCount` well-formed records, and what the log must know of them all. Allocates nothing
 * per record. Leaves to the log what a compacted topic or a time range allows; to name each offending record it walks again with
 * record-iterator.ts.
 */
import { saturate } from "./int64.ts";
import { InvalidRecordError } from "./invalid-record-error.ts";
import { skipHeaders } from "./record-iterator.ts";
import { BEYOND, readVarint, readVarlong, scan } from "./varint.ts";

const ATTRIBUTES_BYTES = 1;

export interface RecordSummary {
  /** Whether offset deltas are 0, 1, 2, ... */
  readonly sequentialOffsets: boolean;
  /** Index of the first record without a key, or -1. */
  readonly firstNullKey: number;
  /** Of the records' own timestamps; both -1 when there is no record. */
  readonly minTimestamp: number;
  readonly maxTimestamp: number;
}

/**
 * Checks the records of a batch.
 * @param payload the records, decompressed.
 * @throws InvalidRecordError for records that are missing or malformed, and for bytes behind the last.
 */
export function checkRecords(payload: Uint8Array, recordCount: number, baseTimestamp: number): RecordSummary {
  const end = payload.length;
  let at = 0;
  let sequentialOffsets = true;
  let firstNullKey = -1;
  let minDelta = Number.MAX_SAFE_INTEGER;
  let maxDelta = Number.MIN_SAFE_INTEGER;
  if (recordCount < 0) throw new InvalidRecordError(0, `the batch says it has ${recordCount} records`);
  for (let index = 0; index < recordCount; index++) {
    const bodyBytes = readVarint(payload, at, end);
    at = scan.at;
    const recordEnd = at + bodyBytes;
    if (bodyBytes < 0 || recordEnd > end) throw badLength(index, at, bodyBytes);
    const timestampDelta = readVarlong(payload, at + ATTRIBUTES_BYTES, recordEnd);
    if (timestampDelta < minDelta) minDelta = timestampDelta;
    if (timestampDelta > maxDelta) maxDelta = timestampDelta;
    if (readVarint(payload, scan.at, recordEnd) !== index) sequentialOffsets = false;
    const keyBytes = readVarint(payload, scan.at, recordEnd);
    if (keyBytes < 0 && firstNullKey < 0) firstNullKey = index;
    const valueBytes = readVarint(payload, keyBytes > 0 ? scan.at + keyBytes : scan.at, recordEnd);
    at = valueBytes > 0 ? scan.at + valueBytes : scan.at;
    at = payload[at] === 0 ? at + 1 : skipHeaders(payload, at, recordEnd, index);
    // What ran past the record's end, at whichever part, is seen here.
    if (at !== recordEnd) throw new InvalidRecordError(index, "its parts do not take the length it says it has");
  }
  if (at !== end)
    throw new InvalidRecordError(Math.max(0, recordCount - 1), `${end - at} bytes are left behind the last record`);
  if (recordCount === 0) return { sequentialOffsets, firstNullKey, minTimestamp: -1, maxTimestamp: -1 };
  return {
    sequentialOffsets,
    firstNullKey,
    minTimestamp: saturate(baseTimestamp + minDelta),
    maxTimestamp: saturate(baseTimestamp + maxDelta),
  };
}

function badLength(index: number, at: number, bodyBytes: number): InvalidRecordError {
  return new InvalidRecordError(
    index,
    at >= BEYOND ? "it is missing or its length is no varint" : `its length of ${bodyBytes} does not fit the batch`,
  );
}
