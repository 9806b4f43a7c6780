/** The cluster of tests: its nodes' lives, what it tells, what it waits for, what it leaves behind. */
import { expect, test } from "vitest";
import type { ClusterEvent } from "../../cluster/cluster-events.ts";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { DescribeCluster, Metadata } from "../../protocol/messages/metadata.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { batchOf } from "../support/batches.ts";
import { WireClient } from "../support/wire-client.ts";

const TOPIC = "t";

async function produce(cluster: Cluster, values: readonly string[], acks = -1): Promise<number> {
  const client = await WireClient.connect(cluster.node(cluster.leaderOf(TOPIC, 0)).address);
  const answer = await client.request(Produce, 9, {
    ...{ acks, timeoutMs: 5000 },
    topicData: [{ name: TOPIC, partitionData: [{ index: 0, records: batchOf([...values]) }] }],
  });
  client.close();
  return answer.responses[0]?.partitionResponses[0]?.errorCode ?? -1;
}

async function readEnd(cluster: Cluster, node: number): Promise<number> {
  const client = await WireClient.connect(cluster.node(node).address);
  const answer = await client.request(Fetch, 11, {
    ...{ maxWaitMs: 0, minBytes: 0, forgottenTopicsData: [] },
    topics: [{ topic: TOPIC, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
  });
  client.close();
  return answer.responses[0]?.partitions[0]?.highWatermark ?? -1;
}

test("events tell of a death from the kill to the return", async () => {
  const cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic(TOPIC, { configs: { "min.insync.replicas": "2" } });
  const events: ClusterEvent[] = [];
  const listening = (async () => {
    for await (const event of cluster.events) events.push(event);
  })();
  expect(await produce(cluster, ["a"])).toBe(0);
  const from = cluster.leaderOf(TOPIC, 0);
  await cluster.node(from).kill();
  const to = await cluster.waitUntil.leaderChanged(TOPIC, 0, { from });
  await cluster.node(from).restart();
  await cluster.waitUntil.fullyReplicated(TOPIC);
  await cluster[Symbol.asyncDispose]();
  await listening; // the loop ends with the cluster
  const told = events.filter(({ type }) => type !== "high-watermark");
  expect(told.slice(0, 4).map(({ type }) => type)).toEqual(["node-down", "node-fenced", "leader-moved", "isr-changed"]);
  expect(told).toContainEqual({ type: "node-down", node: from, how: "killed" });
  const moved = told.find((event) => event.type === "leader-moved");
  expect(moved).toMatchObject({ topic: TOPIC, partition: 0, from, to, leaderEpoch: 1 });
  expect(moved?.msSinceDown).toBeGreaterThanOrEqual(0);
  expect(told).toContainEqual(expect.objectContaining({ type: "isr-changed", left: [from], joined: [] }));
  expect(told).toContainEqual({ type: "node-up", node: from });
  expect(told).toContainEqual(expect.objectContaining({ type: "isr-changed", left: [], joined: [from] }));
  const marks = events.filter((event) => event.type === "high-watermark");
  expect(new Set(marks.map(({ node }) => node))).toContain(from);
  expect(marks.every(({ topic, highWatermark }) => topic === TOPIC && highWatermark === 1)).toBe(true);
});

test("a loop over the events may be left; others go on", async () => {
  await using cluster = await startCluster();
  const left = cluster.events[Symbol.asyncIterator]();
  const first = left.next();
  await cluster.createTopic(TOPIC);
  await left.return?.();
  expect(await left.next()).toEqual({ done: true, value: undefined });
  const seen = cluster.waitUntil.event((event) => event.type === "high-watermark");
  expect(await produce(cluster, ["a"])).toBe(0);
  expect(await seen).toMatchObject({ topic: TOPIC, partition: 0, node: 1, highWatermark: 1 });
  void first;
});

test("conditions that do not come give up, and say for what they waited", async () => {
  await using cluster = await startCluster();
  await cluster.createTopic(TOPIC);
  const soon = { timeoutMs: 20 };
  await expect(cluster.waitUntil.leaderChanged(TOPIC, 0, { from: 1, ...soon })).rejects.toThrow("leader of t-0");
  await expect(cluster.waitUntil.nodeFenced(1, soon)).rejects.toThrow("node 1 is fenced");
  await expect(cluster.waitUntil.highWatermark(TOPIC, 0, 1, soon)).rejects.toThrow("high watermark of t-0 is 1");
  await expect(cluster.waitUntil.inSyncReplicas(TOPIC, 0, [2], soon)).rejects.toThrow("ISR of t-0 is 2");
  await expect(cluster.waitUntil.leaderElected("nowhere", 0, soon)).rejects.toThrow("nowhere");
  await expect(cluster.waitUntil.event((event) => event.type === "node-up", soon)).rejects.toThrow("event");
  expect(() => cluster.leaderOf("nowhere", 0)).toThrow("no partition nowhere-0");
  expect(() => cluster.node(2)).toThrow("no node 2");
  await expect(cluster.createTopic(TOPIC)).rejects.toMatchObject({ code: ErrorCode.TOPIC_ALREADY_EXISTS });
});

test("written bytes survive a kill in memory too; without power only what was synced does, and the others have the rest", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic(TOPIC, { configs: { "min.insync.replicas": "1" } });
  await produce(cluster, ["a", "b"]);
  const others = [1, 2, 3].filter((id) => id !== cluster.leaderOf(TOPIC, 0));
  for (const id of others) await cluster.node(id).kill();
  await cluster.waitUntil.inSyncReplicas(TOPIC, 0, [cluster.leaderOf(TOPIC, 0)]);
  const only = cluster.leaderOf(TOPIC, 0);
  await produce(cluster, ["c"]);
  await cluster.node(only).kill();
  await cluster.waitUntil.nodeFenced(only);
  await cluster.node(only).restart();
  await cluster.waitUntil.leaderElected(TOPIC, 0);
  await cluster.waitUntil.highWatermark(TOPIC, 0, 3);
  for (const id of others) await cluster.node(id).restart();
  await cluster.waitUntil.fullyReplicated(TOPIC);
  await cluster.node(only).kill({ powerLoss: true });
  await cluster.waitUntil.leaderChanged(TOPIC, 0, { from: only });
  await cluster.node(only).restart();
  await cluster.waitUntil.fullyReplicated(TOPIC);
  expect(await readEnd(cluster, cluster.leaderOf(TOPIC, 0))).toBe(3);
});

test("R36: the last one in sync loses its power: one that was eligible leads, and nothing acknowledged is gone", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic(TOPIC, { configs: { "min.insync.replicas": "2" } });
  await produce(cluster, ["a", "b"]);
  const leader = cluster.leaderOf(TOPIC, 0);
  const others = [1, 2, 3].filter((id) => id !== leader);
  for (const id of others) {
    await cluster.node(id).stop();
    await cluster.waitUntil.nodeFenced(id);
  }
  await cluster.node(leader).kill({ powerLoss: true });
  await cluster.waitUntil.nodeFenced(leader);
  await cluster.node(leader).restart();
  for (const id of others) await cluster.node(id).restart();
  await cluster.waitUntil.fullyReplicated(TOPIC);
  expect(cluster.leaderOf(TOPIC, 0)).not.toBe(leader);
  expect(await readEnd(cluster, cluster.leaderOf(TOPIC, 0))).toBe(2);
});

