/**
 * The committed offsets of one shard's groups, and those of transactions that have not ended.
 *
 * Owns: what is stored, in its two versions (now, and below the high watermark), and what the end of a transaction makes of it.
 * Leaves to commit-offsets.ts and the like: who may store what. Entries are immutable; equal topic ids share one string.
 */
import { type Timeline, Versioned } from "../../state-machine/versioned.ts";

export interface StoredOffset {
  readonly committedOffset: number;
  /** -1 when not said. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestampMs: number;
  /** -1: when the settings say. */
  readonly expireTimestampMs: number;
  /** The zero uuid when not known. */
  readonly topicId: string;
  /** Where its record lies: of a commit inside and one outside a transaction, the later record counts. */
  readonly recordOffset: number;
}

type PartitionOffsets = Map<number, Versioned<StoredOffset>>;
type TopicOffsets = Map<string, PartitionOffsets>;
/** By topic, then by partition. */
type PendingOffsets = Map<string, Map<number, StoredOffset>>;

export class OffsetStore {
  private readonly groups = new Map<string, TopicOffsets>();
  /** Of open transactions, by producer id and group. */
  private readonly pending = new Map<number, Map<string, PendingOffsets>>();
  /** Producers with an open transaction in a group. */
  private readonly producersOf = new Map<string, Set<number>>();
  private readonly topicIds = new Map<string, string>();
  private readonly timeline: Timeline;

  constructor(timeline: Timeline) {
    this.timeline = timeline;
  }

  get(groupId: string, topic: string, partition: number): StoredOffset | undefined {
    return this.groups.get(groupId)?.get(topic)?.get(partition)?.current;
  }

  /** The offset that the high watermark has passed. */
  committed(groupId: string, topic: string, partition: number): StoredOffset | undefined {
    return this.groups.get(groupId)?.get(topic)?.get(partition)?.committed;
  }

  put(groupId: string, topic: string, partition: number, offset: StoredOffset): void {
    const partitions = entry(
      entry(this.groups, groupId, () => new Map()),
      topic,
      () => new Map(),
    );
    this.timeline.set(
      entry(partitions, partition, () => new Versioned<StoredOffset>()),
      offset,
    );
  }

  /** Forgets an offset, and those of open transactions for the same partition. */
  remove(groupId: string, topic: string, partition: number): void {
    for (const producerId of this.producersOf.get(groupId) ?? []) {
      const topics = this.pending.get(producerId)?.get(groupId);
      const partitions = topics?.get(topic);
      if (partitions?.delete(partition) === true && partitions.size === 0) topics?.delete(topic);
    }
    const cell = this.groups.get(groupId)?.get(topic)?.get(partition);
    if (cell?.current === undefined) return;
    this.timeline.set(cell, undefined, () => this.dropCell(groupId, topic, partition, cell));
  }

  private dropCell(groupId: string, topic: string, partition: number, cell: Versioned<StoredOffset>): void {
    const topics = this.groups.get(groupId);
    const partitions = topics?.get(topic);
    if (topics === undefined || partitions?.get(partition) !== cell) return;
    partitions.delete(partition);
    if (partitions.size === 0) topics.delete(topic);
    if (topics.size === 0) this.groups.delete(groupId);
  }

  /** The one string that stands for a topic id here, so that each record read does not bring its own. */
  shared(topicId: string): string {
    return entry(this.topicIds, topicId, () => topicId);
  }

  // Transactions.

  putPending(producerId: number, groupId: string, topic: string, partition: number, offset: StoredOffset): void {
    const groups = entry(this.pending, producerId, () => new Map<string, PendingOffsets>());
    const topics = entry(groups, groupId, () => new Map<string, Map<number, StoredOffset>>());
    entry(topics, topic, () => new Map<number, StoredOffset>()).set(partition, offset);
    entry(this.producersOf, groupId, () => new Set<number>()).add(producerId);
  }

  /** Whether a transaction is open that may change an offset. */
  hasPending(groupId: string, topic: string, partition: number): boolean {
    for (const producerId of this.producersOf.get(groupId) ?? []) {
      if (this.pending.get(producerId)?.get(groupId)?.get(topic)?.has(partition) === true) return true;
    }
    return false;
  }

  hasOpenTransaction(groupId: string): boolean {
    return this.producersOf.has(groupId);
  }

  /** A transaction ended: its offsets count from now on, save where a later record has said otherwise, or never. */
  endTransaction(producerId: number, committed: boolean): void {
    const groups = this.pending.get(producerId);
    if (groups === undefined) return;
    this.pending.delete(producerId);
    for (const [groupId, topics] of groups) {
      const producers = this.producersOf.get(groupId);
      producers?.delete(producerId);
      if (producers?.size === 0) this.producersOf.delete(groupId);
      if (!committed) continue;
      for (const [topic, partitions] of topics) {
        for (const [partition, offset] of partitions) {
          const known = this.get(groupId, topic, partition);
          if (known === undefined || known.recordOffset < offset.recordOffset) {
            this.put(groupId, topic, partition, offset);
          }
        }
      }
    }
  }

  // Walks.

  /** Offsets of a group as of now. */
  *offsetsOf(groupId: string): IterableIterator<{ topic: string; partition: number; offset: StoredOffset }> {
    for (const [topic, partitions] of this.groups.get(groupId) ?? []) {
      for (const [partition, cell] of partitions) {
        if (cell.current !== undefined) yield { topic, partition, offset: cell.current };
      }
    }
  }

  /** Offsets of a group's open transactions. */
  *pendingOf(groupId: string): IterableIterator<{ topic: string; partition: number; offset: StoredOffset }> {
    for (const producerId of this.producersOf.get(groupId) ?? []) {
      for (const [topic, partitions] of this.pending.get(producerId)?.get(groupId) ?? []) {
        for (const [partition, offset] of partitions) yield { topic, partition, offset };
      }
    }
  }

  /** Offsets of a group by topic: as of now, or as the high watermark has passed them. */
  *byTopic(groupId: string, committed: boolean): IterableIterator<[string, [number, StoredOffset][]]> {
    for (const [topic, partitions] of this.groups.get(groupId) ?? []) {
      const offsets: [number, StoredOffset][] = [];
      for (const [partition, cell] of partitions) {
        const offset = committed ? cell.committed : cell.current;
        if (offset !== undefined) offsets.push([partition, offset]);
      }
      if (offsets.length > 0) yield [topic, offsets];
    }
  }

  /** Groups with an offset of a topic, of open transactions too. */
  groupsWith(topic: string): Set<string> {
    const found = new Set<string>();
    for (const [groupId, topics] of this.groups) if (topics.has(topic)) found.add(groupId);
    for (const groups of this.pending.values()) {
      for (const [groupId, topics] of groups) if (topics.has(topic)) found.add(groupId);
    }
    return found;
  }
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
