/**
 * Holds what clients are told against what is true: acknowledgements, reads, ends of logs.
 *
 * Owns: V10 and V17 as clients see them, and that an acknowledged record is committed. Leaves to PartitionAudit: what is committed.
 */
import type { RecordBatch } from "../../../protocol/records/record-batch.ts";
import type { ConsumerWitness, ReadMarks } from "../clients/consumer.ts";
import type { Ledger, SentBatch } from "../clients/ledger.ts";
import type { ProducerSequence, ProducerWitness } from "../clients/producer.ts";
import type { Auditor } from "./auditor.ts";
import { describeBatch, isSameBatch, storedBatch } from "./stored-batch.ts";
import { Violation } from "./violation.ts";

export class ClientWitness implements ProducerWitness, ConsumerWitness {
  readonly ledger: Ledger;
  /** Answers about times and epochs that were held against the log. */
  answersChecked = 0;
  private readonly auditor: Auditor;
  private readonly failures: Error[];
  /** The largest end that ListOffsets has given of each partition, by the leader epoch it was asked in. */
  private readonly ends = new Map<string, number[]>();

  constructor(ledger: Ledger, auditor: Auditor, failures: Error[]) {
    this.ledger = ledger;
    this.auditor = auditor;
    this.failures = failures;
  }

  unexpected(error: Error): void {
    this.failures.push(error);
  }

  met(error: string): void {
    this.ledger.met(error);
  }

  topicIsDeleted(topicId: string): boolean {
    return this.auditor.isDeleted(topicId);
  }

  /** V3: what acks=all promises is committed by the time the client hears of it. */
  acknowledged(batch: SentBatch, baseOffset: number, sequence: ProducerSequence | undefined): void {
    this.ledger.acknowledged(batch, baseOffset);
    const audit = this.auditor.of(batch.topicId, batch.partition);
    if (audit === undefined || batch.acks !== -1 || baseOffset < 0 || audit.wasUnclean) return;
    const there = audit.committedAt(baseOffset);
    const isThere =
      there !== undefined &&
      there.baseOffset === baseOffset &&
      there.lastOffset === baseOffset + batch.values.length - 1 &&
      (sequence === undefined ||
        (there.producerId === sequence.producerId &&
          there.producerEpoch === sequence.producerEpoch &&
          there.baseSequence === sequence.baseSequence));
    if (isThere) return;
    this.failures.push(
      new Violation(
        "V3",
        `${audit.name}: ${batch.producer} is told that ${batch.values.length} records are at ${baseOffset}; there is ${describeBatch(there)} (committed to ${audit.committedEnd})`,
      ),
    );
  }

  leaderEpochAt(node: number, { topicId, partition }: SentBatch): number | undefined {
    const image = this.auditor.of(topicId, partition)?.image;
    return image?.leader === node ? image.leaderEpoch : undefined;
  }

  /**
   * V2: whoever leads from the question to the answer has every batch that was acknowledged; who was deposed does not know the last,
   * and whose log began behind deleted records takes any of a producer's for its first.
   */
  sequenceBroken(batch: SentBatch, node: number, ledIn: number | undefined): void {
    const audit = this.auditor.of(batch.topicId, batch.partition);
    const leads = ledIn !== undefined && this.leaderEpochAt(node, batch) === ledIn;
    this.met(leads ? "sequence broken" : "sequence broken by a deposed leader");
    if (audit === undefined || audit.wasUnclean || !leads || (audit.shadows.get(node)?.beganAt ?? 0) > 0) return;
    this.failures.push(new Violation("V2", `${audit.name}: the leader has lost the sequence of ${batch.producer}`));
  }

