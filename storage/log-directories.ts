/**
 * The logs of a node, over one or several log directories.
 *
 * Owns: making, setting aside and deleting logs; what a failing disk means: one log, or all of a directory, is offline and the
 * others live; the end of it all. Leaves to HostedLogs: which log lies where; to LogDirectory: the files at its top; to PlacedLogs:
 * the way of a log to another directory; to BackgroundFlush, CheckpointSchedule, LogCleaner and LogUpkeep: what is done from time to time.
 */
import { ErrorCode } from "../protocol/error-codes.ts";
import { KafkaError } from "../protocol/kafka-error.ts";
import { BackgroundFlush } from "./background-flush.ts";
import { CheckpointSchedule } from "./checkpoint-schedule.ts";
import { UNKNOWN_BROKER_EPOCH } from "./clean-shutdown-file.ts";
import { partitionDirectoryName } from "./directory-name.ts";
import { DiskError } from "./disk.ts";
import { type HostedLog, HostedLogs, storageError } from "./hosted-logs.ts";
import type { LogSurroundings } from "./log/log-surroundings.ts";
import { createPartitionLog } from "./log/open-partition-log.ts";
import type { SegmentedLog } from "./log/segmented-log.ts";
import { LogCleaner } from "./log-cleaner.ts";
import {
  DEFAULT_LOG_DIRECTORIES_SETTINGS,
  type DirectoryDescription,
  type LogDirectoriesOptions,
  type LogDirectoriesSettings,
  type ObtainOptions,
} from "./log-directories-options.ts";
import type { LogDirectory } from "./log-directory.ts";
import { closeLogs, type FailedLog, loadLog, loadLogs, reopenLog } from "./log-loading.ts";
import { LogUpkeep } from "./log-upkeep.ts";
import { PlacedLogs } from "./placed-logs.ts";
import { SetAside } from "./set-aside.ts";
import { StaleOffsets } from "./stale-offsets.ts";
import { UnopenedLogs } from "./unopened-logs.ts";

export class LogDirectories {
  readonly cleaner: LogCleaner;
  private readonly options: LogDirectoriesOptions;
  private readonly around: LogSurroundings;
  private readonly settings: LogDirectoriesSettings;
  private readonly hosted: HostedLogs;
  private readonly stale: StaleOffsets;
  private readonly flush: BackgroundFlush<SegmentedLog>;
  private readonly checkpoints: CheckpointSchedule;
  private readonly upkeep: LogUpkeep;
  private readonly aside: SetAside;
  private readonly moves: PlacedLogs;
  private readonly unopened: UnopenedLogs;
  private isLoaded = false;
  private stopped = false;

  private constructor(options: LogDirectoriesOptions, hosted: HostedLogs) {
    const { around } = options;
    const { clock } = around;
    this.options = options;
    this.around = around;
    this.settings = { ...DEFAULT_LOG_DIRECTORIES_SETTINGS, ...options.settings };
    this.hosted = hosted;
    const ports = {
      directories: () => hosted.online,
      logs: () => hosted.every(),
      isCurrent: (log: HostedLog) => hosted.isCurrent(log),
      isMoving: (log: HostedLog) => hosted.futures.has(log.name),
      isKept: (name: string) => hosted.failed.has(name),
      speaks: (log: HostedLog) => !log.log.offline || hosted.closed.has(log),
      reopen: (log: HostedLog) => this.reopen(log),
      openMissing: () => this.openMissing(),
      directoryFailed: (directory: LogDirectory, error: DiskError) => this.directoryFailed(directory, error),
    };
    this.checkpoints = new CheckpointSchedule(clock, this.settings.checkpoints, ports);
    this.flush = new BackgroundFlush(clock, this.settings.flush, (_log, bytes) => this.checkpoints.flushed(bytes));
    this.upkeep = new LogUpkeep(clock, this.settings, { ...ports, logs: () => hosted.all() });
    this.aside = new SetAside(around);
    this.cleaner = new LogCleaner(around, this.settings.cleaner, ports);
    this.moves = new PlacedLogs({
      ...{ options, hosted, aside: this.aside, cleaner: this.cleaner, checkpoints: this.checkpoints },
      watch: (log, failed) => this.watch(log, failed),
      forget: ({ log }) => this.flush.forget(log),
      host: (log) => this.host(log),
      checkDirectory: (directory) => this.checkDirectory(directory),
      syncNames: (directory) => this.onDirectory(directory, () => directory.syncNames()),
    });
    this.unopened = new UnopenedLogs({
      hasRoom: ({ directory }) => this.hasRoom(directory),
      open: ({ place, directory }) => loadLog(around, place, directory, options.configOf(place.topic)),
      opened: (log) => this.opened(log),
      failed: (name, error) => void hosted.failed.set(name, error),
    });
    this.stale = new StaleOffsets(clock, {
      forgetNow: (names) => this.forgetNow(names),
      write: async () => {
        await this.checkpoints.writeAll();
        await this.cleaner.writeOffsets();
      },
    });
  }

