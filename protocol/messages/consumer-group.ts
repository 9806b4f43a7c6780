/** The consumer group protocol (KIP-848). */
import { defineApi } from "../schema/api.ts";
import { array, bool, int8, int16, int32, string, struct, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const ConsumerGroupHeartbeatRequest = message("ConsumerGroupHeartbeatRequest", "0-1", "0+", {
  groupId: string(),
  memberId: string(),
  /** 0 joins, -1 leaves, -2 leaves for a while (static member). */
  memberEpoch: int32(),
  instanceId: string({ nullable: "0+", default: null }),
  rackId: string({ nullable: "0+", default: null }),
  rebalanceTimeoutMs: int32({ default: -1 }),
  subscribedTopicNames: array(string(), { nullable: "0+", default: null }),
  subscribedTopicRegex: string({ versions: "1+", nullable: "1+", default: null }),
  serverAssignor: string({ nullable: "0+", default: null }),
  topicPartitions: array(
    {
      topicId: uuid(),
      partitions: array(int32()),
    },
    { nullable: "0+", default: null },
  ),
});

const topicPartitions = {
  topicId: uuid(),
  partitions: array(int32()),
} as const;
export const ConsumerGroupHeartbeatResponse = message("ConsumerGroupHeartbeatResponse", "0-1", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", default: null }),
  memberId: string({ nullable: "0+", default: null }),
  memberEpoch: int32(),
  heartbeatIntervalMs: int32(),
  assignment: struct(
    {
      topicPartitions: array(topicPartitions),
    },
    { nullable: "0+", default: null },
  ),
});

/** ConsumerGroupHeartbeat (key 68): joins, reconciles and leaves in one API. v1 regular expressions and member ids made by clients (KIP-1082). */
export const ConsumerGroupHeartbeat = defineApi({
  key: 68,
  request: ConsumerGroupHeartbeatRequest,
  response: ConsumerGroupHeartbeatResponse,
  listeners: ["broker"],
});

export const ConsumerGroupDescribeRequest = message("ConsumerGroupDescribeRequest", "0-1", "0+", {
  groupIds: array(string()),
  includeAuthorizedOperations: bool(),
});

const consumerGroupDescribeResponseTopicPartitions = {
  topicId: uuid(),
  topicName: string(),
  partitions: array(int32()),
} as const;
const assignment = {
  topicPartitions: array(consumerGroupDescribeResponseTopicPartitions),
} as const;
export const ConsumerGroupDescribeResponse = message("ConsumerGroupDescribeResponse", "0-1", "0+", {
  throttleTimeMs: int32(),
  groups: array({
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
    groupId: string(),
    groupState: string(),
    groupEpoch: int32(),
    assignmentEpoch: int32(),
    assignorName: string(),
    members: array({
      memberId: string(),
      instanceId: string({ nullable: "0+", default: null }),
      rackId: string({ nullable: "0+", default: null }),
      memberEpoch: int32(),
      clientId: string(),
      clientHost: string(),
      subscribedTopicNames: array(string()),
      subscribedTopicRegex: string({ nullable: "0+", default: null }),
      assignment: struct(assignment),
      targetAssignment: struct(assignment),
      memberType: int8({ versions: "1+", default: -1, ignorable: true }),
    }),
    authorizedOperations: int32({ default: -0x80000000 }),
  }),
});

/** ConsumerGroupDescribe (key 69): members with their current and target assignments. v1 member type. */
export const ConsumerGroupDescribe = defineApi({
  key: 69,
  request: ConsumerGroupDescribeRequest,
  response: ConsumerGroupDescribeResponse,
  listeners: ["broker"],
});
