/**
 * The records of a share partition that are under way: acquired, or released again, or done with while something before them is not.
 *
 * Owns: where the share group stands (start and end offset), which batches are held, what is to be read next, and that the start
 * moves past what is done with. Pure: knows no time, no log, no storing.
 * Terms: the start offset is the first record that is not done with (Kafka's SPSO); the end offset the last one that was ever
 * acquired (SPEO), or the next to read where nothing is held.
 */
import { DeliveryState, isDone } from "./delivery.ts";
import type { InFlightBatch } from "./in-flight-batch.ts";

export class InFlightRecords {
  startOffset: number;
  endOffset: number;
  /** In order; none overlaps another. */
  readonly batches: InFlightBatch[] = [];
  /** Something that was acquired may be available again. */
  private looksForAvailable = false;
  /**
   * What was stored may have holes: records that were acquired and never acknowledged under an earlier leader. They are to be read
   * still; holes that come later are none of the log's records. Over once the end moves on.
   */
  private holes: { readonly endOffset: number; firstOffset: number } | undefined;

  /** Nothing is held. */
  constructor(startOffset: number) {
    this.startOffset = startOffset;
    this.endOffset = startOffset;
  }

  /** Takes in what was stored. @param batches in order, none before the start offset. */
  restore(batches: readonly InFlightBatch[]): void {
    let expected = this.startOffset;
    let firstHole: number | undefined;
    for (const batch of batches) {
      if (firstHole === undefined && batch.firstOffset > expected) firstHole = expected;
      expected = batch.lastOffset + 1;
      this.batches.push(batch);
    }
    const last = this.last;
    if (last === undefined) return;
    this.looksForAvailable = true;
    this.endOffset = last.lastOffset;
    if (firstHole !== undefined) this.holes = { endOffset: this.endOffset, firstOffset: firstHole };
    this.moveStart();
  }

  get last(): InFlightBatch | undefined {
    return this.batches[this.batches.length - 1];
  }

  /** How many records count against the limit of the share partition. */
  get recordCount(): number {
    return this.batches.length === 0 ? 0 : this.endOffset - this.startOffset + 1;
  }

  /** Records from the start offset on that are done with (KIP-1226). */
  get doneCount(): number {
    let count = 0;
    for (const batch of this.batches) {
      if (batch.lastOffset < this.startOffset) continue;
      batch.visit((delivery, first, last) => {
        if (isDone(delivery.state) && last >= this.startOffset) count += last - Math.max(first, this.startOffset) + 1;
        return true;
      });
    }
    return count;
  }

  /** The hole that is to be read next; undefined when none is left. */
  get firstHole(): number | undefined {
    const { holes } = this;
    if (holes === undefined || holes.endOffset !== this.endOffset) return undefined;
    return Math.max(holes.firstOffset, this.startOffset);
  }

  /** Records up to an offset have been acquired or passed over. */
  passHoles(nextOffset: number): void {
    const { holes } = this;
    if (holes === undefined) return;
    if (holes.endOffset !== this.endOffset || nextOffset > holes.endOffset) this.holes = undefined;
    // Records before a hole may be given again.
    else holes.firstOffset = Math.max(holes.firstOffset, nextOffset);
  }

  /** Something may be available that lies before the end. */
  becameAvailable(): void {
    this.looksForAvailable = true;
  }

  /** Where to read next. */
  get nextFetchOffset(): number {
    const { last } = this;
    if (last === undefined || this.startOffset > last.lastOffset) {
      this.looksForAvailable = false;
      return this.endOffset;
    }
    if (this.looksForAvailable) {
      const available = this.firstAvailable();
      if (available !== undefined) return available;
      this.looksForAvailable = false;
    }
    return this.endOffset + 1;
  }

