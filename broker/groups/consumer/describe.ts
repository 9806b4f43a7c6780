/**
 * A consumer group as ConsumerGroupDescribe and ListGroups tell it.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { ConsumerGroupDescribeResponse } from "../../../protocol/messages/consumer-group.ts";
import type { Encode } from "../../../protocol/schema/message.ts";
import type { MetadataImage } from "../../metadata/metadata-image.ts";
import type { ListedGroup } from "../classic/describe.ts";
import { type Assignment, ascending, withoutEpochs } from "./assignment.ts";
import { type ConsumerGroup, stateOf, targetOf } from "./consumer-group.ts";
import type { ConsumerMember } from "./consumer-member.ts";
import { toldAssignorName } from "./target-assignment.ts";

export type DescribedConsumerGroup = Encode<typeof ConsumerGroupDescribeResponse>["groups"][number];
type DescribedMember = DescribedConsumerGroup["members"][number];

/** MemberType of version 1. */
const CLASSIC_MEMBER = 0;
const CONSUMER_MEMBER = 1;

export function describeConsumerGroup(
  group: ConsumerGroup,
  assignorNames: readonly string[],
  image: MetadataImage,
): DescribedConsumerGroup {
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupId: group.groupId,
    groupState: stateOf(group),
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: toldAssignorName(group, assignorNames),
    members: [...group.members.values()].map((member) => describeMember(group, member, image)),
  };
}

function describeMember(group: ConsumerGroup, member: ConsumerMember, image: MetadataImage): DescribedMember {
  const { assigned, pendingRevocation } = member;
  return {
    memberId: member.memberId,
    instanceId: member.instanceId,
    rackId: member.rackId,
    memberEpoch: member.memberEpoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: [...member.subscribedTopicNames],
    subscribedTopicRegex: member.subscribedTopicRegex,
    // What it has to give up is its own until it has.
    assignment: told(together(withoutEpochs(assigned), withoutEpochs(pendingRevocation)), image),
    targetAssignment: told(targetOf(group, member.memberId), image),
    memberType: member.classic === null ? CONSUMER_MEMBER : CLASSIC_MEMBER,
  };
}

function together(a: Assignment, b: Assignment): Assignment {
  if (b.size === 0) return a;
  const all = new Map(a);
  for (const [topicId, partitions] of b) {
    all.set(topicId, ascending(new Set([...(all.get(topicId) ?? []), ...partitions])));
  }
  return all;
}

/** Topics that are gone have no name. */
function told(assignment: Assignment, image: MetadataImage): DescribedMember["assignment"] {
  const topicPartitions = [...assignment].flatMap(([topicId, partitions]) => {
    const topicName = image.topicsById.get(topicId)?.name;
    return topicName === undefined ? [] : [{ topicId, topicName, partitions: [...partitions] }];
  });
  return { topicPartitions };
}

/** There is no such group, or this broker cannot say. */
export function undescribedConsumerGroup(
  groupId: string,
  errorCode: ErrorCode,
  errorMessage: string | null,
): DescribedConsumerGroup {
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: "",
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: "",
    members: [],
  };
}

export function listConsumerGroup(group: ConsumerGroup): ListedGroup {
  const { groupId } = group;
  return { groupId, protocolType: "consumer", groupState: stateOf(group), groupType: "consumer" };
}
