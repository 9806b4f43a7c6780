/**
 * One checkpoint file of offsets by partition, in a log directory.
 *
 * Owns: that writes follow one another and that only the newest is written. Leaves the form to checkpoint-file; to
 * LogDirectories: which offsets, and when.
 */
import { formatOffsets, parseOffsets, readFileIfThere, TEMPORARY_SUFFIX } from "./checkpoint-file.ts";
import type { Disk } from "./disk.ts";
import type { Logger } from "./logger.ts";

/** Kafka's names, in each log directory. */
export const CheckpointName = {
  RECOVERY_POINT: "recovery-point-offset-checkpoint",
  LOG_START: "log-start-offset-checkpoint",
  HIGH_WATERMARK: "replication-offset-checkpoint",
  CLEANER: "cleaner-offset-checkpoint",
} as const;
export type CheckpointName = (typeof CheckpointName)[keyof typeof CheckpointName];

/** Offsets by the names of the partitions' directories. */
export type Offsets = ReadonlyMap<string, number>;

export class OffsetCheckpoint {
  private readonly disk: Disk;
  private readonly directory: string;
  private readonly path: string;
  private current: Offsets = new Map();
  /** Grows with each change of `current`. */
  private version = 0;
  /** Those that are on the device for sure. */
  private durable: Offsets | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(disk: Disk, directory: string, name: CheckpointName) {
    this.disk = disk;
    this.directory = directory;
    this.path = `${directory}/${name}`;
  }

  /** What was written last, or read. */
  get offsets(): Offsets {
    return this.current;
  }

  /** Empty when there is no file. @throws DiskError */
  read(logger: Logger): Offsets {
    const text = readFileIfThere(this.disk, this.path);
    if (text === undefined) return this.current;
    const { offsets, whole } = parseOffsets(text);
    if (!whole) {
      logger.warn(
        { path: this.path, entries: offsets.size },
        "a checkpoint is damaged: what can be read of it is used",
      );
    }
    this.current = offsets;
    return offsets;
  }

  /** These offsets, or newer ones, are on the device when it resolves. @throws DiskError */
  write(offsets: Offsets): Promise<void> {
    // Most of the time nothing has moved.
    const isThere = this.durable !== undefined && sameOffsets(this.durable, offsets);
    if (isThere || this.stopped) return Promise.resolve();
    this.current = offsets;
    this.version++;
    this.running ??= this.writeAll().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  /**
   * Forgets partitions at once: no one who reads the file after a kill finds them. The next write brings it to the device.
   * @throws DiskError
   */
  forget(names: ReadonlySet<string>): void {
    const left = new Map(this.current);
    for (const name of names) left.delete(name);
    if (left.size === this.current.size) return;
    this.current = left;
    this.version++;
    this.durable = undefined;
    this.disk.writeFile(this.path + TEMPORARY_SUFFIX, formatOffsets(left));
    this.disk.rename(this.path + TEMPORARY_SUFFIX, this.path);
  }

  /** The directory may be another's from here on: a write that is under way goes no further. */
  stop(): void {
    this.stopped = true;
  }

  private async writeAll(): Promise<void> {
    const temporary = this.path + TEMPORARY_SUFFIX;
    for (let written = -1; written !== this.version; ) {
      const version = this.version;
      const offsets = this.current;
      this.durable = undefined;
      this.disk.writeFile(temporary, formatOffsets(offsets));
      await this.disk.syncFile(temporary);
      if (this.stopped) return;
      if (version !== this.version) continue;
      this.disk.rename(temporary, this.path);
      await this.disk.syncDirectory(this.directory);
      written = version;
      if (version === this.version) this.durable = offsets;
    }
  }
}

function sameOffsets(a: Offsets, b: Offsets): boolean {
  if (a.size !== b.size) return false;
  for (const [name, offset] of b) if (a.get(name) !== offset) return false;
  return true;
}
