/**
 * JoinGroup: a member enters, comes back, or asks for a new generation.
 *
 * Owns: who may join and as whom; members get their answer when the join phase ends (rebalance.ts), or at once when nothing changes.
 * v4 member ids are asked for first (KIP-394), v5 static members (KIP-345), v9 a leader that need not assign (KIP-814).
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { JoinGroupRequest } from "../../../protocol/messages/classic-group.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import { cutToRecord, fitsRecord } from "../../state-machine/coordinator-record.ts";
import type { Reply } from "../../state-machine/reply.ts";
import type { GroupDecision } from "../group-decision.ts";
import {
  type ClassicGroup,
  type ClassicMember,
  checkMember,
  emptyClassicGroup,
  type JoinResponse,
  type MemberProtocol,
  NO_ASSIGNMENT,
  sameProtocols,
  supportsProtocols,
} from "./classic-group.ts";
import { GroupDraft } from "./group-draft.ts";
import { maybeEndJoinPhase, prepareRebalance, rebalance } from "./rebalance.ts";
import { joinError, joined, memberList } from "./responses.ts";

/** A joining member whose id it does not know cannot send heartbeats: its JoinGroup may be parked this long (KAFKA-9752). */
export const NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60_000;
/** From this version on a dynamic member gets its id first. */
export const MEMBER_ID_REQUIRED_VERSION = 4;
const SKIP_ASSIGNMENT_VERSION = 9;
/**
 * Ids of one group that were given out and have not joined yet; each is kept for a session, which the client chooses.
 * Differs from Kafka: when a classic group has given out 10,000 member ids that nobody has joined with, the next JoinGroup is
 * answered GROUP_MAX_SIZE_REACHED; Kafka knows no limit.
 */
const MAX_PENDING_JOINS = 10_000;
/** What a protocol costs in memory beside its bytes. */
const PROTOCOL_OVERHEAD_BYTES = 64;

/** Who joins, besides what the request says. */
export interface JoiningClient {
  readonly clientId: string;
  readonly clientHost: string;
  readonly apiVersion: number;
  /** The id it is given if it has none. */
  readonly newMemberId: string;
  readonly reply: Reply<JoinResponse>;
}

export interface JoinRules {
  readonly initialRebalanceDelayMs: number;
  readonly maxGroupSize: number;
  /** What one record of the log can hold. */
  readonly maxMemberBytes: number;
}

type JoinRequest = Decode<typeof JoinGroupRequest>;

/** One JoinGroup under decision. */
interface Joining {
  readonly request: JoinRequest;
  readonly client: JoiningClient;
  readonly rules: JoinRules;
}

/** @param group undefined when there is none of that id. @param nowMs wall clock. */
export function decideJoin(
  group: ClassicGroup | undefined,
  request: JoinRequest,
  client: JoiningClient,
  rules: JoinRules,
  nowMs: number,
): GroupDecision<JoinResponse> {
  const { memberId } = request;
  if (group === undefined && memberId !== "") return refuse(ErrorCode.UNKNOWN_MEMBER_ID, memberId);
  const unfit = unfitForRecords(request, rules);
  if (unfit !== ErrorCode.NONE) return refuse(unfit, memberId);
  const known = group ?? emptyClassicGroup(request.groupId, nowMs);
  const joining = { request, client, rules };
  const draft = new GroupDraft(known, nowMs);
  if (!hasRoomFor(known, memberId, rules)) return refuseForLackOfRoom(draft, memberId);
  if (!supportsProtocols(known, request.protocolType, request.protocols)) {
    return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, memberId);
  }
  // A group that is new is written at once, so that its coordinator's successor knows it.
  if (group === undefined) draft.persist();
  return memberId === "" ? joinAsNew(draft, joining) : joinAsKnown(draft, joining);
}

function refuse(code: ErrorCode, memberId: string): GroupDecision<JoinResponse> {
  return { response: joinError(code, memberId) };
}

/**
 * Differs from Kafka: a JoinGroup with names or metadata that no record can hold is refused at once; Kafka lets the member in and
 * fails when the group's leader syncs.
 */
export function unfitForRecords(
  { groupId, groupInstanceId, protocolType, protocols }: JoinRequest,
  rules: Pick<JoinRules, "maxMemberBytes">,
): ErrorCode {
  if (!fitsRecord(groupId)) return ErrorCode.INVALID_GROUP_ID;
  if (groupInstanceId !== null && !fitsRecord(groupInstanceId)) return ErrorCode.INVALID_REQUEST;
  if (!fitsRecord(protocolType) || !protocols.every(({ name }) => fitsRecord(name))) {
    return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
  }
  return sizeOf(protocols) > rules.maxMemberBytes ? ErrorCode.MESSAGE_TOO_LARGE : ErrorCode.NONE;
}

function sizeOf(protocols: readonly MemberProtocol[]): number {
  let size = 0;
  for (const { name, metadata } of protocols) size += name.length + metadata.length + PROTOCOL_OVERHEAD_BYTES;
  return size;
}

/**
 * While members join those count who have: the last to come are turned away, also when the limit was lowered (KAFKA-9844).
 * Otherwise a member of the group is always let in.
 */
function hasRoomFor(group: ClassicGroup, memberId: string, rules: JoinRules): boolean {
  switch (group.state) {
    case "Empty":
      return true;
    case "PreparingRebalance":
      return group.members.get(memberId)?.join !== undefined || group.joinedCount < rules.maxGroupSize;
    default:
      return group.members.has(memberId) || group.members.size < rules.maxGroupSize;
  }
}

