/**
 * What the coordinator knows of a transactional id: whose it is, and where its transaction stands. Never changed in place.
 *
 * Owns: the moves from one state to the next, and which fields each carries over (KIP-98, KIP-360, KIP-890). Leaves to the
 * decisions: whether a move is due.
 * Invariant: a state follows only one that may come before it.
 */
import { strict as assert } from "node:assert";
import { NO_PARTITIONS, type TopicPartitions, union } from "./topic-partitions.ts";
import { isPrepared, mayFollow, TransactionState } from "./transaction-state.ts";

export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
const MAX_PRODUCER_EPOCH = 0x7fff;
/** From this transaction.version on every transaction has an epoch of its own (KIP-890). */
const EPOCH_BUMP_VERSION = 2;

export interface Transaction {
  readonly transactionalId: string;
  readonly producerId: number;
  /** The id before the last move; where epochs ran out it tells who may still ask about its last transaction. */
  readonly previousProducerId: number;
  /** Takes over when the markers are written; -1 when the id stays. */
  readonly nextProducerId: number;
  readonly producerEpoch: number;
  /** With which the producer may repeat its last InitProducerId; -1: none. Not stored, as in Kafka. */
  readonly lastProducerEpoch: number;
  readonly timeoutMs: number;
  readonly state: TransactionState;
  readonly partitions: TopicPartitions;
  /** Wall clock; -1 when none was begun. */
  readonly startTimestampMs: number;
  readonly updateTimestampMs: number;
  /** transaction.version in the terms of which the client works: 0 or 2. */
  readonly clientTransactionVersion: number;
  /** The two times above on the monotonic clock: what timeouts are judged by, whatever becomes of the wall clock. */
  readonly startedMs: number;
  readonly updatedMs: number;
}

export interface Now {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** One epoch is kept to fence the producer with. */
export function isEpochExhausted(producerEpoch: number): boolean {
  return producerEpoch >= MAX_PRODUCER_EPOCH - 1;
}

export function bumpsEpochs(transactionVersion: number): boolean {
  return transactionVersion >= EPOCH_BUMP_VERSION;
}

export function newTransaction(transactionalId: string, producerId: number, timeoutMs: number, now: Now): Transaction {
  return {
    transactionalId,
    producerId,
    previousProducerId: producerId,
    nextProducerId: NO_PRODUCER_ID,
    producerEpoch: 0,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs,
    state: TransactionState.EMPTY,
    partitions: NO_PARTITIONS,
    startTimestampMs: -1,
    updateTimestampMs: now.wallMs,
    clientTransactionVersion: 0,
    startedMs: now.monotonicMs,
    updatedMs: now.monotonicMs,
  };
}

type Change = Partial<Omit<Transaction, "transactionalId" | "previousProducerId" | "updateTimestampMs" | "updatedMs">>;

function moved(from: Transaction, change: Change, now: Now): Transaction {
  const to = {
    ...from,
    ...change,
    previousProducerId: from.producerId,
    updateTimestampMs: now.wallMs,
    updatedMs: now.monotonicMs,
  };
  assert(mayFollow(from.state, to.state), `a transaction goes from ${from.state} to ${to.state}`);
  return to;
}

/** A producer begins: with an id and an epoch that nobody has used. */
export function initialized(
  from: Transaction,
  producer: Pick<Transaction, "producerId" | "producerEpoch" | "lastProducerEpoch">,
  timeoutMs: number,
  now: Now,
): Transaction {
  const change = { state: TransactionState.EMPTY, partitions: NO_PARTITIONS, startTimestampMs: -1 };
  return moved(from, { ...change, ...producer, timeoutMs }, now);
}

export function withPartitions(
  from: Transaction,
  partitions: TopicPartitions,
  clientTransactionVersion: number,
  now: Now,
): Transaction {
  const change = {
    state: TransactionState.ONGOING,
    partitions: union(from.partitions, partitions),
    clientTransactionVersion,
  };
  if (from.state === TransactionState.ONGOING) return moved(from, change, now);
  return moved(from, { ...change, startTimestampMs: now.wallMs, startedMs: now.monotonicMs }, now);
}

/**
 * The outcome is decided. With an epoch per transaction the markers, and what comes after them, have the next one.
 * @param nextProducerId takes over with the end of the transaction, because the epochs of the id have run out; or -1.
 */
export function prepared(
  from: Transaction,
  committed: boolean,
  clientTransactionVersion: number,
  nextProducerId: number,
  now: Now,
): Transaction {
  const state = committed ? TransactionState.PREPARE_COMMIT : TransactionState.PREPARE_ABORT;
  const began = from.state === TransactionState.ONGOING;
  const change = {
    state,
    clientTransactionVersion,
    nextProducerId,
    ...(began ? {} : { startTimestampMs: now.wallMs, startedMs: now.monotonicMs }),
  };
  if (!bumpsEpochs(clientTransactionVersion)) return moved(from, change, now);
  // Whoever got to the last epoch can still be aborted, so that the id goes on with another producer id.
  const producerEpoch = Math.min(from.producerEpoch + 1, MAX_PRODUCER_EPOCH);
  return moved(from, { ...change, producerEpoch, lastProducerEpoch: from.producerEpoch }, now);
}

/** The same with an epoch that fences the producer, as the broker does it of itself before epochs were per transaction. */
export function fenced(from: Transaction): Transaction {
  const producerEpoch = Math.min(from.producerEpoch + 1, MAX_PRODUCER_EPOCH);
  return { ...from, producerEpoch, lastProducerEpoch: NO_PRODUCER_EPOCH };
}

/** Every marker is written. */
export function completed(from: Transaction, now: Now): Transaction {
  assert(isPrepared(from.state), "a transaction is completed that was not prepared");
  const committed = from.state === TransactionState.PREPARE_COMMIT;
  const rotates = bumpsEpochs(from.clientTransactionVersion) && from.nextProducerId !== NO_PRODUCER_ID;
  return moved(
    from,
    {
      state: committed ? TransactionState.COMPLETE_COMMIT : TransactionState.COMPLETE_ABORT,
      partitions: NO_PARTITIONS,
      nextProducerId: NO_PRODUCER_ID,
      ...(rotates ? { producerId: from.nextProducerId, producerEpoch: 0 } : {}),
    },
    now,
  );
}
