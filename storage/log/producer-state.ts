/**
 * The producers of one log: who may append what (idempotence, transactions), rebuilt from the log and from snapshots.
 *
 * Owns: the rules for a batch that carries a producer id, in Kafka's order. A check changes nothing; what was written is applied.
 * Leaves to OpenTransactions: the last stable offset; to TransactionVerifications: what the coordinator was asked; to
 * ProducerSnapshots: the files.
 * Invariant: the state is that of the log up to `endOffset`.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { NO_PRODUCER_EPOCH, type RecordBatch } from "../../protocol/records/record-batch.ts";
import type { AppendOrigin, ProducerStateView, TransactionVerification } from "../partition-log.ts";
import type { EndMarker } from "./end-marker.ts";
import { type CompletedTransaction, OpenTransactions } from "./open-transactions.ts";
import { ProducerEntry, type StoredBatch } from "./producer-entry.ts";
import { TransactionVerifications } from "./transaction-verifications.ts";

/** What all logs of a node share; may change while they run. */
export interface ProducerLimits {
  /** producer.id.expiration.ms */
  expirationMs: number;
  /** transaction.partition.verification.enable */
  verifyTransactions: boolean;
  /** Producers a log remembers at most. */
  maxProducers: number;
}

/** Of the producers over the limit this part goes at once, so that looking for the idlest is rare. */
const EVICTED_PART = 1 / 16;

/** From this transaction.version on a marker carries an epoch of its own (KIP-890). */
const EPOCH_BUMP_VERSION = 2;

export class ProducerState {
  readonly transactions = new OpenTransactions();
  verifications = new TransactionVerifications();
  /** Exclusive. */
  endOffset = 0;
  private readonly limits: ProducerLimits;
  private readonly producers = new Map<number, ProducerEntry>();
  private readonly earlierBatchesOf: (entry: ProducerEntry) => readonly StoredBatch[];

  /** @param earlierBatchesOf what the log has of a producer's window before the batches that are known, in order. */
  constructor(limits: ProducerLimits, earlierBatchesOf: (entry: ProducerEntry) => readonly StoredBatch[] = () => []) {
    this.limits = limits;
    this.earlierBatchesOf = earlierBatchesOf;
  }

  get isEmpty(): boolean {
    return this.producers.size === 0;
  }

  get entries(): Iterable<ProducerEntry> {
    return this.producers.values();
  }

  /**
   * Holds a batch of a leader's client or coordinator against the rules; returns the stored batch it repeats, if it does.
   * @throws KafkaError
   */
  check(
    batch: RecordBatch,
    origin: AppendOrigin,
    verification: TransactionVerification | undefined,
  ): StoredBatch | undefined {
    const { producerId, producerEpoch, isTransactional } = batch;
    const entry = this.producers.get(producerId);
    if (origin === "client") {
      const duplicate = entry?.duplicateOf(batch) ?? this.forgottenDuplicateOf(entry, batch);
      if (duplicate !== undefined) return duplicate;
    }
    if (isTransactional && !this.hasOpenTransaction(producerId, producerEpoch)) {
      // The epoch first: an old one can be mended by the producer, a missing verification cannot.
      checkEpoch(entry, producerEpoch);
      if (this.limits.verifyTransactions && !this.verifications.isCurrent(producerId, verification)) {
        throw new KafkaError(ErrorCode.INVALID_TXN_STATE, "Record was not part of an ongoing transaction");
      }
    }
    checkEpoch(entry, producerEpoch);
    if (origin === "client") this.checkSequence(entry, batch);
    if (entry !== undefined && entry.transactionFirstOffset >= 0 && !isTransactional) {
      throw new KafkaError(ErrorCode.INVALID_TXN_STATE, "a batch without a transaction while one is open");
    }
    return undefined;
  }

  /** What a snapshot left out is looked for in the log once, when a retry asks for it. */
  private forgottenDuplicateOf(entry: ProducerEntry | undefined, batch: RecordBatch): StoredBatch | undefined {
    if (entry?.mayHaveForgotten(batch) !== true) return undefined;
    entry.mayLackBatches = false;
    entry.recall(this.earlierBatchesOf(entry));
    return entry.duplicateOf(batch);
  }

