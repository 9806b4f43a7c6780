/**
 * One partition of an internal topic in the hands of its leader: a state machine, its log, its deadlines, its waiting answers.
 *
 * Owns: the order of things: decide, append, replay, and let go what is committed. Leaves to the machine: what a request means;
 * to CoordinatorRuntime: when a shard begins and ends.
 * Invariant: memory is what replaying the log gives, plus changes that no log holds; a refused append changes nothing but what the
 * decision says of that.
 */
import { strict as assert } from "node:assert";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Clock } from "../../storage/clock.ts";
import { CommitQueue } from "./commit-queue.ts";
import { type BatchStyle, batchesOf, endMarkerBatch } from "./coordinator-batch.ts";
import type { CoordinatorLog } from "./coordinator-log.ts";
import type { AfterRefusal, Decision, StateMachine, TimerCommand } from "./decision.ts";
import { KeyedTimers } from "./keyed-timers.ts";
import type { Reply } from "./reply.ts";
import { Timeline } from "./versioned.ts";

/** A deadline whose decision the log refused is looked at again after this long, as in Kafka. */
const TIMER_RETRY_MS = 500;

/**
 * How long queries wait for the high watermark to come to what was loaded. Replicas that do not follow leave the ISR before that;
 * what is left then are too few replicas for any commit (min.insync.replicas), and answers that may be a little old.
 */
const SETTLE_LIMIT_MS = 60_000;

/** The end of a transaction, as the transaction coordinator says it. */
export interface TransactionEnd {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly committed: boolean;
  /** 0 when not said. */
  readonly transactionVersion: number;
}

export interface ShardSurroundings<F> {
  readonly clock: Clock;
  readonly writeTimeoutMs: number;
  readonly batchStyle?: BatchStyle;
  readonly runEffect: (effect: F) => void;
  /** The log holds what this shard did not write: the machine must be loaded anew. */
  readonly onOutOfStep: () => void;
}

export class Shard<M extends StateMachine<C, E, F>, C, E, F> {
  readonly machine: M;
  readonly log: CoordinatorLog;
  /** Moves on when the same broker leads the next epoch too. */
  leaderEpoch: number;
  readonly timeline: Timeline;
  private state: "loading" | "active" | "closed" = "loading";
  private readonly around: ShardSurroundings<F>;
  private readonly timers: KeyedTimers<E>;
  private readonly queue: CommitQueue<F>;
  /** End of the log when it had been loaded: a predecessor may have acknowledged all of it. */
  private loadedEndOffset = Number.POSITIVE_INFINITY;
  private settleDeadlineMs = Number.POSITIVE_INFINITY;
  /** Between append and replay: what the high watermark frees must wait until memory has caught up. */
  private performing = false;
  private stopListening: (() => void) | undefined;

  constructor(
    leaderEpoch: number,
    log: CoordinatorLog,
    newMachine: (timeline: Timeline) => M,
    around: ShardSurroundings<F>,
  ) {
    this.leaderEpoch = leaderEpoch;
    this.log = log;
    this.around = around;
    this.timeline = new Timeline();
    this.machine = newMachine(this.timeline);
    this.timers = new KeyedTimers(around.clock, (key, event) => this.timerDue(key, event));
    this.queue = new CommitQueue(around.clock, around.writeTimeoutMs, around.runEffect);
  }

  get active(): boolean {
    return this.state === "active";
  }

  get closed(): boolean {
    return this.state === "closed";
  }

  /** Answers that wait for the high watermark, and deadlines; for tests and metrics. */
  get load(): { readonly waiting: number; readonly timers: number; readonly uncommitted: number } {
    return { waiting: this.queue.size, timers: this.timers.size, uncommitted: this.timeline.size };
  }

  /** The whole log has been replayed. */
  activate(): void {
    assert(this.state === "loading", "a shard is activated twice");
    this.state = "active";
    this.loadedEndOffset = this.timeline.endOffset;
    this.settleDeadlineMs = this.around.clock.monotonicMs() + SETTLE_LIMIT_MS;
    this.stopListening = this.log.onHighWatermark(() => this.advance());
    this.advance();
    try {
      this.perform(this.machine.onLoaded(), undefined);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      // What a loaded machine wants to write can wait: the deadlines that lead to it come again.
    }
  }

