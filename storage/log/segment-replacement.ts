/**
 * Puts what the cleaner made in the place of what it was made from, so that a crash at any point leaves the one or the other.
 *
 * `.cleaned` (dropped when found), then `.swap` (finished when found, see interrupted-swap.ts), then the segment's own names.
 */
import type { LogState } from "./log-state.ts";
import { CLEANED_SUFFIX, SWAP_SUFFIX } from "./partition-directory.ts";
import type { Segment } from "./segment.ts";
import { changeSuffix, removeSegmentFiles } from "./segment-files.ts";

/** An empty segment for the cleaner to fill: not part of the log, its files are called `.cleaned`. What a crash left of one goes. */
export function createCleanedSegment(state: LogState, baseOffset: number): Segment {
  removeSegmentFiles(state.directory, baseOffset, CLEANED_SUFFIX);
  const segment = state.newSegment(baseOffset, { fileSuffix: CLEANED_SUFFIX });
  segment.create();
  return segment;
}

/** Removes a segment that the cleaner does not need any more. */
export function dropCleanedSegment(state: LogState, segment: Segment): void {
  segment.close();
  removeSegmentFiles(state.directory, segment.baseOffset, segment.fileSuffix);
}

/**
 * Replaces segments of the log, never the active one, by cleaned ones that hold what is left of them.
 * @param cleaned ascending, from the base offset of the first replaced segment on.
 * @returns false when the log was cut or trimmed meanwhile: then nothing was replaced and the cleaned ones are gone.
 */
export async function replaceSegments(
  state: LogState,
  cleaned: readonly Segment[],
  replaced: readonly Segment[],
): Promise<boolean> {
  for (const segment of cleaned) {
    segment.seal();
    await segment.sync();
  }
  // What is behind every new file's name must be there before the first old one goes.
  if (!isStillThere(state, replaced)) return drop(state, cleaned);
  for (const segment of [...cleaned].reverse()) changeSuffix(state.directory, segment, SWAP_SUFFIX);
  await state.directory.syncNames();
  if (!isStillThere(state, replaced)) return drop(state, cleaned);
  const { fileDeleteDelayMs } = state.config;
  const bases = new Set(cleaned.map((segment) => segment.baseOffset));
  for (const segment of replaced) {
    state.segments.remove(segment);
    state.deletes.deleteSegment(segment, fileDeleteDelayMs);
    const snapshot = bases.has(segment.baseOffset) ? undefined : state.snapshots.forget(segment.baseOffset);
    if (snapshot !== undefined) state.deletes.deleteFile(snapshot, fileDeleteDelayMs);
  }
  for (const segment of cleaned) {
    changeSuffix(state.directory, segment, "");
    state.segments.add(segment);
  }
  state.tail.forgetSegmentsBefore((replaced.at(-1) as Segment).baseOffset + 1);
  await state.directory.syncNames();
  return true;
}

function isStillThere(state: LogState, segments: readonly Segment[]): boolean {
  return segments.every((segment) => state.segments.has(segment) && segment !== state.segments.active);
}

function drop(state: LogState, cleaned: readonly Segment[]): false {
  for (const segment of cleaned) dropCleanedSegment(state, segment);
  return false;
}
