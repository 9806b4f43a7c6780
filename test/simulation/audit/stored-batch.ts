/** A batch of a log, by what tells it from every other: the checks compare these, not bytes. */
import { ControlRecordType, controlRecordType } from "../../../protocol/records/control-record.ts";
import type { RecordBatch } from "../../../protocol/records/record-batch.ts";
import { RecordIterator } from "../../../protocol/records/record-iterator.ts";

export interface StoredBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly leaderEpoch: number;
  readonly crc: number;
  /** -1: of no idempotent producer. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly isControl: boolean;
  readonly isTransactional: boolean;
  /** Whether it ends a transaction, and how; undefined for any other batch. */
  readonly marker: "commit" | "abort" | undefined;
  readonly maxTimestamp: number;
}

export function storedBatch(batch: RecordBatch): StoredBatch {
  return {
    baseOffset: batch.baseOffset,
    lastOffset: batch.lastOffset,
    leaderEpoch: batch.partitionLeaderEpoch,
    crc: batch.crc,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    isControl: batch.isControl,
    isTransactional: batch.isTransactional,
    marker: batch.isControl ? markerOf(batch) : undefined,
    maxTimestamp: batch.maxTimestamp,
  };
}

function markerOf(batch: RecordBatch): StoredBatch["marker"] {
  for (const { key } of new RecordIterator(batch, batch.records)) {
    const type = controlRecordType(key);
    if (type === ControlRecordType.COMMIT) return "commit";
    if (type === ControlRecordType.ABORT) return "abort";
  }
  return undefined;
}

export function isSameBatch(a: StoredBatch, b: StoredBatch): boolean {
  return (
    a.crc === b.crc && a.baseOffset === b.baseOffset && a.lastOffset === b.lastOffset && a.leaderEpoch === b.leaderEpoch
  );
}

export function describeBatch(batch: StoredBatch | undefined): string {
  if (batch === undefined) return "nothing";
  const { baseOffset, lastOffset, leaderEpoch, crc } = batch;
  return `${baseOffset}..${lastOffset} of epoch ${leaderEpoch} (${crc.toString(16)})`;
}

/** The index of the batch that holds an offset, or of the first behind it. */
export function indexOfOffset(batches: readonly StoredBatch[], offset: number): number {
  let low = 0;
  let high = batches.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((batches[middle] as StoredBatch).lastOffset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
