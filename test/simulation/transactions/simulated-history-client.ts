/**
 * A transactional client on the simulated network, as the workload of test/history drives it: a producer with an epoch per transaction
 * (KIP-890) and a consumer that reads what is committed.
 *
 * Owns: what may be asked again, and until when; a request whose answer was lost is sent again as it was.
 */
import type { RpcClient } from "../../../broker/network/rpc-client.ts";
import { RpcError } from "../../../broker/network/rpc-error.ts";
import { ErrorCode, errorName } from "../../../protocol/error-codes.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { FindCoordinator } from "../../../protocol/messages/find-coordinator.ts";
import { InitProducerId } from "../../../protocol/messages/init-producer-id.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import { EndTxn } from "../../../protocol/messages/transactions.ts";
import { buildRecordBatch } from "../../../protocol/records/record-batch-builder.ts";
import type { Api } from "../../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../../protocol/schema/message.ts";
import { HISTORY_TOPIC, type HistoryClient, type Polled } from "../../history/history-client.ts";
import { READ_COMMITTED, readableRecords } from "../../support/read-partition.ts";
import { type ClientEnvironment, ClusterClient } from "../clients/cluster-client.ts";

/** How long one thing is tried. */
const PATIENCE_MS = 15_000;
const TRANSACTION_TIMEOUT_MS = 20_000;
const PAUSE_MS = [50, 400] as const;
const MAX_BYTES = 1 << 20;
const TRANSACTION_KEY = 1;

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
]);

export class SimulatedHistoryClient implements HistoryClient {
  readonly subscribes = false;
  private readonly environment: ClientEnvironment;
  private readonly client: ClusterClient;
  private coordinator: number | undefined;
  private producerId = -1;
  private producerEpoch = -1;
  private readonly sequences = new Map<number, number>();
  /** Something of the transaction may have reached a broker. */
  private begun = false;
  private positions = new Map<number, number>();
  private turn = 0;

  constructor(environment: ClientEnvironment) {
    this.environment = environment;
    this.client = new ClusterClient(environment, [HISTORY_TOPIC]);
    this.client.start();
  }

  async init(): Promise<void> {
    const request = {
      ...{ transactionalId: this.environment.name, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS },
      ...{ producerId: -1, producerEpoch: -1 },
    };
    const answer = await this.persist(() => this.askCoordinator(InitProducerId, 4, request));
    this.takeProducer(answer);
  }

  /** Not at once: what an application does between its transactions leaves time for the faults. */
  async begin(): Promise<void> {
    this.begun = false;
    await this.pause(this.environment.random.between(...PAUSE_MS));
  }

  private pause(forMs: number): Promise<void> {
    return new Promise((resolve) => void this.environment.clock.after(forMs, resolve));
  }

  async send(key: number, value: number): Promise<number> {
    const { producerId, producerEpoch } = this;
    const baseSequence = this.sequences.get(key) ?? 0;
    const timestamp = this.environment.clock.wallMs();
    const records = buildRecordBatch([{ value: String(value), timestamp }], {
      ...{ producerId, producerEpoch, baseSequence, isTransactional: true },
    });
    const topicData = [{ name: HISTORY_TOPIC, partitionData: [{ index: key, records }] }];
    const request = { transactionalId: this.environment.name, acks: -1, timeoutMs: 3000, topicData };
    this.begun = true;
    const answer = await this.persist(async () => {
      const { responses } = await this.ask(this.leaderOf(key), Produce, 12, request);
      const partition = responses[0]?.partitionResponses[0];
      if (partition === undefined) throw new Error("no answer");
      return partition;
    });
    this.sequences.set(key, baseSequence + 1);
    return answer.baseOffset;
  }

  commit(): Promise<void> {
    return this.end(true);
  }

  abort(): Promise<void> {
    return this.end(false);
  }

  private async end(committed: boolean): Promise<void> {
    if (!this.begun) return;
    const { producerId, producerEpoch } = this;
    const request = { transactionalId: this.environment.name, producerId, producerEpoch, committed };
    const answer = await this.persist(() => this.askCoordinator(EndTxn, 5, request));
    this.takeProducer(answer);
    this.begun = false;
  }

