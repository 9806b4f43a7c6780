/** What a topic's configs do to its logs from the moment they are changed, and after a restart. */
import { expect, test } from "vitest";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { DescribeConfigs, IncrementalAlterConfigs } from "../../protocol/messages/configs.ts";
import { DeleteRecords } from "../../protocol/messages/delete-records.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { ListOffsets } from "../../protocol/messages/list-offsets.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { CreatePartitions } from "../../protocol/messages/topics.ts";
import { BatchIterator } from "../../protocol/records/batch-iterator.ts";
import { Codec } from "../../protocol/records/codec.ts";
import { batchOf } from "../support/batches.ts";
import { RawClient } from "../support/raw-client.ts";

const TOPIC = 2;
const SET = 0;
const DELETE = 1;
const EARLIEST = -2;
const LATEST = -1;
const PATIENCE_MS = 10_000;
/** Upkeep runs all the time, so that what configs allow is done at once. */
const SETTINGS = {
  "log.retention.check.interval.ms": "20",
  "log.initial.task.delay.ms": "10",
  "log.cleaner.backoff.ms": "10",
};

class TopicClient implements Disposable {
  private readonly client: RawClient;
  private readonly topic: string;

  private constructor(client: RawClient, topic: string) {
    this.client = client;
    this.topic = topic;
  }

  static async open(cluster: Cluster, topic: string): Promise<TopicClient> {
    return new TopicClient(await RawClient.open(cluster.node(1).address), topic);
  }

  /** A null value takes the config away. */
  async alter(configs: Readonly<Record<string, string | null>>): Promise<void> {
    const changes = Object.entries(configs).map(([name, value]) => ({
      ...{ name, value, configOperation: value === null ? DELETE : SET },
    }));
    const resources = [{ resourceType: TOPIC, resourceName: this.topic, configs: changes }];
    const { responses } = await this.client.asker.ask(IncrementalAlterConfigs, 1, { resources, validateOnly: false });
    expect(responses).toMatchObject([{ errorCode: 0 }]);
  }

  async value(name: string): Promise<string | null | undefined> {
    const resources = [{ resourceType: TOPIC, resourceName: this.topic, configurationKeys: [name] }];
    const { results } = await this.client.asker.ask(DescribeConfigs, 4, { resources });
    return results[0]?.configs[0]?.value;
  }

  async produce(records: Buffer, partition = 0) {
    const topicData = [{ name: this.topic, partitionData: [{ index: partition, records }] }];
    const { responses } = await this.client.asker.ask(Produce, 9, { acks: -1, timeoutMs: 1000, topicData });
    return responses[0]?.partitionResponses[0];
  }

  async offset(timestamp: number): Promise<number> {
    const topics = [{ name: this.topic, partitions: [{ partitionIndex: 0, timestamp }] }];
    const answer = await this.client.asker.ask(ListOffsets, 6, { replicaId: -1, topics });
    return answer.topics[0]?.partitions[0]?.offset ?? -1;
  }

  /** The batches that are stored, from the earliest on. */
  async batches() {
    const from = await this.offset(EARLIEST);
    const partitions = [{ partition: 0, fetchOffset: from, partitionMaxBytes: 1 << 20 }];
    const request = { maxWaitMs: 0, minBytes: 1, topics: [{ topic: this.topic, partitions }] };
    const { responses } = await this.client.asker.ask(Fetch, 12, request);
    return [...new BatchIterator(responses[0]?.partitions[0]?.records ?? Buffer.alloc(0))];
  }

  async deleteRecords(offset: number): Promise<number | undefined> {
    const topics = [{ name: this.topic, partitions: [{ partitionIndex: 0, offset }] }];
    const answer = await this.client.asker.ask(DeleteRecords, 2, { topics, timeoutMs: 1000 });
    return answer.topics[0]?.partitions[0]?.errorCode;
  }

  async createPartitions(count: number): Promise<void> {
    const topics = [{ name: this.topic, count, assignments: null }];
    const { results } = await this.client.asker.ask(CreatePartitions, 3, {
      ...{ topics, timeoutMs: 1000, validateOnly: false },
    });
    expect(results).toMatchObject([{ errorCode: 0 }]);
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]();
  }
}

