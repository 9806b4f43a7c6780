/**
 * Acquired records without those of some batches of the log.
 */
import type { AcquiredRecords } from "./acquisition.ts";

interface OffsetRange {
  readonly baseOffset: number;
  /** Inclusive. */
  readonly lastOffset: number;
}

/** Both in the order of offsets. */
export function withoutBatches(
  acquired: readonly AcquiredRecords[],
  unwanted: readonly OffsetRange[],
): AcquiredRecords[] {
  const result: AcquiredRecords[] = [];
  for (const { firstOffset, lastOffset, deliveryCount } of acquired) {
    let from = firstOffset;
    for (const { baseOffset, lastOffset: end } of unwanted) {
      if (end < from) continue;
      if (baseOffset > lastOffset) break;
      if (baseOffset > from) result.push({ firstOffset: from, lastOffset: baseOffset - 1, deliveryCount });
      from = end + 1;
    }
    if (from <= lastOffset) result.push({ firstOffset: from, lastOffset, deliveryCount });
  }
  return result;
}
