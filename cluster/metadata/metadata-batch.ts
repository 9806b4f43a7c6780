/**
 * A batch of the metadata log, decoded: an atomic unit of records, or control records.
 *
 * Owns: from bytes to records and back. Leaves transactions over several batches to metadata-loader.ts.
 */
import { BatchIterator } from "../../protocol/records/batch-iterator.ts";
import type { RecordBatch } from "../../protocol/records/record-batch.ts";
import { RecordIterator } from "../../protocol/records/record-iterator.ts";
import { type BatchHeader, writeBatch } from "./batch-writer.ts";
import { type ControlRecord, readControlRecord } from "./control-records.ts";
import type { MetadataRecord } from "./metadata-record.ts";
import { decodeMetadataRecord, encodeMetadataRecord } from "./metadata-record-serde.ts";

export interface MetadataBatch {
  readonly baseOffset: number;
  /** Inclusive. */
  readonly lastOffset: number;
  readonly leaderEpoch: number;
  /** When it was appended. */
  readonly timestamp: number;
  readonly sizeBytes: number;
  /** Empty in a control batch. */
  readonly records: readonly MetadataRecord[];
  readonly controls: readonly ControlRecord[];
}

/** The bytes are not what a metadata log holds. */
export class CorruptMetadata extends Error {
  override readonly name = "CorruptMetadata";
}

export function encodeMetadataBatch(header: BatchHeader, records: readonly MetadataRecord[]): Buffer {
  return writeBatch(
    header,
    records.map((record) => ({ key: null, value: encodeMetadataRecord(record) })),
    false,
  );
}

/** Decodes one batch; nothing of it refers to the buffer afterwards. @throws CorruptMetadata, UnknownMetadataRecord, ... */
export function decodeMetadataBatch(batch: RecordBatch): MetadataBatch {
  if (!batch.checkCrc()) throw new CorruptMetadata(`CRC of the batch at offset ${batch.baseOffset}`);
  if (batch.compression !== 0) throw new CorruptMetadata(`the batch at offset ${batch.baseOffset} is compressed`);
  const records: MetadataRecord[] = [];
  const controls: ControlRecord[] = [];
  for (const { key, value, offset } of new RecordIterator(batch, batch.records)) {
    if (value === null) throw new CorruptMetadata(`the record at offset ${offset} has no value`);
    if (!batch.isControl) {
      records.push(decodeMetadataRecord(value));
      continue;
    }
    if (key === null) throw new CorruptMetadata(`the control record at offset ${offset} has no key`);
    const control = readControlRecord(key, value);
    if (control !== undefined) controls.push(control);
  }
  return {
    baseOffset: batch.baseOffset,
    lastOffset: batch.lastOffset,
    leaderEpoch: batch.partitionLeaderEpoch,
    timestamp: batch.maxTimestamp,
    sizeBytes: batch.sizeBytes,
    records,
    controls,
  };
}

/** The whole batches in a buffer; what is cut off at its end is left out. @throws as decodeMetadataBatch. */
export function* metadataBatches(buffer: Buffer): Generator<MetadataBatch, void, undefined> {
  const batches = new BatchIterator(buffer);
  for (const batch of batches) yield decodeMetadataBatch(batch);
  if (batches.stoppedBy !== "end" && batches.stoppedBy !== "truncated") {
    throw new CorruptMetadata(`no batch at position ${batches.position}: ${batches.stoppedBy}`);
  }
}
