/**
 * Reads partitions as their records come: a fetch at each leader all the time, records in the order of their partition.
 *
 * Owns: positions, and going on when leaders move. Leaves to the caller: where to begin, and when it is enough. What is fetched
 * and not yet taken is at most one answer of each leader.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { type ClusterClient, kafkaError } from "./cluster-client.ts";
import { type AbortedTransaction, type FetchedRecord, readRecords } from "./fetched-records.ts";
import { byLeader, EARLIEST, LATEST, offsetsAt, partitionKey, type TopicPartition } from "./offset-lookup.ts";
import { DEFAULT_PATIENCE_MS, passes } from "./patience.ts";

export interface ReaderOptions {
  /** Only what was committed, of transactions. */
  readonly committed: boolean;
  /** Where to go on when the records at a position are gone. */
  readonly whenGone: "earliest" | "latest";
}

/** Fetches by topic name; newer versions want ids. */
const BY_NAME_VERSION = 12;
const MAX_WAIT_MS = 500;
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_PARTITION_BYTES = 1024 * 1024;
const PAUSE_MS = 100;

interface LeaderAnswer {
  readonly leader: number;
  readonly partitions: readonly TopicPartition[];
  readonly records: FetchedRecord[];
  readonly failure: unknown;
}

export class Reader {
  private readonly cluster: ClusterClient;
  private readonly options: ReaderOptions;
  private readonly partitions: readonly TopicPartition[];
  /** By partition key: the offset of the next record to hand out. */
  readonly positions: Map<string, number>;
  private readonly underWay = new Map<number, Promise<LeaderAnswer>>();
  private readonly busy = new Set<string>();
  private failingSinceMs: number | undefined;

  constructor(cluster: ClusterClient, positions: ReadonlyMap<TopicPartition, number>, options: ReaderOptions) {
    this.cluster = cluster;
    this.options = options;
    this.partitions = [...positions.keys()];
    this.positions = new Map([...positions].map(([partition, offset]) => [partitionKey(partition), offset]));
  }

  /**
   * Records as they come; empty when there was none for a while. Ends when `stopped` resolves.
   * @throws KafkaError, RpcError what does not pass, or did not in time.
   */
  async *records(stopped: Promise<unknown>): AsyncGenerator<FetchedRecord[]> {
    let isOver = false;
    const end = stopped.then(() => {
      isOver = true;
      return undefined;
    });
    while (!isOver) {
      const started = await Promise.race([this.fetchFromAll(), end]);
      if (started === undefined) return;
      if (this.underWay.size === 0) {
        yield [];
        continue;
      }
      const answer = await Promise.race([...this.underWay.values(), end]);
      if (answer === undefined) return;
      this.underWay.delete(answer.leader);
      for (const partition of answer.partitions) this.busy.delete(partitionKey(partition));
      if (answer.failure !== undefined) await this.pauseAfter(answer.failure);
      else this.failingSinceMs = undefined;
      yield answer.records;
    }
  }

  /** Asks every leader that is not being asked. */
  private async fetchFromAll(): Promise<true> {
    const idle = this.partitions.filter((partition) => !this.busy.has(partitionKey(partition)));
    try {
      for (const [leader, topics] of await byLeader(this.cluster, idle)) {
        if (this.underWay.has(leader)) continue;
        const partitions = [...topics].flatMap(([topic, all]) => all.map((partition) => ({ topic, partition })));
        for (const partition of partitions) this.busy.add(partitionKey(partition));
        this.underWay.set(leader, this.fetchFrom(leader, topics, partitions));
      }
    } catch (error) {
      await this.pauseAfter(error);
    }
    return true;
  }

  private async fetchFrom(
    leader: number,
    topics: ReadonlyMap<string, readonly number[]>,
    partitions: readonly TopicPartition[],
  ): Promise<LeaderAnswer> {
    const records: FetchedRecord[] = [];
    try {
      await this.fetch(leader, topics, records);
      return { leader, partitions, records, failure: undefined };
    } catch (failure) {
      // What was read before it counts: positions have moved on.
      return { leader, partitions, records, failure };
    }
  }

  /** Adds what is read to `read`. @throws KafkaError of a partition, once the others are read; RpcError. */
  private async fetch(
    leader: number,
    topics: ReadonlyMap<string, readonly number[]>,
    read: FetchedRecord[],
  ): Promise<void> {
    const request = {
      ...{ maxWaitMs: MAX_WAIT_MS, minBytes: 1, maxBytes: MAX_BYTES, forgottenTopicsData: [] },
      isolationLevel: this.options.committed ? 1 : 0,
      topics: [...topics].map(([topic, all]) => ({
        topic,
        partitions: all.map((partition) => ({
          partition,
          fetchOffset: this.positions.get(partitionKey({ topic, partition })) as number,
          partitionMaxBytes: MAX_PARTITION_BYTES,
        })),
      })),
    };
    const response = await this.cluster.askForRecords(leader, Fetch, request, { maxVersion: BY_NAME_VERSION });
    const gone: TopicPartition[] = [];
    let refused = response.body.errorCode;
    try {
      for (const { topic, partitions } of response.body.responses) {
        for (const { partitionIndex: partition, errorCode, records, abortedTransactions } of partitions) {
          if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) gone.push({ topic, partition });
          else if (errorCode !== ErrorCode.NONE) refused = errorCode;
          else if (records !== null) this.take({ topic, partition }, records, abortedTransactions ?? [], read);
        }
      }
    } finally {
      response.release();
    }
    if (gone.length > 0) await this.moveInto(gone);
    if (refused !== ErrorCode.NONE) throw kafkaError(refused, null);
  }

  private take(
    partition: TopicPartition,
    bytes: Buffer,
    aborted: readonly AbortedTransaction[],
    read: FetchedRecord[],
  ): void {
    const key = partitionKey(partition);
    const from = this.positions.get(key) as number;
    const { records, nextOffset } = readRecords(partition, bytes, from, this.options.committed ? aborted : null);
    this.positions.set(key, nextOffset);
    for (const record of records) read.push(record);
  }

  private async moveInto(gone: readonly TopicPartition[]): Promise<void> {
    const timestamp = this.options.whenGone === "earliest" ? EARLIEST : LATEST;
    for (const [key, offset] of await offsetsAt(this.cluster, gone, timestamp)) this.positions.set(key, offset);
  }

  /** @throws what failed, when it does not pass or has gone on for too long. */
  private async pauseAfter(failure: unknown): Promise<void> {
    const nowMs = performance.now();
    this.failingSinceMs ??= nowMs;
    if (!passes(failure) || nowMs - this.failingSinceMs > DEFAULT_PATIENCE_MS) throw failure;
    this.cluster.forgetLeaders();
    await sleep(PAUSE_MS);
  }
}
