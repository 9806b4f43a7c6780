/** Reading records, by consumers and followers alike. */
import { defineApi } from "../schema/api.ts";
import { array, int8, int16, int32, int64, records, string, struct, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const FetchRequest = message("FetchRequest", "4-18", "12+", {
  clusterId: string({ nullable: "12+", tag: 0, taggedVersions: "12+", default: null, ignorable: true }),
  /** -1 a consumer, otherwise the follower that fetches; from v15 in replicaState. */
  replicaId: int32({ versions: "0-14", default: -1 }),
  replicaState: struct(
    {
      /** -1 a consumer, otherwise the follower that fetches; from v15 in replicaState. */
      replicaId: int32({ default: -1 }),
      replicaEpoch: int64({ default: -1 }),
    },
    { tag: 1, taggedVersions: "15+" },
  ),
  maxWaitMs: int32(),
  minBytes: int32(),
  maxBytes: int32({ default: 0x7fffffff, ignorable: true }),
  /** 0 read_uncommitted, 1 read_committed. */
  isolationLevel: int8({ default: 0, ignorable: true }),
  sessionId: int32({ versions: "7+", default: 0, ignorable: true }),
  /** 0 opens a session, -1 closes it or does without (KIP-227). */
  sessionEpoch: int32({ versions: "7+", default: -1, ignorable: true }),
  topics: array({
    topic: string({ versions: "0-12", ignorable: true }),
    topicId: uuid({ versions: "13+", ignorable: true }),
    partitions: array({
      partition: int32(),
      currentLeaderEpoch: int32({ versions: "9+", default: -1, ignorable: true }),
      fetchOffset: int64(),
      /** Epoch of the last record the replica holds, by which the leader finds a divergence. */
      lastFetchedEpoch: int32({ versions: "12+", default: -1 }),
      logStartOffset: int64({ versions: "5+", default: -1, ignorable: true }),
      partitionMaxBytes: int32(),
      replicaDirectoryId: uuid({ tag: 0, taggedVersions: "17+", ignorable: true }),
      highWatermark: int64({ tag: 1, taggedVersions: "18+", default: Number.MAX_SAFE_INTEGER, ignorable: true }),
    }),
  }),
  forgottenTopicsData: array(
    {
      topic: string({ versions: "7-12", ignorable: true }),
      topicId: uuid({ versions: "13+", ignorable: true }),
      partitions: array(int32()),
    },
    { versions: "7+" },
  ),
  rackId: string({ versions: "11+", default: "", ignorable: true }),
});

export const FetchResponse = message("FetchResponse", "4-18", "12+", {
  throttleTimeMs: int32({ ignorable: true }),
  errorCode: int16({ versions: "7+", ignorable: true }),
  sessionId: int32({ versions: "7+", default: 0 }),
  responses: array({
    topic: string({ versions: "0-12", ignorable: true }),
    topicId: uuid({ versions: "13+", ignorable: true }),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      highWatermark: int64(),
      lastStableOffset: int64({ default: -1, ignorable: true }),
      logStartOffset: int64({ versions: "5+", default: -1, ignorable: true }),
      divergingEpoch: struct(
        {
          epoch: int32({ default: -1 }),
          endOffset: int64({ default: -1 }),
        },
        { tag: 0, taggedVersions: "12+" },
      ),
      currentLeader: struct(
        {
          leaderId: int32({ default: -1 }),
          leaderEpoch: int32({ default: -1 }),
        },
        { tag: 1, taggedVersions: "12+" },
      ),
      snapshotId: struct(
        {
          endOffset: int64({ default: -1 }),
          epoch: int32({ default: -1 }),
        },
        { tag: 2, taggedVersions: "12+" },
      ),
      abortedTransactions: array(
        {
          producerId: int64(),
          firstOffset: int64(),
        },
        { nullable: "4+", ignorable: true },
      ),
      preferredReadReplica: int32({ versions: "11+", default: -1 }),
      records: records({ nullable: "0+" }),
    }),
  }),
  nodeEndpoints: array(
    {
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: "16+", default: null }),
    },
    { tag: 0, taggedVersions: "16+" },
  ),
});

/** Fetch (key 1): record batches from an offset on. v7 sessions (KIP-227), v11 rack (KIP-392), v12 flexible and diverging epochs (KIP-595), v13 topic ids, v15 replica state (KIP-903), v16 node endpoints (KIP-951), v17 directory id (KIP-853), v18 high watermark (KIP-1166). */
export const Fetch = defineApi({
  key: 1,
  request: FetchRequest,
  response: FetchResponse,
  listeners: ["broker", "controller"],
});
