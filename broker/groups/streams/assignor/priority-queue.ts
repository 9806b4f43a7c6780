/**
 * A binary heap that gives what is least first and, among equals, what java.util.PriorityQueue gives: which of two processes
 * with the same load gets a task depends on it.
 */
export class PriorityQueue<T> {
  private readonly heap: T[] = [];
  private readonly costOf: (item: T) => number;

  constructor(items: Iterable<T>, costOf: (item: T) => number) {
    this.costOf = costOf;
    for (const item of items) this.add(item);
  }

  get size(): number {
    return this.heap.length;
  }

  add(item: T): void {
    const { heap } = this;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (this.costOf(item) >= this.costOf(heap[parent] as T)) break;
      heap[at] = heap[parent] as T;
      at = parent;
    }
    heap[at] = item;
  }

  /** Takes out the least; undefined when there is none. */
  poll(): T | undefined {
    const { heap } = this;
    const [least] = heap;
    const last = heap.pop();
    if (heap.length > 0) this.sink(last as T);
    return least;
  }

  private sink(item: T): void {
    const { heap } = this;
    let at = 0;
    while (at < heap.length >>> 1) {
      let child = 2 * at + 1;
      const right = child + 1;
      if (right < heap.length && this.costOf(heap[child] as T) > this.costOf(heap[right] as T)) child = right;
      if (this.costOf(item) <= this.costOf(heap[child] as T)) break;
      heap[at] = heap[child] as T;
      at = child;
    }
    heap[at] = item;
  }
}
