/**
 * A streams group as StreamsGroupDescribe and ListGroups tell it.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { StreamsGroupDescribeResponse } from "../../../protocol/messages/streams-group.ts";
import type { Encode } from "../../../protocol/schema/message.ts";
import type { ListedGroup } from "../classic/describe.ts";
import { type StreamsGroup, stateOf, targetOf } from "./streams-group.ts";
import type { StreamsMember } from "./streams-member.ts";
import { type Tasks, taskIdsOf, tasksIn } from "./tasks.ts";
import type { InternalTopicPlan } from "./topology/configured-topology.ts";
import type { TopicInfo } from "./topology/streams-topology.ts";

export type DescribedStreamsGroup = Encode<typeof StreamsGroupDescribeResponse>["groups"][number];
type DescribedTopology = NonNullable<DescribedStreamsGroup["topology"]>;
type DescribedTopic = NonNullable<DescribedTopology["subtopologies"]>[number]["stateChangelogTopics"][number];
type DescribedMember = DescribedStreamsGroup["members"][number];

export function describeStreamsGroup(group: StreamsGroup): DescribedStreamsGroup {
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupId: group.groupId,
    groupState: stateOf(group),
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    topology: describeTopology(group),
    members: [...group.members.values()].map((member) => describeMember(member, targetOf(group, member.memberId))),
  };
}

/** With the partitions its topics have, once all are there; before that as its members said it. */
function describeTopology({ topology, configured }: StreamsGroup): DescribedTopology | null {
  if (configured?.problem === undefined && configured?.subtopologies !== undefined) {
    const subtopologies = [...configured.subtopologies].map(([subtopologyId, each]) => ({
      subtopologyId,
      sourceTopics: [...each.sourceTopics],
      repartitionSinkTopics: [...each.repartitionSinkTopics],
      stateChangelogTopics: each.stateChangelogTopics.map(plannedTopic),
      repartitionSourceTopics: each.repartitionSourceTopics.map(plannedTopic),
    }));
    return { epoch: configured.epoch, subtopologies };
  }
  if (topology === undefined) return null;
  const subtopologies = topology.subtopologies.map((each) => ({
    subtopologyId: each.subtopologyId,
    sourceTopics: [...each.sourceTopics].sort(),
    repartitionSinkTopics: [...each.repartitionSinkTopics].sort(),
    stateChangelogTopics: saidTopics(each.stateChangelogTopics),
    repartitionSourceTopics: saidTopics(each.repartitionSourceTopics),
  }));
  return { epoch: topology.epoch, subtopologies };
}

function plannedTopic({ name, partitionCount, replicationFactor, configs }: InternalTopicPlan): DescribedTopic {
  return { name, partitions: partitionCount, replicationFactor, topicConfigs: configs };
}

function saidTopics(topics: readonly TopicInfo[]): DescribedTopic[] {
  return [...topics].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function describeMember(member: StreamsMember, target: Tasks): DescribedMember {
  return {
    memberId: member.memberId,
    memberEpoch: member.memberEpoch,
    instanceId: member.instanceId,
    rackId: member.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    topologyEpoch: member.topologyEpoch,
    processId: member.processId,
    userEndpoint: member.userEndpoint,
    clientTags: [...member.clientTags],
    taskOffsets: [],
    taskEndOffsets: [],
    assignment: told(tasksIn(member.assigned)),
    targetAssignment: told(target),
    isClassic: false,
  };
}

function told({ active, standby, warmup }: Tasks): DescribedMember["assignment"] {
  return { activeTasks: taskIdsOf(active), standbyTasks: taskIdsOf(standby), warmupTasks: taskIdsOf(warmup) };
}

/** There is no such group, or this broker cannot say. */
export function undescribedStreamsGroup(
  groupId: string,
  errorCode: ErrorCode,
  errorMessage: string | null,
): DescribedStreamsGroup {
  const nothing = { groupState: "", groupEpoch: 0, assignmentEpoch: 0, topology: null, members: [] };
  return { errorCode, errorMessage, groupId, ...nothing };
}

export function listStreamsGroup(group: StreamsGroup): ListedGroup {
  const { groupId } = group;
  return { groupId, protocolType: "streams", groupState: stateOf(group), groupType: "streams" };
}
