/**
 * Heartbeat: a member is alive, and learns whether it has to join again.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { HeartbeatRequest, HeartbeatResponse } from "../../../protocol/messages/classic-group.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import type { GroupDecision } from "../group-decision.ts";
import { type ClassicGroup, type ClassicMember, checkMember } from "./classic-group.ts";
import { sessionKey } from "./deadline-keys.ts";

type Response = Encode<typeof HeartbeatResponse>;

export function decideHeartbeat(
  group: ClassicGroup | undefined,
  request: Decode<typeof HeartbeatRequest>,
): GroupDecision<Response> {
  if (group === undefined) return { response: { errorCode: ErrorCode.UNKNOWN_MEMBER_ID } };
  const error = checkMember(group, request.memberId, request.groupInstanceId);
  if (error !== ErrorCode.NONE) return { response: { errorCode: error } };
  if (request.generationId !== group.generationId) return { response: { errorCode: ErrorCode.ILLEGAL_GENERATION } };
  const rebalancing = group.state === "PreparingRebalance";
  return {
    response: { errorCode: rebalancing ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE },
    timers: [sessionOf(group, group.members.get(request.memberId) as ClassicMember)],
  };
}

/** The member has been heard of: its session starts anew. */
export function sessionOf(group: ClassicGroup, member: ClassicMember) {
  const { groupId } = group;
  const { memberId, sessionTimeoutMs } = member;
  const event = { kind: "session", groupId, memberId } as const;
  return { key: sessionKey(groupId, memberId), delayMs: sessionTimeoutMs, event, liveness: true };
}
