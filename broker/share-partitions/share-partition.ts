/**
 * One partition as one share group reads it, at the leader of the partition, for as long as one leader epoch lasts (KIP-932).
 *
 * Owns: that the state is read before anything is given and stored before anything is answered, the locks' time, and who waits for
 * what is given back. Leaves to InFlightRecords, acquisition.ts and acknowledgement.ts: the records; to the persister: storing.
 * Invariant: one write is under way at a time, what changes meanwhile goes with the next; what could not be stored is as before.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Clock, Timer } from "../../storage/clock.ts";
import type { AbortedTransaction } from "../../storage/partition-log.ts";
import type { Partition } from "../partition/partition.ts";
import type { WatchList } from "../partition/watch-list.ts";
import type { SharePartitionKey } from "../share-state/share-partition-key.ts";
import type { PersisterResult, SharePersister, ShareState, StateBatch } from "../share-state/share-persister.ts";
import {
  type AcknowledgementBatch,
  acknowledge,
  type DeliveryChange,
  expireLocks,
  type LockTerms,
  releaseAll,
} from "./acknowledgement.ts";
import { type AcquiredRecords, acquire } from "./acquisition.ts";
import { DeliveryState } from "./delivery.ts";
import { abortedBatches, type FetchedBatch } from "./fetched-batch.ts";
import { InFlightRecords } from "./in-flight-records.ts";
import { initialOffset } from "./initial-offset.ts";
import { fences, persisterError } from "./persister-error.ts";
import { restoredRecords } from "./restored-records.ts";
import type { ShareSettings } from "./share-settings.ts";
import { joined } from "./state-batches.ts";
import { withoutBatches } from "./without-batches.ts";

export interface SharePartitionOptions {
  readonly key: SharePartitionKey;
  readonly partition: Partition;
  readonly leaderEpoch: number;
  readonly clock: Clock;
  readonly persister: SharePersister;
  /** Wakes those who wait for records to be given back. */
  readonly watch: WatchList;
  /** As they are now. */
  settings(): ShareSettings;
  /** It will not work again: the next request needs another. */
  ended(share: SharePartition): void;
}

/** How a member wants what it gets. */
export interface AcquireOptions {
  readonly memberId: string;
  readonly maxRecords: number;
  readonly batchSize: number;
  readonly isExact: boolean;
}

/** What waits to be stored, or is being stored. */
interface Pending {
  readonly changes: readonly DeliveryChange[];
  readonly stored: readonly StateBatch[];
  done(error: KafkaError | undefined): void;
}

export class SharePartition {
  readonly key: SharePartitionKey;
  readonly partition: Partition;
  readonly leaderEpoch: number;
  readonly watch: WatchList;
  /** Somebody reads the log for it: nobody else does until the read is done. */
  isBeingRead = false;
  /** Grows with everything that may let a fetch get what it did not get before. */
  changes = 0;
  /** What a record took of the log when it was last read. */
  bytesPerRecord = 0;
  /** Why it works no more. */
  failure: KafkaError | undefined;
  private readonly options: SharePartitionOptions;
  private status: "new" | "loading" | "active" = "new";
  private held = new InFlightRecords(0);
  private stateEpoch = 0;
  private waiting: Pending[] = [];
  private isStoring = false;
  private idleListeners: (() => void)[] = [];
  private lockTimer: Timer | undefined;
  private lockTimerMs = Number.POSITIVE_INFINITY;

  constructor(options: SharePartitionOptions) {
    this.options = options;
    this.key = options.key;
    this.partition = options.partition;
    this.leaderEpoch = options.leaderEpoch;
    this.watch = options.watch;
  }

  /** Whether its state is there; if nobody has asked for it yet, asks. */
  isReady(): boolean {
    if (this.status === "new" && this.failure === undefined) this.load();
    return this.status === "active" && this.failure === undefined;
  }

  /** As isReady, without asking for it. */
  get isLoaded(): boolean {
    return this.status === "active";
  }

  /** Whether there may be something to acquire. */
  get hasRoom(): boolean {
    return this.held.hasRoom(this.options.settings().maxRecordLocks);
  }

