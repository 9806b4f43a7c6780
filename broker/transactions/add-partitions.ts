/**
 * Partitions come into a transaction, as a client says (AddPartitionsToTxn, AddOffsetsToTxn) or as the leader of one does on its
 * behalf (KIP-890); and the leader's question whether they are in it.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { containsAll, type TopicPartitions } from "./topic-partitions.ts";
import { type Transaction, withPartitions } from "./transaction.ts";
import { type Around, isPending, type Known, moving, type TransactionDecision } from "./transaction-decision.ts";
import { isPrepared, TransactionState } from "./transaction-state.ts";

/** Who speaks for a transaction. */
export interface ProducerClaim {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface AddPartitionsOrder extends ProducerClaim {
  readonly partitions: TopicPartitions;
  /** transaction.version in the terms of which the client works: 0 or 2. */
  readonly clientTransactionVersion: number;
}

/** @throws KafkaError */
export function decideAddPartitions(
  known: Known,
  order: AddPartitionsOrder,
  around: Around,
): TransactionDecision<ErrorCode> {
  const { current } = known;
  // Differs from Kafka: leaders that add their partitions to one transaction at the same time are taken one after the other;
  // Kafka takes one and answers the others CONCURRENT_TRANSACTIONS.
  const isAdding = current !== undefined && isOwn(current, order) && current.state === TransactionState.ONGOING;
  if (isPending(known) && !isAdding) throw new KafkaError(ErrorCode.CONCURRENT_TRANSACTIONS);
  const own = requireOwn(current, order);
  if (isPrepared(own.state)) throw new KafkaError(ErrorCode.CONCURRENT_TRANSACTIONS);
  const { partitions, clientTransactionVersion } = order;
  if (isAdding && containsAll(own.partitions, partitions)) return { response: ErrorCode.NONE };
  const to = withPartitions(own, partitions, clientTransactionVersion, around.now);
  return moving(to, around, ErrorCode.NONE as ErrorCode);
}

/**
 * The transaction in which a producer's partitions are to be found. What is not committed does not count: a log looks again before
 * it appends. @throws KafkaError
 */
export function ongoingTransaction(committed: Transaction | undefined, claim: ProducerClaim): Transaction {
  const own = requireOwn(committed, claim);
  if (isPrepared(own.state)) throw new KafkaError(ErrorCode.CONCURRENT_TRANSACTIONS);
  return own;
}

function isOwn(transaction: Transaction, { producerId, producerEpoch }: ProducerClaim): boolean {
  return transaction.producerId === producerId && transaction.producerEpoch === producerEpoch;
}

function requireOwn(transaction: Transaction | undefined, { producerId, producerEpoch }: ProducerClaim): Transaction {
  if (transaction === undefined || transaction.producerId !== producerId) {
    throw new KafkaError(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  }
  if (transaction.producerEpoch !== producerEpoch) throw new KafkaError(ErrorCode.PRODUCER_FENCED);
  return transaction;
}
