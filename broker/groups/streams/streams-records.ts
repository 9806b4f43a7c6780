/**
 * What happens to a streams group, each thing as its record and as what becomes of the group.
 *
 * Owns: that both say the same: replaying the record in another coordinator gives the same group (replay-records.ts).
 */
import { type CoordinatorRecord, newRecord, tombstone } from "../../state-machine/coordinator-record.ts";
import type { OwnedPartitions } from "../consumer/assignment.ts";
import { LEAVE_EPOCH } from "../consumer/consumer-member.ts";
import {
  StreamsGroupRecord,
  StreamsMemberAssignmentRecord,
  StreamsMemberRecord,
  StreamsMemberTargetRecord,
  StreamsTargetAssignmentRecord,
  StreamsTopologyRecord,
} from "../group-record-types.ts";
import type { Step } from "../record-draft.ts";
import { type AssignmentConfigs, type StreamsGroup, withMember } from "./streams-group.ts";
import { newStreamsMember, type StreamsMember } from "./streams-member.ts";
import { bySubtopology, NO_OWNED_TASKS, type OwnedTasks, type Tasks, taskIdsOf } from "./tasks.ts";
import type { StreamsTopology } from "./topology/streams-topology.ts";

export type StreamsStep = Step<StreamsGroup>;

const VERSION = 0;
/** The target assignment of a group that was deleted. */
const NO_ASSIGNMENT_EPOCH = -1;

/** A member said something new of itself, or is there at all. Of `member` only that counts. */
export function memberSaid(group: StreamsGroup, member: StreamsMember): StreamsStep {
  const { groupId } = group;
  const { memberId } = member;
  const before = group.members.get(memberId);
  const { memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation } = before ?? newStreamsMember(memberId);
  const now = { ...member, memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation };
  const value = {
    instanceId: member.instanceId,
    rackId: member.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    topologyEpoch: member.topologyEpoch,
    processId: member.processId,
    userEndpoint: member.userEndpoint,
    clientTags: member.clientTags.map((tag) => ({ ...tag })),
  };
  return {
    record: newRecord(StreamsMemberRecord, { groupId, memberId }, VERSION, value),
    group: withMember(group, before, now),
  };
}

/** A member has come further. Of `member` only that counts. */
export function memberMoved(group: StreamsGroup, member: StreamsMember): StreamsStep {
  const { groupId } = group;
  const { memberId, memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation } = member;
  const before = group.members.get(memberId);
  const said = before ?? newStreamsMember(memberId);
  const now = { ...said, memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation };
  const value = {
    memberEpoch,
    previousMemberEpoch,
    state,
    activeTasks: storedActive(assigned.active),
    standbyTasks: storedCopies(assigned.standby),
    warmupTasks: storedCopies(assigned.warmup),
    activeTasksPendingRevocation: storedActive(pendingRevocation.active),
    standbyTasksPendingRevocation: storedCopies(pendingRevocation.standby),
    warmupTasksPendingRevocation: storedCopies(pendingRevocation.warmup),
  };
  return {
    record: newRecord(StreamsMemberAssignmentRecord, { groupId, memberId }, VERSION, value),
    group: withMember(group, before, now),
  };
}

function storedActive(tasks: OwnedPartitions) {
  return bySubtopology(tasks).map(([subtopologyId, epochs]) => {
    const inOrder = [...epochs].sort(([a], [b]) => a - b);
    return {
      subtopologyId,
      partitions: inOrder.map(([partition]) => partition),
      assignmentEpochs: inOrder.map(([, epoch]) => epoch),
    };
  });
}

function storedCopies(tasks: OwnedTasks["standby"]) {
  return taskIdsOf(tasks).map((ids) => ({ ...ids, assignmentEpochs: null }));
}

/** What a member is to have. */
export function memberTargeted(group: StreamsGroup, memberId: string, target: Tasks): StreamsStep {
  const { groupId } = group;
  const value = {
    activeTasks: taskIdsOf(target.active),
    standbyTasks: taskIdsOf(target.standby),
    warmupTasks: taskIdsOf(target.warmup),
  };
  return {
    record: newRecord(StreamsMemberTargetRecord, { groupId, memberId }, VERSION, value),
    group: { ...group, targetAssignment: group.targetAssignment.with(memberId, target) },
  };
}

