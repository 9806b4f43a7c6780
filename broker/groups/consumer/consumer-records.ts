/**
 * What happens to a consumer group, each thing as its record and as what becomes of the group.
 *
 * Owns: that both say the same: replaying the record in another coordinator gives the same group (replay-records.ts), save for
 * the order of topics.
 */
import { type CoordinatorRecord, newRecord, tombstone } from "../../state-machine/coordinator-record.ts";
import {
  ConsumerGroupRecord,
  ConsumerMemberRecord,
  MemberAssignmentRecord,
  MemberTargetRecord,
  PartitionMetadataRecord,
  RegularExpressionRecord,
  TargetAssignmentRecord,
} from "../group-record-types.ts";
import type { Step } from "../record-draft.ts";
import { type Assignment, NOTHING_OWNED, type OwnedPartitions, topicPartitionsOf } from "./assignment.ts";
import { type ConsumerGroup, type ResolvedRegex, withMember, withRegex } from "./consumer-group.ts";
import { type ConsumerMember, LEAVE_EPOCH, newConsumerMember } from "./consumer-member.ts";

export type ConsumerStep = Step<ConsumerGroup>;

const VERSION = 0;
/** The target assignment of a group that was deleted. */
const NO_ASSIGNMENT_EPOCH = -1;

/** A member said something new of itself, or is there at all. Of `member` only that counts. */
export function memberSaid(group: ConsumerGroup, member: ConsumerMember): ConsumerStep {
  const { memberId } = member;
  const before = group.members.get(memberId);
  const { memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation } =
    before ?? newConsumerMember(memberId);
  const now = { ...member, memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation };
  const value = {
    instanceId: member.instanceId,
    rackId: member.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: [...member.subscribedTopicNames],
    subscribedTopicRegex: member.subscribedTopicRegex,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    serverAssignor: member.serverAssignor,
    classicMemberMetadata:
      member.classic === null
        ? null
        : { ...member.classic, supportedProtocols: member.classic.supportedProtocols.map((each) => ({ ...each })) },
  };
  const { groupId } = group;
  return {
    record: newRecord(ConsumerMemberRecord, { groupId, memberId }, VERSION, value),
    group: withMember(group, before, now),
  };
}

/** A member has come further. Of `member` only that counts. */
export function memberMoved(group: ConsumerGroup, member: ConsumerMember): ConsumerStep {
  const { memberId, memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation } = member;
  const before = group.members.get(memberId);
  const said = before ?? newConsumerMember(memberId);
  const now = { ...said, memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation };
  const value = {
    memberEpoch,
    previousMemberEpoch,
    state,
    assignedPartitions: storedPartitions(assigned),
    partitionsPendingRevocation: storedPartitions(pendingRevocation),
  };
  const { groupId } = group;
  return {
    record: newRecord(MemberAssignmentRecord, { groupId, memberId }, VERSION, value),
    group: withMember(group, before, now),
  };
}

function storedPartitions(owned: OwnedPartitions) {
  return [...owned].map(([topicId, epochs]) => {
    const inOrder = [...epochs].sort(([a], [b]) => a - b);
    return {
      topicId,
      partitions: inOrder.map(([partition]) => partition),
      assignmentEpochs: inOrder.map(([, epoch]) => epoch),
    };
  });
}

/** What a member is to have. */
export function memberTargeted(group: ConsumerGroup, memberId: string, assignment: Assignment): ConsumerStep {
  const { groupId } = group;
  const value = { topicPartitions: topicPartitionsOf(assignment) };
  return {
    record: newRecord(MemberTargetRecord, { groupId, memberId }, VERSION, value),
    group: { ...group, targetAssignment: group.targetAssignment.with(memberId, assignment) },
  };
}

/** The target assignment of an epoch is complete. */
export function targetComputed(
  group: ConsumerGroup,
  assignmentEpoch: number,
  assignmentTimestampMs: number,
): ConsumerStep {
  const { groupId } = group;
  const value = { assignmentEpoch, assignmentTimestamp: assignmentTimestampMs };
  return {
    record: newRecord(TargetAssignmentRecord, { groupId }, VERSION, value),
    group: { ...group, assignmentEpoch, assignmentTimestampMs },
  };
}

