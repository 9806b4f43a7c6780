/**
 * Moves logs from one directory of a node to another (KIP-113): a future log is filled from the current one, by the append path of
 * followers, and takes its place in the turn in which it has all of it.
 *
 * Owns: copying, how fast, that a future log follows when the current one is cut back, and the order of the end. Leaves to
 * LogDirectories: which logs there are, names, making and putting away; to the broker: telling the controller.
 * Invariant: at every moment one of both is whole and found by a restart: the future log takes the partition's name, then the old one
 * loses it once the new one is on the device. Where a kill leaves both the name, the metadata says which it is.
 */
import { KafkaError } from "../protocol/kafka-error.ts";
import type { Clock, Timer } from "./clock.ts";
import { DiskError } from "./disk.ts";
import type { HostedLog } from "./hosted-logs.ts";
import { copyRound } from "./log/log-copy.ts";
import { TurnPacer } from "./turn-pacer.ts";

export interface MovePorts {
  /** The log that has the name now. */
  readonly current: (name: string) => HostedLog | undefined;
  readonly isFuture: (hosted: HostedLog) => boolean;
  /** Before anything is copied. */
  readonly began: (current: HostedLog, future: HostedLog) => Promise<void>;
  /** False: it is not to take the place of the current one. */
  readonly isReady: (future: HostedLog) => Promise<boolean>;
  /** In this turn: from here on the future log is the current one. @throws KafkaError KAFKA_STORAGE_ERROR */
  readonly replace: (current: HostedLog, future: HostedLog) => void;
  /** The log that was replaced goes away. */
  readonly retire: (replaced: HostedLog) => Promise<void>;
  readonly giveUp: (future: HostedLog, why: unknown) => void;
  readonly bytesPerSecond: () => number;
}

/** How many are copied at once; others wait for their turn. */
const CONCURRENT_MOVES = 4;
/** About a millisecond of a turn; a second's worth where less is allowed. */
const ROUND_BYTES = 512 * 1024;
/** The current log is offline: it may be opened again. */
const OFFLINE_RETRY_MS = 1000;
/** Shorter waits are left to add up. */
const LEAST_WAIT_MS = 50;
/** However long a wait is: the rate may be another by then, the move over. */
const MOST_WAIT_MS = 500;

export class LogMoves {
  private readonly clock: Clock;
  private readonly ports: MovePorts;
  private readonly pacer: TurnPacer;
  private readonly waiting: HostedLog[] = [];
  private readonly running = new Set<Promise<void>>();
  /** By name: a log has taken the place of another, which still has its name in its directory. */
  private readonly settling = new Map<string, Promise<void>>();
  private readonly pauses = new Map<Timer, () => void>();
  /** Bytes copied that the rate had no time for, as of a moment. */
  private owedBytes = 0;
  private owedAtMs = 0;
  private stopped = false;
  private halted = (): void => {};
  /** What nobody will answer is not waited for at the end. */
  private readonly end = new Promise<false>((resolve) => {
    this.halted = () => resolve(false);
  });

  constructor(clock: Clock, ports: MovePorts) {
    this.clock = clock;
    this.ports = ports;
    this.pacer = new TurnPacer(clock);
  }

  start(future: HostedLog): void {
    this.waiting.push(future);
    this.startNext();
  }