  get nextFetchOffset(): number {
    return this.held.nextFetchOffset;
  }

  get startOffset(): number {
    return this.held.startOffset;
  }

  private load(): void {
    this.status = "loading";
    const { persister, key, partition } = this.options;
    persister.read(key, this.leaderEpoch).onComplete(
      (state) => {
        if (typeof state === "symbol" || this.failure !== undefined) return;
        if (state.errorCode !== ErrorCode.NONE) {
          this.end(persisterError(state));
          return;
        }
        if (state.startOffset >= 0) {
          this.begin(state, state.startOffset);
          return;
        }
        const { autoOffsetReset } = this.options.settings();
        initialOffset(partition, autoOffsetReset, this.options.clock).then(
          (offset) => {
            if (this.failure !== undefined) return;
            if (offset !== undefined) {
              this.begin(state, offset);
              return;
            }
            // A new leader does not know yet what is committed: asked again when it does.
            this.status = "new";
            this.becomeIdle();
          },
          (error: unknown) =>
            this.end(error instanceof KafkaError ? error : new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR)),
        );
      },
      () => this.end(new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR)),
    );
  }

  private begin({ stateEpoch, stateBatches }: ShareState, startOffset: number): void {
    this.stateEpoch = stateEpoch;
    this.held = restoredRecords(startOffset, stateBatches);
    this.status = "active";
    this.changed();
    this.becomeIdle();
  }

  /** Gives a member what is available of a read. @param aborted of the same read; null where the group reads everything. */
  acquire(
    { memberId, maxRecords, batchSize, isExact }: AcquireOptions,
    fetchOffset: number,
    fetched: readonly FetchedBatch[],
    aborted: readonly AbortedTransaction[] | null,
  ): AcquiredRecords[] {
    if (this.failure !== undefined || maxRecords <= 0) return [];
    const { held } = this;
    const { deliveryCountLimit, maxRecordLocks, recordLockDurationMs } = this.options.settings();
    const lockedUntilMs = this.options.clock.monotonicMs() + recordLockDurationMs;
    const acquired = acquire(held, {
      ...{ memberId, maxRecords, batchSize, isExact, fetchOffset, fetched },
      ...{ lockedUntilMs, maxDeliveryCount: deliveryCountLimit, maxRecordLocks },
    });
    if (acquired.length > 0) this.expireAt(lockedUntilMs);
    if (aborted === null || aborted.length === 0) return acquired;
    const unwanted = abortedBatches(fetched, aborted);
    for (const { baseOffset, lastOffset } of unwanted) held.archive(baseOffset, lastOffset, DeliveryState.ACQUIRED);
    if (unwanted.length > 0) held.moveStart();
    return withoutBatches(acquired, unwanted);
  }

  /** The log starts later than what is wanted of it. */
  logStartMoved(): void {
    this.held.raiseStart(this.partition.log.logStartOffset);
  }

  /** @param done called once the change is stored, or with why there is none. */
  acknowledge(
    memberId: string,
    acknowledgements: readonly AcknowledgementBatch[],
    done: (error: KafkaError | undefined) => void,
  ): void {
    this.change((begun) => acknowledge(this.held, memberId, acknowledgements, this.terms, begun), done);
  }

  /** Takes back what a member holds. */
  release(memberId: string, done: (error: KafkaError | undefined) => void = () => {}): void {
    this.change((begun) => releaseAll(this.held, memberId, this.terms, begun), done);
  }

  private get terms(): LockTerms {
    const { deliveryCountLimit, recordLockDurationMs, renewAcknowledgeEnable } = this.options.settings();
    return {
      maxDeliveryCount: deliveryCountLimit,
      lockedUntilMs: this.options.clock.monotonicMs() + recordLockDurationMs,
      mayRenew: renewAcknowledgeEnable,
    };
  }

  private change(begin: (begun: DeliveryChange[]) => void, done: (error: KafkaError | undefined) => void): void {
    const changes: DeliveryChange[] = [];
    try {
      if (this.failure !== undefined) throw this.failure;
      begin(changes);
    } catch (error) {
      this.rollBack(changes);
      if (!(error instanceof KafkaError)) throw error;
      done(error);
      return;
    }
    if (changes.length === 0) done(undefined);
    else this.store({ changes, stored: changes.map(({ stored }) => stored), done });
  }

  private rollBack(changes: readonly DeliveryChange[]): void {
    const nowMs = this.options.clock.monotonicMs();
    const { maxDeliveryCount } = this.terms;
    for (const { delivery } of changes) {
      delivery.rollback(nowMs, maxDeliveryCount);
      if (delivery.isAvailable) this.held.becameAvailable();
      else if (delivery.state === DeliveryState.ACQUIRED) this.expireAt(delivery.lockedUntilMs);
    }
  }

  private store(pending: Pending): void {
    this.waiting.push(pending);
    if (!this.isStoring) this.storeWaiting();
  }

  private storeWaiting(): void {
    const pending = this.waiting;
    this.waiting = [];
    this.isStoring = true;
    const { persister, key } = this.options;
    const { held, stateEpoch, leaderEpoch } = this;
    const change = {
      ...{ stateEpoch, leaderEpoch, startOffset: held.startOffset, deliveryCompleteCount: held.doneCount },
      stateBatches: joined(pending.flatMap(({ stored }) => stored)),
    };
    const finish = (result: PersisterResult): void => {
      this.isStoring = false;
      this.stored(pending, result.errorCode === ErrorCode.NONE ? undefined : persisterError(result));
      if (this.waiting.length > 0 && this.failure === undefined) this.storeWaiting();
      else this.becomeIdle();
    };
    const unknown = { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, errorMessage: null };
    persister.write(key, change).onComplete(
      (result) => finish(typeof result === "symbol" ? unknown : result),
      () => finish(unknown),
    );
  }

  private stored(pending: readonly Pending[], error: KafkaError | undefined): void {
    for (const { changes } of pending) {
      if (error !== undefined) {
        this.rollBack(changes);
        continue;
      }
      for (const { delivery } of changes) {
        delivery.commit();
        if (delivery.isAvailable) this.held.becameAvailable();
      }
    }
    this.held.moveStart();
    for (const { done } of pending) done(error);
    if (error !== undefined && fences(error)) this.end(error);
    else this.changed();
  }

  private expireAt(deadlineMs: number): void {
    if (deadlineMs >= this.lockTimerMs || this.failure !== undefined) return;
    const { clock } = this.options;
    this.lockTimer?.cancel();
    this.lockTimerMs = deadlineMs;
    // After a stall of the loop, acknowledgements that arrived meanwhile count first.
    this.lockTimer = clock.after(deadlineMs - clock.monotonicMs(), () => clock.afterPoll(() => this.expire()));
  }

  private expire(): void {
    this.lockTimerMs = Number.POSITIVE_INFINITY;
    if (this.failure !== undefined) return;
    const { stored, nextMs } = expireLocks(this.held, this.options.clock.monotonicMs(), this.terms);
    if (nextMs !== Number.POSITIVE_INFINITY) this.expireAt(nextMs);
    if (stored.length === 0) return;
    // What cannot be stored is given again all the same: a lost delivery count is the lesser evil.
    this.store({ changes: [], stored, done: () => {} });
    this.changed();
  }

  private changed(): void {
    this.changes++;
    this.watch.wake();
  }

  /** Runs once nothing is being stored. */
  whenIdle(run: () => void): void {
    if (this.isStoring || this.status === "loading") this.idleListeners.push(run);
    else run();
  }

  private becomeIdle(): void {
    const listeners = this.idleListeners;
    this.idleListeners = [];
    for (const run of listeners) run();
  }

  /** It works no more: somebody else leads, the state is another's, the topic is gone. Whoever waits is told why. */
  end(why: KafkaError): void {
    if (this.failure !== undefined) return;
    this.failure = why;
    this.lockTimer?.cancel();
    const waiting = this.waiting;
    this.waiting = [];
    for (const { changes, done } of waiting) {
      this.rollBack(changes);
      done(why);
    }
    this.options.ended(this);
    this.changed();
    this.becomeIdle();
  }
}