export function epochMoved(group: ConsumerGroup, groupEpoch: number, metadataHash: bigint): ConsumerStep {
  const { groupId } = group;
  return {
    record: newRecord(ConsumerGroupRecord, { groupId }, VERSION, { epoch: groupEpoch, metadataHash }),
    group: { ...group, groupEpoch, metadataHash },
  };
}

export function regexResolved(group: ConsumerGroup, regex: string, resolved: ResolvedRegex): ConsumerStep {
  const { groupId } = group;
  const value = { topics: [...resolved.topics], version: resolved.imageOffset, timestamp: resolved.resolvedMs };
  return {
    record: newRecord(RegularExpressionRecord, { groupId, regularExpression: regex }, VERSION, value),
    group: withRegex(group, regex, resolved),
  };
}

// Ends. They come in this order: what a member has, what it is to have, the member.

export function assignmentGone(group: ConsumerGroup, memberId: string): ConsumerStep {
  const { groupId } = group;
  const before = group.members.get(memberId);
  const record = tombstone(MemberAssignmentRecord, { groupId, memberId });
  if (before === undefined) return { record, group };
  const nothing = { assigned: NOTHING_OWNED, pendingRevocation: NOTHING_OWNED };
  const now = { ...before, memberEpoch: LEAVE_EPOCH, previousMemberEpoch: LEAVE_EPOCH, ...nothing };
  return { record, group: withMember(group, before, now) };
}

export function targetGone(group: ConsumerGroup, memberId: string): ConsumerStep {
  const { groupId } = group;
  return {
    record: tombstone(MemberTargetRecord, { groupId, memberId }),
    group: { ...group, targetAssignment: group.targetAssignment.without(memberId) },
  };
}

export function memberGone(group: ConsumerGroup, memberId: string): ConsumerStep {
  const { groupId } = group;
  const before = group.members.get(memberId);
  return {
    record: tombstone(ConsumerMemberRecord, { groupId, memberId }),
    group: before === undefined ? group : withMember(group, before, undefined),
  };
}

export function regexGone(group: ConsumerGroup, regex: string): ConsumerStep {
  const { groupId } = group;
  return {
    record: tombstone(RegularExpressionRecord, { groupId, regularExpression: regex }),
    group: withRegex(group, regex, undefined),
  };
}

export function partitionMetadataGone(group: ConsumerGroup): ConsumerStep {
  const { groupId } = group;
  return {
    record: tombstone(PartitionMetadataRecord, { groupId }),
    group: { ...group, hasPartitionMetadataRecord: false },
  };
}

export function targetAssignmentGone(group: ConsumerGroup): ConsumerStep {
  const { groupId } = group;
  return {
    record: tombstone(TargetAssignmentRecord, { groupId }),
    group: { ...group, assignmentEpoch: NO_ASSIGNMENT_EPOCH, assignmentTimestampMs: 0 },
  };
}

/** All records of a group that ends, in the order in which Kafka deletes them. */
export function allGone({ groupId, members, resolvedRegexes }: ConsumerGroup): CoordinatorRecord[] {
  const keys = [...members.keys()].map((memberId) => ({ groupId, memberId }));
  return [
    ...keys.map((key) => tombstone(MemberAssignmentRecord, key)),
    ...keys.map((key) => tombstone(MemberTargetRecord, key)),
    tombstone(TargetAssignmentRecord, { groupId }),
    ...keys.map((key) => tombstone(ConsumerMemberRecord, key)),
    ...[...resolvedRegexes.keys()].map((regularExpression) =>
      tombstone(RegularExpressionRecord, { groupId, regularExpression }),
    ),
    tombstone(PartitionMetadataRecord, { groupId }),
    tombstone(ConsumerGroupRecord, { groupId }),
  ];
}
