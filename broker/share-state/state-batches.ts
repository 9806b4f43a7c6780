/**
 * Batches of the state of a share partition, combined into the fewest that say the same.
 *
 * Owns: which of two batches counts where they overlap. Delivery counts only grow, and of one delivery only one state is final:
 * the higher count is the newer, of equal ones the higher state. So it does not matter in which order batches came.
 */
import type { StateBatch } from "./share-persister.ts";

/**
 * Sorted, none overlapping another, neighbours that say the same joined, nothing below the start offset (-1: nothing is cut).
 * A batch that ends before it begins says nothing.
 * @param known combined already: only where something is added is it looked at again.
 */
export function combinedBatches(
  known: readonly StateBatch[],
  added: readonly StateBatch[],
  startOffset: number,
): readonly StateBatch[] {
  const kept = startingAt(known, startOffset);
  if (added.length === 0) return kept;
  let [firstOffset, lastOffset] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const batch of added) {
    firstOffset = Math.min(firstOffset, batch.firstOffset);
    lastOffset = Math.max(lastOffset, batch.lastOffset);
  }
  // Neighbours may come to be one with what is added.
  const from = firstIndex(kept, (batch) => batch.lastOffset >= firstOffset - 1);
  const to = Math.max(
    from,
    firstIndex(kept, (batch) => batch.firstOffset > lastOffset + 1),
  );
  const between = combinedAnew([...kept.slice(from, to), ...added], startOffset);
  return from === 0 && to === kept.length ? between : [...kept.slice(0, from), ...between, ...kept.slice(to)];
}

function startingAt(batches: readonly StateBatch[], startOffset: number): readonly StateBatch[] {
  const [first] = batches;
  if (first === undefined || startOffset <= first.firstOffset) return batches;
  const [at, ...rest] = batches.slice(firstIndex(batches, (batch) => batch.lastOffset >= startOffset));
  if (at === undefined) return [];
  return [{ ...at, firstOffset: Math.max(at.firstOffset, startOffset) }, ...rest];
}

/** Of what holds from some batch on; their number when it holds of none. */
function firstIndex(batches: readonly StateBatch[], holds: (batch: StateBatch) => boolean): number {
  let [low, high] = [0, batches.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(batches[middle] as StateBatch)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** In whatever order they are, and over one another. */
function combinedAnew(all: readonly StateBatch[], startOffset: number): readonly StateBatch[] {
  const batches = all.filter((batch) => {
    return batch.firstOffset <= batch.lastOffset && (startOffset === -1 || batch.lastOffset >= startOffset);
  });
  batches.sort((a, b) => a.firstOffset - b.firstOffset);
  const begin = (batch: StateBatch): number => Math.max(batch.firstOffset, startOffset);
  const bounds = [...new Set(batches.flatMap((batch) => [begin(batch), batch.lastOffset + 1]))].sort((a, b) => a - b);
  const combined: StateBatch[] = [];
  const open = new BatchHeap();
  let next = 0;
  bounds.forEach((firstOffset, index) => {
    for (; next < batches.length && begin(batches[next] as StateBatch) <= firstOffset; next++) {
      open.push(batches[next] as StateBatch);
    }
    const newest = open.newestFrom(firstOffset);
    if (newest === undefined) return;
    const lastOffset = (bounds[index + 1] as number) - 1;
    const last = combined.at(-1);
    if (last !== undefined && last.lastOffset + 1 === firstOffset && order(last, newest) === 0) {
      combined[combined.length - 1] = { ...last, lastOffset };
    } else {
      const { deliveryState, deliveryCount } = newest;
      combined.push({ firstOffset, lastOffset, deliveryState, deliveryCount });
    }
  });
  return combined;
}

/** Positive when the first is the newer. */
function order(a: StateBatch, b: StateBatch): number {
  return a.deliveryCount - b.deliveryCount || a.deliveryState - b.deliveryState;
}

/** Batches that have begun, the newest on top: many may lie over one another. */
class BatchHeap {
  private readonly batches: StateBatch[] = [];

  push(batch: StateBatch): void {
    const { batches } = this;
    let at = batches.length;
    batches.push(batch);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (order(batch, batches[parent] as StateBatch) <= 0) break;
      batches[at] = batches[parent] as StateBatch;
      at = parent;
    }
    batches[at] = batch;
  }

  /** Of those that reach up to the offset; the others are forgotten as they come up. */
  newestFrom(offset: number): StateBatch | undefined {
    while (this.batches.length > 0 && (this.batches[0] as StateBatch).lastOffset < offset) this.pop();
    return this.batches[0];
  }

  private pop(): void {
    const { batches } = this;
    const moved = batches.pop() as StateBatch;
    if (batches.length === 0) return;
    let at = 0;
    for (let child = 1; child < batches.length; child = 2 * at + 1) {
      const right = child + 1;
      if (right < batches.length && order(batches[right] as StateBatch, batches[child] as StateBatch) > 0)
        child = right;
      if (order(batches[child] as StateBatch, moved) <= 0) break;
      batches[at] = batches[child] as StateBatch;
      at = child;
    }
    batches[at] = moved;
  }
}
