/**
 * What the passing of time makes of a group.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { GroupDecision } from "../group-decision.ts";
import { allMembersJoined, type ClassicGroup } from "./classic-group.ts";
import type { ClassicDeadline } from "./deadline-keys.ts";
import { GroupDraft } from "./group-draft.ts";
import { endJoinPhase, prepareRebalance } from "./rebalance.ts";

const NOTHING: GroupDecision<never> = {};

export function decideDeadline(
  group: ClassicGroup | undefined,
  deadline: ClassicDeadline,
  initialRebalanceDelayMs: number,
  nowMs: number,
): GroupDecision<never> {
  if (group === undefined) return NOTHING;
  const draft = new GroupDraft(group, nowMs);
  switch (deadline.kind) {
    case "session":
      return sessionEnded(draft, deadline.memberId, initialRebalanceDelayMs);
    case "join":
      if (group.state !== "PreparingRebalance") return NOTHING;
      endJoinPhase(draft);
      return draft.decide();
    case "initialJoin":
      if (group.state !== "PreparingRebalance") return NOTHING;
      return initialDelayEnded(draft, deadline, initialRebalanceDelayMs);
    case "sync":
      return syncTimeEnded(draft, deadline.generationId, initialRebalanceDelayMs);
  }
}

/** Nothing was heard of the member. One whose request is parked here is not expected to say anything. */
function sessionEnded(draft: GroupDraft, memberId: string, initialDelayMs: number): GroupDecision<never> {
  const member = draft.member(memberId);
  const pending = draft.pendingJoins.has(memberId);
  if (member === undefined && !pending) return NOTHING;
  if (member !== undefined && !member.isNew && (member.join !== undefined || member.sync !== undefined)) return NOTHING;
  draft.remove(memberId, ErrorCode.UNKNOWN_MEMBER_ID);
  if (draft.state === "PreparingRebalance") {
    if (allMembersJoined(draft.group)) endJoinPhase(draft);
  } else if (draft.state !== "Empty" && !pending) {
    prepareRebalance(draft, initialDelayMs);
  }
  return draft.decide();
}

/** Somebody came while the group waited for its first members: it waits on, as long as a rebalance may take in all. */
function initialDelayEnded(
  draft: GroupDraft,
  { groupId, delayMs, remainingMs }: Extract<ClassicDeadline, { kind: "initialJoin" }>,
  initialDelayMs: number,
): GroupDecision<never> {
  if (!draft.newMemberAdded || remainingMs === 0) {
    endJoinPhase(draft);
    return draft.decide();
  }
  draft.newMemberAdded = false;
  const nextDelayMs = Math.min(initialDelayMs, remainingMs);
  draft.limitJoinPhase(nextDelayMs, {
    kind: "initialJoin",
    groupId,
    delayMs: nextDelayMs,
    remainingMs: Math.max(remainingMs - delayMs, 0),
  });
  return draft.decide();
}

/** Members that joined the generation and never synced are gone (KAFKA-12890). */
function syncTimeEnded(draft: GroupDraft, generationId: number, initialDelayMs: number): GroupDecision<never> {
  const waits = draft.state === "CompletingRebalance" || draft.state === "Stable";
  if (!waits || generationId !== draft.generationId || draft.pendingSyncs.size === 0) return NOTHING;
  for (const memberId of [...draft.pendingSyncs.keys()]) draft.remove(memberId, ErrorCode.UNKNOWN_MEMBER_ID);
  prepareRebalance(draft, initialDelayMs);
  return draft.decide();
}
