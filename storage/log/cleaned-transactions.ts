/**
 * The transactions that the cleaner has come upon in one pass over a log, and so which of their markers may go.
 *
 * A marker may go once no batch of its transaction is left before it; data of an aborted transaction may go at once, for its
 * marker, which the cleaner never passes before it is stable, is behind it. What is kept of aborted transactions is written to
 * the transaction index of the cleaned segment.
 */
import { ControlRecordType, controlRecordType } from "../../protocol/records/control-record.ts";
import type { RecordBatch } from "../../protocol/records/record-batch.ts";
import { RecordIterator } from "../../protocol/records/record-iterator.ts";
import type { AbortedTransactionEntry } from "./transaction-index.ts";

interface AbortedTransaction {
  readonly entry: AbortedTransactionEntry;
  /** Whether a batch of it was seen: then its marker stays. */
  seen: boolean;
}

export class CleanedTransactions {
  /** Producers with data of a transaction that is not aborted, its marker still to come. */
  private readonly committed = new Set<number>();
  private readonly aborted = new Map<number, AbortedTransaction>();
  /** Aborted transactions that begin further on, by first offset. */
  private ahead: AbortedTransactionEntry[] = [];
  /** Entry of each aborted transaction whose marker stays, as the pass comes by it. */
  onAbortKept: ((entry: AbortedTransactionEntry) => void) | undefined;

  /** Adds what the transaction indexes say of the stretch that comes next. */
  expect(entries: readonly AbortedTransactionEntry[]): void {
    if (entries.length === 0) return;
    this.ahead = [...this.ahead, ...entries].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Notes a data batch; true when it belongs to an aborted transaction. */
  passData(batch: RecordBatch): boolean {
    this.startAbortedUpTo(batch.lastOffset);
    if (!batch.isTransactional) return false;
    const aborted = this.aborted.get(batch.producerId);
    if (aborted === undefined) {
      this.committed.add(batch.producerId);
      return false;
    }
    aborted.seen = true;
    return true;
  }

  /** Notes a control batch; true when nothing before it needs it any more. */
  passControl(batch: RecordBatch): boolean {
    this.startAbortedUpTo(batch.lastOffset);
    const record = new RecordIterator(batch, batch.records).next();
    // It was emptied by an earlier cleaning.
    if (record === undefined) return true;
    const { producerId } = batch;
    switch (controlRecordType(record.key)) {
      case ControlRecordType.ABORT: {
        const aborted = this.aborted.get(producerId);
        this.aborted.delete(producerId);
        if (aborted?.seen !== true) return true;
        this.onAbortKept?.(aborted.entry);
        return false;
      }
      case ControlRecordType.COMMIT:
        return !this.committed.delete(producerId);
      default:
        return false;
    }
  }

  private startAbortedUpTo(offset: number): void {
    let count = 0;
    for (; count < this.ahead.length; count++) {
      const entry = this.ahead[count] as AbortedTransactionEntry;
      if (entry.firstOffset > offset) break;
      if (!this.aborted.has(entry.producerId)) this.aborted.set(entry.producerId, { entry, seen: false });
    }
    if (count > 0) this.ahead.splice(0, count);
  }
}
