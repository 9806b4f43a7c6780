/** Nodes with several log directories, between which replicas move (KIP-113). */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { IncrementalAlterConfigs } from "../../protocol/messages/configs.ts";
import { AlterReplicaLogDirs, DescribeLogDirs } from "../../protocol/messages/log-dirs.ts";
import { CreateTopics } from "../../protocol/messages/topics.ts";
import { RawClient } from "../support/raw-client.ts";

const VALUE = "v".repeat(1000);
let cluster: Cluster;

afterEach(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function startWithTwo(nodes: number): Promise<void> {
  cluster = await startCluster({ nodes, settings: { "log.dirs": "a,b" } });
  await cluster.createTopic("t", { partitions: 1, replicationFactor: nodes });
}

interface Place {
  readonly directory: string;
  readonly isFuture: boolean;
  readonly lag: number;
}

/** Where a node has its replica. */
async function placesOn(node: number, topic = "t"): Promise<Place[]> {
  using client = await RawClient.open(cluster.node(node).address);
  const { results } = await client.asker.ask(DescribeLogDirs, 4, { topics: [{ topic, partitions: [0, 1, 2, 3] }] });
  return results.flatMap(({ logDir, topics }) =>
    topics.flatMap(({ partitions }) =>
      partitions.map(({ isFutureKey, offsetLag }) => {
        return { directory: logDir.slice(-1), isFuture: isFutureKey, lag: Number(offsetLag) };
      }),
    ),
  );
}

async function alter(node: number, directory: string, topic = "t"): Promise<number | undefined> {
  using client = await RawClient.open(cluster.node(node).address);
  const path = directory.startsWith("/") ? directory : `/odradek/${node}/${directory}`;
  const dirs = [{ path, topics: [{ name: topic, partitions: [0] }] }];
  const { results } = await client.asker.ask(AlterReplicaLogDirs, 2, { dirs });
  return results[0]?.partitions[0]?.errorCode;
}

async function setBrokerConfig(name: string, key: string, value: string): Promise<void> {
  using client = await RawClient.open(cluster.node(cluster.leaderOf("t", 0)).address);
  const answer = await client.asker.ask(IncrementalAlterConfigs, 1, {
    resources: [{ resourceType: 4, resourceName: name, configs: [{ name: key, configOperation: 0, value }] }],
    validateOnly: false,
  });
  expect(answer.responses.map(({ errorCode }) => errorCode)).toEqual([0]);
}

let attempts = 1;

async function create(name: string): Promise<number | undefined> {
  using client = await RawClient.open(cluster.node(1).address);
  const answer = await client.asker.ask(CreateTopics, 7, {
    topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 5000,
    validateOnly: false,
  });
  return answer.topics[0]?.errorCode;
}

const settled = async (node: number): Promise<string | undefined> => {
  const places = await placesOn(node);
  return places.length === 1 ? places[0]?.directory : undefined;
};

/** Asks again and again. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds()));
}

test("R214: a leader's replica moves under load, and nobody notices", async () => {
  await startWithTwo(1);
  const from = (await settled(1)) as string;
  const to = from === "a" ? "b" : "a";
  let produced = 0;
  using client = await RawClient.open(cluster.node(1).address);
  const produce = async (): Promise<void> => {
    const [answer] = await client.produce("t", [0], VALUE);
    expect(answer).toEqual({ errorCode: 0, baseOffset: produced });
    produced++;
  };
  while (produced < 100) await produce();
  await setBrokerConfig("", "replica.alter.log.dirs.io.max.bytes.per.second", "50000");
  expect(await alter(1, to)).toBe(0);
  const during = await placesOn(1);
  expect(during.map(({ directory, isFuture }) => [directory, isFuture])).toEqual(
    expect.arrayContaining([
      [from, false],
      [to, true],
    ]),
  );
  for (let more = 0; more < 5; more++) await produce();
  await setBrokerConfig("", "replica.alter.log.dirs.io.max.bytes.per.second", "100000000");
  await until(async () => {
    await produce();
    return (await settled(1)) === to;
  });
  for (let more = 0; more < 5; more++) await produce();
  expect(await client.latest("t", 0)).toBe(produced);
  expect((await client.fetch("t", [0], produced - 1)).partitions.get(0)).toMatchObject({ errorCode: 0 });
  await cluster.node(1).restart();
  using again = await RawClient.open(cluster.node(1).address);
  expect([await again.latest("t", 0), await settled(1)]).toEqual([produced, to]);
});

test("R214: a follower's replica moves, its node dies in the middle, and the move goes on", async () => {
  await startWithTwo(3);
  const leader = cluster.leaderOf("t", 0);
  const follower = leader === 1 ? 2 : 1;
  const to = (await settled(follower)) === "a" ? "b" : "a";
  const fill = async (count: number): Promise<void> => {
    using client = await RawClient.open(cluster.node(cluster.leaderOf("t", 0)).address);
    for (let i = 0; i < count; i++) expect((await client.produce("t", [0], VALUE))[0]?.errorCode).toBe(0);
  };
  await fill(30);
  await setBrokerConfig("", "replica.alter.log.dirs.io.max.bytes.per.second", "1000");
  expect(await alter(follower, to)).toBe(0);
  await until(async () => (await placesOn(follower)).some(({ isFuture }) => isFuture));
  await cluster.node(follower).kill();
  await fill(5);
  await setBrokerConfig("", "replica.alter.log.dirs.io.max.bytes.per.second", "100000000");
  await cluster.node(follower).restart();
  await until(async () => (await settled(follower)) === to);
  await cluster.waitUntil.inSyncReplicas("t", 0, [1, 2, 3]);
  await fill(5);
  // What it has is what the others have: it can lead.
  await cluster.node(leader).kill();
  const other = [1, 2, 3].find((id) => id !== leader && id !== follower) as number;
  await cluster.node(other).kill();
  using client = await RawClient.open(cluster.node(follower).address);
  await cluster.waitUntil.holds(() => cluster.leaderOf("t", 0) === follower);
  await cluster.waitUntil.inSyncReplicas("t", 0, [follower]);
  await until(async () => (await client.latest("t", 0)) === 40);
});

test("R214: what is asked for cannot be, or is for a replica that is still to come", async () => {
  await startWithTwo(1);
  const here = (await settled(1)) as string;
  expect(await alter(1, "/elsewhere")).toBe(ErrorCode.LOG_DIR_NOT_FOUND);
  expect(await alter(1, here)).toBe(0);
  expect(await alter(1, here === "a" ? "b" : "a", "later")).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  await setBrokerConfig("1", "cordoned.log.dirs", `/odradek/1/${here === "a" ? "b" : "a"}`);
  await until(async () => (await alter(1, here === "a" ? "b" : "a")) === ErrorCode.INVALID_REPLICA_ASSIGNMENT);
  expect(await settled(1)).toBe(here);
  // Nor is anything new put there; with no other directory there is no place for a topic.
  await cluster.createTopic("open", { partitions: 4, replicationFactor: 1 });
  expect((await placesOn(1, "open")).map(({ directory }) => directory)).toEqual([here, here, here, here]);
  await setBrokerConfig("1", "cordoned.log.dirs", `/odradek/1/a,/odradek/1/b`);
  await until(async () => (await create(`none-${attempts++}`)) === ErrorCode.INVALID_REPLICATION_FACTOR);
  await setBrokerConfig("1", "cordoned.log.dirs", "");
  await until(async () => (await create(`some-${attempts++}`)) === 0);
});

test("R170: a node without one of its directories makes new replicas in the others, none of what lay in it", async () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), "odradek-directories-"));
  const settings = { "log.dirs": "a,b" };
  try {
    const before = await startCluster({ nodes: 1, dataDirectory, settings });
    await before.createTopic("t", { partitions: 4, replicationFactor: 1 });
    await before[Symbol.asyncDispose]();
    rmSync(join(dataDirectory, "1", "b"), { recursive: true });
    writeFileSync(join(dataDirectory, "1", "b"), "");
    cluster = await startCluster({ nodes: 1, dataDirectory, settings });
    await cluster.createTopic("new", { partitions: 1, replicationFactor: 1 });
    using client = await RawClient.open(cluster.node(1).address);
    expect((await client.produce("new", [0], VALUE))[0]?.errorCode).toBe(0);
    const codes: (number | undefined)[] = [];
    for (let index = 0; index < 4; index++) codes.push((await client.produce("t", [index], VALUE))[0]?.errorCode);
    expect(codes.sort()).toEqual([0, 0, ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.KAFKA_STORAGE_ERROR]);
  } finally {
    await cluster[Symbol.asyncDispose]();
    rmSync(dataDirectory, { recursive: true, force: true });
  }
});
