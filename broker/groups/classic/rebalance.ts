/**
 * The phases of a rebalance: members join, a generation begins, the leader assigns.
 *
 * Owns: when a phase begins and ends. Leaves to join.ts, leave.ts, deadlines.ts: what starts it.
 *
 *     Empty -> PreparingRebalance -> CompletingRebalance -> Stable
 *                 (members join)       (the leader assigns)
 *
 * and from each of the last two back to PreparingRebalance, from there to Empty when nobody is left.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { PersistentMap } from "../../state-machine/persistent-map.ts";
import {
  allMembersJoined,
  type ClassicMember,
  metadataOf,
  rebalanceTimeoutMs,
  usesConsumerProtocol,
} from "./classic-group.ts";
import type { GroupDraft } from "./group-draft.ts";
import { joined } from "./responses.ts";
import { subscribedTopics } from "./subscribed-topics.ts";

/** How soon a join phase that nobody joined is looked at again, however little time its members ask for. */
const MIN_JOIN_RETRY_MS = 500;

/** Something changed that needs a new generation: begins to prepare one, or goes on if that is under way. */
export function rebalance(draft: GroupDraft, initialDelayMs: number): void {
  if (draft.state === "PreparingRebalance") maybeEndJoinPhase(draft);
  else prepareRebalance(draft, initialDelayMs);
}

/** Has all members join again. */
export function prepareRebalance(draft: GroupDraft, initialDelayMs: number): void {
  if (draft.state === "CompletingRebalance") draft.refuseSyncs(ErrorCode.REBALANCE_IN_PROGRESS);
  clearPendingSyncs(draft);
  const initial = draft.state === "Empty";
  draft.moveTo("PreparingRebalance");
  const { groupId } = draft;
  const timeoutMs = rebalanceTimeoutMs(draft.group);
  if (initial) {
    // The group is new: gives more members time to come (KIP-134).
    const remainingMs = Math.max(timeoutMs - initialDelayMs, 0);
    draft.limitJoinPhase(initialDelayMs, { kind: "initialJoin", groupId, delayMs: initialDelayMs, remainingMs });
  } else if (allMembersJoined(draft.group)) {
    endJoinPhase(draft);
  } else {
    draft.limitJoinPhase(timeoutMs, { kind: "join", groupId });
  }
}

/** Ends the join phase if nobody is missing; the first one of a group ends by its delay only. */
export function maybeEndJoinPhase(draft: GroupDraft): void {
  if (draft.state !== "PreparingRebalance" || draft.initialRebalance) return;
  if (allMembersJoined(draft.group)) endJoinPhase(draft);
}

/** The next generation: of those who joined, and of static members whether they did or not. */
export function endJoinPhase(draft: GroupDraft): void {
  draft.endJoinPhase();
  for (const member of [...draft.members.values()]) {
    if (member.join === undefined && member.groupInstanceId === null) {
      draft.remove(member.memberId, ErrorCode.UNKNOWN_MEMBER_ID);
    }
  }
  if (draft.members.size === 0) {
    becomeEmpty(draft);
  } else if (electJoinedLeader(draft)) {
    beginGeneration(draft);
  } else {
    // Only static members are left and none has joined: they have until their sessions end.
    const delayMs = Math.max(rebalanceTimeoutMs(draft.group), MIN_JOIN_RETRY_MS);
    draft.limitJoinPhase(delayMs, { kind: "join", groupId: draft.groupId });
  }
}

function becomeEmpty(draft: GroupDraft): void {
  draft.generationId++;
  draft.protocolName = null;
  draft.subscribedTopics = usesConsumerProtocol(draft.group) ? new Set() : null;
  clearPendingSyncs(draft);
  draft.moveTo("Empty");
  draft.persist();
}

/** Leadership stays where it is if the leader joined, else goes to one who did; false when nobody did. */
function electJoinedLeader(draft: GroupDraft): boolean {
  const leader = draft.leaderId === null ? undefined : draft.member(draft.leaderId);
  if (leader?.join !== undefined) return true;
  for (const member of draft.members.values()) {
    if (member.join === undefined) continue;
    draft.leaderId = member.memberId;
    return true;
  }
  return false;
}

function beginGeneration(draft: GroupDraft): void {
  draft.generationId++;
  draft.protocolName = draft.selectProtocol();
  draft.subscribedTopics = usesConsumerProtocol(draft.group) ? subscribedTopics(subscriptions(draft)) : null;
  draft.moveTo("CompletingRebalance");
  const asked: ClassicMember[] = [];
  draft.pendingSyncs = draft.members.map(() => true as const);
  draft.members = draft.members.map((member) => {
    asked.push(member);
    return member.join === undefined && !member.isNew ? member : { ...member, join: undefined, isNew: false };
  });
  draft.joinedCount = 0;
  const { group } = draft;
  // The leader has work to do before the others can go on.
  asked.sort((a, b) => Number(b.memberId === group.leaderId) - Number(a.memberId === group.leaderId));
  for (const member of asked) {
    if (member.join !== undefined) draft.answer(member.join, joined(group, member.memberId));
    draft.restartSession(member);
  }
  draft.limitSyncPhase(rebalanceTimeoutMs(group));
}

function* subscriptions(draft: GroupDraft): IterableIterator<Buffer> {
  for (const member of draft.members.values()) yield metadataOf(member, draft.protocolName);
}

function clearPendingSyncs(draft: GroupDraft): void {
  if (draft.pendingSyncs.size === 0) return;
  draft.pendingSyncs = PersistentMap.empty();
  draft.endSyncPhase();
}
