/**
 * A classic group as DescribeGroups and ListGroups tell it.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { DescribeGroupsResponse, ListGroupsResponse } from "../../../protocol/messages/groups-admin.ts";
import type { Encode } from "../../../protocol/schema/message.ts";
import { type ClassicGroup, metadataOf, NO_ASSIGNMENT } from "./classic-group.ts";

export type DescribedGroup = Encode<typeof DescribeGroupsResponse>["groups"][number];
export type ListedGroup = Encode<typeof ListGroupsResponse>["groups"][number];

/** What members said of themselves is told of a stable group only: before that no protocol is chosen. */
export function describeClassicGroup(group: ClassicGroup): DescribedGroup {
  const stable = group.state === "Stable";
  return {
    errorCode: ErrorCode.NONE,
    groupId: group.groupId,
    groupState: group.state,
    protocolType: group.protocolType ?? "",
    protocolData: stable ? (group.protocolName ?? "") : "",
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: stable ? metadataOf(member, group.protocolName) : NO_ASSIGNMENT,
      memberAssignment: member.assignment,
    })),
  };
}

/** There is no such group, which is told as dead; or this broker cannot say. */
export function undescribed(groupId: string, errorCode: ErrorCode, errorMessage: string | null): DescribedGroup {
  const isKnown = errorCode === ErrorCode.NONE || errorCode === ErrorCode.GROUP_ID_NOT_FOUND;
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: isKnown ? "Dead" : "",
    protocolType: "",
    protocolData: "",
    members: [],
  };
}

export function listClassicGroup(group: ClassicGroup): ListedGroup {
  return {
    groupId: group.groupId,
    protocolType: group.protocolType ?? "",
    groupState: group.state,
    groupType: "classic",
  };
}
