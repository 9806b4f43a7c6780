/**
 * A transaction ends: its producer commits or aborts it, the coordinator aborts it in the producer's stead, and, when its markers are
 * written, it is complete.
 *
 * Two kinds of client: until transaction.version 2 an epoch lasts as long as its producer, from then on as long as one transaction,
 * so that a late request for the last one is known by its epoch (KIP-890).
 */
import { strict as assert } from "node:assert";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { ProducerClaim } from "./add-partitions.ts";
import {
  bumpsEpochs,
  completed,
  fenced,
  isEpochExhausted,
  NO_PRODUCER_ID,
  prepared,
  type Transaction,
} from "./transaction.ts";
import {
  type Around,
  isPending,
  type Known,
  NO_PRODUCER,
  type ProducerAnswer,
  refuseWhilePending,
  type TransactionDecision,
  takeProducerId,
} from "./transaction-decision.ts";
import { transactionRecord } from "./transaction-record.ts";
import { isPrepared, TransactionState } from "./transaction-state.ts";

const { EMPTY, ONGOING, PREPARE_COMMIT, COMPLETE_COMMIT, COMPLETE_ABORT } = TransactionState;
/** The last epoch a client is given of a producer id. */
const LAST_CLIENT_EPOCH = 0x7ffe;

export interface EndTransactionOrder extends ProducerClaim {
  readonly committed: boolean;
  /** transaction.version in the terms of which the client works: 0 or 2. */
  readonly clientTransactionVersion: number;
}

/** @throws KafkaError */
export function decideEndTransaction(
  known: Known,
  order: EndTransactionOrder,
  around: Around,
): TransactionDecision<ProducerAnswer> {
  const bumps = bumpsEpochs(order.clientTransactionVersion);
  return bumps ? decideEndOfEpoch(known, order, around) : decideEndInEpoch(known, order, around);
}

/** Of a producer that keeps its epoch. */
function decideEndInEpoch(
  known: Known,
  order: EndTransactionOrder,
  around: Around,
): TransactionDecision<ProducerAnswer> {
  // What is not committed may still come to nothing.
  const transaction = isPending(known) ? (known.committed ?? known.current) : known.current;
  if (transaction === undefined || transaction.producerId !== order.producerId) {
    throw new KafkaError(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  }
  if (transaction.producerEpoch !== order.producerEpoch) throw new KafkaError(ErrorCode.PRODUCER_FENCED);
  refuseWhilePending(known);
  const { state } = transaction;
  if (state === EMPTY) throw new KafkaError(ErrorCode.INVALID_TXN_STATE);
  if (state !== ONGOING) return repeated(transaction, order, NO_PRODUCER);
  const to = prepared(transaction, order.committed, order.clientTransactionVersion, NO_PRODUCER_ID, around.now);
  return preparing(to, around, { errorCode: ErrorCode.NONE, ...NO_PRODUCER });
}

/** Of a producer that takes a new epoch for each transaction: with the epoch of the last one it repeats itself. */
function decideEndOfEpoch(
  known: Known,
  order: EndTransactionOrder,
  around: Around,
): TransactionDecision<ProducerAnswer> {
  refuseWhilePending(known);
  const { current } = known;
  if (current === undefined) throw new KafkaError(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  const { producerId, producerEpoch, state } = current;
  const isAfterLastEpoch =
    order.producerId === current.previousProducerId && order.producerEpoch === LAST_CLIENT_EPOCH && producerEpoch === 0;
  if (order.producerId !== producerId && !isAfterLastEpoch) throw new KafkaError(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  const isRepeated = isAfterLastEpoch || producerEpoch === order.producerEpoch + 1;
  const isComplete = state === COMPLETE_COMMIT || state === COMPLETE_ABORT;
  if (isRepeated && (isComplete || isPrepared(state))) return repeated(current, order, { producerId, producerEpoch });
  if (order.producerEpoch !== producerEpoch || isPrepared(state)) throw new KafkaError(ErrorCode.PRODUCER_FENCED);
  // Nothing was begun: there is nothing to commit, and an abort costs an epoch.
  if (state !== ONGOING && order.committed) throw new KafkaError(ErrorCode.INVALID_TXN_STATE);
  const to = prepared(current, order.committed, order.clientTransactionVersion, successor(current, around), around.now);
  const next = completed(to, around.now);
  const answer = { producerId: next.producerId, producerEpoch: next.producerEpoch };
  return preparing(to, around, { errorCode: ErrorCode.NONE, ...answer });
}

/** The outcome is decided already: it is told again when it is complete, and was the same. */
function repeated(
  { state }: Transaction,
  { committed }: EndTransactionOrder,
  producer: Omit<ProducerAnswer, "errorCode">,
): TransactionDecision<ProducerAnswer> {
  const isCommitted = state === PREPARE_COMMIT || state === COMPLETE_COMMIT;
  if (committed !== isCommitted) throw new KafkaError(ErrorCode.INVALID_TXN_STATE);
  if (isPrepared(state)) throw new KafkaError(ErrorCode.CONCURRENT_TRANSACTIONS);
  return { response: { errorCode: ErrorCode.NONE, ...producer } };
}

/**
 * The coordinator aborts an ongoing transaction, and its producer can do no more. If that is not stored, nothing has happened, and
 * the next attempt bumps the epoch as this one did (KAFKA-9666). @throws KafkaError COORDINATOR_LOAD_IN_PROGRESS.
 */
export function decideFence(transaction: Transaction, around: Around): TransactionDecision<never> {
  assert(transaction.state === ONGOING, "what is not ongoing needs no fencing");
  const { now, transactionVersion } = around;
  if (!bumpsEpochs(transactionVersion)) {
    return preparing(prepared(fenced(transaction), false, 0, NO_PRODUCER_ID, now), around);
  }
  return preparing(prepared(transaction, false, transactionVersion, successor(transaction, around), now), around);
}

/** Who goes on when the epochs of the producer id have run out (KAFKA-20090: also when the coordinator ends the last one). */
function successor({ producerEpoch }: Transaction, around: Around): number {
  return isEpochExhausted(producerEpoch) ? takeProducerId(around) : NO_PRODUCER_ID;
}

function preparing<R = never>(to: Transaction, around: Around, response?: R): TransactionDecision<R> {
  const decision = { records: [transactionRecord(to, around.transactionVersion)], effects: [to] };
  return response === undefined ? decision : { ...decision, response };
}

/** All markers of a prepared transaction are written; when it was completed meanwhile, or is another, nothing happens (KAFKA-10080). */
export function decideComplete(known: Known, of: Transaction, around: Around): TransactionDecision<ErrorCode> {
  const { current } = known;
  const isSame =
    current !== undefined &&
    current.producerId === of.producerId &&
    current.producerEpoch === of.producerEpoch &&
    current.state === of.state;
  if (!isSame) return { response: ErrorCode.NONE };
  return {
    records: [transactionRecord(completed(current, around.now), around.transactionVersion)],
    response: ErrorCode.NONE,
  };
}
