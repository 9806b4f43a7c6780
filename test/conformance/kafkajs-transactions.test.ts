/** kafkajs with transactions, on one node and on three of which some are killed. */
import { type Consumer, Kafka, logLevel, type Producer } from "kafkajs";
import { describe, expect, test } from "vitest";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { READ_COMMITTED, READ_UNCOMMITTED, readPartition } from "../support/read-partition.ts";
import { WireAsker } from "../support/wire-asker.ts";

const STATE_TOPIC = "__transaction_state";
const SETTINGS = { "transaction.state.log.num.partitions": 1, "offsets.topic.num.partitions": 1 };

/** A client's producers and consumers, which leave before the cluster does. */
class Clients implements AsyncDisposable {
  private readonly kafka: Kafka;
  private readonly open: (Producer | Consumer)[] = [];

  constructor(cluster: Cluster) {
    this.kafka = new Kafka({
      brokers: cluster.bootstrapServers.split(","),
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 20, retries: 200, maxRetryTime: 100 },
    });
  }

  async producer(transactionalId?: string): Promise<Producer> {
    const transactional = transactionalId === undefined ? {} : { transactionalId };
    const producer = this.kafka.producer({ idempotent: true, maxInFlightRequests: 1, ...transactional });
    this.open.push(producer);
    await producer.connect();
    return producer;
  }

  async consumer(groupId: string, topic: string): Promise<Consumer> {
    const consumer = this.kafka.consumer({
      groupId,
      heartbeatInterval: 300,
      maxWaitTimeInMs: 100,
      readUncommitted: false,
    });
    this.open.push(consumer);
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    return consumer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.open.map((client) => client.disconnect()));
  }
}

/** The values of a partition, as its leader has them. */
async function read(cluster: Cluster, topic: string, partition = 0, isolationLevel: 0 | 1 = READ_COMMITTED) {
  const [host = "", port = ""] = cluster.node(cluster.leaderOf(topic, partition)).address.split(":");
  using asker = await WireAsker.open({ host, port: Number(port) });
  const found = await readPartition(asker, topic, partition, isolationLevel);
  return { ...found, values: found.records.map(({ value }) => value) };
}

