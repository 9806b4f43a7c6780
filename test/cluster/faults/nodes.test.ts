/** Nodes that stand still, ways that are cut or slow, disks that fail: what the rest of a cluster makes of it. */
import { expect, test } from "vitest";
import { startCluster } from "../../../cluster/start-cluster.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { RawClient } from "../../support/raw-client.ts";

/** Waits that would take minutes with Kafka's defaults. */
const QUICK = {
  "replica.lag.time.max.ms": 300,
  "broker.session.timeout.ms": 600,
  "broker.heartbeat.interval.ms": 100,
  "replica.fetch.wait.max.ms": 50,
  "replica.socket.timeout.ms": 500,
  "controller.quorum.request.timeout.ms": 500,
};

const followersOf = (leader: number): number[] => [1, 2, 3].filter((id) => id !== leader);

test("R48: a paused follower leaves the ISR after replica.lag.time.max.ms, acks=all waits no longer, and it comes back", async () => {
  await using cluster = await startCluster({ nodes: 3, settings: { ...QUICK, "broker.session.timeout.ms": 30_000 } });
  await cluster.createTopic("t", { configs: { "min.insync.replicas": "2" } });
  const leader = cluster.leaderOf("t", 0);
  const [paused, other] = followersOf(leader) as [number, number];
  using client = await RawClient.open(cluster.node(leader).address);
  expect(await client.produce("t", [0])).toEqual([{ errorCode: 0, baseOffset: 0 }]);
  await cluster.node(paused).pause();
  expect(cluster.node(paused).state).toBe("paused");
  const started = performance.now();
  expect(await client.produce("t", [0])).toEqual([{ errorCode: 0, baseOffset: 1 }]);
  const waitedMs = performance.now() - started;
  expect(waitedMs).toBeGreaterThan(100);
  expect(waitedMs).toBeLessThan(5000);
  expect([...cluster.inSyncReplicasOf("t", 0)].sort()).toEqual([leader, other].sort());
  await cluster.node(paused).resume();
  await cluster.waitUntil.inSyncReplicas("t", 0, [1, 2, 3]);
  expect(cluster.leaderOf("t", 0)).toBe(leader);
});

test("R49: a leader paused past its session is fenced; resumed it acknowledges nothing of its old epoch", async () => {
  await using cluster = await startCluster({ nodes: 3, settings: QUICK });
  await cluster.createTopic("t", { configs: { "min.insync.replicas": "2" } });
  const old = cluster.leaderOf("t", 0);
  using toOld = await RawClient.open(cluster.node(old).address);
  expect(await toOld.produce("t", [0], "before")).toEqual([{ errorCode: 0, baseOffset: 0 }]);
  await cluster.node(old).pause();
  // Connects succeed and nothing is answered, as with a stopped process.
  using late = await RawClient.open(cluster.node(old).address);
  const stale = toOld.produce("t", [0], "stale", { patienceMs: 20_000 });
  const next = await cluster.waitUntil.leaderChanged("t", 0, { from: old });
  using toNext = await RawClient.open(cluster.node(next).address);
  expect(await toNext.produce("t", [0], "after")).toEqual([{ errorCode: 0, baseOffset: 1 }]);
  await cluster.node(old).resume();
  const [refused] = await stale;
  expect([
    ErrorCode.NOT_LEADER_OR_FOLLOWER,
    ErrorCode.NOT_ENOUGH_REPLICAS,
    ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    ErrorCode.REQUEST_TIMED_OUT,
  ]).toContain(refused?.errorCode);
  await cluster.waitUntil.inSyncReplicas("t", 0, [1, 2, 3]);
  expect(await toNext.latest("t", 0)).toBe(2);
  const answer = await late.produce("t", [0], "x", { acks: 1 });
  if (cluster.leaderOf("t", 0) !== old) expect(answer[0]?.errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
});

test("a way that is cut carries nothing, resets nothing, and is as before when it is healed", async () => {
  await using cluster = await startCluster({ nodes: 3, settings: { ...QUICK, "broker.session.timeout.ms": 30_000 } });
  await cluster.createTopic("t", { configs: { "min.insync.replicas": "1" } });
  const leader = cluster.leaderOf("t", 0);
  const [cut, other] = followersOf(leader) as [number, number];
  using client = await RawClient.open(cluster.node(leader).address);
  using atCut = await RawClient.open(cluster.node(cut).address);
  await client.produce("t", [0]);
  await cluster.waitUntil.highWatermark("t", 0, 1);
  cluster.network.cut(leader, cut);
  expect(cluster.network.faults).toHaveLength(2);
  await client.produce("t", [0]);
  expect([...cluster.inSyncReplicasOf("t", 0)].sort()).toEqual([leader, other].sort());
  // Clients are not cut: both nodes answer them.
  expect(await client.latest("t", 0)).toBe(2);
  expect((await atCut.fetch("t", [0])).partitions.get(0)?.errorCode).toBe(0);
  cluster.network.heal();
  expect(cluster.network.faults).toEqual([]);
  await cluster.waitUntil.inSyncReplicas("t", 0, [1, 2, 3]);
});

test("a one-way cut stops one direction only: answers to what still arrives are lost, and the other way round", async () => {
  await using cluster = await startCluster({ nodes: 3, settings: { ...QUICK, "broker.session.timeout.ms": 30_000 } });
  await cluster.createTopic("t");
  const leader = cluster.leaderOf("t", 0);
  const [far] = followersOf(leader) as [number, number];
  using client = await RawClient.open(cluster.node(leader).address);
  await client.produce("t", [0]);
  // The follower's fetches still arrive; the leader's answers do not.
  cluster.network.cut(leader, far, { oneWay: true });
  await client.produce("t", [0]);
  expect(cluster.inSyncReplicasOf("t", 0)).not.toContain(far);
  cluster.network.heal(leader, far);
  await cluster.waitUntil.inSyncReplicas("t", 0, [1, 2, 3]);
});

test("R12: a leader that is cut off from the controller and the others, but not from clients, acknowledges nothing", async () => {
  await using cluster = await startCluster({ nodes: 3, settings: QUICK });
  await cluster.createTopic("t", { configs: { "min.insync.replicas": "2" } });
  const old = cluster.leaderOf("t", 0);
  using toOld = await RawClient.open(cluster.node(old).address);
  await toOld.produce("t", [0], "before");
  for (const end of ["controller", ...followersOf(old)] as const) cluster.network.cut(old, end);
  const next = await cluster.waitUntil.leaderChanged("t", 0, { from: old });
  const zombie = await toOld.produce("t", [0], "zombie", { timeoutMs: 300 });
  expect(zombie[0]?.errorCode).not.toBe(0);
  expect(await toOld.latest("t", 0)).toBe(1);
  using toNext = await RawClient.open(cluster.node(next).address);
  expect(await toNext.produce("t", [0], "after")).toEqual([{ errorCode: 0, baseOffset: 1 }]);
  cluster.network.heal();
  await cluster.waitUntil.inSyncReplicas("t", 0, [1, 2, 3]);
  expect(await toNext.latest("t", 0)).toBe(2);
});

test("a slow way makes acks=all slow and breaks nothing", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic("t", { configs: { "min.insync.replicas": "2" } });
  const leader = cluster.leaderOf("t", 0);
  using client = await RawClient.open(cluster.node(leader).address);
  await client.produce("t", [0]);
  for (const follower of followersOf(leader)) cluster.network.delay(leader, follower, 60);
  await client.produce("t", [0]);
  const started = performance.now();
  expect(await client.produce("t", [0], "x".repeat(300_000))).toEqual([{ errorCode: 0, baseOffset: 2 }]);
  expect(performance.now() - started).toBeGreaterThan(100);
  expect([...cluster.inSyncReplicasOf("t", 0)].sort()).toEqual([1, 2, 3]);
  cluster.network.heal();
  expect(await client.produce("t", [0])).toEqual([{ errorCode: 0, baseOffset: 3 }]);
});

