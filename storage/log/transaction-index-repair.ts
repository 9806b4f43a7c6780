/**
 * Makes transaction indexes anew that do not say what the batches say.
 *
 * They have no checksum: an entry is believed when it is in order and its marker lies where it says. What they hold follows from
 * the batches and the producers as of the segment's start.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { HeaderScan } from "./header-scan.ts";
import type { LogState } from "./log-state.ts";
import { replayProducers } from "./producer-replay.ts";
import { ProducerState } from "./producer-state.ts";
import type { Segment } from "./segment.ts";

/** Looks at the index of each segment that has one. @param segments ascending. */
export async function repairTransactionIndexes(state: LogState, segments: readonly Segment[]): Promise<void> {
  for (const [index, segment] of segments.entries()) {
    const { transactionIndex } = segment;
    if (!transactionIndex.exists) continue;
    const endOffset = segments[index + 1]?.baseOffset ?? Number.POSITIVE_INFINITY;
    if (transactionIndex.isSound(endOffset) && hasItsMarkers(segment)) continue;
    state.around.logger.warn(
      { directory: state.directory.path, segment: segment.baseOffset },
      "a transaction index is damaged and made anew",
    );
    await rebuild(state, segment);
  }
}

/** True also where the batches are damaged themselves: the index is then all there is. */
function hasItsMarkers(segment: Segment): boolean {
  try {
    return segment.transactionIndex.all().every(({ lastOffset, producerId }) => {
      const span = segment.locate(lastOffset);
      if (span === undefined) return false;
      const batch = HeaderScan.lookup(segment.log, span.position, segment.sizeBytes).next();
      return batch?.isControl === true && batch.producerId === producerId;
    });
  } catch (error) {
    if (error instanceof KafkaError && error.code === ErrorCode.CORRUPT_MESSAGE) return true;
    throw error;
  }
}

async function rebuild(state: LogState, segment: Segment): Promise<void> {
  const nowMs = state.around.clock.monotonicMs();
  const producers = new ProducerState(state.around.producerLimits);
  const snapshot = state.snapshots.readAtOrBelow(segment.baseOffset, nowMs);
  if (snapshot === undefined) producers.clear(state.segments.first.baseOffset);
  else producers.load(snapshot.entries, snapshot.endOffset);
  replayProducers(producers, state.segments, segment.baseOffset, nowMs);
  segment.transactionIndex.beginRebuild(segment.baseOffset);
  const scan = new HeaderScan(segment.log, 0, segment.sizeBytes);
  for (let batch = scan.next(); batch !== undefined; batch = scan.next()) {
    const completed = producers.apply(batch, scan.markerOf(batch), nowMs);
    if (completed === undefined) continue;
    const lastStableOffset = producers.transactions.lastStableOffsetAfter(completed);
    if (completed.isAborted) segment.transactionIndex.append({ ...completed, lastStableOffset });
    producers.transactions.complete(completed);
  }
  await segment.transactionIndex.endRebuild();
}
