/** Where a leader epoch ends. */
import { defineApi } from "../schema/api.ts";
import { array, int16, int32, int64, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const OffsetForLeaderEpochRequest = message("OffsetForLeaderEpochRequest", "2-4", "4+", {
  replicaId: int32({ versions: "3+", default: -2, ignorable: true }),
  topics: array({
    topic: string(),
    partitions: array({
      partition: int32(),
      currentLeaderEpoch: int32({ default: -1, ignorable: true }),
      leaderEpoch: int32(),
    }),
  }),
});

export const OffsetForLeaderEpochResponse = message("OffsetForLeaderEpochResponse", "2-4", "4+", {
  throttleTimeMs: int32({ ignorable: true }),
  topics: array({
    topic: string(),
    partitions: array({
      errorCode: int16(),
      partition: int32(),
      leaderEpoch: int32({ default: -1, ignorable: true }),
      endOffset: int64({ default: -1 }),
    }),
  }),
});

/** OffsetForLeaderEpoch (key 23): the end offset of the largest epoch not above the one asked for (KIP-101, KIP-279, KIP-320). */
export const OffsetForLeaderEpoch = defineApi({
  key: 23,
  request: OffsetForLeaderEpochRequest,
  response: OffsetForLeaderEpochResponse,
  listeners: ["broker"],
});
