/**
 * The parts of one log and its marks: what the classes that write, read, flush, truncate and clean it work on.
 *
 * Owns: how the marks hang together. Leaves to SegmentedLog: what others see of it, and what a disk error means.
 * Invariant: logStartOffset <= lastStableOffset <= highWatermark <= logEndOffset; recoveryPoint <= syncedEndOffset <= logEndOffset.
 */
import type { LogConfig } from "../log-config.ts";
import type { EpochCheckpoint } from "./epoch-checkpoint.ts";
import { LeaderEpochs } from "./leader-epochs.ts";
import type { LogSurroundings } from "./log-surroundings.ts";
import type { PartitionDirectory } from "./partition-directory.ts";
import { lookBack } from "./producer-recall.ts";
import { ProducerSnapshots } from "./producer-snapshots.ts";
import { ProducerState } from "./producer-state.ts";
import { Segment } from "./segment.ts";
import type { DeferredDeletes } from "./segment-files.ts";
import { SegmentList } from "./segment-list.ts";
import { TailCache } from "./tail-cache.ts";

export interface LogParts {
  readonly around: LogSurroundings;
  readonly directory: PartitionDirectory;
  readonly config: LogConfig;
  readonly epochCheckpoint: EpochCheckpoint;
  readonly deletes: DeferredDeletes;
}

export class LogState {
  readonly around: LogSurroundings;
  readonly directory: PartitionDirectory;
  /** Replaced when it changes; segments look here. */
  config: LogConfig;
  readonly segments = new SegmentList();
  epochs = new LeaderEpochs();
  readonly epochCheckpoint: EpochCheckpoint;
  readonly producers: ProducerState;
  snapshots: ProducerSnapshots;
  readonly tail: TailCache;
  readonly deletes: DeferredDeletes;

  logStartOffset = 0;
  lastStableOffset = 0;
  highWatermark = 0;
  logEndOffset = 0;
  recoveryPoint = 0;
  syncedEndOffset = 0;
  /** Grows with each truncation: what was read across one may be gone. */
  truncations = 0;
  /** The lowest offset truncated to since the cleaner asked last: what it holds for clean behind it is so no more. */
  truncatedTo = Number.POSITIVE_INFINITY;
  /** Called when a truncation went below both the recovery point and the high watermark: what was written down of them is too much. */
  marksLowered: (() => void) | undefined;

  constructor(parts: LogParts) {
    this.around = parts.around;
    this.directory = parts.directory;
    this.config = parts.config;
    this.epochCheckpoint = parts.epochCheckpoint;
    this.deletes = parts.deletes;
    this.producers = new ProducerState(parts.around.producerLimits, (entry) => lookBack(this.segments, entry));
    this.snapshots = new ProducerSnapshots(parts.directory, []);
    this.tail = new TailCache(parts.around.tailBudget);
  }

  /** A segment of this log, not yet in the list. */
  newSegment(
    baseOffset: number,
    options: { readonly fileSuffix?: string; readonly hasTransactionIndex?: boolean } = {},
  ): Segment {
    const { clock, random } = this.around;
    const { segmentJitterMs, segmentMs } = this.config;
    return new Segment(this.directory, baseOffset, this, {
      ...options,
      createdMs: clock.monotonicMs(),
      createdWallMs: clock.wallMs(),
      jitterMs: segmentJitterMs > 0 ? random.below(Math.min(segmentJitterMs, segmentMs, 2 ** 47) + 1) : 0,
    });
  }

  /** To be called when epochs changed. */
  saveEpochs(): void {
    this.epochCheckpoint.save(this.epochs.all);
  }

  /** To be called when a mark below the last stable offset, or a transaction, changed. */
  updateLastStableOffset(): void {
    const unstable = this.producers.transactions.firstUnstableOffset;
    this.lastStableOffset =
      unstable === undefined
        ? this.highWatermark
        : Math.min(this.highWatermark, Math.max(unstable, this.logStartOffset));
  }

  /** Moves the high watermark within the log. */
  setHighWatermark(offset: number): void {
    this.highWatermark = Math.min(Math.max(offset, this.logStartOffset), this.logEndOffset);
    this.producers.transactions.replicatedUpTo(this.highWatermark);
    this.updateLastStableOffset();
  }

  /** Moves the log start up to, at most, the high watermark. */
  raiseLogStartOffset(offset: number): void {
    const start = Math.min(offset, this.highWatermark);
    if (start <= this.logStartOffset) return;
    this.logStartOffset = start;
    if (this.epochs.truncateFromStart(start)) this.saveEpochs();
    this.producers.transactions.replicatedUpTo(start);
    this.updateLastStableOffset();
  }
}
