/**
 * The deadlines of one shard: at most one per key, all gone when the shard is.
 *
 * Owns: that moving a deadline back (a heartbeat does nothing else) costs one store, and that deadlines are fair. What has become due
 * is judged only after what came while the process stalled has been read (R158): a heartbeat, the join a phase waits for, the end of
 * a transaction. Differs from Kafka: when the
 * process has stalled for longer than a second, all liveness deadlines start anew, so that members whose connections broke
 * meanwhile have time to come back; Kafka expires them at once.
 */
import type { Clock, Timer } from "../../storage/clock.ts";

/** A timer that fires this much late says that the process did not run. */
const STALL_MS = 1000;
/** A queue this much longer than twice what it is for is cleaned. */
const MIN_COMPACTED = 64;

interface Deadline<E> {
  event: E;
  delayMs: number;
  deadlineMs: number;
  liveness: boolean;
  /** Where it stands in the queue; other places it was in before mean nothing. */
  place: Place<E> | undefined;
}

interface Place<E> {
  readonly atMs: number;
  readonly sequence: number;
  readonly key: string;
  readonly deadline: Deadline<E>;
}

export class KeyedTimers<E> {
  private readonly deadlines = new Map<string, Deadline<E>>();
  /** A binary heap, earliest first; in the order of setting among equals. */
  private queue: Place<E>[] = [];
  private sequence = 0;
  private timer: Timer | undefined;
  private armedMs = Number.POSITIVE_INFINITY;
  private closed = false;
  private readonly clock: Clock;
  private readonly onDue: (key: string, event: E) => void;

  constructor(clock: Clock, onDue: (key: string, event: E) => void) {
    this.clock = clock;
    this.onDue = onDue;
  }

  get size(): number {
    return this.deadlines.size;
  }

  has(key: string): boolean {
    return this.deadlines.has(key);
  }

  /**
   * Sets the key's deadline, in place of one it has. The time now counts in whole milliseconds, rounded down as by Kafka's timers: who
   * waits for exactly as long as a session lasts finds it over.
   */
  schedule(key: string, delayMs: number, event: E, liveness = false): void {
    const deadlineMs = Math.floor(this.clock.monotonicMs()) + delayMs;
    let deadline = this.deadlines.get(key);
    if (deadline === undefined) {
      deadline = { event, delayMs, deadlineMs, liveness, place: undefined };
      this.deadlines.set(key, deadline);
    } else {
      deadline.event = event;
      deadline.delayMs = delayMs;
      deadline.deadlineMs = deadlineMs;
      deadline.liveness = liveness;
      // Later than where it stands: it is looked at then, and moved on.
      if (deadline.place !== undefined && deadline.place.atMs <= deadlineMs) return;
    }
    this.enqueue(key, deadline);
    this.arm();
  }

  cancel(key: string): void {
    const deadline = this.deadlines.get(key);
    if (deadline === undefined) return;
    this.deadlines.delete(key);
    deadline.place = undefined;
  }

  /** Cancels all, for good. */
  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.deadlines.clear();
    this.queue = [];
  }

  private arm(): void {
    const first = this.queue[0];
    if (first === undefined || first.atMs >= this.armedMs) return;
    this.timer?.cancel();
    this.armedMs = first.atMs;
    this.timer = this.clock.after(Math.max(0, first.atMs - this.clock.monotonicMs()), () => this.look());
  }

  private look(): void {
    const nowMs = this.clock.monotonicMs();
    const stalled = nowMs - this.armedMs >= STALL_MS;
    this.armedMs = Number.POSITIVE_INFINITY;
    if (stalled) this.restartLiveness(nowMs);
    const due: [string, Deadline<E>][] = [];
    for (let first = this.queue[0]; first !== undefined && first.atMs <= nowMs; first = this.queue[0]) {
      this.dequeue();
      const { key, deadline } = first;
      if (deadline.place !== first) continue;
      deadline.place = undefined;
      if (deadline.deadlineMs > nowMs) this.enqueue(key, deadline);
      else due.push([key, deadline]);
    }
    this.arm();
    if (due.length > 0) this.clock.afterPoll(() => this.judge(due));
  }

  private judge(due: readonly [string, Deadline<E>][]): void {
    if (this.closed) return;
    const nowMs = this.clock.monotonicMs();
    for (const [key, deadline] of due) {
      // Heard of meanwhile, or cancelled, or cancelled and set anew.
      if (this.closed || this.deadlines.get(key) !== deadline || deadline.place !== undefined) continue;
      if (deadline.deadlineMs > nowMs) this.enqueue(key, deadline);
      else {
        this.deadlines.delete(key);
        this.onDue(key, deadline.event);
      }
    }
    this.arm();
  }

  private restartLiveness(nowMs: number): void {
    for (const deadline of this.deadlines.values()) {
      if (deadline.liveness) deadline.deadlineMs = nowMs + deadline.delayMs;
    }
  }

  private enqueue(key: string, deadline: Deadline<E>): void {
    const place: Place<E> = { atMs: deadline.deadlineMs, sequence: this.sequence++, key, deadline };
    deadline.place = place;
    if (this.queue.length > 2 * this.deadlines.size + MIN_COMPACTED) this.compact();
    this.sink(place);
  }

  /** Forgets places that mean nothing any more, of deadlines cancelled or moved forward long before they are due. */
  private compact(): void {
    const places = this.queue.filter((place) => place.deadline.place === place);
    this.queue = [];
    for (const place of places) this.sink(place);
  }

  private sink(place: Place<E>): void {
    const queue = this.queue;
    let at = queue.length;
    queue.push(place);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!earlier(place, queue[parent] as Place<E>)) break;
      queue[at] = queue[parent] as Place<E>;
      at = parent;
    }
    queue[at] = place;
  }

  private dequeue(): void {
    const queue = this.queue;
    const moved = queue.pop() as Place<E>;
    if (queue.length === 0) return;
    let at = 0;
    for (let child = 1; child < queue.length; child = 2 * at + 1) {
      const right = child + 1;
      if (right < queue.length && earlier(queue[right] as Place<E>, queue[child] as Place<E>)) child = right;
      if (!earlier(queue[child] as Place<E>, moved)) break;
      queue[at] = queue[child] as Place<E>;
      at = child;
    }
    queue[at] = moved;
  }
}

function earlier<E>(a: Place<E>, b: Place<E>): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}
