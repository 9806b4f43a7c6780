/**
 * One of a node's log directories: its lock, its identity, its checkpoints, and how it was left.
 *
 * Owns: the files at its top. Leaves to LogDirectories: the logs in it, and what its failure means to them.
 * Invariant: from open() to leave() or release() no other process uses it; the clean-shutdown marker is gone meanwhile.
 */
import {
  type LastShutdown,
  leaveCleanShutdown,
  takeCleanShutdown,
  UNKNOWN_BROKER_EPOCH,
} from "./clean-shutdown-file.ts";
import { type DirectoryName, parseDirectoryName } from "./directory-name.ts";
import { type Disk, DiskError, type DiskLock } from "./disk.ts";
import type { Logger } from "./logger.ts";
import { type ClaimOptions, claimDirectory, DirectoryRefused } from "./meta-properties.ts";
import { CheckpointName, OffsetCheckpoint } from "./offset-checkpoint.ts";

const LOCK_NAME = ".lock";
const PROBE_NAME = ".probe";
/** Kafka's copies of remote indexes; no log. */
const REMOTE_INDEX_CACHE_NAME = "remote-log-index-cache";

export interface FoundDirectory extends DirectoryName {
  readonly path: string;
}

export class LogDirectory {
  readonly path: string;
  readonly directoryId: string;
  /** How it was left, from begin() on. */
  lastShutdown: LastShutdown = { clean: false, brokerEpoch: UNKNOWN_BROKER_EPOCH };
  readonly recoveryPoints: OffsetCheckpoint;
  readonly logStarts: OffsetCheckpoint;
  readonly highWatermarks: OffsetCheckpoint;
  readonly cleanedOffsets: OffsetCheckpoint;
  /** Set for good when the directory failed. */
  failure: DiskError | undefined;
  private readonly disk: Disk;
  private readonly logger: Logger;
  private readonly lock: DiskLock;

  private namesSync: Promise<void> | undefined;

  private constructor(disk: Disk, logger: Logger, path: string, directoryId: string, lock: DiskLock) {
    this.disk = disk;
    this.logger = logger;
    this.path = path;
    this.directoryId = directoryId;
    this.lock = lock;
    this.recoveryPoints = new OffsetCheckpoint(disk, path, CheckpointName.RECOVERY_POINT);
    this.logStarts = new OffsetCheckpoint(disk, path, CheckpointName.LOG_START);
    this.highWatermarks = new OffsetCheckpoint(disk, path, CheckpointName.HIGH_WATERMARK);
    this.cleanedOffsets = new OffsetCheckpoint(disk, path, CheckpointName.CLEANER);
  }

  /**
   * Makes the directory if need be, takes its lock and looks whose it is.
   * @throws DirectoryRefused: another process uses it, or it is another cluster's or node's; DiskError.
   */
  static async open(disk: Disk, path: string, owner: ClaimOptions, logger: Logger): Promise<LogDirectory> {
    if (!disk.exists(path)) {
      disk.makeDirectory(path);
      await disk.syncDirectory(path.slice(0, path.lastIndexOf("/")) || "/");
    }
    const lock = lockDirectory(disk, path);
    try {
      const { directoryId } = await claimDirectory(disk, path, owner);
      return new LogDirectory(disk, logger, path, directoryId, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Takes note of how it was left: from here on a crash is a crash. @throws DiskError */
  async begin(): Promise<void> {
    this.lastShutdown = await takeCleanShutdown(this.disk, this.path);
    // What a process that was killed made may not be on the device yet.
    if (!this.lastShutdown.clean) await this.disk.syncDirectory(this.path);
    for (const checkpoint of this.checkpoints) checkpoint.read(this.logger);
  }

  /** Directories of logs made, renamed or removed before the call are so on the device when it resolves. @throws DiskError */
  async syncNames(): Promise<void> {
    // One sync serves all who ask in the same turn.
    this.namesSync ??= Promise.resolve().then(() => {
      this.namesSync = undefined;
      return this.disk.syncDirectory(this.path);
    });
    await this.namesSync;
  }

  get checkpoints(): readonly OffsetCheckpoint[] {
    return [this.recoveryPoints, this.logStarts, this.highWatermarks, this.cleanedOffsets];
  }

  /** The directories of logs in it, by name. What is no log's is left alone. @throws DiskError */
  list(): FoundDirectory[] {
    const found: FoundDirectory[] = [];
    for (const { name, kind } of this.disk.list(this.path)) {
      if (kind !== "directory" || name === REMOTE_INDEX_CACHE_NAME) continue;
      const parsed = parseDirectoryName(name);
      const path = `${this.path}/${name}`;
      if (parsed !== undefined) found.push({ ...parsed, path });
      else this.logger.warn({ path }, "a directory that is no log's is left alone");
    }
    return found;
  }

  /** The error it answers a write with, if it does: a full disk is none. */
  probe(): DiskError | undefined {
    const path = `${this.path}/${PROBE_NAME}`;
    try {
      this.disk.writeFile(path, "");
      this.disk.remove(path);
      return undefined;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      return error.kind === "full" || error.kind === "handles" ? undefined : error;
    }
  }

  /** An orderly end: all logs are closed, all checkpoints written. @throws DiskError */
  async leave(brokerEpoch: number): Promise<void> {
    await leaveCleanShutdown(this.disk, this.path, brokerEpoch);
  }

  /** Lets go of it: nothing is written any more. */
  release(): void {
    for (const checkpoint of this.checkpoints) checkpoint.stop();
    this.lock.release();
  }
}

function lockDirectory(disk: Disk, path: string): DiskLock {
  try {
    return disk.lock(`${path}/${LOCK_NAME}`);
  } catch (error) {
    if (!(error instanceof DiskError) || error.kind !== "locked") throw error;
    throw new DirectoryRefused(`${path} is used by another process`, { cause: error });
  }
}
