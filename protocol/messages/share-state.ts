/** Share groups (KIP-932): state of share partitions, between brokers. */
import { defineApi } from "../schema/api.ts";
import { array, int8, int16, int32, int64, string, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const InitializeShareGroupStateRequest = message("InitializeShareGroupStateRequest", "0", "0+", {
  groupId: string(),
  topics: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      stateEpoch: int32(),
      startOffset: int64(),
    }),
  }),
});

export const InitializeShareGroupStateResponse = message("InitializeShareGroupStateResponse", "0", "0+", {
  results: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+", default: null }),
    }),
  }),
});

/** InitializeShareGroupState (key 83): starts the state of share partitions. */
export const InitializeShareGroupState = defineApi({
  key: 83,
  request: InitializeShareGroupStateRequest,
  response: InitializeShareGroupStateResponse,
  listeners: ["broker"],
});

export const ReadShareGroupStateRequest = message("ReadShareGroupStateRequest", "0", "0+", {
  groupId: string(),
  topics: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      leaderEpoch: int32(),
    }),
  }),
});

export const ReadShareGroupStateResponse = message("ReadShareGroupStateResponse", "0", "0+", {
  results: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+", default: null }),
      stateEpoch: int32(),
      startOffset: int64(),
      stateBatches: array({
        firstOffset: int64(),
        lastOffset: int64(),
        deliveryState: int8(),
        deliveryCount: int16(),
      }),
    }),
  }),
});

/** ReadShareGroupState (key 84): the whole state of share partitions. */
export const ReadShareGroupState = defineApi({
  key: 84,
  request: ReadShareGroupStateRequest,
  response: ReadShareGroupStateResponse,
  listeners: ["broker"],
});

export const WriteShareGroupStateRequest = message("WriteShareGroupStateRequest", "0-1", "0+", {
  groupId: string(),
  topics: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      stateEpoch: int32(),
      leaderEpoch: int32(),
      startOffset: int64(),
      deliveryCompleteCount: int32({ versions: "1+", default: -1, ignorable: true }),
      stateBatches: array({
        firstOffset: int64(),
        lastOffset: int64(),
        deliveryState: int8(),
        deliveryCount: int16(),
      }),
    }),
  }),
});

export const WriteShareGroupStateResponse = message("WriteShareGroupStateResponse", "0-1", "0+", {
  results: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+", default: null }),
    }),
  }),
});

/** WriteShareGroupState (key 85): changes of state batches. */
export const WriteShareGroupState = defineApi({
  key: 85,
  request: WriteShareGroupStateRequest,
  response: WriteShareGroupStateResponse,
  listeners: ["broker"],
});

export const DeleteShareGroupStateRequest = message("DeleteShareGroupStateRequest", "0", "0+", {
  groupId: string(),
  topics: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
    }),
  }),
});

export const DeleteShareGroupStateResponse = message("DeleteShareGroupStateResponse", "0", "0+", {
  results: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+", default: null }),
    }),
  }),
});

/** DeleteShareGroupState (key 86): drops the state. */
export const DeleteShareGroupState = defineApi({
  key: 86,
  request: DeleteShareGroupStateRequest,
  response: DeleteShareGroupStateResponse,
  listeners: ["broker"],
});

export const ReadShareGroupStateSummaryRequest = message("ReadShareGroupStateSummaryRequest", "0-1", "0+", {
  groupId: string(),
  topics: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      leaderEpoch: int32(),
    }),
  }),
});

export const ReadShareGroupStateSummaryResponse = message("ReadShareGroupStateSummaryResponse", "0-1", "0+", {
  results: array({
    topicId: uuid(),
    partitions: array({
      partition: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+", default: null }),
      stateEpoch: int32(),
      leaderEpoch: int32(),
      startOffset: int64(),
      deliveryCompleteCount: int32({ versions: "1+", default: -1, ignorable: true }),
    }),
  }),
});

/** ReadShareGroupStateSummary (key 87): only where share partitions start. */
export const ReadShareGroupStateSummary = defineApi({
  key: 87,
  request: ReadShareGroupStateSummaryRequest,
  response: ReadShareGroupStateSummaryResponse,
  listeners: ["broker"],
});
