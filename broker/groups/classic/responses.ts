/**
 * Answers of the classic protocol, as they are before a version drops what it does not carry.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import {
  type ClassicGroup,
  type ClassicMember,
  type JoinResponse,
  metadataOf,
  NO_ASSIGNMENT,
  type SyncResponse,
} from "./classic-group.ts";

export function joinError(errorCode: ErrorCode, memberId = ""): JoinResponse {
  return {
    errorCode,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: "",
    skipAssignment: false,
    memberId,
    members: [],
  };
}

/** A member learns of the present generation; only its leader learns who else is in it. */
export function joined(group: ClassicGroup, memberId: string): JoinResponse {
  return {
    errorCode: ErrorCode.NONE,
    generationId: group.generationId,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leaderId ?? "",
    skipAssignment: false,
    memberId,
    members: group.leaderId === memberId ? memberList(group) : [],
  };
}

export function memberList(group: ClassicGroup): JoinResponse["members"] {
  return [...group.members.values()].map((member) => ({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    metadata: metadataOf(member, group.protocolName),
  }));
}

export function syncError(errorCode: ErrorCode): SyncResponse {
  return { errorCode, protocolType: null, protocolName: null, assignment: NO_ASSIGNMENT };
}

export function synced(group: ClassicGroup, member: ClassicMember): SyncResponse {
  return {
    errorCode: ErrorCode.NONE,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    assignment: member.assignment,
  };
}
