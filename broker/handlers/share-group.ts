/**
 * Membership of share groups (KIP-932): ShareGroupHeartbeat (76), ShareGroupDescribe (77).
 *
 * Owns: what a request must be before the group is asked, and whether share groups are served at all. Leaves the group to
 * groups/share.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { ShareGroupDescribe, ShareGroupHeartbeat } from "../../protocol/messages/share-group.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import { JOIN_EPOCH, LEAVE_EPOCH } from "../groups/consumer/consumer-member.ts";
import { type DescribedShareGroup, describeShareGroup, undescribedShareGroup } from "../groups/share/describe.ts";
import {
  decideShareHeartbeat,
  type ShareHeartbeat,
  type ShareHeartbeatResponse,
  shareHeartbeatError,
} from "../groups/share/heartbeat.ts";
import { ALL_GROUP_OPERATIONS, NOT_ASKED } from "../metadata/authorized-operations.ts";
import { coordinatorError } from "../state-machine/coordinator-error.ts";
import { cutToRecord, fitsRecord } from "../state-machine/coordinator-record.ts";
import { Reply } from "../state-machine/reply.ts";
import { onceEach } from "./once-each.ts";

const SHARE_VERSION = "share.version";

/** Finalized in the cluster. */
export function servesShareGroups({ broker }: RequestContext): boolean {
  return (broker.image.features.get(SHARE_VERSION) ?? 0) >= 1;
}

export const handleShareGroupHeartbeat: Handler<typeof ShareGroupHeartbeat> = (request, context) => {
  if (!servesShareGroups(context)) return shareHeartbeatError(ErrorCode.UNSUPPORTED_VERSION);
  const invalid = whyInvalid(request);
  if (invalid !== undefined) return shareHeartbeatError(ErrorCode.INVALID_REQUEST, invalid);
  const { groups } = context.broker;
  const { groupId } = request;
  const reply = new Reply<ShareHeartbeatResponse>((code) => shareHeartbeatError(coordinatorError(code)));
  const client = { clientId: cutToRecord(context.clientId), clientHost: `/${context.connection.remoteHost}` };
  groups.write(groupId, reply, (machine) => {
    // What no log holds is not worked on.
    if (subscriptionBytes(request) > machine.maxBatchBytes) {
      return { response: shareHeartbeatError(coordinatorError(ErrorCode.MESSAGE_TOO_LARGE)) };
    }
    return decideShareHeartbeat(machine.groups.get(groupId), request, client, machine.shareRules(groupId));
  });
  return reply.later;
};

function whyInvalid({ groupId, memberId, memberEpoch, rackId, subscribedTopicNames }: ShareHeartbeat) {
  if (memberId === "") return "MemberId can't be empty.";
  if (groupId === "") return "GroupId can't be empty.";
  if (rackId === "") return "RackId can't be empty.";
  // Bytes that were no UTF-8 have become longer.
  if (![groupId, memberId, rackId ?? "", ...(subscribedTopicNames ?? [])].every(fitsRecord))
    return "A text is too long.";
  if (memberEpoch < LEAVE_EPOCH) return "MemberEpoch is invalid.";
  if (memberEpoch === JOIN_EPOCH && (subscribedTopicNames ?? []).length === 0) {
    return "SubscribedTopicNames must be set in first request.";
  }
  return undefined;
}

function subscriptionBytes({ subscribedTopicNames }: ShareHeartbeat): number {
  let size = 0;
  for (const name of subscribedTopicNames ?? []) size += name.length + 1;
  return size;
}

export const handleShareGroupDescribe: Handler<typeof ShareGroupDescribe> = (request, context) => {
  const served = servesShareGroups(context);
  const describeOne = onceEach((groupId: string) => {
    const described = served
      ? describe(groupId, context)
      : undescribedShareGroup(groupId, ErrorCode.UNSUPPORTED_VERSION, null);
    const asked = request.includeAuthorizedOperations && described.errorCode === ErrorCode.NONE;
    return { ...described, authorizedOperations: asked ? ALL_GROUP_OPERATIONS : NOT_ASKED };
  });
  return { groups: request.groupIds.map(describeOne) };
};

function describe(groupId: string, { broker }: RequestContext): DescribedShareGroup {
  if (groupId === "") return undescribedShareGroup(groupId, ErrorCode.INVALID_GROUP_ID, null);
  try {
    const group = broker.groups.machineOf(groupId).groups.committed(groupId);
    if (group?.type === "share") return describeShareGroup(group, broker.image);
    const detail = group === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a share group.`;
    return undescribedShareGroup(groupId, ErrorCode.GROUP_ID_NOT_FOUND, detail);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return undescribedShareGroup(groupId, coordinatorError(error.code), null);
  }
}
