/**
 * Brings a log's producer state to an offset: from the newest snapshot at or below it, then by the headers of the batches behind.
 *
 * Synchronous: a flush takes a snapshot often enough (see LogFlush) that little is left to walk.
 */
import { HeaderScan } from "./header-scan.ts";
import { recallBatches } from "./producer-recall.ts";
import type { ProducerSnapshots } from "./producer-snapshots.ts";
import type { ProducerState } from "./producer-state.ts";
import type { SegmentList } from "./segment-list.ts";

/** Loads the newest snapshot in [from, to] and what the segments add to it; without one the state is empty as of `from`. */
export function loadSnapshot(
  state: ProducerState,
  snapshots: ProducerSnapshots,
  segments: SegmentList,
  from: number,
  to: number,
  nowMs: number,
): void {
  snapshots.keepBetween(from, to);
  const newest = snapshots.readNewest(nowMs);
  if (newest === undefined) {
    state.clear(from);
    return;
  }
  state.load(newest.entries, newest.endOffset);
  recallBatches(state, segments);
}

/** Applies what the segments hold from the state's end offset to `to`. */
export function replayProducers(state: ProducerState, segments: SegmentList, to: number, nowMs: number): void {
  const from = state.endOffset < to ? Math.max(0, segments.floorIndex(state.endOffset)) : segments.length;
  for (let index = from; index < segments.length; index++) {
    const segment = segments.all[index];
    if (segment === undefined || segment.baseOffset >= to) break;
    const { sizeBytes } = segment;
    if (sizeBytes === 0) continue;
    const scan = new HeaderScan(segment.log, segment.startFor(state.endOffset), sizeBytes);
    for (let batch = scan.next(); batch !== undefined && batch.baseOffset < to; batch = scan.next()) {
      if (batch.lastOffset < state.endOffset || batch.producerId < 0) continue;
      const completed = state.apply(batch, scan.markerOf(batch), nowMs);
      if (completed !== undefined) state.transactions.complete(completed);
    }
  }
  state.endOffset = to;
}
