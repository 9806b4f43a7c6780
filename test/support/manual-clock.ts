/** The Clock of tests of one part: time stands still until a test moves it, and everything due has run when `advance` returns. */
import type { Clock, Timer } from "../../storage/clock.ts";

interface Pending {
  readonly atMs: number;
  readonly sequence: number;
  readonly run: () => void;
}

export class ManualClock implements Clock {
  private nowMs = 0;
  private readonly wallStartMs: number;
  private readonly timers = new Set<Pending>();
  private polls: (() => void)[] = [];
  private sequence = 0;

  constructor(wallStartMs = 1_700_000_000_000) {
    this.wallStartMs = wallStartMs;
  }

  /** Timers that have neither fired nor been cancelled. */
  get pending(): number {
    return this.timers.size;
  }

  wallMs(): number {
    return this.wallStartMs + this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const timer: Pending = { atMs: this.nowMs + Math.max(0, delayMs), sequence: this.sequence++, run };
    this.timers.add(timer);
    return { cancel: () => this.timers.delete(timer) };
  }

  afterPoll(run: () => void): void {
    this.polls.push(run);
  }

  /** Lets time pass: each timer fires at its own time, with a poll of the (absent) sockets after it. */
  advance(byMs: number): void {
    const untilMs = this.nowMs + byMs;
    this.poll();
    for (let next = this.next(); next !== undefined && next.atMs <= untilMs; next = this.next()) {
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.timers.delete(next);
      next.run();
      this.poll();
    }
    this.nowMs = untilMs;
  }

  /** The process does not run for a while: what became due meanwhile fires late, and `meanwhile` is what the next poll reads. */
  stall(forMs: number, meanwhile: () => void = () => {}): void {
    this.nowMs += forMs;
    for (let next = this.next(); next !== undefined && next.atMs <= this.nowMs; next = this.next()) {
      this.timers.delete(next);
      next.run();
    }
    meanwhile();
    this.poll();
  }

  /** Runs what waits for a poll. */
  poll(): void {
    while (this.polls.length > 0) for (const run of this.polls.splice(0)) run();
  }

  private next(): Pending | undefined {
    let first: Pending | undefined;
    for (const timer of this.timers) {
      if (
        first === undefined ||
        timer.atMs < first.atMs ||
        (timer.atMs === first.atMs && timer.sequence < first.sequence)
      ) {
        first = timer;
      }
    }
    return first;
  }
}
