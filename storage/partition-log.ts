/**
 * What a broker asks of the log of one partition. Implemented in storage/log; this file is the contract between the floors.
 *
 * Offsets: `...EndOffset`, high watermark and last stable offset are exclusive; log start and last offsets are inclusive.
 * Outcomes the protocol names are thrown as KafkaError; a DiskError takes the log offline, after which every call throws
 * KAFKA_STORAGE_ERROR.
 */

import type { LogConfig } from "./log-config.ts";
import type { SharedBuffer } from "./shared-buffer.ts";

/** Who appends: decides which checks apply. */
export type AppendOrigin = "client" | "coordinator" | "raftLeader";

export interface RecordError {
  /** Index of the record in its batch. */
  readonly batchIndex: number;
  readonly message: string;
}

export interface PrepareOptions {
  readonly origin: AppendOrigin;
  /** Version of the Produce request: zstd needs 7 and up. The newest when left out. */
  readonly requestVersion?: number;
}

/**
 * Batches that passed every check that needs no log state: structure, CRC, records, timestamps, keys, codec, sizes; converted
 * to the topic's compression and timestamp type. Offsets are not assigned yet.
 */
export interface PreparedAppend {
  /** Whole batches; header fields are rewritten in place on append. */
  readonly records: Buffer;
  readonly origin: AppendOrigin;
  /** Owns the memory of `records`; undefined when the log must copy what it keeps. */
  readonly owner: SharedBuffer | undefined;
  readonly recordCount: number;
  readonly maxTimestamp: number;
  /** The time given to the records when the topic's timestamp type is LogAppendTime, else -1. */
  readonly logAppendTimeMs: number;
}

export interface AppendOptions {
  readonly leaderEpoch: number;
  /** From startVerification, for transactional batches of clients and coordinators that open a transaction here; not for markers. */
  readonly verification?: TransactionVerification;
  /** transaction.version of the marker's writer, for the epoch rule of end markers (coordinator origin). */
  readonly transactionVersion?: number;
}

export interface AppendResult {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** -1 on CreateTime topics; of a duplicate, the timestamp of the batch that is stored. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  /** The batch was there already (idempotent retry): nothing was written. */
  readonly duplicate: boolean;
}

/** Opaque proof that the coordinator was asked about a transaction before its first batch here (KIP-890). */
export interface TransactionVerification {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface ReadOptions {
  readonly maxBytes: number;
  /** Nothing at or past this offset is returned; the caller takes it from this log's marks in the same turn. */
  readonly upToOffset: number;
  /** Return one whole batch even if it exceeds maxBytes. */
  readonly minOneBatch: boolean;
  /** A batch that the limit cuts is left out, instead of given as far as it goes. */
  readonly wholeBatches?: boolean;
  /** Also list transactions aborted in the range (read_committed). */
  readonly abortedTransactions: boolean;
}

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface LogRead {
  /** Batches from the one that holds the offset on, of one segment; the last may be cut short by maxBytes. */
  readonly pieces: readonly Buffer[];
  readonly sizeBytes: number;
  /** Null unless asked for. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
  /** To be called once, when the pieces have been sent or dropped. */
  release(): void;
}

export interface EpochEndOffset {
  /** -1 when no such epoch is known. */
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

export interface TimestampAndOffset {
  readonly timestamp: number;
  readonly offset: number;
  readonly leaderEpoch: number;
}

export interface ProducerStateView {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly lastTimestamp: number;
  readonly coordinatorEpoch: number;
  /** -1 when no transaction is open. */
  readonly currentTransactionFirstOffset: number;
}

export interface PartitionLog {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  /** Id of the directory the log lies in. */
  readonly directoryId: string;
  /** Set for good by the first storage error. */
  readonly offline: boolean;

  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** Exclusive end of what is on the device. */
  readonly syncedEndOffset: number;
  /**
   * Exclusive end of what may be acknowledged and counts toward the high watermark: everything, until flush.messages records are
   * not on the device; then what is. flush() moves it on.
   */
  readonly countedEndOffset: number;
  readonly highWatermark: number;
  /** First offset of the earliest undecided transaction, at most the high watermark. */
  readonly lastStableOffset: number;
  /** Epoch of the newest entry of the epoch history, or -1. */
  readonly latestLeaderEpoch: number;
  readonly sizeBytes: number;
  readonly config: LogConfig;