  private startNext(): void {
    while (!this.stopped && this.running.size < CONCURRENT_MOVES) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      if (!this.ports.isFuture(next)) continue;
      const run = this.run(next).finally(() => {
        this.running.delete(run);
        this.startNext();
      });
      this.running.add(run);
    }
  }

  /** Nothing is copied any more, and no name changes, when it resolves. */
  async stop(): Promise<void> {
    this.halt();
    await Promise.all(this.running);
  }

  /** The same for a node that is killed. */
  halt(): void {
    this.stopped = true;
    this.halted();
    this.pacer.stop();
    for (const [timer, resolve] of this.pauses) {
      timer.cancel();
      resolve();
    }
  }

  private isUnderWay(future: HostedLog): boolean {
    return !this.stopped && this.ports.isFuture(future);
  }

  private async run(future: HostedLog): Promise<void> {
    try {
      const replaced = await this.fill(future);
      if (replaced === undefined) return;
      const settled = this.settle(future, replaced).finally(() => this.settling.delete(future.name));
      this.settling.set(future.name, settled);
      await settled;
    } catch (error) {
      if (!(error instanceof DiskError || error instanceof KafkaError)) throw error;
      if (this.isUnderWay(future)) this.ports.giveUp(future, error);
    }
  }

  /** The old one is there until the new one is on the device, its name included. */
  private async settle(future: HostedLog, replaced: HostedLog): Promise<void> {
    await future.log.flush();
    await this.ports.retire(replaced);
  }

  /** Returns the log that it took the place of; undefined when it is not to take it any more. */
  private async fill(future: HostedLog): Promise<HostedLog | undefined> {
    const { name } = future;
    const first = this.ports.current(name);
    if (first !== undefined) await this.ports.began(first, future);
    let isReady = false;
    while (this.isUnderWay(future)) {
      const current = this.ports.current(name);
      if (current === undefined) return undefined;
      if (current.log.offline) {
        await this.pause(OFFLINE_RETRY_MS);
        continue;
      }
      const copied = copyRound(current.log, future.log, Math.min(ROUND_BYTES, this.ports.bytesPerSecond()));
      if (copied instanceof Promise) {
        await this.pace(future, await copied);
      } else if (future.log.logEndOffset < current.log.logEndOffset) {
        await this.pace(future, copied);
      } else if (!isReady) {
        await future.log.flush();
        isReady = await Promise.race([this.ports.isReady(future), this.end]);
        if (!isReady && this.isUnderWay(future)) this.ports.giveUp(future, "nobody wants it there");
      } else if (isLessOnDevice(future, current)) {
        // A power cut in the next moment must not leave less of it than the old one has.
        await future.log.flush();
      } else if (this.settling.has(name)) {
        await this.settling.get(name);
      } else {
        this.ports.replace(current, future);
        return current;
      }
    }
    return undefined;
  }

  private async pace(future: HostedLog, bytes: number): Promise<void> {
    await this.throttle(future, bytes);
    await (this.pacer.spend(bytes) ?? new Promise<void>((resolve) => this.clock.afterPoll(resolve)));
  }

  /** Waits as long as all moves together are ahead of the rate. */
  private async throttle(future: HostedLog, bytes: number): Promise<void> {
    this.payOff();
    this.owedBytes += bytes;
    while (this.isUnderWay(future)) {
      const bytesPerSecond = this.payOff();
      const waitMs = (this.owedBytes * 1000) / bytesPerSecond;
      if (waitMs < LEAST_WAIT_MS) return;
      await this.pause(Math.min(waitMs, MOST_WAIT_MS));
    }
  }

  /** Returns the rate of now. */
  private payOff(): number {
    const nowMs = this.clock.monotonicMs();
    const bytesPerSecond = this.ports.bytesPerSecond();
    const paidBytes =
      bytesPerSecond === Number.POSITIVE_INFINITY ? this.owedBytes : (bytesPerSecond * (nowMs - this.owedAtMs)) / 1000;
    this.owedBytes = Math.max(0, this.owedBytes - paidBytes);
    this.owedAtMs = nowMs;
    return bytesPerSecond;
  }

  private pause(forMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.clock.after(forMs, () => {
        this.pauses.delete(timer);
        resolve();
      });
      this.pauses.set(timer, resolve);
    });
  }
}

/** Whether what the current log has on the device, or acknowledged because it is, is not all on the device of the future one. */
function isLessOnDevice({ log: future }: HostedLog, { log: current }: HostedLog): boolean {
  return future.countedEndOffset < current.countedEndOffset || future.syncedEndOffset < current.syncedEndOffset;
}
