/**
 * Something done again and again: the next time is counted from the end of the last, so that a slow one is not done twice at once.
 */
import type { Clock, Timer } from "./clock.ts";

export class RepeatingTask {
  private readonly clock: Clock;
  private readonly run: () => void | Promise<void>;
  private intervalMs: number;
  private timer: Timer | undefined;
  private stopped = false;
  private running: Promise<void> | undefined;

  /** @param run must not throw nor reject: what can go wrong is its own business. */
  constructor(clock: Clock, firstDelayMs: number, intervalMs: number, run: () => void | Promise<void>) {
    this.clock = clock;
    this.intervalMs = intervalMs;
    this.run = run;
    this.arm(firstDelayMs);
  }

  /** Counts from now on. */
  setInterval(intervalMs: number): void {
    this.intervalMs = intervalMs;
    if (this.timer !== undefined) this.arm(intervalMs);
  }

  /** No further run starts; one that is under way goes on. */
  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  /** Resolves when a run that is under way has ended. */
  async ended(): Promise<void> {
    await this.running;
  }

  private arm(delayMs: number): void {
    this.timer?.cancel();
    this.timer = this.clock.after(delayMs, () => {
      this.timer = undefined;
      this.running = this.runOnce();
    });
  }

  private async runOnce(): Promise<void> {
    await this.run();
    this.running = undefined;
    if (!this.stopped) this.arm(this.intervalMs);
  }
}
