/** Coordinators of groups on a cluster of three nodes: made on demand, replicated, moved by kills, asked over the wire. */
import { describe, expect, it } from "vitest";
import { partitionOfKey } from "../../broker/state-machine/key-partition.ts";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { DescribeConfigs } from "../../protocol/messages/configs.ts";
import { FindCoordinator } from "../../protocol/messages/find-coordinator.ts";
import { OffsetCommit, OffsetFetch } from "../../protocol/messages/group-offsets.ts";
import { ListGroups } from "../../protocol/messages/groups-admin.ts";
import { ClusterProbe } from "../support/cluster-probe.ts";
import { WireClient } from "../support/wire-client.ts";
import { formGroup, WireMember } from "../support/wire-member.ts";

const OFFSETS_TOPIC = "__consumer_offsets";
const GROUPS = 4000;
async function coordinatorOf(cluster: Cluster, groupId: string): Promise<{ id: number; address: string }> {
  for (;;) {
    const probe = new ClusterProbe(cluster.bootstrapServers);
    try {
      const id = await probe.coordinatorId(groupId);
      return { id, address: cluster.node(id).address };
    } catch {
      // The node that was asked is killed meanwhile: another one knows.
    } finally {
      await probe.close().catch(() => {});
    }
  }
}

/** A member at its coordinator, wherever that is by then. */
async function joined(cluster: Cluster, groupId: string, topics = ["t"]): Promise<WireMember> {
  for (;;) {
    const { address } = await coordinatorOf(cluster, groupId);
    const member = await WireMember.open(address, { groupId, topics, sessionTimeoutMs: 60_000 });
    const answer = await member.join();
    if (answer.errorCode === ErrorCode.NONE && (await member.sync(answer)).errorCode === ErrorCode.NONE) return member;
    member.close();
  }
}

/** Whether a node acknowledges an offset of t-0, from somebody who is no member. */
async function stored(address: string, groupId: string, committedOffset: number): Promise<boolean> {
  let client: WireClient | undefined;
  try {
    client = await WireClient.connect(address);
    const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: "" }];
    const { topics } = await client.request(OffsetCommit, 9, { groupId, topics: [{ name: "t", partitions }] });
    return topics[0]?.partitions[0]?.errorCode === ErrorCode.NONE;
  } catch {
    return false;
  } finally {
    client?.close();
  }
}

/** What a node tells of a group's offset of t-0: the error, or the offset; undefined when the connection broke. */
async function told(address: string, groupId: string, requireStable: boolean) {
  let client: WireClient | undefined;
  try {
    client = await WireClient.connect(address);
    const groups = [{ groupId, topics: [{ name: "t", partitionIndexes: [0] }] }];
    const [group] = (await client.request(OffsetFetch, 9, { groups, requireStable })).groups;
    const [partition] = group?.topics[0]?.partitions ?? [];
    const errorCode = group?.errorCode || partition?.errorCode || ErrorCode.NONE;
    return errorCode === ErrorCode.NONE ? { offset: partition?.committedOffset ?? -1 } : { errorCode };
  } catch {
    return undefined;
  } finally {
    client?.close();
  }
}

/** Stores an offset for each of many groups that nobody is in, and gives the errors. */
async function commitOf(cluster: Cluster, groups: readonly string[]): Promise<number[]> {
  const clients = new Map<string, WireClient>();
  const answers: Promise<number>[] = [];
  const topics = [{ name: "t", partitions: [{ partitionIndex: 0, committedOffset: 5, committedMetadata: "" }] }];
  for (const groupId of groups) {
    const { address } = cluster.node(cluster.leaderOf(OFFSETS_TOPIC, partitionOfKey(groupId, 3)));
    const client = clients.get(address) ?? (await WireClient.connect(address));
    clients.set(address, client);
    const answer = client.request(OffsetCommit, 9, { groupId, topics });
    answers.push(answer.then((body) => body.topics[0]?.partitions[0]?.errorCode ?? -1));
  }
  const codes = await Promise.all(answers);
  for (const client of clients.values()) client.close();
  return codes;
}

/** How many groups the running nodes list together; fewer while one loads. */
async function listed(cluster: Cluster): Promise<number> {
  let count = 0;
  for (const { state, address } of cluster.nodes) {
    if (state !== "running") continue;
    const client = await WireClient.connect(address);
    count += (await client.request(ListGroups, 5, { statesFilter: [], typesFilter: [] })).groups.length;
    client.close();
  }
  return count;
}

