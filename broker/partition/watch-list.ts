/**
 * Parked continuations that wait for one thing (a high watermark, an append), and their waking.
 *
 * Owns: who waits, and that waking happens once per turn, after everything the turn changed has changed: a fetch that waits for
 * four partitions answers once with the data of all four.
 * Invariant: a watcher that completed, expired or was cancelled is in no list.
 */
import type { Clock, Timer } from "../../storage/clock.ts";

export interface Watcher {
  /** Looks whether it can complete; if so completes, leaves its lists and returns true. */
  tryComplete(): boolean;
}

export class WatchList {
  private readonly watchers = new Set<Watcher>();
  private readonly waking: WakeQueue;
  private dirty = false;

  constructor(waking: WakeQueue) {
    this.waking = waking;
  }

  get size(): number {
    return this.watchers.size;
  }

  add(watcher: Watcher): void {
    this.watchers.add(watcher);
  }

  remove(watcher: Watcher): void {
    this.watchers.delete(watcher);
  }

  /** Lets the watchers look again at the end of this turn. */
  wake(): void {
    if (this.dirty || this.watchers.size === 0) return;
    this.dirty = true;
    this.waking.push(this);
  }

  /** Only for WakeQueue. */
  wakeNow(): void {
    this.dirty = false;
    for (const watcher of [...this.watchers]) {
      if (this.watchers.has(watcher)) watcher.tryComplete();
    }
  }
}

/** The lists to wake at the end of the turn, or later; one per broker and kind. */
export class WakeQueue {
  private lists: WatchList[] = [];
  private scheduled = false;
  private readonly schedule: (run: () => void) => void;

  /** @param schedule when to wake: at the end of the turn when left out. */
  constructor(schedule: (run: () => void) => void = queueMicrotask) {
    this.schedule = schedule;
  }

  push(list: WatchList): void {
    this.lists.push(list);
    if (this.scheduled) return;
    this.scheduled = true;
    this.schedule(this.drain);
  }

  private readonly drain = (): void => {
    this.scheduled = false;
    const lists = this.lists;
    this.lists = [];
    let at = 0;
    try {
      while (at < lists.length) (lists[at++] as WatchList).wakeNow();
    } finally {
      // Those behind one that fails are woken all the same: a list that waits to be woken is not put here again.
      while (at < lists.length) this.push(lists[at++] as WatchList);
    }
  };
}

/**
 * The shared part of every parked continuation: its lists, its deadline, and leaving both exactly once.
 */
export abstract class ParkedWatcher implements Watcher {
  private lists: readonly WatchList[] = [];
  private timer: Timer | undefined;
  private left = false;

  /** Waits in the lists until it completes or `timeoutMs` have passed; then `expire` runs. */
  protected park(lists: readonly WatchList[], clock: Clock, timeoutMs: number): void {
    this.lists = lists;
    for (const list of lists) list.add(this);
    this.timer = clock.after(timeoutMs, () => {
      this.timer = undefined;
      if (!this.left) this.expire();
    });
  }

  /** True for the first caller; whoever gets it answers. */
  protected leave(): boolean {
    if (this.left) return false;
    this.left = true;
    this.timer?.cancel();
    for (const list of this.lists) list.remove(this);
    return true;
  }

  abstract tryComplete(): boolean;
  protected abstract expire(): void;
}
