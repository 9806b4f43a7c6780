/**
 * kafkajs as a client of the workload. Its consumers are members of groups: each has one of its own, with all partitions.
 *
 * When it has joined anew, kafkajs still hands out what it had fetched before, then goes on from what was committed: once for each join
 * a partition may so go back.
 */
import { type Consumer, Kafka, logLevel, type Producer, type Transaction } from "kafkajs";
import type { PolledValue } from "./history.ts";
import { HISTORY_TOPIC, type HistoryClient, type Polled } from "./history-client.ts";

const POLL_STEP_MS = 5;

export class KafkajsClient implements HistoryClient {
  readonly subscribes = true;
  private readonly kafka: Kafka;
  private readonly process: number;
  private producer: Producer | undefined;
  private transaction: Transaction | undefined;
  private consumer: Consumer | undefined;
  private groups = 0;
  /** What has come and was not polled yet; a null where the group was joined anew. */
  private received: (PolledValue | null)[] = [];
  private joins = 0;
  /** By partition, of the last record that was handed out, and the join after which it went back last. */
  private readonly handedOut = new Map<number, { offset: number; wentBackAfter: number }>();

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
    this.handedOut.clear();
    consumer.on(consumer.events.GROUP_JOIN, () => {
      this.joins++;
      this.received.push(null);
    });
    await consumer.connect();
    await consumer.subscribe({ topic: HISTORY_TOPIC, fromBeginning: true });
    await consumer.run({
      eachMessage: ({ partition, message }) => {
        if (this.consumer === consumer) this.receive(partition, Number(message.offset), Number(String(message.value)));
        return Promise.resolve();
      },
    });
  }

  private receive(key: number, offset: number, value: number): void {
    const last = this.handedOut.get(key) ?? { offset: -1, wentBackAfter: this.joins };
    if (offset <= last.offset && last.wentBackAfter < this.joins) {
      last.wentBackAfter = this.joins;
      this.received.push(null);
    }
    last.offset = offset;
    this.handedOut.set(key, last);
    this.received.push({ key, offset, value });
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
