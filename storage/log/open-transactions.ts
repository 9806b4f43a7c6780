/**
 * The transactions that hold back the last stable offset: undecided ones, and decided ones whose marker is not replicated yet.
 *
 * Leaves to ProducerState: which batch opens a transaction and which marker ends it.
 * Invariant: undecided transactions stand in the order of their first offsets, for they open in the order of the log.
 */
import { strict as assert } from "node:assert";

export interface CompletedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Of the marker. */
  readonly lastOffset: number;
  readonly isAborted: boolean;
}

/** Never written to. */
const NONE = new Map<number, number>();

export class OpenTransactions {
  /** First offset to producer id. Most logs never see a transaction: the maps are made for the first one. */
  private undecided: Map<number, number> = NONE;
  /** First offset to the marker's. */
  private unreplicated: Map<number, number> = NONE;

  /** First offset of the earliest transaction without a marker; undefined when there is none. */
  get firstUndecidedOffset(): number | undefined {
    for (const firstOffset of this.undecided.keys()) return firstOffset;
    return undefined;
  }

  /** First offset of the earliest transaction that is undecided or whose end is not replicated. */
  get firstUnstableOffset(): number | undefined {
    let first = this.firstUndecidedOffset;
    for (const firstOffset of this.unreplicated.keys()) {
      if (first === undefined || firstOffset < first) first = firstOffset;
    }
    return first;
  }

  open(producerId: number, firstOffset: number): void {
    if (this.undecided === NONE) this.undecided = new Map();
    this.undecided.set(firstOffset, producerId);
  }

  /** The last stable offset once this transaction is replicated: what goes into the transaction index. */
  lastStableOffsetAfter(completed: CompletedTransaction): number {
    for (const [firstOffset, producerId] of this.undecided) {
      if (producerId !== completed.producerId) return firstOffset;
    }
    return completed.lastOffset + 1;
  }

  /** To be called once the transaction index has the transaction. */
  complete({ firstOffset, lastOffset }: CompletedTransaction): void {
    const wasOpen = this.undecided.delete(firstOffset);
    assert(wasOpen, "a transaction ends that was not open");
    if (this.unreplicated === NONE) this.unreplicated = new Map();
    this.unreplicated.set(firstOffset, lastOffset);
  }

  /** Markers below `offset` are replicated. */
  replicatedUpTo(offset: number): void {
    for (const [firstOffset, lastOffset] of this.unreplicated) {
      if (lastOffset < offset) this.unreplicated.delete(firstOffset);
    }
  }

  clear(): void {
    this.undecided = NONE;
    this.unreplicated = NONE;
  }
}
