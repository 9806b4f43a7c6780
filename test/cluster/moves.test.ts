/** Replicas on the move, and consumers that read near by: on clusters of real nodes. */
import { Kafka, logLevel } from "kafkajs";
import { afterEach, describe, expect, test } from "vitest";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { IncrementalAlterConfigs } from "../../protocol/messages/configs.ts";
import { ElectLeaders } from "../../protocol/messages/elect-leaders.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { AlterPartitionReassignments, ListPartitionReassignments } from "../../protocol/messages/reassignments.ts";
import { CreateTopics } from "../../protocol/messages/topics.ts";
import { RawClient } from "../support/raw-client.ts";

let cluster: Cluster;
afterEach(() => cluster[Symbol.asyncDispose]());

const MEGABYTE = 1 << 20;
const VALUE = "x".repeat(100_000);

/** One partition on these nodes. */
async function topicOn(name: string, replicas: readonly number[], configs: Readonly<Record<string, string>> = {}) {
  using client = await RawClient.open(cluster.node(replicas[0] as number).address);
  const assignments = [{ partitionIndex: 0, brokerIds: [...replicas] }];
  const topicConfigs = Object.entries(configs).map(([key, value]) => ({ name: key, value }));
  const answer = await client.asker.ask(CreateTopics, 7, {
    topics: [{ name, numPartitions: -1, replicationFactor: -1, assignments, configs: topicConfigs }],
    ...{ timeoutMs: 10_000, validateOnly: false },
  });
  expect(answer.topics[0]?.errorCode).toBe(0);
  await cluster.waitUntil.inSyncReplicas(name, 0, replicas);
}

async function reassign(name: string, replicas: readonly number[] | null, at = 1): Promise<number | undefined> {
  using client = await RawClient.open(cluster.node(at).address);
  const answer = await client.asker.ask(AlterPartitionReassignments, 1, {
    timeoutMs: 10_000,
    allowReplicationFactorChange: true,
    topics: [{ name, partitions: [{ partitionIndex: 0, replicas: replicas === null ? null : [...replicas] }] }],
  });
  expect(answer.errorCode).toBe(0);
  return answer.responses[0]?.partitions[0]?.errorCode;
}

async function moving(at = 1) {
  using client = await RawClient.open(cluster.node(at).address);
  const answer = await client.asker.ask(ListPartitionReassignments, 0, { timeoutMs: 10_000, topics: null });
  return answer.topics[0]?.partitions[0];
}

/** Records of 100 kB each, to the present leader. */
async function fill(name: string, count: number, from = 0): Promise<void> {
  using client = await RawClient.open(cluster.node(cluster.leaderOf(name, 0)).address);
  for (let i = 0; i < count; i++) {
    expect(await client.produce(name, [0], VALUE)).toEqual([{ errorCode: 0, baseOffset: from + i }]);
  }
}

async function configure(type: "topic" | "broker", name: string, configs: Readonly<Record<string, string>>) {
  // A broker changes its own only.
  using client = await RawClient.open(cluster.node(type === "broker" ? Number(name) : 1).address);
  const alterations = Object.entries(configs).map(([key, value]) => ({ name: key, configOperation: 0, value }));
  const answer = await client.asker.ask(IncrementalAlterConfigs, 1, {
    resources: [{ resourceType: type === "topic" ? 2 : 4, resourceName: name, configs: alterations }],
    validateOnly: false,
  });
  expect(answer.responses.map(({ errorCode, errorMessage }) => [errorCode, errorMessage])).toEqual([[0, null]]);
}

const sorted = (ids: readonly number[]): number[] => [...ids].sort((a, b) => a - b);

