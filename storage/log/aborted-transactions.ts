/**
 * The aborted transactions that go with a read, put so that the simplest of readers drops the right records.
 */
import { BatchIterator } from "../../protocol/records/batch-iterator.ts";
import type { AbortedTransaction } from "../partition-log.ts";

/**
 * Differs from Kafka: the aborted transactions in the answer to a Fetch stand in the order of their first records, not in that of
 * their ends, for kafkajs would otherwise give its user records that were aborted.
 *
 * @param offset where the read begins.
 */
export function inOrderOfRecords(
  found: readonly AbortedTransaction[],
  offset: number,
  pieces: readonly Buffer[],
): AbortedTransaction[] {
  const underWay = new Set<number>();
  for (const { producerId, firstOffset } of found) if (firstOffset < offset) underWay.add(producerId);
  const needsPlaces = found.length > 1 && underWay.size > 0;
  const firstBatches = needsPlaces ? firstBatchesOf(underWay, offset, pieces) : NONE;
  const placed = found.map(({ producerId, firstOffset }) => {
    const at = firstOffset < offset ? (firstBatches.get(producerId) ?? Number.POSITIVE_INFINITY) : firstOffset;
    return { at, transaction: { producerId, firstOffset } };
  });
  placed.sort((a, b) => (a.at === b.at ? 0 : a.at - b.at));
  return placed.map(({ transaction }) => transaction);
}

const NONE: ReadonlyMap<number, number> = new Map();

/** By producer, where the read has the first of it: a record, or the marker of a transaction whose records are all before. */
function firstBatchesOf(
  producerIds: ReadonlySet<number>,
  offset: number,
  pieces: readonly Buffer[],
): Map<number, number> {
  const first = new Map<number, number>();
  const wanted = new Set(producerIds);
  for (const piece of pieces) {
    for (const { producerId, baseOffset } of new BatchIterator(piece)) {
      if (wanted.size === 0) return first;
      if (wanted.delete(producerId)) first.set(producerId, Math.max(offset, baseOffset));
    }
  }
  return first;
}
