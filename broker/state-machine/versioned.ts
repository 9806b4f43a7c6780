/**
 * What a machine holds now, and what it held at the high watermark: decisions read the former, queries the latter.
 *
 * Owns: which changes wait for which offset. A cell keeps both values; they are the same object nearly always. Values are
 * never changed in place, so that the older one stays as it was.
 * Invariant: `committed` of every cell is its value as of the last change whose end offset the high watermark has reached.
 */

/** One value in its two versions; undefined: there is none. */
export class Versioned<T> {
  current: T | undefined;
  committed: T | undefined;
  /** The newest change that waits, for Timeline only. */
  waiting: WaitingChange | undefined;
}

interface WaitingChange {
  readonly cell: Versioned<unknown>;
  readonly endOffset: number;
  value: unknown;
  whenGone: (() => void) | undefined;
}

export class Timeline {
  /** End of what was replayed: where a change made now belongs. Moved by the shard. */
  endOffset = 0;
  /** The high watermark, as far as the shard has heard of it. */
  private committedEndOffset = 0;
  private waiting: WaitingChange[] = [];
  private head = 0;

  /** Changes that queries do not see yet. */
  get size(): number {
    return this.waiting.length - this.head;
  }

  /**
   * Gives the cell a value as of the end offset. Undefined removes it: `whenGone` runs once neither version holds a value, and
   * takes the cell out of wherever it is kept.
   */
  set<T>(cell: Versioned<T>, value: T | undefined, whenGone?: () => void): void {
    cell.current = value;
    if (this.endOffset <= this.committedEndOffset) {
      cell.committed = value;
      if (value === undefined) whenGone?.();
      return;
    }
    const last = cell.waiting;
    if (last !== undefined && last.endOffset === this.endOffset) {
      last.value = value;
      last.whenGone = whenGone;
      return;
    }
    const change: WaitingChange = { cell, endOffset: this.endOffset, value, whenGone };
    cell.waiting = change;
    this.waiting.push(change);
  }

  /** The high watermark has come to `offset`: changes up to it are what queries see. */
  commit(offset: number): void {
    if (offset <= this.committedEndOffset) return;
    this.committedEndOffset = offset;
    while (this.head < this.waiting.length) {
      const change = this.waiting[this.head] as WaitingChange;
      if (change.endOffset > offset) break;
      this.head++;
      const { cell } = change;
      cell.committed = change.value;
      if (cell.waiting !== change) continue;
      cell.waiting = undefined;
      if (change.value === undefined) change.whenGone?.();
    }
    if (this.head === this.waiting.length) {
      this.waiting = [];
      this.head = 0;
    } else if (this.head > 1024 && this.head * 2 > this.waiting.length) {
      this.waiting = this.waiting.slice(this.head);
      this.head = 0;
    }
  }
}

/** A map of versioned cells that forgets those without a value. */
export class VersionedMap<K, V> {
  private readonly cells = new Map<K, Versioned<V>>();
  private readonly timeline: Timeline;

  constructor(timeline: Timeline) {
    this.timeline = timeline;
  }

  /** Cells held, those of removals that wait included. */
  get size(): number {
    return this.cells.size;
  }

  get(key: K): V | undefined {
    return this.cells.get(key)?.current;
  }

  committed(key: K): V | undefined {
    return this.cells.get(key)?.committed;
  }

  set(key: K, value: V): void {
    let cell = this.cells.get(key);
    if (cell === undefined) {
      cell = new Versioned<V>();
      this.cells.set(key, cell);
    }
    this.timeline.set(cell, value);
  }

  delete(key: K): void {
    const cell = this.cells.get(key);
    if (cell?.current === undefined) return;
    this.timeline.set(cell, undefined, () => {
      if (this.cells.get(key) === cell) this.cells.delete(key);
    });
  }

  *keys(): IterableIterator<K> {
    for (const [key, cell] of this.cells) if (cell.current !== undefined) yield key;
  }

  *entries(): IterableIterator<[K, V]> {
    for (const [key, cell] of this.cells) if (cell.current !== undefined) yield [key, cell.current];
  }

  *committedEntries(): IterableIterator<[K, V]> {
    for (const [key, cell] of this.cells) if (cell.committed !== undefined) yield [key, cell.committed];
  }
}