  /** @throws KafkaError INVALID_PRODUCER_EPOCH when the producer has a higher epoch here. */
  requireEpoch(producerId: number, producerEpoch: number): void {
    checkEpoch(this.producers.get(producerId), producerEpoch);
  }

  /**
   * Holds an end marker against the rules.
   * @param transactionVersion of the marker's writer.
   * @throws KafkaError INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED.
   */
  checkMarker(batch: RecordBatch, marker: EndMarker, transactionVersion: number): void {
    const entry = this.producers.get(batch.producerId);
    if (entry === undefined) return;
    const { producerEpoch } = batch;
    // KIP-890: the epoch grows with each transaction, so a marker of the same epoch is old, or the one that is here already.
    const isRetry = producerEpoch === entry.producerEpoch && entry.transactionFirstOffset < 0;
    const least = transactionVersion >= EPOCH_BUMP_VERSION && !isRetry ? entry.producerEpoch + 1 : entry.producerEpoch;
    if (producerEpoch < least) {
      throw new KafkaError(ErrorCode.INVALID_PRODUCER_EPOCH, `a marker of epoch ${producerEpoch} below ${least}`);
    }
    if (marker.coordinatorEpoch < entry.coordinatorEpoch) {
      throw new KafkaError(ErrorCode.TRANSACTION_COORDINATOR_FENCED);
    }
  }

  /**
   * Takes in a batch that the log holds; the transaction that its marker ends is returned, and open until `complete`.
   * @param marker of a control batch that ends a transaction.
   */
  apply(batch: RecordBatch, marker: EndMarker | undefined, nowMs: number): CompletedTransaction | undefined {
    const { producerId, isTransactional } = batch;
    if (producerId < 0) return undefined;
    if (isTransactional) this.verifications.settle(batch);
    if (batch.isControl) return marker === undefined ? undefined : this.applyMarker(batch, marker, nowMs);
    const entry = this.entryOf(producerId, nowMs);
    const { baseOffset, lastOffsetDelta } = batch;
    entry.add(batch.producerEpoch, {
      lastSequence: batch.lastSequence,
      lastOffset: baseOffset + lastOffsetDelta,
      offsetDelta: lastOffsetDelta,
      timestamp: batch.maxTimestamp,
    });
    if (isTransactional && entry.transactionFirstOffset < 0) {
      entry.transactionFirstOffset = baseOffset;
      this.transactions.open(producerId, baseOffset);
    }
    return undefined;
  }

  hasOpenTransaction(producerId: number, producerEpoch: number): boolean {
    const entry = this.producers.get(producerId);
    return entry !== undefined && entry.transactionFirstOffset >= 0 && entry.producerEpoch === producerEpoch;
  }

  /**
   * Forgets producers that have been idle for too long, none with an open transaction.
   *
   * Differs from Kafka: a producer is idle since its last append by the broker's clock, not by the timestamps of its records, which
   * clients choose.
   */
  expire(nowMs: number): void {
    const { expirationMs } = this.limits;
    for (const entry of this.producers.values()) {
      if (entry.transactionFirstOffset < 0 && nowMs - entry.usedAtMs >= expirationMs) {
        this.producers.delete(entry.producerId);
      }
    }
    this.verifications.expire(nowMs, expirationMs);
  }

  views(): ProducerStateView[] {
    return [...this.producers.values()].map((entry) => ({
      producerId: entry.producerId,
      producerEpoch: entry.producerEpoch,
      lastSequence: entry.lastSequence,
      lastTimestamp: entry.lastTimestamp,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTransactionFirstOffset: entry.transactionFirstOffset,
    }));
  }

  /** Offset of the last record of a producer, -1 when it has none here; what the cleaner must keep. */
  lastDataOffset(producerId: number): number | undefined {
    const entry = this.producers.get(producerId);
    return entry === undefined ? undefined : (entry.lastBatch?.lastOffset ?? -1);
  }

  /** Starts afresh from what a snapshot at `endOffset` holds. */
  load(entries: readonly ProducerEntry[], endOffset: number): void {
    this.clear(endOffset);
    for (const entry of entries) this.producers.set(entry.producerId, entry);
    const open = entries.filter((entry) => entry.transactionFirstOffset >= 0);
    open.sort((a, b) => a.transactionFirstOffset - b.transactionFirstOffset);
    for (const entry of open) this.transactions.open(entry.producerId, entry.transactionFirstOffset);
  }