test("clients are cut where they are named", async () => {
  await using cluster = await startCluster({ nodes: 2 });
  await cluster.createTopic("t", { replicationFactor: 2 });
  const leader = cluster.leaderOf("t", 0);
  using client = await RawClient.open(cluster.node(leader).address);
  await client.produce("t", [0]);
  cluster.network.cut(leader, "clients");
  await expect(client.produce("t", [0], "x", { patienceMs: 200 })).rejects.toThrow();
  // The nodes still talk to each other.
  expect([...cluster.inSyncReplicasOf("t", 0)].sort()).toEqual([1, 2]);
  expect(() => cluster.network.cut(1, 7)).toThrow(/no node 7/);
  expect(() => cluster.network.cut(1, 1)).toThrow(/not two/);
});

test("a disk that has no room for a topic takes that node's log offline, another leads, and with room again it comes back", async () => {
  await using cluster = await startCluster({ nodes: 3, settings: QUICK });
  await cluster.createTopic("t", { configs: { "min.insync.replicas": "2" } });
  const leader = cluster.leaderOf("t", 0);
  using client = await RawClient.open(cluster.node(leader).address);
  await client.produce("t", [0]);
  const fault = cluster.faults.add({ disk: "full", node: leader, topic: "t" });
  expect((await client.produce("t", [0]))[0]?.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  expect(fault.fired).toBeGreaterThan(0);
  const next = await cluster.waitUntil.leaderChanged("t", 0, { from: leader });
  using toNext = await RawClient.open(cluster.node(next).address);
  expect(await toNext.produce("t", [0])).toEqual([{ errorCode: 0, baseOffset: 1 }]);
  fault.remove();
  await cluster.waitUntil.fullyReplicated("t");
});

test("a disk that fails altogether ends its node; healed it starts again and catches up", async () => {
  await using cluster = await startCluster({ nodes: 3, settings: QUICK });
  await cluster.createTopic("t", { configs: { "min.insync.replicas": "2" } });
  const leader = cluster.leaderOf("t", 0);
  using client = await RawClient.open(cluster.node(leader).address);
  await client.produce("t", [0]);
  cluster.faults.add({ disk: "error", node: leader });
  // Whatever is written next finds out: a record, or what the controller committed.
  await client.produce("t", [0]).catch(() => {});
  const next = await cluster.waitUntil.leaderChanged("t", 0, { from: leader });
  using toNext = await RawClient.open(cluster.node(next).address);
  expect(await toNext.produce("t", [0])).toEqual([{ errorCode: 0, baseOffset: 1 }]);
  await cluster.createTopic("another", { replicationFactor: 2 });
  await cluster.waitUntil.holds(() => cluster.node(leader).state === "failed", {}, "the node has failed");
  cluster.faults.clear();
  await cluster.node(leader).restart();
  await cluster.waitUntil.fullyReplicated("t");
});

test("a slow disk holds its whole node up", async () => {
  await using cluster = await startCluster();
  await cluster.createTopic("t");
  using client = await RawClient.open(cluster.bootstrapServers);
  await client.produce("t", [0]);
  const fault = cluster.faults.add({ disk: "slow", operation: "write", delayMs: 80 });
  const started = performance.now();
  await client.produce("t", [0]);
  expect(performance.now() - started).toBeGreaterThanOrEqual(79);
  expect(fault.fired).toBeGreaterThan(0);
});
