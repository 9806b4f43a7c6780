/**
 * The memory of one partition of __transaction_state: its transactional ids.
 *
 * Owns: what a record means to memory, and the deadlines: transactions that take too long are aborted, ids that nobody uses are
 * forgotten. Leaves to the decisions beside it: what requests mean; to MarkerSender: ending what is prepared.
 */
import type { Clock } from "../../storage/clock.ts";
import type { CoordinatorRecord, StoredRecord } from "../state-machine/coordinator-record.ts";
import type { StateMachine, TimerCommand } from "../state-machine/decision.ts";
import type { Reply } from "../state-machine/reply.ts";
import { type Timeline, VersionedMap } from "../state-machine/versioned.ts";
import { decideFence } from "./end-transaction.ts";
import type { Transaction } from "./transaction.ts";
import {
  type Around,
  isPending,
  type Known,
  type PreparedTransaction,
  type TransactionDeadline,
  type TransactionDecision,
} from "./transaction-decision.ts";
import {
  type TransactionKey,
  type TransactionValue,
  transactionFromRecord,
  transactionTombstone,
} from "./transaction-record.ts";
import type { TransactionSettings } from "./transaction-settings.ts";
import { isIdle, isPrepared, TransactionState } from "./transaction-state.ts";

const ABORT_SCAN = "abort-scan";
const EXPIRY = "expiry";
/** Transactions aborted for their age in one turn of the loop; the rest follow so much later. */
const ABORTS_PER_TURN = 100;
const NEXT_ABORTS_MS = 100;
/** Ids looked at for their age in one turn. */
const IDS_PER_TURN = 2000;

export interface MachineOptions {
  readonly clock: Clock;
  readonly settings: TransactionSettings;
  /** The finalized level, as of now. */
  readonly transactionVersion: () => number;
  readonly nextProducerId: Around["nextProducerId"];
}

export class TransactionMachine implements StateMachine<never, TransactionDeadline, PreparedTransaction> {
  readonly transactions: VersionedMap<string, Transaction>;
  /** Ids whose transaction is ongoing, committed or not. */
  private readonly ongoing = new Set<string>();
  private readonly options: MachineOptions;

  constructor(timeline: Timeline, options: MachineOptions) {
    this.transactions = new VersionedMap(timeline);
    this.options = options;
  }

  known(transactionalId: string): Known {
    const { transactions } = this;
    return { current: transactions.get(transactionalId), committed: transactions.committed(transactionalId) };
  }

  around(): Around {
    const { clock, transactionVersion, nextProducerId } = this.options;
    const now = { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
    return { now, transactionVersion: transactionVersion(), nextProducerId };
  }

  replay(record: StoredRecord | CoordinatorRecord): void {
    const key = record.key as TransactionKey;
    const { transactionalId } = key;
    if (record.value === null) {
      this.transactions.delete(transactionalId);
      this.ongoing.delete(transactionalId);
      return;
    }
    const known = (record as CoordinatorRecord).memory as Transaction | undefined;
    const transaction = known ?? transactionFromRecord(key, record.value as TransactionValue, this.around().now);
    if (transaction === undefined) return;
    this.transactions.set(transactionalId, transaction);
    if (transaction.state === TransactionState.ONGOING) this.ongoing.add(transactionalId);
    else this.ongoing.delete(transactionalId);
  }

  replayEndTransaction(): void {
    // Nothing is stored here inside a transaction.
  }

  apply(): void {
    // Everything is in the log.
  }

  /** What was prepared is finished, by whoever began it (R121). */
  onLoaded(): TransactionDecision<never> {
    const effects: PreparedTransaction[] = [];
    for (const [, transaction] of this.transactions.entries()) {
      if (isPrepared(transaction.state)) effects.push(transaction);
    }
    const { abortIntervalMs, expiryIntervalMs } = this.options.settings;
    return { effects, timers: [abortScan(abortIntervalMs), expiry(expiryIntervalMs, undefined)] };
  }

  /** @throws KafkaError when a producer id is needed and there is none: the shard comes back to it. */
  onTimer(deadline: TransactionDeadline): TransactionDecision<never> {
    switch (deadline.kind) {
      case "find-timed-out":
        return this.findTimedOut();
      case "abort":
        return this.abort(deadline);
      case "expire":
        return this.expire(deadline.transactionalIds);
    }
  }

  *parkedReplies(): IterableIterator<Pick<Reply<unknown>, "refuse">> {
    // Nobody is parked here.
  }

  /** Each is aborted by a decision of its own, so that one that cannot be stored takes no other along. */
  private findTimedOut(): TransactionDecision<never> {
    const { monotonicMs } = this.around().now;
    const timers: TimerCommand<TransactionDeadline>[] = [];
    let delayMs = this.options.settings.abortIntervalMs;
    for (const transactionalId of this.ongoing) {
      const known = this.known(transactionalId);
      const { current } = known;
      if (current === undefined || isPending(known) || monotonicMs - current.startedMs <= current.timeoutMs) continue;
      if (timers.length === ABORTS_PER_TURN) {
        delayMs = Math.min(delayMs, NEXT_ABORTS_MS);
        break;
      }
      const { producerId, producerEpoch } = current;
      const event = { kind: "abort" as const, transactionalId, producerId, producerEpoch };
      timers.push({ key: `abort ${transactionalId}`, delayMs: 0, event });
    }
    return { timers: [...timers, abortScan(delayMs)] };
  }

  private abort(due: Extract<TransactionDeadline, { kind: "abort" }>): TransactionDecision<never> {
    const known = this.known(due.transactionalId);
    const { current } = known;
    const isSame =
      current?.state === TransactionState.ONGOING &&
      current.producerId === due.producerId &&
      current.producerEpoch === due.producerEpoch;
    return isSame && !isPending(known) ? decideFence(current, this.around()) : {};
  }

  private expire(among: readonly string[] | undefined): TransactionDecision<never> {
    const { idExpirationMs, expiryIntervalMs } = this.options.settings;
    const { monotonicMs } = this.around().now;
    const ids = among ?? [...this.transactions.keys()];
    const records: CoordinatorRecord[] = [];
    for (const transactionalId of ids.slice(0, IDS_PER_TURN)) {
      const known = this.known(transactionalId);
      const { current } = known;
      if (current === undefined || isPending(known) || !isIdle(current.state)) continue;
      if (monotonicMs - current.updatedMs >= idExpirationMs) records.push(transactionTombstone(transactionalId));
    }
    const left = ids.slice(IDS_PER_TURN);
    const next = left.length === 0 ? expiry(expiryIntervalMs, undefined) : expiry(0, left);
    return { records, splittable: true, timers: [next] };
  }
}

function abortScan(delayMs: number): TimerCommand<TransactionDeadline> {
  return { key: ABORT_SCAN, delayMs, event: { kind: "find-timed-out" } };
}

function expiry(delayMs: number, transactionalIds: readonly string[] | undefined): TimerCommand<TransactionDeadline> {
  return { key: EXPIRY, delayMs, event: { kind: "expire", transactionalIds } };
}
