/**
 * What is wrong with the ways between the nodes of a cluster: cut, or slow, in either direction.
 *
 * Owns: the table of directions and telling connections when one changes. Leaves to LinkConnection: bytes.
 * Clients, all of them together, are one end; whoever runs the controller alone is another.
 */
import type { Clock, Timer } from "../../storage/clock.ts";

/** A node by its id; the controller that is a node of its own; everybody who is no node. */
export type LinkEnd = number | "controller" | "clients";

export interface LinkFault {
  readonly from: LinkEnd;
  readonly to: LinkEnd;
  /** Nothing passes in this direction. */
  readonly cut: boolean;
  readonly delayMs: number;
}

/** One direction between two ends. Bytes of a direction that is cut stay where they are until it is healed. */
export class Direction {
  readonly from: LinkEnd;
  readonly to: LinkEnd;
  cut = false;
  delayMs = 0;
  private readonly waiting = new Set<() => void>();

  constructor(from: LinkEnd, to: LinkEnd) {
    this.from = from;
    this.to = to;
  }

  get isClear(): boolean {
    return !this.cut && this.delayMs === 0;
  }

  /** Calls back when it is cut no more; at once when it is not. Returns what makes it forget. */
  whenHealed(run: () => void): () => void {
    if (this.cut) this.waiting.add(run);
    else run();
    return () => this.waiting.delete(run);
  }

  heal(): void {
    this.cut = false;
    this.delayMs = 0;
    this.lookAgain();
  }

  lookAgain(): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const run of waiting) run();
  }
}

export class Links {
  private readonly clock: Clock;
  private readonly timers = new Set<Timer>();
  private readonly directions = new Map<LinkEnd, Map<LinkEnd, Direction>>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The same object for the life of the cluster. */
  direction(from: LinkEnd, to: LinkEnd): Direction {
    let row = this.directions.get(from);
    if (row === undefined) {
      row = new Map();
      this.directions.set(from, row);
    }
    let direction = row.get(to);
    if (direction === undefined) {
      direction = new Direction(from, to);
      row.set(to, direction);
    }
    return direction;
  }

  /** What is not as it should be, ordered by its ends. */
  get faults(): LinkFault[] {
    return [...this.all()]
      .filter((direction) => !direction.isClear)
      .map(({ from, to, cut, delayMs }) => ({ from, to, cut, delayMs }))
      .sort((a, b) => (`${a.from} ${a.to}` < `${b.from} ${b.to}` ? -1 : 1));
  }

  /** Takes on what is wrong now: everything else is healed. */
  become(faults: readonly LinkFault[]): void {
    const isNamed = (direction: Direction): boolean =>
      faults.some(({ from, to }) => from === direction.from && to === direction.to);
    for (const direction of [...this.all()]) if (!isNamed(direction) && !direction.isClear) direction.heal();
    for (const { from, to, cut, delayMs } of faults) {
      const direction = this.direction(from, to);
      if (direction.cut && !cut) direction.heal();
      direction.cut = cut;
      direction.delayMs = delayMs;
    }
  }

  /** Whoever waits at a direction that is cut sees whether it is his. */
  lookAgain(): void {
    for (const direction of [...this.all()]) direction.lookAgain();
  }

  /** Heals every direction between two ends, from and to one, or all. */
  heal(a?: LinkEnd, b?: LinkEnd): void {
    for (const direction of [...this.all()]) {
      const { from, to } = direction;
      const touches = (end: LinkEnd | undefined): boolean => end === undefined || from === end || to === end;
      if (touches(a) && touches(b)) direction.heal();
    }
  }

  nowMs(): number {
    return this.clock.monotonicMs();
  }

  /** Runs after a while, unless the cluster is closed before. */
  after(delayMs: number, run: () => void): Timer {
    const timer = this.clock.after(delayMs, () => {
      this.timers.delete(timer);
      run();
    });
    this.timers.add(timer);
    return {
      cancel: () => {
        this.timers.delete(timer);
        timer.cancel();
      },
    };
  }

  /** Everything is healed, so that connections end as they were ended, and no timer is left. */
  close(): void {
    this.heal();
    for (const timer of this.timers) timer.cancel();
    this.timers.clear();
  }

  private *all(): IterableIterator<Direction> {
    for (const row of this.directions.values()) yield* row.values();
  }
}