describe("R46: a partition moves from [1,2,3] to [4,5,6]", () => {
  test("with its data, under load, and its ISR is never smaller than min.insync.replicas", async () => {
    cluster = await startCluster({ nodes: 6 });
    await topicOn("t", [1, 2, 3], { "min.insync.replicas": "2" });
    await fill("t", 20);
    let smallestIsr = 3;
    const watching = (async () => {
      for await (const event of cluster.events) {
        if (event.type === "isr-changed" && event.topic === "t") {
          smallestIsr = Math.min(smallestIsr, event.inSyncReplicas.length);
        }
      }
    })();
    expect(await reassign("t", [4, 5, 6])).toBe(0);
    let produced = 20;
    for (;;) {
      const leader = cluster.leaderOf("t", 0);
      using client = await RawClient.open(cluster.node(leader).address);
      const [answer] = await client.produce("t", [0], VALUE);
      if (answer?.errorCode === 0) {
        expect(answer.baseOffset).toBe(produced);
        produced++;
      } else {
        expect(answer?.errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
      }
      if (leader > 3 && produced > 25) break;
    }
    await cluster.waitUntil.inSyncReplicas("t", 0, [4, 5, 6]);
    expect(await moving()).toBeUndefined();
    expect(smallestIsr).toBeGreaterThanOrEqual(2);
    using client = await RawClient.open(cluster.node(cluster.leaderOf("t", 0)).address);
    expect(await client.latest("t", 0)).toBe(produced);
    // Who is no replica any more knows nothing of it.
    using old = await RawClient.open(cluster.node(1).address);
    await cluster.waitUntil.holds(() => cluster.inSyncReplicasOf("t", 0).length === 3);
    expect((await old.fetch("t", [0])).partitions.get(0)?.errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    cluster.events.close();
    await watching;
  });

  test("an adding replica dies, the controller restarts, the move is cancelled, and all is as before", async () => {
    cluster = await startCluster({ nodes: 6 });
    await topicOn("t", [1, 2, 3], { "min.insync.replicas": "2" });
    await fill("t", 5);
    await cluster.node(5).kill();
    await cluster.waitUntil.nodeFenced(5);
    expect(await reassign("t", [4, 5, 6])).toBe(0);
    await cluster.waitUntil.holds(() => [4, 6].every((id) => cluster.inSyncReplicasOf("t", 0).includes(id)));
    expect(await moving()).toMatchObject({ addingReplicas: [4, 5, 6], removingReplicas: [1, 2, 3] });
    await cluster.controller.kill();
    await cluster.controller.restart();
    await cluster.waitUntil.holds(() => cluster.controller.isRunning);
    expect(await moving()).toMatchObject({ addingReplicas: [4, 5, 6], removingReplicas: [1, 2, 3] });
    await fill("t", 2, 5);
    expect(await reassign("t", null)).toBe(0);
    await cluster.waitUntil.inSyncReplicas("t", 0, [1, 2, 3]);
    expect(await moving()).toBeUndefined();
    await fill("t", 1, 7);
    expect(await reassign("t", null)).toBe(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS);
  });

  test("a replica that stays and is not well does not hold the move up (KAFKA-19975)", async () => {
    cluster = await startCluster({ nodes: 4 });
    await topicOn("t", [1, 2, 3], { "min.insync.replicas": "1" });
    await fill("t", 3);
    await cluster.node(2).kill();
    await cluster.waitUntil.inSyncReplicas("t", 0, [1, 3]);
    // Node 2 stays, node 3 makes way for node 4.
    expect(await reassign("t", [1, 2, 4])).toBe(0);
    await cluster.waitUntil.inSyncReplicas("t", 0, [1, 4]);
    expect(await moving()).toBeUndefined();
    await cluster.node(2).restart();
    await cluster.waitUntil.inSyncReplicas("t", 0, [1, 2, 4]);
  });

  test("the throttle of a move is kept to, by the leader and by the follower", async () => {
    cluster = await startCluster({ nodes: 3, settings: { "replica.fetch.max.bytes": 200_000 } });
    for (const side of ["leader", "follower"] as const) {
      const name = `by-${side}`;
      await topicOn(name, [1]);
      await fill(name, 15);
      await configure("topic", name, { [`${side}.replication.throttled.replicas`]: side === "leader" ? "0:1" : "0:2" });
      await configure("broker", side === "leader" ? "1" : "2", { [`${side}.replication.throttled.rate`]: "1000000" });
      const started = performance.now();
      expect(await reassign(name, [2])).toBe(0);
      await cluster.waitUntil.inSyncReplicas(name, 0, [2], { timeoutMs: 30_000 });
      // 1.5 MB at 1 MB a second; the first second is free as long as it is not full.
      expect(performance.now() - started).toBeGreaterThan(700);
      using client = await RawClient.open(cluster.node(2).address);
      expect(await client.latest(name, 0)).toBe(15);
    }
    // Without a throttle nothing is held back, whatever the rates are.
    await topicOn("free", [1]);
    await fill("free", 15);
    await reassign("free", [2]);
    await cluster.waitUntil.inSyncReplicas("free", 0, [2]);
  });
});

describe("R53: a consumer reads from a replica in its rack (KIP-392)", () => {
  async function fetchAt(node: number, rackId: string, fetchOffset: number) {
    using client = await RawClient.open(cluster.node(node).address);
    const answer = await client.asker.ask(Fetch, 12, {
      ...{ maxWaitMs: 200, minBytes: 1, maxBytes: MEGABYTE, rackId },
      topics: [{ topic: "t", partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: MEGABYTE }] }],
    });
    const one = answer.responses[0]?.partitions[0];
    if (one === undefined) throw new Error("no answer");
    const { errorCode, highWatermark, preferredReadReplica, records } = one;
    return {
      errorCode,
      highWatermark,
      preferredReadReplica,
      hasRecords: ((records as Buffer | null)?.length ?? 0) > 0,
    };
  }

  test("the leader sends it there, the follower serves it, and when that dies the leader does", async () => {
    const selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
    cluster = await startCluster({
      nodes: 3,
      racks: ["a", "b", "c"],
      settings: { "replica.selector.class": selector },
    });
    await topicOn("t", [1, 2, 3]);
    await fill("t", 1);
    const wanted = { errorCode: 0, highWatermark: 1, preferredReadReplica: 2, hasRecords: false };
    expect(await fetchAt(1, "b", 0)).toEqual(wanted);
    // In the leader's own rack, in none, and in one that has no replica, the leader serves.
    for (const rack of ["a", "", "z"]) {
      expect(await fetchAt(1, rack, 0)).toMatchObject({ preferredReadReplica: -1, hasRecords: true });
    }
    for (;;) {
      const near = await fetchAt(2, "b", 0);
      expect(near).toMatchObject({ errorCode: 0, preferredReadReplica: -1 });
      if (near.hasRecords) break; // it learns the high watermark with its next fetch
    }
    // Between the follower's high watermark and its end there is nothing yet; past its end it is out of range.
    expect(await fetchAt(2, "b", 1)).toMatchObject({ errorCode: 0, hasRecords: false });
    expect(await fetchAt(2, "b", 9)).toMatchObject({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE });
    await cluster.node(2).kill();
    await cluster.waitUntil.nodeFenced(2);
    await cluster.waitUntil.inSyncReplicas("t", 0, [1, 3]);
    for (;;) {
      const far = await fetchAt(1, "b", 0);
      if (far.hasRecords) break;
      expect(far.preferredReadReplica).toBe(2); // its metadata is a moment behind the controller's
    }
  });

  test("a consumer of kafkajs that says where it is reads from its neighbour", async () => {
    const selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
    cluster = await startCluster({
      nodes: 3,
      racks: ["a", "b", "c"],
      settings: { "replica.selector.class": selector },
    });
    await topicOn("t", [1, 2, 3]);
    await fill("t", 3);
    const atNeighbour = cluster.faults.add({ api: "Fetch", node: 2, client: "reader", delayMs: 0 });
    const kafka = new Kafka({
      ...{ clientId: "reader", brokers: cluster.bootstrapServers.split(","), logLevel: logLevel.NOTHING },
    });
    const consumer = kafka.consumer({ groupId: "g", rackId: "b", maxWaitTimeInMs: 50 });
    await consumer.connect();
    await consumer.subscribe({ topic: "t", fromBeginning: true });
    let received = 0;
    await new Promise<void>((resolve, reject) => {
      const eachMessage = async (): Promise<void> => {
        if (++received === 3) resolve();
      };
      consumer.run({ eachMessage }).catch(reject);
    });
    expect(atNeighbour.fired).toBeGreaterThan(0);
    await consumer.disconnect();
  });
});

