/**
 * Opens what lies in a partition's directory.
 *
 * Owns: the order: leftovers, segments, damage (see recovery.ts), log start, leader epochs, producers, marks. After an orderly stop
 * nothing is scanned but the last few batches of the last segment. Leaves to SegmentedLog: everything from then on.
 */
import { formatEpochs, readEpochCheckpoint } from "./epoch-checkpoint.ts";
import { rewriteAfterFailedSync } from "./failed-sync.ts";
import { HeaderScan } from "./header-scan.ts";
import { finishInterrupted, snapshotOffsets } from "./interrupted-swap.ts";
import { LeaderEpochs } from "./leader-epochs.ts";
import type { LogState } from "./log-state.ts";
import type { OpenLogOptions } from "./log-surroundings.ts";
import { LOG_SUFFIX, offsetFileName, offsetOfFileName, TRANSACTION_INDEX_SUFFIX } from "./partition-directory.ts";
import { loadSnapshot, replayProducers } from "./producer-replay.ts";
import { ProducerSnapshots } from "./producer-snapshots.ts";
import { recoverSegments, removeSegmentsFrom } from "./recovery.ts";
import { repairTransactionIndexes } from "./transaction-index-repair.ts";

/** @throws DiskError; KafkaError UNSUPPORTED_FOR_MESSAGE_FORMAT for a log of before Kafka 0.11. */
export async function loadLog(state: LogState, options: OpenLogOptions): Promise<void> {
  const names = finishInterrupted(state.directory);
  await rewriteAfterFailedSync(state.directory, names, options.recoveryPoint);
  loadSegments(state, names);
  loadEpochs(state);
  const checkpointStart = options.logStartOffset;
  let needsProducers = true;
  let recoveryPoint = 0;
  if (state.segments.length > 0) {
    const isIntact = options.cleanShutdown && findLogEnd(state);
    const logStartOffset = Math.max(checkpointStart, state.segments.first.baseOffset);
    if (!isIntact) {
      const from = options.cleanShutdown ? state.segments.active.baseOffset : options.recoveryPoint;
      const mayHaveHoles = state.config.cleanupCompact || options.wasCleaned === true;
      await recoverSegments(state, { recoveryPoint: from, logStartOffset, mayHaveHoles });
      needsProducers = false;
      recoveryPoint = Math.min(from, state.logEndOffset);
    } else {
      recoveryPoint = state.logEndOffset;
    }
    if (state.logEndOffset < checkpointStart) {
      state.around.logger.warn(
        { directory: state.directory.path, logEndOffset: state.logEndOffset, logStartOffset: checkpointStart },
        "the log ends before its start: all of it is dropped",
      );
      removeSegmentsFrom(state, 0);
      needsProducers = false;
    }
  } else {
    needsProducers = false;
  }
  if (state.segments.length === 0) startAfresh(state, checkpointStart);
  state.logStartOffset = Math.max(checkpointStart, state.segments.first.baseOffset);
  // Not saved: what has no record is dropped at each start.
  state.epochs.truncateFromEnd(state.logEndOffset);
  state.epochs.truncateFromStart(state.logStartOffset);
  if (needsProducers) loadProducers(state);
  await repairTransactionIndexes(state, state.segments.all);
  state.recoveryPoint = Math.min(recoveryPoint, state.logEndOffset);
  state.syncedEndOffset = state.recoveryPoint;
  state.setHighWatermark(options.highWatermark);
}

/** Begins a log in a directory that is empty. @throws DiskError */
export function startLog(state: LogState, logStartOffset: number): void {
  startAfresh(state, logStartOffset);
  state.logStartOffset = logStartOffset;
  state.recoveryPoint = logStartOffset;
  state.syncedEndOffset = logStartOffset;
  state.setHighWatermark(logStartOffset);
}

function loadSegments(state: LogState, names: ReadonlySet<string>): void {
  for (const name of names) {
    const baseOffset = offsetOfFileName(name, LOG_SUFFIX);
    if (baseOffset === undefined) continue;
    const hasTransactionIndex = names.has(offsetFileName(baseOffset, TRANSACTION_INDEX_SUFFIX));
    state.segments.add(state.newSegment(baseOffset, { hasTransactionIndex }));
  }
  state.snapshots = new ProducerSnapshots(state.directory, snapshotOffsets(names));
}

function startAfresh(state: LogState, offset: number): void {
  const segment = state.newSegment(offset);
  segment.create();
  state.segments.add(segment);
  state.logEndOffset = offset;
  state.epochs.clear();
  state.producers.clear(offset);
}

/** Without a checkpoint that can be read, the epochs are those of the batches (KAFKA-10432). */
function loadEpochs(state: LogState): void {
  const stored = readEpochCheckpoint(state.directory);
  state.epochs = new LeaderEpochs(stored ?? []);
  if (stored !== undefined && formatEpochs(stored) === formatEpochs(state.epochs.all)) {
    state.epochCheckpoint.loaded(stored);
    return;
  }
  if (stored !== undefined) state.epochs.clear();
  for (const segment of state.segments.all) {
    const scan = new HeaderScan(segment.log, 0, segment.sizeBytes);
    for (let batch = scan.next(); batch !== undefined; batch = scan.next()) {
      const { partitionLeaderEpoch } = batch;
      if (partitionLeaderEpoch > state.epochs.latestEpoch) state.epochs.assign(partitionLeaderEpoch, batch.baseOffset);
    }
  }
  if (state.epochs.all.length > 0) state.saveEpochs();
}

/** Finds the log end from the last index entry on; false when bytes stand behind the last batch that are none. */
function findLogEnd(state: LogState): boolean {
  const { active } = state.segments;
  const last = active.lastBatch();
  state.logEndOffset = last === undefined ? active.baseOffset : last.lastOffset + 1;
  return (last === undefined ? 0 : last.position + last.sizeBytes) === active.sizeBytes;
}

function loadProducers(state: LogState): void {
  const { snapshots, segments, producers, logStartOffset, logEndOffset } = state;
  const nowMs = state.around.clock.monotonicMs();
  const baseOffsets = new Set(segments.all.map((segment) => segment.baseOffset));
  snapshots.removeStrays(baseOffsets, segments.active.baseOffset);
  // An orderly stop of anyone who knows producers leaves a snapshot.
  if (snapshots.newestOffset === undefined) {
    producers.clear(logEndOffset);
    return;
  }
  loadSnapshot(producers, snapshots, segments, logStartOffset, logEndOffset, nowMs);
  replayProducers(producers, segments, logEndOffset, nowMs);
}
