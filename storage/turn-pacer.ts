/**
 * Cuts long work into turns: whoever does it says how much was done, and stands back when it was enough for one turn.
 *
 * Work is counted in time, and in bytes as well, so that a simulation, where a turn takes no time, has turns too. Also holds the
 * work to a rate, as log.cleaner.io.max.bytes.per.second asks.
 */
import type { Clock, Timer } from "./clock.ts";

const MAX_TURN_MS = 3;
const MAX_TURN_BYTES = 512 * 1024;
/** Looking at the clock at every record would cost a tenth of the work. */
const CLOCK_EVERY_BYTES = 8 * 1024;
/** Shorter waits are left to add up. */
const MIN_WAIT_MS = 50;

export class TurnPacer {
  /** Infinity for no limit. */
  bytesPerSecond = Number.POSITIVE_INFINITY;
  private readonly clock: Clock;
  private turnBytes = 0;
  private turnStartMs = 0;
  private nextLookBytes = CLOCK_EVERY_BYTES;
  /** When the work done so far may have been done, at the rate allowed. */
  private paidUntilMs = 0;
  private waiting: { readonly timer: Timer; readonly resolve: () => void } | undefined;
  private stopped = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Counts work on the loop; a promise when the turn has been long enough. */
  spend(bytes: number): Promise<void> | undefined {
    this.turnBytes += bytes;
    if (this.turnBytes < this.nextLookBytes) return undefined;
    this.nextLookBytes = this.turnBytes + CLOCK_EVERY_BYTES;
    if (this.turnBytes < MAX_TURN_BYTES && this.clock.monotonicMs() - this.turnStartMs < MAX_TURN_MS) return undefined;
    return new Promise((resolve) =>
      this.clock.afterPoll(() => {
        this.turnBytes = 0;
        this.nextLookBytes = CLOCK_EVERY_BYTES;
        this.turnStartMs = this.clock.monotonicMs();
        resolve();
      }),
    );
  }

  /** Counts bytes read from or written to the disk; a promise when the rate asks for a wait. */
  throttle(bytes: number): Promise<void> | undefined {
    if (this.stopped || this.bytesPerSecond === Number.POSITIVE_INFINITY) return undefined;
    const nowMs = this.clock.monotonicMs();
    this.paidUntilMs = Math.max(this.paidUntilMs, nowMs) + (bytes * 1000) / this.bytesPerSecond;
    const waitMs = this.paidUntilMs - nowMs;
    if (waitMs < MIN_WAIT_MS) return undefined;
    return new Promise((resolve) => {
      this.waiting = { timer: this.clock.after(waitMs, resolve), resolve };
    });
  }

  /** Whoever waits goes on, to see that it is over. */
  stop(): void {
    this.stopped = true;
    this.waiting?.timer.cancel();
    this.waiting?.resolve();
  }
}
