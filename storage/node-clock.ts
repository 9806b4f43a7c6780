/**
 * The real time.
 *
 * Owns: delays above setTimeout's limit, and that no timer fires early. Timers keep the process alive: one that is forgotten
 * shows, one that is awaited at the end of a program is not lost. Whoever stops cancels his own.
 */
import type { Clock, Timer } from "./clock.ts";

/** Longest delay setTimeout takes; above it fires at once. */
const MAX_TIMEOUT_MS = 2_147_483_647;

export class NodeClock implements Clock {
  wallMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(delayMs: number, run: () => void): Timer {
    return new NodeTimer(performance.now() + Math.max(0, delayMs), run);
  }

  afterPoll(run: () => void): void {
    // The first immediate may end the poll that is under way; only between it and the second lies a whole one.
    setImmediate(() => setImmediate(run));
  }
}

class NodeTimer implements Timer {
  private readonly deadlineMs: number;
  private readonly run: () => void;
  private timeout: NodeJS.Timeout;

  constructor(deadlineMs: number, run: () => void) {
    this.deadlineMs = deadlineMs;
    this.run = run;
    this.timeout = this.arm();
  }

  cancel(): void {
    clearTimeout(this.timeout);
  }

  private arm(): NodeJS.Timeout {
    const leftMs = Math.ceil(this.deadlineMs - performance.now());
    return setTimeout(() => this.due(), Math.min(Math.max(leftMs, 0), MAX_TIMEOUT_MS));
  }

  /** setTimeout counts from the start of the turn it was called in, so it may come early by the length of that turn. */
  private due(): void {
    if (performance.now() < this.deadlineMs) this.timeout = this.arm();
    else this.run();
  }
}