  private firstAvailable(): number | undefined {
    let hole = this.firstHole;
    for (const batch of this.batches) {
      if (hole !== undefined) {
        if (batch.firstOffset > hole) return hole;
        hole = Math.max(batch.lastOffset + 1, hole);
      }
      let found: number | undefined;
      batch.visit((delivery, first, last) => {
        if (delivery.isAvailable && last >= this.startOffset) found = Math.max(first, this.startOffset);
        return found === undefined;
      });
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Whether a read makes sense: there is room for more, or something before the end is available. */
  hasRoom(maxRecords: number): boolean {
    return this.nextFetchOffset !== this.endOffset + 1 || this.recordCount < maxRecords;
  }

  /** Index of the last batch that starts at or before an offset; -1 when there is none. */
  floorIndex(offset: number): number {
    const { batches } = this;
    let low = 0;
    let high = batches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((batches[middle] as InFlightBatch).firstOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The batches that start between two offsets, inclusive. */
  startingWithin(firstOffset: number, lastOffset: number): readonly InFlightBatch[] {
    return this.batches.slice(this.floorIndex(firstOffset - 1) + 1, this.floorIndex(lastOffset) + 1);
  }

  /** Adds a batch, before or behind those that are there. */
  add(batch: InFlightBatch): void {
    this.batches.splice(this.floorIndex(batch.firstOffset) + 1, 0, batch);
  }

  /** The log starts later now: what lies before is nobody's any more. What is acquired stays so until it is given back. */
  raiseStart(logStartOffset: number): void {
    if (logStartOffset <= this.startOffset) return;
    this.archive(this.startOffset, logStartOffset - 1, DeliveryState.AVAILABLE);
    this.startOffset = logStartOffset;
    this.endOffset = Math.max(this.endOffset, logStartOffset);
  }

  /** Archives the records in a state that lie between two offsets, inclusive. */
  archive(firstOffset: number, lastOffset: number, state: DeliveryState): void {
    for (let i = Math.max(0, this.floorIndex(firstOffset)); i < this.batches.length; i++) {
      const batch = this.batches[i] as InFlightBatch;
      if (batch.firstOffset > lastOffset) break;
      if (batch.lastOffset < firstOffset) continue;
      if (!batch.isSplit && !batch.liesWithin(firstOffset, lastOffset)) {
        if (batch.whole.state !== state || batch.whole.isChanging) continue;
        batch.split();
      }
      batch.visit((delivery, offset) => {
        const isMeant = !batch.isSplit || (offset >= firstOffset && offset <= lastOffset);
        if (isMeant && delivery.state === state) {
          delivery.archive();
          this.looksForAvailable = true;
        }
        return true;
      });
    }
  }

  /** Moves the start past what is done with, and drops the batches that lie wholly before it; true when it moved. */
  moveStart(): boolean {
    const before = this.startOffset;
    let next = -1;
    let dropped = 0;
    let hole = this.firstHole;
    for (const batch of this.batches) {
      if (hole !== undefined) {
        // A hole is to be read still: the start stops there.
        if (batch.firstOffset > hole) break;
        hole = Math.max(batch.lastOffset + 1, hole);
      }
      const isOver = batch.visit((delivery, _first, last) => {
        // Before the start nobody gets anything any more; whoever holds it may still give it back.
        if (!delivery.isSettled && !(last < before && delivery.isAvailable)) return false;
        next = last + 1;
        return true;
      });
      if (!isOver) break;
      dropped++;
    }
    if (next === -1) return false;
    if (dropped === this.batches.length) {
      this.batches.length = 0;
      this.startOffset = Math.max(next, this.startOffset);
      this.endOffset = this.startOffset;
      this.holes = undefined;
      return this.startOffset !== before;
    }
    this.batches.splice(0, dropped);
    // Between batches lies nothing that the log has, save for holes.
    const following = (this.batches[0] as InFlightBatch).firstOffset;
    const target = next < following ? Math.min(following, hole ?? following) : next;
    this.startOffset = Math.max(this.startOffset, target);
    return this.startOffset !== before;
  }
}
