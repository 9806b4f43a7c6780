/**
 * What happens to a share group, each thing as its record and as what becomes of the group.
 *
 * Owns: that both say the same: replaying the record in another coordinator gives the same group (replay-records.ts), save for
 * the order of topics.
 */
import { type CoordinatorRecord, newRecord, tombstone } from "../../state-machine/coordinator-record.ts";
import { type Assignment, NO_PARTITIONS, topicPartitionsOf } from "../consumer/assignment.ts";
import {
  ShareGroupRecord,
  ShareMemberAssignmentRecord,
  ShareMemberRecord,
  ShareMemberTargetRecord,
  SharePartitionsRecord,
  ShareTargetAssignmentRecord,
} from "../group-record-types.ts";
import type { Step } from "../record-draft.ts";
import { type ShareGroup, withMember } from "./share-group.ts";
import { newShareMember, type ShareMember, STABLE } from "./share-member.ts";
import { type KeptTopics, NO_SHARE_PARTITIONS, type SharePartitions } from "./share-partitions.ts";

export type ShareStep = Step<ShareGroup>;

const VERSION = 0;
/** The epoch of a member that has left. */
const GONE_EPOCH = -1;
/** The target assignment of a group that was deleted. */
const NO_ASSIGNMENT_EPOCH = -1;

/** A member said something new of itself, or is there at all. Of `member` only that counts. */
export function memberSaid(group: ShareGroup, member: ShareMember): ShareStep {
  const { memberId, rackId, clientId, clientHost, subscribedTopicNames } = member;
  const before = group.members.get(memberId);
  const { memberEpoch, previousMemberEpoch, assigned } = before ?? newShareMember(memberId);
  const now = { ...member, memberEpoch, previousMemberEpoch, assigned };
  const value = { rackId, clientId, clientHost, subscribedTopicNames: [...subscribedTopicNames] };
  const { groupId } = group;
  return {
    record: newRecord(ShareMemberRecord, { groupId, memberId }, VERSION, value),
    group: withMember(group, before, now),
  };
}

/** A member has come further. Of `member` only that counts. */
export function memberMoved(group: ShareGroup, member: ShareMember): ShareStep {
  const { memberId, memberEpoch, previousMemberEpoch, assigned } = member;
  const before = group.members.get(memberId);
  const now = { ...(before ?? newShareMember(memberId)), memberEpoch, previousMemberEpoch, assigned };
  const value = { memberEpoch, previousMemberEpoch, state: STABLE, assignedPartitions: topicPartitionsOf(assigned) };
  const { groupId } = group;
  return {
    record: newRecord(ShareMemberAssignmentRecord, { groupId, memberId }, VERSION, value),
    group: withMember(group, before, now),
  };
}

/** What a member is to read. */
export function memberTargeted(group: ShareGroup, memberId: string, assignment: Assignment): ShareStep {
  const { groupId } = group;
  const value = { topicPartitions: topicPartitionsOf(assignment) };
  return {
    record: newRecord(ShareMemberTargetRecord, { groupId, memberId }, VERSION, value),
    group: { ...group, targetAssignment: group.targetAssignment.with(memberId, assignment) },
  };
}

/** The target assignment of an epoch is complete. */
export function targetComputed(group: ShareGroup, assignmentEpoch: number, assignmentTimestampMs: number): ShareStep {
  const { groupId } = group;
  const value = { assignmentEpoch, assignmentTimestamp: assignmentTimestampMs };
  return {
    record: newRecord(ShareTargetAssignmentRecord, { groupId }, VERSION, value),
    group: { ...group, assignmentEpoch, assignmentTimestampMs },
  };
}

export function epochMoved(group: ShareGroup, groupEpoch: number, metadataHash: bigint): ShareStep {
  const { groupId } = group;
  return {
    record: newRecord(ShareGroupRecord, { groupId }, VERSION, { epoch: groupEpoch, metadataHash }),
    group: { ...group, groupEpoch, metadataHash },
  };
}

/** Share partitions have come, gone, or come further. */
export function partitionsKept(group: ShareGroup, sharePartitions: SharePartitions): ShareStep {
  const { groupId } = group;
  const value = {
    initializingTopics: storedTopics(sharePartitions.initializing),
    initializedTopics: storedTopics(sharePartitions.initialized),
    deletingTopics: [...sharePartitions.deleting].map(([topicId, topicName]) => ({ topicId, topicName })),
  };
  return {
    record: newRecord(SharePartitionsRecord, { groupId }, VERSION, value),
    group: { ...group, sharePartitions },
  };
}

function storedTopics(topics: KeptTopics) {
  return [...topics].map(([topicId, { name, partitions }]) => ({
    topicId,
    topicName: name,
    partitions: [...partitions],
  }));
}

// Ends. They come in this order: what a member has, what it is to have, the member.

export function assignmentGone(group: ShareGroup, memberId: string): ShareStep {
  const { groupId } = group;
  const record = tombstone(ShareMemberAssignmentRecord, { groupId, memberId });
  const before = group.members.get(memberId);
  if (before === undefined) return { record, group };
  const epochs = { memberEpoch: GONE_EPOCH, previousMemberEpoch: GONE_EPOCH };
  return { record, group: withMember(group, before, { ...before, ...epochs, assigned: NO_PARTITIONS }) };
}

export function targetGone(group: ShareGroup, memberId: string): ShareStep {
  const { groupId } = group;
  return {
    record: tombstone(ShareMemberTargetRecord, { groupId, memberId }),
    group: { ...group, targetAssignment: group.targetAssignment.without(memberId) },
  };
}

export function memberGone(group: ShareGroup, memberId: string): ShareStep {
  const { groupId } = group;
  const before = group.members.get(memberId);
  return {
    record: tombstone(ShareMemberRecord, { groupId, memberId }),
    group: before === undefined ? group : withMember(group, before, undefined),
  };
}

export function targetAssignmentGone(group: ShareGroup): ShareStep {
  const { groupId } = group;
  return {
    record: tombstone(ShareTargetAssignmentRecord, { groupId }),
    group: { ...group, assignmentEpoch: NO_ASSIGNMENT_EPOCH, assignmentTimestampMs: 0 },
  };
}

export function partitionsGone(group: ShareGroup): ShareStep {
  const { groupId } = group;
  return {
    record: tombstone(SharePartitionsRecord, { groupId }),
    group: { ...group, sharePartitions: NO_SHARE_PARTITIONS },
  };
}

/** All records of a group that ends, in the order in which Kafka deletes them. */
export function allGone({ groupId, members }: ShareGroup): CoordinatorRecord[] {
  const keys = [...members.keys()].map((memberId) => ({ groupId, memberId }));
  return [
    ...keys.map((key) => tombstone(ShareMemberAssignmentRecord, key)),
    ...keys.map((key) => tombstone(ShareMemberTargetRecord, key)),
    tombstone(ShareTargetAssignmentRecord, { groupId }),
    ...keys.map((key) => tombstone(ShareMemberRecord, key)),
    tombstone(SharePartitionsRecord, { groupId }),
    tombstone(ShareGroupRecord, { groupId }),
  ];
}
