/**
 * A share group as ShareGroupDescribe and ListGroups tell it.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { ShareGroupDescribeResponse } from "../../../protocol/messages/share-group.ts";
import type { Encode } from "../../../protocol/schema/message.ts";
import type { MetadataImage } from "../../metadata/metadata-image.ts";
import type { ListedGroup } from "../classic/describe.ts";
import { type ShareGroup, stateOf } from "./share-group.ts";
import type { ShareMember } from "./share-member.ts";

export type DescribedShareGroup = Encode<typeof ShareGroupDescribeResponse>["groups"][number];

const ASSIGNOR_NAME = "simple";

export function describeShareGroup(group: ShareGroup, image: MetadataImage): DescribedShareGroup {
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupId: group.groupId,
    groupState: stateOf(group),
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: ASSIGNOR_NAME,
    members: [...group.members.values()].map((member) => describeMember(member, image)),
  };
}

function describeMember(member: ShareMember, image: MetadataImage): DescribedShareGroup["members"][number] {
  const { memberId, rackId, memberEpoch, clientId, clientHost, subscribedTopicNames, assigned } = member;
  // Topics that are gone have no name.
  const topicPartitions = [...assigned].flatMap(([topicId, partitions]) => {
    const topicName = image.topicsById.get(topicId)?.name;
    return topicName === undefined ? [] : [{ topicId, topicName, partitions: [...partitions] }];
  });
  return {
    ...{ memberId, rackId, memberEpoch, clientId, clientHost },
    subscribedTopicNames: [...subscribedTopicNames],
    assignment: { topicPartitions },
  };
}

/** There is no such group, or this broker cannot say. */
export function undescribedShareGroup(
  groupId: string,
  errorCode: ErrorCode,
  errorMessage: string | null,
): DescribedShareGroup {
  const nothing = { groupState: "", groupEpoch: 0, assignmentEpoch: 0, assignorName: "", members: [] };
  return { errorCode, errorMessage, groupId, ...nothing };
}

export function listShareGroup(group: ShareGroup): ListedGroup {
  const { groupId } = group;
  return { groupId, protocolType: "share", groupState: stateOf(group), groupType: "share" };
}