function refuseForLackOfRoom(draft: GroupDraft, memberId: string): GroupDecision<JoinResponse> {
  const response = joinError(ErrorCode.GROUP_MAX_SIZE_REACHED);
  if (draft.member(memberId) === undefined && !draft.pendingJoins.has(memberId)) return { response };
  draft.remove(memberId, ErrorCode.GROUP_MAX_SIZE_REACHED);
  // Differs from Kafka: a rebalance does not wait for a member that was turned away with GROUP_MAX_SIZE_REACHED; in Kafka it then
  // ends only when its time is over.
  maybeEndJoinPhase(draft);
  return draft.decide(response);
}

function joinAsNew(draft: GroupDraft, joining: Joining): GroupDecision<JoinResponse> {
  const { request, client } = joining;
  const { groupInstanceId } = request;
  if (groupInstanceId !== null) {
    const oldId = draft.staticMembers.get(groupInstanceId);
    return oldId === undefined ? addMember(draft, client.newMemberId, joining) : replaceMember(draft, oldId, joining);
  }
  if (client.apiVersion < MEMBER_ID_REQUIRED_VERSION) return addMember(draft, client.newMemberId, joining);
  if (draft.pendingJoins.size >= MAX_PENDING_JOINS) return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED, "");
  draft.pendingJoins = draft.pendingJoins.with(client.newMemberId, true);
  draft.restartSessionOf(client.newMemberId, request.sessionTimeoutMs);
  return draft.decide(joinError(ErrorCode.MEMBER_ID_REQUIRED, client.newMemberId));
}

function joinAsKnown(draft: GroupDraft, joining: Joining): GroupDecision<JoinResponse> {
  const { request } = joining;
  const { memberId, groupInstanceId } = request;
  // Only dynamic members are given their ids beforehand.
  if (draft.pendingJoins.has(memberId) && groupInstanceId === null) return addMember(draft, memberId, joining);
  const { group } = draft;
  const error = checkMember(group, memberId, groupInstanceId);
  if (error !== ErrorCode.NONE) return refuse(error, memberId);
  const member = draft.member(memberId) as ClassicMember;
  const unchanged = sameProtocols(member, request.protocols);
  switch (draft.state) {
    case "CompletingRebalance":
      // The first answer may have been lost: the generation stands.
      if (unchanged) return { response: joined(group, memberId) };
      break;
    case "Stable":
      // A leader joins when partitions changed, which no metadata shows; a follower that is as it was has nothing to change.
      if (unchanged && group.leaderId !== memberId) return { response: joined(group, memberId) };
      break;
  }
  draft.update({ ...withRequest(member, request), join: joining.client.reply });
  rebalance(draft, joining.rules.initialRebalanceDelayMs);
  return draft.decide();
}

function withRequest(member: ClassicMember, request: JoinRequest): ClassicMember {
  return {
    ...member,
    protocols: sameProtocols(member, request.protocols) ? member.protocols : request.protocols,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    sessionTimeoutMs: request.sessionTimeoutMs,
  };
}

function addMember(draft: GroupDraft, memberId: string, { request, client, rules }: Joining): GroupDecision<never> {
  const member: ClassicMember = {
    memberId,
    groupInstanceId: request.groupInstanceId,
    clientId: cutToRecord(client.clientId),
    clientHost: client.clientHost,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    sessionTimeoutMs: request.sessionTimeoutMs,
    protocols: request.protocols,
    assignment: NO_ASSIGNMENT,
    isNew: true,
    join: client.reply,
    sync: undefined,
  };
  if (draft.initialRebalance) draft.newMemberAdded = true;
  draft.add(member, request.protocolType);
  draft.restartSession(member, NEW_MEMBER_JOIN_TIMEOUT_MS);
  rebalance(draft, rules.initialRebalanceDelayMs);
  return draft.decide();
}

/** A static member came back without its id: it keeps its assignment, and in a stable group nobody else notices. */
function replaceMember(draft: GroupDraft, oldId: string, joining: Joining): GroupDecision<JoinResponse> {
  const { request, client, rules } = joining;
  const old = draft.member(oldId) as ClassicMember;
  const leaderBefore = draft.leaderId;
  const next = { ...withRequest(old, request), memberId: client.newMemberId, isNew: false, sync: undefined };
  if (draft.state === "Stable") {
    draft.replaceStatic(oldId, { ...next, join: undefined });
    draft.restartSessionOf(next.memberId, next.sessionTimeoutMs);
    if (draft.selectProtocol() === draft.protocolName) {
      draft.persist();
      return draft.decide(rejoined(draft.group, next.memberId, leaderBefore, client.apiVersion));
    }
    draft.update({ ...next, join: client.reply });
  } else {
    draft.replaceStatic(oldId, { ...next, join: client.reply });
    draft.restartSessionOf(next.memberId, next.sessionTimeoutMs);
  }
  if (draft.state === "PreparingRebalance") maybeEndJoinPhase(draft);
  else prepareRebalance(draft, rules.initialRebalanceDelayMs);
  return draft.decide();
}

/**
 * Before version 9 a leader that came back is not told that it leads: it would assign anew, and nobody waits for it. From then
 * on it is told, with the order not to assign.
 */
function rejoined(
  group: ClassicGroup,
  memberId: string,
  leaderBefore: string | null,
  apiVersion: number,
): JoinResponse {
  const response = joined(group, memberId);
  if (apiVersion < SKIP_ASSIGNMENT_VERSION) return { ...response, leader: leaderBefore ?? "", members: [] };
  const leads = group.leaderId === memberId;
  return { ...response, skipAssignment: leads, members: leads ? memberList(group) : [] };
}
