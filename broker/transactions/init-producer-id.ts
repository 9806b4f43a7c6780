/**
 * InitProducerId of a transactional id: a producer begins, and fences whoever had the id before (KIP-98), or goes on after an error
 * of its own (KIP-360).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { decideFence } from "./end-transaction.ts";
import { initialized, isEpochExhausted, NO_PRODUCER_EPOCH, newTransaction, type Transaction } from "./transaction.ts";
import {
  type Around,
  type Known,
  moving,
  NO_PRODUCER,
  type ProducerAnswer,
  refuseWhilePending,
  type TransactionDecision,
  takeProducerId,
} from "./transaction-decision.ts";
import { isPrepared, TransactionState } from "./transaction-state.ts";

export interface InitProducerIdOrder {
  readonly transactionalId: string;
  readonly timeoutMs: number;
  /** What the producer had until now; undefined for one that starts. */
  readonly producer: { readonly producerId: number; readonly producerEpoch: number } | undefined;
}

/** @throws KafkaError */
export function decideInitProducerId(
  known: Known,
  order: InitProducerIdOrder,
  around: Around,
): TransactionDecision<ProducerAnswer> {
  refuseWhilePending(known);
  const { current } = known;
  const { producer, timeoutMs } = order;
  // Whatever a producer says it had, an id that nobody knows begins anew.
  if (current === undefined) {
    return answering(newTransaction(order.transactionalId, takeProducerId(around), timeoutMs, around.now), around);
  }
  if (producer !== undefined && !mayGoOn(current, producer)) throw new KafkaError(ErrorCode.PRODUCER_FENCED);
  if (isPrepared(current.state)) throw new KafkaError(ErrorCode.CONCURRENT_TRANSACTIONS);
  if (current.state === TransactionState.ONGOING) {
    // The epoch that fences is nobody's: the client comes again and gets the next.
    const fence = decideFence(current, around);
    return { ...fence, response: { errorCode: ErrorCode.CONCURRENT_TRANSACTIONS, ...NO_PRODUCER } };
  }
  return answering(
    initialized(current, nextProducer(current, producer?.producerEpoch, around), timeoutMs, around.now),
    around,
  );
}

function answering(to: Transaction, around: Around): TransactionDecision<ProducerAnswer> {
  const { producerId, producerEpoch } = to;
  return moving(to, around, { errorCode: ErrorCode.NONE, producerId, producerEpoch });
}

function mayGoOn(
  current: Transaction,
  { producerId, producerEpoch }: NonNullable<InitProducerIdOrder["producer"]>,
): boolean {
  if (producerId === current.producerId) return true;
  // The epochs of its id had run out, and the answer with the new id was lost.
  return producerId === current.previousProducerId && isEpochExhausted(producerEpoch);
}

/** @param expected the epoch the producer had; undefined for one that starts. */
function nextProducer(current: Transaction, expected: number | undefined, around: Around) {
  const { producerId, producerEpoch, lastProducerEpoch } = current;
  const isCurrent = expected === undefined || expected === producerEpoch;
  if (isCurrent && isEpochExhausted(producerEpoch)) {
    const last = expected === undefined ? NO_PRODUCER_EPOCH : producerEpoch;
    return { producerId: takeProducerId(around), producerEpoch: 0, lastProducerEpoch: last };
  }
  if (isCurrent) {
    const last = expected === undefined ? NO_PRODUCER_EPOCH : producerEpoch;
    return { producerId, producerEpoch: producerEpoch + 1, lastProducerEpoch: last };
  }
  // A repeated request whose answer was lost. Nobody has begun since: that would have forgotten the last epoch.
  // Differs from Kafka: an InitProducerId that is repeated because its answer was lost gets that answer again also when it was the
  // one with which a producer's epochs ran out; Kafka then answers UNKNOWN_SERVER_ERROR.
  if (expected === lastProducerEpoch) return { producerId, producerEpoch, lastProducerEpoch };
  throw new KafkaError(ErrorCode.PRODUCER_FENCED);
}
