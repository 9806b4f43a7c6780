/**
 * Cleans the compacted logs of a node, one at a time, the dirtiest first.
 *
 * Owns: which log is next, where its last cleaning ended (cleaner-offset-checkpoint), and what an error means: a log that cannot
 * be cleaned is left alone until it is opened again. Leaves to compact(): the cleaning.
 * Also drops old segments of compacted logs, as Kafka's cleaner does.
 */
import { ErrorCode } from "../protocol/error-codes.ts";
import { errorCodeOf } from "../protocol/kafka-error.ts";
import { DiskError } from "./disk.ts";
import type { HostedLog } from "./hosted-logs.ts";
import { CompactionAborted, compact } from "./log/compaction.ts";
import { type CompactionPlan, planCompaction } from "./log/compaction-plan.ts";
import type { LogSurroundings } from "./log/log-surroundings.ts";
import type { LogDirectory } from "./log-directory.ts";
import { RepeatingTask } from "./repeating-task.ts";
import { TurnPacer } from "./turn-pacer.ts";

/** May change while the node runs. */
export interface CleanerSettings {
  /** log.cleaner.enable */
  enabled: boolean;
  /** log.cleaner.backoff.ms */
  backoffMs: number;
  /** log.cleaner.dedupe.buffer.size */
  dedupeBufferBytes: number;
  /** log.cleaner.io.max.bytes.per.second */
  ioMaxBytesPerSecond: number;
}

export const DEFAULT_CLEANER_SETTINGS: CleanerSettings = {
  enabled: true,
  backoffMs: 15_000,
  dedupeBufferBytes: 134_217_728,
  ioMaxBytesPerSecond: Number.POSITIVE_INFINITY,
};

export interface CleanerPorts {
  readonly directories: () => readonly LogDirectory[];
  /** Every log that is there now, those that are being filled among them. */
  readonly logs: () => Iterable<HostedLog>;
  /** A log is on its way to another directory: a tombstone that went before it was copied would leave what it covers. */
  readonly isMoving: (hosted: HostedLog) => boolean;
  readonly isCurrent: (hosted: HostedLog) => boolean;
  readonly directoryFailed: (directory: LogDirectory, error: DiskError) => void;
}

interface Candidate {
  readonly hosted: HostedLog;
  readonly plan: CompactionPlan;
}

export class LogCleaner {
  private readonly around: LogSurroundings;
  private readonly settings: CleanerSettings;
  private readonly ports: CleanerPorts;
  private readonly pacer: TurnPacer;
  /** Logs in which cleaning found what it cannot handle. */
  private readonly uncleanable = new WeakSet<HostedLog["log"]>();
  private task: RepeatingTask | undefined;
  private truncationTask: RepeatingTask | undefined;
  private stopped = false;

  constructor(around: LogSurroundings, settings: CleanerSettings, ports: CleanerPorts) {
    this.around = around;
    this.settings = settings;
    this.ports = ports;
    this.pacer = new TurnPacer(around.clock);
  }

  start(): void {
    const { clock } = this.around;
    const { backoffMs } = this.settings;
    this.task = new RepeatingTask(clock, backoffMs, backoffMs, async () => {
      await this.cleanAll();
      this.task?.setInterval(this.settings.backoffMs);
    });
    this.truncationTask = new RepeatingTask(clock, TRUNCATION_LOOK_MS, TRUNCATION_LOOK_MS, () =>
      this.noticeTruncations(),
    );
  }

  /** Resolves when nothing is cleaned any more. */
  async stop(): Promise<void> {
    this.halt();
    await this.task?.ended();
  }

  /** The same for a node that is killed: what is under way sees it at its next step. */
  halt(): void {
    this.stopped = true;
    this.pacer.stop();
    this.task?.stop();
    this.truncationTask?.stop();
  }

  /** Cleans until no log is dirty enough, then drops old segments. */
  async cleanAll(): Promise<void> {
    if (!this.settings.enabled) return;
    // What was aborted is tried again after the backoff, not at once.
    const aborted = new Set<HostedLog>();
    while (!this.stopped) {
      const next = this.dirtiest(aborted);
      if (next === undefined) break;
      if (!(await this.clean(next))) aborted.add(next.hosted);
      await new Promise<void>((resolve) => this.around.clock.afterPoll(resolve));
    }
    for (const { log } of this.compacted()) {
      if (this.stopped) return;
      dropOldSegments(log, this.around.clock.wallMs());
      const pause = this.pacer.spend(LOOK_COST_BYTES);
      if (pause !== undefined) await pause;
    }
  }

  /** Where a log was cut back, what lies behind the cut is not clean any more. */
  private noticeTruncations(): void {
    for (const hosted of this.compacted()) this.noticeTruncation(hosted);
  }

  private *compacted(): Iterable<HostedLog> {
    for (const hosted of this.ports.logs()) {
      if (hosted.log.config.cleanupCompact && !hosted.log.offline && !this.ports.isMoving(hosted)) yield hosted;
    }
  }

