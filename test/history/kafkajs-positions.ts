/**
 * Where kafkajs is in its partitions, from what it tells of itself: whether a batch goes on from where the last one ended, and if not,
 * whether kafkajs asked for that by itself.
 *
 * It asks each node on its own. When a partition has moved, the old and the new leader may both be asked from one offset, and both
 * answers are handed out, one after the other. And each join begins at what was committed. Nothing else moves it: what a node that
 * answers wrongly brings about (a reset as an offset was out of range, commits that are gone) is not excused here.
 */

/** A request for records, from when it is made until its batch of a partition has come. */
interface Fetch {
  /** How often the group had been joined when it was made. */
  readonly joins: number;
  answered: boolean;
  /** By partition, all positions since it was made: it asks from one of them. */
  readonly asked: Map<number, Set<number>>;
  /** Partitions of which a batch has come since the answer: the next one is of another request. */
  readonly done: Set<number>;
}

export class KafkajsPositions {
  private readonly positions = new Map<number, number>();
  /** By node: one request at a time. */
  private readonly fetches = new Map<number, Fetch>();
  /** Lower bounds of what a group has committed. */
  private readonly committed = new Map<number, number>();
  private joins = 0;
  /** By partition, the join that has been begun from. */
  private readonly begunFrom = new Map<number, number>();

  joined(): void {
    this.joins++;
  }

  fetchStarted(node: number): void {
    const asked = new Map([...this.positions].map(([partition, position]) => [partition, new Set([position])]));
    this.fetches.set(node, { joins: this.joins, answered: false, asked, done: new Set() });
  }

  fetchEnded(node: number): void {
    const fetch = this.fetches.get(node);
    if (fetch !== undefined) fetch.answered = true;
  }

  commitEnded(partition: number, offset: number): void {
    this.committed.set(partition, offset);
  }

  /** What comes next in the partition is `offset`. */
  movedTo(partition: number, offset: number): void {
    this.positions.set(partition, offset);
    // A commit of this may have been made, and its answer lost.
    if (offset < (this.committed.get(partition) ?? -1)) this.committed.set(partition, offset);
    for (const { asked, done } of this.fetches.values()) {
      if (done.has(partition)) continue;
      const offsets = asked.get(partition);
      if (offsets === undefined) asked.set(partition, new Set([offset]));
      else offsets.add(offset);
    }
  }

  /** A batch is about to be handed out. Gives whether kafkajs went elsewhere by itself. */
  batchStarted(partition: number, firstOffset: number): boolean {
    const candidates = [...this.fetches.values()].filter(({ answered, done }) => answered && !done.has(partition));
    for (const { done } of candidates) done.add(partition);
    const begunFrom = this.begunFrom.get(partition) ?? 0;
    // A batch that was asked for before a join says nothing of where that join begins.
    const isOfJoin = Math.min(...candidates.map(({ joins }) => joins), this.joins);
    this.begunFrom.set(partition, Math.max(begunFrom, isOfJoin));
    const position = this.positions.get(partition);
    if (position === firstOffset) return false;
    const wasAskedTwice = candidates.some(({ asked }) => asked.get(partition)?.has(firstOffset) === true);
    const isAtCommitted = begunFrom < this.joins && firstOffset >= (this.committed.get(partition) ?? 0);
    if (!wasAskedTwice && !isAtCommitted) return false;
    this.movedTo(partition, firstOffset);
    return position !== undefined;
  }
}
