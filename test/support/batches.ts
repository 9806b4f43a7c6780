/** Record batches as clients send them, and damaged ones. */
import { RECORDS_AT, RecordBatch } from "../../protocol/records/record-batch.ts";
import {
  buildRecordBatch,
  type RecordBatchOptions,
  type RecordToWrite,
} from "../../protocol/records/record-batch-builder.ts";

/** A batch of text records of now. */
export function batchOf(values: readonly (string | RecordToWrite)[], options: RecordBatchOptions = {}): Buffer {
  const timestamp = Date.now();
  return buildRecordBatch(
    values.map((value) => (typeof value === "string" ? { key: "k", value, timestamp } : { timestamp, ...value })),
    options,
  );
}

/** A batch of one record that is exactly this long. */
export function batchOfBytes(sizeBytes: number, options: RecordBatchOptions = {}): Buffer {
  let value = Math.max(0, sizeBytes - RECORDS_AT - 16);
  for (;;) {
    const batch = buildRecordBatch([{ value: Buffer.alloc(value, "x"), timestamp: 1 }], options);
    if (batch.length === sizeBytes) return batch;
    if (batch.length > sizeBytes) throw new Error(`no batch has ${sizeBytes} bytes`);
    value++;
  }
}

/** The batch with something changed and a CRC that fits. */
export function changed(batch: Buffer, change: (batch: Buffer, view: RecordBatch) => void): Buffer {
  const copy = Buffer.from(batch);
  const view = new RecordBatch(copy);
  change(copy, view);
  view.updateCrc();
  return copy;
}

/** A batch whose records are these bytes, whatever they are. */
export function withPayload(payload: Buffer, attributes = 0, recordCount = 1): Buffer {
  const empty = batchOf(["x"]);
  return changed(Buffer.concat([empty.subarray(0, RECORDS_AT), payload]), (bytes) => {
    bytes.writeInt32BE(bytes.length - 12, 8);
    bytes.writeInt16BE(attributes, 21);
    bytes.writeInt32BE(recordCount - 1, 23);
    bytes.writeInt32BE(recordCount, 57);
  });
}
