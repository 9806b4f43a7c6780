/**
 * The consumer group protocol (KIP-848): ConsumerGroupHeartbeat (68), ConsumerGroupDescribe (69).
 *
 * Owns: what a request must be before the group is asked, and whether the protocol is served at all. Leaves the group to
 * groups/consumer. Heartbeat v1 regular expressions, and member ids that clients make (KIP-1082); describe v1 the kind of member.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { ConsumerGroupDescribe, ConsumerGroupHeartbeat } from "../../protocol/messages/consumer-group.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import { JOIN_EPOCH, LEAVE_EPOCH, LEAVE_FOR_A_WHILE_EPOCH } from "../groups/consumer/consumer-member.ts";
import {
  type DescribedConsumerGroup,
  describeConsumerGroup,
  undescribedConsumerGroup,
} from "../groups/consumer/describe.ts";
import { decideConsumerHeartbeat } from "../groups/consumer/heartbeat.ts";
import {
  type HeartbeatRequest,
  type HeartbeatResponse,
  heartbeatError,
  notConsumer,
} from "../groups/consumer/heartbeat-messages.ts";
import { ALL_GROUP_OPERATIONS, NOT_ASKED } from "../metadata/authorized-operations.ts";
import { coordinatorError } from "../state-machine/coordinator-error.ts";
import { cutToRecord, fitsRecord } from "../state-machine/coordinator-record.ts";
import { Reply } from "../state-machine/reply.ts";

const GROUP_VERSION = "group.version";
/** From this version on clients make their member ids. */
const CLIENT_MEMBER_ID_VERSION = 1;

export const handleConsumerGroupHeartbeat: Handler<typeof ConsumerGroupHeartbeat> = (request, context) => {
  const { groups } = context.broker;
  if (!isServed(context)) return heartbeatError(ErrorCode.UNSUPPORTED_VERSION);
  const { groupId } = request;
  const { assignors } = groups.settings.consumer;
  const invalid = whyInvalid(request, context.apiVersion);
  if (invalid !== undefined) return heartbeatError(ErrorCode.INVALID_REQUEST, invalid);
  if (request.serverAssignor !== null && !assignors.includes(request.serverAssignor)) {
    const detail = `ServerAssignor ${request.serverAssignor} is not supported. Supported assignors: ${assignors.join(", ")}.`;
    return heartbeatError(ErrorCode.UNSUPPORTED_ASSIGNOR, detail);
  }
  const reply = new Reply<HeartbeatResponse>((code) => heartbeatError(coordinatorError(code)));
  const heartbeat = request.memberId === "" ? { ...request, memberId: groups.newConsumerMemberId() } : request;
  const client = { clientId: cutToRecord(context.clientId), clientHost: `/${context.connection.remoteHost}` };
  groups.write(groupId, reply, (machine) => {
    if (subscriptionBytes(request) > machine.maxBatchBytes) {
      return { response: heartbeatError(coordinatorError(ErrorCode.MESSAGE_TOO_LARGE)) };
    }
    return decideConsumerHeartbeat(machine.groups.get(groupId), heartbeat, client, machine.consumerRules(groupId));
  });
  return reply.later;
};

/** Finalized in the cluster, and not switched off in this broker. */
function isServed({ broker }: RequestContext): boolean {
  return (broker.image.features.get(GROUP_VERSION) ?? 0) >= 1 && broker.groups.settings.protocols.has("consumer");
}

function whyInvalid(request: HeartbeatRequest, apiVersion: number): string | undefined {
  const { groupId, memberId, memberEpoch, instanceId, rackId } = request;
  const { subscribedTopicNames, subscribedTopicRegex } = request;
  const needsMemberId = apiVersion >= CLIENT_MEMBER_ID_VERSION || memberEpoch > 0 || memberEpoch === LEAVE_EPOCH;
  if (needsMemberId && memberId === "") return "MemberId can't be empty.";
  if (groupId === "") return "GroupId can't be empty.";
  if (instanceId === "") return "InstanceId can't be empty.";
  if (rackId === "") return "RackId can't be empty.";
  const texts = [
    groupId,
    memberId,
    instanceId ?? "",
    rackId ?? "",
    subscribedTopicRegex ?? "",
    ...(subscribedTopicNames ?? []),
  ];
  // Bytes that were no UTF-8 have become longer.
  if (!texts.every(fitsRecord)) return "A text is too long.";
  if (memberEpoch < LEAVE_FOR_A_WHILE_EPOCH) return "MemberEpoch is invalid.";
  if (memberEpoch === LEAVE_FOR_A_WHILE_EPOCH && instanceId === null) return "InstanceId can't be null.";
  return memberEpoch === JOIN_EPOCH ? whyInvalidJoin(request) : undefined;
}

function whyInvalidJoin(request: HeartbeatRequest): string | undefined {
  if (request.rebalanceTimeoutMs === -1) return "RebalanceTimeoutMs must be provided in first request.";
  if (request.topicPartitions === null || request.topicPartitions.length > 0) {
    return "TopicPartitions must be empty when (re-)joining.";
  }
  if (request.subscribedTopicNames === null && request.subscribedTopicRegex === null) {
    return "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.";
  }
  return undefined;
}

/** What a member's record takes at least: one that no log holds is not worked on. */
function subscriptionBytes({ subscribedTopicNames }: HeartbeatRequest): number {
  let size = 0;
  for (const name of subscribedTopicNames ?? []) size += name.length + 1;
  return size;
}

export const handleConsumerGroupDescribe: Handler<typeof ConsumerGroupDescribe> = (request, context) => {
  const { groupIds, includeAuthorizedOperations } = request;
  const served = isServed(context);
  return {
    groups: [...new Set(groupIds)].map((groupId) => {
      const described = served
        ? describe(groupId, context)
        : undescribedConsumerGroup(groupId, ErrorCode.UNSUPPORTED_VERSION, null);
      const asked = includeAuthorizedOperations && described.errorCode === ErrorCode.NONE;
      return { ...described, authorizedOperations: asked ? ALL_GROUP_OPERATIONS : NOT_ASKED };
    }),
  };
};

function describe(groupId: string, { broker }: RequestContext): DescribedConsumerGroup {
  if (groupId === "") return undescribedConsumerGroup(groupId, ErrorCode.INVALID_GROUP_ID, null);
  const { groups, image } = broker;
  try {
    const group = groups.machineOf(groupId).groups.committed(groupId);
    if (group?.type === "consumer") return describeConsumerGroup(group, groups.settings.consumer.assignors, image);
    const detail = group === undefined ? `Group ${groupId} not found.` : notConsumer(groupId);
    return undescribedConsumerGroup(groupId, ErrorCode.GROUP_ID_NOT_FOUND, detail);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return undescribedConsumerGroup(groupId, coordinatorError(error.code), null);
  }
}