  /** Whether the newest batch of the producer is of this epoch. */
  knows(producerId: number, producerEpoch: number): boolean {
    const entry = this.producers.get(producerId);
    return entry !== undefined && entry.producerEpoch === producerEpoch && entry.batches.length > 0;
  }

  /** Batches of the producer's epoch that the log holds, in order; those before what is known of it are taken in. */
  recall(producerId: number, batches: readonly StoredBatch[]): void {
    this.producers.get(producerId)?.recall(batches);
  }

  /** Takes over what the state of the same batches elsewhere knows beyond them. */
  inherit(before: ProducerState): void {
    this.verifications = before.verifications;
    for (const [producerId, entry] of before.producers) {
      if (!this.producers.has(producerId) && entry.transactionFirstOffset < 0) this.producers.set(producerId, entry);
    }
  }

  clear(endOffset: number): void {
    this.producers.clear();
    this.transactions.clear();
    this.endOffset = endOffset;
  }

  private checkSequence(entry: ProducerEntry | undefined, batch: RecordBatch): void {
    const { producerId, baseSequence } = batch;
    const asked = this.verifications.of(producerId);
    if (asked !== undefined) {
      // KAFKA-18202: with an epoch per transaction every first batch here has sequence 0.
      if (asked.supportsEpochBump && baseSequence !== 0 && (entry?.batches.length ?? 0) === 0) {
        throw outOfOrder(producerId, baseSequence, "the first one here");
      }
      // A lower one was refused for now and will come again.
      if (baseSequence > asked.lowestSequence) throw outOfOrder(producerId, baseSequence, asked.lowestSequence);
    }
    // State that was lost (retention, expiry) lets any sequence begin.
    if (entry === undefined || entry.producerEpoch === NO_PRODUCER_EPOCH) return;
    const isInOrder = batch.producerEpoch === entry.producerEpoch ? entry.isNext(baseSequence) : baseSequence === 0;
    if (!isInOrder) throw outOfOrder(producerId, baseSequence, entry.lastSequence);
  }

  private applyMarker(batch: RecordBatch, marker: EndMarker, nowMs: number): CompletedTransaction | undefined {
    const { producerId } = batch;
    const entry = this.entryOf(producerId, nowMs);
    const firstOffset = entry.transactionFirstOffset;
    entry.moveTo(batch.producerEpoch);
    entry.coordinatorEpoch = marker.coordinatorEpoch;
    entry.lastTimestamp = batch.maxTimestamp;
    entry.transactionFirstOffset = -1;
    // A marker with nothing before it holds nothing back.
    if (firstOffset < 0) return undefined;
    return { producerId, firstOffset, lastOffset: batch.lastOffset, isAborted: marker.isAbort };
  }

  private entryOf(producerId: number, nowMs: number): ProducerEntry {
    let entry = this.producers.get(producerId);
    if (entry === undefined) {
      if (this.producers.size >= this.limits.maxProducers) this.evict();
      entry = new ProducerEntry(producerId, nowMs);
      this.producers.set(producerId, entry);
    }
    entry.usedAtMs = nowMs;
    return entry;
  }

  /** Differs from Kafka: a log remembers a bounded number of producers; beyond it the idlest are forgotten before they expire. */
  private evict(): void {
    const idle = [...this.producers.values()].filter((entry) => entry.transactionFirstOffset < 0);
    idle.sort((a, b) => a.usedAtMs - b.usedAtMs);
    const count = Math.max(1, Math.ceil(this.limits.maxProducers * EVICTED_PART));
    for (const entry of idle.slice(0, count)) this.producers.delete(entry.producerId);
  }
}

function checkEpoch(entry: ProducerEntry | undefined, producerEpoch: number): void {
  if (entry !== undefined && producerEpoch < entry.producerEpoch) {
    throw new KafkaError(
      ErrorCode.INVALID_PRODUCER_EPOCH,
      `producer ${entry.producerId} has epoch ${entry.producerEpoch}, the batch ${producerEpoch}`,
    );
  }
}

function outOfOrder(producerId: number, sequence: number, last: number | string): KafkaError {
  return new KafkaError(
    ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    `producer ${producerId}: sequence ${sequence} does not follow ${last}`,
  );
}
