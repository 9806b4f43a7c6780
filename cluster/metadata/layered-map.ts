/**
 * An immutable map that shares what did not change with the one it was made from.
 *
 * Owns: a base that many maps share and a few changes on top; when the changes outgrow the square root of the base they are
 * merged, so that a change costs O(sqrt n) on the average. Reading merges once per map that is walked.
 * Invariant: what a map contains never changes.
 */
const REMOVED = Symbol("removed");
/** Merging a small base is cheaper than looking twice. */
const MIN_CHANGES = 8;

type Change<V> = V | typeof REMOVED;

export class LayeredMap<K, V> implements ReadonlyMap<K, V> {
  readonly size: number;
  private base: ReadonlyMap<K, V>;
  private changes: ReadonlyMap<K, Change<V>>;

  private constructor(base: ReadonlyMap<K, V>, changes: ReadonlyMap<K, Change<V>>, size: number) {
    this.base = base;
    this.changes = changes;
    this.size = size;
  }

  static empty<K, V>(): LayeredMap<K, V> {
    return new LayeredMap<K, V>(new Map(), new Map(), 0);
  }

  get(key: K): V | undefined {
    const change = this.changes.size === 0 ? undefined : this.changes.get(key);
    if (change === REMOVED) return undefined;
    return change === undefined ? this.base.get(key) : change;
  }

  has(key: K): boolean {
    const change = this.changes.get(key);
    return change === undefined ? this.base.has(key) : change !== REMOVED;
  }

  /** The map with these values set; undefined removes. Itself when nothing is given. */
  with(values: ReadonlyMap<K, V | undefined>): LayeredMap<K, V> {
    if (values.size === 0) return this;
    let size = this.size;
    const changes = new Map(this.changes);
    for (const [key, value] of values) {
      const was = this.has(key);
      if (value === undefined) {
        if (was) size--;
        if (this.base.has(key)) changes.set(key, REMOVED);
        else changes.delete(key);
      } else {
        if (!was) size++;
        changes.set(key, value);
      }
    }
    const next = new LayeredMap<K, V>(this.base, changes, size);
    if (changes.size > MIN_CHANGES + Math.sqrt(this.base.size)) next.merge();
    return next;
  }

  entries(): MapIterator<[K, V]> {
    return this.merge().entries();
  }

  keys(): MapIterator<K> {
    return this.merge().keys();
  }

  values(): MapIterator<V> {
    return this.merge().values();
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.merge().entries();
  }

  forEach(callback: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.merge()) callback(value, key, this);
  }

  private merge(): ReadonlyMap<K, V> {
    if (this.changes.size === 0) return this.base;
    const merged = new Map(this.base);
    for (const [key, change] of this.changes) {
      if (change === REMOVED) merged.delete(key);
      else merged.set(key, change);
    }
    this.base = merged;
    this.changes = new Map();
    return merged;
  }
}
