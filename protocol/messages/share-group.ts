/** Share groups (KIP-932): membership and offsets. */
import { defineApi } from "../schema/api.ts";
import { array, bool, int16, int32, int64, string, struct, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const ShareGroupHeartbeatRequest = message("ShareGroupHeartbeatRequest", "1", "0+", {
  groupId: string(),
  memberId: string(),
  memberEpoch: int32(),
  rackId: string({ nullable: "0+", default: null }),
  subscribedTopicNames: array(string(), { nullable: "0+", default: null }),
});

const topicPartitions = {
  topicId: uuid(),
  partitions: array(int32()),
} as const;
export const ShareGroupHeartbeatResponse = message("ShareGroupHeartbeatResponse", "1", "0+", {
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

/** ShareGroupHeartbeat (key 76): membership of a share group. */
export const ShareGroupHeartbeat = defineApi({
  key: 76,
  request: ShareGroupHeartbeatRequest,
  response: ShareGroupHeartbeatResponse,
  listeners: ["broker"],
});

export const ShareGroupDescribeRequest = message("ShareGroupDescribeRequest", "1", "0+", {
  groupIds: array(string()),
  includeAuthorizedOperations: bool(),
});

const shareGroupDescribeResponseTopicPartitions = {
  topicId: uuid(),
  topicName: string(),
  partitions: array(int32()),
} as const;
const assignment = {
  topicPartitions: array(shareGroupDescribeResponseTopicPartitions),
} as const;
export const ShareGroupDescribeResponse = message("ShareGroupDescribeResponse", "1", "0+", {
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
      rackId: string({ nullable: "0+", default: null }),
      memberEpoch: int32(),
      clientId: string(),
      clientHost: string(),
      subscribedTopicNames: array(string()),
      assignment: struct(assignment),
    }),
    authorizedOperations: int32({ default: -0x80000000 }),
  }),
});

/** ShareGroupDescribe (key 77): members of share groups. */
export const ShareGroupDescribe = defineApi({
  key: 77,
  request: ShareGroupDescribeRequest,
  response: ShareGroupDescribeResponse,
  listeners: ["broker"],
});

export const DescribeShareGroupOffsetsRequest = message("DescribeShareGroupOffsetsRequest", "0-1", "0+", {
  groups: array({
    groupId: string(),
    topics: array(
      {
        topicName: string(),
        partitions: array(int32()),
      },
      { nullable: "0+" },
    ),
  }),
});

export const DescribeShareGroupOffsetsResponse = message("DescribeShareGroupOffsetsResponse", "0-1", "0+", {
  throttleTimeMs: int32(),
  groups: array({
    groupId: string(),
    topics: array({
      topicName: string(),
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        startOffset: int64(),
        leaderEpoch: int32(),
        lag: int64({ versions: "1+", default: -1, ignorable: true }),
        errorCode: int16(),
        errorMessage: string({ nullable: "0+", default: null }),
      }),
    }),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
  }),
});

/** DescribeShareGroupOffsets (key 90): where each share partition starts. v1 lag. */
export const DescribeShareGroupOffsets = defineApi({
  key: 90,
  request: DescribeShareGroupOffsetsRequest,
  response: DescribeShareGroupOffsetsResponse,
  listeners: ["broker"],
});

export const AlterShareGroupOffsetsRequest = message("AlterShareGroupOffsetsRequest", "0", "0+", {
  groupId: string(),
  topics: array({
    topicName: string(),
    partitions: array({
      partitionIndex: int32(),
      startOffset: int64(),
    }),
  }),
});

export const AlterShareGroupOffsetsResponse = message("AlterShareGroupOffsetsResponse", "0", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", default: null }),
  responses: array({
    topicName: string(),
    topicId: uuid(),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+", default: null }),
    }),
  }),
});

/** AlterShareGroupOffsets (key 91): moves the start of share partitions of an empty group. */
export const AlterShareGroupOffsets = defineApi({
  key: 91,
  request: AlterShareGroupOffsetsRequest,
  response: AlterShareGroupOffsetsResponse,
  listeners: ["broker"],
});

export const DeleteShareGroupOffsetsRequest = message("DeleteShareGroupOffsetsRequest", "0", "0+", {
  groupId: string(),
  topics: array({
    topicName: string(),
  }),
});

export const DeleteShareGroupOffsetsResponse = message("DeleteShareGroupOffsetsResponse", "0", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", default: null }),
  responses: array({
    topicName: string(),
    topicId: uuid(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
  }),
});

/** DeleteShareGroupOffsets (key 92): forgets the share partitions of topics. */
export const DeleteShareGroupOffsets = defineApi({
  key: 92,
  request: DeleteShareGroupOffsetsRequest,
  response: DeleteShareGroupOffsetsResponse,
  listeners: ["broker"],
});
