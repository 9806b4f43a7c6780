/** Transactions (KIP-98, KIP-447, KIP-890). */
import { defineApi } from "../schema/api.ts";
import { array, bool, int8, int16, int32, int64, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

const addPartitionsToTxnTopic = {
  name: string(),
  partitions: array(int32()),
} as const;
export const AddPartitionsToTxnRequest = message("AddPartitionsToTxnRequest", "0-5", "3+", {
  transactions: array(
    {
      transactionalId: string(),
      producerId: int64(),
      producerEpoch: int16(),
      verifyOnly: bool({ default: false }),
      topics: array(addPartitionsToTxnTopic),
    },
    { versions: "4+" },
  ),
  v3AndBelowTransactionalId: string({ versions: "0-3" }),
  v3AndBelowProducerId: int64({ versions: "0-3" }),
  v3AndBelowProducerEpoch: int16({ versions: "0-3" }),
  v3AndBelowTopics: array(addPartitionsToTxnTopic, { versions: "0-3" }),
});

const addPartitionsToTxnPartitionResult = {
  partitionIndex: int32(),
  partitionErrorCode: int16(),
} as const;
const addPartitionsToTxnTopicResult = {
  name: string(),
  resultsByPartition: array(addPartitionsToTxnPartitionResult),
} as const;
export const AddPartitionsToTxnResponse = message("AddPartitionsToTxnResponse", "0-5", "3+", {
  throttleTimeMs: int32(),
  errorCode: int16({ versions: "4+", ignorable: true }),
  resultsByTransaction: array(
    {
      transactionalId: string(),
      topicResults: array(addPartitionsToTxnTopicResult),
    },
    { versions: "4+" },
  ),
  resultsByTopicV3AndBelow: array(addPartitionsToTxnTopicResult, { versions: "0-3" }),
});

/** AddPartitionsToTxn (key 24): v0-3 from clients, v4 and later batched between brokers, with verification only. */
export const AddPartitionsToTxn = defineApi({
  key: 24,
  request: AddPartitionsToTxnRequest,
  response: AddPartitionsToTxnResponse,
  listeners: ["broker"],
});

export const AddOffsetsToTxnRequest = message("AddOffsetsToTxnRequest", "0-4", "3+", {
  transactionalId: string(),
  producerId: int64(),
  producerEpoch: int16(),
  groupId: string(),
});

export const AddOffsetsToTxnResponse = message("AddOffsetsToTxnResponse", "0-4", "3+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
});

/** AddOffsetsToTxn (key 25): adds the offsets partition of a group. */
export const AddOffsetsToTxn = defineApi({
  key: 25,
  request: AddOffsetsToTxnRequest,
  response: AddOffsetsToTxnResponse,
  listeners: ["broker"],
});

export const EndTxnRequest = message("EndTxnRequest", "0-5", "3+", {
  transactionalId: string(),
  producerId: int64(),
  producerEpoch: int16(),
  committed: bool(),
});

export const EndTxnResponse = message("EndTxnResponse", "0-5", "3+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  producerId: int64({ versions: "5+", default: -1, ignorable: true }),
  producerEpoch: int16({ versions: "5+", default: -1, ignorable: true }),
});

/** EndTxn (key 26): commits or aborts. v5 bumps the producer epoch (KIP-890). */
export const EndTxn = defineApi({ key: 26, request: EndTxnRequest, response: EndTxnResponse, listeners: ["broker"] });

export const TxnOffsetCommitRequest = message("TxnOffsetCommitRequest", "0-5", "3+", {
  transactionalId: string(),
  groupId: string(),
  producerId: int64(),
  producerEpoch: int16(),
  generationId: int32({ versions: "3+", default: -1 }),
  memberId: string({ versions: "3+", default: "" }),
  groupInstanceId: string({ versions: "3+", nullable: "3+", default: null }),
  topics: array({
    name: string(),
    partitions: array({
      partitionIndex: int32(),
      committedOffset: int64(),
      committedLeaderEpoch: int32({ versions: "2+", default: -1, ignorable: true }),
      committedMetadata: string({ nullable: "0+" }),
    }),
  }),
});

export const TxnOffsetCommitResponse = message("TxnOffsetCommitResponse", "0-5", "3+", {
  throttleTimeMs: int32(),
  topics: array({
    name: string(),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
    }),
  }),
});

/** TxnOffsetCommit (key 28): offsets that become visible with the transaction. */
export const TxnOffsetCommit = defineApi({
  key: 28,
  request: TxnOffsetCommitRequest,
  response: TxnOffsetCommitResponse,
  listeners: ["broker"],
});

export const WriteTxnMarkersRequest = message("WriteTxnMarkersRequest", "1-2", "1+", {
  markers: array({
    producerId: int64(),
    producerEpoch: int16(),
    transactionResult: bool(),
    topics: array({
      name: string(),
      partitionIndexes: array(int32()),
    }),
    coordinatorEpoch: int32(),
    transactionVersion: int8({ versions: "2+", default: 0, ignorable: true }),
  }),
});

export const WriteTxnMarkersResponse = message("WriteTxnMarkersResponse", "1-2", "1+", {
  markers: array({
    producerId: int64(),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  }),
});

/** WriteTxnMarkers (key 27): the coordinator ends a transaction in its partitions. */
export const WriteTxnMarkers = defineApi({
  key: 27,
  request: WriteTxnMarkersRequest,
  response: WriteTxnMarkersResponse,
  listeners: ["broker"],
});
