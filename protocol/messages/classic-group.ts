/** The classic group protocol. */
import { defineApi } from "../schema/api.ts";
import { array, bool, bytes, int16, int32, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const JoinGroupRequest = message("JoinGroupRequest", "0-9", "6+", {
  groupId: string(),
  sessionTimeoutMs: int32(),
  rebalanceTimeoutMs: int32({ versions: "1+", default: -1, ignorable: true }),
  memberId: string(),
  groupInstanceId: string({ versions: "5+", nullable: "5+", default: null }),
  protocolType: string(),
  protocols: array({
    name: string(),
    metadata: bytes(),
  }),
  reason: string({ versions: "8+", nullable: "8+", default: null, ignorable: true }),
});

export const JoinGroupResponse = message("JoinGroupResponse", "0-9", "6+", {
  throttleTimeMs: int32({ versions: "2+", ignorable: true }),
  errorCode: int16(),
  generationId: int32({ default: -1 }),
  protocolType: string({ versions: "7+", nullable: "7+", default: null, ignorable: true }),
  protocolName: string({ nullable: "7+" }),
  leader: string(),
  skipAssignment: bool({ versions: "9+", default: false }),
  memberId: string(),
  members: array({
    memberId: string(),
    groupInstanceId: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
    metadata: bytes(),
  }),
});

/** JoinGroup (key 11): enters a group and waits for its next generation. v4 member id round trip (KIP-394), v5 static members (KIP-345), v8 reason, v9 skipAssignment. */
export const JoinGroup = defineApi({
  key: 11,
  request: JoinGroupRequest,
  response: JoinGroupResponse,
  listeners: ["broker"],
});

export const SyncGroupRequest = message("SyncGroupRequest", "0-5", "4+", {
  groupId: string(),
  generationId: int32(),
  memberId: string(),
  groupInstanceId: string({ versions: "3+", nullable: "3+", default: null }),
  protocolType: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
  protocolName: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
  assignments: array({
    memberId: string(),
    assignment: bytes(),
  }),
});

export const SyncGroupResponse = message("SyncGroupResponse", "0-5", "4+", {
  throttleTimeMs: int32({ versions: "1+", ignorable: true }),
  errorCode: int16(),
  protocolType: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
  protocolName: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
  assignment: bytes(),
});

/** SyncGroup (key 14): the leader hands in the assignment, every member receives its own. */
export const SyncGroup = defineApi({
  key: 14,
  request: SyncGroupRequest,
  response: SyncGroupResponse,
  listeners: ["broker"],
});

export const HeartbeatRequest = message("HeartbeatRequest", "0-4", "4+", {
  groupId: string(),
  generationId: int32(),
  memberId: string(),
  groupInstanceId: string({ versions: "3+", nullable: "3+", default: null }),
});

export const HeartbeatResponse = message("HeartbeatResponse", "0-4", "4+", {
  throttleTimeMs: int32({ versions: "1+", ignorable: true }),
  errorCode: int16(),
});

/** Heartbeat (key 12): a member is alive. */
export const Heartbeat = defineApi({
  key: 12,
  request: HeartbeatRequest,
  response: HeartbeatResponse,
  listeners: ["broker"],
});

export const LeaveGroupRequest = message("LeaveGroupRequest", "0-5", "4+", {
  groupId: string(),
  memberId: string({ versions: "0-2" }),
  members: array(
    {
      memberId: string(),
      groupInstanceId: string({ nullable: "3+", default: null }),
      reason: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
    },
    { versions: "3+" },
  ),
});

export const LeaveGroupResponse = message("LeaveGroupResponse", "0-5", "4+", {
  throttleTimeMs: int32({ versions: "1+", ignorable: true }),
  errorCode: int16(),
  members: array(
    {
      memberId: string(),
      groupInstanceId: string({ nullable: "3+" }),
      errorCode: int16(),
    },
    { versions: "3+" },
  ),
});

/** LeaveGroup (key 13): members leave; v3 several at once (KIP-345). */
export const LeaveGroup = defineApi({
  key: 13,
  request: LeaveGroupRequest,
  response: LeaveGroupResponse,
  listeners: ["broker"],
});
