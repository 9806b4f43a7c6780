/** R198 over the wire: members of a share group, while one of them, the keeper of their state and a leader die. */
import { afterEach, expect, test } from "vitest";
import { InternalTopic } from "../../broker/metadata/internal-topics.ts";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { IncrementalAlterConfigs } from "../../protocol/messages/configs.ts";
import { DescribeShareGroupOffsets } from "../../protocol/messages/share-group.ts";
import { batchOf } from "../support/batches.ts";
import { produceTo } from "../support/produce-to.ts";
import { WireClient } from "../support/wire-client.ts";
import { type Acquired, WireShareMember } from "../support/wire-share-member.ts";

const GROUP = "workers";
const TOPIC = "jobs";
const PARTITIONS = [0, 1, 2];
const LIMIT = 5;
const POISON = 7;
const [ACCEPT, RELEASE] = [1, 2];

interface Fate {
  accepted: boolean;
  highestCount: number;
  givenAgain: boolean;
}

/** A member at work, and what its records went through. */
class Worker {
  readonly member: WireShareMember;
  private readonly fates: Map<string, Fate>;
  private isOver = false;
  private readonly work: Promise<void>;

  constructor(cluster: Cluster, memberId: string, fates: Map<string, Fate>) {
    this.member = new WireShareMember(cluster.bootstrapServers, GROUP, TOPIC, memberId);
    this.fates = fates;
    this.work = this.run();
  }

  private async run(): Promise<void> {
    while (!this.isOver) {
      const acquired = await this.member.fetch(20);
      for (const piece of acquired) this.note(piece);
      for (const piece of acquired) await this.say(piece);
    }
  }

  private note({ partition, firstOffset, lastOffset, deliveryCount }: Acquired): void {
    for (let offset = firstOffset; offset <= lastOffset; offset++) {
      const key = `${partition}-${offset}`;
      const fate = this.fates.get(key) ?? { accepted: false, highestCount: 0, givenAgain: false };
      this.fates.set(key, fate);
      fate.highestCount = Math.max(fate.highestCount, deliveryCount);
      fate.givenAgain ||= fate.accepted;
    }
  }

  private async say(piece: Acquired): Promise<void> {
    const { partition, firstOffset, lastOffset } = piece;
    const offsets = Array.from({ length: lastOffset - firstOffset + 1 }, (_, i) => firstOffset + i);
    const types = offsets.map((offset) => (offset % 10 === POISON ? RELEASE : ACCEPT));
    if (!(await this.member.acknowledge(piece, types))) return;
    offsets.forEach((offset, i) => {
      const fate = this.fates.get(`${partition}-${offset}`);
      if (fate !== undefined && types[i] === ACCEPT) fate.accepted = true;
    });
  }

  async kill(): Promise<void> {
    this.isOver = true;
    await this.member.kill();
    await this.work;
  }
}

const workers = new Set<Worker>();
afterEach(async () => {
  await Promise.all([...workers].map((worker) => worker.kill()));
  workers.clear();
});

async function ask<T>(cluster: Cluster, run: (client: WireClient) => Promise<T>): Promise<T> {
  const running = cluster.nodes.find(({ state }) => state === "running")?.address as string;
  const client = await WireClient.connect(running);
  try {
    return await run(client);
  } finally {
    client.close();
  }
}

/** Records that the group has still to do with; -1 while nobody can say. */
function lagOf(cluster: Cluster): Promise<number> {
  return ask(cluster, async (client) => {
    const topics = [{ topicName: TOPIC, partitions: PARTITIONS }];
    const told = await client.request(DescribeShareGroupOffsets, 1, { groups: [{ groupId: GROUP, topics }] });
    const partitions = told.groups[0]?.topics[0]?.partitions ?? [];
    const isTold = partitions.length === PARTITIONS.length && partitions.every(({ errorCode }) => errorCode === 0);
    return isTold ? partitions.reduce((sum, { lag }) => sum + lag, 0) : -1;
  }).catch(() => -1);
}

test("R198: each record is accepted once, or dead after its limit, while members, keepers and leaders die", async () => {
  await using cluster = await startCluster({
    nodes: 3,
    settings: {
      "group.share.min.record.lock.duration.ms": 1000,
      "group.share.record.lock.duration.ms": 1500,
      "group.share.assignment.interval.ms": 0,
    },
  });
  await cluster.createTopic(TOPIC, { partitions: PARTITIONS.length, configs: { "min.insync.replicas": "2" } });
  await ask(cluster, async (client) => {
    const configs = [{ name: "share.auto.offset.reset", configOperation: 0, value: "earliest" }];
    const resources = [{ resourceType: 32, resourceName: GROUP, configs }];
    await client.request(IncrementalAlterConfigs, 1, { resources, validateOnly: false });
  });
  const fates = new Map<string, Fate>();
  const join = (memberId: string): Worker => {
    const worker = new Worker(cluster, memberId, fates);
    workers.add(worker);
    return worker;
  };
  const accepted = () => [...fates.values()].filter((fate) => fate.accepted).length;
  let produced = 0;
  const produce = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      await produceTo(
        cluster,
        TOPIC,
        PARTITIONS[i % 3] as number,
        batchOf(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]),
      );
      produced += 10;
    }
  };
  const [first] = [join("one"), join("two"), join("three")];
  await produce(12);
  await expect.poll(accepted, { timeout: 20_000 }).toBeGreaterThan(60);
  await (first as Worker).kill();
  await produce(12);

  const keeper = [1, 2, 3].find((node) => cluster.leaderOf(InternalTopic.SHARE_GROUP_STATE, 0) === node) ?? 1;
  await cluster.node(keeper).kill();
  await produce(12);
  await expect.poll(accepted, { timeout: 20_000 }).toBeGreaterThan(200);
  await cluster.node(keeper).restart();

  const leader = cluster.leaderOf(TOPIC, 0) ?? 1;
  join("four");
  await cluster.node(leader).kill();
  await produce(12);
  await cluster.node(leader).restart();
  await expect.poll(() => lagOf(cluster), { timeout: 40_000, interval: 100 }).toBe(0);

  // What was produced again after a kill may be there twice.
  expect(fates.size).toBeGreaterThanOrEqual(produced);
  const all = [...fates];
  expect(all.filter(([, { givenAgain }]) => givenAgain)).toEqual([]);
  expect(all.filter(([, { highestCount }]) => highestCount > LIMIT)).toEqual([]);
  const isPoison = (key: string): boolean => Number(key.split("-")[1]) % 10 === POISON;
  expect(all.filter(([key, fate]) => isPoison(key) && fate.accepted)).toEqual([]);
  expect(accepted()).toBeGreaterThan(0.85 * 0.9 * produced);
}, 120_000);
