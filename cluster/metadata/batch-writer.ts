/**
 * Writes record batches of magic 2 as the metadata log and its snapshots hold them: uncompressed, without producer, every record
 * with the batch's timestamp and no headers.
 *
 * Owns: the layout of a batch that is made here rather than received. Leaves offsets and epochs to the caller.
 */
import { writeInt64 } from "../../protocol/records/int64.ts";
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_LENGTH_AT,
  CONTROL_BIT,
  CURRENT_MAGIC,
  LAST_OFFSET_DELTA_AT,
  LOG_OVERHEAD_BYTES,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  PARTITION_LEADER_EPOCH_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  RECORDS_AT,
  RecordBatch,
} from "../../protocol/records/record-batch.ts";
import { sizeOfVarint, writeVarint } from "../../protocol/records/varint.ts";

export interface BatchHeader {
  readonly baseOffset: number;
  readonly leaderEpoch: number;
  readonly timestamp: number;
}

export interface BatchRecord {
  readonly key: Buffer | null;
  readonly value: Buffer;
}

/** A batch of data or, with `control`, of control records. */
export function writeBatch(header: BatchHeader, records: readonly BatchRecord[], control: boolean): Buffer {
  let sizeBytes = RECORDS_AT;
  records.forEach((record, index) => {
    const bodyBytes = bodySize(record, index);
    sizeBytes += sizeOfVarint(bodyBytes) + bodyBytes;
  });
  const batch = Buffer.allocUnsafe(sizeBytes);
  writeInt64(batch, BASE_OFFSET_AT, header.baseOffset);
  batch.writeInt32BE(sizeBytes - LOG_OVERHEAD_BYTES, BATCH_LENGTH_AT);
  batch.writeInt32BE(header.leaderEpoch, PARTITION_LEADER_EPOCH_AT);
  batch[MAGIC_AT] = CURRENT_MAGIC;
  batch.writeInt16BE(control ? CONTROL_BIT : 0, ATTRIBUTES_AT);
  batch.writeInt32BE(records.length - 1, LAST_OFFSET_DELTA_AT);
  writeInt64(batch, BASE_TIMESTAMP_AT, header.timestamp);
  writeInt64(batch, MAX_TIMESTAMP_AT, header.timestamp);
  writeInt64(batch, PRODUCER_ID_AT, NO_PRODUCER_ID);
  batch.writeInt16BE(NO_PRODUCER_EPOCH, PRODUCER_EPOCH_AT);
  batch.writeInt32BE(NO_SEQUENCE, BASE_SEQUENCE_AT);
  batch.writeInt32BE(records.length, RECORD_COUNT_AT);
  let at = RECORDS_AT;
  records.forEach((record, index) => {
    at = writeRecord(batch, at, record, index);
  });
  new RecordBatch(batch).updateCrc();
  return batch;
}

function bodySize({ key, value }: BatchRecord, offsetDelta: number): number {
  // Attributes, timestamp delta 0 and header count 0 take a byte each.
  const keyBytes = key === null ? 1 : sizeOfVarint(key.length) + key.length;
  return 3 + sizeOfVarint(offsetDelta) + keyBytes + sizeOfVarint(value.length) + value.length;
}

function writeRecord(batch: Buffer, start: number, record: BatchRecord, offsetDelta: number): number {
  const { key, value } = record;
  let at = writeVarint(batch, start, bodySize(record, offsetDelta));
  batch[at++] = 0;
  batch[at++] = 0;
  at = writeVarint(batch, at, offsetDelta);
  at = writeVarint(batch, at, key === null ? -1 : key.length);
  if (key !== null) at += key.copy(batch, at);
  at = writeVarint(batch, at, value.length);
  at += value.copy(batch, at);
  batch[at++] = 0;
  return at;
}
