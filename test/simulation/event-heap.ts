/** The events to come, earliest first: a binary heap ordered by time, rank, due time, tie, order of scheduling. */

export interface SimulatedEvent {
  atMs: number;
  /** Among events of the same time, the lower rank goes first. */
  rank: number;
  /** When it was to happen; earlier than `atMs` when its node stood still. */
  readonly dueMs: number;
  /** Drawn from the seed when ties are shuffled, else 0. */
  readonly tie: number;
  readonly sequence: number;
  readonly node: EventOwner;
  readonly kind: string;
  /** Undefined once it ran or was cancelled. */
  run: (() => void) | undefined;
}

/** Who an event belongs to; the events of one that is dead do not happen. */
export interface EventOwner {
  readonly name: string;
  alive: boolean;
  /** Until then its loop stands still: its events wait. */
  stalledUntilMs: number;
}

export class EventHeap {
  private readonly items: SimulatedEvent[] = [];

  get size(): number {
    return this.items.length;
  }

  push(event: SimulatedEvent): void {
    const items = this.items;
    let at = items.length;
    items.push(event);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = items[parent] as SimulatedEvent;
      if (!before(event, above)) break;
      items[at] = above;
      at = parent;
    }
    items[at] = event;
  }

  peek(): SimulatedEvent | undefined {
    return this.items[0];
  }

  pop(): SimulatedEvent | undefined {
    const items = this.items;
    const first = items[0];
    const last = items.pop();
    if (first === undefined || last === undefined || items.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && before(items[child + 1] as SimulatedEvent, items[child] as SimulatedEvent))
        child++;
      const below = items[child] as SimulatedEvent;
      if (!before(below, last)) break;
      items[at] = below;
      at = child;
    }
    items[at] = last;
    return first;
  }
}

function before(a: SimulatedEvent, b: SimulatedEvent): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  if (a.rank !== b.rank) return a.rank < b.rank;
  if (a.dueMs !== b.dueMs) return a.dueMs < b.dueMs;
  if (a.tie !== b.tie) return a.tie < b.tie;
  return a.sequence < b.sequence;
}
