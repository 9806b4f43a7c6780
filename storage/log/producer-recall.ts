/**
 * Reads from a log's end what a producer snapshot leaves out: it has the last batch of each producer, and a retry may be of one of
 * the four before.
 *
 * Owns: how far back is looked, which bounds what opening a log costs. Leaves to ProducerEntry: the window.
 */
import type { RecordBatch } from "../../protocol/records/record-batch.ts";
import { HeaderScan } from "./header-scan.ts";
import type { ProducerEntry, StoredBatch } from "./producer-entry.ts";
import type { ProducerState } from "./producer-state.ts";
import type { Segment } from "./segment.ts";
import type { SegmentList } from "./segment-list.ts";

/** Index entries from the end to where the walk begins: as many batches, or as many times index.interval.bytes of small ones. */
const ENTRIES_BACK = 16;
/** A log may have many short segments, as each truncation begins another: so many bytes are looked through, if there are no more. */
const LEAST_WALK_BYTES = 64 * 1024;
/** Offsets that the first stride of a look back covers. */
const FIRST_STRIDE = 256;
/** Some milliseconds of the loop. */
const MAX_BATCHES_BACK = 4096;
/** More than so many of the largest batches: the index has lost entries, and a walk would take long. */
const MAX_WALK_BYTES = 32 * 1024 * 1024;

/**
 * Gives the producers that a snapshot knew the batches before their last one, as far as they lie near its end.
 *
 * Differs from Kafka: after a restart or a truncation a retry of any of a producer's last five batches is known as such; Kafka then
 * knows the last one only and refuses the others as out of order.
 */
export function recallBatches(state: ProducerState, segments: SegmentList): void {
  if (state.isEmpty) return;
  const found = new Map<number, StoredBatch[]>();
  for (const { segment, position } of startsOf(segments, state.endOffset)) {
    const scan = HeaderScan.lookup(segment.log, position, segment.sizeBytes);
    for (let batch = scan.next(); batch !== undefined && batch.baseOffset < state.endOffset; batch = scan.next()) {
      const { producerId, producerEpoch } = batch;
      if (producerId < 0 || batch.isControl || !state.knows(producerId, producerEpoch)) continue;
      const batches = found.get(producerId);
      if (batches === undefined) found.set(producerId, [stored(batch)]);
      else batches.push(stored(batch));
    }
  }
  for (const [producerId, batches] of found) state.recall(producerId, batches);
}

/**
 * What the log holds of one producer before the batches that are known of it, in order: for a retry that is not among those which
 * lay near the log's end. Goes back in strides that double, over a bounded number of batches.
 */
export function lookBack(
  segments: SegmentList,
  { producerId, producerEpoch, batches, missing }: ProducerEntry,
): StoredBatch[] {
  const [oldest] = batches;
  if (oldest === undefined || segments.length === 0) return [];
  const found: StoredBatch[] = [];
  let before = oldest.lastOffset - oldest.offsetDelta;
  let stride = FIRST_STRIDE;
  let left = MAX_BATCHES_BACK;
  while (found.length < missing && left > 0 && before > segments.first.baseOffset) {
    const segment = segments.at(segments.floorIndex(before - 1)) as Segment;
    const from = Math.max(segment.baseOffset, before - stride);
    const scan = HeaderScan.lookup(segment.log, segment.startFor(from), segment.sizeBytes);
    const here: StoredBatch[] = [];
    let start = from;
    for (let batch = scan.next(); batch !== undefined && batch.baseOffset < before; batch = scan.next()) {
      start = Math.min(start, batch.baseOffset);
      // With few index entries a stride is long, and what comes right before is at its end.
      if (left-- === 0) return found;
      if (batch.producerId === producerId && batch.producerEpoch === producerEpoch && !batch.isControl)
        here.push(stored(batch));
    }
    found.unshift(...here);
    before = start;
    stride *= 2;
  }
  return found;
}

function stored({ lastSequence, lastOffset, lastOffsetDelta, maxTimestamp }: RecordBatch): StoredBatch {
  return { lastSequence, lastOffset, offsetDelta: lastOffsetDelta, timestamp: maxTimestamp };
}

/** Where to walk from, in order: within the segment that ends at the offset, and in those before it while they are short. */
function startsOf(segments: SegmentList, endOffset: number): { segment: Segment; position: number }[] {
  const starts: { segment: Segment; position: number }[] = [];
  const index = segments.floorIndex(endOffset - 1);
  let leftBytes = MAX_WALK_BYTES;
  for (let at = index; at >= 0 && (at > index - 2 || MAX_WALK_BYTES - leftBytes < LEAST_WALK_BYTES); at--) {
    const segment = segments.at(at) as Segment;
    const position = segment.sizeBytes === 0 ? undefined : segment.tailStart(ENTRIES_BACK);
    if (position === undefined) break;
    leftBytes -= segment.sizeBytes - position;
    if (leftBytes < 0) break;
    starts.unshift({ segment, position });
    if (position > 0) break;
  }
  return starts;
}
