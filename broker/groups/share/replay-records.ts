/**
 * What records of a log make of a share group.
 *
 * Records may be missing (compaction takes what was replaced or deleted) and may come in any order that leaves, so nothing is
 * taken for granted: a record that is about nothing we know changes nothing.
 */
import type {
  ShareGroupCurrentMemberAssignmentValue,
  ShareGroupMemberMetadataKey,
  ShareGroupMemberMetadataValue,
  ShareGroupMetadataValue,
  ShareGroupStatePartitionMetadataValue,
  ShareGroupTargetAssignmentMemberValue,
  ShareGroupTargetAssignmentMetadataValue,
} from "../../../protocol/messages/share-group-records.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import type { StoredRecord } from "../../state-machine/coordinator-record.ts";
import { type Assignment, ascending, type TopicPartitions } from "../consumer/assignment.ts";
import { namesOf } from "../consumer/consumer-member.ts";
import { MAX_PARTITION } from "../consumer/partition-epochs.ts";
import type { SharedText } from "../consumer/replay-records.ts";
import {
  ShareGroupRecord,
  ShareMemberAssignmentRecord,
  ShareMemberRecord,
  ShareMemberTargetRecord,
  SharePartitionsRecord,
  ShareTargetAssignmentRecord,
} from "../group-record-types.ts";
import { emptyShareGroup, type ShareGroup } from "./share-group.ts";
import { newShareMember } from "./share-member.ts";
import type { KeptTopics } from "./share-partitions.ts";
import {
  assignmentGone,
  epochMoved,
  memberGone,
  memberMoved,
  memberSaid,
  memberTargeted,
  partitionsGone,
  partitionsKept,
  targetAssignmentGone,
  targetComputed,
  targetGone,
} from "./share-records.ts";

const SHARE_RECORD_TYPES: ReadonlySet<number> = new Set(
  [
    ShareMemberRecord,
    ShareGroupRecord,
    ShareTargetAssignmentRecord,
    ShareMemberTargetRecord,
    ShareMemberAssignmentRecord,
    SharePartitionsRecord,
  ].map(({ id }) => id),
);

export function isShareRecord({ type }: Pick<StoredRecord, "type">): boolean {
  return SHARE_RECORD_TYPES.has(type.id);
}

/** The group after a record; undefined when there is none any more. @param known undefined when there was none. */
export function replayShareRecord(
  known: ShareGroup | undefined,
  { type, key, value }: StoredRecord,
  shared: SharedText,
): ShareGroup | undefined {
  if (value === null) return known === undefined ? undefined : replayTombstone(known, type.id, key);
  const group = known ?? emptyShareGroup((key as { groupId: string }).groupId);
  switch (type.id) {
    case ShareMemberRecord.id: {
      const { subscribedTopicNames, ...said } = value as Decode<typeof ShareGroupMemberMetadataValue>;
      const memberId = memberIdOf(key);
      const before = group.members.get(memberId) ?? newShareMember(memberId);
      const names = namesOf(subscribedTopicNames, before.subscribedTopicNames);
      return memberSaid(group, { ...before, ...said, subscribedTopicNames: names }).group;
    }
    case ShareGroupRecord.id: {
      const { epoch, metadataHash } = value as Decode<typeof ShareGroupMetadataValue>;
      return epochMoved(group, epoch, metadataHash).group;
    }
    case ShareTargetAssignmentRecord.id: {
      const stored = value as Decode<typeof ShareGroupTargetAssignmentMetadataValue>;
      return targetComputed(group, stored.assignmentEpoch, stored.assignmentTimestamp).group;
    }
    case ShareMemberTargetRecord.id: {
      const { topicPartitions } = value as Decode<typeof ShareGroupTargetAssignmentMemberValue>;
      return memberTargeted(group, memberIdOf(key), assignmentOf(topicPartitions, shared)).group;
    }
    case ShareMemberAssignmentRecord.id: {
      const stored = value as Decode<typeof ShareGroupCurrentMemberAssignmentValue>;
      const { memberEpoch, previousMemberEpoch, assignedPartitions } = stored;
      const memberId = memberIdOf(key);
      const member = group.members.get(memberId) ?? newShareMember(memberId);
      const assigned = assignmentOf(assignedPartitions, shared);
      return memberMoved(group, { ...member, memberEpoch, previousMemberEpoch, assigned }).group;
    }
    case SharePartitionsRecord.id: {
      const stored = value as Decode<typeof ShareGroupStatePartitionMetadataValue>;
      const deleting = new Map(stored.deletingTopics.map(({ topicId, topicName }) => [shared(topicId), topicName]));
      return partitionsKept(group, {
        initializing: keptTopics(stored.initializingTopics, shared),
        initialized: keptTopics(stored.initializedTopics, shared),
        deleting,
      }).group;
    }
    default:
      return known;
  }
}

function replayTombstone(group: ShareGroup, typeId: number, key: object): ShareGroup | undefined {
  switch (typeId) {
    case ShareGroupRecord.id:
      return undefined;
    case ShareMemberRecord.id:
      return memberGone(group, memberIdOf(key)).group;
    case ShareTargetAssignmentRecord.id:
      return targetAssignmentGone(group).group;
    case ShareMemberTargetRecord.id:
      return targetGone(group, memberIdOf(key)).group;
    case ShareMemberAssignmentRecord.id:
      return assignmentGone(group, memberIdOf(key)).group;
    case SharePartitionsRecord.id:
      return partitionsGone(group).group;
    default:
      return group;
  }
}

function memberIdOf(key: object): string {
  return (key as Decode<typeof ShareGroupMemberMetadataKey>).memberId;
}

function partitionsOf(partitions: readonly number[]): number[] {
  return ascending(new Set(partitions.filter((partition) => partition >= 0 && partition < MAX_PARTITION)));
}

function assignmentOf(stored: readonly TopicPartitions[], shared: SharedText): Assignment {
  return new Map(stored.map(({ topicId, partitions }) => [shared(topicId), partitionsOf(partitions)]));
}

function keptTopics(
  stored: Decode<typeof ShareGroupStatePartitionMetadataValue>["initializedTopics"],
  shared: SharedText,
): KeptTopics {
  return new Map(
    stored.map(({ topicId, topicName, partitions }) => [
      shared(topicId),
      { name: topicName, partitions: partitionsOf(partitions), sinceMs: 0 },
    ]),
  );
}
