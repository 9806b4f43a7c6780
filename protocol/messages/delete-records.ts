/** Moving the log start. */
import { defineApi } from "../schema/api.ts";
import { array, int16, int32, int64, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const DeleteRecordsRequest = message("DeleteRecordsRequest", "0-2", "2+", {
  topics: array({
    name: string(),
    partitions: array({
      partitionIndex: int32(),
      offset: int64(),
    }),
  }),
  timeoutMs: int32(),
});

export const DeleteRecordsResponse = message("DeleteRecordsResponse", "0-2", "2+", {
  throttleTimeMs: int32(),
  topics: array({
    name: string(),
    partitions: array({
      partitionIndex: int32(),
      lowWatermark: int64(),
      errorCode: int16(),
    }),
  }),
});

/** DeleteRecords (key 21): drops what lies before an offset (KIP-107). */
export const DeleteRecords = defineApi({
  key: 21,
  request: DeleteRecordsRequest,
  response: DeleteRecordsResponse,
  listeners: ["broker"],
});
