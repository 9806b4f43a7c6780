/**
 * The replicas this broker holds, by topic name and by topic id.
 *
 * Owns: which partitions exist here and that each follows the metadata. Leaves to LogStore: files; to whoever listens
 * (replica fetchers, coordinators): what a new role means to them.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { PartitionLog } from "../../storage/partition-log.ts";
import {
  type MetadataDelta,
  type MetadataImage,
  type PartitionImage,
  ResourceType,
  type TopicImage,
} from "../metadata/metadata-image.ts";
import { Partition, type PartitionSurroundings } from "./partition.ts";

/** The logs of this node, as the partition table needs them. */
export interface LogStore {
  /** The log of a partition, made when it is not there. @throws KafkaError KAFKA_STORAGE_ERROR when no directory is usable. */
  obtain(topic: string, partition: number, topicId: string): PartitionLog;
  /** Sets the files aside and removes them in the background. */
  remove(topic: string, partition: number, topicId: string): void;
}

export interface PartitionChange {
  readonly partition: Partition;
  /** What the metadata said before; undefined for a replica that is new here. */
  readonly before: PartitionImage | undefined;
  /** What it says now; undefined for a replica that is gone. */
  readonly now: PartitionImage | undefined;
}

type Slots = (Partition | undefined)[];

export class PartitionTable {
  private readonly byName = new Map<string, Slots>();
  private readonly byId = new Map<string, Slots>();
  private readonly around: PartitionSurroundings;
  private readonly logs: LogStore;
  private readonly listeners: ((changes: readonly PartitionChange[], image: MetadataImage) => void)[] = [];
  /** Partitions that should be here but whose log could not be made. */
  private readonly failed = new Map<string, { readonly topicId: string; readonly index: number }>();
  private readonly minInSyncReplicasOf: (topic: string, image: MetadataImage) => number;

  constructor(
    around: PartitionSurroundings,
    logs: LogStore,
    minInSyncReplicasOf: (topic: string, image: MetadataImage) => number,
  ) {
    this.around = around;
    this.logs = logs;
    this.minInSyncReplicasOf = minInSyncReplicasOf;
  }

  /** Runs after the partitions of a delta have taken on their new roles. */
  onChange(listener: (changes: readonly PartitionChange[], image: MetadataImage) => void): void {
    this.listeners.push(listener);
  }

  get(topic: string, index: number): Partition | undefined {
    return this.byName.get(topic)?.[index];
  }

  getById(topicId: string, index: number): Partition | undefined {
    return this.byId.get(topicId)?.[index];
  }

  *all(): IterableIterator<Partition> {
    for (const slots of this.byId.values()) {
      for (const partition of slots) if (partition !== undefined) yield partition;
    }
  }

