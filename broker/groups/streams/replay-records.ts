/**
 * What records of a log make of a streams group.
 *
 * Records may be missing (compaction takes what was replaced or deleted) and may come in any order that leaves, so nothing is
 * taken for granted: a record that is about nothing we know changes nothing.
 */
import type {
  StreamsGroupCurrentMemberAssignmentValue,
  StreamsGroupMemberMetadataValue,
  StreamsGroupMetadataValue,
  StreamsGroupTargetAssignmentMemberValue,
  StreamsGroupTargetAssignmentMetadataValue,
  StreamsGroupTopologyValue,
} from "../../../protocol/messages/streams-group-records.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import type { StoredRecord } from "../../state-machine/coordinator-record.ts";
import type { SharedText } from "../consumer/replay-records.ts";
import {
  StreamsGroupRecord,
  StreamsMemberAssignmentRecord,
  StreamsMemberRecord,
  StreamsMemberTargetRecord,
  StreamsTargetAssignmentRecord,
  StreamsTopologyRecord,
} from "../group-record-types.ts";
import { emptyStreamsGroup, type StreamsGroup, withMember } from "./streams-group.ts";
import { MemberState, newStreamsMember, tagsOf } from "./streams-member.ts";
import {
  assignmentGone,
  epochMoved,
  memberGone,
  memberTargeted,
  targetAssignmentGone,
  targetComputed,
  targetGone,
  topologyGone,
} from "./streams-records.ts";
import { type OwnedTasks, taskSetOf } from "./tasks.ts";
import { streamsTopology } from "./topology/streams-topology.ts";

type StoredAssignment = Decode<typeof StreamsGroupCurrentMemberAssignmentValue>;
type StoredMember = Decode<typeof StreamsGroupMemberMetadataValue>;
type StoredTarget = Decode<typeof StreamsGroupTargetAssignmentMemberValue>;

const STREAMS_RECORD_TYPES: ReadonlySet<number> = new Set(
  [
    StreamsGroupRecord,
    StreamsMemberRecord,
    StreamsTargetAssignmentRecord,
    StreamsMemberTargetRecord,
    StreamsMemberAssignmentRecord,
    StreamsTopologyRecord,
  ].map(({ id }) => id),
);

export function isStreamsRecord({ type }: Pick<StoredRecord, "type">): boolean {
  return STREAMS_RECORD_TYPES.has(type.id);
}

/** The group after a record; undefined when there is none any more. @param known undefined when there was none. */
export function replayStreamsRecord(
  known: StreamsGroup | undefined,
  { type, key, value }: StoredRecord,
  shared: SharedText,
): StreamsGroup | undefined {
  if (value === null) return known === undefined ? undefined : replayTombstone(known, type.id, key);
  const group = known ?? emptyStreamsGroup((key as { groupId: string }).groupId);
  switch (type.id) {
    case StreamsGroupRecord.id: {
      const stored = value as Decode<typeof StreamsGroupMetadataValue>;
      const { epoch: groupEpoch, metadataHash, validatedTopologyEpoch, lastAssignmentConfigs } = stored;
      const assignmentConfigs = new Map((lastAssignmentConfigs ?? []).map((each) => [each.key, each.value]));
      return epochMoved(group, { groupEpoch, metadataHash, validatedTopologyEpoch, assignmentConfigs }).group;
    }
    case StreamsMemberRecord.id:
      return replayMember(group, memberIdOf(key), value as StoredMember);
    case StreamsTargetAssignmentRecord.id: {
      const stored = value as Decode<typeof StreamsGroupTargetAssignmentMetadataValue>;
      return targetComputed(group, stored.assignmentEpoch, stored.assignmentTimestamp).group;
    }
    case StreamsMemberTargetRecord.id: {
      const { activeTasks, standbyTasks, warmupTasks } = value as StoredTarget;
      const [active, standby, warmup] = [taskSetOf(activeTasks), taskSetOf(standbyTasks), taskSetOf(warmupTasks)];
      return memberTargeted(group, memberIdOf(key), { active, standby, warmup }).group;
    }
    case StreamsMemberAssignmentRecord.id:
      return replayAssignment(group, memberIdOf(key), value as StoredAssignment, shared);
    case StreamsTopologyRecord.id: {
      const topology = streamsTopology(value as Decode<typeof StreamsGroupTopologyValue>);
      return { ...group, topology, configured: undefined };
    }
    default:
      return known;
  }
}

function replayTombstone(group: StreamsGroup, typeId: number, key: object): StreamsGroup | undefined {
  switch (typeId) {
    case StreamsGroupRecord.id:
      return undefined;
    case StreamsMemberRecord.id:
      return memberGone(group, memberIdOf(key)).group;
    case StreamsTargetAssignmentRecord.id:
      return targetAssignmentGone(group).group;
    case StreamsMemberTargetRecord.id:
      return targetGone(group, memberIdOf(key)).group;
    case StreamsMemberAssignmentRecord.id:
      return assignmentGone(group, memberIdOf(key)).group;
    case StreamsTopologyRecord.id:
      return topologyGone(group).group;
    default:
      return group;
  }
}

function memberIdOf(key: object): string {
  return (key as { memberId: string }).memberId;
}

function replayMember(group: StreamsGroup, memberId: string, stored: StoredMember): StreamsGroup {
  const before = group.members.get(memberId);
  const clientTags = tagsOf(stored.clientTags);
  return withMember(group, before, { ...(before ?? newStreamsMember(memberId)), ...stored, clientTags });
}

function replayAssignment(
  group: StreamsGroup,
  memberId: string,
  stored: StoredAssignment,
  shared: SharedText,
): StreamsGroup {
  const before = group.members.get(memberId);
  const { memberEpoch, previousMemberEpoch } = stored;
  return withMember(group, before, {
    ...(before ?? newStreamsMember(memberId)),
    memberEpoch,
    previousMemberEpoch,
    state: Object.values(MemberState).find((state) => state === stored.state) ?? MemberState.UNKNOWN,
    assigned: {
      active: activeOf(stored.activeTasks, memberEpoch, shared),
      standby: taskSetOf(stored.standbyTasks),
      warmup: taskSetOf(stored.warmupTasks),
    },
    pendingRevocation: {
      active: activeOf(stored.activeTasksPendingRevocation, memberEpoch, shared),
      standby: taskSetOf(stored.standbyTasksPendingRevocation),
      warmup: taskSetOf(stored.warmupTasksPendingRevocation),
    },
  });
}

/** Records of before 4.3 do not say since when: since the member's epoch, then. */
function activeOf(
  stored: StoredAssignment["activeTasks"],
  memberEpoch: number,
  shared: SharedText,
): OwnedTasks["active"] {
  return new Map(
    stored.map(({ subtopologyId, partitions, assignmentEpochs }) => {
      const epochs = assignmentEpochs?.length === partitions.length ? assignmentEpochs : undefined;
      return [
        shared(subtopologyId),
        new Map(partitions.map((partition, index) => [partition, epochs?.[index] ?? memberEpoch])),
      ];
    }),
  );
}