  /** Drops the machine; whoever waits for it is refused. */
  close(code: ErrorCode): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.stopListening?.();
    this.timers.close();
    this.queue.close(code);
    for (const reply of [...this.machine.parkedReplies()]) reply.refuse(code);
  }

  /** @throws KafkaError COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR. */
  requireActive(): void {
    if (this.state === "loading") throw new KafkaError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    if (this.state === "closed") throw new KafkaError(ErrorCode.NOT_COORDINATOR);
  }

  /**
   * The committed state is no older than what a predecessor acknowledged: a new leader's own high watermark may still be behind
   * what it holds, and to tell by it would let offsets go back.
   * @throws KafkaError COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR.
   */
  requireSettled(): void {
    this.requireActive();
    if (this.log.highWatermark >= this.loadedEndOffset) this.loadedEndOffset = 0;
    if (this.loadedEndOffset === 0 || this.around.clock.monotonicMs() >= this.settleDeadlineMs) return;
    throw new KafkaError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
  }

  /**
   * Decides a request and does what was decided; a KafkaError of the decision or of the append refuses the reply and changes
   * nothing. Without a response the decision has parked the reply.
   */
  write<R>(reply: Reply<R>, decide: (machine: M) => Decision<R, C, E, F>): void {
    try {
      this.requireActive();
      this.perform(decide(this.machine), reply);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      reply.refuse(error.code);
    }
  }

  /** Writes the end of a transaction and lets the machine know. */
  endTransaction(end: TransactionEnd, reply: Reply<ErrorCode>): void {
    try {
      this.requireActive();
      const nowMs = this.around.clock.wallMs();
      this.performing = true;
      const { leaderEpoch } = this;
      const options = { leaderEpoch, transactionVersion: end.transactionVersion };
      const appended = this.log.append(endMarkerBatch(end, nowMs), options);
      this.requireInStep(appended.baseOffset);
      this.timeline.endOffset = appended.lastOffset + 1;
      this.machine.replayEndTransaction(end.producerId, end.committed);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      reply.refuse(error.code);
      return;
    } finally {
      this.performing = false;
    }
    this.queue.answer(this.timeline.endOffset, reply, ErrorCode.NONE);
    this.advance();
  }

  private perform<R>(decision: Decision<R, C, E, F>, reply: Reply<R> | undefined): void {
    const { records, changes, timers, answers, effects } = decision;
    if (records !== undefined && records.length > 0) {
      try {
        this.appendAndReplay(decision);
      } catch (error) {
        // Memory that is dropped with the leadership is past saying what becomes of it.
        if (!(error instanceof KafkaError) || decision.ifRefused === undefined || !this.active) throw error;
        this.performRefused(decision.ifRefused(error.code));
        return;
      }
    }
    if (changes !== undefined) for (const change of changes) this.machine.apply(change);
    if (timers !== undefined) this.setTimers(timers);
    const { endOffset } = this.timeline;
    if (reply !== undefined && decision.response !== undefined) this.queue.answer(endOffset, reply, decision.response);
    if (answers !== undefined)
      for (const { reply: to, response } of answers) this.queue.answer(endOffset, to, response);
    if (effects !== undefined) for (const effect of effects) this.queue.effect(endOffset, effect);
    this.advance();
  }

  private performRefused({ changes = [], timers = [], answers = [] }: AfterRefusal<C, E>): void {
    for (const change of changes) this.machine.apply(change);
    this.setTimers(timers);
    for (const { reply, response } of answers) reply.answer(response);
  }

  private setTimers(timers: readonly TimerCommand<E>[]): void {
    for (const timer of timers) {
      if ("cancel" in timer) this.timers.cancel(timer.key);
      else if (timer.ifAbsent !== true || !this.timers.has(timer.key)) {
        this.timers.schedule(timer.key, timer.delayMs, timer.event, timer.liveness);
      }
    }
  }

  /** @throws KafkaError when the log refuses; with several batches, what came before the refused one stands. */
  private appendAndReplay(decision: Decision<unknown, C, E, F>): void {
    const { log, timeline, machine, leaderEpoch } = this;
    const producerId = decision.transaction?.producerId ?? -1;
    const verification = decision.transaction?.verification;
    const options = verification === undefined ? { leaderEpoch } : { leaderEpoch, verification };
    const { clock, batchStyle } = this.around;
    for (const batch of batchesOf(decision, clock.wallMs(), log.maxBatchBytes, batchStyle)) {
      this.performing = true;
      try {
        const appended = log.append(batch.bytes, options);
        this.requireInStep(appended.baseOffset);
        let offset = appended.baseOffset;
        for (const record of batch.records) {
          timeline.endOffset = offset + 1;
          machine.replay(record, { offset, producerId });
          offset++;
        }
      } finally {
        this.performing = false;
      }
    }
  }

  /** Someone else has written to the log (a client may): what memory holds is not what the log says. */
  private requireInStep(baseOffset: number): void {
    if (baseOffset === this.timeline.endOffset) return;
    this.performing = false;
    this.around.onOutOfStep();
    throw new KafkaError(ErrorCode.NOT_COORDINATOR);
  }

  private advance(): void {
    if (this.performing || this.state !== "active") return;
    const { highWatermark } = this.log;
    this.timeline.commit(highWatermark);
    this.queue.commit(highWatermark);
  }

  private timerDue(key: string, event: E): void {
    try {
      this.perform(this.machine.onTimer(event), undefined);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      this.timers.schedule(key, TIMER_RETRY_MS, event);
    }
  }
}
