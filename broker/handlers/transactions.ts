/**
 * Transactions: AddPartitionsToTxn (24), AddOffsetsToTxn (25), EndTxn (26), WriteTxnMarkers (27).
 *
 * Owns: which topics and partitions exist, where each version has its errors, and old names of codes. Leaves to transactions/: what
 * requests mean. AddPartitionsToTxn v4 several transactions and verification (between brokers), EndTxn v5 an epoch per transaction
 * (KIP-890).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type {
  AddOffsetsToTxn,
  AddPartitionsToTxn,
  EndTxn,
  WriteTxnMarkers,
} from "../../protocol/messages/transactions.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import type { Broker } from "../broker.ts";
import { Later } from "../dispatch/answer.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import { InternalTopic } from "../metadata/internal-topics.ts";
import { coordinatorError } from "../state-machine/coordinator-error.ts";
import { gather, Reply } from "../state-machine/reply.ts";
import { decideEndTransaction } from "../transactions/end-transaction.ts";
import type { MarkerOutcome } from "../transactions/marker-writer.ts";
import { eachPartition, topicPartitions } from "../transactions/topic-partitions.ts";
import type { PartitionResult } from "../transactions/transaction-coordinator.ts";
import { NO_PRODUCER, type ProducerAnswer } from "../transactions/transaction-decision.ts";

type AddRequest = Decode<(typeof AddPartitionsToTxn)["request"]>;
type AddResponse = Encode<(typeof AddPartitionsToTxn)["response"]>;
type TransactionToAdd = AddRequest["transactions"][number];
type MarkersResponse = Encode<(typeof WriteTxnMarkers)["response"]>;

/** From here on a request has several transactions, and comes from a broker. */
const BATCH_VERSION = 4;
/** Older clients know no PRODUCER_FENCED. */
const FENCED_VERSION = 2;
const EPOCH_PER_TRANSACTION_VERSION = 5;
/** In the terms of which a client works: that of old, or an epoch per transaction. */
const CLASSIC = 0;
const EPOCH_PER_TRANSACTION = 2;
/** How long AddOffsetsToTxn waits for the topic of offsets to be made, and how often it looks. */
const OFFSETS_TOPIC_WAIT_MS = 5_000;
const OFFSETS_TOPIC_LOOK_MS = 10;

export const handleAddPartitionsToTxn: Handler<typeof AddPartitionsToTxn> = (request, context) => {
  if (context.apiVersion >= BATCH_VERSION) {
    const parts = request.transactions.map((transaction) => add(transaction, context));
    return gather(parts, (answers): AddResponse => {
      return {
        resultsByTransaction: answers.map((results, i) => {
          const { transactionalId } = request.transactions[i] as TransactionToAdd;
          return { transactionalId, topicResults: addedTopics(results) };
        }),
      };
    });
  }
  const transaction = {
    transactionalId: request.v3AndBelowTransactionalId,
    producerId: request.v3AndBelowProducerId,
    producerEpoch: request.v3AndBelowProducerEpoch,
    verifyOnly: false,
    topics: request.v3AndBelowTopics,
  };
  return gather([add(transaction, context)], ([results = []]): AddResponse => {
    return { resultsByTopicV3AndBelow: addedTopics(results) };
  });
};

/** All partitions of a transaction, or none: one that does not exist keeps the others out. */
function add(transaction: TransactionToAdd, { broker, apiVersion }: RequestContext): Later<PartitionResult[]> {
  const { transactionalId, producerId, producerEpoch, verifyOnly, topics } = transaction;
  const partitions = topicPartitions(topics.map(({ name, partitions: indexes }) => [name, indexes]));
  const exists = (topic: string, index: number) => broker.image.topics.get(topic)?.partitions[index] !== undefined;
  const all = [...eachPartition(partitions)];
  if (!all.every(([topic, index]) => exists(topic, index))) {
    const refused = new Later<PartitionResult[]>();
    refused.complete(
      all.map(([topic, partition]) => {
        const known = exists(topic, partition);
        const errorCode = known ? ErrorCode.OPERATION_NOT_ATTEMPTED : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
        return { topic, partition, errorCode };
      }),
    );
    return refused;
  }
  const claim = { transactionalId, producerId, producerEpoch, partitions };
  if (verifyOnly) return broker.transactions.verifyPartitions(claim);
  const clientTransactionVersion = apiVersion >= BATCH_VERSION ? EPOCH_PER_TRANSACTION : CLASSIC;
  const added = broker.transactions.addPartitions({ ...claim, clientTransactionVersion });
  return gather([added], ([results = []]) =>
    results.map((result) => ({ ...result, errorCode: inOldTerms(result.errorCode, apiVersion) })),
  );
}

