/** A share of the event loop for long rounds over many logs: whoever makes one stands back when his turn has been long enough. */
import type { Clock } from "./clock.ts";

/** Half of the longest turn there should be. */
const MAX_TURN_MS = 5;

export class TimeSlice {
  private readonly clock: Clock;
  private startMs: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.startMs = clock.monotonicMs();
  }

  /** To be awaited between two steps: at once, or after others had their turn. */
  async step(): Promise<void> {
    if (this.clock.monotonicMs() - this.startMs < MAX_TURN_MS) return;
    await new Promise<void>((resolve) => this.clock.afterPoll(resolve));
    this.startMs = this.clock.monotonicMs();
  }
}
