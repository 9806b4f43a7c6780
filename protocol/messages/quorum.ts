/** The controller quorum (KIP-595, KIP-630, KIP-853, KIP-996). */
import { defineApi } from "../schema/api.ts";
import { array, bool, int16, int32, int64, records, string, struct, uint16, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const VoteRequest = message("VoteRequest", "0-2", "0+", {
  clusterId: string({ nullable: "0+", default: null }),
  voterId: int32({ versions: "1+", default: -1, ignorable: true }),
  topics: array({
    topicName: string(),
    partitions: array({
      partitionIndex: int32(),
      replicaEpoch: int32(),
      replicaId: int32(),
      replicaDirectoryId: uuid({ versions: "1+", ignorable: true }),
      voterDirectoryId: uuid({ versions: "1+", ignorable: true }),
      lastOffsetEpoch: int32(),
      lastOffset: int64(),
      preVote: bool({ versions: "2+" }),
    }),
  }),
});

export const VoteResponse = message("VoteResponse", "0-2", "0+", {
  errorCode: int16(),
  topics: array({
    topicName: string(),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      leaderId: int32(),
      leaderEpoch: int32(),
      voteGranted: bool(),
    }),
  }),
  nodeEndpoints: array(
    {
      nodeId: int32(),
      host: string(),
      port: uint16(),
    },
    { tag: 0, taggedVersions: "1+" },
  ),
});

/** Vote (key 52): asks for a vote; v2 also for a pre-vote. */
export const Vote = defineApi({ key: 52, request: VoteRequest, response: VoteResponse, listeners: ["controller"] });

export const BeginQuorumEpochRequest = message("BeginQuorumEpochRequest", "0-1", "1+", {
  clusterId: string({ nullable: "0+", default: null }),
  voterId: int32({ versions: "1+", default: -1, ignorable: true }),
  topics: array({
    topicName: string(),
    partitions: array({
      partitionIndex: int32(),
      voterDirectoryId: uuid({ versions: "1+", ignorable: true }),
      leaderId: int32(),
      leaderEpoch: int32(),
    }),
  }),
  leaderEndpoints: array(
    {
      name: string(),
      host: string(),
      port: uint16(),
    },
    { versions: "1+", ignorable: true },
  ),
});

export const BeginQuorumEpochResponse = message("BeginQuorumEpochResponse", "0-1", "1+", {
  errorCode: int16(),
  topics: array({
    topicName: string(),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      leaderId: int32(),
      leaderEpoch: int32(),
    }),
  }),
  nodeEndpoints: array(
    {
      nodeId: int32(),
      host: string(),
      port: uint16(),
    },
    { tag: 0, taggedVersions: "1+" },
  ),
});

/** BeginQuorumEpoch (key 53): a new leader makes itself known. */
export const BeginQuorumEpoch = defineApi({
  key: 53,
  request: BeginQuorumEpochRequest,
  response: BeginQuorumEpochResponse,
  listeners: ["controller"],
});

export const EndQuorumEpochRequest = message("EndQuorumEpochRequest", "0-1", "1+", {
  clusterId: string({ nullable: "0+", default: null }),
  topics: array({
    topicName: string(),
    partitions: array({
      partitionIndex: int32(),
      leaderId: int32(),
      leaderEpoch: int32(),
      preferredSuccessors: array(int32(), { versions: "0", ignorable: true }),
      preferredCandidates: array(
        {
          candidateId: int32(),
          candidateDirectoryId: uuid(),
        },
        { versions: "1+", ignorable: true },
      ),
    }),
  }),
  leaderEndpoints: array(
    {
      name: string(),
      host: string(),
      port: uint16(),
    },
    { versions: "1+", ignorable: true },
  ),
});

export const EndQuorumEpochResponse = message("EndQuorumEpochResponse", "0-1", "1+", {
  errorCode: int16(),
  topics: array({
    topicName: string(),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      leaderId: int32(),
      leaderEpoch: int32(),
    }),
  }),
  nodeEndpoints: array(
    {
      nodeId: int32(),
      host: string(),
      port: uint16(),
    },
    { tag: 0, taggedVersions: "1+" },
  ),
});

/** EndQuorumEpoch (key 54): a leader resigns. */
export const EndQuorumEpoch = defineApi({
  key: 54,
  request: EndQuorumEpochRequest,
  response: EndQuorumEpochResponse,
  listeners: ["controller"],
});

export const DescribeQuorumRequest = message("DescribeQuorumRequest", "0-2", "0+", {
  topics: array({
    topicName: string(),
    partitions: array({
      partitionIndex: int32(),
    }),
  }),
});

