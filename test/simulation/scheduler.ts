/**
 * The heart of a simulation: virtual time, and the one order in which things happen.
 *
 * Owns: the events to come, the time, the hash of what happened. A step takes the earliest event, runs it, waits until all
 * that it made ready has run, and checks the invariants. Leaves to the simulated twins what the events mean.
 * Invariant: with the same seed and the same code the same events run at the same times: the hash says so.
 */
import type { Timer } from "../../storage/clock.ts";
import { EventHeap, type EventOwner, type SimulatedEvent } from "./event-heap.ts";
import { drain, driveSteps } from "./node-drain.ts";
import type { SeededRandom } from "./seeded-random.ts";

export interface ScheduleOptions {
  readonly node: EventOwner;
  /** What it is, for the hash and the trace. */
  readonly kind: string;
  readonly delayMs: number;
  /** After every other event of the same time: as a check after a full poll. */
  readonly last?: boolean;
  readonly run: () => void;
}

export interface SchedulerOptions {
  readonly random: SeededRandom;
  /** Draws the order of events of the same time from the seed, instead of the order in which they were scheduled. */
  readonly shuffleTies?: boolean;
  /** All generators whose draws belong to the hash. */
  readonly draws: () => number;
}

/** What a run may take at most: one that goes on and on has not come to what it waits for. */
export interface RunBound {
  readonly simulatedMs: number;
  readonly events: number;
  /** What it waits for, for whoever wonders why it does not end. */
  readonly waitsFor: () => string;
}

/** A run that went past its bound. */
export class EndlessRun extends Error {
  override readonly name = "EndlessRun";
}

export class Scheduler {
  bound: RunBound | undefined;
  nowMs = 0;
  eventCount = 0;
  /** Told of each event before it runs. */
  onEvent: ((event: SimulatedEvent) => void) | undefined;
  private readonly heap = new EventHeap();
  private readonly options: SchedulerOptions;
  private readonly invariants: (() => void)[] = [];
  private sequence = 0;
  private current: SimulatedEvent | undefined;
  private hashLow = 0x811c9dc5;
  private hashHigh = 0x1b873593;

  constructor(options: SchedulerOptions) {
    this.options = options;
  }

  /** Of the events so far: who, what, when, and how many numbers had been drawn. */
  get hash(): string {
    return [this.hashHigh, this.hashLow].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  schedule(options: ScheduleOptions): Timer {
    const atMs = this.nowMs + Math.max(0, options.delayMs);
    const event: SimulatedEvent = {
      atMs,
      dueMs: atMs,
      rank: options.last === true ? 1 : 0,
      tie: this.options.shuffleTies === true ? this.options.random.below(65536) : 0,
      sequence: this.sequence++,
      node: options.node,
      kind: options.kind,
      run: options.run,
    };
    this.heap.push(event);
    return {
      cancel: () => {
        event.run = undefined;
      },
    };
  }

  /** A check that throws when the state is wrong; runs after every event. */
  always(check: () => void): void {
    this.invariants.push(check);
  }

  /** The time of the next event that will happen; undefined when there is none. */
  nextAtMs(): number | undefined {
    return this.nextEvent()?.atMs;
  }

  /** Runs the next event with all that follows from it at once; false when there is none. @throws what it or an invariant throws. */
  async step(): Promise<boolean> {
    if (!this.begin(Number.POSITIVE_INFINITY)) return false;
    await drain();
    this.end();
    return true;
  }

  /** Steps until `done` settles, and gives what it gives. @throws Error when nothing is left that could settle it. */
  async until<T>(done: Promise<T>): Promise<T> {
    let settled = false;
    const settle = () => {
      settled = true;
    };
    done.then(settle, settle);
    await driveSteps(
      () => {
        if (settled) return false;
        if (this.begin(Number.POSITIVE_INFINITY)) return true;
        throw new Error(`waits for what cannot happen any more, at ${this.nowMs} ms`);
      },
      () => this.end(),
    );
    return done;
  }

  /** Steps through all that happens in the next `durationMs`; the time is then that much later. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.nowMs + durationMs;
    await driveSteps(
      () => this.begin(endMs),
      () => this.end(),
    );
    this.nowMs = endMs;
  }

  /** The first half of a step: the next event, if there is one until then. @throws what it throws, EndlessRun past the bound. */
  private begin(lastMs: number): boolean {
    const event = this.nextEvent();
    if (event === undefined || event.atMs > lastMs) return false;
    this.checkBound(event.atMs);
    this.heap.pop();
    this.nowMs = event.atMs;
    this.eventCount++;
    this.current = event;
    this.onEvent?.(event);
    const run = event.run as () => void;
    event.run = undefined;
    run();
    return true;
  }

  /** The second half: all that the event made ready has run. @throws what an invariant throws. */
  private end(): void {
    const event = this.current as SimulatedEvent;
    this.mix(event.sequence);
    this.mix(Math.round(event.atMs * 1000));
    this.mixText(event.node.name);
    this.mixText(event.kind);
    this.mix(this.options.draws());
    for (const check of this.invariants) check();
  }

  /** Adds what else a run should repeat, for instance the bytes it ended with. */
  mixText(text: string): void {
    for (let i = 0; i < text.length; i++) this.mix(text.charCodeAt(i));
  }

  private checkBound(atMs: number): void {
    const { bound } = this;
    if (bound === undefined || (atMs <= bound.simulatedMs && this.eventCount < bound.events)) return;
    throw new EndlessRun(
      `V9: no end after ${this.eventCount} events and ${Math.round(this.nowMs)} simulated ms: it waits for ${bound.waitsFor()}`,
    );
  }

  /** Drops what was cancelled or belongs to the dead; moves what a stalled node cannot do yet. */
  private nextEvent(): SimulatedEvent | undefined {
    for (;;) {
      const event = this.heap.peek();
      if (event === undefined) return undefined;
      if (event.run === undefined || !event.node.alive) {
        this.heap.pop();
      } else if (event.node.stalledUntilMs > event.atMs) {
        this.heap.pop();
        event.atMs = event.node.stalledUntilMs;
        // A loop that comes back looks at its timers before it polls.
        if (event.kind === "timer") event.rank = -1;
        this.heap.push(event);
      } else return event;
    }
  }

  private mix(value: number): void {
    this.hashLow = Math.imul(this.hashLow ^ value, 0x01000193);
    this.hashHigh = Math.imul(this.hashHigh ^ (value / 65536) ^ this.hashLow, 0x85ebca6b);
    this.hashHigh ^= this.hashHigh >>> 13;
  }
}
