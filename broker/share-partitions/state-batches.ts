/**
 * What is to be stored of a share partition, in as few pieces as say the same.
 */
import type { StateBatch } from "../share-state/share-persister.ts";

/** Pieces that follow one another with one state become one. */
export function joined(batches: readonly StateBatch[]): StateBatch[] {
  const result: StateBatch[] = [];
  for (const batch of batches) {
    const last = result[result.length - 1];
    const goesOn =
      last !== undefined &&
      last.lastOffset + 1 === batch.firstOffset &&
      last.deliveryState === batch.deliveryState &&
      last.deliveryCount === batch.deliveryCount;
    if (goesOn) result[result.length - 1] = { ...last, lastOffset: batch.lastOffset };
    else result.push(batch);
  }
  return result;
}
