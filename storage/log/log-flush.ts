/**
 * Brings what was appended to the device.
 *
 * Owns: which files a flush syncs (the batches of every segment since the last one; indexes only of segments that grow no more),
 * that flushes asked for meanwhile share the next one, and that the recovery point passes nothing that is not on the device:
 * batches, names, leader epochs, producer snapshots. Leaves to the log manager: when to flush in the background.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { markFailedSync } from "./failed-sync.ts";
import type { LogState } from "./log-state.ts";
import type { Segment } from "./segment.ts";

/**
 * A flush takes a producer snapshot when so much was written since the last: no more is walked to know the producers after a crash
 * or a truncation.
 */
const SNAPSHOT_INTERVAL_BYTES = 64 * 1024 * 1024;

export class LogFlush {
  /** Bytes appended since the last flush began; at least 1 when an earlier run left some. */
  unsyncedBytes = 0;
  /** Monotonic time of the first of them; undefined when there is none. */
  unsyncedSinceMs: number | undefined;
  /** Called when there are unsynced bytes and were none before. */
  becameUnsynced: (() => void) | undefined;
  private readonly state: LogState;
  private readonly failed: (error: unknown) => void;
  private unsyncedRecords = 0;
  private bytesSinceSnapshot = 0;
  /** Segments that grow no more and were not synced since. */
  private sealed: Segment[] = [];
  /** Offset of a snapshot that belongs to no segment: the next one takes its place. */
  private extraSnapshot: number | undefined;
  private running: { readonly changes: number; readonly done: Promise<void> } | undefined;
  private next: Promise<void> | undefined;
  /** Grows with each append and truncation. */
  private changes = 0;
  /** Where the flush that runs will have got; a truncation lowers it. */
  private reachedOffset = 0;
  private stopped = false;

  /** @param failed called when the disk refuses. */
  constructor(state: LogState, failed: (error: unknown) => void) {
    this.state = state;
    this.failed = failed;
    const { segments } = state;
    if (state.recoveryPoint < state.logEndOffset) {
      for (const segment of segments.all.slice(Math.max(0, segments.floorIndex(state.recoveryPoint)))) {
        segment.assumeUnsynced();
      }
    }
    // A process that was killed right after a truncation at the recovery point has not synced what it cut there.
    const index = segments.floorIndex(state.recoveryPoint);
    if (segments.all[index]?.baseOffset === state.recoveryPoint) segments.all[index - 1]?.assumeUnsynced();
    // Also those that recovery has cut.
    this.sealed = segments.all.filter((segment) => segment.isUnsynced && segment !== segments.active);
    if (this.sealed.length === 0 && (segments.length === 0 || !segments.active.isUnsynced)) return;
    state.directory.assumeUnsynced();
    this.unsyncedBytes = 1;
    this.unsyncedSinceMs = state.around.clock.monotonicMs();
  }

  appended(sizeBytes: number, recordCount: number): void {
    this.changes++;
    this.bytesSinceSnapshot += sizeBytes;
    this.unsyncedRecords += recordCount;
    const wereNone = this.unsyncedBytes === 0;
    this.unsyncedBytes += sizeBytes;
    if (wereNone) {
      this.unsyncedSinceMs = this.state.around.clock.monotonicMs();
      this.becameUnsynced?.();
    }
    // Who waits for the device asks for a flush of its own, and gets this one; a failure is told to `failed`.
    if (this.unsyncedRecords >= this.state.config.flushMessages) this.flush().catch(() => {});
  }

  rolled(segment: Segment): void {
    this.sealed.push(segment);
    this.bytesSinceSnapshot = 0;
    this.replaceExtraSnapshot(undefined);
  }

  truncatedTo(offset: number): void {
    this.changes++;
    this.reachedOffset = Math.min(this.reachedOffset, offset);
    this.extraSnapshot = undefined;
  }

  /** Everything appended before the call is on the device when it resolves. @throws KafkaError KAFKA_STORAGE_ERROR */
  flush(): Promise<void> {
    const { running } = this;
    if (running === undefined) return this.start();
    if (running.changes === this.changes) return running.done;
    if (this.next === undefined) {
      const startNext = () => {
        this.next = undefined;
        return this.start();
      };
      this.next = running.done.then(startNext, startNext);
    }
    return this.next;
  }

  /** A flush that runs will fail, and none starts any more. */
  stop(): void {
    this.stopped = true;
  }

  private start(): Promise<void> {
    const done = this.run().finally(() => {
      this.running = undefined;
    });
    this.running = { changes: this.changes, done };
    return done;
  }

  private async run(): Promise<void> {
    if (this.stopped) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR);
    const { state } = this;
    // What is appended from here on, to this segment or the next, is for the next flush.
    const { active } = state.segments;
    this.reachedOffset = state.logEndOffset;
    this.unsyncedBytes = 0;
    this.unsyncedRecords = 0;
    this.unsyncedSinceMs = undefined;
    try {
      if (this.bytesSinceSnapshot >= SNAPSHOT_INTERVAL_BYTES) this.takeExtraSnapshot();
      await this.syncSealed();
      await this.sync(active, false);
      if (!this.stopped) await state.snapshots.sync();
      if (!this.stopped) await state.directory.syncNames();
      await state.epochCheckpoint.saved();
    } catch (error) {
      if (!this.stopped) {
        markFailedSync(state.directory);
        this.failed(error);
      }
      throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, undefined, { cause: error });
    }
    if (this.stopped) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR);
    state.syncedEndOffset = Math.max(state.syncedEndOffset, this.reachedOffset);
    state.recoveryPoint = Math.max(state.recoveryPoint, this.reachedOffset);
  }

  private async syncSealed(): Promise<void> {
    for (const segment of this.sealed.splice(0)) {
      if (this.stopped) return;
      await this.sync(segment, true);
    }
  }

  /** A segment that was deleted meanwhile needs no sync, and cannot be synced (KAFKA-19571). */
  private async sync(segment: Segment, withIndexes: boolean): Promise<void> {
    const { segments } = this.state;
    if (!segments.has(segment)) return;
    try {
      if (withIndexes) await segment.sync();
      else await segment.syncBatches();
    } catch (error) {
      if (segments.has(segment)) throw error;
    }
  }

  private takeExtraSnapshot(): void {
    const { snapshots, producers, logStartOffset } = this.state;
    this.bytesSinceSnapshot = 0;
    if (snapshots.newestOffset === producers.endOffset) return;
    snapshots.take(producers, logStartOffset);
    this.replaceExtraSnapshot(producers.endOffset);
  }

  private replaceExtraSnapshot(offset: number | undefined): void {
    if (this.extraSnapshot !== undefined) this.state.snapshots.remove(this.extraSnapshot);
    this.extraSnapshot = offset;
  }
}