  private dirtiest(except: ReadonlySet<HostedLog>): Candidate | undefined {
    const wallMs = this.around.clock.wallMs();
    let best: Candidate | undefined;
    for (const hosted of this.compacted()) {
      if (this.uncleanable.has(hosted.log) || except.has(hosted)) continue;
      this.noticeTruncation(hosted);
      const plan = planCompaction(hosted.log, hosted.directory.cleanedOffsets.offsets.get(hosted.name), wallMs);
      if (plan === undefined || plan.cleanableBytes === 0) continue;
      if (plan.checkpointIsInvalid) void this.saveOffset(hosted, plan.firstDirtyOffset);
      if (!plan.isOverdue && plan.dirtyRatio <= hosted.log.config.minCleanableDirtyRatio) continue;
      if (best === undefined || plan.dirtyRatio > best.plan.dirtyRatio) best = { hosted, plan };
    }
    return best;
  }

  /** False when the log was not cleaned. */
  private async clean({ hosted, plan }: Candidate): Promise<boolean> {
    const { log, name } = hosted;
    const { logger } = this.around;
    this.pacer.bytesPerSecond = this.settings.ioMaxBytesPerSecond;
    try {
      const result = await compact({
        log,
        around: this.around,
        plan,
        maxMapBytes: this.settings.dedupeBufferBytes,
        pacer: this.pacer,
        isWanted: () =>
          !this.stopped && log.config.cleanupCompact && this.ports.isCurrent(hosted) && !this.ports.isMoving(hosted),
      });
      const { endOffset, bytesRead, bytesWritten } = result;
      logger.info(
        { log: name, from: plan.firstDirtyOffset, to: endOffset, bytesRead, bytesWritten },
        "a log was cleaned",
      );
      if (endOffset <= plan.firstDirtyOffset) {
        this.uncleanable.add(log);
        logger.error({ log: name }, "the cleaner's memory does not hold the keys of one batch: the log is not cleaned");
      } else await this.saveOffset(hosted, endOffset);
      return true;
    } catch (error) {
      this.failed(hosted, error);
      return false;
    }
  }

  private failed({ log, name }: HostedLog, error: unknown): void {
    if (error instanceof CompactionAborted || errorCodeOf(error) === ErrorCode.KAFKA_STORAGE_ERROR) return;
    if (error instanceof DiskError) {
      log.storageFailed(error);
      return;
    }
    this.uncleanable.add(log);
    this.around.logger.error({ log: name, error: String(error) }, "a log cannot be cleaned");
  }

  private noticeTruncation(hosted: HostedLog): void {
    const offset = hosted.log.takeLowestTruncation();
    const cleaned = hosted.directory.cleanedOffsets.offsets.get(hosted.name);
    if (cleaned !== undefined && offset < cleaned)
      void this.saveOffset(hosted, Math.max(offset, hosted.log.logStartOffset));
  }

  private async saveOffset(hosted: HostedLog, offset: number): Promise<void> {
    const offsets = this.offsetsIn(hosted.directory);
    if (this.ports.isCurrent(hosted)) offsets.set(hosted.name, offset);
    await this.write(hosted.directory, offsets);
  }

  /** A log that is filled from another is as clean as that one, and has its holes: known before a crash asks for it. */
  async copyOffset(from: HostedLog, to: HostedLog): Promise<void> {
    const offset = from.directory.cleanedOffsets.offsets.get(from.name);
    if (offset === undefined) return;
    const offsets = this.offsetsIn(to.directory);
    offsets.set(to.name, offset);
    await this.write(to.directory, offsets);
  }

  /** Writes where cleaning ended, without the logs that are no longer there. */
  async writeOffsets(): Promise<void> {
    for (const directory of this.ports.directories()) await this.write(directory, this.offsetsIn(directory));
  }

  private offsetsIn(directory: LogDirectory): Map<string, number> {
    const offsets = new Map<string, number>();
    for (const hosted of this.ports.logs()) {
      const offset = directory.cleanedOffsets.offsets.get(hosted.name);
      if (offset !== undefined && hosted.directory === directory) offsets.set(hosted.name, offset);
    }
    return offsets;
  }

  private async write(directory: LogDirectory, offsets: Map<string, number>): Promise<void> {
    try {
      await directory.cleanedOffsets.write(offsets);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.ports.directoryFailed(directory, error);
    }
  }
}

/** After a crash in between, a tombstone might go before what it covers. */
const TRUNCATION_LOOK_MS = 5000;

/** A look at a log that has nothing to drop. */
const LOOK_COST_BYTES = 4096;

/** What fails here has taken the log offline. */
export function dropOldSegments(log: HostedLog["log"], wallMs: number): void {
  try {
    log.deleteOldSegments(wallMs);
  } catch (error) {
    if (errorCodeOf(error) !== ErrorCode.KAFKA_STORAGE_ERROR) throw error;
  }
}
