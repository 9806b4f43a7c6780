/**
 * Offsets of share groups that an administrator changes or deletes, and groups that are deleted: what the group's own record says
 * before and after the keeper of state has done its part.
 *
 * Owns: that nobody reads meanwhile (empty groups only), and which share partitions are meant. All throw KafkaError
 * GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import type { MetadataImage } from "../../metadata/metadata-image.ts";
import type { Group } from "../group.ts";
import type { GroupDecision, InitializeEffect } from "../group-decision.ts";
import { RecordDraft } from "../record-draft.ts";
import { initializeEffect } from "./initialization.ts";
import { requireShareGroup } from "./leave.ts";
import { emptyShareGroup, type ShareGroup } from "./share-group.ts";
import { forgotten, initializing, type KeptTopic, type SharePartitions, together } from "./share-partitions.ts";
import { partitionsKept } from "./share-records.ts";

export interface TopicToAlter {
  readonly topicName: string;
  readonly partitions: readonly { readonly partitionIndex: number; readonly startOffset: number }[];
}

export interface PartitionOutcome {
  readonly partitionIndex: number;
  readonly errorCode: ErrorCode;
  readonly errorMessage: string | null;
}

export interface TopicOutcome {
  readonly topicName: string;
  readonly topicId: string;
  readonly partitions: readonly PartitionOutcome[];
}

export interface Alteration {
  readonly topics: readonly TopicOutcome[];
  /** What the keeper of state is to do. */
  readonly order: InitializeEffect;
}

/** All that is kept of a topic's share partitions in a group. */
export interface TopicToForget {
  readonly topicId: string;
  readonly topicName: string;
  readonly partitions: readonly number[];
}

export interface Deletion {
  readonly refused: readonly { readonly topicName: string; readonly errorMessage: string }[];
  readonly topics: readonly TopicToForget[];
}

const NO_SUCH_TOPIC = "This server does not host this topic-partition.";

function requireEmpty(group: ShareGroup): ShareGroup {
  if (group.members.size > 0) throw new KafkaError(ErrorCode.NON_EMPTY_GROUP, "The group is not empty.");
  return group;
}

/** Share partitions are to start elsewhere; a group that does not exist begins with that. @param nowMs wall clock. */
export function decideAlterOffsets(
  group: Group | undefined,
  groupId: string,
  topics: readonly TopicToAlter[],
  image: MetadataImage,
  nowMs: number,
): GroupDecision<Alteration> {
  const known = group === undefined ? undefined : requireEmpty(requireShareGroup(group, groupId));
  const draft = new RecordDraft<ShareGroup>(known ?? emptyShareGroup(groupId), known);
  const altered = new Map<string, KeptTopic>();
  const startOffsets = new Map<string, ReadonlyMap<number, number>>();
  const outcomes = topics.map(({ topicName, partitions }): TopicOutcome => {
    const topic = image.topics.get(topicName);
    const offsets = new Map<number, number>();
    const results = partitions.map(({ partitionIndex, startOffset }): PartitionOutcome => {
      if (topic?.partitions[partitionIndex] === undefined) {
        return { partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: NO_SUCH_TOPIC };
      }
      offsets.set(partitionIndex, startOffset);
      return { partitionIndex, errorCode: ErrorCode.NONE, errorMessage: null };
    });
    if (topic !== undefined && offsets.size > 0) {
      altered.set(topic.id, { name: topicName, partitions: [...offsets.keys()].sort((a, b) => a - b), sinceMs: nowMs });
      startOffsets.set(topic.id, offsets);
    }
    return { topicName, topicId: topic?.id ?? ZERO_UUID, partitions: results };
  });
  if (altered.size > 0) draft.step(partitionsKept(draft.group, initializing(draft.group.sharePartitions, altered)));
  const startOffsetOf = (topicId: string, partition: number) => startOffsets.get(topicId)?.get(partition) as number;
  // As Kafka tells them: what there is not comes first.
  const isUnknown = ({ topicId }: TopicOutcome): boolean => topicId === ZERO_UUID;
  const inOrder = [...outcomes.filter(isUnknown), ...outcomes.filter((outcome) => !isUnknown(outcome))];
  return draft.decide({ topics: inOrder, order: initializeEffect(draft.group, altered, startOffsetOf) });
}

