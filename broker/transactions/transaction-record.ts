/**
 * A transactional id as its record in __transaction_state holds it: value v0, or v1 from transaction.version 1 on.
 */
import { TransactionLogKey, TransactionLogValue } from "../../protocol/messages/transaction-records.ts";
import type { Decode } from "../../protocol/schema/message.ts";
import {
  type CoordinatorRecord,
  newRecord,
  RecordTypes,
  recordType,
  tombstone,
} from "../state-machine/coordinator-record.ts";
import { NO_PARTITIONS, topicPartitions } from "./topic-partitions.ts";
import { NO_PRODUCER_EPOCH, type Now, type Transaction } from "./transaction.ts";
import { isTransactionState, TransactionState } from "./transaction-state.ts";

const TransactionLogRecord = recordType(0, TransactionLogKey, TransactionLogValue);
export const TRANSACTION_RECORD_TYPES = new RecordTypes([TransactionLogRecord]);

export type TransactionKey = Decode<typeof TransactionLogKey>;
export type TransactionValue = Decode<typeof TransactionLogValue>;

/** @param transactionVersion the finalized level. */
export function transactionRecord(transaction: Transaction, transactionVersion: number): CoordinatorRecord {
  const { transactionalId, partitions, state } = transaction;
  const version = transactionVersion >= 1 ? 1 : 0;
  const value = {
    producerId: transaction.producerId,
    producerEpoch: transaction.producerEpoch,
    transactionTimeoutMs: transaction.timeoutMs,
    transactionStatus: state,
    transactionPartitions:
      state === TransactionState.EMPTY
        ? null
        : [...partitions].map(([topic, ids]) => ({ topic, partitionIds: [...ids] })),
    transactionLastUpdateTimestampMs: transaction.updateTimestampMs,
    transactionStartTimestampMs: transaction.startTimestampMs,
  };
  const ids = {
    previousProducerId: transaction.previousProducerId,
    nextProducerId: transaction.nextProducerId,
    clientTransactionVersion: transaction.clientTransactionVersion,
  };
  const whole = version === 0 ? value : { ...value, ...ids };
  return newRecord(TransactionLogRecord, { transactionalId }, version, whole, transaction);
}

export function transactionTombstone(transactionalId: string): CoordinatorRecord {
  return tombstone(TransactionLogRecord, { transactionalId });
}

/**
 * What a record says; undefined when its state is none that is stored. Times on the monotonic clock are as long ago as the wall
 * clock has it now.
 */
export function transactionFromRecord(
  { transactionalId }: TransactionKey,
  value: TransactionValue,
  now: Now,
): Transaction | undefined {
  const { transactionStatus: state, transactionStartTimestampMs, transactionLastUpdateTimestampMs } = value;
  if (!isTransactionState(state)) return undefined;
  const partitions = value.transactionPartitions ?? [];
  return {
    transactionalId,
    producerId: value.producerId,
    previousProducerId: value.previousProducerId,
    nextProducerId: value.nextProducerId,
    producerEpoch: value.producerEpoch,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs: value.transactionTimeoutMs,
    state,
    partitions:
      state === TransactionState.EMPTY
        ? NO_PARTITIONS
        : topicPartitions(partitions.map(({ topic, partitionIds }) => [topic, partitionIds])),
    startTimestampMs: transactionStartTimestampMs,
    updateTimestampMs: transactionLastUpdateTimestampMs,
    clientTransactionVersion: value.clientTransactionVersion,
    startedMs: monotonic(transactionStartTimestampMs, now),
    updatedMs: monotonic(transactionLastUpdateTimestampMs, now),
  };
}

function monotonic(timestampMs: number, { wallMs, monotonicMs }: Now): number {
  return monotonicMs - Math.max(0, wallMs - timestampMs);
}