/** The target assignment of an epoch is complete. */
export function targetComputed(
  group: StreamsGroup,
  assignmentEpoch: number,
  assignmentTimestampMs: number,
): StreamsStep {
  const { groupId } = group;
  const value = { assignmentEpoch, assignmentTimestamp: assignmentTimestampMs };
  return {
    record: newRecord(StreamsTargetAssignmentRecord, { groupId }, VERSION, value),
    group: { ...group, assignmentEpoch, assignmentTimestampMs },
  };
}

/** What goes with an epoch of a group. */
export interface GroupFacts {
  readonly groupEpoch: number;
  readonly metadataHash: bigint;
  readonly validatedTopologyEpoch: number;
  readonly assignmentConfigs: AssignmentConfigs;
}

export function epochMoved(group: StreamsGroup, facts: GroupFacts): StreamsStep {
  const { groupId } = group;
  const { groupEpoch, metadataHash, validatedTopologyEpoch, assignmentConfigs } = facts;
  const lastAssignmentConfigs = [...assignmentConfigs].map(([key, value]) => ({ key, value }));
  return {
    record: newRecord(StreamsGroupRecord, { groupId }, VERSION, {
      epoch: groupEpoch,
      metadataHash,
      validatedTopologyEpoch,
      lastAssignmentConfigs,
    }),
    group: { ...group, groupEpoch, metadataHash, validatedTopologyEpoch, assignmentConfigs },
  };
}

export function topologySet(group: StreamsGroup, topology: StreamsTopology): StreamsStep {
  const { groupId } = group;
  return {
    record: newRecord(StreamsTopologyRecord, { groupId }, VERSION, topology.stored),
    group: { ...group, topology },
  };
}

// Ends. They come in this order: what a member has, what it is to have, the member.

export function assignmentGone(group: StreamsGroup, memberId: string): StreamsStep {
  const { groupId } = group;
  const before = group.members.get(memberId);
  const record = tombstone(StreamsMemberAssignmentRecord, { groupId, memberId });
  if (before === undefined) return { record, group };
  const nothing = { assigned: NO_OWNED_TASKS, pendingRevocation: NO_OWNED_TASKS };
  const now = { ...before, memberEpoch: LEAVE_EPOCH, previousMemberEpoch: LEAVE_EPOCH, ...nothing };
  return { record, group: withMember(group, before, now) };
}

export function targetGone(group: StreamsGroup, memberId: string): StreamsStep {
  const { groupId } = group;
  return {
    record: tombstone(StreamsMemberTargetRecord, { groupId, memberId }),
    group: { ...group, targetAssignment: group.targetAssignment.without(memberId) },
  };
}

export function memberGone(group: StreamsGroup, memberId: string): StreamsStep {
  const { groupId } = group;
  const before = group.members.get(memberId);
  return {
    record: tombstone(StreamsMemberRecord, { groupId, memberId }),
    group: before === undefined ? group : withMember(group, before, undefined),
  };
}

export function targetAssignmentGone(group: StreamsGroup): StreamsStep {
  const { groupId } = group;
  return {
    record: tombstone(StreamsTargetAssignmentRecord, { groupId }),
    group: { ...group, assignmentEpoch: NO_ASSIGNMENT_EPOCH, assignmentTimestampMs: 0 },
  };
}

export function topologyGone(group: StreamsGroup): StreamsStep {
  const { groupId } = group;
  return {
    record: tombstone(StreamsTopologyRecord, { groupId }),
    group: { ...group, topology: undefined, configured: undefined },
  };
}

/** All records of a group that ends, in the order in which Kafka deletes them. */
export function allGone({ groupId, members }: StreamsGroup): CoordinatorRecord[] {
  const keys = [...members.keys()].map((memberId) => ({ groupId, memberId }));
  return [
    ...keys.map((key) => tombstone(StreamsMemberAssignmentRecord, key)),
    ...keys.map((key) => tombstone(StreamsMemberTargetRecord, key)),
    tombstone(StreamsTargetAssignmentRecord, { groupId }),
    ...keys.map((key) => tombstone(StreamsMemberRecord, key)),
    tombstone(StreamsGroupRecord, { groupId }),
    tombstone(StreamsTopologyRecord, { groupId }),
  ];
}
