/**
 * Producers and transactions seen from outside (KIP-664): DescribeProducers (61), DescribeTransactions (65), ListTransactions (66).
 *
 * Owns: filters, and where errors stand. Queries tell what is committed and wait for nothing. ListTransactions v1 duration
 * (KIP-994), v2 pattern (KIP-1152).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf, KafkaError } from "../../protocol/kafka-error.ts";
import type {
  DescribeProducers,
  DescribeTransactions,
  ListTransactions,
} from "../../protocol/messages/transactions-admin.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import type { Broker } from "../broker.ts";
import type { Handler } from "../dispatch/handler.ts";
import { requireRegex, TopicPattern } from "../groups/consumer/regex/topic-pattern.ts";
import { illegalTopicName } from "../metadata/topic-name.ts";
import { coordinatorError } from "../state-machine/coordinator-error.ts";
import type { Transaction } from "../transactions/transaction.ts";
import { nameOfState, stateNamed } from "../transactions/transaction-state.ts";
import { onceEach } from "./once-each.ts";

type DescribedPartition = Encode<(typeof DescribeProducers)["response"]>["topics"][number]["partitions"][number];
type DescribedTransaction = Encode<(typeof DescribeTransactions)["response"]>["transactionStates"][number];
type ListRequest = Decode<(typeof ListTransactions)["request"]>;

export const handleDescribeProducers: Handler<typeof DescribeProducers> = ({ topics }, { broker }) => {
  const describeTopic = onceEach((name: string) => onceEach((index: number) => describeProducers(name, index, broker)));
  return {
    topics: topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map(describeTopic(name)),
    })),
  };
};

/** A follower knows them as well as the leader does. */
function describeProducers(topic: string, partitionIndex: number, broker: Broker): DescribedPartition {
  try {
    const illegal = illegalTopicName(topic);
    if (illegal !== undefined) {
      throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic name is invalid: ${illegal}`);
    }
    const { log } = broker.partitions.require(topic, partitionIndex, broker.image);
    const activeProducers = log.producers().map((producer) => ({
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      lastSequence: producer.lastSequence,
      lastTimestamp: producer.lastTimestamp,
      coordinatorEpoch: producer.coordinatorEpoch,
      currentTxnStartOffset: producer.currentTransactionFirstOffset,
    }));
    return { partitionIndex, errorCode: ErrorCode.NONE, activeProducers };
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    const says = error.code === ErrorCode.INVALID_TOPIC_EXCEPTION;
    return { partitionIndex, errorCode: error.code, errorMessage: says ? error.message : null, activeProducers: [] };
  }
}

export const handleDescribeTransactions: Handler<typeof DescribeTransactions> = ({ transactionalIds }, { broker }) => ({
  transactionStates: transactionalIds.map(onceEach((id: string) => describeById(id, broker))),
});

function describeById(transactionalId: string, broker: Broker): DescribedTransaction {
  try {
    if (transactionalId === "") return undescribed(transactionalId, ErrorCode.INVALID_REQUEST);
    const { committed } = broker.transactions.machineOf(transactionalId).known(transactionalId);
    if (committed === undefined) return undescribed(transactionalId, ErrorCode.TRANSACTIONAL_ID_NOT_FOUND);
    return describeTransaction(committed);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return undescribed(transactionalId, coordinatorError(error.code));
  }
}

function describeTransaction(transaction: Transaction): DescribedTransaction {
  return {
    errorCode: ErrorCode.NONE,
    transactionalId: transaction.transactionalId,
    transactionState: nameOfState(transaction.state),
    transactionTimeoutMs: transaction.timeoutMs,
    transactionStartTimeMs: transaction.startTimestampMs,
    producerId: transaction.producerId,
    producerEpoch: transaction.producerEpoch,
    topics: [...transaction.partitions].map(([topic, partitions]) => ({ topic, partitions: [...partitions] })),
  };
}

function undescribed(transactionalId: string, errorCode: ErrorCode): DescribedTransaction {
  return {
    ...{ errorCode, transactionalId, transactionState: "", transactionTimeoutMs: 0, transactionStartTimeMs: 0 },
    ...{ producerId: 0, producerEpoch: 0, topics: [] },
  };
}

export const handleListTransactions: Handler<typeof ListTransactions> = (request, { broker }) => {
  try {
    const machines = broker.transactions.machines();
    const [isWanted, unknownStateFilters] = filterOf(request, broker.clock.wallMs());
    const transactionStates = [];
    for (const machine of machines) {
      for (const [transactionalId, transaction] of machine.transactions.committedEntries()) {
        if (!isWanted(transaction)) continue;
        const { producerId, state } = transaction;
        transactionStates.push({ transactionalId, producerId, transactionState: nameOfState(state) });
      }
    }
    return { errorCode: ErrorCode.NONE, unknownStateFilters, transactionStates };
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return { errorCode: errorCodeOf(error), unknownStateFilters: [], transactionStates: [] };
  }
};

/** @throws KafkaError INVALID_REGULAR_EXPRESSION. */
function filterOf(
  { stateFilters, producerIdFilters, durationFilter, transactionalIdPattern }: ListRequest,
  nowMs: number,
): [isWanted: (transaction: Transaction) => boolean, unknownStateFilters: string[]] {
  const states = new Set(stateFilters.map(stateNamed));
  const producerIds = new Set(producerIdFilters);
  const pattern = transactionalIdPattern === null || transactionalIdPattern === "" ? undefined : transactionalIdPattern;
  const matches = pattern === undefined ? undefined : compilePattern(pattern);
  const isWanted = (transaction: Transaction): boolean => {
    if (producerIds.size > 0 && !producerIds.has(transaction.producerId)) return false;
    if (states.size > 0 && !states.has(transaction.state)) return false;
    if (durationFilter >= 0 && nowMs - transaction.startTimestampMs <= durationFilter) return false;
    return matches?.(transaction.transactionalId) ?? true;
  };
  return [isWanted, [...new Set(stateFilters)].filter((name) => stateNamed(name) === undefined)];
}

/**
 * In time linear in the id, whatever the expression.
 * Differs from Kafka: the expression of a ListTransactions tells characters beyond ASCII from those within it, but not from one
 * another.
 */
function compilePattern(regex: string): (text: string) => boolean {
  requireRegex(regex);
  const pattern = new TopicPattern(regex);
  return (text) => pattern.matches(text.replace(BEYOND_ASCII, PLACEHOLDER));
}

const BEYOND_ASCII = /[^\0-\x7f]/gu;
const PLACEHOLDER = "\x7f";