test("R165: a node that stops in good order leaves its leaderships and is not missed", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic(TOPIC, { partitions: 6, configs: { "min.insync.replicas": "2" } });
  await cluster.node(2).stop();
  for (let partition = 0; partition < 6; partition++) {
    expect(cluster.leaderOf(TOPIC, partition)).not.toBe(2);
    expect(cluster.inSyncReplicasOf(TOPIC, partition)).not.toContain(2);
  }
  const client = await WireClient.connect(cluster.node(1).address);
  const metadata = await client.request(Metadata, 9, { topics: [{ name: TOPIC }] });
  expect(metadata.brokers.map(({ nodeId }) => nodeId)).toEqual([1, 3]);
  client.close();
  await cluster.node(2).restart();
  await cluster.waitUntil.fullyReplicated(TOPIC);
});

test("a killed node is named in Metadata for a moment, but leads nothing; DescribeCluster leaves it out", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic(TOPIC);
  expect(await produce(cluster, ["a"])).toBe(0); // every follower has a connection to the leader
  const from = cluster.leaderOf(TOPIC, 0);
  const asked = [1, 2, 3].find((id) => id !== from) as number;
  const client = await WireClient.connect(cluster.node(asked).address);
  await cluster.node(from).kill();
  // Asked at the moment of the death: the answer is the election's outcome.
  const { brokers, topics, controllerId } = await client.request(Metadata, 9, { topics: [{ name: TOPIC }] });
  expect(brokers.map(({ nodeId }) => nodeId)).toEqual([1, 2, 3]);
  expect(controllerId).toBe(asked);
  expect(topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, leaderEpoch: 1, offlineReplicas: [from] });
  expect(topics[0]?.partitions[0]?.leaderId).not.toBe(from);
  const described = await client.request(DescribeCluster, 1, {
    endpointType: 1,
    includeClusterAuthorizedOperations: false,
  });
  expect(described.brokers.map(({ brokerId }) => brokerId)).toEqual([1, 2, 3].filter((id) => id !== from));
  client.close();
});

