/**
 * Reads what a crash may have damaged: the batches behind the recovery point.
 *
 * Owns: that after it the log ends with a whole, valid batch, that no later segment is left, and that indexes, leader epochs and
 * producers say what the batches say. Leaves to loading.ts: what else opening takes. The recovery point stays: what was read here
 * was in the page cache, not on the device (KAFKA-10101).
 */
import type { RecordBatch } from "../../protocol/records/record-batch.ts";
import { ChecksumScan } from "./checksum-scan.ts";
import type { EndMarker } from "./end-marker.ts";
import { HeaderScan } from "./header-scan.ts";
import type { LogState } from "./log-state.ts";
import { loadSnapshot, replayProducers } from "./producer-replay.ts";
import { MAX_INDEX_GAP_BYTES, type Segment } from "./segment.ts";
import { removeSegmentFiles } from "./segment-files.ts";
import { rollAfterCut } from "./segment-roll.ts";

/** Where to read from: a position in a segment and the offset that starts there. */
interface ScanStart {
  readonly position: number;
  readonly offset: number;
}

interface ScanBounds extends ScanStart {
  /** Where the next segment starts: it was made after what lies behind that was cut from this one (see segment-roll.ts). */
  readonly endOffset: number;
}

export interface RecoveryOptions {
  readonly recoveryPoint: number;
  /** No producer state is looked for below it. */
  readonly logStartOffset: number;
  /** Offsets may be left out on purpose. */
  readonly mayHaveHoles: boolean;
}

/** Recovers from the segment that holds the recovery point on, of which there is at least one. */
export async function recoverSegments(state: LogState, options: RecoveryOptions): Promise<void> {
  const { segments, producers, snapshots } = state;
  const { recoveryPoint, logStartOffset, mayHaveHoles } = options;
  const nowMs = state.around.clock.monotonicMs();
  let index = Math.max(0, segments.floorIndex(recoveryPoint));
  let nextOffset = recoveryPoint;
  // The one before may have got back what was cut from it when this one was made.
  while (index > 0 && reaches(segments.all[index - 1] as Segment, segments.all[index] as Segment)) {
    nextOffset = Math.min(nextOffset, (segments.all[index--] as Segment).baseOffset);
  }
  // A recovery point that was lowered by a truncation says nothing of the indexes of what is left before it.
  if (index > 0 && (segments.all[index] as Segment).baseOffset === nextOffset)
    segments.at(index - 1)?.completeIndexes();
  let start = startOfScan(segments.all[index] as Segment, nextOffset);
  const epochsBefore = state.epochs.all;
  loadSnapshot(producers, snapshots, segments, logStartOffset, start.offset, nowMs);
  replayProducers(producers, segments, start.offset, nowMs);
  for (let segment = segments.at(index); segment !== undefined; segment = segments.at(++index)) {
    if (segment.baseOffset < start.offset && start.position === 0) {
      removeSegmentsFrom(state, index);
      break;
    }
    if (segment.baseOffset > start.offset && start.position === 0 && !mayHaveHoles) {
      reportHole(state, segment, start.offset);
      removeSegmentsFrom(state, index);
      break;
    }
    if (start.position === 0) {
      start = { position: 0, offset: segment.baseOffset };
      producers.endOffset = segment.baseOffset;
      snapshots.take(producers, logStartOffset);
    }
    const endOffset = segments.at(index + 1)?.baseOffset ?? Number.POSITIVE_INFINITY;
    const isIntact = await recoverSegment(state, segment, { ...start, endOffset }, mayHaveHoles, nowMs);
    start = { position: 0, offset: state.logEndOffset };
    // Damage ends the log: what lies behind it cannot be told from what was never acknowledged.
    if (!isIntact && state.logEndOffset < endOffset) removeSegmentsFrom(state, index + 1);
  }
  // Something was cut. LogFlush finds the segment and syncs it.
  if (segments.length > 0 && segments.active.isUnsynced) rollAfterCut(state, { rolled: () => {} });
  snapshots.keepBetween(logStartOffset, state.logEndOffset);
  state.epochs.truncateFromEnd(state.logEndOffset);
  if (state.epochs.all !== epochsBefore) state.saveEpochs();
}

/**
 * What lies between two segments was there once: the power took the end of one and left the next, which was written later. Only the
 * cleaner, and a leader it has been at, leave out offsets on purpose.
 *
 * Differs from Kafka: after a crash a log that is not compacted ends where records are missing between two segments; Kafka goes on
 * behind the hole, and the replica lacks committed records.
 */
function reportHole({ around, directory }: LogState, { baseOffset }: Segment, logEndOffset: number): void {
  around.logger.warn(
    { directory: directory.path, segment: baseOffset, logEndOffset },
    "the log was cut at a hole: the power took what lay before a segment",
  );
}

/** Removes segments from the list and from the disk. */
export function removeSegmentsFrom(state: LogState, index: number): void {
  for (const segment of state.segments.all.slice(index)) {
    state.segments.remove(segment);
    segment.close();
    removeSegmentFiles(state.directory, segment.baseOffset, "");
    state.snapshots.remove(segment.baseOffset);
  }
}