  /**
   * The replica held here. @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, or NOT_LEADER_OR_FOLLOWER when the partition exists
   * on other brokers only, KAFKA_STORAGE_ERROR when its log is offline.
   */
  require(topic: string, index: number, image: MetadataImage): Partition {
    const partition = this.get(topic, index);
    if (partition === undefined) throw this.absent(image.topics.get(topic), index);
    if (partition.log.offline) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR);
    return partition;
  }

  private absent(topic: TopicImage | undefined, index: number): KafkaError {
    const image = index < 0 ? undefined : topic?.partitions[index];
    if (topic === undefined || image === undefined) return new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    const failed = this.failed.has(keyOf(topic.id, index));
    return new KafkaError(failed ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.NOT_LEADER_OR_FOLLOWER);
  }

  /** Brings every replica of the delta to what the metadata says: made, changed, removed. */
  apply(delta: MetadataDelta): void {
    const changes: PartitionChange[] = [];
    for (const topicId of delta.deletedTopicIds) {
      const topic = delta.previous.topicsById.get(topicId);
      if (topic !== undefined) this.dropTopic(topic, changes);
    }
    for (const topicId of delta.changedTopicIds) {
      const topic = delta.image.topicsById.get(topicId);
      if (topic !== undefined) this.applyTopic(topic, delta, changes);
    }
    for (const { type, name } of delta.changedConfigs) {
      if (type === ResourceType.TOPIC) this.applyConfigs(name, delta.image);
      else if (type === ResourceType.BROKER) this.applyConfigs(undefined, delta.image);
    }
    if (delta.changedBrokers.size > 0) this.noticeBrokers(delta);
    this.tell(changes, delta.image);
  }

  private tell(changes: readonly PartitionChange[], image: MetadataImage): void {
    if (changes.length > 0) for (const listener of this.listeners) listener(changes, image);
  }

  private applyTopic(topic: TopicImage, delta: MetadataDelta, changes: PartitionChange[]): void {
    const before = delta.previous.topicsById.get(topic.id);
    for (const image of topic.partitions) {
      const previous = before?.partitions[image.partition];
      if (image === previous) continue;
      const here = image.replicas.includes(this.around.nodeId);
      const held = this.getById(topic.id, image.partition);
      if (here) {
        const partition = held ?? this.add(topic, image, delta.image);
        if (partition === undefined) continue;
        partition.apply(image);
        changes.push({ partition, before: held === undefined ? undefined : previous, now: image });
      } else {
        this.failed.delete(keyOf(topic.id, image.partition));
        if (held !== undefined) this.drop(held, ErrorCode.NOT_LEADER_OR_FOLLOWER, changes);
      }
    }
  }

  private add(topic: TopicImage, image: PartitionImage, cluster: MetadataImage): Partition | undefined {
    const key = keyOf(topic.id, image.partition);
    let log: PartitionLog;
    try {
      log = this.logs.obtain(topic.name, image.partition, topic.id);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      this.failed.set(key, { topicId: topic.id, index: image.partition });
      return undefined;
    }
    this.failed.delete(key);
    return this.host(log, cluster);
  }

  /** Whether the partition should be here and is not, because its log could not be opened or made. */
  isMissing(topicId: string, index: number): boolean {
    return this.failed.has(keyOf(topicId, index));
  }

  /** Tries again to have what could not be opened or made. Returns what is here now. */
  obtainMissing(image: MetadataImage): Partition[] {
    const changes: PartitionChange[] = [];
    for (const { topicId, index } of [...this.failed.values()]) {
      const topic = image.topicsById.get(topicId);
      const now = topic?.partitions[index];
      const partition = topic === undefined || now === undefined ? undefined : this.add(topic, now, image);
      if (partition === undefined || now === undefined) continue;
      partition.apply(now);
      changes.push({ partition, before: undefined, now });
    }
    this.tell(changes, image);
    return changes.map(({ partition }) => partition);
  }

  private host(log: PartitionLog, cluster: MetadataImage): Partition {
    const { topic, topicId } = log;
    const partition = new Partition(topic, log.partition, topicId, log, this.around);
    partition.minInSyncReplicas = this.minInSyncReplicasOf(topic, cluster);
    let slots = this.byId.get(topicId);
    if (slots === undefined) {
      slots = [];
      this.byId.set(topicId, slots);
    }
    this.byName.set(topic, slots);
    slots[log.partition] = partition;
    return partition;
  }

  private dropTopic({ id, partitions }: TopicImage, changes: PartitionChange[]): void {
    for (const { partition } of partitions) this.failed.delete(keyOf(id, partition));
    for (const partition of this.byId.get(id) ?? []) {
      if (partition !== undefined) this.drop(partition, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, changes);
    }
  }

  private drop(partition: Partition, why: ErrorCode, changes: PartitionChange[]): void {
    const before = partition.state;
    this.release(partition);
    partition.resign(why);
    this.logs.remove(partition.topic, partition.index, partition.topicId);
    changes.push({ partition, before, now: undefined });
  }

  private release(partition: Partition): void {
    const slots = this.byId.get(partition.topicId) as Slots;
    slots[partition.index] = undefined;
    if (slots.some((slot) => slot !== undefined)) return;
    this.byId.delete(partition.topicId);
    // The name may stand for a new topic by now.
    if (this.byName.get(partition.topic) === slots) this.byName.delete(partition.topic);
  }

  /** A storage error took a log offline: who waits for its partition is told, and nobody leads it here any more. */
  logOffline(log: PartitionLog, image: MetadataImage): void {
    const partition = this.getById(log.topicId, log.partition);
    if (partition?.log !== log) return;
    partition.resign();
    this.tell([{ partition, before: partition.state, now: partition.state }], image);
  }

  /** A log that was offline works again, as another log: its partition begins anew with what the metadata says. */
  logReopened(log: PartitionLog, image: MetadataImage): void {
    const old = this.getById(log.topicId, log.partition);
    const now = image.topicsById.get(log.topicId)?.partitions[log.partition];
    if (old === undefined || now === undefined) return;
    this.release(old);
    old.resign();
    const partition = this.host(log, image);
    partition.apply(now);
    const gone = { partition: old, before: old.state, now: undefined };
    this.tell([gone, { partition, before: undefined, now }], image);
  }

  /** min.insync.replicas may have changed for one topic, or (a broker-level change) for all. */
  private applyConfigs(topic: string | undefined, image: MetadataImage): void {
    const affected = topic === undefined ? this.byName.keys() : [topic];
    for (const name of affected) {
      const minInSyncReplicas = this.minInSyncReplicasOf(name, image);
      for (const partition of this.byName.get(name) ?? []) {
        if (partition === undefined || partition.minInSyncReplicas === minInSyncReplicas) continue;
        partition.minInSyncReplicas = minInSyncReplicas;
        partition.maybeAdvanceHighWatermark();
      }
    }
  }

  /** A follower's new incarnation has to say anew what it has (KIP-903, KIP-966); nobody waits for a broker that is gone. */
  private noticeBrokers({ changedBrokers, previous, image }: MetadataDelta): void {
    const restarted = [...changedBrokers].filter((id) => {
      const before = previous.brokers.get(id)?.brokerEpoch;
      return before !== undefined && before !== image.brokers.get(id)?.brokerEpoch;
    });
    const unfenced = [...changedBrokers].filter((id) => {
      const [before, now] = [previous.brokers.get(id), image.brokers.get(id)];
      return now?.fenced === false && (before?.fenced !== false || before.brokerEpoch !== now.brokerEpoch);
    });
    for (const partition of this.all()) {
      for (const id of restarted) partition.replicaRestarted(id, image.brokers.get(id)?.brokerEpoch);
      for (const id of unfenced) partition.replicaUnfenced(id);
      partition.lowWatermarkWatch.wake();
    }
  }

  maybeShrinkIsrs(): void {
    for (const partition of this.all()) partition.maybeShrinkIsr();
  }
}

function keyOf(topicId: string, index: number): string {
  return `${topicId}-${index}`;
}