function addedTopics(results: readonly PartitionResult[]) {
  const topics = new Map<string, { partitionIndex: number; partitionErrorCode: number }[]>();
  for (const { topic, partition, errorCode } of results) {
    const entry = { partitionIndex: partition, partitionErrorCode: errorCode };
    const known = topics.get(topic);
    if (known === undefined) topics.set(topic, [entry]);
    else known.push(entry);
  }
  return [...topics].map(([name, resultsByPartition]) => ({ name, resultsByPartition }));
}

export const handleAddOffsetsToTxn: Handler<typeof AddOffsetsToTxn> = (request, { broker, apiVersion }) => {
  const { transactionalId, producerId, producerEpoch, groupId } = request;
  const answer = new Later<Encode<(typeof AddOffsetsToTxn)["response"]>>();
  whenOffsetsHaveTopic(broker, answer, () => {
    const partition = broker.groups.partitionOf(groupId);
    if (partition === undefined) {
      answer.complete({ errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS });
      return;
    }
    const partitions = new Map([[InternalTopic.CONSUMER_OFFSETS, new Set([partition])]]);
    const claim = { transactionalId, producerId, producerEpoch, partitions };
    const added = broker.transactions.addPartitions({ ...claim, clientTransactionVersion: CLASSIC });
    added.onComplete((results) => {
      const code = typeof results === "symbol" ? undefined : results[0]?.errorCode;
      answer.complete({ errorCode: inOldTerms(code ?? ErrorCode.UNKNOWN_SERVER_ERROR, apiVersion) });
    });
  });
  return answer;
};

/**
 * Goes on when there is a topic for offsets, or has not come in time.
 *
 * Differs from Kafka: the first AddOffsetsToTxn waits until the topic of committed offsets has been made, as whoever ends a
 * transaction must know its partitions; Kafka adds the partition before there is one.
 */
function whenOffsetsHaveTopic(
  { image, clock, autoTopics, groups }: Broker,
  answer: Later<unknown>,
  go: () => void,
): void {
  if (image.topics.has(InternalTopic.CONSUMER_OFFSETS)) {
    go();
    return;
  }
  autoTopics.request([InternalTopic.CONSUMER_OFFSETS]);
  const untilMs = clock.monotonicMs() + OFFSETS_TOPIC_WAIT_MS;
  const look = (): void => {
    if (groups.partitionOf("") !== undefined || clock.monotonicMs() >= untilMs) {
      go();
      return;
    }
    const timer = clock.after(OFFSETS_TOPIC_LOOK_MS, look);
    answer.whenCancelled(() => timer.cancel());
  };
  look();
}

export const handleEndTxn: Handler<typeof EndTxn> = (request, { broker, apiVersion }) => {
  const { transactionalId } = request;
  const reply = new Reply<ProducerAnswer>((code) => ({
    errorCode: inOldTerms(coordinatorError(code), apiVersion),
    ...NO_PRODUCER,
  }));
  const clientTransactionVersion = apiVersion >= EPOCH_PER_TRANSACTION_VERSION ? EPOCH_PER_TRANSACTION : CLASSIC;
  if (transactionalId === "") reply.refuse(ErrorCode.INVALID_REQUEST);
  else {
    broker.transactions.write(transactionalId, reply, (machine) =>
      decideEndTransaction(machine.known(transactionalId), { ...request, clientTransactionVersion }, machine.around()),
    );
  }
  return reply.later;
};

function inOldTerms(code: ErrorCode, apiVersion: number): ErrorCode {
  if (code !== ErrorCode.PRODUCER_FENCED || apiVersion >= FENCED_VERSION) return code;
  return ErrorCode.INVALID_PRODUCER_EPOCH;
}

export const handleWriteTxnMarkers: Handler<typeof WriteTxnMarkers> = ({ markers }, { broker }) => {
  const parts = markers.map((marker) => {
    const { producerId, producerEpoch, coordinatorEpoch, transactionVersion, transactionResult: committed } = marker;
    const partitions = topicPartitions(marker.topics.map(({ name, partitionIndexes }) => [name, partitionIndexes]));
    const end = { producerId, producerEpoch, coordinatorEpoch, committed, transactionVersion };
    return broker.markerWriter.write(end, eachPartition(partitions));
  });
  return gather(parts, (answers): MarkersResponse => {
    // Who asks finds the answer by the producer.
    const byProducer = new Map<number, MarkerOutcome[]>();
    answers.forEach((outcomes, i) => {
      const producerId = markers[i]?.producerId ?? -1;
      byProducer.set(producerId, [...(byProducer.get(producerId) ?? []), ...outcomes]);
    });
    return {
      markers: [...byProducer].map(([producerId, outcomes]) => ({ producerId, topics: markedTopics(outcomes) })),
    };
  });
};

function markedTopics(outcomes: readonly MarkerOutcome[]) {
  const topics = new Map<string, { partitionIndex: number; errorCode: number }[]>();
  for (const { topic, partition, errorCode } of outcomes) {
    const entry = { partitionIndex: partition, errorCode };
    const known = topics.get(topic);
    if (known === undefined) topics.set(topic, [entry]);
    else known.push(entry);
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}
