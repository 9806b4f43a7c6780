/**
 * What the large requests of a listener take of one turn of the loop, all its connections together.
 *
 * Owns: when they have had enough, so that others are heard. One that is received, checked and written while its sender is quick
 * enough to send the next would else be followed by thirty more in the same turn: libuv reads on as long as reads are full.
 * Small requests are not held up: they cost little, and whoever sends them waits for each.
 */
import type { Clock } from "../../storage/clock.ts";

const MAX_TURN_MS = 4;

export class TurnShare {
  private readonly clock: Clock;
  private spentMs = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** True: wait for the next turn. */
  get isUsedUp(): boolean {
    return this.spentMs >= MAX_TURN_MS;
  }

  /** Does a large request's work, and counts how long it takes. */
  count<T>(work: () => T): T {
    const { clock } = this;
    const startedMs = clock.monotonicMs();
    try {
      return work();
    } finally {
      const tookMs = clock.monotonicMs() - startedMs;
      if (this.spentMs === 0 && tookMs > 0) clock.afterPoll(() => this.begin());
      this.spentMs += tookMs;
    }
  }

  private begin(): void {
    this.spentMs = 0;
  }
}