  /**
   * Takes the directories for this node. One that fails is offline from the start.
   * @throws DirectoryRefused: another process uses one, one is another cluster's or node's, or none can be used.
   */
  static async open(options: LogDirectoriesOptions): Promise<LogDirectories> {
    const logs = new LogDirectories(options, await HostedLogs.open(options));
    for (const directory of logs.hosted.directories) await logs.onDirectory(directory, () => directory.begin());
    return logs;
  }

  /** Broker epoch of the last run, when it ended in order in every directory; else UNKNOWN_BROKER_EPOCH (KIP-966). */
  get previousBrokerEpoch(): number {
    return this.hosted.previousBrokerEpoch;
  }

  get onlineDirectoryIds(): string[] {
    return this.hosted.online.map(({ directoryId }) => directoryId);
  }

  /** Of those that could be opened. */
  directoryIdsOf(isMeant: (path: string) => boolean): string[] {
    return this.hosted.directories.filter(({ path }) => isMeant(path)).map(({ directoryId }) => directoryId);
  }

  get hasOfflineDirectories(): boolean {
    return this.hosted.hasOfflineDirectories;
  }

  /** Opens every log that lies there, and begins what is done from time to time; nobody may ask for a log before. @throws DirectoryRefused: two hold the same partition. */
  async load(): Promise<void> {
    const { around, hosted, options } = this;
    const directoryFailed = (directory: LogDirectory, error: DiskError) => this.directoryFailed(directory, error);
    const { configOf, assignedDirectory } = options;
    const ports = { configOf, directoryFailed, assignedDirectory };
    const { logs, futures, failed, deleted } = await loadLogs(around, hosted.online, ports);
    for (const [name, one] of failed) this.isMissing(name, one);
    for (const log of logs) this.host(log);
    for (const one of deleted) this.aside.found(one, configOf(one.topic).fileDeleteDelayMs);
    this.isLoaded = true;
    for (const future of futures) this.moves.host(future);
    this.checkpoints.start();
    this.upkeep.start();
    this.cleaner.start();
  }

  get(topic: string, partition: number): SegmentedLog | undefined {
    return this.hosted.get(partitionDirectoryName(topic, partition))?.log;
  }

  *all(): IterableIterator<SegmentedLog> {
    for (const { log } of this.hosted.all()) yield log;
  }

  /** As PlacedLogs has it. @throws KafkaError */
  place(topic: string, partition: number, path: string): void {
    this.moves.place(topic, partition, path);
  }

  /**
   * The log of a partition, made when it is not there. A log of another topic of the same name is set aside.
   * @throws KafkaError KAFKA_STORAGE_ERROR: it cannot be opened or made, or it may lie in a directory that is offline.
   */
  obtain(topic: string, partition: number, topicId: string, options: ObtainOptions = {}): SegmentedLog {
    const name = partitionDirectoryName(topic, partition);
    const there = this.hosted.get(name);
    if (there?.log.topicId === topicId) return there.log;
    if (there !== undefined) this.setAside(there);
    const failure = this.hosted.failed.get(name);
    if (failure !== undefined) throw storageError(failure);
    const directory = this.hosted.choose(name, options);
    this.stale.take(name);
    try {
      const log = createPartitionLog(this.around, {
        path: `${directory.path}/${name}`,
        topic,
        partition,
        topicId,
        directoryId: directory.directoryId,
        config: this.options.configOf(topic),
        cleanShutdown: false,
        recoveryPoint: 0,
        logStartOffset: 0,
        highWatermark: 0,
      });
      this.host({ name, log, directory });
      return log;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      const place = { topic, partition, path: `${directory.path}/${name}`, topicId };
      if (error.kind === "full") this.isMissing(name, { error, place, directory });
      else this.checkDirectory(directory);
      throw storageError(error);
    }
  }

  private isMissing(name: string, log: FailedLog): void {
    this.hosted.failed.set(name, log.error);
    if (this.unopened.take(name, log)) this.upkeep.logIsMissing();
  }

  /** Sets the files of a log aside and removes them after file.delete.delay.ms. A log of another topic of that name stays. */
  remove(topic: string, partition: number, topicId: string): void {
    const hosted = this.hosted.get(partitionDirectoryName(topic, partition));
    if (hosted?.log.topicId !== topicId) return;
    this.putAway(hosted, "delete");
  }

  /** Sets aside every log whose partition is not this node's any more; the node never removes their files. */
  setStraysAside(isStray: (log: SegmentedLog) => boolean): void {
    for (const hosted of [...this.hosted.all()]) if (isStray(hosted.log)) this.setAside(hosted);
  }

  /** Configs of a topic, or of all, changed. */
  updateConfigs(topic?: string): void {
    for (const { log } of this.hosted.every()) {
      if (topic === undefined || log.topic === topic) log.updateConfig(this.options.configOf(log.topic));
    }
  }

  describe(): DirectoryDescription[] {
    return this.hosted.describe(this.around);
  }

