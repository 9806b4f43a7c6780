/** Batches as no client of ours would send them, and a log to hand them to. */
import {
  ATTRIBUTES_AT,
  BATCH_LENGTH_AT,
  LAST_OFFSET_DELTA_AT,
  RECORD_COUNT_AT,
  RECORDS_AT,
  RecordBatch,
} from "../../../protocol/records/record-batch.ts";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import type { LogConfig } from "../../../storage/log-config.ts";
import { batchOf, type Fixture, openLog, surroundings } from "./log-fixture.ts";

/** A log for one test, closed when it is done. */
export async function withLog(check: (log: SegmentedLog, around: Fixture) => unknown, config: Partial<LogConfig> = {}) {
  const around = surroundings();
  const log = await openLog(around, { config });
  await check(log, around);
  await log.close();
}

/** Changes a batch and gives it the CRC that belongs to it. */
export function changed(batch: Buffer, change: (batch: Buffer) => void): Buffer {
  change(batch);
  new RecordBatch(batch).updateCrc();
  return batch;
}

export const prepare = (log: SegmentedLog, records: Buffer, requestVersion = 12) =>
  log.prepare(records, undefined, { origin: "client", requestVersion });

export const three = () => batchOf(["a", "b", "c"]);

/** A batch whose records are these bytes. */
export function batchWith(payload: Buffer, { codec = 0, count = 1 }: { codec?: number; count?: number } = {}): Buffer {
  const bytes = Buffer.concat([batchOf(["x"]).subarray(0, RECORDS_AT), payload]);
  bytes.writeInt32BE(bytes.length - 12, BATCH_LENGTH_AT);
  bytes.writeInt16BE(codec, ATTRIBUTES_AT);
  bytes.writeInt32BE(count, RECORD_COUNT_AT);
  bytes.writeInt32BE(count - 1, LAST_OFFSET_DELTA_AT);
  new RecordBatch(bytes).updateCrc();
  return bytes;
}

export const payloadOf = (batch: Buffer): Buffer => batch.subarray(RECORDS_AT);
