/**
 * Where a log goes on in another segment.
 *
 * Owns: what is done to the segment that grows no more, and the producer snapshot at the start of the next (as Kafka takes it).
 * Leaves to LogWriter: when an append is due for another segment.
 */
import type { LogState } from "./log-state.ts";
import type { Segment } from "./segment.ts";
import { removeSegmentFiles } from "./segment-files.ts";

/** Told of a segment that grows no more. */
export interface RollListener {
  rolled(segment: Segment): void;
}

/** Starts a segment at an offset that is not below the log end; nothing happens when the active one is empty and starts there. */
export function rollTo(state: LogState, flush: RollListener, baseOffset: number): Segment {
  const { active } = state.segments;
  if (active.baseOffset === baseOffset && active.sizeBytes === 0) return active;
  active.seal();
  const segment = addSegment(state, baseOffset);
  state.producers.endOffset = baseOffset;
  state.snapshots.take(state.producers, state.logStartOffset);
  flush.rolled(active);
  return segment;
}

/**
 * Starts a segment at the log end after something was cut there, with files that are new.
 *
 * Differs from Kafka: a log that was truncated, or whose end was cut by recovery, goes on in a new segment. A power cut may bring back
 * what was cut from a file, page by page; were it written over, a batch of an earlier leader could come back between those of the
 * present one, or a part of it behind the offset and the epoch of another, which are under no CRC.
 */
export function rollAfterCut(state: LogState, flush: RollListener): void {
  const { segments, logEndOffset } = state;
  const { active } = segments;
  if (active.sizeBytes > 0) {
    rollTo(state, flush, logEndOffset);
    return;
  }
  segments.remove(active);
  active.close();
  removeSegmentFiles(state.directory, active.baseOffset, "");
  addSegment(state, active.baseOffset);
}

function addSegment(state: LogState, baseOffset: number): Segment {
  const segment = state.newSegment(baseOffset);
  segment.create();
  state.segments.add(segment);
  return segment;
}
