/**
 * The aborted transactions that go with a read, put so that the simplest of readers drops the right records.
 */
import { BatchIterator } from "../../protocol/records/batch-iterator.ts";
import type { AbortedTransaction } from "../partition-log.ts";

/**
 * Differs from Kafka: the aborted transactions of a Fetch stand in the order in which their records come in it, and of several, those
 * that were under way before it are left out when none of their records comes; kafkajs steps into one transaction a record, in the
 * order of the list, and otherwise gives its user what was aborted.
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
  const only = ({ producerId, firstOffset }: AbortedTransaction) => ({ producerId, firstOffset });
  if (found.length < 2) return found.map(only);
  const firstRecords = underWay.size === 0 ? NONE : firstRecordsOf(underWay, offset, pieces);
  const placed = found.flatMap((transaction) => {
    const { producerId, firstOffset } = transaction;
    const at = firstOffset < offset ? firstRecords.get(producerId) : firstOffset;
    return at === undefined ? [] : [{ at, transaction }];
  });
  placed.sort((a, b) => a.at - b.at);
  return placed.map(({ transaction }) => only(transaction));
}

const NONE: ReadonlyMap<number, number> = new Map();

/** By producer, the offset of the first batch of records that the read has of it before it ends a transaction. */
function firstRecordsOf(
  producerIds: ReadonlySet<number>,
  offset: number,
  pieces: readonly Buffer[],
): Map<number, number> {
  const first = new Map<number, number>();
  const wanted = new Set(producerIds);
  for (const piece of pieces) {
    for (const batch of new BatchIterator(piece)) {
      if (wanted.size === 0) return first;
      const { producerId } = batch;
      if (!wanted.has(producerId)) continue;
      wanted.delete(producerId);
      if (!batch.isControl) first.set(producerId, Math.max(offset, batch.baseOffset));
    }
  }
  return first;
}
