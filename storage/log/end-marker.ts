/**
 * The record that ends a transaction in a partition, as far as the log needs it. What else control batches hold (leader changes,
 * snapshot frames) is of no concern to producer state.
 */
import { ControlRecordType, controlRecordType, coordinatorEpochOf } from "../../protocol/records/control-record.ts";
import { InvalidRecordError } from "../../protocol/records/invalid-record-error.ts";
import { RECORDS_AT, type RecordBatch } from "../../protocol/records/record-batch.ts";
import { RecordIterator } from "../../protocol/records/record-iterator.ts";

export interface EndMarker {
  readonly isAbort: boolean;
  readonly coordinatorEpoch: number;
}

/** A control batch of one record is no larger than this. */
export const MAX_MARKER_BATCH_BYTES = RECORDS_AT + 256;

/** The marker in a control batch that lies in its buffer whole; undefined when it holds none, as after cleaning. */
export function endMarkerOf(batch: RecordBatch): EndMarker | undefined {
  try {
    const record = new RecordIterator(batch, batch.records).next();
    if (record === undefined) return undefined;
    const type = controlRecordType(record.key);
    if (type !== ControlRecordType.ABORT && type !== ControlRecordType.COMMIT) return undefined;
    return { isAbort: type === ControlRecordType.ABORT, coordinatorEpoch: coordinatorEpochOf(record.value) };
  } catch (error) {
    // The CRC was right, so it was written so: no marker that anyone could read.
    if (error instanceof InvalidRecordError) return undefined;
    throw error;
  }
}