  /** An orderly end. A directory in which everything was closed well needs no recovery. */
  async close(brokerEpoch = UNKNOWN_BROKER_EPOCH): Promise<void> {
    if (!this.isLoaded) {
      this.abandon();
      return;
    }
    const { hosted } = this;
    this.stopTasks();
    await this.moves.stop();
    await this.cleaner.stop();
    await this.checkpoints.ended();
    await this.aside.stop();
    await closeLogs(hosted, this.around.clock);
    await this.checkpoints.writeAll();
    for (const directory of hosted.directories) {
      const isClean =
        Array.from(hosted.in(directory)).every((log) => hosted.closed.has(log)) && hosted.failed.size === 0;
      if (isClean && directory.failure === undefined) {
        await this.onDirectory(directory, () => directory.leave(brokerEpoch));
      }
      directory.release();
    }
  }

  /** The end of a node that is killed: nothing is written any more. */
  abandon(): void {
    this.stopTasks();
    this.cleaner.halt();
    this.moves.halt();
    void this.aside.stop();
    for (const { log } of this.hosted.every()) log.abandon();
    for (const directory of this.hosted.directories) directory.release();
  }

  private stopTasks(): void {
    this.stopped = true;
    this.flush.stop();
    this.checkpoints.stop();
    this.upkeep.stop();
    this.stale.stop();
  }

  private host(hosted: HostedLog): void {
    this.hosted.set(hosted);
    this.watch(hosted, (error) => this.logFailed(hosted, error));
  }

  private watch({ log }: HostedLog, failed: (error: Error) => void): void {
    log.onOffline = (_log, error) => failed(error);
    log.onMarksLowered = () => this.checkpoints.lowered();
    this.flush.watch(log);
    if (log.offline) failed(new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR));
  }

  private setAside(hosted: HostedLog): void {
    const path = this.putAway(hosted, "stray");
    this.around.logger.warn({ log: hosted.name, path }, "a log that is not this node's any more is set aside");
  }

  /** Renames a log's directory and lets go of the log; returns where it lies now, undefined when it could not be moved. */
  private putAway(hosted: HostedLog, state: "delete" | "stray"): string | undefined {
    const { log, directory, name } = hosted;
    this.moves.drop(name);
    this.hosted.delete(name);
    this.flush.forget(log);
    this.stale.add(name);
    try {
      const path = this.aside.put(hosted, state);
      void this.onDirectory(directory, () => directory.syncNames());
      return path;
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      this.hosted.failed.set(name, error);
      return undefined;
    }
  }

  private forgetNow(names: ReadonlySet<string>): void {
    for (const directory of this.hosted.online) {
      try {
        for (const checkpoint of directory.checkpoints) checkpoint.forget(names);
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        this.directoryFailed(directory, error);
      }
    }
  }

  private logFailed(hosted: HostedLog, error: Error): void {
    const { directory, log } = hosted;
    this.flush.forget(log);
    this.options.onLogOffline?.(log, error);
    if (error instanceof DiskError && error.kind === "full") this.upkeep.diskWasFull(hosted);
    else this.checkDirectory(directory);
  }

  /** One log's trouble may be that of its directory. */
  private checkDirectory(directory: LogDirectory): void {
    if (directory.failure !== undefined || this.stopped) return;
    const error = directory.probe();
    if (error !== undefined) this.directoryFailed(directory, error);
  }

  private directoryFailed(directory: LogDirectory, error: DiskError): void {
    if (directory.failure !== undefined) return;
    const { logger } = this.around;
    if (error.kind === "full" || error.kind === "handles") {
      logger.error({ path: error.path, kind: error.kind }, "a checkpoint could not be written; it is tried again");
      return;
    }
    directory.failure = error;
    logger.error({ directory: directory.path, kind: error.kind, path: error.path }, "a log directory is offline");
    for (const { log } of this.hosted.in(directory)) log.storageFailed(error);
    this.options.onDirectoryOffline?.(directory.directoryId);
  }

  private async onDirectory(directory: LogDirectory, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.directoryFailed(directory, error);
    }
  }

  /** Opens a log again that a full disk took offline; false as long as the disk is full. */
  private async reopen(hosted: HostedLog): Promise<boolean> {
    const { log, directory, name } = hosted;
    if (!this.hosted.isCurrent(hosted) || directory.failure !== undefined) return true;
    if (!this.hasRoom(directory)) return false;
    const again = await reopenLog(this.around, hosted);
    if (this.stopped || !this.hosted.isCurrent(hosted)) {
      again.abandon();
      return true;
    }
    this.host({ name, log: again, directory });
    this.options.onLogReopened?.(again, log);
    return true;
  }

  private hasRoom(directory: LogDirectory): boolean {
    return this.around.disk.volume(directory.path).usableBytes >= this.settings.reopenUsableBytes;
  }

  /** Opens what a full disk kept from being there; false as long as some of it is not. */
  private async openMissing(): Promise<boolean> {
    if ((await this.unopened.tryAgain()) && !this.stopped) this.options.onMissingOpened?.();
    return this.unopened.isEmpty;
  }

  private opened(hosted: HostedLog): void {
    if (this.stopped) {
      hosted.log.abandon();
      return;
    }
    this.hosted.failed.delete(hosted.name);
    this.host(hosted);
  }
}
