/**
 * Transactions of which the coordinator is being asked before their first batch is appended here (KIP-890).
 *
 * Owns: which question is the current one of a producer: its answer lets one append through, and its end marker or an append in
 * between makes it void, so no transaction is left hanging. Leaves asking to the broker.
 */
import type { RecordBatch } from "../../protocol/records/record-batch.ts";
import type { TransactionVerification } from "../partition-log.ts";

export interface OpenVerification extends TransactionVerification {
  /** The producer's client takes an epoch per transaction (transaction.version 2). */
  supportsEpochBump: boolean;
  /** Sequences above it must wait for the batch that has it. */
  lowestSequence: number;
  /** Epoch that `lowestSequence` belongs to. */
  sequenceEpoch: number;
  readonly startedMs: number;
}

export class TransactionVerifications {
  /** Made for the first one: most logs never see a transaction. */
  private byProducer: Map<number, OpenVerification> | undefined;

  of(producerId: number): OpenVerification | undefined {
    return this.byProducer?.get(producerId);
  }

  isCurrent(producerId: number, verification: TransactionVerification | undefined): boolean {
    return verification !== undefined && this.of(producerId) === verification;
  }

  /** The producer's verification: the one under way, or a new one. */
  start(
    producerId: number,
    producerEpoch: number,
    sequence: number,
    supportsEpochBump: boolean,
    nowMs: number,
  ): TransactionVerification {
    this.byProducer ??= new Map();
    let open = this.byProducer.get(producerId);
    if (open === undefined) {
      open = {
        producerId,
        producerEpoch,
        supportsEpochBump,
        lowestSequence: sequence,
        sequenceEpoch: producerEpoch,
        startedMs: nowMs,
      };
      this.byProducer.set(producerId, open);
    } else if (producerEpoch > open.sequenceEpoch) {
      open.sequenceEpoch = producerEpoch;
      open.lowestSequence = sequence;
    } else if (producerEpoch === open.sequenceEpoch && sequence < open.lowestSequence) {
      open.lowestSequence = sequence;
    }
    return open;
  }

  /**
   * A transactional batch was written: the question of its producer is void, be the transaction open now or ended. Only with an
   * epoch per transaction does a marker carry the epoch of the next one: a question of that epoch is about what begins behind it.
   */
  settle({ producerId, producerEpoch, isControl }: RecordBatch): void {
    const open = this.of(producerId);
    if (open === undefined) return;
    const isOfNext = isControl && open.supportsEpochBump && open.sequenceEpoch === producerEpoch;
    if (!isOfNext) this.byProducer?.delete(producerId);
  }

  expire(nowMs: number, maxAgeMs: number): void {
    for (const [producerId, { startedMs }] of this.byProducer ?? []) {
      if (nowMs - startedMs >= maxAgeMs) this.byProducer?.delete(producerId);
    }
  }
}
