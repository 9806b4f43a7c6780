/**
 * Which segments of a log have had their time, and dropping them.
 *
 * Owns: the three reasons (below the log start, retention.bytes, retention.ms), in Kafka's order. Leaves to the log manager: when to
 * look. Invariant: never the segment that holds the high watermark, and one segment always stays.
 */
import type { LogState } from "./log-state.ts";
import type { LogWriter } from "./log-writer.ts";
import type { Segment } from "./segment.ts";

/** @param next the segment behind it; undefined for the active one. */
type IsExpired = (segment: Segment, next: Segment | undefined) => boolean;

export class LogRetention {
  private readonly state: LogState;
  private readonly writer: LogWriter;

  constructor(state: LogState, writer: LogWriter) {
    this.state = state;
    this.writer = writer;
  }

  /** Drops what has had its time; returns how many segments. @param nowMs wall-clock time. */
  deleteOldSegments(nowMs: number): number {
    const below = this.deleteWhile((_, next) => next !== undefined && next.baseOffset <= this.state.logStartOffset);
    if (!this.state.config.cleanupDelete) return below;
    return below + this.deleteForSize() + this.deleteForAge(nowMs);
  }

  private deleteForSize(): number {
    const { config, segments } = this.state;
    if (config.retentionBytes < 0) return 0;
    let excessBytes = segments.sizeBytes - config.retentionBytes;
    return this.deleteWhile((segment) => {
      if (excessBytes < segment.sizeBytes) return false;
      excessBytes -= segment.sizeBytes;
      return true;
    });
  }

  /** Differs from Kafka: a segment whose records have no timestamps ages from when it was made or opened, not by its file's time. */
  private deleteForAge(nowMs: number): number {
    const { retentionMs } = this.state.config;
    if (retentionMs < 0) return 0;
    return this.deleteWhile((segment) => {
      const { timestamp } = segment.largestTimestamp;
      return nowMs - (timestamp >= 0 ? timestamp : segment.createdWallMs) > retentionMs;
    });
  }

  /** Drops segments from the oldest on as long as they have expired. */
  private deleteWhile(isExpired: IsExpired): number {
    const { segments, highWatermark, logEndOffset } = this.state;
    const expired: Segment[] = [];
    for (const [index, segment] of segments.all.entries()) {
      const next = segments.at(index + 1);
      const endOffset = next?.baseOffset ?? logEndOffset;
      if (next === undefined && segment.sizeBytes === 0) break;
      if (highWatermark < endOffset || !isExpired(segment, next)) break;
      expired.push(segment);
    }
    if (expired.length === 0) return 0;
    if (expired.length === segments.length) this.writer.roll();
    this.drop(expired);
    return expired.length;
  }

  private drop(expired: readonly Segment[]): void {
    const { state } = this;
    const { fileDeleteDelayMs } = state.config;
    const firstKept = state.segments.at(expired.length) as Segment;
    state.raiseLogStartOffset(firstKept.baseOffset);
    for (const segment of expired) {
      state.segments.remove(segment);
      state.deletes.deleteSegment(segment, fileDeleteDelayMs);
      const snapshot = state.snapshots.forget(segment.baseOffset);
      if (snapshot !== undefined) state.deletes.deleteFile(snapshot, fileDeleteDelayMs);
    }
    state.tail.forgetSegmentsBefore(firstKept.baseOffset);
  }
}
