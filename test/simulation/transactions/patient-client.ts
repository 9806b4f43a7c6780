/**
 * What every client of transactions does on the simulated network: finds leaders and coordinators, and asks again until its patience
 * ends. A request whose answer was lost is sent again as it was.
 *
 * Owns: what may be asked again, and how often an answer was lost. Leaves to producers and readers: what they ask.
 */
import type { RpcClient } from "../../../broker/network/rpc-client.ts";
import { RpcError } from "../../../broker/network/rpc-error.ts";
import { ErrorCode, errorName } from "../../../protocol/error-codes.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { FindCoordinator } from "../../../protocol/messages/find-coordinator.ts";
import type { Api } from "../../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../../protocol/schema/message.ts";
import { READ_COMMITTED, type ReadRecord, readableRecords } from "../../support/read-partition.ts";
import { type ClientEnvironment, ClusterClient } from "../clients/cluster-client.ts";

/** How long one thing is tried. */
const PATIENCE_MS = 15_000;
const MAX_BYTES = 1 << 20;
const FETCH_VERSION = 11;

export const GROUP_KEY = 0;
export const TRANSACTION_KEY = 1;
type KeyType = typeof GROUP_KEY | typeof TRANSACTION_KEY;

/** Codes after which the same request may succeed, here or elsewhere. */
const RETRIABLE: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.NETWORK_EXCEPTION,
  ErrorCode.OFFSET_NOT_AVAILABLE,
  ErrorCode.FENCED_LEADER_EPOCH,
  ErrorCode.UNKNOWN_LEADER_EPOCH,
  ErrorCode.UNSTABLE_OFFSET_COMMIT,
]);

export interface Answer {
  readonly errorCode: number;
}

export class PatientClient {
  readonly environment: ClientEnvironment;
  readonly cluster: ClusterClient;
  /** Requests that may have been carried out without anybody being told. */
  lostAnswers = 0;
  /** Why the last thing that was tried in vain did not go well. */
  lastTrouble = "nothing";
  private readonly coordinators = new Map<string, number>();

  constructor(environment: ClientEnvironment, topics: readonly string[]) {
    this.environment = environment;
    this.cluster = new ClusterClient(environment, topics);
    this.cluster.start();
  }

  close(): void {
    this.cluster.close();
  }

  partitionsOf(topic: string): number {
    return this.cluster.topics.get(topic)?.partitions.length ?? 0;
  }

  pause(forMs: number): Promise<void> {
    return new Promise((resolve) => void this.environment.clock.after(forMs, resolve));
  }

  /** Asks until there is an answer that is none of those after which one asks again. @throws Refused, or GivenUp when time is up. */
  async persist<R extends Answer>(ask: () => Promise<R>): Promise<R> {
    const { clock } = this.environment;
    const deadlineMs = clock.monotonicMs() + PATIENCE_MS;
    for (;;) {
      let why = "nobody to be asked";
      try {
        const answer = await ask();
        if (answer.errorCode === ErrorCode.NONE) return answer;
        why = errorName(answer.errorCode) ?? String(answer.errorCode);
        if (!RETRIABLE.has(answer.errorCode)) {
          this.lastTrouble = why;
          throw new Refused(answer.errorCode, why);
        }
      } catch (error) {
        if (error instanceof RpcError) this.lostAnswers++;
        else if (!(error instanceof NobodyThere)) throw error;
      }
      if (clock.monotonicMs() >= deadlineMs || this.cluster.isClosed) {
        this.lostAnswers++;
        this.lastTrouble = `given up: ${why}`;
        throw new GivenUp(why);
      }
      this.coordinators.clear();
      this.cluster.refresh();
      await this.pause(this.cluster.settings.retryBackoffMs);
    }
  }

  async askLeader<Req extends Message, Res extends Message>(
    [topic, partition]: readonly [topic: string, partition: number],
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
  ): Promise<Decode<Res>> {
    const leader = this.cluster.topics.get(topic)?.partitions[partition]?.leader;
    const broker = leader === undefined ? undefined : this.cluster.brokerAt(leader);
    if (broker === undefined) throw new NobodyThere();
    return await this.ask(broker, api, version, request);
  }

  async askCoordinator<Req extends Message, Res extends Message>(
    [keyType, key]: readonly [keyType: KeyType, key: string],
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
  ): Promise<Decode<Res>> {
    const name = `${keyType}:${key}`;
    let coordinator = this.coordinators.get(name);
    if (coordinator === undefined) {
      const brokers = [...this.cluster.brokers.keys()];
      const any = brokers.length === 0 ? undefined : this.cluster.brokerAt(this.environment.random.pick(brokers));
      if (any === undefined) throw new NobodyThere();
      const found = await this.ask(any, FindCoordinator, 3, { keyType, key });
      if (found.errorCode !== ErrorCode.NONE) throw new NobodyThere();
      coordinator = found.nodeId;
      this.coordinators.set(name, coordinator);
    }
    const broker = this.cluster.brokerAt(coordinator);
    if (broker === undefined) throw new NobodyThere();
    return await this.ask(broker, api, version, request);
  }

  /** What is committed of a partition from an offset on, and where to go on. */
  async read(
    topic: string,
    partition: number,
    fetchOffset: number,
    maxWaitMs: number,
  ): Promise<[records: ReadRecord[], nextOffset: number]> {
    const partitions = [{ partition, fetchOffset, partitionMaxBytes: MAX_BYTES }];
    const answer = await this.persist(async () => {
      const { responses } = await this.askLeader([topic, partition], Fetch, FETCH_VERSION, {
        ...{ maxWaitMs, minBytes: 1, maxBytes: MAX_BYTES, isolationLevel: READ_COMMITTED },
        ...{ sessionId: 0, sessionEpoch: -1, topics: [{ topic, partitions }], forgottenTopicsData: [] },
      });
      return only(responses[0]?.partitions);
    });
    return readableRecords(answer.records ?? Buffer.alloc(0), answer.abortedTransactions ?? [], fetchOffset);
  }

  private async ask<Req extends Message, Res extends Message>(
    broker: RpcClient,
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
  ): Promise<Decode<Res>> {
    const timeoutMs = this.cluster.settings.requestTimeoutMs;
    const { body } = await broker.call(api, request, { version, timeoutMs });
    return body;
  }
}

/** The answer about the one thing that was asked about. @throws Error when there is none. */
export function only<T>(answers: readonly T[] | null | undefined): T {
  const [answer] = answers ?? [];
  if (answer === undefined) throw new Error("an answer that says nothing of what was asked");
  return answer;
}

/** An answer after which nothing is tried again. */
export class Refused extends Error {
  readonly errorCode: number;

  constructor(errorCode: number, message: string) {
    super(message);
    this.errorCode = errorCode;
  }
}

export class GivenUp extends Error {}

/** Whether it went well; a refusal and the end of patience are what clients live with, anything else is not. */
export async function tried(run: () => Promise<unknown>): Promise<boolean> {
  try {
    await run();
    return true;
  } catch (error) {
    if (error instanceof Refused || error instanceof GivenUp) return false;
    throw error;
  }
}

class NobodyThere extends Error {}
