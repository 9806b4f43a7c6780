/**
 * What records of a log make of a consumer group.
 *
 * Records may be missing (compaction takes what was replaced or deleted) and may come in any order that leaves, so nothing is
 * taken for granted: a record that is about nothing we know changes nothing.
 */
import type {
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupMemberMetadataKey,
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataValue,
  ConsumerGroupRegularExpressionKey,
  ConsumerGroupRegularExpressionValue,
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupTargetAssignmentMetadataValue,
} from "../../../protocol/messages/group-records.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import type { StoredRecord } from "../../state-machine/coordinator-record.ts";
import {
  ConsumerGroupRecord,
  ConsumerMemberRecord,
  MemberAssignmentRecord,
  MemberTargetRecord,
  PartitionMetadataRecord,
  RegularExpressionRecord,
  TargetAssignmentRecord,
} from "../group-record-types.ts";
import { type Assignment, ascending, type OwnedPartitions } from "./assignment.ts";
import { type ConsumerGroup, emptyConsumerGroup, withMember, withRegex } from "./consumer-group.ts";
import { type ConsumerMember, MemberState, namesOf, newConsumerMember } from "./consumer-member.ts";
import {
  assignmentGone,
  epochMoved,
  memberGone,
  memberTargeted,
  partitionMetadataGone,
  regexGone,
  targetAssignmentGone,
  targetComputed,
  targetGone,
} from "./consumer-records.ts";
import { MAX_PARTITION } from "./partition-epochs.ts";

type StoredAssignment = Decode<typeof ConsumerGroupCurrentMemberAssignmentValue>;
type StoredMember = Decode<typeof ConsumerGroupMemberMetadataValue>;

/** Gives one string for each topic id, so that records do not bring their own. */
export type SharedText = (text: string) => string;

const CONSUMER_RECORD_TYPES: ReadonlySet<number> = new Set(
  [
    ConsumerGroupRecord,
    PartitionMetadataRecord,
    ConsumerMemberRecord,
    TargetAssignmentRecord,
    MemberTargetRecord,
    MemberAssignmentRecord,
    RegularExpressionRecord,
  ].map(({ id }) => id),
);

export function isConsumerRecord({ type }: Pick<StoredRecord, "type">): boolean {
  return CONSUMER_RECORD_TYPES.has(type.id);
}

/** The group after a record; undefined when there is none any more. @param known undefined when there was none. */
export function replayConsumerRecord(
  known: ConsumerGroup | undefined,
  { type, key, value }: StoredRecord,
  shared: SharedText,
): ConsumerGroup | undefined {
  if (value === null) return known === undefined ? undefined : replayTombstone(known, type.id, key);
  const group = known ?? emptyConsumerGroup((key as { groupId: string }).groupId);
  switch (type.id) {
    case ConsumerGroupRecord.id: {
      const { epoch, metadataHash } = value as Decode<typeof ConsumerGroupMetadataValue>;
      return epochMoved(group, epoch, metadataHash).group;
    }
    case PartitionMetadataRecord.id:
      return { ...group, hasPartitionMetadataRecord: true };
    case ConsumerMemberRecord.id:
      return replayMember(group, memberIdOf(key), value as StoredMember);
    case TargetAssignmentRecord.id: {
      const stored = value as Decode<typeof ConsumerGroupTargetAssignmentMetadataValue>;
      return targetComputed(group, stored.assignmentEpoch, stored.assignmentTimestamp).group;
    }
    case MemberTargetRecord.id: {
      const { memberId } = key as Decode<typeof ConsumerGroupTargetAssignmentMemberKey>;
      const { topicPartitions } = value as Decode<typeof ConsumerGroupTargetAssignmentMemberValue>;
      return memberTargeted(group, memberId, assignmentOf(topicPartitions, shared)).group;
    }
    case MemberAssignmentRecord.id:
      return replayAssignment(group, memberIdOf(key), value as StoredAssignment, shared);
    case RegularExpressionRecord.id: {
      const { regularExpression } = key as Decode<typeof ConsumerGroupRegularExpressionKey>;
      const { topics, version, timestamp } = value as Decode<typeof ConsumerGroupRegularExpressionValue>;
      const resolved = { topics: namesOf(topics, []), imageOffset: version, resolvedMs: timestamp };
      return withRegex(group, regularExpression, resolved);
    }
    default:
      return known;
  }
}