/** Nothing is to be kept of these topics. */
export function decideDeleteOffsets(
  group: Group | undefined,
  groupId: string,
  topicNames: readonly string[],
  image: MetadataImage,
): GroupDecision<Deletion> {
  const known = requireEmpty(requireShareGroup(group, groupId));
  const { initialized, deleting } = known.sharePartitions;
  const refused: Deletion["refused"][number][] = [];
  const topics: TopicToForget[] = [];
  for (const topicName of new Set(topicNames)) {
    const topic = image.topics.get(topicName);
    const kept = topic === undefined ? undefined : initialized.get(topic.id);
    if (topic === undefined) refused.push({ topicName, errorMessage: NO_SUCH_TOPIC });
    else if (kept !== undefined) topics.push({ topicId: topic.id, topicName, partitions: kept.partitions });
    else if (deleting.has(topic.id))
      topics.push({ topicId: topic.id, topicName, partitions: topic.partitions.map((_, index) => index) });
    else refused.push({ topicName, errorMessage: "There is no offset information to delete." });
  }
  return deletion(known, topics, { refused, topics });
}

/** What is to go with a group that is to be deleted; undefined when nothing is kept of it. */
export function decideDeleteGroup(
  group: Group | undefined,
  image: MetadataImage,
): GroupDecision<readonly TopicToForget[]> {
  if (group?.type !== "share" || group.members.size > 0) return { response: [] };
  const { initialized, initializing: begun, deleting } = group.sharePartitions;
  const topics = [...together(initialized, begun)].map(([topicId, { name, partitions }]) => {
    return { topicId, topicName: name, partitions };
  });
  const named = new Set(topics.map(({ topicId }) => topicId));
  for (const [topicId, topicName] of deleting) {
    const partitions = image.topicsById.get(topicId)?.partitions.map((_, index) => index) ?? [];
    if (!named.has(topicId)) topics.push({ topicId, topicName, partitions });
  }
  // The state of a topic that is gone has gone with it.
  const there = topics.filter(({ topicId }) => image.topicsById.has(topicId));
  return deletion(group, there, there);
}

function deletion<R>(group: ShareGroup, topics: readonly TopicToForget[], response: R): GroupDecision<R> {
  const draft = new RecordDraft<ShareGroup>(group, group);
  if (topics.length > 0) {
    const left = forgotten(group.sharePartitions, new Set(topics.map(({ topicId }) => topicId)));
    const deleting = new Map(left.deleting);
    for (const { topicId, topicName } of topics) deleting.set(topicId, topicName);
    draft.step(partitionsKept(group, { ...left, deleting }));
  }
  return draft.decide(response);
}

/** The keeper of state has deleted all of these topics. */
export function decideOffsetsDeleted(group: Group | undefined, topicIds: ReadonlySet<string>): GroupDecision<true> {
  if (group?.type !== "share" || topicIds.size === 0) return { response: true };
  const { sharePartitions } = group;
  const deleting = new Map([...sharePartitions.deleting].filter(([topicId]) => !topicIds.has(topicId)));
  const draft = new RecordDraft<ShareGroup>(group, group);
  draft.step(partitionsKept(group, { ...sharePartitions, deleting }));
  return draft.decide(true);
}

/** Topics are gone, and with them the state of their share partitions. */
export function forgetTopics(group: ShareGroup, topicIds: ReadonlySet<string>): GroupDecision<never> {
  const draft = new RecordDraft<ShareGroup>(group, group);
  const left: SharePartitions = forgotten(group.sharePartitions, topicIds);
  draft.step(partitionsKept(group, left));
  return draft.decide();
}
