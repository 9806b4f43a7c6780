/** The same cluster for the next test: emptied, or as it was. */
import { expect, test } from "vitest";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { FindCoordinator } from "../../protocol/messages/find-coordinator.ts";
import { OffsetCommit, OffsetFetch } from "../../protocol/messages/group-offsets.ts";
import { RawClient } from "../support/raw-client.ts";

const GROUP = "g";

/** A client at the group's coordinator. */
async function atCoordinator(cluster: Cluster): Promise<RawClient> {
  using first = await RawClient.open(cluster.node(1).address);
  for (;;) {
    const { errorCode, nodeId } = await first.asker.ask(FindCoordinator, 2, { key: GROUP, keyType: 0 });
    if (errorCode === ErrorCode.NONE) return RawClient.open(cluster.node(nodeId).address);
    expect(errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function commit(cluster: Cluster, committedOffset: number): Promise<void> {
  using client = await atCoordinator(cluster);
  for (;;) {
    const { topics } = await client.asker.ask(OffsetCommit, 7, {
      ...{ groupId: GROUP, generationIdOrMemberEpoch: -1, memberId: "", groupInstanceId: null },
      topics: [{ name: "t0", partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: "" }] }],
    });
    const errorCode = topics[0]?.partitions[0]?.errorCode;
    if (errorCode === ErrorCode.NONE) return;
    expect([ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.NOT_COORDINATOR]).toContain(errorCode);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function committed(cluster: Cluster): Promise<number | undefined> {
  using client = await atCoordinator(cluster);
  for (;;) {
    const topics = [{ name: "t0", partitionIndexes: [0] }];
    const answer = await client.asker.ask(OffsetFetch, 7, { groupId: GROUP, topics, requireStable: false });
    if (answer.errorCode === ErrorCode.NONE) return answer.topics[0]?.partitions[0]?.committedOffset;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function produce(cluster: Cluster, topic: string, value: string) {
  using client = await RawClient.open(cluster.node(cluster.leaderOf(topic, 0)).address);
  return (await client.produce(topic, [0], value))[0];
}

test("reset: nothing is left of topics, groups, configs and faults, and the ports are the same", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  const { bootstrapServers } = cluster;
  let leastWorkMs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 10; i++) await cluster.createTopic(`t${i}`, { configs: { "retention.ms": "1000" } });
    expect(await produce(cluster, "t0", "x")).toEqual({ errorCode: 0, baseOffset: 0 });
    await commit(cluster, 1);
    expect(await committed(cluster)).toBe(1);
    cluster.faults.add({ api: "Produce", errorCode: 1 });
    cluster.network.cut(1, 2);
    const before = process.cpuUsage();
    await cluster.reset();
    const { user, system } = process.cpuUsage(before);
    leastWorkMs = Math.min(leastWorkMs, (user + system) / 1000);
    expect(() => cluster.leaderOf("t0", 0)).toThrow(/no partition/);
    expect([cluster.faults.list, cluster.network.faults]).toEqual([[], []]);
  }
  // The processor's time, as the machine may do other things: what the reset of three nodes costs, offsets topic included.
  expect(leastWorkMs).toBeLessThan(60);
  await cluster.createTopic("t0");
  expect(await committed(cluster)).toBe(-1);
  expect(cluster.bootstrapServers).toBe(bootstrapServers);
});

test("reset brings nodes back that are down or stand still", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic("t");
  await cluster.node(1).kill();
  await cluster.node(2).pause();
  await cluster.reset();
  expect(cluster.nodes.map(({ state }) => state)).toEqual(["running", "running", "running"]);
  await cluster.createTopic("t", { replicationFactor: 3 });
  await cluster.waitUntil.fullyReplicated("t");
});

test("a node that is killed and restarted at once does not wait for the session of its former self", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic("t");
  const started = performance.now();
  await cluster.node(1).kill();
  await cluster.node(1).restart();
  // The session alone lasts 9 s.
  expect(performance.now() - started).toBeLessThan(5000);
  await cluster.waitUntil.fullyReplicated("t");
});

test("a cluster goes back to a snapshot as often as asked, and another starts from it", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic("t", { configs: { "min.insync.replicas": "2" } });
  await produce(cluster, "t", "kept");
  const snapshot = cluster.snapshot();
  expect(snapshot.sizeBytes).toBeGreaterThan(0);
  for (let round = 0; round < 2; round++) {
    expect(await produce(cluster, "t", "gone")).toEqual({ errorCode: 0, baseOffset: 1 });
    await cluster.createTopic("gone");
    await cluster.restore(snapshot);
    await cluster.waitUntil.fullyReplicated("t");
    expect(() => cluster.leaderOf("gone", 0)).toThrow();
  }
  await using other = await startCluster({ nodes: 3, snapshot });
  await other.waitUntil.fullyReplicated("t");
  expect(await produce(other, "t", "here only")).toEqual({ errorCode: 0, baseOffset: 1 });
  expect(await produce(cluster, "t", "there only")).toEqual({ errorCode: 0, baseOffset: 1 });
  await expect(startCluster({ nodes: 2, snapshot })).rejects.toThrow(/3 nodes/);
});
