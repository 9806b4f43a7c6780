/** What a cluster is made of, as clients see it. */
import { defineApi } from "../schema/api.ts";
import { array, bool, int8, int16, int32, string, struct, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const MetadataRequest = message("MetadataRequest", "0-13", "9+", {
  /** Null (v0: empty) asks for every topic. */
  topics: array(
    {
      topicId: uuid({ versions: "10+", ignorable: true }),
      name: string({ nullable: "10+" }),
    },
    { nullable: "1+" },
  ),
  allowAutoTopicCreation: bool({ versions: "4+", default: true }),
  includeClusterAuthorizedOperations: bool({ versions: "8-10" }),
  includeTopicAuthorizedOperations: bool({ versions: "8+" }),
});

export const MetadataResponse = message("MetadataResponse", "0-13", "9+", {
  throttleTimeMs: int32({ versions: "3+", ignorable: true }),
  brokers: array({
    nodeId: int32(),
    host: string(),
    port: int32(),
    rack: string({ versions: "1+", nullable: "1+", default: null, ignorable: true }),
  }),
  clusterId: string({ versions: "2+", nullable: "2+", default: null, ignorable: true }),
  controllerId: int32({ versions: "1+", default: -1, ignorable: true }),
  topics: array({
    errorCode: int16(),
    name: string({ nullable: "12+" }),
    topicId: uuid({ versions: "10+", ignorable: true }),
    isInternal: bool({ versions: "1+", default: false, ignorable: true }),
    partitions: array({
      errorCode: int16(),
      partitionIndex: int32(),
      leaderId: int32(),
      leaderEpoch: int32({ versions: "7+", default: -1, ignorable: true }),
      replicaNodes: array(int32()),
      isrNodes: array(int32()),
      offlineReplicas: array(int32(), { versions: "5+", ignorable: true }),
    }),
    topicAuthorizedOperations: int32({ versions: "8+", default: -0x80000000 }),
  }),
  clusterAuthorizedOperations: int32({ versions: "8-10", default: -0x80000000 }),
  errorCode: int16({ versions: "13+", ignorable: true }),
});

/** Metadata (key 3): brokers, topics and their leaders. v4 auto-creation flag, v9 flexible, v10 topic ids, v12 topics by id, v13 top-level error. */
export const Metadata = defineApi({
  key: 3,
  request: MetadataRequest,
  response: MetadataResponse,
  listeners: ["broker"],
});

export const DescribeClusterRequest = message("DescribeClusterRequest", "0-2", "0+", {
  includeClusterAuthorizedOperations: bool(),
  endpointType: int8({ versions: "1+", default: 1 }),
  includeFencedBrokers: bool({ versions: "2+" }),
});

export const DescribeClusterResponse = message("DescribeClusterResponse", "0-2", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", default: null }),
  endpointType: int8({ versions: "1+", default: 1 }),
  clusterId: string(),
  controllerId: int32({ default: -1 }),
  brokers: array({
    brokerId: int32(),
    host: string(),
    port: int32(),
    rack: string({ nullable: "0+", default: null }),
    isFenced: bool({ versions: "2+" }),
  }),
  clusterAuthorizedOperations: int32({ default: -0x80000000 }),
});

/** DescribeCluster (key 60): brokers or controllers of the cluster (KIP-700). v1 endpoint type, v2 fenced brokers. */
export const DescribeCluster = defineApi({
  key: 60,
  request: DescribeClusterRequest,
  response: DescribeClusterResponse,
  listeners: ["broker", "controller"],
});

export const DescribeTopicPartitionsRequest = message("DescribeTopicPartitionsRequest", "0", "0+", {
  topics: array({
    name: string(),
  }),
  responsePartitionLimit: int32({ default: 2000 }),
  cursor: struct(
    {
      topicName: string(),
      partitionIndex: int32(),
    },
    { nullable: "0+", default: null },
  ),
});

export const DescribeTopicPartitionsResponse = message("DescribeTopicPartitionsResponse", "0", "0+", {
  throttleTimeMs: int32({ ignorable: true }),
  topics: array({
    errorCode: int16(),
    name: string({ nullable: "0+" }),
    topicId: uuid({ ignorable: true }),
    isInternal: bool({ default: false, ignorable: true }),
    partitions: array({
      errorCode: int16(),
      partitionIndex: int32(),
      leaderId: int32(),
      leaderEpoch: int32({ default: -1, ignorable: true }),
      replicaNodes: array(int32()),
      isrNodes: array(int32()),
      eligibleLeaderReplicas: array(int32(), { nullable: "0+", default: null }),
      lastKnownElr: array(int32(), { nullable: "0+", default: null }),
      offlineReplicas: array(int32(), { ignorable: true }),
    }),
    topicAuthorizedOperations: int32({ default: -0x80000000 }),
  }),
  nextCursor: struct(
    {
      topicName: string(),
      partitionIndex: int32(),
    },
    { nullable: "0+", default: null },
  ),
});

/** DescribeTopicPartitions (key 75): partitions page by page, eligible leader replicas included (KIP-966). */
export const DescribeTopicPartitions = defineApi({
  key: 75,
  request: DescribeTopicPartitionsRequest,
  response: DescribeTopicPartitionsResponse,
  listeners: ["broker"],
});