/** Whether a segment ends with what the next one takes the place of, or with a part of it. */
function reaches(segment: Segment, next: Segment): boolean {
  const last = segment.lastBatch();
  if (last === undefined) return segment.sizeBytes > 0;
  return last.lastOffset >= next.baseOffset || last.position + last.sizeBytes < segment.sizeBytes;
}

/** Finds the recovery point with the help of the indexes; the start of the segment when they cannot be believed. */
function startOfScan(segment: Segment, recoveryPoint: number): ScanStart {
  const { baseOffset, sizeBytes, offsetIndex, timeIndex, transactionIndex } = segment;
  const fromStart = { position: 0, offset: baseOffset };
  if (recoveryPoint <= baseOffset || sizeBytes === 0) return fromStart;
  const indexesAreSound =
    offsetIndex.entries.isSound && timeIndex.entries.isSound && transactionIndex.isSound(recoveryPoint);
  if (!indexesAreSound) return fromStart;
  offsetIndex.entries.truncate(offsetIndex.soundCount(sizeBytes));
  const found = offsetIndex.lookup(recoveryPoint - 1);
  if (!segment.confirms(found)) return fromStart;
  const scan = new HeaderScan(segment.log, found.position, sizeBytes);
  let start: ScanStart = { position: found.position, offset: baseOffset };
  for (let batch = scan.next(); batch !== undefined && batch.baseOffset < recoveryPoint; batch = scan.next()) {
    // Half written: the offset of what should come next is not there, be its CRC right.
    if (batch.baseOffset < start.offset) break;
    start = { position: scan.nextPosition, offset: batch.nextOffset };
    if (start.position - found.position > MAX_INDEX_GAP_BYTES) return fromStart;
  }
  // Anything but a batch that ends there is no place to start: a hole may lie before it, never a batch across it.
  return start.offset > recoveryPoint || start.position === 0 ? fromStart : start;
}

/** Takes in the valid batches from `start` on and cuts what follows; true when nothing does. */
async function recoverSegment(
  state: LogState,
  segment: Segment,
  start: ScanBounds,
  mayHaveHoles: boolean,
  nowMs: number,
): Promise<boolean> {
  const { sizeBytes } = segment;
  if (start.position === 0) {
    segment.clearIndexes();
  } else {
    segment.keepIndexesBefore(start.position, start.offset);
  }
  segment.transactionIndex.beginRebuild(start.position === 0 ? segment.baseOffset : start.offset);
  const scan = new ChecksumScan(segment.log, start.position, sizeBytes);
  let { offset } = start;
  let validEnd = start.position;
  let leaderEpoch = offset === 0 ? -1 : state.epochs.epochFor(offset - 1);
  for (;;) {
    const batch = scan.next();
    if (batch === undefined) {
      if (await scan.readOn()) continue;
      break;
    }
    // The offset of a batch is not under its CRC: where nothing is left out on purpose, one that does not follow is damaged.
    const follows = mayHaveHoles ? batch.baseOffset >= offset : batch.baseOffset === offset;
    if (!follows || !segment.canHold(batch.lastOffset) || batch.lastOffset >= start.endOffset) break;
    // Epochs never go back: this one was cut off, and a power cut brought it back behind what took its place.
    const { partitionLeaderEpoch } = batch;
    if (partitionLeaderEpoch >= 0 && partitionLeaderEpoch < leaderEpoch) break;
    leaderEpoch = Math.max(leaderEpoch, partitionLeaderEpoch);
    takeIn(state, segment, batch, scan.position, scan.markerOf(batch), nowMs);
    offset = batch.nextOffset;
    validEnd = scan.validEnd;
  }
  if (validEnd < sizeBytes) {
    state.around.logger.warn(
      {
        directory: state.directory.path,
        segment: segment.baseOffset,
        logEndOffset: offset,
        cutBytes: sizeBytes - validEnd,
      },
      "the log was cut to its last whole batch",
    );
    segment.cut(validEnd);
  }
  await segment.transactionIndex.endRebuild();
  segment.seal();
  state.logEndOffset = offset;
  state.producers.endOffset = offset;
  return validEnd === sizeBytes;
}

function takeIn(
  state: LogState,
  segment: Segment,
  batch: RecordBatch,
  position: number,
  marker: EndMarker | undefined,
  nowMs: number,
): void {
  segment.noteBatch(position, batch.sizeBytes, batch.lastOffset, batch.maxTimestamp);
  takeInEpoch(state, batch.partitionLeaderEpoch, batch.baseOffset);
  const completed = state.producers.apply(batch, marker, nowMs);
  if (completed === undefined) return;
  if (completed.isAborted) {
    const lastStableOffset = state.producers.transactions.lastStableOffsetAfter(completed);
    segment.transactionIndex.append({ ...completed, lastStableOffset });
  }
  state.producers.transactions.complete(completed);
}

/** Where the checkpoint says something else than the batches, it is from before a truncation: the batches are right. */
function takeInEpoch({ epochs }: LogState, leaderEpoch: number, baseOffset: number): void {
  if (leaderEpoch < 0 || epochs.epochFor(baseOffset) === leaderEpoch) return;
  epochs.truncateFromEnd(baseOffset);
  if (leaderEpoch > epochs.latestEpoch) epochs.assign(leaderEpoch, baseOffset);
}
