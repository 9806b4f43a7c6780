/**
 * Which logs a node has, and in which of its directories; which are being filled to take the place of one in another directory.
 *
 * Owns: the tables, and the choice of a directory for a new log. Leaves to LogDirectories: everything that happens to a log.
 */
import { ErrorCode } from "../protocol/error-codes.ts";
import { KafkaError } from "../protocol/kafka-error.ts";
import { UNKNOWN_BROKER_EPOCH } from "./clean-shutdown-file.ts";
import { DiskError } from "./disk.ts";
import type { LogSurroundings } from "./log/log-surroundings.ts";
import type { SegmentedLog } from "./log/segmented-log.ts";
import type { DirectoryDescription, LogDirectoriesOptions, ObtainOptions } from "./log-directories-options.ts";
import { LogDirectory } from "./log-directory.ts";
import { DirectoryRefused } from "./meta-properties.ts";

/** A log and where it is kept. */
export interface HostedLog {
  /** "topic-partition". */
  readonly name: string;
  readonly log: SegmentedLog;
  readonly directory: LogDirectory;
}

export class HostedLogs {
  readonly directories: readonly LogDirectory[];
  private readonly logs = new Map<string, HostedLog>();
  /** Those that are being filled, by the names they will have. */
  readonly futures = new Map<string, HostedLog>();
  /** Directories that were asked for before there was a log, by its name. */
  private readonly preferred = new Map<string, LogDirectory>();
  /** Logs that lie in a directory but could not be opened or moved, and why. */
  readonly failed = new Map<string, Error>();
  /** Logs that were closed in order: what they say counts although they are offline. */
  readonly closed = new Set<HostedLog>();
  /** Directories that could not even be opened. */
  private readonly missing: readonly string[];
  private readonly counts = new Map<LogDirectory, number>();

  private constructor(directories: readonly LogDirectory[], missing: readonly string[]) {
    this.directories = directories;
    this.missing = missing;
  }

  /** Takes the directories for this node. @throws DirectoryRefused */
  static async open({ around, paths, clusterId, nodeId }: LogDirectoriesOptions): Promise<HostedLogs> {
    const { disk, random, clock, logger } = around;
    const owner = { clusterId, nodeId, random, wallMs: clock.wallMs() };
    const directories: LogDirectory[] = [];
    const missing: string[] = [];
    try {
      for (const path of new Set(paths)) {
        try {
          directories.push(await LogDirectory.open(disk, path, owner, logger));
        } catch (error) {
          if (!(error instanceof DiskError)) throw error;
          logger.error({ path, kind: error.kind }, "a log directory cannot be used");
          missing.push(path);
        }
      }
      if (directories.length === 0) {
        throw new DirectoryRefused(`none of the log directories can be used: ${paths.join(", ")}`);
      }
    } catch (error) {
      for (const directory of directories) directory.release();
      throw error;
    }
    return new HostedLogs(directories, missing);
  }

  all(): IterableIterator<HostedLog> {
    return this.logs.values();
  }

  /** With those that are being filled. */
  *every(): IterableIterator<HostedLog> {
    yield* this.logs.values();
    yield* this.futures.values();
  }

  get(name: string): HostedLog | undefined {
    return this.logs.get(name);
  }

  /** In the place of one by the same name, if there is one. */
  set(hosted: HostedLog): void {
    this.delete(hosted.name);
    this.logs.set(hosted.name, hosted);
    this.counts.set(hosted.directory, (this.counts.get(hosted.directory) ?? 0) + 1);
  }

  delete(name: string): void {
    const hosted = this.logs.get(name);
    if (hosted === undefined) return;
    this.logs.delete(name);
    this.counts.set(hosted.directory, (this.counts.get(hosted.directory) ?? 0) - 1);
  }

  get online(): LogDirectory[] {
    return this.directories.filter(({ failure }) => failure === undefined);
  }

  get hasOfflineDirectories(): boolean {
    return this.missing.length > 0 || this.directories.some(({ failure }) => failure !== undefined);
  }

