/** Coordinators of share groups and of their state on a cluster of three nodes: moved by kills, asked over the wire. */
import { expect, test } from "vitest";
import { InternalTopic } from "../../broker/metadata/internal-topics.ts";
import { coordinatorKey } from "../../broker/share-state/share-partition-key.ts";
import { partitionOfKey } from "../../broker/state-machine/key-partition.ts";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { FindCoordinator } from "../../protocol/messages/find-coordinator.ts";
import { Metadata } from "../../protocol/messages/metadata.ts";
import { DescribeShareGroupOffsets, ShareGroupHeartbeat } from "../../protocol/messages/share-group.ts";
import { ReadShareGroupState, WriteShareGroupState } from "../../protocol/messages/share-state.ts";
import type { Api } from "../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../protocol/uuid.ts";
import { WireClient } from "../support/wire-client.ts";

const GROUP = "queue";
const TOPIC = "orders";
const PARTITIONS = [0, 1, 2];

/** Asks a node; undefined when the connection broke. */
async function ask<Req extends Message, Res extends Message>(
  address: string,
  api: Api<Req, Res>,
  version: number,
  request: Encode<Req>,
): Promise<Decode<Res> | undefined> {
  let client: WireClient | undefined;
  try {
    client = await WireClient.connect(address);
    return await client.request(api, version, request);
  } catch {
    return undefined;
  } finally {
    client?.close();
  }
}

function running(cluster: Cluster): string {
  return cluster.nodes.find(({ state }) => state === "running")?.address as string;
}

/** The node that coordinates a key, as a node that runs sees it. */
async function coordinatorOf(cluster: Cluster, keyType: number, key: string): Promise<number> {
  for (;;) {
    const answer = await ask(running(cluster), FindCoordinator, 6, { keyType, coordinatorKeys: [key] });
    const found = answer?.coordinators[0];
    if (found?.errorCode === 0 && cluster.node(found.nodeId).state === "running") return found.nodeId;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** One heartbeat, at whoever is the coordinator by then, until it is taken. */
async function beat(cluster: Cluster, memberEpoch: number) {
  for (;;) {
    const { address } = cluster.node(await coordinatorOf(cluster, 0, GROUP));
    const subscribedTopicNames = memberEpoch === 0 ? [TOPIC] : null;
    const request = { groupId: GROUP, memberId: "one", memberEpoch, rackId: null, subscribedTopicNames };
    const answer = await ask(address, ShareGroupHeartbeat, 1, request);
    if (answer?.errorCode === 0) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function topicIdOf(cluster: Cluster): Promise<string> {
  const topics = [{ topicId: ZERO_UUID, name: TOPIC }];
  const request = { topics, allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false };
  const answer = await ask(running(cluster), Metadata, 12, request);
  return answer?.topics[0]?.topicId as string;
}

async function write(cluster: Cluster, topicId: string, partition: number, startOffset: number): Promise<number> {
  const node = await coordinatorOf(cluster, 2, coordinatorKey({ groupId: GROUP, topicId, partition }));
  const said = { stateEpoch: -1, leaderEpoch: -1, startOffset, deliveryCompleteCount: 0, stateBatches: [] };
  const topics = [{ topicId, partitions: [{ partition, ...said }] }];
  const answer = await ask(cluster.node(node).address, WriteShareGroupState, 1, { groupId: GROUP, topics });
  return answer?.results[0]?.partitions[0]?.errorCode ?? -1;
}

async function startOffsetOf(cluster: Cluster, topicId: string, partition: number): Promise<number> {
  for (;;) {
    const node = await coordinatorOf(cluster, 2, coordinatorKey({ groupId: GROUP, topicId, partition }));
    const topics = [{ topicId, partitions: [{ partition, leaderEpoch: -1 }] }];
    const answer = await ask(cluster.node(node).address, ReadShareGroupState, 0, { groupId: GROUP, topics });
    const result = answer?.results[0]?.partitions[0];
    if (result?.errorCode === 0) return result.startOffset;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("R177, R178: a share group and its state outlive the nodes that keep them; what was acknowledged is there", async () => {
  await using cluster = await startCluster({ nodes: 3, settings: { "group.share.assignment.interval.ms": 0 } });
  await cluster.createTopic(TOPIC, { partitions: PARTITIONS.length });
  let memberEpoch = 0;
  let assigned: number[] = [];
  while (assigned.length < PARTITIONS.length) {
    const answer = await beat(cluster, memberEpoch);
    memberEpoch = answer.memberEpoch;
    assigned = answer.assignment?.topicPartitions.flatMap(({ partitions }) => partitions) ?? assigned;
  }
  const topicId = await topicIdOf(cluster);
  for (const partition of PARTITIONS) expect(await write(cluster, topicId, partition, 10 + partition)).toBe(0);

  // Whoever keeps the state of the first is killed, and comes back; then whoever coordinates the group.
  const statePartition = partitionOfKey(coordinatorKey({ groupId: GROUP, topicId, partition: 0 }), 50);
  const keeper = await coordinatorOf(cluster, 2, coordinatorKey({ groupId: GROUP, topicId, partition: 0 }));
  expect([1, 2, 3]).toContain(keeper);
  await cluster.node(keeper).kill();
  for (const partition of PARTITIONS) expect(await startOffsetOf(cluster, topicId, partition)).toBe(10 + partition);
  expect(cluster.leaderOf(InternalTopic.SHARE_GROUP_STATE, statePartition)).not.toBe(keeper);
  for (const partition of PARTITIONS) {
    await expect.poll(() => write(cluster, topicId, partition, 20 + partition), { timeout: 10_000 }).toBe(0);
  }
  await cluster.node(keeper).restart();

  const coordinator = await coordinatorOf(cluster, 0, GROUP);
  await cluster.node(coordinator).kill();
  expect((await beat(cluster, memberEpoch)).memberEpoch).toBe(memberEpoch);
  for (const partition of PARTITIONS) expect(await startOffsetOf(cluster, topicId, partition)).toBe(20 + partition);

  // Any node tells where the group is, whoever keeps the state.
  const topics = [{ topicName: TOPIC, partitions: PARTITIONS }];
  const told = await ask(running(cluster), DescribeShareGroupOffsets, 1, { groups: [{ groupId: GROUP, topics }] });
  expect(told?.groups[0]?.topics[0]?.partitions.map(({ startOffset }) => startOffset)).toEqual([20, 21, 22]);
}, 60_000);
