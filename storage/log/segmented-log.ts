/**
 * The log of one partition: a directory of segments.
 *
 * Owns: what a failing disk means (the log is offline for good, and says so once), and closing. The work is done by the classes
 * beside it over one LogState: LogWriter, LogReader, LogFlush, LogTruncation, LogRetention, TimestampSearch; LogView tells what the
 * log holds. Leaves to the log manager: when to flush, trim and expire; to the partition: which marks move.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { DiskError } from "../disk.ts";
import type {
  AppendOptions,
  AppendResult,
  EpochEndOffset,
  LogRead,
  PartitionLog,
  PreparedAppend,
  PrepareOptions,
  ReadOptions,
  TimestampAndOffset,
} from "../partition-log.ts";
import type { SharedBuffer } from "../shared-buffer.ts";
import { BatchPreparation } from "./batch-preparation.ts";
import { LeaderEpochs } from "./leader-epochs.ts";
import { LogFlush } from "./log-flush.ts";
import { LogReader } from "./log-reader.ts";
import type { LogState } from "./log-state.ts";
import type { OpenLogOptions } from "./log-surroundings.ts";
import { LogTruncation } from "./log-truncation.ts";
import { LogView } from "./log-view.ts";
import { LogWriter } from "./log-writer.ts";
import { LogRetention } from "./retention.ts";
import type { Segment } from "./segment.ts";
import { createCleanedSegment, dropCleanedSegment, replaceSegments } from "./segment-replacement.ts";
import { TimestampSearch } from "./timestamp-search.ts";

export class SegmentedLog extends LogView implements PartitionLog {
  onOffline: ((log: PartitionLog, error: Error) => void) | undefined;
  private readonly preparation: BatchPreparation;
  private readonly flusher: LogFlush;
  private readonly truncation: LogTruncation;
  private readonly writer: LogWriter;
  private readonly reader: LogReader;
  private readonly retention: LogRetention;
  private readonly timestamps: TimestampSearch;
  private failure: Error | undefined;
  private isClosed = false;

  /** Only for openPartitionLog. */
  constructor(state: LogState, topicId: string, options: OpenLogOptions) {
    super(state, topicId, options);
    this.preparation = new BatchPreparation(state.around, `${options.topic}-${options.partition}`);
    this.flusher = new LogFlush(state, (error) => this.fail(error));
    this.truncation = new LogTruncation(state, this.flusher);
    this.writer = new LogWriter(state, this.flusher, this.truncation);
    this.reader = new LogReader(state);
    this.retention = new LogRetention(state, this.writer);
    this.timestamps = new TimestampSearch(state);
  }

  get offline(): boolean {
    return this.failure !== undefined || this.isClosed;
  }

  /** Bytes appended since the last flush began; at least 1 when something is left from before the log was opened. */
  get unsyncedBytes(): number {
    return this.flusher.unsyncedBytes;
  }

  /** Monotonic time of the first of them; undefined when there is none. */
  get unsyncedSinceMs(): number | undefined {
    return this.flusher.unsyncedSinceMs;
  }

  /** Called in the turn in which the log gets its first unsynced byte. */
  set onUnsynced(listener: (() => void) | undefined) {
    this.flusher.becameUnsynced = listener;
  }

  /** Called in the turn in which less is committed and on the device than may have been written down. */
  set onMarksLowered(listener: (() => void) | undefined) {
    this.state.marksLowered = listener;
  }

  prepare(
    records: Buffer,
    owner: SharedBuffer | undefined,
    options: PrepareOptions,
  ): PreparedAppend | Promise<PreparedAppend> {
    this.mustBeOnline();
    return this.preparation.prepare(records, owner, options, this.state.config);
  }

  append(prepared: PreparedAppend, options: AppendOptions): AppendResult {
    this.mustBeOnline();
    try {
      if (prepared.origin === "raftLeader") return this.writer.appendAssigned(prepared, options);
      return this.writer.append(prepared, options);
    } catch (error) {
      throw this.fail(error);
    }
  }

  appendAsFollower(records: Buffer, owner: SharedBuffer | undefined, maxLeaderEpoch: number): void {
    this.change(() => this.writer.appendAsFollower(records, owner, maxLeaderEpoch));
  }

  read(offset: number, options: ReadOptions): LogRead | Promise<LogRead> {
    this.mustBeOnline();
    try {
      const read = this.reader.read(offset, options);
      if (!(read instanceof Promise)) return read;
      return read.catch((error: unknown) => {
        throw this.failRead(error);
      });
    } catch (error) {
      throw this.failRead(error);
    }
  }

  async offsetForTimestamp(timestamp: number, upToOffset: number): Promise<TimestampAndOffset | undefined> {
    this.mustBeOnline();
    try {
      return await this.timestamps.firstAtOrAfter(timestamp, upToOffset);
    } catch (error) {
      throw this.failRead(error);
    }
  }

  async offsetOfMaxTimestamp(): Promise<TimestampAndOffset | undefined> {
    this.mustBeOnline();
    try {
      return await this.timestamps.largest();
    } catch (error) {
      throw this.failRead(error);
    }
  }

  endOffsetForEpoch(leaderEpoch: number): EpochEndOffset {
    this.mustBeOnline();
    return this.state.epochs.endOffsetFor(leaderEpoch, this.state.logEndOffset);
  }

  startLeaderEpoch(leaderEpoch: number): void {
    this.mustBeOnline();
    if (this.state.epochs.assign(leaderEpoch, this.state.logEndOffset)) this.state.saveEpochs();
  }

  setHighWatermark(offset: number): void {
    this.state.setHighWatermark(offset);
  }

  raiseLogStartOffset(offset: number): void {
    this.mustBeOnline();
    this.state.raiseLogStartOffset(offset);
  }

  truncateTo(offset: number): void {
    this.change(() => this.truncation.truncateTo(offset));
  }

  truncateFullyAndStartAt(offset: number): void {
    this.change(() => this.truncation.startAt(offset));
  }

  async flush(): Promise<void> {
    this.mustBeOnline();
    await this.flusher.flush();
  }

  /** Starts a new segment at the log end; nothing happens when the active one is empty. */
  roll(): Segment {
    return this.change(() => this.writer.roll());
  }

  /** Drops segments that retention.ms, retention.bytes or the log start leave no time; returns how many. @param nowMs wall-clock time. */
  deleteOldSegments(nowMs: number): number {
    return this.change(() => this.retention.deleteOldSegments(nowMs));
  }

  /** An empty segment for the cleaner to fill; it is not part of the log until it replaces others. */
  createCleanedSegment(baseOffset: number): Segment {
    return this.change(() => createCleanedSegment(this.state, baseOffset));
  }

  dropCleanedSegment(segment: Segment): void {
    this.change(() => dropCleanedSegment(this.state, segment));
  }

  /**
   * Puts cleaned segments in the place of those they were made from; false when these are not all there any more: then the cleaned
   * ones are gone.
   */
  async replaceSegments(cleaned: readonly Segment[], replaced: readonly Segment[]): Promise<boolean> {
    this.mustBeOnline();
    try {
      return await replaceSegments(this.state, cleaned, replaced);
    } catch (error) {
      throw this.fail(error);
    }
  }

  /**
   * Takes the place of a log whose batches it has all of, with what its batches do not say: epochs of which compaction left no batch,
   * producers whose records are deleted, and what only memory knows.
   */
  takeOver(before: SegmentedLog): void {
    this.change(() => {
      const { state } = this;
      state.producers.inherit(before.state.producers);
      state.epochs = new LeaderEpochs(before.leaderEpochs);
      state.saveEpochs();
      state.truncatedTo = Math.min(state.truncatedTo, before.takeLowestTruncation());
      if (before.highWatermark > state.highWatermark) state.setHighWatermark(before.highWatermark);
      if (before.logStartOffset > state.logStartOffset) state.raiseLogStartOffset(before.logStartOffset);
    });
  }

  /** Moves the directory, of a log that is offline too: a full disk does not keep a name. The caller syncs the one above. */
  rename(path: string): void {
    try {
      this.state.directory.move(path);
    } catch (error) {
      throw this.fail(error);
    }
  }

  /** An orderly end: everything is on the device, and the next one who opens the log need not scan it. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    if (this.offline) return this.abandon();
    const { state } = this;
    try {
      await this.flusher.flush();
      state.snapshots.take(state.producers, state.logStartOffset);
      state.segments.active.seal();
      await state.segments.active.sync();
      await state.snapshots.sync();
      state.deletes.removeAll();
      await state.directory.syncNames();
      await state.epochCheckpoint.saved();
    } catch (error) {
      throw this.fail(error);
    } finally {
      this.abandon();
    }
  }

  /** The end of a node that is killed, or of a directory that goes away: nothing is written any more. */
  abandon(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.stopWriting();
    for (const segment of this.state.segments.all) segment.close();
  }

  private change<T>(work: () => T): T {
    this.mustBeOnline();
    try {
      return work();
    } catch (error) {
      throw this.fail(error);
    }
  }

  private mustBeOnline(): void {
    if (this.failure === undefined && !this.isClosed) return;
    throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, undefined, { cause: this.failure });
  }

  /** Too few descriptors to read with now says nothing about what is stored. */
  private failRead(error: unknown): unknown {
    if (error instanceof DiskError && error.kind === "handles") {
      return new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, undefined, { cause: error });
    }
    return this.fail(error);
  }

  /** Only for openPartitionLog: what runs beside the calls met a failing disk. */
  storageFailed(error: unknown): void {
    this.fail(error);
  }

  /** Goes offline for good when the disk failed; returns what the caller is to throw. */
  private fail(error: unknown): unknown {
    if (!(error instanceof DiskError)) return error;
    if (this.failure === undefined) {
      this.failure = error;
      this.stopWriting();
      this.state.around.logger.error(
        { directory: this.path, kind: error.kind, path: error.path },
        "the log is offline",
      );
      this.onOffline?.(this, error);
    }
    return new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, undefined, { cause: error });
  }

  private stopWriting(): void {
    this.flusher.stop();
    this.state.epochCheckpoint.stop();
    this.state.deletes.stop();
    this.state.tail.clear();
  }
}
