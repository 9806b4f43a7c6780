/**
 * SyncGroup: the leader hands in who gets what, and everyone learns its own part.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { SyncGroupRequest } from "../../../protocol/messages/classic-group.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import { coordinatorError } from "../../state-machine/coordinator-error.ts";
import type { Reply } from "../../state-machine/reply.ts";
import type { GroupDecision } from "../group-decision.ts";
import {
  type ClassicGroup,
  type ClassicMember,
  checkMember,
  NO_ASSIGNMENT,
  type SyncResponse,
} from "./classic-group.ts";
import { GroupDraft } from "./group-draft.ts";
import { prepareRebalance } from "./rebalance.ts";
import { syncError, synced } from "./responses.ts";

type SyncRequest = Decode<typeof SyncGroupRequest>;

export function decideSync(
  group: ClassicGroup | undefined,
  request: SyncRequest,
  reply: Reply<SyncResponse>,
  nowMs: number,
): GroupDecision<SyncResponse> {
  if (group === undefined || group.state === "Empty") return { response: syncError(ErrorCode.UNKNOWN_MEMBER_ID) };
  const error = check(group, request);
  if (error !== ErrorCode.NONE) return { response: syncError(error) };
  const member = group.members.get(request.memberId) as ClassicMember;
  const draft = new GroupDraft(group, nowMs);
  draft.synced(member.memberId);
  if (group.state === "Stable") {
    const response = synced(group, member);
    return group.pendingSyncs.size === 0 ? { response } : draft.decide(response);
  }
  draft.update({ ...member, sync: reply });
  if (group.leaderId !== member.memberId) return draft.decide();
  const waiting = draft.group;
  assign(draft, request);
  return { ...draft.decide(), ifRefused: (code) => assignmentRefused(waiting, coordinatorError(code), nowMs) };
}

/**
 * The assignment could not be stored: everyone who waits for it is told so, and joins again. Who has synced has done its part: were
 * the generation to wait on, its leader would be put out for not having synced in time while it tried all along.
 */
function assignmentRefused(waiting: ClassicGroup, code: ErrorCode, nowMs: number): GroupDecision<never> {
  const draft = new GroupDraft(waiting, nowMs);
  draft.refuseSyncs(code);
  // Not the first rebalance of the group: there is no delay.
  prepareRebalance(draft, 0);
  return draft.decide();
}

function check(group: ClassicGroup, request: SyncRequest): ErrorCode {
  const error = checkMember(group, request.memberId, request.groupInstanceId);
  if (error !== ErrorCode.NONE) return error;
  if (request.generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
  if (differs(request.protocolType, group.protocolType) || differs(request.protocolName, group.protocolName)) {
    return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
  }
  return group.state === "PreparingRebalance" ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}

function differs(said: string | null, known: string | null): boolean {
  return said !== null && known !== null && said !== known;
}

/** Who is not named gets nothing; strangers are ignored. Everyone who waits is answered once the record is committed. */
function assign(draft: GroupDraft, request: SyncRequest): void {
  const assignments = new Map(request.assignments.map(({ memberId, assignment }) => [memberId, assignment]));
  const asking: ClassicMember[] = [];
  draft.members = draft.members.map((member) => {
    const assigned = { ...member, assignment: assignments.get(member.memberId) ?? NO_ASSIGNMENT, sync: undefined };
    if (member.sync !== undefined) asking.push({ ...assigned, sync: member.sync });
    return assigned;
  });
  const completedMs = draft.stateTimestampMs;
  draft.moveTo("Stable");
  // As Kafka writes it: with the time at which the generation began.
  draft.persist(completedMs);
  const { group } = draft;
  for (const member of asking) {
    draft.answer(member.sync as Reply<SyncResponse>, synced(group, member));
    draft.restartSession(member);
  }
}