describe("the offsets topic", () => {
  it("R154: comes when a coordinator is looked for, with Kafka's settings, and is there on three nodes before anything is acknowledged", async () => {
    await using cluster = await startCluster({ nodes: 3 });
    await cluster.createTopic("t");
    const client = await WireClient.connect(cluster.node(1).address);
    const early = await WireMember.open(cluster.node(1).address, { groupId: "g" });
    expect((await early.join()).errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    early.close();
    const find = () => client.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g", ""] });
    expect((await find()).coordinators.map(({ errorCode }) => errorCode)).toEqual([15, 15]);
    await cluster.waitUntil.leaderElected(OFFSETS_TOPIC, 49);
    await expect.poll(async () => (await find()).coordinators.map(({ errorCode }) => errorCode)).toEqual([0, 0]);
    const { results } = await client.request(DescribeConfigs, 4, {
      resources: [{ resourceType: 2, resourceName: OFFSETS_TOPIC, configurationKeys: null }],
    });
    const set = results[0]?.configs.filter(({ configSource }) => configSource === 1);
    expect(Object.fromEntries((set ?? []).map(({ name, value }) => [name, value]))).toEqual({
      "cleanup.policy": "compact",
      "compression.type": "producer",
      "segment.bytes": "104857600",
    });
    for (let partition = 0; partition < 50; partition++) {
      await cluster.waitUntil.inSyncReplicas(OFFSETS_TOPIC, partition, [1, 2, 3]);
    }
    client.close();
  });

  it("R153: whose only replica is away makes no coordinator, and no offsets that look like none", async () => {
    await using cluster = await startCluster({ nodes: 3, settings: { "offsets.topic.replication.factor": 1 } });
    await cluster.createTopic("t", { replicationFactor: 1 });
    const member = await joined(cluster, "g");
    expect(await member.commit("t", [0], 7)).toEqual([0]);
    member.close();
    const { id } = await coordinatorOf(cluster, "g");
    await cluster.node(id).kill();
    await cluster.waitUntil.nodeFenced(id);
    const others = cluster.nodes.filter((node) => node.id !== id);
    for (const { address } of others) {
      expect(await told(address, "g", false)).toEqual({ errorCode: ErrorCode.NOT_COORDINATOR });
      const client = await WireClient.connect(address);
      const found = async () => (await client.request(FindCoordinator, 3, { key: "g", keyType: 0 })).errorCode;
      await expect.poll(found).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
      client.close();
    }
    await cluster.node(id).restart();
    await cluster.waitUntil.nodeUp(id);
    await expect.poll(() => told(cluster.node(id).address, "g", true)).toEqual({ offset: 7 });
  });
});

describe("a coordinator that is killed with its node", () => {
  it("R145, R152, R153: is followed by another, again and again; what was acknowledged is never told as less", {
    timeout: 60_000,
  }, async () => {
    await using cluster = await startCluster({ nodes: 3 });
    await cluster.createTopic("t");
    let acknowledged = -1;
    let goesOn = true;
    const commits = (async () => {
      for (let offset = 0; goesOn; ) {
        const { address } = await coordinatorOf(cluster, "g");
        if (!(await stored(address, "g", offset))) continue;
        acknowledged = offset++;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    let answers = 0;
    const errors = new Set<number>();
    const reads = (async () => {
      for (let turn = 0; goesOn; turn++) {
        for (const { address } of cluster.nodes) {
          const atLeast = acknowledged;
          const answer = await told(address, "g", turn % 2 === 0);
          if (answer === undefined) continue;
          if ("offset" in answer) {
            answers++;
            expect(answer.offset).toBeGreaterThanOrEqual(atLeast);
          } else errors.add(answer.errorCode);
        }
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    try {
      for (let round = 0; round < 4; round++) {
        const before = acknowledged;
        await expect.poll(() => acknowledged, { timeout: 20_000 }).toBeGreaterThan(before + 10);
        const { id } = await coordinatorOf(cluster, "g");
        await cluster.node(id).kill();
        const killedAt = acknowledged;
        await expect.poll(() => acknowledged, { timeout: 20_000 }).toBeGreaterThan(killedAt + 1);
        await cluster.node(id).restart();
        await cluster.waitUntil.fullyReplicated(OFFSETS_TOPIC, { timeoutMs: 20_000 });
      }
    } finally {
      goesOn = false;
      await Promise.all([commits, reads]);
    }
    expect(answers).toBeGreaterThan(20);
    // 14 loading, 16 another has it: nothing else is to be told to one who asks for offsets.
    expect([...errors].filter((code) => code !== 14 && code !== 16)).toEqual([]);
  });

  it("R144: a static member that came back is known to the next one, its old id fenced", async () => {
    await using cluster = await startCluster({ nodes: 3 });
    const options = { groupId: "g", groupInstanceId: "i1", sessionTimeoutMs: 60_000 };
    (await joined(cluster, "other")).close();
    const { id, address } = await coordinatorOf(cluster, "g");
    const old = await WireMember.open(address, options);
    await formGroup([old]);
    const back = await WireMember.open(address, options);
    await back.sync(await back.join());
    await cluster.node(id).kill();
    const next = await cluster.waitUntil.leaderChanged(OFFSETS_TOPIC, partitionOfKey("g", 50), { from: id });
    const at = async (memberId: string): Promise<number> => {
      const member = await WireMember.open(cluster.node(next).address, options);
      Object.assign(member, { memberId, generationId: back.generationId });
      const code = await member.heartbeat();
      member.close();
      return code;
    };
    await expect.poll(() => at(old.memberId)).toBe(ErrorCode.FENCED_INSTANCE_ID);
    expect(await at(back.memberId)).toBe(ErrorCode.NONE);
  });

  it("R157: in the middle of a rebalance leaves the last generation, and the next one begins at the next coordinator", async () => {
    await using cluster = await startCluster({ nodes: 3 });
    const settled = await joined(cluster, "g");
    const { id, address } = await coordinatorOf(cluster, "g");
    const parked = await WireMember.open(address, { groupId: "g", sessionTimeoutMs: 60_000 });
    const lost = parked.join().catch(() => undefined);
    await expect.poll(() => settled.heartbeat()).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    await cluster.node(id).kill();
    expect(await lost).toBeUndefined();
    const next = await cluster.waitUntil.leaderChanged(OFFSETS_TOPIC, partitionOfKey("g", 50), { from: id });
    const there = cluster.node(next).address;
    const again = await WireMember.open(there, { groupId: "g", sessionTimeoutMs: 60_000 });
    Object.assign(again, { memberId: settled.memberId, generationId: settled.generationId });
    // Heartbeats are answered while it loads, too: the generation stands.
    await expect.poll(() => again.heartbeat()).toBe(ErrorCode.NONE);
    const newcomer = await WireMember.open(there, { groupId: "g", sessionTimeoutMs: 60_000 });
    const joining = newcomer.join();
    await expect.poll(() => again.heartbeat()).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    const [one, other] = await Promise.all([again.join(), joining]);
    expect([one.errorCode, other.errorCode]).toEqual([0, 0]);
    expect([one.generationId, other.generationId]).toEqual(Array(2).fill(settled.generationId + 1));
    for (const member of [settled, parked, again, newcomer]) member.close();
  });
});

describe("many at once", () => {
  it("R155: two hundred members over as many connections are stable within a second", async () => {
    await using cluster = await startCluster({ nodes: 3 });
    (await joined(cluster, "warm")).close();
    const { address } = await coordinatorOf(cluster, "g");
    const members = await Promise.all(
      Array.from({ length: 200 }, () => WireMember.open(address, { groupId: "g", rebalanceTimeoutMs: 60_000 })),
    );
    const cpu = process.cpuUsage();
    await formGroup(members);
    const { user, system } = process.cpuUsage(cpu);
    // Of processor time, which other work on the machine does not stretch; members and three nodes share it here.
    expect((user + system) / 1000).toBeLessThan(1000);
    expect(new Set(members.map(({ generationId }) => generationId)).size).toBe(1);
    for (const member of members) member.close();
  });

  it("thousands of groups are made, listed and found again after a failover", { timeout: 60_000 }, async () => {
    await using cluster = await startCluster({ nodes: 3, settings: { "offsets.topic.num.partitions": 3 } });
    await cluster.createTopic("t");
    (await joined(cluster, "warm")).close();
    const probe = new ClusterProbe(cluster.bootstrapServers);
    const groups = Array.from({ length: GROUPS }, (_, index) => `group-${index}`);
    const before = await commitOf(cluster, groups);
    expect(before).toEqual(groups.map(() => ErrorCode.NONE));
    const { id } = await coordinatorOf(cluster, "group-0");
    await cluster.node(id).kill();
    await cluster.waitUntil.nodeFenced(id);
    await expect.poll(() => listed(cluster), { timeout: 20_000 }).toBeGreaterThanOrEqual(GROUPS);
    for (const groupId of ["group-0", "group-1999", "group-3999"]) {
      expect(await probe.committed(groupId, "t")).toBe(5);
    }
    await probe.close();
  });
});
