/**
 * Renaming and removing the files of segments, and removing them later: a reader may still be at it.
 *
 * Owns: what goes after file.delete.delay.ms. Leaves to SegmentedLog: that nobody finds the segment any more.
 */
import type { Clock, Timer } from "../clock.ts";
import { DELETED_SUFFIX, offsetFileName, type PartitionDirectory, SEGMENT_SUFFIXES } from "./partition-directory.ts";
import type { Segment } from "./segment.ts";

/** Gives the files of a segment another suffix, the log first: indexes that a crash leaves behind follow it, or go without it. */
export function changeSuffix(directory: PartitionDirectory, segment: Segment, suffix: string): void {
  for (const kind of SEGMENT_SUFFIXES) {
    const name = offsetFileName(segment.baseOffset, kind);
    if (directory.exists(name + segment.fileSuffix)) directory.rename(name + segment.fileSuffix, name + suffix);
  }
  segment.renamed(suffix);
}

/** Removes the files of a segment at once. */
export function removeSegmentFiles(directory: PartitionDirectory, baseOffset: number, fileSuffix: string): void {
  for (const kind of SEGMENT_SUFFIXES) directory.remove(offsetFileName(baseOffset, kind) + fileSuffix);
}

export class DeferredDeletes {
  private readonly directory: PartitionDirectory;
  private readonly clock: Clock;
  private readonly failed: (error: unknown) => void;
  private timers: Map<Timer, string[]> | undefined;

  /** @param failed called when the disk refuses. */
  constructor(directory: PartitionDirectory, clock: Clock, failed: (error: unknown) => void) {
    this.directory = directory;
    this.clock = clock;
    this.failed = failed;
  }

  /** Marks the files of a segment as deleted; they go after the delay. */
  deleteSegment(segment: Segment, delayMs: number): void {
    changeSuffix(this.directory, segment, DELETED_SUFFIX);
    segment.close();
    const names = SEGMENT_SUFFIXES.map((kind) => offsetFileName(segment.baseOffset, kind) + DELETED_SUFFIX);
    this.removeLater(names, delayMs);
  }

  /** Marks a file as deleted; it goes after the delay. */
  deleteFile(name: string, delayMs: number): void {
    if (!this.directory.exists(name)) return;
    this.directory.rename(name, name + DELETED_SUFFIX);
    this.removeLater([name + DELETED_SUFFIX], delayMs);
  }

  /** What waits goes now: nobody reads any more. */
  removeAll(): void {
    for (const [timer, names] of this.timers ?? []) {
      timer.cancel();
      for (const name of names) this.directory.remove(name);
    }
    this.timers = undefined;
  }

  /** What waits stays on the disk; the next one who opens the log removes it. */
  stop(): void {
    for (const timer of this.timers?.keys() ?? []) timer.cancel();
    this.timers = undefined;
  }

  private removeLater(names: string[], delayMs: number): void {
    const timer = this.clock.after(delayMs, () => {
      this.timers?.delete(timer);
      try {
        for (const name of names) this.directory.remove(name);
      } catch (error) {
        this.failed(error);
      }
    });
    this.timers ??= new Map();
    this.timers.set(timer, names);
  }
}
