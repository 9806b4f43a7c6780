/**
 * Which partitions a broker or a directory matters to: derived from the image, so that no decision has to walk every topic.
 *
 * Owns: sets per broker (in sync, eligible), per directory, and of partitions without leader, off their preferred leader, under
 * reassignment. Invariant: equal to what a walk over the image would find; kept by apply alone, in the order of changes.
 */
import { NO_LEADER, type PartitionImage } from "../../broker/metadata/metadata-image.ts";
import type { ClusterDelta, ClusterImage } from "../metadata/cluster-image.ts";
import { isReservedDirectory } from "../metadata/directory-ids.ts";

export interface PartitionRef {
  readonly topicId: string;
  readonly partition: number;
}

/** A set of partitions, in the order in which they came in. */
export class PartitionSet {
  private readonly byTopic = new Map<string, Set<number>>();
  size = 0;

  add(topicId: string, partition: number): void {
    let partitions = this.byTopic.get(topicId);
    if (partitions === undefined) {
      partitions = new Set();
      this.byTopic.set(topicId, partitions);
    }
    if (partitions.has(partition)) return;
    partitions.add(partition);
    this.size++;
  }

  delete(topicId: string, partition: number): void {
    const partitions = this.byTopic.get(topicId);
    if (partitions?.delete(partition) !== true) return;
    this.size--;
    if (partitions.size === 0) this.byTopic.delete(topicId);
  }

  has(topicId: string, partition: number): boolean {
    return this.byTopic.get(topicId)?.has(partition) === true;
  }

  *[Symbol.iterator](): Generator<PartitionRef, void, undefined> {
    for (const [topicId, partitions] of this.byTopic) for (const partition of partitions) yield { topicId, partition };
  }
}

const NONE = new PartitionSet();

/** Sets by what they belong to; empty ones are not kept. */
class PartitionSets<K> {
  private readonly sets = new Map<K, PartitionSet>();

  get(key: K): PartitionSet {
    return this.sets.get(key) ?? NONE;
  }

  add(key: K, topicId: string, partition: number): void {
    let set = this.sets.get(key);
    if (set === undefined) {
      set = new PartitionSet();
      this.sets.set(key, set);
    }
    set.add(topicId, partition);
  }

  delete(key: K, topicId: string, partition: number): void {
    const set = this.sets.get(key);
    if (set === undefined) return;
    set.delete(topicId, partition);
    if (set.size === 0) this.sets.delete(key);
  }
}

export class PartitionIndex {
  readonly inSync = new PartitionSets<number>();
  readonly eligible = new PartitionSets<number>();
  readonly led = new PartitionSets<number>();
  readonly inDirectory = new PartitionSets<string>();
  readonly leaderless = new PartitionSet();
  readonly notLedByPreferred = new PartitionSet();
  readonly reassigning = new PartitionSet();

  /** The index of an image. */
  static of(image: ClusterImage): PartitionIndex {
    const index = new PartitionIndex();
    for (const topic of image.topicsById.values()) {
      for (const partition of topic.partitions) index.add(topic.id, partition);
    }
    return index;
  }

  apply(delta: ClusterDelta): void {
    for (const topicId of delta.changedTopicIds) {
      const before = delta.previous.topicsById.get(topicId)?.partitions ?? [];
      const after = delta.image.topicsById.get(topicId)?.partitions ?? [];
      for (let i = 0; i < Math.max(before.length, after.length); i++) {
        const [was, is] = [before[i], after[i]];
        if (was === is) continue;
        if (was !== undefined) this.remove(topicId, was, is);
        if (is !== undefined) this.add(topicId, is);
      }
    }
  }

  private add(topicId: string, image: PartitionImage): void {
    const { partition } = image;
    for (const id of image.inSyncReplicas) this.inSync.add(id, topicId, partition);
    for (const id of image.eligibleLeaderReplicas) this.eligible.add(id, topicId, partition);
    for (const id of image.directories) if (!isReservedDirectory(id)) this.inDirectory.add(id, topicId, partition);
    if (image.leader === NO_LEADER) this.leaderless.add(topicId, partition);
    else this.led.add(image.leader, topicId, partition);
    if (image.leader !== image.replicas[0]) this.notLedByPreferred.add(topicId, partition);
    if (isReassigning(image)) this.reassigning.add(topicId, partition);
  }

  /** Takes out what no longer holds; what stays keeps its place. */
  private remove(topicId: string, was: PartitionImage, is: PartitionImage | undefined): void {
    const { partition } = was;
    const gone = <T>(before: readonly T[], after: readonly T[] | undefined): T[] =>
      after === undefined ? [...before] : before.filter((id) => !after.includes(id));
    for (const id of gone(was.inSyncReplicas, is?.inSyncReplicas)) this.inSync.delete(id, topicId, partition);
    for (const id of gone(was.eligibleLeaderReplicas, is?.eligibleLeaderReplicas)) {
      this.eligible.delete(id, topicId, partition);
    }
    for (const id of gone(was.directories, is?.directories)) this.inDirectory.delete(id, topicId, partition);
    if (was.leader !== is?.leader) {
      if (was.leader === NO_LEADER) this.leaderless.delete(topicId, partition);
      else this.led.delete(was.leader, topicId, partition);
    }
    if (is === undefined || is.leader === is.replicas[0]) this.notLedByPreferred.delete(topicId, partition);
    if (is === undefined || !isReassigning(is)) this.reassigning.delete(topicId, partition);
  }
}

export function isReassigning({ addingReplicas, removingReplicas }: PartitionImage): boolean {
  return addingReplicas.length > 0 || removingReplicas.length > 0;
}