/** Until it holds; fails with the last value it was given. */
async function eventually<T>(look: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const value = await look();
    if (holds(value)) return value;
    if (performance.now() > deadline) throw new Error(`it stays ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("R163: what may be appended changes with the topic's configs, at once", async () => {
  await using cluster = await startCluster({ nodes: 1, settings: SETTINGS });
  await cluster.createTopic("t");
  using topic = await TopicClient.open(cluster, "t");
  const large = () => batchOf(["x".repeat(1000)]);
  expect(await topic.produce(large())).toMatchObject({ errorCode: 0, logAppendTimeMs: -1 });

  await topic.alter({ "max.message.bytes": "500" });
  expect((await topic.produce(large()))?.errorCode).toBe(ErrorCode.MESSAGE_TOO_LARGE);
  await topic.alter({ "max.message.bytes": null });
  expect((await topic.produce(large()))?.errorCode).toBe(0);

  await topic.alter({ "message.timestamp.type": "LogAppendTime" });
  expect((await topic.produce(large()))?.logAppendTimeMs).toBeGreaterThan(0);
  await topic.alter({ "message.timestamp.type": null });
  const old = batchOf([{ value: "old", timestamp: Date.now() - 100_000 }]);
  await topic.alter({ "message.timestamp.before.max.ms": "5000" });
  expect((await topic.produce(Buffer.from(old)))?.errorCode).toBe(ErrorCode.INVALID_TIMESTAMP);
  await topic.alter({ "message.timestamp.before.max.ms": null });
  expect((await topic.produce(old))?.errorCode).toBe(0);

  await topic.alter({ "compression.type": "gzip" });
  expect((await topic.produce(large()))?.errorCode).toBe(0);
  expect((await topic.batches()).map(({ compression }) => compression)).toEqual([
    ...[Codec.NONE, Codec.NONE, Codec.NONE, Codec.NONE],
    Codec.GZIP,
  ]);

  await topic.alter({ "cleanup.policy": "compact" });
  const keyless = () => batchOf([{ key: null, value: "v" }]);
  expect((await topic.produce(keyless()))?.errorCode).toBe(ErrorCode.INVALID_RECORD);
  expect(await topic.deleteRecords(1)).toBe(ErrorCode.POLICY_VIOLATION);
  await topic.alter({ "cleanup.policy": "delete" });
  expect((await topic.produce(keyless()))?.errorCode).toBe(0);
  expect(await topic.deleteRecords(1)).toBe(0);
  expect(await topic.offset(EARLIEST)).toBe(1);

  await topic.createPartitions(3);
  expect((await topic.produce(large(), 2))?.errorCode).toBe(0);
  expect((await topic.produce(large(), 3))?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
});

test("R163: what is kept changes with the topic's configs, at once and after a restart", async () => {
  await using cluster = await startCluster({ nodes: 1, settings: SETTINGS });
  await cluster.createTopic("t", { configs: { "segment.ms": "1" } });
  using topic = await TopicClient.open(cluster, "t");
  let timestamp = Date.now() - 60_000;
  /** Each in a segment of its own. */
  const append = async (count: number) => {
    for (let i = 0; i < count; i++) {
      timestamp += 10;
      const records = batchOf([{ key: `key ${i % 2}`, value: "x".repeat(1000), timestamp }]);
      expect((await topic.produce(records))?.errorCode).toBe(0);
    }
  };
  await append(10);
  await topic.alter({ "retention.bytes": "3500" });
  expect(
    await eventually(
      () => topic.offset(EARLIEST),
      (offset) => offset > 5,
    ),
  ).toBe(6); // never more than is above the limit

  await topic.alter({ "retention.bytes": null, "retention.ms": "1000" });
  await eventually(
    () => topic.offset(EARLIEST),
    (offset) => offset === 10,
  );
  await topic.alter({ "retention.ms": "-1" });
  await append(6);

  await topic.alter({ "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01" });
  // Two keys, and what the active segment holds.
  await eventually(
    async () => (await topic.batches()).length,
    (count) => count <= 3,
  );
  expect(await topic.offset(LATEST)).toBe(16);

  await cluster.node(1).restart();
  using again = await TopicClient.open(cluster, "t");
  expect(await again.value("retention.ms")).toBe("-1");
  expect(await again.value("cleanup.policy")).toBe("compact");
  expect(await again.offset(EARLIEST)).toBe(10);
  expect((await again.produce(batchOf([{ key: null, value: "v" }])))?.errorCode).toBe(ErrorCode.INVALID_RECORD);
});
