/** Clusters through what production brings: lost answers, dead leaders, everybody dead at once, crowds of clients, topics that go. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { Metadata } from "../../protocol/messages/metadata.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { CreatePartitions, DeleteTopics } from "../../protocol/messages/topics.ts";
import { batchOf } from "../support/batches.ts";
import { RawClient } from "../support/raw-client.ts";
import { readPartition } from "../support/read-partition.ts";

const PRODUCER = { producerId: 4711, producerEpoch: 0 };

function leaderOf(cluster: Cluster, topic: string, partition = 0): Promise<RawClient> {
  return RawClient.open(cluster.node(cluster.leaderOf(topic, partition)).address);
}

/** A Produce of one record with a sequence. */
function send(client: RawClient, topic: string, sequence: number): void {
  const records = [batchOf([`value ${sequence}`], { ...PRODUCER, baseSequence: sequence })];
  const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
  client.asker.send(Produce, 9, { transactionalId: null, acks: -1, timeoutMs: 10_000, topicData });
}

async function answered(client: RawClient) {
  const { responses } = await client.asker.answer(Produce, 9);
  const { errorCode, baseOffset } = responses[0]?.partitionResponses[0] ?? {};
  return { errorCode, baseOffset: Number(baseOffset) };
}

async function valuesOf(cluster: Cluster, topic: string, partition = 0): Promise<string[]> {
  using client = await leaderOf(cluster, topic, partition);
  return (await readPartition(client.asker, topic, partition, 0)).records.map(({ value }) => value);
}

test("R95: five in flight, the answer to the second is lost: sent again, each has the offset it had", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic("t", { configs: { "min.insync.replicas": "2" } });
  const fault = cluster.faults.add({ api: "Produce", topic: "t", drop: "after", nth: 2 });
  using first = await leaderOf(cluster, "t");
  for (let sequence = 0; sequence < 5; sequence++) send(first, "t", sequence);
  expect(await answered(first)).toEqual({ errorCode: 0, baseOffset: 0 });
  await expect(answered(first)).rejects.toThrow(/connection ended/);
  expect(fault.fired).toBe(1);
  using second = await leaderOf(cluster, "t");
  for (let sequence = 1; sequence < 5; sequence++) send(second, "t", sequence);
  for (let sequence = 1; sequence < 5; sequence++) {
    expect(await answered(second)).toEqual({ errorCode: 0, baseOffset: sequence });
  }
  expect(await valuesOf(cluster, "t")).toEqual([0, 1, 2, 3, 4].map((sequence) => `value ${sequence}`));
});

test("R98: the leader dies with answers under way: the next one knows what it had, and appends none of it twice", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic("t", { configs: { "min.insync.replicas": "2" } });
  using first = await leaderOf(cluster, "t");
  for (let sequence = 0; sequence < 3; sequence++) send(first, "t", sequence);
  for (let sequence = 0; sequence < 3; sequence++) {
    expect(await answered(first)).toEqual({ errorCode: 0, baseOffset: sequence });
  }
  const leader = cluster.leaderOf("t", 0);
  await cluster.node(leader).kill();
  await cluster.waitUntil.leaderChanged("t", 0, { from: leader });
  using second = await leaderOf(cluster, "t");
  for (let sequence = 1; sequence < 5; sequence++) send(second, "t", sequence);
  for (let sequence = 1; sequence < 5; sequence++) {
    expect(await answered(second)).toEqual({ errorCode: 0, baseOffset: sequence });
  }
  expect(await valuesOf(cluster, "t")).toEqual([0, 1, 2, 3, 4].map((sequence) => `value ${sequence}`));
});

test("R166: every node is killed at once and started again: what was acknowledged is there", async () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), "odradek-all-"));
  try {
    await using cluster = await startCluster({ nodes: 3, dataDirectory });
    await cluster.createTopic("t", { configs: { "min.insync.replicas": "2" } });
    const acknowledged: string[] = [];
    for (let round = 0; round < 2; round++) {
      using client = await leaderOf(cluster, "t");
      for (let i = 0; i < 20; i++) {
        const value = `round ${round}, ${i}`;
        expect((await client.produce("t", [0], value))[0]?.errorCode).toBe(0);
        acknowledged.push(value);
      }
      await Promise.all([...cluster.nodes, cluster.controller].map((node) => node.kill()));
      await cluster.controller.restart();
      await Promise.all(cluster.nodes.map((node) => node.restart()));
      await cluster.waitUntil.fullyReplicated("t");
      expect(await valuesOf(cluster, "t")).toEqual(acknowledged);
    }
  } finally {
    rmSync(dataDirectory, { recursive: true, force: true });
  }
});

