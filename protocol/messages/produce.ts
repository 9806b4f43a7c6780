/** Producing records. */
import { defineApi } from "../schema/api.ts";
import { array, int16, int32, int64, records, string, struct, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const ProduceRequest = message("ProduceRequest", "3-13", "9+", {
  /** Null when the batches are not part of a transaction. */
  transactionalId: string({ nullable: "3+", default: null }),
  /** 0 none, 1 the leader, -1 every in-sync replica. */
  acks: int16(),
  timeoutMs: int32(),
  topicData: array({
    name: string({ versions: "0-12", ignorable: true }),
    topicId: uuid({ versions: "13+", ignorable: true }),
    partitionData: array({
      index: int32(),
      records: records({ nullable: "0+" }),
    }),
  }),
});

export const ProduceResponse = message("ProduceResponse", "3-13", "9+", {
  responses: array({
    name: string({ versions: "0-12", ignorable: true }),
    topicId: uuid({ versions: "13+", ignorable: true }),
    partitionResponses: array({
      index: int32(),
      errorCode: int16(),
      baseOffset: int64(),
      logAppendTimeMs: int64({ default: -1, ignorable: true }),
      logStartOffset: int64({ versions: "5+", default: -1, ignorable: true }),
      recordErrors: array(
        {
          batchIndex: int32(),
          batchIndexErrorMessage: string({ nullable: "8+", default: null }),
        },
        { versions: "8+", ignorable: true },
      ),
      errorMessage: string({ versions: "8+", nullable: "8+", default: null, ignorable: true }),
      currentLeader: struct(
        {
          leaderId: int32({ default: -1 }),
          leaderEpoch: int32({ default: -1 }),
        },
        { tag: 0, taggedVersions: "10+" },
      ),
    }),
  }),
  throttleTimeMs: int32({ default: 0, ignorable: true }),
  nodeEndpoints: array(
    {
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: "10+", default: null }),
    },
    { tag: 0, taggedVersions: "10+" },
  ),
});

/** Produce (key 0): appends record batches to partitions the receiver leads. v9 flexible (KIP-482), v10 current leader (KIP-951), v12 implicit add to transaction (KIP-890), v13 topic ids (KIP-516). */
export const Produce = defineApi({ key: 0, request: ProduceRequest, response: ProduceResponse, listeners: ["broker"] });
