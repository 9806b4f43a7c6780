/**
 * What there is to clean in a compacted log, by Kafka's rules.
 *
 * Never cleaned: the active segment, what is not stable and replicated (below min(last stable offset, high watermark)), segments
 * with records younger than min.compaction.lag.ms. A segment is cleaned whole or not at all.
 */
import type { Segment } from "./segment.ts";
import type { SegmentedLog } from "./segmented-log.ts";

export interface CompactionPlan {
  /** Where the last cleaning ended. */
  readonly firstDirtyOffset: number;
  /** Exclusive end of what may be cleaned: a segment's base offset. */
  readonly firstUncleanableOffset: number;
  readonly cleanableBytes: number;
  /** Of the bytes up to there, those that were written since the last cleaning. */
  readonly dirtyRatio: number;
  /** A record has waited longer than max.compaction.lag.ms: the ratio does not matter. */
  readonly isOverdue: boolean;
  /** The checkpointed offset lies outside the log. */
  readonly checkpointIsInvalid: boolean;
}

/** Undefined when there are no bytes at all. @param checkpoint where the last cleaning ended, if known. */
export function planCompaction(
  log: SegmentedLog,
  checkpoint: number | undefined,
  wallMs: number,
): CompactionPlan | undefined {
  const { logStartOffset, logEndOffset, config } = log;
  const checkpointed = checkpoint ?? logStartOffset;
  const checkpointIsInvalid = checkpointed < logStartOffset || checkpointed > logEndOffset;
  const firstDirtyOffset = checkpointIsInvalid ? logStartOffset : checkpointed;

  const dirty = closedSegmentsFrom(log, firstDirtyOffset);
  const oldestMs = wallMs - config.minCompactionLagMs;
  const young =
    config.minCompactionLagMs > 0 ? dirty.find((segment) => segment.largestTimestamp.timestamp > oldestMs) : undefined;
  const uncleanable = Math.min(
    log.lastStableOffset,
    log.activeSegment.baseOffset,
    young?.baseOffset ?? Number.POSITIVE_INFINITY,
  );
  const end = closedSegmentsFrom(log, Math.max(uncleanable, firstDirtyOffset))[0] ?? log.activeSegment;
  const firstUncleanableOffset = end.baseOffset;

  const cleanBytes = sizeOf(segmentsBetween(log, 0, firstDirtyOffset));
  const from = Math.min(firstDirtyOffset, firstUncleanableOffset);
  const cleanableBytes = sizeOf(segmentsBetween(log, from, firstUncleanableOffset));
  if (cleanBytes + cleanableBytes === 0) return undefined;
  return {
    firstDirtyOffset,
    firstUncleanableOffset,
    cleanableBytes,
    dirtyRatio: cleanableBytes / (cleanBytes + cleanableBytes),
    isOverdue: config.maxCompactionLagMs < wallMs && isOverdue(dirty, wallMs - config.maxCompactionLagMs),
    checkpointIsInvalid,
  };
}

/** Segments that may hold offsets of [from, to). */
export function segmentsBetween(log: SegmentedLog, from: number, to: number): Segment[] {
  if (from >= to) return [];
  const { segments } = log;
  return segments.filter(({ baseOffset }, index) => {
    const endOffset = segments[index + 1]?.baseOffset ?? Number.POSITIVE_INFINITY;
    return baseOffset < to && endOffset > from;
  });
}

function closedSegmentsFrom(log: SegmentedLog, from: number): Segment[] {
  return segmentsBetween(log, from, log.activeSegment.baseOffset);
}

function sizeOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
}

/** Whether the oldest of the segments by their first batch was written before that time. */
function isOverdue(segments: readonly Segment[], beforeWallMs: number): boolean {
  return segments.some((segment) => {
    const timestamp = segment.firstBatchTimestamp;
    return timestamp !== undefined && timestamp > 0 && timestamp < beforeWallMs;
  });
}
