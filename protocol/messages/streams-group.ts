/** Streams groups (KIP-1071). */
import { defineApi } from "../schema/api.ts";
import { array, bool, int8, int16, int32, int64, string, struct, uint16 } from "../schema/field.ts";
import { message } from "../schema/message.ts";

const keyValue = {
  key: string(),
  value: string(),
} as const;
const topicInfo = {
  name: string(),
  partitions: int32(),
  replicationFactor: int16(),
  topicConfigs: array(keyValue),
} as const;
const taskIds = {
  subtopologyId: string(),
  partitions: array(int32()),
} as const;
const endpoint = {
  host: string(),
  port: uint16(),
} as const;
const taskOffset = {
  subtopologyId: string(),
  partition: int32(),
  offset: int64(),
} as const;
export const StreamsGroupHeartbeatRequest = message("StreamsGroupHeartbeatRequest", "0", "0+", {
  groupId: string(),
  memberId: string(),
  memberEpoch: int32(),
  endpointInformationEpoch: int32(),
  instanceId: string({ nullable: "0+", default: null }),
  rackId: string({ nullable: "0+", default: null }),
  rebalanceTimeoutMs: int32({ default: -1 }),
  topology: struct(
    {
      epoch: int32(),
      subtopologies: array({
        subtopologyId: string(),
        sourceTopics: array(string()),
        sourceTopicRegex: array(string()),
        stateChangelogTopics: array(topicInfo),
        repartitionSinkTopics: array(string()),
        repartitionSourceTopics: array(topicInfo),
        copartitionGroups: array({
          sourceTopics: array(int16()),
          sourceTopicRegex: array(int16()),
          repartitionSourceTopics: array(int16()),
        }),
      }),
    },
    { nullable: "0+", default: null },
  ),
  activeTasks: array(taskIds, { nullable: "0+", default: null }),
  standbyTasks: array(taskIds, { nullable: "0+", default: null }),
  warmupTasks: array(taskIds, { nullable: "0+", default: null }),
  processId: string({ nullable: "0+", default: null }),
  userEndpoint: struct(endpoint, { nullable: "0+", default: null }),
  clientTags: array(keyValue, { nullable: "0+", default: null }),
  taskOffsets: array(taskOffset, { nullable: "0+", default: null }),
  taskEndOffsets: array(taskOffset, { nullable: "0+", default: null }),
  shutdownApplication: bool({ default: false }),
});

const status = {
  statusCode: int8(),
  statusDetail: string(),
} as const;
const topicPartition = {
  topic: string(),
  partitions: array(int32()),
} as const;
export const StreamsGroupHeartbeatResponse = message("StreamsGroupHeartbeatResponse", "0", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", default: null }),
  memberId: string(),
  memberEpoch: int32(),
  heartbeatIntervalMs: int32(),
  acceptableRecoveryLag: int32(),
  taskOffsetIntervalMs: int32(),
  status: array(status, { nullable: "0+" }),
  activeTasks: array(taskIds, { nullable: "0+", default: null }),
  standbyTasks: array(taskIds, { nullable: "0+", default: null }),
  warmupTasks: array(taskIds, { nullable: "0+", default: null }),
  endpointInformationEpoch: int32(),
  partitionsByUserEndpoint: array(
    {
      userEndpoint: struct(endpoint),
      activePartitions: array(topicPartition),
      standbyPartitions: array(topicPartition),
    },
    { nullable: "0+", default: null },
  ),
});

/** StreamsGroupHeartbeat (key 88): membership, topology and tasks of a Kafka Streams application. */
export const StreamsGroupHeartbeat = defineApi({
  key: 88,
  request: StreamsGroupHeartbeatRequest,
  response: StreamsGroupHeartbeatResponse,
  listeners: ["broker"],
});

export const StreamsGroupDescribeRequest = message("StreamsGroupDescribeRequest", "0", "0+", {
  groupIds: array(string()),
  includeAuthorizedOperations: bool(),
});

const assignment = {
  activeTasks: array(taskIds),
  standbyTasks: array(taskIds),
  warmupTasks: array(taskIds),
} as const;
export const StreamsGroupDescribeResponse = message("StreamsGroupDescribeResponse", "0", "0+", {
  throttleTimeMs: int32(),
  groups: array({
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
    groupId: string(),
    groupState: string(),
    groupEpoch: int32(),
    assignmentEpoch: int32(),
    topology: struct(
      {
        epoch: int32(),
        subtopologies: array(
          {
            subtopologyId: string(),
            sourceTopics: array(string()),
            repartitionSinkTopics: array(string()),
            stateChangelogTopics: array(topicInfo),
            repartitionSourceTopics: array(topicInfo),
          },
          { nullable: "0+", default: null },
        ),
      },
      { nullable: "0+", default: null },
    ),
    members: array({
      memberId: string(),
      memberEpoch: int32(),
      instanceId: string({ nullable: "0+", default: null }),
      rackId: string({ nullable: "0+", default: null }),
      clientId: string(),
      clientHost: string(),
      topologyEpoch: int32(),
      processId: string(),
      userEndpoint: struct(endpoint, { nullable: "0+", default: null }),
      clientTags: array(keyValue),
      taskOffsets: array(taskOffset),
      taskEndOffsets: array(taskOffset),
      assignment: struct(assignment),
      targetAssignment: struct(assignment),
      isClassic: bool(),
    }),
    authorizedOperations: int32({ default: -0x80000000 }),
  }),
});

/** StreamsGroupDescribe (key 89): members, tasks and topology of streams groups. */
export const StreamsGroupDescribe = defineApi({
  key: 89,
  request: StreamsGroupDescribeRequest,
  response: StreamsGroupDescribeResponse,
  listeners: ["broker"],
});
