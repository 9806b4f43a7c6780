/**
 * The classic group protocol: JoinGroup (11), Heartbeat (12), LeaveGroup (13), SyncGroup (14).
 *
 * Owns: what a request must be before the group is asked, and what each version's answer carries. Leaves the group to groups/classic-requests.
 * JoinGroup v1 rebalance timeout, v4 member ids first, v5 static members, v7 nullable protocol, v9 skip assignment; SyncGroup v5
 * protocol type and name; LeaveGroup v3 several members.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from "../../protocol/messages/classic-group.ts";
import type { Encode } from "../../protocol/schema/message.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import type { JoinResponse, SyncResponse } from "../groups/classic/classic-group.ts";
import { MEMBER_ID_REQUIRED_VERSION } from "../groups/classic/join.ts";
import type { LeaveResult } from "../groups/classic/leave.ts";
import { joinError, syncError } from "../groups/classic/responses.ts";
import { abandonJoin, heartbeatGroup, joinGroup, leaveGroup, syncGroup } from "../groups/classic-requests.ts";
import { coordinatorError } from "../state-machine/coordinator-error.ts";
import { responding } from "../state-machine/decision.ts";
import { Reply } from "../state-machine/reply.ts";

type HeartbeatResponse = Encode<(typeof Heartbeat)["response"]>;
type LeaveResponse = Encode<(typeof LeaveGroup)["response"]>;

/** From this version on no protocol is told as null, before as "". */
const NULLABLE_PROTOCOL_VERSION = 7;
/** From this version on a sync has to say which protocol it is about. */
const PROTOCOL_REQUIRED_VERSION = 5;
const SEVERAL_LEAVE_VERSION = 3;

export const handleJoinGroup: Handler<typeof JoinGroup> = (request, context) => {
  const { groups } = context.broker;
  const { apiVersion } = context;
  const { groupId, memberId, groupInstanceId, sessionTimeoutMs } = request;
  const finish = (response: JoinResponse): JoinResponse =>
    apiVersion < NULLABLE_PROTOCOL_VERSION && response.protocolName === null
      ? { ...response, protocolName: "" }
      : response;
  if (groupId === "") return finish(joinError(ErrorCode.INVALID_GROUP_ID, memberId));
  const { settings } = groups;
  if (sessionTimeoutMs < settings.minSessionTimeoutMs || sessionTimeoutMs > settings.maxSessionTimeoutMs) {
    return finish(joinError(ErrorCode.INVALID_SESSION_TIMEOUT, memberId));
  }
  const reply = new Reply<JoinResponse>((code) => joinError(coordinatorError(code)), finish);
  const client = {
    clientId: context.clientId,
    clientHost: clientHost(context),
    apiVersion,
    newMemberId: memberId === "" ? groups.newMemberId(groupInstanceId ?? context.clientId) : memberId,
    newConsumerMemberId: memberId === "" ? groups.newConsumerMemberId() : memberId,
    reply,
  };
  // Version 0 has no rebalance timeout: members have their session to join again.
  const join = apiVersion === 0 ? { ...request, rebalanceTimeoutMs: sessionTimeoutMs } : request;
  groups.write(groupId, reply, (machine) => joinGroup(machine, join, client));
  if (apiVersion < MEMBER_ID_REQUIRED_VERSION && memberId === "") {
    reply.later.whenCancelled(() => {
      groups.change(groupId, (machine) => abandonJoin(machine, groupId, client.newMemberId));
    });
  }
  return reply.later;
};

export const handleSyncGroup: Handler<typeof SyncGroup> = (request, context) => {
  const { groupId, protocolType, protocolName } = request;
  if (context.apiVersion >= PROTOCOL_REQUIRED_VERSION && (protocolType === null || protocolName === null)) {
    return syncError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  }
  if (groupId === "") return syncError(ErrorCode.INVALID_GROUP_ID);
  const reply = new Reply<SyncResponse>((code) => syncError(coordinatorError(code)));
  context.broker.groups.write(groupId, reply, (machine) => syncGroup(machine, request, reply));
  return reply.later;
};

export const handleHeartbeat: Handler<typeof Heartbeat> = (request, context) => {
  const { groupId } = request;
  if (groupId === "") return { errorCode: ErrorCode.INVALID_GROUP_ID };
  const reply = new Reply<HeartbeatResponse>((code) => {
    // The group is being loaded: its members' sessions begin when that is done.
    const errorCode = code === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ? ErrorCode.NONE : coordinatorError(code);
    return { errorCode };
  });
  context.broker.groups.write(groupId, reply, (machine) => heartbeatGroup(machine, request));
  return reply.later;
};

export const handleLeaveGroup: Handler<typeof LeaveGroup> = (request, context) => {
  const { groupId } = request;
  const several = context.apiVersion >= SEVERAL_LEAVE_VERSION;
  if (groupId === "") return { errorCode: ErrorCode.INVALID_GROUP_ID };
  const members = several ? request.members : [{ memberId: request.memberId, groupInstanceId: null }];
  const respond = (results: LeaveResult[]): LeaveResponse =>
    several ? { errorCode: ErrorCode.NONE, members: results } : { errorCode: results[0]?.errorCode ?? ErrorCode.NONE };
  const reply = new Reply<LeaveResponse>((code) => ({ errorCode: coordinatorError(code) }));
  context.broker.groups.write(groupId, reply, (machine) => responding(leaveGroup(machine, groupId, members), respond));
  return reply.later;
};

/** As Java writes an address without a name. */
function clientHost(context: RequestContext): string {
  return `/${context.connection.remoteHost}`;
}