const replicaState = {
  replicaId: int32(),
  replicaDirectoryId: uuid({ versions: "2+" }),
  logEndOffset: int64(),
  lastFetchTimestamp: int64({ versions: "1+", default: -1, ignorable: true }),
  lastCaughtUpTimestamp: int64({ versions: "1+", default: -1, ignorable: true }),
} as const;
export const DescribeQuorumResponse = message("DescribeQuorumResponse", "0-2", "0+", {
  errorCode: int16(),
  errorMessage: string({ versions: "2+", nullable: "2+", ignorable: true }),
  topics: array({
    topicName: string(),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      errorMessage: string({ versions: "2+", nullable: "2+", ignorable: true }),
      leaderId: int32(),
      leaderEpoch: int32(),
      highWatermark: int64(),
      currentVoters: array(replicaState),
      observers: array(replicaState),
    }),
  }),
  nodes: array(
    {
      nodeId: int32(),
      listeners: array({
        name: string(),
        host: string(),
        port: uint16(),
      }),
    },
    { versions: "2+" },
  ),
});

/** DescribeQuorum (key 55): voters and observers with their offsets. */
export const DescribeQuorum = defineApi({
  key: 55,
  request: DescribeQuorumRequest,
  response: DescribeQuorumResponse,
  listeners: ["broker", "controller"],
});

export const FetchSnapshotRequest = message("FetchSnapshotRequest", "0-1", "0+", {
  clusterId: string({ nullable: "0+", tag: 0, taggedVersions: "0+", default: null }),
  replicaId: int32({ default: -1 }),
  maxBytes: int32({ default: 0x7fffffff }),
  topics: array({
    name: string(),
    partitions: array({
      partition: int32(),
      currentLeaderEpoch: int32(),
      snapshotId: struct({
        endOffset: int64(),
        epoch: int32(),
      }),
      position: int64(),
      replicaDirectoryId: uuid({ tag: 0, taggedVersions: "1+", ignorable: true }),
    }),
  }),
});

export const FetchSnapshotResponse = message("FetchSnapshotResponse", "0-1", "0+", {
  throttleTimeMs: int32({ ignorable: true }),
  errorCode: int16(),
  topics: array({
    name: string(),
    partitions: array({
      index: int32(),
      errorCode: int16(),
      snapshotId: struct({
        endOffset: int64(),
        epoch: int32(),
      }),
      currentLeader: struct(
        {
          leaderId: int32(),
          leaderEpoch: int32(),
        },
        { tag: 0, taggedVersions: "0+" },
      ),
      size: int64(),
      position: int64(),
      unalignedRecords: records(),
    }),
  }),
  nodeEndpoints: array(
    {
      nodeId: int32(),
      host: string(),
      port: uint16(),
    },
    { tag: 0, taggedVersions: "1+" },
  ),
});

/** FetchSnapshot (key 59): a metadata snapshot piece by piece. */
export const FetchSnapshot = defineApi({
  key: 59,
  request: FetchSnapshotRequest,
  response: FetchSnapshotResponse,
  listeners: ["controller"],
});

export const AddRaftVoterRequest = message("AddRaftVoterRequest", "0-1", "0+", {
  clusterId: string({ nullable: "0+" }),
  timeoutMs: int32(),
  voterId: int32(),
  voterDirectoryId: uuid(),
  listeners: array({
    name: string(),
    host: string(),
    port: uint16(),
  }),
  ackWhenCommitted: bool({ versions: "1+", default: true }),
});

export const AddRaftVoterResponse = message("AddRaftVoterResponse", "0-1", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", ignorable: true }),
});

/** AddRaftVoter (key 80): adds a voter. */
export const AddRaftVoter = defineApi({
  key: 80,
  request: AddRaftVoterRequest,
  response: AddRaftVoterResponse,
  listeners: ["controller", "broker"],
});

export const RemoveRaftVoterRequest = message("RemoveRaftVoterRequest", "0", "0+", {
  clusterId: string({ nullable: "0+" }),
  voterId: int32(),
  voterDirectoryId: uuid(),
});

export const RemoveRaftVoterResponse = message("RemoveRaftVoterResponse", "0", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", ignorable: true }),
});

/** RemoveRaftVoter (key 81): removes a voter. */
export const RemoveRaftVoter = defineApi({
  key: 81,
  request: RemoveRaftVoterRequest,
  response: RemoveRaftVoterResponse,
  listeners: ["controller", "broker"],
});

export const UpdateRaftVoterRequest = message("UpdateRaftVoterRequest", "0", "0+", {
  clusterId: string({ nullable: "0+" }),
  currentLeaderEpoch: int32(),
  voterId: int32(),
  voterDirectoryId: uuid(),
  listeners: array({
    name: string(),
    host: string(),
    port: uint16(),
  }),
  kRaftVersionFeature: struct({
    minSupportedVersion: int16(),
    maxSupportedVersion: int16(),
  }),
});

export const UpdateRaftVoterResponse = message("UpdateRaftVoterResponse", "0", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  currentLeader: struct(
    {
      leaderId: int32({ default: -1 }),
      leaderEpoch: int32({ default: -1 }),
      host: string(),
      port: int32(),
    },
    { tag: 0, taggedVersions: "0+" },
  ),
});

/** UpdateRaftVoter (key 82): a voter tells its endpoints and versions. */
export const UpdateRaftVoter = defineApi({
  key: 82,
  request: UpdateRaftVoterRequest,
  response: UpdateRaftVoterResponse,
  listeners: ["controller"],
});
