/**
 * What must hold when a run with transactions has come to rest.
 *
 * Owns: V4 (readers saw what was committed, all of it, in order, and nothing else), V12 (the copy is the input), V13 (the bank's sum at
 * every snapshot), V20 (no transaction is open anywhere). Leaves to checkHistory: what the processes of test/history saw.
 */
import type { TransactionCoordinator } from "../../../broker/transactions/transaction-coordinator.ts";
import { isIdle } from "../../../broker/transactions/transaction-state.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { HISTORY_TOPIC } from "../../history/history-client.ts";
import { Violation } from "../audit/violation.ts";
import type { Consumer } from "../clients/consumer.ts";
import type { SimulatedCluster } from "../world/simulated-cluster.ts";
import { BANK_TOPIC, entryOf, type Transfer } from "./banker.ts";
import type { PartitionTruth } from "./committed-truth.ts";
import { COPY_TOPIC, copyText } from "./copier.ts";
import type { ReadingWitness, ReadValue } from "./reading-witness.ts";

export type Truth = ReadonlyMap<string, readonly PartitionTruth[]>;

/** A consumer, what it saw, and how it is called. */
export interface Reader {
  readonly name: string;
  readonly consumer: Consumer;
  readonly witness: ReadingWitness;
}

/** Where a read_committed reader was in each partition of the bank at some moment. */
export type Snapshot = ReadonlyMap<number, number>;

/** V4, V5: from its beginning to where it is a reader has seen what there is to be seen, no more and no less. */
export function checkReader({ name, consumer, witness }: Reader, truth: Truth): void {
  for (const partitions of truth.values()) {
    for (const { audit, all, committed } of partitions) {
      const position = consumer.positionOf(audit.topicId, audit.index) ?? 0;
      const expected = (witness.readCommitted ? committed : all).filter(({ offset }) => offset < position);
      const read = witness.values.get(`${audit.topicId}-${audit.index}`) ?? [];
      for (let at = 0; at < Math.max(expected.length, read.length); at++) {
        const [due, got] = [expected[at], read[at]];
        if (due?.offset === got?.offset && due?.value === got?.value) continue;
        const says = (one: typeof due) => (one === undefined ? "nothing" : `${one.value} at ${one.offset}`);
        throw new Violation("V4", `${audit.name}: ${name} has read ${says(got)} where ${says(due)} is committed`);
      }
    }
  }
}

/** V12: the output is the input, each record once; of one partition of the input in order. */
export function checkCopy(truth: Truth): void {
  const missing = new Set<string>();
  for (const { audit, committed } of truth.get(HISTORY_TOPIC) ?? []) {
    for (const { offset, value } of committed) missing.add(copyText(audit.index, offset, value));
  }
  const seen = new Set<string>();
  for (const { audit, committed } of truth.get(COPY_TOPIC) ?? []) {
    const newest = new Map<string, number>();
    for (const { offset, value } of committed) {
      const where = `${audit.name}@${offset}: ${value}`;
      if (seen.has(value)) throw new Violation("V12", `${where} is there twice`);
      if (!missing.delete(value)) throw new Violation("V12", `${where} is not in the input`);
      seen.add(value);
      const [partition = "", inputOffset = ""] = value.split(" ");
      if (Number(inputOffset) <= (newest.get(partition) ?? -1)) {
        throw new Violation("V12", `${where} comes after ${newest.get(partition)} of the same partition`);
      }
      newest.set(partition, Number(inputOffset));
    }
  }
  const [lost] = missing;
  if (lost !== undefined) throw new Violation("V12", `${missing.size} of the input are not in the output: ${lost}`);
}

/** A half of a transfer, and where it is. */
interface Half {
  readonly partition: number;
  readonly offset: number;
  readonly change: number;
}

/** V13: transfers are whole or not there; no snapshot of a reader has money that is nowhere, or twice. */
export function checkBank(
  truth: Truth,
  transfers: readonly Transfer[],
  { witness }: Reader,
  snapshots: readonly Snapshot[],
): void {
  const partitions = truth.get(BANK_TOPIC) ?? [];
  const committed = halvesOf(partitions.map(({ audit, committed: values }) => [audit.index, values]));
  for (const { id, outcome } of transfers) {
    const both = committed.get(id) ?? [];
    const sum = both.reduce((total, { change }) => total + change, 0);
    const isRight = outcome === "done" ? both.length === 2 : outcome === "aborted" ? both.length === 0 : true;
    if (isRight && sum === 0 && (both.length === 0 || both.length === 2)) continue;
    const there = both.map(({ partition, offset, change }) => `${change} at ${partition}@${offset}`).join(", ");
    throw new Violation("V13", `transfer ${id} is ${outcome ?? "in doubt"}; committed is ${there || "nothing"}`);
  }
  const seen = halvesOf(
    partitions.map(({ audit }) => [audit.index, witness.values.get(`${audit.topicId}-${audit.index}`) ?? []]),
  );
  for (const positions of snapshots) {
    const isThere = ({ partition, offset }: Half) => offset < (positions.get(partition) ?? 0);
    let sum = 0;
    for (const [transfer, halves] of seen) {
      const read = halves.filter(isThere);
      if (read.length === 0) continue;
      // Partitions are read one by one: the other half may lie behind where the reader was, and nowhere else.
      const coming = (committed.get(transfer) ?? []).filter((half) => !isThere(half));
      for (const { change } of [...read, ...coming]) sum += change;
    }
    if (sum !== 0) throw new Violation("V13", `the sum is off by ${sum} at ${JSON.stringify([...positions])}`);
  }
}

function halvesOf(partitions: readonly (readonly [number, readonly ReadValue[]])[]): Map<number, Half[]> {
  const halves = new Map<number, Half[]>();
  for (const [partition, values] of partitions) {
    for (const { offset, value } of values) {
      const { transfer, change } = entryOf(value);
      halves.set(transfer, [...(halves.get(transfer) ?? []), { partition, offset, change }]);
    }
  }
  return halves;
}

/** Undefined while the coordinator reads its log. */
function machinesOf(transactions: TransactionCoordinator) {
  try {
    return transactions.machines();
  } catch (error) {
    if (error instanceof KafkaError && error.code === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) return undefined;
    throw error;
  }
}

/** V20: no coordinator has anything to end. */
export function whyNotQuiet(cluster: SimulatedCluster): string | undefined {
  for (const id of cluster.nodeIds) {
    const transactions = cluster.node(id).present?.broker.transactions;
    if (transactions === undefined) return `node ${id} is not there`;
    if (transactions.ending > 0) return `node ${id} is ending ${transactions.ending} transactions`;
    const machines = machinesOf(transactions);
    if (machines === undefined) return `node ${id} loads transactions`;
    for (const machine of machines) {
      for (const [transactionalId, { state, producerId, producerEpoch }] of machine.transactions.entries()) {
        if (isIdle(state)) continue;
        return `${transactionalId} (${producerId}/${producerEpoch}) is in state ${state} on node ${id}`;
      }
    }
  }
  return undefined;
}
