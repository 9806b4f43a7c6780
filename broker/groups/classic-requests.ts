/**
 * Requests of the classic protocol, on whichever kind of group they come: a consumer group serves classic members too, and an
 * empty group becomes what the next member makes of it (KIP-848).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type {
  HeartbeatRequest,
  HeartbeatResponse,
  JoinGroupRequest,
  SyncGroupRequest,
} from "../../protocol/messages/classic-group.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import type { Reply } from "../state-machine/reply.ts";
import type { ClassicGroup, JoinResponse, SyncResponse } from "./classic/classic-group.ts";
import { decideHeartbeat } from "./classic/heartbeat.ts";
import { decideJoin, type JoiningClient, unfitForRecords } from "./classic/join.ts";
import { decideAbandonedJoin, decideLeave, type LeaveResult, type LeavingMember } from "./classic/leave.ts";
import { joinError, syncError } from "./classic/responses.ts";
import { decideSync } from "./classic/sync.ts";
import { decideHeartbeatConsumer, decideJoinConsumer, decideSyncConsumer } from "./consumer/classic-members.ts";
import { decideLeaveConsumer } from "./consumer/leave.ts";
import { type Group, isEmpty, kindOf } from "./group.ts";
import type { GroupDecision } from "./group-decision.ts";
import type { GroupMachine } from "./group-machine.ts";

export interface AnyJoiningClient extends JoiningClient {
  /** The id it is given in a consumer group. */
  readonly newConsumerMemberId: string;
}

export function joinGroup(
  machine: GroupMachine,
  request: Decode<typeof JoinGroupRequest>,
  client: AnyJoiningClient,
): GroupDecision<JoinResponse> {
  const { groupId, memberId } = request;
  const { initialRebalanceDelayMs, maxGroupSize } = machine.settings;
  const rules = { initialRebalanceDelayMs, maxGroupSize, maxMemberBytes: machine.maxBatchBytes };
  const group = machine.groups.get(groupId);
  if (group === undefined || group.type === "classic") return decideJoin(group, request, client, rules, machine.nowMs);
  // A share group becomes nothing else.
  if (group.type === "share") return { response: joinError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, memberId) };
  if (isEmpty(group)) {
    const decision = decideJoin(undefined, request, client, rules, machine.nowMs);
    if (decision.records === undefined) return decision;
    return { ...decision, records: [...kindOf(group).tombstones(group), ...decision.records] };
  }
  if (group.type !== "consumer") return { response: joinError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, "") };
  const unfit = unfitForRecords(request, rules);
  if (unfit !== ErrorCode.NONE) return { response: joinError(unfit, memberId) };
  const joining = { ...client, newMemberId: client.newConsumerMemberId };
  return orRefused(
    () => decideJoinConsumer(group, request, joining, machine.consumerRules(groupId)),
    (code) => joinError(code, memberId),
  );
}

export function syncGroup(
  machine: GroupMachine,
  request: Decode<typeof SyncGroupRequest>,
  reply: Reply<SyncResponse>,
): GroupDecision<SyncResponse> {
  const { groupId } = request;
  const group = machine.groups.get(groupId);
  if (group?.type !== "consumer") return decideSync(classic(group), request, reply, machine.nowMs);
  return orRefused(() => decideSyncConsumer(group, request, machine.consumerRules(groupId)), syncError);
}

export function heartbeatGroup(
  machine: GroupMachine,
  request: Decode<typeof HeartbeatRequest>,
): GroupDecision<Encode<typeof HeartbeatResponse>> {
  const group = machine.groups.get(request.groupId);
  if (group?.type !== "consumer") return decideHeartbeat(classic(group), request);
  return orRefused(
    () => decideHeartbeatConsumer(group, request),
    (errorCode) => ({ errorCode }),
  );
}

export function leaveGroup(
  machine: GroupMachine,
  groupId: string,
  members: readonly LeavingMember[],
): GroupDecision<LeaveResult[]> {
  const { initialRebalanceDelayMs } = machine.settings;
  const group = machine.groups.get(groupId);
  return group?.type === "consumer"
    ? decideLeaveConsumer(group, members, machine.consumerRules(groupId))
    : decideLeave(classic(group), members, initialRebalanceDelayMs, machine.nowMs);
}

export function abandonJoin(machine: GroupMachine, groupId: string, memberId: string): GroupDecision<never> {
  const group = machine.groups.get(groupId);
  if (group?.type !== "classic") return {};
  return decideAbandonedJoin(group, memberId, machine.settings.initialRebalanceDelayMs, machine.nowMs);
}

/** A group of another kind has no members that speak the classic protocol. */
function classic(group: Group | undefined): ClassicGroup | undefined {
  return group?.type === "classic" ? group : undefined;
}

function orRefused<R>(decide: () => GroupDecision<R>, refusal: (code: ErrorCode) => R): GroupDecision<R> {
  try {
    return decide();
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return { response: refusal(error.code) };
  }
}
