/**
 * The batches of a read of a log, by the offsets in their headers: what an acquisition goes by, and which bytes go with it.
 *
 * Invariant: only whole batches; nothing is copied.
 */
import { BatchIterator } from "../../protocol/records/batch-iterator.ts";
import type { RecordBatch } from "../../protocol/records/record-batch.ts";
import { endMarkerOf } from "../../storage/log/end-marker.ts";
import type { AbortedTransaction, LogRead } from "../../storage/partition-log.ts";

export interface FetchedBatch {
  readonly baseOffset: number;
  /** Inclusive. */
  readonly lastOffset: number;
  readonly batch: RecordBatch;
  /** Which piece of the read it lies in. */
  readonly piece: Buffer;
}

export function batchesOf({ pieces }: LogRead): FetchedBatch[] {
  const batches: FetchedBatch[] = [];
  for (const piece of pieces) {
    for (const batch of new BatchIterator(piece)) {
      const { baseOffset } = batch;
      batches.push({ baseOffset, lastOffset: baseOffset + batch.lastOffsetDelta, batch, piece });
    }
  }
  return batches;
}

/** Views of the batches that have to do with the offsets from the first to the last, inclusive. */
export function bytesWithin(batches: readonly FetchedBatch[], firstOffset: number, lastOffset: number): Buffer[] {
  const views: Buffer[] = [];
  let piece: Buffer | undefined;
  let start = 0;
  let end = 0;
  const finish = (): void => {
    if (piece !== undefined && end > start) views.push(piece.subarray(start, end));
  };
  for (const { baseOffset, lastOffset: last, batch, piece: holder } of batches) {
    if (last < firstOffset) continue;
    if (baseOffset > lastOffset) break;
    if (holder !== piece) {
      finish();
      piece = holder;
      start = batch.position;
    }
    end = batch.position + batch.sizeBytes;
  }
  finish();
  return views;
}

/** The batches of transactions that were aborted, which a group that reads what is committed must not see. */
export function abortedBatches(
  batches: readonly FetchedBatch[],
  aborted: readonly AbortedTransaction[],
): FetchedBatch[] {
  const waiting = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const producers = new Set<number>();
  const found: FetchedBatch[] = [];
  let next = 0;
  for (const fetched of batches) {
    const { batch, lastOffset } = fetched;
    const { producerId } = batch;
    if (producerId < 0) continue;
    for (; next < waiting.length && (waiting[next] as AbortedTransaction).firstOffset <= lastOffset; next++) {
      producers.add((waiting[next] as AbortedTransaction).producerId);
    }
    if (batch.isControl) {
      if (endMarkerOf(batch)?.isAbort === true) producers.delete(producerId);
    } else if (batch.isTransactional && producers.has(producerId)) {
      found.push(fetched);
    }
  }
  return found;
}
