/**
 * What a log remembers of one producer: its epoch, its newest batches, its open transaction.
 *
 * Owns: the window in which a retry is known as such. Leaves to ProducerState: which batch is accepted.
 */
import { NO_PRODUCER_EPOCH, NO_SEQUENCE, type RecordBatch } from "../../protocol/records/record-batch.ts";

/** Producers keep at most five requests in flight, so a retry is one of these. */
const WINDOW = 5;
const MAX_SEQUENCE = 0x7fffffff;
/** A sequence farther before one that is known comes after it: they begin again at 0. */
const FARTHEST = 2 ** 30;

export interface StoredBatch {
  readonly lastSequence: number;
  readonly lastOffset: number;
  readonly offsetDelta: number;
  /** Of the batch's records the largest. */
  readonly timestamp: number;
}

export class ProducerEntry {
  readonly producerId: number;
  producerEpoch = NO_PRODUCER_EPOCH;
  coordinatorEpoch = -1;
  lastTimestamp = -1;
  /** -1 when no transaction is open. */
  transactionFirstOffset = -1;
  /** Monotonic time of the last append, or of the load. */
  usedAtMs: number;
  /** Oldest first. */
  readonly batches: StoredBatch[] = [];
  /** The log may hold batches of its window that came before those that are known: it comes from a snapshot. */
  mayLackBatches = false;

  constructor(producerId: number, usedAtMs: number) {
    this.producerId = producerId;
    this.usedAtMs = usedAtMs;
  }

  get lastBatch(): StoredBatch | undefined {
    return this.batches[this.batches.length - 1];
  }

  get lastSequence(): number {
    return this.lastBatch?.lastSequence ?? NO_SEQUENCE;
  }

  /** The stored batch that this one repeats. */
  duplicateOf(batch: RecordBatch): StoredBatch | undefined {
    if (this.batches.length === 0 || batch.producerEpoch !== this.producerEpoch) return undefined;
    const { baseSequence, lastSequence } = batch;
    return this.batches.find(
      (stored) => stored.lastSequence === lastSequence && firstSequenceOf(stored) === baseSequence,
    );
  }

  /** Whether the batch may be one of those in the window that are not known. */
  mayHaveForgotten({ producerEpoch, lastSequence }: RecordBatch): boolean {
    if (!this.mayLackBatches || this.batches.length >= WINDOW || producerEpoch !== this.producerEpoch) return false;
    const [first] = this.batches;
    if (first === undefined) return false;
    const aheadOf = firstSequenceOf(first) - lastSequence;
    return (aheadOf < 0 ? aheadOf + MAX_SEQUENCE + 1 : aheadOf) <= FARTHEST;
  }

  /** How many batches of the window are not known. */
  get missing(): number {
    return WINDOW - this.batches.length;
  }

  isNext(sequence: number): boolean {
    const { lastSequence } = this;
    return sequence === lastSequence + 1 || (sequence === 0 && lastSequence === MAX_SEQUENCE);
  }

  add(producerEpoch: number, batch: StoredBatch): void {
    this.moveTo(producerEpoch);
    if (this.batches.length === WINDOW) this.batches.shift();
    this.batches.push(batch);
    this.lastTimestamp = batch.timestamp;
  }

  /** Takes in those of the batches that come before what is known, as far as the window goes. */
  recall(batches: readonly StoredBatch[]): void {
    const [first] = this.batches;
    if (first === undefined) return;
    const earlier = batches.filter(({ lastOffset }) => lastOffset < first.lastOffset);
    const room = WINDOW - this.batches.length;
    if (room > 0) this.batches.unshift(...earlier.slice(-room));
  }

  /** A new epoch begins with no batch. */
  moveTo(producerEpoch: number): void {
    if (producerEpoch === this.producerEpoch) return;
    this.producerEpoch = producerEpoch;
    this.batches.length = 0;
    this.mayLackBatches = false;
  }
}

/** Behind 2^31-1 comes 0. */
function firstSequenceOf({ lastSequence, offsetDelta }: StoredBatch): number {
  const first = lastSequence - offsetDelta;
  return first < 0 ? first + MAX_SEQUENCE + 1 : first;
}
