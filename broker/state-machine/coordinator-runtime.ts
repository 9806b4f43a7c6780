/**
 * The shards of one internal topic that this broker leads: loaded when it comes to lead a partition, dropped when it no longer does.
 *
 * Owns: which epoch of which partition is served, and what is answered while none is. Leaves to Shard: requests.
 * Invariant: news of an older epoch than the one at hand changes nothing (R145, R122).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Clock, Timer } from "../../storage/clock.ts";
import type { Logger } from "../../storage/logger.ts";
import type { BatchStyle } from "./coordinator-batch.ts";
import type { CoordinatorLog } from "./coordinator-log.ts";
import type { RecordTypes } from "./coordinator-record.ts";
import type { Decision, StateMachine } from "./decision.ts";
import type { Reply } from "./reply.ts";
import { Shard, type TransactionEnd } from "./shard.ts";
import { ShardLoader } from "./shard-loader.ts";
import type { Timeline } from "./versioned.ts";

/** A load that failed is tried again after this long, doubled each time, as long as this broker leads. */
const LOAD_RETRY_MS = 1000;
const MAX_LOAD_RETRY_MS = 60_000;

export interface CoordinatorRuntimeOptions<M, F> {
  readonly topic: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recordTypes: RecordTypes;
  readonly writeTimeoutMs: number;
  readonly batchStyle?: BatchStyle;
  /** The empty memory of a partition; its log's largest batch is what one of its records can hold. */
  readonly newMachine: (timeline: Timeline, log: CoordinatorLog) => M;
  readonly runEffect: (effect: F) => void;
}

export class CoordinatorRuntime<M extends StateMachine<C, E, F>, C = never, E = never, F = never> {
  private readonly shards = new Map<number, Shard<M, C, E, F>>();
  private readonly options: CoordinatorRuntimeOptions<M, F>;
  private readonly retries = new Map<Shard<M, C, E, F>, Timer>();
  /** By partition: how often in a row it could not be loaded. */
  private readonly failures = new Map<number, number>();
  private closed = false;

  constructor(options: CoordinatorRuntimeOptions<M, F>) {
    this.options = options;
  }

  /**
   * This broker leads a partition from this epoch on. When it led before and has not resigned since, its log is the one that was
   * loaded, whatever object stands for it: the shard lives on.
   */
  lead(partition: number, leaderEpoch: number, log: CoordinatorLog): void {
    if (this.closed) return;
    const shard = this.shards.get(partition);
    if (shard === undefined) this.open(partition, leaderEpoch, log);
    else if (shard.leaderEpoch < leaderEpoch) shard.leaderEpoch = leaderEpoch;
  }

  /** Another broker leads from this epoch on; without an epoch the partition is gone. */
  resign(partition: number, leaderEpoch?: number): void {
    const shard = this.shards.get(partition);
    if (shard === undefined || (leaderEpoch !== undefined && leaderEpoch <= shard.leaderEpoch)) return;
    this.failures.delete(partition);
    this.drop(partition, shard);
  }

  /** Drops all shards, and leads none any more. */
  close(): void {
    this.closed = true;
    for (const [partition, shard] of this.shards) this.drop(partition, shard);
  }

  /** Decides a request on the machine of a partition; see Shard.write. */
  write<R>(partition: number, reply: Reply<R>, decide: (machine: M) => Decision<R, C, E, F>): void {
    const shard = this.shards.get(partition);
    if (shard === undefined) reply.refuse(ErrorCode.NOT_COORDINATOR);
    else shard.write(reply, decide);
  }

  endTransaction(partition: number, end: TransactionEnd, reply: Reply<ErrorCode>): void {
    const shard = this.shards.get(partition);
    if (shard === undefined) reply.refuse(ErrorCode.NOT_COORDINATOR);
    else shard.endTransaction(end, reply);
  }

  /**
   * The machine of a partition, for queries: of what it holds only the committed state is to be read.
   * @throws KafkaError NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS.
   */
  machine(partition: number): M {
    const shard = this.shards.get(partition);
    if (shard === undefined) throw new KafkaError(ErrorCode.NOT_COORDINATOR);
    shard.requireSettled();
    return shard.machine;
  }

  /** Every machine, for queries. @throws KafkaError COORDINATOR_LOAD_IN_PROGRESS while one is loading. */
  machines(): M[] {
    const all: M[] = [];
    for (const shard of this.shards.values()) {
      shard.requireSettled();
      all.push(shard.machine);
    }
    return all;
  }

  /** Partitions whose machine is loaded. */
  activePartitions(): number[] {
    return [...this.shards].filter(([, shard]) => shard.active).map(([partition]) => partition);
  }

  /** For tests and metrics. */
  shard(partition: number): Shard<M, C, E, F> | undefined {
    return this.shards.get(partition);
  }

  private drop(partition: number, shard: Shard<M, C, E, F>): void {
    this.shards.delete(partition);
    this.retries.get(shard)?.cancel();
    this.retries.delete(shard);
    shard.close(ErrorCode.NOT_COORDINATOR);
  }

  private open(partition: number, leaderEpoch: number, log: CoordinatorLog): void {
    const { clock, writeTimeoutMs, batchStyle = {}, runEffect, newMachine } = this.options;
    const shard: Shard<M, C, E, F> = new Shard(leaderEpoch, log, (timeline) => newMachine(timeline, log), {
      clock,
      writeTimeoutMs,
      batchStyle,
      runEffect,
      onOutOfStep: () => this.reload(partition, shard),
    });
    this.shards.set(partition, shard);
    this.load(partition, shard).catch((error: unknown) => this.loadFailed(partition, shard, error));
  }

  private async load(partition: number, shard: Shard<M, C, E, F>): Promise<void> {
    const { topic, clock, logger, recordTypes } = this.options;
    const summary = await new ShardLoader(shard, recordTypes, clock, logger).load();
    if (summary === undefined || shard.closed) return;
    this.failures.delete(partition);
    shard.activate();
    logger.debug({ topic, partition, leaderEpoch: shard.leaderEpoch, ...summary }, "a coordinator shard is loaded");
  }

  /** Clients find this shard loading until a later attempt succeeds, or another broker leads. */
  private loadFailed(partition: number, shard: Shard<M, C, E, F>, error: unknown): void {
    if (shard.closed) return;
    const { topic, clock, logger } = this.options;
    logger.error({ topic, partition, error: String(error) }, "a coordinator shard cannot be loaded");
    if (!(error instanceof KafkaError)) throw error;
    const failures = (this.failures.get(partition) ?? 0) + 1;
    this.failures.set(partition, failures);
    const delayMs = Math.min(LOAD_RETRY_MS * 2 ** (failures - 1), MAX_LOAD_RETRY_MS);
    this.retries.set(
      shard,
      clock.after(delayMs, () => this.reload(partition, shard)),
    );
  }

  private reload(partition: number, shard: Shard<M, C, E, F>): void {
    if (this.shards.get(partition) !== shard) return;
    this.drop(partition, shard);
    if (!this.closed) this.open(partition, shard.leaderEpoch, shard.log);
  }
}
