/**
 * What the clients of a run sent, were promised and read: the history that checks are made of.
 *
 * Owns: each value once, where it was acknowledged and by whose promise. Leaves to the checks what a promise is worth.
 */
export interface Acknowledgement {
  readonly topicId: string;
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
  readonly acks: number;
  readonly idempotent: boolean;
}

/** A batch as its producer made it. */
export interface SentBatch {
  readonly producer: string;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly values: readonly string[];
  readonly acks: number;
  readonly idempotent: boolean;
}

export class Ledger {
  readonly acknowledgements: Acknowledgement[] = [];
  /** Every value sent, with the batch it is in. */
  readonly sent = new Map<string, SentBatch>();
  /** Values sent again in a new producer epoch while it was not known what had become of them: they may be there twice (KIP-360). */
  readonly anew = new Set<string>();
  ackedRecords = 0;
  /** Idempotent retries that were answered with the offset of the first. */
  readRecords = 0;
  /** Errors that producers and consumers were answered, by code. */
  readonly errors = new Map<string, number>();

  batchMade(batch: SentBatch): void {
    for (const value of batch.values) this.sent.set(value, batch);
  }

  sentAnew(values: readonly string[]): void {
    for (const value of values) this.anew.add(value);
  }

  /** @param baseOffset of the first record; -1 when the broker could not say. */
  acknowledged(batch: SentBatch, baseOffset: number): void {
    this.ackedRecords += batch.values.length;
    if (baseOffset < 0) return;
    const { topicId, partition, acks, idempotent } = batch;
    batch.values.forEach((value, index) => {
      this.acknowledgements.push({ topicId, partition, offset: baseOffset + index, value, acks, idempotent });
    });
  }

  met(error: string): void {
    this.errors.set(error, (this.errors.get(error) ?? 0) + 1);
  }
}
