/** The time of one simulated node: the simulation's own for delays, and a wall clock that tests may push about. */
import type { Clock, Timer } from "../../storage/clock.ts";
import type { EventOwner } from "./event-heap.ts";
import type { Scheduler } from "./scheduler.ts";

export class SimulatedClock implements Clock {
  private readonly scheduler: Scheduler;
  private readonly node: EventOwner;
  /** What the wall clock shows at virtual time 0. */
  private wallStartMs: number;

  constructor(scheduler: Scheduler, node: EventOwner, wallStartMs: number) {
    this.scheduler = scheduler;
    this.node = node;
    this.wallStartMs = wallStartMs;
  }

  wallMs(): number {
    return Math.floor(this.wallStartMs + this.scheduler.nowMs);
  }

  monotonicMs(): number {
    return this.scheduler.nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    return this.scheduler.schedule({ node: this.node, kind: "timer", delayMs, run });
  }

  afterPoll(run: () => void): void {
    this.scheduler.schedule({ node: this.node, kind: "poll", delayMs: 0, last: true, run });
  }

  /** Somebody sets the wall clock; delays do not notice. */
  jumpWall(byMs: number): void {
    this.wallStartMs += byMs;
  }
}
