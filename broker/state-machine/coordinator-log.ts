/**
 * What the coordinator runtime asks of the partition that stores its records: the leader's side of one log, and no more.
 *
 * Filled from Partition and PartitionLog; small enough that a test can be one. Offsets: ends and high watermark are exclusive.
 */
import type { AppendResult, LogRead, TransactionVerification } from "../../storage/partition-log.ts";

export interface CoordinatorAppendOptions {
  /** The epoch in which the machine was loaded; the append is refused in any other. */
  readonly leaderEpoch: number;
  /** For transactional batches: proof that the transaction goes on (KIP-890). */
  readonly verification?: TransactionVerification;
  /** transaction.version of whoever ends a transaction, for the epoch rule of markers. */
  readonly transactionVersion?: number;
}

export interface CoordinatorLog {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly highWatermark: number;
  /** Largest batch the log takes: max.message.bytes. */
  readonly maxBatchBytes: number;
  /**
   * Appends one batch as the leader, with acks=all's demand on the ISR; the batch may be changed in place and is not kept.
   * When the high watermark moves meanwhile, listeners may be called before this returns.
   * @throws KafkaError NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS, KAFKA_STORAGE_ERROR, ...; nothing was written then.
   */
  append(batch: Buffer, options: CoordinatorAppendOptions): Pick<AppendResult, "baseOffset" | "lastOffset">;
  /**
   * Batches from the one that holds the offset on, up to the log end; one whole batch at least.
   * @throws KafkaError OFFSET_OUT_OF_RANGE, NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR.
   */
  read(offset: number, maxBytes: number): LogRead | Promise<LogRead>;
  /** Forgets what lies before the offset, which is committed, as DeleteRecords does; nothing when there is no leader here any more. */
  deleteRecordsBefore(offset: number): void;
  /** Calls back after the high watermark moved; more often does no harm. Returns what ends it. */
  onHighWatermark(listener: () => void): () => void;
}