  private takeProducer({
    producerId,
    producerEpoch,
  }: {
    readonly producerId: number;
    readonly producerEpoch: number;
  }): void {
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    this.sequences.clear();
  }

  assign(keys: readonly number[]): Promise<void> {
    this.positions = new Map(keys.map((key) => [key, 0]));
    return Promise.resolve();
  }

  positionOf(key: number): number | undefined {
    return this.positions.get(key);
  }

  /** One partition after the other, a fetch each. */
  async poll(timeoutMs: number): Promise<Polled> {
    const keys = [...this.positions.keys()];
    const key = keys[this.turn++ % keys.length];
    const fetchOffset = key === undefined ? undefined : this.positions.get(key);
    if (key === undefined || fetchOffset === undefined) return { values: [], repositioned: false };
    const partitions = [{ partition: key, fetchOffset, partitionMaxBytes: MAX_BYTES }];
    const answer = await this.persist(async () => {
      const { responses } = await this.ask(this.leaderOf(key), Fetch, 11, {
        ...{ maxWaitMs: timeoutMs, minBytes: 1, maxBytes: MAX_BYTES, isolationLevel: READ_COMMITTED },
        ...{ sessionId: 0, sessionEpoch: -1, topics: [{ topic: HISTORY_TOPIC, partitions }], forgottenTopicsData: [] },
      });
      const partition = responses[0]?.partitions[0];
      if (partition === undefined) throw new Error("no answer");
      return partition;
    });
    const bytes = answer.records ?? Buffer.alloc(0);
    const [records, nextOffset] = readableRecords(bytes, answer.abortedTransactions ?? [], fetchOffset);
    this.positions.set(key, nextOffset);
    return { values: records.map(({ offset, value }) => ({ key, offset, value: Number(value) })), repositioned: false };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    return Promise.resolve();
  }

  /** Asks until there is an answer that is none of those after which one asks again. @throws Error a refusal, or time is up. */
  private async persist<R extends { readonly errorCode: number }>(ask: () => Promise<R>): Promise<R> {
    const { clock } = this.environment;
    const deadlineMs = clock.monotonicMs() + PATIENCE_MS;
    for (;;) {
      let why = "nobody to be asked";
      try {
        const answer = await ask();
        if (answer.errorCode === ErrorCode.NONE) return answer;
        why = errorName(answer.errorCode) ?? String(answer.errorCode);
        if (!RETRIABLE.has(answer.errorCode)) throw new Refusal(why);
      } catch (error) {
        if (error instanceof Refusal) throw error;
        if (!(error instanceof RpcError) && !(error instanceof NobodyThere)) throw error;
      }
      if (clock.monotonicMs() >= deadlineMs || this.client.isClosed) throw new Error(`given up: ${why}`);
      this.coordinator = undefined;
      this.client.refresh();
      await this.pause(this.client.settings.retryBackoffMs);
    }
  }

  private leaderOf(key: number): RpcClient {
    const leader = this.client.topics.get(HISTORY_TOPIC)?.partitions[key]?.leader;
    const broker = leader === undefined ? undefined : this.client.brokerAt(leader);
    if (broker === undefined) throw new NobodyThere();
    return broker;
  }

  private async askCoordinator<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
  ): Promise<Decode<Res>> {
    if (this.coordinator === undefined) {
      const brokers = [...this.client.brokers.keys()];
      const any = brokers.length === 0 ? undefined : this.client.brokerAt(this.environment.random.pick(brokers));
      if (any === undefined) throw new NobodyThere();
      const found = await this.ask(any, FindCoordinator, 3, { keyType: TRANSACTION_KEY, key: this.environment.name });
      if (found.errorCode !== ErrorCode.NONE) throw new NobodyThere();
      this.coordinator = found.nodeId;
    }
    const broker = this.client.brokerAt(this.coordinator);
    if (broker === undefined) throw new NobodyThere();
    return await this.ask(broker, api, version, request);
  }

  private async ask<Req extends Message, Res extends Message>(
    broker: RpcClient,
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
  ): Promise<Decode<Res>> {
    const { body } = await broker.call(api, request, { version, timeoutMs: this.client.settings.requestTimeoutMs });
    return body;
  }
}

/** An answer after which nothing is tried again. */
class Refusal extends Error {}

class NobodyThere extends Error {}