/** Reads until it is what it should be, while leaders change; what it was in the end. */
async function readUntil(cluster: Cluster, topic: string, partition: number, values: readonly string[]) {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const found = await read(cluster, topic, partition).catch(() => undefined);
    const isThere = found !== undefined && found.values.length >= values.length;
    if (isThere || performance.now() > deadline) return found?.values;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("kafkajs, one node", () => {
  test("what commits is read, what aborts is not, and a consumer of everything sees both", async () => {
    await using cluster = await startCluster({ settings: SETTINGS });
    await cluster.createTopic("t", { partitions: 2 });
    await using clients = new Clients(cluster);
    const producer = await clients.producer("x");
    for (let i = 0; i < 6; i++) {
      const transaction = await producer.transaction();
      const messages = [0, 1].map((partition) => ({ partition, value: `${i}` }));
      await transaction.send({ topic: "t", messages });
      await (i % 2 === 0 ? transaction.commit() : transaction.abort());
    }
    for (const partition of [0, 1]) {
      expect(await readUntil(cluster, "t", partition, ["0", "2", "4"])).toEqual(["0", "2", "4"]);
      expect((await read(cluster, "t", partition, READ_UNCOMMITTED)).values).toEqual(["0", "1", "2", "3", "4", "5"]);
    }
  });

  test("R133: a second producer of the same id fences the first", async () => {
    await using cluster = await startCluster({ settings: SETTINGS });
    await cluster.createTopic("t");
    await using clients = new Clients(cluster);
    const zombie = await clients.producer("x");
    const lost = await zombie.transaction();
    await lost.send({ topic: "t", messages: [{ value: "lost" }] });
    const heir = await clients.producer("x");
    const transaction = await heir.transaction();
    await transaction.send({ topic: "t", messages: [{ value: "kept" }] });
    await transaction.commit();
    await expect(lost.commit()).rejects.toThrow();
    expect(await readUntil(cluster, "t", 0, ["kept"])).toEqual(["kept"]);
  });
});

describe("kafkajs, three nodes", () => {
  test("R123: the coordinator is killed in the middle of a transaction, which then commits", async () => {
    await using cluster = await startCluster({ nodes: 3, settings: SETTINGS });
    await cluster.createTopic("t", { configs: { "min.insync.replicas": "2" } });
    await using clients = new Clients(cluster);
    const producer = await clients.producer("x");
    const transaction = await producer.transaction();
    await transaction.send({ topic: "t", messages: [{ value: "before" }] });
    const coordinator = cluster.leaderOf(STATE_TOPIC, 0);
    await cluster.node(coordinator).kill();
    await cluster.waitUntil.leaderChanged(STATE_TOPIC, 0, { from: coordinator });
    await transaction.send({ topic: "t", messages: [{ value: "after" }] });
    await transaction.commit();
    expect(await readUntil(cluster, "t", 0, ["before", "after"])).toEqual(["before", "after"]);
  });

  test("R135: a leader is gone when its marker is due: its part stays unseen until the next leader has it", async () => {
    await using cluster = await startCluster({ nodes: 3, settings: SETTINGS });
    await cluster.createTopic("t", { partitions: 3, configs: { "min.insync.replicas": "2" } });
    await using clients = new Clients(cluster);
    const producer = await clients.producer("x");
    const transaction = await producer.transaction();
    await transaction.send({ topic: "t", messages: [0, 1, 2].map((partition) => ({ partition, value: "v" })) });
    const coordinator = cluster.leaderOf(STATE_TOPIC, 0);
    const partition = [0, 1, 2].find((one) => cluster.leaderOf("t", one) !== coordinator) ?? 0;
    const victim = cluster.leaderOf("t", partition);
    await cluster.node(victim).kill();
    await transaction.commit();
    await cluster.waitUntil.leaderChanged("t", partition, { from: victim });
    const { values, lastStableOffset } = await read(cluster, "t", partition);
    expect(values.length === 0 ? lastStableOffset : 0).toBe(0);
    for (const one of [0, 1, 2]) expect(await readUntil(cluster, "t", one, ["v"])).toEqual(["v"]);
    // The one that was away learns of it as a follower.
    await cluster.node(victim).restart();
    await cluster.waitUntil.fullyReplicated("t");
    expect((await read(cluster, "t", partition)).lastStableOffset).toBe(2);
  });

  test("R124: the next leader of a partition holds back what is open", async () => {
    await using cluster = await startCluster({ nodes: 3, settings: SETTINGS });
    await cluster.createTopic("t", { configs: { "min.insync.replicas": "2" } });
    await using clients = new Clients(cluster);
    const producer = await clients.producer("x");
    const transaction = await producer.transaction();
    await transaction.send({ topic: "t", messages: [{ value: "v" }] });
    const leader = cluster.leaderOf("t", 0);
    await cluster.node(leader).kill();
    await cluster.waitUntil.leaderChanged("t", 0, { from: leader });
    const opened = await readUntil(cluster, "t", 0, []);
    expect([opened, (await read(cluster, "t")).lastStableOffset]).toEqual([[], 0]);
    await transaction.commit();
    expect(await readUntil(cluster, "t", 0, ["v"])).toEqual(["v"]);
  });

  test("R140, V12: consume, transform, produce: each record once, in order, whoever is killed", async () => {
    await using cluster = await startCluster({ nodes: 3, settings: SETTINGS });
    const configs = { "min.insync.replicas": "2" };
    await cluster.createTopic("in", { partitions: 2, configs });
    await cluster.createTopic("out", { partitions: 2, configs });
    await using clients = new Clients(cluster);
    const source = await clients.producer();
    const total = 200;
    const all = Array.from({ length: total }, (_, i) => ({ partition: i % 2, value: `${i}` }));
    for (let i = 0; i < total; i += 20) await source.send({ topic: "in", messages: all.slice(i, i + 20) });
    const producer = await clients.producer("copy");
    const consumer = await clients.consumer("copy", "in");
    let copied = 0;
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset, heartbeat, isRunning, isStale }) => {
        for (let i = 0; i < batch.messages.length && isRunning() && !isStale(); i += 10) {
          const some = batch.messages.slice(i, i + 10);
          const last = some.at(-1)?.offset ?? "0";
          const transaction = await producer.transaction();
          try {
            const messages = some.map(({ value }) => ({ partition: batch.partition, value: `copy of ${value}` }));
            await transaction.send({ topic: "out", messages });
            const partitions = [{ partition: batch.partition, offset: String(Number(last) + 1) }];
            await transaction.sendOffsets({ consumerGroupId: "copy", topics: [{ topic: "in", partitions }] });
            await transaction.commit();
          } catch (error) {
            await transaction.abort().catch(() => {});
            throw error;
          }
          resolveOffset(last);
          copied += some.length;
          await heartbeat();
        }
      },
    });
    for (const victim of [1, 2, 3]) {
      const from = copied;
      await cluster.waitUntil.holds(() => copied > from || copied >= total, { timeoutMs: 30_000 }, "more is copied");
      await cluster.node(victim).kill();
      await cluster.waitUntil.nodeFenced(victim);
      await cluster.node(victim).restart();
      await cluster.waitUntil.fullyReplicated("out");
      await cluster.waitUntil.fullyReplicated(STATE_TOPIC);
    }
    for (const partition of [0, 1]) {
      const expected = all.filter((one) => one.partition === partition).map(({ value }) => `copy of ${value}`);
      expect(await readUntil(cluster, "out", partition, expected)).toEqual(expected);
    }
  });
});
