/**
 * Where the logs of a node are asked to lie: those that are elsewhere are moved.
 *
 * Owns: which moves there are, their future logs, and the turn in which one takes the place of the current log. Leaves to LogMoves: the
 * filling; to LogDirectories: the logs that are current.
 */

import type { CheckpointSchedule } from "./checkpoint-schedule.ts";
import { partitionDirectoryName, suffixedDirectoryPath } from "./directory-name.ts";
import { DiskError } from "./disk.ts";
import { type HostedLog, type HostedLogs, storageError } from "./hosted-logs.ts";
import { createPartitionLog } from "./log/open-partition-log.ts";
import type { LogCleaner } from "./log-cleaner.ts";
import type { LogDirectoriesOptions } from "./log-directories-options.ts";
import type { LogDirectory } from "./log-directory.ts";
import { LogMoves } from "./log-moves.ts";
import type { SetAside } from "./set-aside.ts";

export interface PlacedLogsParts {
  readonly options: LogDirectoriesOptions;
  readonly hosted: HostedLogs;
  readonly aside: SetAside;
  readonly cleaner: LogCleaner;
  readonly checkpoints: CheckpointSchedule;
  /** Has a log flushed and checkpointed, and tells when its disk fails. */
  readonly watch: (hosted: HostedLog, failed: (error: Error) => void) => void;
  /** A log is not flushed in the background any more. */
  readonly forget: (hosted: HostedLog) => void;
  /** Takes a log in as the current one of its name. */
  readonly host: (hosted: HostedLog) => void;
  readonly checkDirectory: (directory: LogDirectory) => void;
  readonly syncNames: (directory: LogDirectory) => Promise<void>;
}

export class PlacedLogs {
  private readonly parts: PlacedLogsParts;
  private readonly moves: LogMoves;
  /** Logs that another has taken the place of, until that one is on the device. */
  private readonly replaced = new Set<HostedLog>();

  constructor(parts: PlacedLogsParts) {
    const { options, hosted, cleaner } = parts;
    this.parts = parts;
    this.moves = new LogMoves(options.around.clock, {
      current: (name) => hosted.get(name),
      isFuture: (log) => hosted.futures.get(log.name) === log,
      began: (current, future) => cleaner.copyOffset(current, future),
      isReady: async ({ log }) => (await options.onFutureReady?.(log)) ?? true,
      replace: (current, future) => this.replace(current, future),
      retire: (replaced) => this.retire(replaced),
      giveUp: ({ name, log }, why) => {
        options.around.logger.error({ log: name, path: log.path, why: String(why) }, "a log is not moved");
        this.end(name);
      },
      bytesPerSecond: () => options.moveBytesPerSecond?.() ?? Number.POSITIVE_INFINITY,
    });
  }

  /**
   * Has the log of a partition lie in a directory of this node: it is moved there, or made there once it is made. A move elsewhere
   * that is under way ends.
   * @throws KafkaError LOG_DIR_NOT_FOUND; KAFKA_STORAGE_ERROR
   */
  place(topic: string, partition: number, path: string): void {
    const name = partitionDirectoryName(topic, partition);
    const directory = this.parts.hosted.directoryAt(path);
    const current = this.parts.hosted.get(name);
    const future = this.parts.hosted.futures.get(name);
    if (future?.directory === directory) return;
    if (future !== undefined) this.end(name);
    if (current === undefined) this.parts.hosted.prefer(name, directory);
    else if (current.directory !== directory) this.begin(current, directory);
  }

  /** @throws KafkaError KAFKA_STORAGE_ERROR */
  private begin({ name, log: current }: HostedLog, directory: LogDirectory): void {
    const { topic, partition, topicId, config, logStartOffset } = current;
    const path = suffixedDirectoryPath(this.parts.options.around.random, directory.path, current, "future");
    try {
      // Of a log that lay there before.
      for (const checkpoint of directory.checkpoints) checkpoint.forget(new Set([name]));
      const place = { path, topic, partition, topicId, directoryId: directory.directoryId, config };
      const marks = { cleanShutdown: false, recoveryPoint: 0, logStartOffset, highWatermark: 0 };
      this.host({ name, directory, log: createPartitionLog(this.parts.options.around, { ...place, ...marks }) });
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.parts.checkDirectory(directory);
      throw storageError(error);
    }
  }

  /** A future log, new or found: it is filled from here on. */
  host(future: HostedLog): void {
    const { name, directory } = future;
    this.parts.hosted.futures.set(name, future);
    this.parts.watch(future, (error) => {
      this.parts.options.around.logger.error(
        { log: name, path: future.log.path },
        "a log is not moved: its new directory fails",
      );
      this.end(name);
      if (!(error instanceof DiskError && error.kind === "full")) this.parts.checkDirectory(directory);
    });
    this.moves.start(future);
  }

  /** The future log of this name, if there is one, goes away. */
  end(name: string): void {
    const future = this.parts.hosted.futures.get(name);
    if (future === undefined) return;
    this.parts.hosted.futures.delete(name);
    this.parts.forget(future);
    this.parts.aside.tryPut(future, "delete");
    this.parts.options.onMoveEnded?.(future.log);
  }

  /** @throws KafkaError KAFKA_STORAGE_ERROR: the current one stays. */
  private replace(current: HostedLog, future: HostedLog): void {
    const { name, log, directory } = future;
    log.rename(`${directory.path}/${name}`);
    log.takeOver(current.log);
    this.parts.hosted.futures.delete(name);
    this.parts.forget(current);
    current.log.onOffline = undefined;
    this.replaced.add(current);
    this.parts.host(future);
    this.parts.options.onLogMoved?.(log, current.log);
    this.parts.options.around.logger.info({ log: name, path: log.path, before: current.log.path }, "a log was moved");
  }

  private async retire(replaced: HostedLog): Promise<void> {
    // Else its topic was deleted meanwhile.
    if (!this.replaced.delete(replaced)) return;
    if (this.parts.aside.tryPut(replaced, "delete") === undefined) return;
    await this.parts.syncNames(replaced.directory);
    await this.parts.checkpoints.writeAll();
  }

  /** The current log of this name goes away: so do the one that was to take its place, and the one that it has taken the place of. */
  drop(name: string): void {
    this.end(name);
    for (const replaced of this.replaced) {
      if (replaced.name !== name) continue;
      this.replaced.delete(replaced);
      this.parts.aside.tryPut(replaced, "delete");
      void this.parts.syncNames(replaced.directory);
    }
  }

  /** Nothing is copied any more, and no name changes, when it resolves. */
  stop(): Promise<void> {
    return this.moves.stop();
  }

  /** The same for a node that is killed: nothing is written any more. */
  halt(): void {
    this.moves.halt();
    for (const { log } of this.parts.hosted.futures.values()) log.abandon();
    for (const { log } of this.replaced) log.abandon();
  }
}