test("without fast detection a killed node is fenced when its session runs out", async () => {
  const settings = { "broker.session.timeout.ms": 400, "broker.heartbeat.interval.ms": 100 };
  await using cluster = await startCluster({ nodes: 3, fastDetection: false, settings });
  await cluster.createTopic(TOPIC);
  const from = cluster.leaderOf(TOPIC, 0);
  const killedMs = performance.now();
  await cluster.node(from).kill();
  await cluster.waitUntil.leaderChanged(TOPIC, 0, { from });
  expect(performance.now() - killedMs).toBeGreaterThan(250); // the last heartbeat may have been an interval old
});

test("a restart keeps the port; a running node is stopped first; a node that runs is not started twice", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  const { address } = cluster.node(2);
  await cluster.node(2).restart();
  expect(cluster.node(2).address).toBe(address);
  expect(cluster.node(2).state).toBe("running");
  await cluster.node(2).kill();
  await cluster.node(2).kill(); // nothing left to kill
  expect(cluster.node(2).state).toBe("stopped");
  const restarting = cluster.node(2).restart();
  await expect(cluster.node(2).restart()).rejects.toThrow("starting");
  await restarting;
});

test("a node is killed while it starts, and starts again", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic(TOPIC, { partitions: 8 });
  for (let turns = 0; turns < 12; turns++) {
    await cluster.node(3).kill();
    void cluster.node(3).restart();
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  await cluster.node(3).kill();
  await cluster.node(3).restart();
  await cluster.waitUntil.fullyReplicated(TOPIC);
});

test("fixed ports, another address for clients, racks", async () => {
  const free = await startCluster();
  const port = Number(free.bootstrapServers.split(":")[1]);
  await free.stop();
  await using cluster = await startCluster({ port, advertisedHost: "localhost", racks: ["a"] });
  expect(cluster.bootstrapServers).toBe(`localhost:${port}`);
  const client = await WireClient.connect(`127.0.0.1:${port}`);
  const { brokers, clusterId } = await client.request(Metadata, 9, { topics: [] });
  expect(brokers).toMatchObject([{ nodeId: 1, host: "localhost", port, rack: "a" }]);
  expect(clusterId).toBe(cluster.clusterId);
  client.close();
  await expect(startCluster({ port })).rejects.toThrow();
});

test("a setting that Kafka does not know is refused, and so is a value that it refuses", async () => {
  await expect(startCluster({ settings: { "num.partition": 1 } })).rejects.toThrow("did you mean num.partitions?");
  await expect(startCluster({ settings: { "num.partitions": "x" } })).rejects.toThrow("Not a number of type INT");
});

test("many clusters live side by side, and leave no socket and no timer behind", async () => {
  const open = (): number => process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name)).length;
  const before = open();
  const clusters = await Promise.all(Array.from({ length: 8 }, (_, i) => startCluster({ nodes: i % 2 === 0 ? 3 : 1 })));
  await Promise.all(clusters.map((cluster) => cluster.createTopic(TOPIC)));
  expect(new Set(clusters.map(({ clusterId }) => clusterId)).size).toBe(8);
  await Promise.all(clusters.map((cluster, i) => (i < 4 ? cluster.stop() : cluster[Symbol.asyncDispose]())));
  // Sockets close in the next turns of the loop.
  for (let turn = 0; turn < 1000 && open() > before; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(open()).toBeLessThanOrEqual(before);
});

test("a node that dies soon after the controller came back is missed at once: brokers do not wait for their next heartbeat", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.controller.kill();
  await cluster.controller.restart();
  // Long before the next interval of 2 s, and the session of 9 s.
  await new Promise((resolve) => setTimeout(resolve, 300));
  const started = performance.now();
  await cluster.node(2).kill();
  await cluster.waitUntil.nodeFenced(2);
  expect(performance.now() - started).toBeLessThan(6000);
});