  /** Of the last run, when it ended in order in every directory; else UNKNOWN_BROKER_EPOCH (KIP-966). */
  get previousBrokerEpoch(): number {
    const epochs = new Set(this.directories.map(({ lastShutdown }) => lastShutdown.brokerEpoch));
    const [epoch] = epochs;
    return epochs.size === 1 && !this.hasOfflineDirectories ? (epoch as number) : UNKNOWN_BROKER_EPOCH;
  }

  *in(directory: LogDirectory): IterableIterator<HostedLog> {
    for (const hosted of this.every()) if (hosted.directory === directory) yield hosted;
  }

  /** @throws KafkaError LOG_DIR_NOT_FOUND; KAFKA_STORAGE_ERROR when it is offline. */
  directoryAt(path: string): LogDirectory {
    const directory = this.directories.find((one) => one.path === path);
    if (directory?.failure !== undefined) throw storageError(directory.failure);
    if (directory !== undefined) return directory;
    throw new KafkaError(this.missing.includes(path) ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.LOG_DIR_NOT_FOUND);
  }

  /** A log of this name is to be made there, should there be one. */
  prefer(name: string, directory: LogDirectory): void {
    this.preferred.delete(name);
    this.preferred.set(name, directory);
    const [oldest] = this.preferred.keys();
    if (this.preferred.size > MAX_PREFERRED && oldest !== undefined) this.preferred.delete(oldest);
  }

  /** Whether all that lies in the directory was closed in order. */
  isClosed(directory: LogDirectory): boolean {
    if (directory.failure !== undefined || this.failed.size > 0) return false;
    return Array.from(this.in(directory)).every((hosted) => this.closed.has(hosted));
  }

  isCurrent(hosted: HostedLog): boolean {
    return this.logs.get(hosted.name) === hosted;
  }

  /** The directory for a new log: one that was asked for, the assigned one, the one with the fewest logs. @throws KafkaError KAFKA_STORAGE_ERROR */
  choose(name: string, { isNew = false, directoryId, isCordoned = () => false }: ObtainOptions): LogDirectory {
    const assigned = this.directories.find((directory) => directory.directoryId === directoryId);
    if (assigned?.failure !== undefined) throw storageError(assigned.failure);
    if (assigned === undefined && !isNew && this.hasOfflineDirectories) {
      throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, `${name} may lie in a log directory that is offline`);
    }
    const preferred = this.preferred.get(name);
    this.preferred.delete(name);
    if (preferred !== undefined && preferred.failure === undefined) return preferred;
    if (assigned !== undefined) return assigned;
    const { online } = this;
    const open = online.filter(({ path }) => !isCordoned(path));
    const [best] = (open.length > 0 ? open : online).sort(
      (a, b) => (this.counts.get(a) ?? 0) - (this.counts.get(b) ?? 0),
    );
    if (best === undefined) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, "every log directory is offline");
    return best;
  }

  /** In the order of log.dirs as far as they could be opened, the others behind them. */
  describe(around: LogSurroundings): DirectoryDescription[] {
    const opened = this.directories.map((directory): DirectoryDescription => {
      const { path, directoryId, failure } = directory;
      const volume = failure === undefined ? volumeOf(around, path) : NO_VOLUME;
      const isHere = (hosted: HostedLog): boolean => hosted.directory === directory;
      const logs = [...this.logs.values()].filter(isHere).map(({ log }) => log);
      const futures = [...this.futures.values()].filter(isHere).map(({ log }) => log);
      return { path, directoryId, isOffline: failure !== undefined, ...volume, logs, futures };
    });
    const missing = this.missing.map((path) => ({
      path,
      directoryId: undefined,
      isOffline: true,
      ...NO_VOLUME,
      logs: [],
      futures: [],
    }));
    return [...opened, ...missing];
  }
}

/** Beyond that the oldest is forgotten: the log is made where there is most room, and can be moved. */
const MAX_PREFERRED = 10_000;

const NO_VOLUME = { totalBytes: -1, usableBytes: -1 };

function volumeOf(
  { disk }: LogSurroundings,
  path: string,
): { readonly totalBytes: number; readonly usableBytes: number } {
  try {
    return disk.volume(path);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return NO_VOLUME;
  }
}

export function storageError(cause: Error): KafkaError {
  return new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, undefined, { cause });
}
