/**
 * A clock that a test moves, for nodes on real sockets: what takes minutes happens at once.
 */
import type { Clock, Timer } from "../../../storage/clock.ts";

interface Due {
  readonly atMs: number;
  readonly run: () => void;
}

export class ManualClock implements Clock {
  private nowMs = 1_000_000;
  private readonly timers = new Set<Due>();

  wallMs(): number {
    return this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const due: Due = { atMs: this.nowMs + delayMs, run };
    this.timers.add(due);
    return { cancel: () => this.timers.delete(due) };
  }

  afterPoll(run: () => void): void {
    setImmediate(() => setImmediate(run));
  }

  get pendingTimers(): number {
    return this.timers.size;
  }

  /** Moves time, second by second, with a poll of the sockets after each. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    while (this.nowMs < untilMs) {
      this.nowMs = Math.min(untilMs, this.nowMs + 1_000);
      const due = [...this.timers].filter(({ atMs }) => atMs <= this.nowMs).sort((a, b) => a.atMs - b.atMs);
      for (const timer of due) if (this.timers.delete(timer)) timer.run();
      for (let i = 0; i < 4; i++) await new Promise(setImmediate);
    }
  }
}
