/**
 * Transactions as somebody sees them who sees every committed batch: which are open, how each ended, who may still write.
 *
 * Owns: the rules at every moment. V4: nobody's last stable offset is past an open transaction's first record. V10: a leader's never
 * goes back. A producer that was fenced writes nothing more: epochs in a log only rise, and what an epoch that InitProducerId ended
 * had written was committed before. One transaction ends in one way, wherever it wrote (R135).
 * Leaves to PartitionAudit: what is committed; what it was allowed to lose ends what is said here of the partition.
 */
import type { Partition } from "../../../broker/partition/partition.ts";
import type { Auditor } from "../audit/auditor.ts";
import type { PartitionAudit } from "../audit/partition-audit.ts";
import { describeBatch, type StoredBatch } from "../audit/stored-batch.ts";
import { Violation } from "../audit/violation.ts";

export type Outcome = "commit" | "abort";

interface Open {
  readonly producerEpoch: number;
  readonly firstOffset: number;
  readonly batches: number[];
}

interface Known {
  /** Of the committed batches so many have been taken in. */
  seen: number;
  readonly open: Map<number, Open>;
  readonly epochs: Map<number, number>;
  /** By first offset of the batch. */
  readonly outcomes: Map<number, Outcome>;
  readonly stable: { leaderEpoch: number; offset: number };
}

export class TransactionAudit {
  /** Ends of transactions that were seen, one for each partition. */
  ends = 0;
  /** Some partition lost what it was allowed to lose: what coordinators and logs remember of transactions need not agree any more. */
  isOff = false;
  private readonly partitions = new Map<PartitionAudit, Known>();
  /** By producer: the epoch that InitProducerId gave last. */
  private readonly initialized = new Map<number, number>();
  /** By producer and epochs of batches and marker: how the transaction ended, and where that was seen. */
  private readonly outcomes = new Map<string, readonly [Outcome, string]>();

  constructor(auditor: Auditor) {
    auditor.onLeader = (audit, partition) => this.look(audit, partition);
  }

  /** A client was given a producer id and an epoch: from now on nobody writes in an earlier one. */
  wasInitialized(producerId: number, producerEpoch: number): void {
    this.initialized.set(producerId, Math.max(producerEpoch, this.initialized.get(producerId) ?? 0));
  }

  /**
   * The first record below `end` that may not be read yet; infinite when there is none. A leader that was started again from a
   * snapshot does not know, as with Apache Kafka, that the end of a transaction is not replicated yet; its outcome is decided all the
   * same, so one whose end some replica has is not open. Of what was deleted there is nothing to be read.
   */
  stableTo(audit: PartitionAudit, end: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (const [producerId, open] of this.of(audit).open) {
      const firstOffset = Math.max(open.firstOffset, audit.startOffset);
      if (firstOffset >= Math.min(least, end) || hasEnd(audit, producerId)) continue;
      least = firstOffset;
    }
    return least;
  }

  /** How the transaction of a committed batch ended; undefined for a batch of none, or of one that is open. */
  outcomeOf(audit: PartitionAudit, batch: StoredBatch): Outcome | undefined {
    return this.of(audit).outcomes.get(batch.baseOffset);
  }

  private of(audit: PartitionAudit): Known {
    let known = this.partitions.get(audit);
    if (known === undefined) {
      const stable = { leaderEpoch: -1, offset: 0 };
      known = { seen: 0, open: new Map(), epochs: new Map(), outcomes: new Map(), stable };
      this.partitions.set(audit, known);
    }
    for (; known.seen < audit.committed.length; known.seen++) {
      if (!this.isOff) this.take(audit, known, audit.committed[known.seen] as StoredBatch);
    }
    return known;
  }

  private look(audit: PartitionAudit, partition: Partition): void {
    if (audit.wasUnclean) this.isOff = true;
    if (this.isOff || partition.leader === undefined) return;
    const known = this.of(audit);
    const { leaderEpoch } = partition.leader;
    const { lastStableOffset, highWatermark } = partition.log;
    const where = `${audit.name} on ${partition.state.leader}`;
    const bound = Math.min(highWatermark, this.stableTo(audit, lastStableOffset));
    if (lastStableOffset > bound) {
      throw new Violation("V4", `${where}: stable up to ${lastStableOffset}; ${bound} is in an open transaction`);
    }
    const { stable } = known;
    if (leaderEpoch === stable.leaderEpoch && lastStableOffset < stable.offset) {
      throw new Violation("V10", `${where}: stable up to ${lastStableOffset} after ${stable.offset}`);
    }
    if (leaderEpoch >= stable.leaderEpoch) {
      stable.leaderEpoch = leaderEpoch;
      stable.offset = lastStableOffset;
    }
  }

  private take(audit: PartitionAudit, known: Known, batch: StoredBatch): void {
    const { producerId, producerEpoch, marker } = batch;
    if (producerId < 0 || (!batch.isTransactional && marker === undefined)) return;
    const where = `${audit.name}: producer ${producerId}/${producerEpoch}, ${describeBatch(batch)}`;
    const newest = known.epochs.get(producerId) ?? -1;
    if (producerEpoch < newest) throw new Violation("V4", `${where}: writes after epoch ${newest}`);
    known.epochs.set(producerId, producerEpoch);
    if (marker !== undefined) {
      this.end(audit, known, batch, marker);
      return;
    }
    const fencedBelow = this.initialized.get(producerId) ?? -1;
    if (producerEpoch < fencedBelow) {
      throw new Violation("V4", `${where}: writes after somebody was given epoch ${fencedBelow}`);
    }
    const open = known.open.get(producerId);
    if (open === undefined) {
      known.open.set(producerId, { producerEpoch, firstOffset: batch.baseOffset, batches: [batch.baseOffset] });
      return;
    }
    if (open.producerEpoch !== producerEpoch) {
      throw new Violation("V4", `${where}: goes on with the transaction of epoch ${open.producerEpoch}`);
    }
    open.batches.push(batch.baseOffset);
  }

  private end(audit: PartitionAudit, known: Known, { producerId, producerEpoch }: StoredBatch, marker: Outcome): void {
    const open = known.open.get(producerId);
    if (open === undefined) return;
    known.open.delete(producerId);
    this.ends++;
    for (const batch of open.batches) known.outcomes.set(batch, marker);
    // In one epoch there can be many transactions, but for the last.
    if (producerEpoch === open.producerEpoch) return;
    const name = `${producerId}/${open.producerEpoch}/${producerEpoch}`;
    const before = this.outcomes.get(name);
    if (before === undefined) this.outcomes.set(name, [marker, audit.name]);
    else if (before[0] !== marker) {
      throw new Violation("V4", `transaction ${name}: ${before[0]} in ${before[1]}, ${marker} in ${audit.name}`);
    }
  }
}

/** Whether some replica has an end of the producer's transaction that is not committed yet. */
function hasEnd(audit: PartitionAudit, producerId: number): boolean {
  for (const shadow of audit.shadows.values()) {
    for (const batch of shadow.between(audit.committedEnd, shadow.endOffset)) {
      if (batch.marker !== undefined && batch.producerId === producerId) return true;
    }
  }
  return false;
}
