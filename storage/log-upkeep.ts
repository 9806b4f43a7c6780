/**
 * What is done to all logs of a node from time to time: retention, expiry of producers, and opening logs again that a full disk had
 * taken offline.
 *
 * Owns: when. Leaves to SegmentedLog: what has had its time; old segments of compacted logs are the cleaner's.
 */
import { KafkaError } from "../protocol/kafka-error.ts";
import type { Clock, Timer } from "./clock.ts";
import { DiskError } from "./disk.ts";
import type { HostedLog } from "./hosted-logs.ts";
import { dropOldSegments } from "./log-cleaner.ts";
import { RepeatingTask } from "./repeating-task.ts";
import { TimeSlice } from "./time-slice.ts";

export interface UpkeepSettings {
  /** log.retention.check.interval.ms */
  readonly retentionCheckIntervalMs: number;
  /** log.initial.task.delay.ms */
  readonly initialTaskDelayMs: number;
  /** producer.id.expiration.check.interval.ms */
  readonly producerExpirationCheckIntervalMs: number;
}

export interface UpkeepPorts {
  readonly logs: () => Iterable<HostedLog>;
  /** Tries to open a log again; false when the disk has no room for it yet. @throws DiskError, KafkaError */
  readonly reopen: (hosted: HostedLog) => Promise<boolean>;
  /** Tries to open the logs that a full disk kept from being there at all; false as long as there is one. */
  readonly openMissing: () => Promise<boolean>;
}

/** How long a log stays offline after its disk got room. */
const REOPEN_EVERY_MS = 1000;

export class LogUpkeep {
  private readonly clock: Clock;
  private readonly ports: UpkeepPorts;
  private readonly settings: UpkeepSettings;
  private tasks: readonly RepeatingTask[] = [];
  private readonly full = new Set<HostedLog>();
  private someAreMissing = false;
  private reopenTimer: Timer | undefined;
  private stopped = false;

  constructor(clock: Clock, settings: UpkeepSettings, ports: UpkeepPorts) {
    this.clock = clock;
    this.settings = settings;
    this.ports = ports;
  }

  start(): void {
    const { clock } = this;
    const { initialTaskDelayMs, retentionCheckIntervalMs, producerExpirationCheckIntervalMs: expiryMs } = this.settings;
    this.tasks = [
      new RepeatingTask(clock, initialTaskDelayMs, retentionCheckIntervalMs, () => this.dropOldSegments()),
      new RepeatingTask(clock, expiryMs, expiryMs, () => this.expireProducers()),
    ];
  }

  /** A full disk took the log offline. */
  diskWasFull(hosted: HostedLog): void {
    this.full.add(hosted);
    this.reopenLater();
  }

  /** A full disk kept a log from being opened, or made. */
  logIsMissing(): void {
    this.someAreMissing = true;
    this.reopenLater();
  }

  private reopenLater(): void {
    if (!this.stopped) this.reopenTimer ??= this.clock.after(REOPEN_EVERY_MS, () => void this.reopenAll());
  }

  stop(): void {
    this.stopped = true;
    this.reopenTimer?.cancel();
    for (const task of this.tasks) task.stop();
  }

  private async dropOldSegments(): Promise<void> {
    const slice = new TimeSlice(this.clock);
    for (const { log } of [...this.ports.logs()]) {
      if (this.stopped) return;
      if (!log.offline && !log.config.cleanupCompact) dropOldSegments(log, this.clock.wallMs());
      await slice.step();
    }
  }

  private async expireProducers(): Promise<void> {
    const slice = new TimeSlice(this.clock);
    for (const { log } of [...this.ports.logs()]) {
      if (this.stopped) return;
      if (!log.offline) log.expireProducers();
      await slice.step();
    }
  }

  private async reopenAll(): Promise<void> {
    for (const hosted of [...this.full]) {
      if (this.stopped) return;
      try {
        if (await this.ports.reopen(hosted)) this.full.delete(hosted);
      } catch (error) {
        if (!(error instanceof DiskError || error instanceof KafkaError)) throw error;
        // Full again: later. Anything else is no longer a matter of room.
        if (!(error instanceof DiskError) || error.kind !== "full") this.full.delete(hosted);
      }
    }
    if (this.someAreMissing && !this.stopped) {
      this.someAreMissing = false;
      if (!(await this.ports.openMissing())) this.someAreMissing = true;
    }
    this.reopenTimer = undefined;
    if (this.full.size > 0 || this.someAreMissing) this.reopenLater();
  }
}
