/**
 * Cuts a log back, as a follower does whose log parted from its leader's.
 *
 * Owns: that segments, indexes, epochs, producers, marks and tail end at the same offset. Leaves to the follower: at which.
 */
import { strict as assert } from "node:assert";
import type { LogFlush } from "./log-flush.ts";
import type { LogState } from "./log-state.ts";
import { loadSnapshot, replayProducers } from "./producer-replay.ts";
import { removeSegmentsFrom } from "./recovery.ts";
import { rollAfterCut } from "./segment-roll.ts";

export class LogTruncation {
  private readonly state: LogState;
  private readonly flush: LogFlush;

  constructor(state: LogState, flush: LogFlush) {
    this.state = state;
    this.flush = flush;
  }

  /**
   * Drops what is at or behind the offset.
   *
   * Differs from Kafka: a follower's log that is truncated in the middle of a batch ends where that batch started; Kafka's ends at
   * the offset and then refuses the batch when it comes again.
   */
  truncateTo(offset: number): void {
    assert(offset >= 0, "a log is truncated to a negative offset");
    const { state } = this;
    const { segments, epochs } = state;
    if (offset >= state.logEndOffset) {
      // A leader that wrote nothing in its epoch leaves an entry at the end (KAFKA-10706).
      if (epochs.truncateFromEnd(state.logEndOffset)) state.saveEpochs();
      return;
    }
    if (offset < segments.first.baseOffset) {
      this.startAt(offset);
      return;
    }
    this.cutsAt(offset);
    removeSegmentsFrom(state, segments.floorIndex(offset) + 1);
    const endOffset = segments.active.truncateTo(offset);
    this.endAt(endOffset);
    this.rebuildProducers(endOffset);
    rollAfterCut(state, this.flush);
    state.updateLastStableOffset();
  }

  /** Drops everything; the log starts and ends at the offset. */
  startAt(offset: number): void {
    assert(offset >= 0, "a log is truncated to a negative offset");
    const { state } = this;
    this.cutsAt(offset);
    removeSegmentsFrom(state, 0);
    state.snapshots.removeAll();
    const segment = state.newSegment(offset);
    segment.create();
    state.segments.add(segment);
    state.producers.clear(offset);
    state.logStartOffset = offset;
    state.tail.clear();
    if (state.epochs.clear()) state.saveEpochs();
    state.logEndOffset = offset;
    state.recoveryPoint = Math.min(state.recoveryPoint, offset);
    state.syncedEndOffset = offset;
    this.flush.truncatedTo(offset);
    // KAFKA-9491: a high watermark below the log start would make every fetch fail.
    state.highWatermark = offset;
    state.lastStableOffset = offset;
  }

  private cutsAt(offset: number): void {
    const { state } = this;
    state.truncations++;
    state.truncatedTo = Math.min(state.truncatedTo, offset);
    if (offset < Math.min(state.recoveryPoint, state.highWatermark)) state.marksLowered?.();
  }

  private endAt(endOffset: number): void {
    const { state } = this;
    state.logEndOffset = endOffset;
    state.logStartOffset = Math.min(state.logStartOffset, endOffset);
    state.recoveryPoint = Math.min(state.recoveryPoint, endOffset);
    state.syncedEndOffset = Math.min(state.syncedEndOffset, endOffset);
    state.highWatermark = Math.min(state.highWatermark, endOffset);
    this.flush.truncatedTo(endOffset);
    state.tail.truncateTo(endOffset);
    if (state.epochs.truncateFromEnd(endOffset)) state.saveEpochs();
  }

  /** A log that knows no producer knows none after the cut either. */
  private rebuildProducers(endOffset: number): void {
    const { producers, snapshots, segments, logStartOffset, around } = this.state;
    snapshots.keepBetween(logStartOffset, endOffset);
    if (producers.isEmpty) {
      producers.clear(endOffset);
      return;
    }
    const nowMs = around.clock.monotonicMs();
    loadSnapshot(producers, snapshots, segments, logStartOffset, endOffset, nowMs);
    replayProducers(producers, segments, endOffset, nowMs);
  }
}
