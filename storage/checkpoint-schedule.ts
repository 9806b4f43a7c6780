/**
 * Writes down, from time to time, where each log of a node stands: recovery points, log starts, high watermarks.
 *
 * Owns: the intervals, Kafka's, and that recovery points are also written when much was flushed since. Leaves to OffsetCheckpoint:
 * the files; to LogDirectories: which logs there are.
 * Invariant: a log that is offline, or could not be opened, keeps what was written of it last.
 */
import type { Clock, Timer } from "./clock.ts";
import { DiskError } from "./disk.ts";
import type { HostedLog } from "./hosted-logs.ts";
import type { LogDirectory } from "./log-directory.ts";
import type { OffsetCheckpoint } from "./offset-checkpoint.ts";
import { RepeatingTask } from "./repeating-task.ts";

export interface CheckpointIntervals {
  /** log.flush.offset.checkpoint.interval.ms */
  readonly recoveryPointMs: number;
  /** log.flush.start.offset.checkpoint.interval.ms */
  readonly logStartMs: number;
  /** replica.high.watermark.checkpoint.interval.ms */
  readonly highWatermarkMs: number;
}

export const DEFAULT_CHECKPOINT_INTERVALS: CheckpointIntervals = {
  recoveryPointMs: 60_000,
  logStartMs: 60_000,
  highWatermarkMs: 5_000,
};

/** Flushed but not written down: all of it would be read again after a crash. */
const MAX_FLUSHED_BYTES = 32 * 1024 * 1024;
/** However much is flushed: a file of many logs takes some milliseconds to write. */
const MIN_PAUSE_MS = 200;

export interface CheckpointPorts {
  readonly directories: () => readonly LogDirectory[];
  readonly logs: () => Iterable<HostedLog>;
  /** Whether what the log says of itself is true; else what was written of it last stands. */
  readonly speaks: (hosted: HostedLog) => boolean;
  /** Whether a log that is not among `logs` lies in the directory all the same. */
  readonly isKept: (name: string) => boolean;
  readonly directoryFailed: (directory: LogDirectory, error: DiskError) => void;
}

export class CheckpointSchedule {
  private readonly clock: Clock;
  private readonly ports: CheckpointPorts;
  private readonly intervals: CheckpointIntervals;
  private tasks: readonly RepeatingTask[] = [];
  private flushedBytes = 0;
  private soon: Timer | undefined;
  private stopped = false;

  constructor(clock: Clock, intervals: CheckpointIntervals, ports: CheckpointPorts) {
    this.clock = clock;
    this.intervals = intervals;
    this.ports = ports;
  }

  /** To be called when all logs are there: what is missing is left out of the files. */
  start(): void {
    const { recoveryPointMs, logStartMs, highWatermarkMs } = this.intervals;
    const every = (intervalMs: number, run: () => Promise<void>) =>
      new RepeatingTask(this.clock, intervalMs, intervalMs, run);
    this.tasks = [
      every(recoveryPointMs, () => this.writeRecoveryPoints()),
      every(logStartMs, () => this.writeLogStarts()),
      every(highWatermarkMs, () => this.writeHighWatermarks()),
    ];
  }

  /** So many bytes more are on the device: their recovery points should be known before long. */
  flushed(bytes: number): void {
    this.flushedBytes += bytes;
    if (this.flushedBytes >= MAX_FLUSHED_BYTES) this.writeSoon(MIN_PAUSE_MS);
  }

  /** A log was truncated below its recovery point: what is appended there now must be read after a crash. */
  lowered(): void {
    this.writeSoon(0);
  }

  private writeSoon(delayMs: number): void {
    if (this.soon !== undefined || this.stopped) return;
    this.soon = this.clock.after(delayMs, () => {
      this.soon = undefined;
      void this.writeRecoveryPoints();
    });
  }

  /** Everything as it is now is on the device when it resolves; what a disk refuses was told. */
  async writeAll(): Promise<void> {
    await this.writeRecoveryPoints();
    await this.writeLogStarts();
    await this.writeHighWatermarks();
  }

  stop(): void {
    this.stopped = true;
    this.soon?.cancel();
    for (const task of this.tasks) task.stop();
  }

  async ended(): Promise<void> {
    for (const task of this.tasks) await task.ended();
  }

  /**
   * Differs from Kafka: no recovery point above the high watermark is written down, so that a follower which truncates what is not
   * committed need not wait until a lower one is on the device; Kafka writes it then and there.
   */
  private writeRecoveryPoints(): Promise<void> {
    this.flushedBytes = 0;
    return this.write(
      (directory) => directory.recoveryPoints,
      ({ log }) => Math.min(log.recoveryPoint, log.highWatermark),
    );
  }

  /** Only where it is not what the segments say. */
  private writeLogStarts(): Promise<void> {
    return this.write(
      (directory) => directory.logStarts,
      ({ log }) => (log.logStartOffset > (log.segments[0]?.baseOffset ?? 0) ? log.logStartOffset : undefined),
    );
  }

  private writeHighWatermarks(): Promise<void> {
    return this.write(
      (directory) => directory.highWatermarks,
      ({ log }) => log.highWatermark,
    );
  }

  private async write(
    checkpointOf: (directory: LogDirectory) => OffsetCheckpoint,
    offsetOf: (hosted: HostedLog) => number | undefined,
  ): Promise<void> {
    const offsets = new Map<LogDirectory, Map<string, number>>();
    for (const directory of this.ports.directories()) {
      const kept = new Map<string, number>();
      for (const [name, offset] of checkpointOf(directory).offsets) if (this.ports.isKept(name)) kept.set(name, offset);
      offsets.set(directory, kept);
    }
    for (const hosted of this.ports.logs()) {
      const { name, directory } = hosted;
      const offset = this.ports.speaks(hosted) ? offsetOf(hosted) : checkpointOf(directory).offsets.get(name);
      if (offset !== undefined) offsets.get(directory)?.set(name, offset);
    }
    await Promise.all(
      [...offsets].map(async ([directory, current]) => {
        try {
          await checkpointOf(directory).write(current);
        } catch (error) {
          if (!(error instanceof DiskError)) throw error;
          this.ports.directoryFailed(directory, error);
        }
      }),
    );
  }
}