  /**
   * Checks batches from a leader's client or coordinator. A promise only when the work is large enough to leave the loop; the
   * caller must then hold back what follows on that connection, and look at its epoch again. What comes at once is a view of
   * `records` and good as long as they are; what comes later has memory of its own.
   * @throws KafkaError, RejectedRecords.
   */
  prepare(
    records: Buffer,
    owner: SharedBuffer | undefined,
    options: PrepareOptions,
  ): PreparedAppend | Promise<PreparedAppend>;
  /** Assigns offsets and writes: when it returns the operating system has the bytes. @throws KafkaError of the producer-state rules. */
  append(prepared: PreparedAppend, options: AppendOptions): AppendResult;
  /**
   * A follower's append: offsets and epochs stay. Batches that are there already are skipped, batches of an epoch above
   * `maxLeaderEpoch` and what follows are left out (KAFKA-18723), and so is a last batch that was cut short. Holes are taken as
   * they come: cleaning leaves them.
   * @throws KafkaError CORRUPT_MESSAGE; OFFSET_OUT_OF_RANGE when offsets go back. Nothing was written then.
   */
  appendAsFollower(records: Buffer, owner: SharedBuffer | undefined, maxLeaderEpoch: number): void;

  /** @throws KafkaError OFFSET_OUT_OF_RANGE outside [logStartOffset, logEndOffset]. */
  read(offset: number, options: ReadOptions): LogRead | Promise<LogRead>;
  /** Whether both offsets lie in one segment; otherwise what a read at the first gives will not grow. */
  inSameSegment(offset: number, endOffset: number): boolean;
  /** The first record with a timestamp at or above; undefined when there is none below `upToOffset`. */
  offsetForTimestamp(timestamp: number, upToOffset: number): Promise<TimestampAndOffset | undefined>;
  /** The record with the largest timestamp, the first of several. */
  offsetOfMaxTimestamp(): Promise<TimestampAndOffset | undefined>;
  /** End of the largest epoch not above the one given; (-1, -1) when unknown or above the newest. */
  endOffsetForEpoch(leaderEpoch: number): EpochEndOffset;
  /** Epoch of the record at an offset, -1 when unknown. */
  epochForOffset(offset: number): number;

  /** A leader starts an epoch at the log end, before any record of it. */
  startLeaderEpoch(leaderEpoch: number): void;
  /** Never above the log end; never lowered by a leader (the caller's rule). Raises the last stable offset with it. */
  setHighWatermark(offset: number): void;
  /** Moves the log start up to, at most, the high watermark (DeleteRecords, or as the leader says). */
  raiseLogStartOffset(offset: number): void;
  /**
   * Cuts what is at or past the offset: batches, indexes, epochs, producer state. The log then ends at the offset, or where the
   * batch started that reached across it. Below the first segment it starts afresh there.
   */
  truncateTo(offset: number): void;
  /** Drops everything; the log starts and ends at the offset. */
  truncateFullyAndStartAt(offset: number): void;

  /**
   * Begins (or goes on with) verification of a transaction that has no open entry here; undefined when it is open already.
   * @throws KafkaError INVALID_PRODUCER_EPOCH when the producer has a higher epoch here.
   */
  startVerification(
    producerId: number,
    producerEpoch: number,
    firstSequence: number,
    supportsEpochBump: boolean,
  ): TransactionVerification | undefined;
  hasOpenTransaction(producerId: number, producerEpoch: number): boolean;
  producers(): ProducerStateView[];
  /** Forgets producers idle for longer than producer.id.expiration.ms, none with an open transaction. */
  expireProducers(): void;

  /** Everything appended before the call is on the device when it resolves. */
  flush(): Promise<void>;
  updateConfig(config: LogConfig): void;
  /** Called with this log when a storage error took it offline. */
  onOffline: ((log: PartitionLog, error: Error) => void) | undefined;
}
