/**
 * Brings what was appended to the device while nobody waits for it, so that little is scanned after a crash.
 *
 * Owns: when a log is flushed: with 64 MiB or a second of unsynced bytes, or flush.ms where that is less, or when the node has too
 * many. Leaves to LogFlush: what a flush is, and flush.messages; to LogDirectories: writing down the recovery points.
 * Differs from Kafka: a log is flushed in the background after a second or 64 MiB; Kafka leaves it to the operating system until
 * a segment is rolled.
 */

import { ErrorCode } from "../protocol/error-codes.ts";
import { errorCodeOf } from "../protocol/kafka-error.ts";
import type { Clock, Timer } from "./clock.ts";

/** What a log shows of itself here. */
export interface FlushableLog {
  readonly offline: boolean;
  readonly unsyncedBytes: number;
  readonly unsyncedSinceMs: number | undefined;
  readonly config: { readonly flushMs: number };
  onUnsynced: (() => void) | undefined;
  flush(): Promise<void>;
}

export interface FlushLimits {
  readonly logBytes: number;
  readonly logMs: number;
  /** Of all logs together. */
  readonly nodeBytes: number;
}

/** The rest of 256 MiB a node is what is appended while a flush runs. */
export const DEFAULT_FLUSH_LIMITS: FlushLimits = {
  logBytes: 64 * 1024 * 1024,
  logMs: 1000,
  nodeBytes: 160 * 1024 * 1024,
};

/** At a gigabyte a second this is 100 MiB. */
const LOOK_EVERY_MS = 100;
/** Syncs wait for one another anyway. */
const MAX_FLUSHES = 8;

export class BackgroundFlush<L extends FlushableLog> {
  private readonly clock: Clock;
  private readonly limits: FlushLimits;
  private readonly flushed: (log: L, bytes: number) => void;
  private readonly unsynced = new Set<L>();
  private readonly flushing = new Set<L>();
  /** Of the last look; the next to be flushed stands last. */
  private readonly due: L[] = [];
  private timer: Timer | undefined;
  private nextLookMs = 0;
  private stopped = false;

  /** @param flushed called when a flush has ended well, with the bytes it brought to the device. */
  constructor(clock: Clock, limits: FlushLimits, flushed: (log: L, bytes: number) => void) {
    this.clock = clock;
    this.limits = limits;
    this.flushed = flushed;
  }

  watch(log: L): void {
    log.onUnsynced = () => this.add(log);
    if (log.unsyncedBytes > 0) this.add(log);
  }

  forget(log: L): void {
    log.onUnsynced = undefined;
    this.unsynced.delete(log);
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
    this.unsynced.clear();
    this.due.length = 0;
  }

  private add(log: L): void {
    if (this.stopped) return;
    this.unsynced.add(log);
    this.lookWithin(Math.min(LOOK_EVERY_MS, log.config.flushMs));
  }

  private lookWithin(delayMs: number): void {
    const dueMs = this.clock.monotonicMs() + delayMs;
    if (this.timer !== undefined && this.nextLookMs <= dueMs) return;
    this.timer?.cancel();
    this.nextLookMs = dueMs;
    this.timer = this.clock.after(delayMs, () => this.look());
  }

  private look(): void {
    this.timer = undefined;
    const { logBytes, logMs, nodeBytes } = this.limits;
    const nowMs = this.clock.monotonicMs();
    let totalBytes = 0;
    let nextMs = LOOK_EVERY_MS;
    this.due.length = 0;
    for (const log of this.unsynced) {
      const bytes = log.unsyncedBytes;
      if (log.offline || bytes === 0) {
        this.unsynced.delete(log);
        continue;
      }
      const leftMs = Math.min(logMs, log.config.flushMs) - (nowMs - (log.unsyncedSinceMs ?? nowMs));
      if (bytes >= logBytes || leftMs <= 0) {
        this.due.push(log);
      } else {
        totalBytes += bytes;
        nextMs = Math.min(nextMs, Math.ceil(leftMs));
      }
    }
    if (totalBytes > nodeBytes) this.makeLargestDue(totalBytes - nodeBytes);
    while (this.flushing.size < MAX_FLUSHES && this.startNext());
    if (this.unsynced.size > 0) this.lookWithin(nextMs);
  }

  /** The largest free most. */
  private makeLargestDue(excessBytes: number): void {
    const due = new Set(this.due);
    const waiting = [...this.unsynced].filter((log) => !due.has(log));
    waiting.sort((a, b) => b.unsyncedBytes - a.unsyncedBytes);
    let left = excessBytes;
    for (const log of waiting) {
      if (left <= 0) return;
      left -= log.unsyncedBytes;
      this.due.push(log);
    }
  }

  /** False when none is due. */
  private startNext(): boolean {
    for (let log = this.due.pop(); log !== undefined; log = this.due.pop()) {
      if (log.offline || log.unsyncedBytes === 0 || this.flushing.has(log)) continue;
      void this.flush(log, log.unsyncedBytes);
      return true;
    }
    return false;
  }

  private async flush(log: L, bytes: number): Promise<void> {
    this.flushing.add(log);
    try {
      await log.flush();
      if (!this.stopped) this.flushed(log, bytes);
    } catch (error) {
      // The log has taken itself offline and told so, or was closed.
      if (errorCodeOf(error) !== ErrorCode.KAFKA_STORAGE_ERROR) throw error;
    } finally {
      this.flushing.delete(log);
      if (!this.stopped) this.startNext();
    }
  }
}
