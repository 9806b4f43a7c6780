/** Offsets by time. */
import { defineApi } from "../schema/api.ts";
import { array, int8, int16, int32, int64, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const ListOffsetsRequest = message("ListOffsetsRequest", "1-11", "6+", {
  replicaId: int32(),
  isolationLevel: int8({ versions: "2+" }),
  topics: array({
    name: string(),
    partitions: array({
      partitionIndex: int32(),
      currentLeaderEpoch: int32({ versions: "4+", default: -1, ignorable: true }),
      /** A time in ms, or -1 latest, -2 earliest, -3 max timestamp, -4 earliest local, -5 latest tiered, -6 earliest pending upload. */
      timestamp: int64(),
    }),
  }),
  timeoutMs: int32({ versions: "10+", ignorable: true }),
});

export const ListOffsetsResponse = message("ListOffsetsResponse", "1-11", "6+", {
  throttleTimeMs: int32({ versions: "2+", ignorable: true }),
  topics: array({
    name: string(),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      timestamp: int64({ default: -1 }),
      offset: int64({ default: -1 }),
      leaderEpoch: int32({ versions: "4+", default: -1 }),
    }),
  }),
});

/** ListOffsets (key 2): the offset of a point in time or of an end of the log. v7 max timestamp, v8 earliest local, v9 latest tiered, v10 timeout, v11 earliest pending upload. */
export const ListOffsets = defineApi({
  key: 2,
  request: ListOffsetsRequest,
  response: ListOffsetsResponse,
  listeners: ["broker"],
});