test("R161: partitions are added while a producer writes and a reader reads: nothing is refused, and the new ones serve", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic("t", { configs: { "min.insync.replicas": "2" } });
  using writer = await leaderOf(cluster, "t");
  using reader = await leaderOf(cluster, "t");
  let isOver = false;
  let written = 0;
  const writing = (async () => {
    while (!isOver) expect(await writer.produce("t", [0], "x")).toEqual([{ errorCode: 0, baseOffset: written++ }]);
  })();
  const reading = (async () => {
    while (!isOver) expect((await reader.fetch("t", [0])).partitions.get(0)?.errorCode).toBe(0);
  })();
  using admin = await RawClient.open(cluster.node(1).address);
  for (const count of [2, 4, 8]) {
    const { results } = await admin.asker.ask(CreatePartitions, 3, {
      ...{ topics: [{ name: "t", count, assignments: null }], timeoutMs: 10_000, validateOnly: false },
    });
    expect(results[0]?.errorCode).toBe(0);
    for (let partition = 0; partition < count; partition++) await cluster.waitUntil.leaderElected("t", partition);
    using newest = await leaderOf(cluster, "t", count - 1);
    expect(await newest.produce("t", [count - 1], "first")).toEqual([{ errorCode: 0, baseOffset: 0 }]);
  }
  const before = written;
  while (written < before + 10) await new Promise((resolve) => setImmediate(resolve));
  isOver = true;
  await Promise.all([writing, reading]);
  expect(written).toBeGreaterThan(10);
});

test("R162: a topic is deleted under a waiting fetch and a producer: both are told, and one of the same name begins at 0", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic("t");
  using client = await leaderOf(cluster, "t");
  await client.produce("t", [0], "old");
  using waiting = await leaderOf(cluster, "t");
  const fetched = waiting.fetch("t", [0], 1);
  using admin = await RawClient.open(cluster.node(1).address);
  const { responses } = await admin.asker.ask(DeleteTopics, 5, { topicNames: ["t"], timeoutMs: 10_000 });
  expect(responses[0]?.errorCode).toBe(0);
  const gone = [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.NOT_LEADER_OR_FOLLOWER];
  expect(gone).toContain((await fetched).partitions.get(0)?.errorCode);
  await cluster.waitUntil.holds(() => {
    try {
      return cluster.leaderOf("t", 0) < 0;
    } catch {
      return true;
    }
  });
  let refused: number | undefined = 0;
  while (refused === 0) refused = (await client.produce("t", [0], "late"))[0]?.errorCode;
  expect(gone).toContain(refused);
  await cluster.createTopic("t");
  using again = await leaderOf(cluster, "t");
  expect(await again.produce("t", [0], "new")).toEqual([{ errorCode: 0, baseOffset: 0 }]);
  expect(await valuesOf(cluster, "t")).toEqual(["new"]);
});

test("R167: a node with hundreds of clients dies; all of them ask the others at once, and are answered", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic("t", { partitions: 30, replicationFactor: 3 });
  const { address } = cluster.node(1);
  const clients = await Promise.all(Array.from({ length: 500 }, () => RawClient.open(address)));
  await cluster.node(1).kill();
  await Promise.all(clients.map((client) => client.asker.closed()));
  const request = { topics: null, allowAutoTopicCreation: false };
  const started = performance.now();
  await Promise.all(
    clients.map(async (_, index) => {
      using again = await RawClient.open(cluster.node(2 + (index % 2)).address);
      const { topics } = await again.asker.ask(Metadata, 9, request, { patienceMs: 30_000 });
      expect(topics[0]?.partitions).toHaveLength(30);
    }),
  );
  expect(performance.now() - started).toBeLessThan(20_000);
  await cluster.node(1).restart();
  await Promise.all(
    clients.map(async () => {
      using again = await RawClient.open(address);
      expect((await again.asker.ask(Metadata, 9, request, { patienceMs: 30_000 })).brokers.length).toBeGreaterThan(0);
    }),
  );
  for (const client of clients) client[Symbol.dispose]();
});

test("twenty clusters in one process know nothing of each other", async () => {
  const clusters = await Promise.all(Array.from({ length: 20 }, () => startCluster({ nodes: 3 })));
  try {
    await Promise.all(
      clusters.map(async (cluster, index) => {
        await cluster.createTopic("t", { replicationFactor: 3, configs: { "min.insync.replicas": "2" } });
        using client = await leaderOf(cluster, "t");
        expect(await client.produce("t", [0], `of ${index}`)).toEqual([{ errorCode: 0, baseOffset: 0 }]);
        if (index % 4 === 0) cluster.network.cut(1, 2);
        const leader = cluster.leaderOf("t", 0);
        await cluster.node(leader).kill();
        await cluster.waitUntil.leaderChanged("t", 0, { from: leader, timeoutMs: 30_000 });
      }),
    );
    await Promise.all(
      clusters.map(async (cluster, index) => {
        cluster.network.heal();
        await cluster.reset();
        await cluster.createTopic("t");
        using client = await leaderOf(cluster, "t");
        expect(await client.produce("t", [0], `again ${index}`)).toEqual([{ errorCode: 0, baseOffset: 0 }]);
      }),
    );
  } finally {
    await Promise.all(clusters.map((cluster) => cluster[Symbol.asyncDispose]()));
  }
});
