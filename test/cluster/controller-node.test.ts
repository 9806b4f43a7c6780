/** The controller of several nodes is a node of its own: it dies and comes back, and the brokers go on meanwhile. */
import { expect, test } from "vitest";
import type { ClusterEvent } from "../../cluster/cluster-events.ts";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { DescribeCluster, Metadata } from "../../protocol/messages/metadata.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { DescribeQuorum } from "../../protocol/messages/quorum.ts";
import { batchOf } from "../support/batches.ts";
import { WireClient } from "../support/wire-client.ts";

const SESSION_MS = 600;
const SETTINGS = { "broker.session.timeout.ms": SESSION_MS, "broker.heartbeat.interval.ms": 100 };
const TOPIC = "t";

async function startedWithTopic(settings: Record<string, number> = {}): Promise<Cluster> {
  const cluster = await startCluster({ nodes: 3, settings });
  await cluster.createTopic(TOPIC, { configs: { "min.insync.replicas": "2" } });
  return cluster;
}

/** Everything that happens until the list is looked at. */
function recorded(cluster: Cluster): ClusterEvent[] {
  const events: ClusterEvent[] = [];
  void (async () => {
    for await (const event of cluster.events) events.push(event);
  })();
  return events;
}

async function produceOne(client: WireClient): Promise<number> {
  const answer = await client.request(Produce, 9, {
    ...{ acks: -1, timeoutMs: 5000 },
    topicData: [{ name: TOPIC, partitionData: [{ index: 0, records: batchOf(["a"]) }] }],
  });
  return answer.responses[0]?.partitionResponses[0]?.errorCode ?? -1;
}

test("while there is no controller, Produce and Fetch go on with the last ISR; afterwards no live broker is fenced", async () => {
  await using cluster = await startedWithTopic(SETTINGS);
  const leader = cluster.leaderOf(TOPIC, 0);
  const client = await WireClient.connect(cluster.node(leader).address);
  const events = recorded(cluster);
  await cluster.controller.kill();
  expect(cluster.controller.isRunning).toBe(false);
  let produced = 0;
  // Longer than a session: the brokers cannot tell, and do not care.
  for (const endMs = performance.now() + 2 * SESSION_MS; performance.now() < endMs; produced++) {
    expect(await produceOne(client)).toBe(0);
  }
  const read = await client.request(Fetch, 11, {
    ...{ maxWaitMs: 1000, minBytes: 1, forgottenTopicsData: [] },
    topics: [{ topic: TOPIC, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
  });
  expect(read.responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, highWatermark: produced });
  await cluster.controller.restart();
  for (const endMs = performance.now() + 2 * SESSION_MS; performance.now() < endMs; ) {
    expect(await produceOne(client)).toBe(0);
  }
  await cluster.createTopic("made-afterwards");
  client.close();
  expect(cluster.leaderOf(TOPIC, 0)).toBe(leader);
  expect(cluster.inSyncReplicasOf(TOPIC, 0).length).toBe(3);
  expect(events.filter(({ type }) => type !== "high-watermark")).toEqual([]);
});

test("a broker that died while there was no controller is found when there is one", async () => {
  await using cluster = await startedWithTopic();
  const leader = cluster.leaderOf(TOPIC, 0);
  await cluster.controller.kill({ powerLoss: true });
  await cluster.node(leader).kill();
  await cluster.controller.restart();
  // Much sooner than a session of nine seconds runs out.
  await cluster.waitUntil.leaderChanged(TOPIC, 0, { from: leader, timeoutMs: 5000 });
  await cluster.waitUntil.nodeFenced(leader);
});

test("a broker that died comes back at once, also right after the controller's own start", async () => {
  await using cluster = await startedWithTopic();
  const leader = cluster.leaderOf(TOPIC, 0);
  await cluster.controller.kill();
  await cluster.node(leader).kill();
  await Promise.all([cluster.controller.restart(), cluster.node(leader).restart()]);
  await cluster.waitUntil.fullyReplicated(TOPIC, { timeoutMs: 5000 });
});

test("nodes that leave while there is no controller do not wait for it", async () => {
  const cluster = await startedWithTopic();
  await cluster.controller.kill();
  const startedMs = performance.now();
  await cluster.node(2).stop();
  await cluster.stop();
  expect(performance.now() - startedMs).toBeLessThan(20_000); // a controlled shutdown is asked for for 30 s
});

test("it stops in good order, too", async () => {
  await using cluster = await startedWithTopic();
  await cluster.controller.stop();
  expect(cluster.controller.isRunning).toBe(false);
  await cluster.controller.restart();
  await cluster.createTopic("made-afterwards");
});

test("brokers stand for the controller before clients; the voter is told of where the quorum is described", async () => {
  await using cluster = await startedWithTopic();
  for (const { id, address } of cluster.nodes) {
    const client = await WireClient.connect(address);
    const metadata = await client.request(Metadata, 9, { topics: [] });
    const described = await client.request(DescribeCluster, 1, {
      endpointType: 1,
      includeClusterAuthorizedOperations: false,
    });
    expect([metadata.controllerId, described.controllerId]).toEqual([id, id]);
    expect(described.brokers.map(({ brokerId }) => brokerId)).toEqual([1, 2, 3]);
    const quorum = await client.request(DescribeQuorum, 1, {
      topics: [{ topicName: "__cluster_metadata", partitions: [{ partitionIndex: 0 }] }],
    });
    const partition = quorum.topics[0]?.partitions[0];
    const voters = partition?.currentVoters.map(({ replicaId }) => replicaId);
    expect(voters).toEqual([partition?.leaderId]);
    expect(voters?.some((voter) => voter <= 3)).toBe(false);
    expect(partition?.observers.map(({ replicaId }) => replicaId).sort()).toEqual([1, 2, 3]);
    client.close();
  }
});