test("R51: leadership goes back to the preferred replica by itself, loses nothing, and only to one in sync", async () => {
  const settings = { "leader.imbalance.check.interval.seconds": 1, "auto.leader.rebalance.enable": true };
  cluster = await startCluster({ nodes: 3, settings });
  await topicOn("t", [1, 2, 3], { "min.insync.replicas": "1" });
  await fill("t", 2);
  await cluster.node(1).kill();
  const stood = await cluster.waitUntil.leaderChanged("t", 0, { from: 1 });
  using client = await RawClient.open(cluster.node(stood).address);
  const elected = await client.asker.ask(ElectLeaders, 2, {
    ...{ electionType: 0, timeoutMs: 10_000 },
    topicPartitions: [{ topic: "t", partitions: [0] }],
  });
  const result = elected.replicaElectionResults[0]?.partitionResult[0];
  expect(result?.errorCode).toBe(ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE);
  await fill("t", 1, 2);
  await cluster.node(1).restart();
  expect(await cluster.waitUntil.leaderChanged("t", 0, { from: stood })).toBe(1);
  await fill("t", 1, 3);
  expect(sorted(cluster.inSyncReplicasOf("t", 0))).toEqual([1, 2, 3]);
});

test("replicas of a topic lie in as many racks as there are", async () => {
  cluster = await startCluster({ nodes: 6, racks: ["a", "a", "b", "b", "c", "c"] });
  await cluster.createTopic("spread", { partitions: 12, replicationFactor: 3 });
  await cluster.waitUntil.fullyReplicated("spread");
  const leaders = new Map<number, number>();
  for (let partition = 0; partition < 12; partition++) {
    const racks = new Set(cluster.inSyncReplicasOf("spread", partition).map((id) => Math.ceil(id / 2)));
    expect(racks.size).toBe(3);
    const leader = cluster.leaderOf("spread", partition);
    leaders.set(leader, (leaders.get(leader) ?? 0) + 1);
  }
  expect([...leaders.values()].every((count) => count === 2)).toBe(true);
});
