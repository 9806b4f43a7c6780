/**
 * kafkajs as a client of the workload. Its consumers are members of groups: each has one of its own, with all partitions.
 *
 * Owns: where kafkajs went elsewhere in a partition by itself, by its own events; all else that does not go on by one is the broker's.
 */
import { type Consumer, Kafka, logLevel, type Producer, type Transaction } from "kafkajs";
import type { PolledValue } from "./history.ts";
import { HISTORY_TOPIC, type HistoryClient, type Polled } from "./history-client.ts";
import { KafkajsPositions } from "./kafkajs-positions.ts";

const POLL_STEP_MS = 5;

export class KafkajsClient implements HistoryClient {
  readonly subscribes = true;
  private readonly kafka: Kafka;
  private readonly process: number;
  private producer: Producer | undefined;
  private transaction: Transaction | undefined;
  private consumer: Consumer | undefined;
  private groups = 0;
  /** What has come and was not polled yet; a null where kafkajs went elsewhere. */
  private received: (PolledValue | null)[] = [];

  constructor(bootstrapServers: string, process: number) {
    this.process = process;
    this.kafka = new Kafka({
      clientId: `process-${process}`,
      brokers: bootstrapServers.split(","),
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 20, retries: 100, maxRetryTime: 200 },
    });
  }

  async init(): Promise<void> {
    await this.producer?.disconnect().catch(() => {});
    const transactionalId = `process-${this.process}`;
    // A retry with another id would be another producer: it gives up, and the workload begins anew.
    this.producer = this.kafka.producer({
      transactionalId,
      idempotent: true,
      maxInFlightRequests: 1,
      transactionTimeout: 20_000,
    });
    await this.producer.connect();
  }

  async begin(): Promise<void> {
    this.transaction = await this.producer?.transaction();
  }

  async send(key: number, value: number): Promise<number | undefined> {
    const messages = [{ partition: key, value: String(value) }];
    const [sent] = (await this.transaction?.send({ topic: HISTORY_TOPIC, acks: -1, messages })) ?? [];
    return sent?.baseOffset === undefined ? undefined : Number(sent.baseOffset);
  }

  async commit(): Promise<void> {
    await this.transaction?.commit();
  }

  async abort(): Promise<void> {
    await this.transaction?.abort();
  }

  async assign(): Promise<void> {
    await this.consumer?.disconnect().catch(() => {});
    this.received = [];
    const groupId = `process-${this.process}-${++this.groups}`;
    const consumer = this.kafka.consumer({
      groupId,
      heartbeatInterval: 500,
      maxWaitTimeInMs: 100,
      readUncommitted: false,
    });
    this.consumer = consumer;
    const positions = new KafkajsPositions();
    this.follow(consumer, positions);
    await consumer.connect();
    await consumer.subscribe({ topic: HISTORY_TOPIC, fromBeginning: true });
    await consumer.run({
      eachMessage: ({ partition, message }) => {
        const offset = Number(message.offset);
        positions.movedTo(partition, offset + 1);
        if (this.consumer === consumer)
          this.received.push({ key: partition, offset, value: Number(String(message.value)) });
        return Promise.resolve();
      },
    });
  }

  private follow(consumer: Consumer, positions: KafkajsPositions): void {
    const { events } = consumer;
    consumer.on(events.GROUP_JOIN, () => positions.joined());
    consumer.on(events.FETCH_START, ({ payload }) => positions.fetchStarted(payload.nodeId));
    consumer.on(events.FETCH, ({ payload }) => positions.fetchEnded(payload.nodeId));
    consumer.on(events.COMMIT_OFFSETS, ({ payload }) => {
      for (const { partitions } of payload.topics) {
        for (const { partition, offset } of partitions) positions.commitEnded(Number(partition), Number(offset));
      }
    });
    consumer.on(events.START_BATCH_PROCESS, ({ payload: { partition, firstOffset, lastOffset, batchSize } }) => {
      if (positions.batchStarted(partition, Number(firstOffset)) && this.consumer === consumer)
        this.received.push(null);
      // Markers and what was aborted are not handed out: it goes on behind them.
      if (batchSize === 0) positions.movedTo(partition, Number(lastOffset) + 1);
    });
  }

  async poll(timeoutMs: number): Promise<Polled> {
    const deadline = performance.now() + timeoutMs;
    while (this.received.length === 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, POLL_STEP_MS));
    }
    let repositioned = false;
    while (this.received[0] === null) {
      this.received.shift();
      repositioned = true;
    }
    const end = this.received.indexOf(null);
    const values = this.received.splice(0, end < 0 ? this.received.length : end) as PolledValue[];
    return { values, repositioned };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const clients = [this.producer, this.consumer];
    this.producer = undefined;
    this.consumer = undefined;
    await Promise.all(clients.map((client) => client?.disconnect().catch(() => {})));
  }
}
