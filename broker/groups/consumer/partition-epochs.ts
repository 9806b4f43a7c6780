/**
 * Who has partitions now, as far as the next owner has to know: the epoch of the member that has one, or none.
 *
 * Immutable; a change copies one topic's table. Invariant: a partition counts as had until the member that has it is replayed
 * without it, so that it is never given to two (R147).
 */
import { PersistentMap } from "../../state-machine/persistent-map.ts";
import type { OwnedPartitions } from "./assignment.ts";
import type { ConsumerMember } from "./consumer-member.ts";

export const NO_EPOCH = -1;

/** Records name partitions; a damaged one must not make us allocate. No topic is nearly that large. */
export const MAX_PARTITION = 1_000_000;

export class PartitionEpochs {
  static readonly EMPTY = new PartitionEpochs(PersistentMap.empty());
  /** By topic id, then by partition. */
  private readonly topics: PersistentMap<Int32Array>;

  private constructor(topics: PersistentMap<Int32Array>) {
    this.topics = topics;
  }

  /** NO_EPOCH when nobody has the partition. */
  get(topicId: string, partition: number): number {
    return this.topics.get(topicId)?.[partition] ?? NO_EPOCH;
  }

  /** After a member became another, came or went. */
  replaced(before: ConsumerMember | undefined, now: ConsumerMember | undefined): PartitionEpochs {
    const sameOwned = before?.assigned === now?.assigned && before?.pendingRevocation === now?.pendingRevocation;
    if (sameOwned && before?.memberEpoch === now?.memberEpoch) return this;
    const changed = new Map<string, Int32Array>();
    if (before !== undefined) {
      this.release(changed, before.assigned, before.memberEpoch);
      this.release(changed, before.pendingRevocation, before.memberEpoch);
    }
    if (now !== undefined) {
      this.take(changed, now.assigned, now.memberEpoch);
      this.take(changed, now.pendingRevocation, now.memberEpoch);
    }
    let { topics } = this;
    for (const [topicId, epochs] of changed) {
      topics = epochs.every((epoch) => epoch === NO_EPOCH) ? topics.without(topicId) : topics.with(topicId, epochs);
    }
    return topics === this.topics ? this : new PartitionEpochs(topics);
  }

  /** Only what the member has in this epoch: it may be somebody else's since. */
  private release(changed: Map<string, Int32Array>, owned: OwnedPartitions, epoch: number): void {
    for (const [topicId, partitions] of owned) {
      const epochs = this.copyOf(changed, topicId, 0);
      for (const partition of partitions.keys()) if (epochs[partition] === epoch) epochs[partition] = NO_EPOCH;
    }
  }

  private take(changed: Map<string, Int32Array>, owned: OwnedPartitions, epoch: number): void {
    for (const [topicId, partitions] of owned) {
      let size = 0;
      for (const partition of partitions.keys()) size = Math.max(size, partition + 1);
      const epochs = this.copyOf(changed, topicId, size);
      for (const partition of partitions.keys()) {
        // Who has it in a later epoch keeps it.
        if ((epochs[partition] as number) < epoch || epochs[partition] === NO_EPOCH) epochs[partition] = epoch;
      }
    }
  }

  private copyOf(changed: Map<string, Int32Array>, topicId: string, size: number): Int32Array {
    const known = changed.get(topicId);
    if (known !== undefined && known.length >= size) return known;
    const source = known ?? this.topics.get(topicId);
    const copy = new Int32Array(Math.max(size, source?.length ?? 0)).fill(NO_EPOCH);
    if (source !== undefined) copy.set(source);
    changed.set(topicId, copy);
    return copy;
  }
}
