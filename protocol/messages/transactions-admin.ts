/** Looking at producers and transactions from outside (KIP-664). */
import { defineApi } from "../schema/api.ts";
import { array, int16, int32, int64, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const DescribeProducersRequest = message("DescribeProducersRequest", "0", "0+", {
  topics: array({
    name: string(),
    partitionIndexes: array(int32()),
  }),
});

export const DescribeProducersResponse = message("DescribeProducersResponse", "0", "0+", {
  throttleTimeMs: int32(),
  topics: array({
    name: string(),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+", default: null }),
      activeProducers: array({
        producerId: int64(),
        producerEpoch: int32(),
        lastSequence: int32({ default: -1 }),
        lastTimestamp: int64({ default: -1 }),
        coordinatorEpoch: int32(),
        currentTxnStartOffset: int64({ default: -1 }),
      }),
    }),
  }),
});

/** DescribeProducers (key 61): producers with state on a partition. */
export const DescribeProducers = defineApi({
  key: 61,
  request: DescribeProducersRequest,
  response: DescribeProducersResponse,
  listeners: ["broker"],
});

export const DescribeTransactionsRequest = message("DescribeTransactionsRequest", "0", "0+", {
  transactionalIds: array(string()),
});

export const DescribeTransactionsResponse = message("DescribeTransactionsResponse", "0", "0+", {
  throttleTimeMs: int32(),
  transactionStates: array({
    errorCode: int16(),
    transactionalId: string(),
    transactionState: string(),
    transactionTimeoutMs: int32(),
    transactionStartTimeMs: int64(),
    producerId: int64(),
    producerEpoch: int16(),
    topics: array({
      topic: string(),
      partitions: array(int32()),
    }),
  }),
});

/** DescribeTransactions (key 65): state of transactional ids. */
export const DescribeTransactions = defineApi({
  key: 65,
  request: DescribeTransactionsRequest,
  response: DescribeTransactionsResponse,
  listeners: ["broker"],
});

export const ListTransactionsRequest = message("ListTransactionsRequest", "0-2", "0+", {
  stateFilters: array(string()),
  producerIdFilters: array(int64()),
  durationFilter: int64({ versions: "1+", default: -1 }),
  transactionalIdPattern: string({ versions: "2+", nullable: "2+", default: null }),
});

export const ListTransactionsResponse = message("ListTransactionsResponse", "0-2", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  unknownStateFilters: array(string()),
  transactionStates: array({
    transactionalId: string(),
    producerId: int64(),
    transactionState: string(),
  }),
});

/** ListTransactions (key 66): transactions a broker coordinates. v1 by duration, v2 by pattern. */
export const ListTransactions = defineApi({
  key: 66,
  request: ListTransactionsRequest,
  response: ListTransactionsResponse,
  listeners: ["broker"],
});
