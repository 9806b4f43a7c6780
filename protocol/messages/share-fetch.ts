/** Share groups (KIP-932): records acquired and acknowledged one by one. */
import { defineApi } from "../schema/api.ts";
import { array, bool, int8, int16, int32, int64, records, string, struct, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const ShareFetchRequest = message("ShareFetchRequest", "1-2", "0+", {
  groupId: string({ nullable: "0+", default: null }),
  memberId: string({ nullable: "0+" }),
  shareSessionEpoch: int32(),
  maxWaitMs: int32(),
  minBytes: int32(),
  maxBytes: int32({ default: 0x7fffffff }),
  maxRecords: int32(),
  batchSize: int32(),
  shareAcquireMode: int8({ versions: "2+", default: 0, ignorable: true }),
  isRenewAck: bool({ versions: "2+", default: false }),
  topics: array({
    topicId: uuid(),
    partitions: array({
      partitionIndex: int32(),
      partitionMaxBytes: int32({ versions: "0" }),
      acknowledgementBatches: array({
        firstOffset: int64(),
        lastOffset: int64(),
        acknowledgeTypes: array(int8()),
      }),
    }),
  }),
  forgottenTopicsData: array({
    topicId: uuid(),
    partitions: array(int32()),
  }),
});

export const ShareFetchResponse = message("ShareFetchResponse", "1-2", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", default: null }),
  acquisitionLockTimeoutMs: int32(),
  responses: array({
    topicId: uuid(),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+", default: null }),
      acknowledgeErrorCode: int16(),
      acknowledgeErrorMessage: string({ nullable: "0+", default: null }),
      currentLeader: struct({
        leaderId: int32(),
        leaderEpoch: int32(),
      }),
      records: records({ nullable: "0" }),
      acquiredRecords: array({
        firstOffset: int64(),
        lastOffset: int64(),
        deliveryCount: int16(),
      }),
    }),
  }),
  nodeEndpoints: array({
    nodeId: int32(),
    host: string(),
    port: int32(),
    rack: string({ nullable: "0+", default: null }),
  }),
});

/** ShareFetch (key 78): acquires records, and acknowledges earlier ones on the way. v2 renewal. */
export const ShareFetch = defineApi({
  key: 78,
  request: ShareFetchRequest,
  response: ShareFetchResponse,
  listeners: ["broker"],
});

export const ShareAcknowledgeRequest = message("ShareAcknowledgeRequest", "1-2", "0+", {
  groupId: string({ nullable: "0+", default: null }),
  memberId: string({ nullable: "0+" }),
  shareSessionEpoch: int32(),
  isRenewAck: bool({ versions: "2+", default: false }),
  topics: array({
    topicId: uuid(),
    partitions: array({
      partitionIndex: int32(),
      acknowledgementBatches: array({
        firstOffset: int64(),
        lastOffset: int64(),
        /** 0 gap, 1 accept, 2 release, 3 reject, 4 renew. */
        acknowledgeTypes: array(int8()),
      }),
    }),
  }),
});

export const ShareAcknowledgeResponse = message("ShareAcknowledgeResponse", "1-2", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", default: null }),
  acquisitionLockTimeoutMs: int32({ versions: "2+", ignorable: true }),
  responses: array({
    topicId: uuid(),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+", default: null }),
      currentLeader: struct({
        leaderId: int32(),
        leaderEpoch: int32(),
      }),
    }),
  }),
  nodeEndpoints: array({
    nodeId: int32(),
    host: string(),
    port: int32(),
    rack: string({ nullable: "0+", default: null }),
  }),
});

/** ShareAcknowledge (key 79): accepts, releases, rejects or renews acquired records. */
export const ShareAcknowledge = defineApi({
  key: 79,
  request: ShareAcknowledgeRequest,
  response: ShareAcknowledgeResponse,
  listeners: ["broker"],
});
