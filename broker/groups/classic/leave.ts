/**
 * LeaveGroup: members leave, one or several at once; an administrator removes a static one by its instance id (KIP-345).
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { GroupDecision } from "../group-decision.ts";
import { type ClassicGroup, checkMember } from "./classic-group.ts";
import { GroupDraft } from "./group-draft.ts";
import { rebalance } from "./rebalance.ts";

export interface LeavingMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

export interface LeaveResult extends LeavingMember {
  readonly errorCode: ErrorCode;
}

/** Each member leaves or not by itself; what follows from it follows once. */
export function decideLeave(
  group: ClassicGroup | undefined,
  members: readonly LeavingMember[],
  initialRebalanceDelayMs: number,
  nowMs: number,
): GroupDecision<LeaveResult[]> {
  if (group === undefined) {
    return { response: members.map((member) => ({ ...identity(member), errorCode: ErrorCode.UNKNOWN_MEMBER_ID })) };
  }
  const draft = new GroupDraft(group, nowMs);
  const results = members.map((member) => ({ ...identity(member), errorCode: leave(draft, member) }));
  if (!results.some((result) => result.errorCode === ErrorCode.NONE)) return { response: results };
  if (draft.state !== "Empty") rebalance(draft, initialRebalanceDelayMs);
  return draft.decide(results);
}

/**
 * A new member's connection went before it was told its id: it will never know it, and comes as another.
 * Differs from Kafka: a member of a classic group whose connection breaks before it was told its id is removed at once; in Kafka
 * it takes part in rebalances until its session, or five minutes, are over.
 */
export function decideAbandonedJoin(
  group: ClassicGroup | undefined,
  memberId: string,
  initialRebalanceDelayMs: number,
  nowMs: number,
): GroupDecision<never> {
  if (group?.members.get(memberId)?.isNew !== true) return {};
  const draft = new GroupDraft(group, nowMs);
  draft.remove(memberId, ErrorCode.UNKNOWN_MEMBER_ID);
  rebalance(draft, initialRebalanceDelayMs);
  return draft.decide();
}

function identity({ memberId, groupInstanceId }: LeavingMember): LeavingMember {
  return { memberId, groupInstanceId };
}

function leave(draft: GroupDraft, { memberId, groupInstanceId }: LeavingMember): ErrorCode {
  const named = memberId === "" && groupInstanceId !== null ? draft.staticMembers.get(groupInstanceId) : memberId;
  if (named === undefined || named === "") return ErrorCode.UNKNOWN_MEMBER_ID;
  if (memberId !== "" && !draft.pendingJoins.has(memberId)) {
    const error = checkMember(draft.group, memberId, groupInstanceId);
    if (error !== ErrorCode.NONE) return error;
  }
  draft.remove(named, ErrorCode.UNKNOWN_MEMBER_ID);
  return ErrorCode.NONE;
}
