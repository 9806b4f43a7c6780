/**
 * Offsets that are deleted: because somebody asks (KIP-496), with their group (KIP-229), with their topic.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import type { CoordinatorRecord } from "../../state-machine/coordinator-record.ts";
import { type Group, kindOf } from "../group.ts";
import type { GroupDecision } from "../group-decision.ts";
import { offsetTombstone } from "./offset-record.ts";
import type { OffsetStore } from "./offset-store.ts";

export interface TopicToDelete {
  readonly name: string;
  readonly partitions: readonly { readonly partitionIndex: number }[];
}

export interface DeletedTopicOffsets {
  readonly name: string;
  readonly partitions: { readonly partitionIndex: number; readonly errorCode: ErrorCode }[];
}

/** Offsets of topics the group reads stay. @throws KafkaError GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP. */
export function decideOffsetDelete(
  group: Group | undefined,
  topics: readonly TopicToDelete[],
  store: OffsetStore,
): GroupDecision<DeletedTopicOffsets[]> {
  if (group === undefined) throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND);
  const kind = kindOf(group);
  const error = kind.checkOffsetDelete(group);
  if (error !== ErrorCode.NONE) throw new KafkaError(error);
  const records: CoordinatorRecord[] = [];
  const { groupId } = group;
  const response = topics.map(({ name, partitions }) => {
    const errorCode = kind.readsTopic(group, name) ? ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC : ErrorCode.NONE;
    for (const { partitionIndex } of errorCode === ErrorCode.NONE ? partitions : []) {
      if (store.get(groupId, name, partitionIndex) === undefined && !store.hasPending(groupId, name, partitionIndex)) {
        continue;
      }
      records.push(offsetTombstone(groupId, name, partitionIndex));
    }
    return { name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })) };
  });
  return { records, splittable: true, response };
}

/** Tombstones for all offsets of a group, of open transactions too. */
export function* allOffsetTombstones(groupId: string, store: OffsetStore): IterableIterator<CoordinatorRecord> {
  for (const { topic, partition } of store.offsetsOf(groupId)) yield offsetTombstone(groupId, topic, partition);
  for (const { topic, partition } of store.pendingOf(groupId)) {
    if (store.get(groupId, topic, partition) === undefined) yield offsetTombstone(groupId, topic, partition);
  }
}

export interface DeletedTopic {
  readonly name: string;
  readonly id: string;
}

/** Topics are gone: so are their offsets, unless they are of another topic that had or has the name (R47). */
export function decideTopicsDeleted(topics: readonly DeletedTopic[], store: OffsetStore): GroupDecision<never> {
  const records: CoordinatorRecord[] = [];
  for (const { name, id } of topics) {
    for (const groupId of store.groupsWith(name)) {
      const seen = new Set<number>();
      for (const offsets of [store.offsetsOf(groupId), store.pendingOf(groupId)]) {
        for (const { topic, partition, offset } of offsets) {
          if (topic !== name || seen.has(partition) || (offset.topicId !== ZERO_UUID && offset.topicId !== id))
            continue;
          seen.add(partition);
          records.push(offsetTombstone(groupId, topic, partition));
        }
      }
    }
  }
  return { records, splittable: true };
}
