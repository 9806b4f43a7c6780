/**
 * What a consumer of the simulation reads of transactions, at either isolation level, by the rules that clients have.
 *
 * Owns: V4 and V17 as the consumer sees them: nothing past the last stable offset, aborted transactions listed so that what is left is
 * what was committed. Leaves to transactions-end.ts: holding what was read against the logs.
 */
import { decompressRecords } from "../../../protocol/records/compression.ts";
import type { RecordBatch } from "../../../protocol/records/record-batch.ts";
import { RecordIterator } from "../../../protocol/records/record-iterator.ts";
import type { Auditor } from "../audit/auditor.ts";
import { Violation } from "../audit/violation.ts";
import type { ConsumerWitness, ReadMarks } from "../clients/consumer.ts";
import type { TransactionAudit } from "./transaction-audit.ts";

export interface ReadValue {
  readonly offset: number;
  readonly value: string;
}

const MAX_BYTES = 1 << 24;

export class ReadingWitness implements ConsumerWitness {
  readonly readCommitted: boolean;
  /** By topic id and partition, in the order in which they came. */
  readonly values = new Map<string, ReadValue[]>();
  private readonly auditor: Auditor;
  private readonly transactions: TransactionAudit;
  private readonly failures: Error[];
  /** The list of the answer that is being read, and what of it has begun. */
  private list: ReadMarks["abortedTransactions"] | undefined;
  private coming: { readonly producerId: number; readonly firstOffset: number }[] = [];
  private readonly aborted = new Set<number>();
  /** Of each partition the largest end that ListOffsets said, by leader epoch. */
  private readonly ends = new Map<string, number[]>();

  constructor(auditor: Auditor, transactions: TransactionAudit, failures: Error[], readCommitted: boolean) {
    this.auditor = auditor;
    this.transactions = transactions;
    this.failures = failures;
    this.readCommitted = readCommitted;
  }

  read(topicId: string, partition: number, batch: RecordBatch, marks: ReadMarks): void {
    const { lastStableOffset, highWatermark, abortedTransactions, consumer } = marks;
    const { baseOffset, lastOffset, producerId, isControl } = batch;
    const where = `${consumer} at ${partition}@${baseOffset}..${lastOffset}`;
    const end = this.readCommitted ? lastStableOffset : highWatermark;
    if (lastOffset >= end) this.broken("V17", `${where}: is given what lies past ${end}`);
    if (!this.readCommitted && abortedTransactions !== null) this.broken("R125", `${where}: is told what was aborted`);
    const audit = this.auditor.of(topicId, partition);
    const bound = audit === undefined ? Number.POSITIVE_INFINITY : this.transactions.stableTo(audit, lastOffset + 1);
    if (this.readCommitted && lastOffset >= bound) {
      this.broken("V4", `${where}: a transaction is open from ${bound} on`);
    }
    if (abortedTransactions !== this.list) this.begin(abortedTransactions);
    for (let next = this.coming[0]; next !== undefined && next.firstOffset <= lastOffset; next = this.coming[0]) {
      this.aborted.add(next.producerId);
      this.coming.shift();
    }
    if (isControl) {
      this.aborted.delete(producerId);
      return;
    }
    if (this.readCommitted && batch.isTransactional && this.aborted.has(producerId)) return;
    const key = `${topicId}-${partition}`;
    const values = this.values.get(key) ?? [];
    this.values.set(key, values);
    for (const { offset, value } of new RecordIterator(batch, decompressRecords(batch, MAX_BYTES))) {
      if (offset >= marks.position) values.push({ offset, value: value?.toString("latin1") ?? "" });
    }
  }

  private begin(list: ReadMarks["abortedTransactions"]): void {
    this.list = list;
    this.aborted.clear();
    this.coming = [...(list ?? [])].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  moved(topicId: string, partition: number, from: number, why: string, to: number): void {
    const name = this.auditor.of(topicId, partition)?.name;
    this.broken("V6", `a consumer of ${name} at ${from} is told that its position is ${why}, and goes to ${to}`);
  }

  unexpected(error: Error): void {
    this.failures.push(error);
  }

  met(): void {
    // Errors are what clients live with.
  }

  leastEnd(topicId: string, partition: number, leaderEpoch: number): number {
    const ends = this.ends.get(`${topicId}-${partition}`) ?? [];
    return ends.slice(0, leaderEpoch + 1).reduce((most, end) => Math.max(most, end ?? 0), 0);
  }

  /** V10: the last stable offset, or the high watermark, never goes back and is not ahead of what may be read. */
  end(topicId: string, partition: number, offset: number, leaderEpoch: number, least: number): void {
    const audit = this.auditor.of(topicId, partition);
    if (audit === undefined) return;
    const key = `${topicId}-${partition}`;
    const ends = this.ends.get(key) ?? [];
    this.ends.set(key, ends);
    ends[leaderEpoch] = Math.max(ends[leaderEpoch] ?? 0, offset);
    const what = this.readCommitted ? "last stable offset" : "end";
    if (offset < least)
      this.broken("V10", `${audit.name}: the ${what} is ${offset} after ${least} in epoch ${leaderEpoch}`);
    const bound = this.readCommitted
      ? Math.min(this.transactions.stableTo(audit, offset), audit.committedEnd)
      : audit.committedEnd;
    if (offset > bound) this.broken("V10", `${audit.name}: the ${what} is said to be ${offset}, past ${bound}`);
  }

  timeFound(): void {
    // Looked at in the runs of plans.
  }

  epochEnded(): void {
    // Looked at in the runs of plans.
  }

  private broken(invariant: string, detail: string): void {
    if (!this.transactions.isOff) this.failures.push(new Violation(invariant, detail));
  }
}