function replayTombstone(group: ConsumerGroup, typeId: number, key: object): ConsumerGroup | undefined {
  switch (typeId) {
    case ConsumerGroupRecord.id:
      return undefined;
    case PartitionMetadataRecord.id:
      return partitionMetadataGone(group).group;
    case ConsumerMemberRecord.id:
      return memberGone(group, memberIdOf(key)).group;
    case TargetAssignmentRecord.id:
      return targetAssignmentGone(group).group;
    case MemberTargetRecord.id:
      return targetGone(group, memberIdOf(key)).group;
    case MemberAssignmentRecord.id:
      return assignmentGone(group, memberIdOf(key)).group;
    case RegularExpressionRecord.id:
      return regexGone(group, (key as Decode<typeof ConsumerGroupRegularExpressionKey>).regularExpression).group;
    default:
      return group;
  }
}

function memberIdOf(key: object): string {
  return (key as Decode<typeof ConsumerGroupMemberMetadataKey | typeof ConsumerGroupCurrentMemberAssignmentKey>)
    .memberId;
}

function replayMember(group: ConsumerGroup, memberId: string, stored: StoredMember): ConsumerGroup {
  const before = group.members.get(memberId);
  const { classicMemberMetadata, subscribedTopicNames, ...said } = stored;
  const now: ConsumerMember = {
    ...(before ?? newConsumerMember(memberId)),
    ...said,
    subscribedTopicNames: namesOf(subscribedTopicNames, before?.subscribedTopicNames ?? []),
    classic: classicMemberMetadata,
  };
  return withMember(group, before, now);
}

function replayAssignment(
  group: ConsumerGroup,
  memberId: string,
  stored: StoredAssignment,
  shared: SharedText,
): ConsumerGroup {
  const before = group.members.get(memberId);
  const { memberEpoch, previousMemberEpoch } = stored;
  const now: ConsumerMember = {
    ...(before ?? newConsumerMember(memberId)),
    memberEpoch,
    previousMemberEpoch,
    state: stateOf(stored.state),
    assigned: ownedOf(stored.assignedPartitions, memberEpoch, shared),
    pendingRevocation: ownedOf(stored.partitionsPendingRevocation, memberEpoch, shared),
  };
  return withMember(group, before, now);
}

function stateOf(stored: number): ConsumerMember["state"] {
  return Object.values(MemberState).find((state) => state === stored) ?? MemberState.UNKNOWN;
}

function isPartition(partition: number): boolean {
  return partition >= 0 && partition < MAX_PARTITION;
}

function assignmentOf(
  stored: readonly { readonly topicId: string; readonly partitions: readonly number[] }[],
  shared: SharedText,
): Assignment {
  return new Map(
    stored.map(({ topicId, partitions }) => [shared(topicId), ascending(new Set(partitions.filter(isPartition)))]),
  );
}

/** Records of before 4.3 do not say since when: since the member's epoch, then. */
function ownedOf(
  stored: StoredAssignment["assignedPartitions"],
  memberEpoch: number,
  shared: SharedText,
): OwnedPartitions {
  return new Map(
    stored.map(({ topicId, partitions, assignmentEpochs }) => {
      const epochs = assignmentEpochs?.length === partitions.length ? assignmentEpochs : undefined;
      const owned = new Map<number, number>();
      partitions.forEach((partition, index) => {
        if (isPartition(partition)) owned.set(partition, epochs?.[index] ?? Math.max(memberEpoch, 0));
      });
      return [shared(topicId), owned];
    }),
  );
}