  read(topicId: string, partition: number, batch: RecordBatch, marks: ReadMarks): void {
    this.ledger.readRecords += batch.recordCount;
    const audit = this.auditor.of(topicId, partition);
    if (audit === undefined || audit.wasUnclean) return;
    const read = storedBatch(batch);
    const committed = audit.committedAt(read.baseOffset);
    if (read.lastOffset >= marks.highWatermark) {
      throw new Violation(
        "V17",
        `${marks.consumer} is given ${describeBatch(read)} of ${audit.name}, past its high watermark ${marks.highWatermark}`,
      );
    }
    if (committed !== undefined && isSameBatch(committed, read)) return;
    throw new Violation(
      "V1",
      `${marks.consumer} reads ${describeBatch(read)} of ${audit.name}, committed is ${describeBatch(committed)} of ${audit.committedEnd}`,
    );
  }

  moved(topicId: string, partition: number, from: number, why: "truncated" | "out of range", to: number): void {
    this.met(`consumer position ${why}`);
    const audit = this.auditor.of(topicId, partition);
    if (audit === undefined || audit.wasUnclean) return;
    if (why === "out of range" && from < audit.startOffset && to > from) return;
    throw new Violation(
      "V6",
      `a consumer of ${audit.name} at ${from} is told that its position is ${why}, and goes to ${to} (${audit.startOffset}..${audit.committedEnd})`,
    );
  }

  /** The end that nobody may be told less than from now on, who asks in this leader epoch: a deposed leader does not know it. */
  leastEnd(topicId: string, partition: number, leaderEpoch: number): number {
    const ends = this.ends.get(`${topicId}-${partition}`) ?? [];
    let least = 0;
    for (let epoch = 0; epoch <= leaderEpoch; epoch++) least = Math.max(least, ends[epoch] ?? 0);
    return least;
  }

  /** V10: the end never goes back, and is not ahead of what is committed. @param least when it was asked for. */
  end(topicId: string, partition: number, offset: number, leaderEpoch: number, least: number): void {
    const audit = this.auditor.of(topicId, partition);
    if (audit === undefined || audit.wasUnclean) return;
    const key = `${topicId}-${partition}`;
    let ends = this.ends.get(key);
    if (ends === undefined) {
      ends = [];
      this.ends.set(key, ends);
    }
    ends[leaderEpoch] = Math.max(ends[leaderEpoch] ?? 0, offset);
    if (offset < least && offset < audit.committedEnd) {
      this.failures.push(
        new Violation("V10", `${audit.name}: ListOffsets says ${offset} after ${least} in epoch ${leaderEpoch}`),
      );
    }
    if (offset > audit.committedEnd) {
      this.failures.push(
        new Violation("V10", `${audit.name}: ListOffsets says ${offset}, committed is ${audit.committedEnd}`),
      );
    }
  }

  /** The first batch that has the time, or a later one, is where it is found. */
  timeFound(topicId: string, partition: number, timestamp: number, offset: number): void {
    const audit = this.auditor.of(topicId, partition);
    // What was trimmed meanwhile can be there for one and gone for another.
    if (audit === undefined || audit.wasUnclean || audit.startOffset > 0) return;
    this.answersChecked++;
    const first = audit.committed.find((batch) => !batch.isControl && batch.maxTimestamp >= timestamp);
    if (first !== undefined && offset >= first.baseOffset && offset <= first.lastOffset) return;
    this.failures.push(
      new Violation(
        "V16",
        `${audit.name}: the time ${timestamp} is found at ${offset}; it is in ${describeBatch(first)}`,
      ),
    );
  }

  /** An epoch ends where the next one that wrote something begins. */
  epochEnded(topicId: string, partition: number, epoch: number, leaderEpoch: number, endOffset: number): void {
    const audit = this.auditor.of(topicId, partition);
    if (audit === undefined || audit.wasUnclean || audit.startOffset > 0) return;
    // A deposed leader may have more of the epoch than was committed in the end.
    if (audit.image?.leaderEpoch !== leaderEpoch) return;
    const next = audit.committed.find((batch) => batch.leaderEpoch > epoch);
    if (next === undefined) return;
    this.answersChecked++;
    if (endOffset === next.baseOffset) return;
    this.failures.push(
      new Violation(
        "V1",
        `${audit.name}: epoch ${epoch} is said to end at ${endOffset}, then comes ${describeBatch(next)}`,
      ),
    );
  }
}
