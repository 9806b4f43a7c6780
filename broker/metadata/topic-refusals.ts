/**
 * Why the controller refused topics that were asked for on the way, for as long as somebody may want to know.
 *
 * Bounded: of too many, the oldest are forgotten.
 */
import type { Clock } from "../../storage/clock.ts";

interface Refusal {
  readonly reason: string;
  readonly untilMs: number;
}

const MAX_REMEMBERED = 1000;

export class TopicRefusals {
  /** By topic; the oldest first. */
  private readonly refusals = new Map<string, Refusal>();
  private readonly clock: Pick<Clock, "monotonicMs">;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.clock = clock;
  }

  remember(topic: string, reason: string, forMs: number): void {
    this.refusals.delete(topic);
    this.refusals.set(topic, { reason, untilMs: this.clock.monotonicMs() + forMs });
    if (this.refusals.size <= MAX_REMEMBERED) return;
    const [oldest] = this.refusals.keys();
    this.refusals.delete(oldest as string);
  }

  /** Undefined when there was none, or it was long ago. */
  of(topic: string): string | undefined {
    const refusal = this.refusals.get(topic);
    if (refusal === undefined) return undefined;
    if (this.clock.monotonicMs() < refusal.untilMs) return refusal.reason;
    this.refusals.delete(topic);
    return undefined;
  }
}
