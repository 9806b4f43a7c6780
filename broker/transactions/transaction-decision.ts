/**
 * Decisions about transactions, in the words of this machine: what is read, which deadlines there are, what leaves.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Decision } from "../state-machine/decision.ts";
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID, type Now, type Transaction } from "./transaction.ts";
import { transactionRecord } from "./transaction-record.ts";

/** A transactional id in its two versions: as the log has it, and as far as that is committed. */
export interface Known {
  readonly current: Transaction | undefined;
  readonly committed: Transaction | undefined;
}

/** What decisions take from around them. */
export interface Around {
  readonly now: Now;
  /** The finalized transaction.version. */
  readonly transactionVersion: number;
  /** An id no producer has; undefined while the controller has not given any. */
  nextProducerId(): number | undefined;
}

export type TransactionDeadline =
  | { readonly kind: "find-timed-out" }
  | {
      readonly kind: "abort";
      readonly transactionalId: string;
      readonly producerId: number;
      readonly producerEpoch: number;
    }
  /** Look for ids that have expired: among these, or among all. */
  | { readonly kind: "expire"; readonly transactionalIds: readonly string[] | undefined };

/** What leaves when a transaction is prepared: its markers are to be written. */
export type PreparedTransaction = Transaction;

export type TransactionDecision<R> = Decision<R, never, TransactionDeadline, PreparedTransaction>;

export interface ProducerAnswer {
  readonly errorCode: ErrorCode;
  readonly producerId: number;
  readonly producerEpoch: number;
}

export const NO_PRODUCER = { producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH };

/** A move is in the log and not committed yet: what comes of it is not known. */
export function isPending({ current, committed }: Known): boolean {
  return current !== committed;
}

/** @throws KafkaError CONCURRENT_TRANSACTIONS: one thing at a time for each id. */
export function refuseWhilePending(known: Known): void {
  if (isPending(known)) throw new KafkaError(ErrorCode.CONCURRENT_TRANSACTIONS);
}

/** @throws KafkaError COORDINATOR_LOAD_IN_PROGRESS while there is none. */
export function takeProducerId(around: Around): number {
  const producerId = around.nextProducerId();
  if (producerId === undefined) throw new KafkaError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
  return producerId;
}

/** The decision to store a move, and to answer when that is committed. */
export function moving<R>(to: Transaction, around: Around, response: R): TransactionDecision<R> {
  return { records: [transactionRecord(to, around.transactionVersion)], response };
}
