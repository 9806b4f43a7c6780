/**
 * One checkpoint file of offsets by partition, in a log directory.
 *
 * Owns: that writes follow one another and that only the newest of those that wait is written. Leaves the form to
 * checkpoint-file; to LogDirectories: which offsets, and when.
 */
import { formatOffsets, parseOffsets, readFileIfThere, replaceFile } from "./checkpoint-file.ts";
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

export class OffsetCheckpoint {
  private readonly disk: Disk;
  private readonly path: string;
  private running: Promise<void> | undefined;
  private next: { readonly offsets: ReadonlyMap<string, number>; readonly done: Promise<void> } | undefined;
  private written: string | undefined;

  constructor(disk: Disk, directory: string, name: CheckpointName) {
    this.disk = disk;
    this.path = `${directory}/${name}`;
  }

  /** By the names of the partitions' directories; empty when there is no file. @throws DiskError */
  read(logger: Logger): Map<string, number> {
    const text = readFileIfThere(this.disk, this.path);
    if (text === undefined) return new Map();
    const { offsets, whole } = parseOffsets(text);
    if (!whole)
      logger.warn(
        { path: this.path, entries: offsets.size },
        "a checkpoint is damaged: what can be read of it is used",
      );
    return offsets;
  }

  /** The offsets are on the device when it resolves, or newer ones. @throws DiskError */
  write(offsets: ReadonlyMap<string, number>): Promise<void> {
    if (this.running === undefined) return this.start(offsets);
    const { running } = this;
    const done =
      this.next?.done ??
      running.then(
        () => this.startNext(),
        () => this.startNext(),
      );
    this.next = { offsets, done };
    return done;
  }

  private startNext(): Promise<void> {
    const { next } = this;
    this.next = undefined;
    return next === undefined ? Promise.resolve() : this.start(next.offsets);
  }

  private start(offsets: ReadonlyMap<string, number>): Promise<void> {
    const text = formatOffsets(offsets);
    // Most of the time nothing has moved.
    if (text === this.written) return Promise.resolve();
    this.written = undefined;
    this.running = replaceFile(this.disk, this.path, text)
      .then(() => {
        this.written = text;
      })
      .finally(() => {
        this.running = undefined;
      });
    return this.running;
  }
}
