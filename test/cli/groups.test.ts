/** `odradek groups` on a cluster of three nodes, with groups of kafkajs. */
import { type Consumer, Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { ConsumerGroupHeartbeat } from "../../protocol/messages/consumer-group.ts";
import { ShareGroupHeartbeat } from "../../protocol/messages/share-group.ts";
import { StreamsGroupHeartbeat } from "../../protocol/messages/streams-group.ts";
import {
  internalTopic,
  NO_TASK_IDS,
  subtopology,
  topology as topologyOf,
} from "../broker/groups/streams/streams-client.ts";
import { ClusterProbe } from "../support/cluster-probe.ts";
import { WireClient } from "../support/wire-client.ts";
import { CommandProbe } from "./command-probe.ts";

let cluster: Cluster;
let odradek: CommandProbe;
let kafka: Kafka;
const open = new Set<Consumer>();
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 });
  odradek = new CommandProbe(cluster.bootstrapServers);
  kafka = new Kafka({ brokers: cluster.bootstrapServers.split(","), logLevel: logLevel.NOTHING, clientId: "shop" });
  await cluster.createTopic("orders", { partitions: 2 });
  await cluster.createTopic("payments");
  for (const partition of [0, 1]) await odradek.run(["produce", "orders", "-p", String(partition)], "a\nb\nc\nd\n");
  await odradek.run(["produce", "payments"], "a\n");
});
afterAll(async () => {
  await Promise.all([...open].map((consumer) => consumer.disconnect()));
  await cluster[Symbol.asyncDispose]();
});

/** A member that has read all there is, and committed it. */
async function joined(groupId: string): Promise<Consumer> {
  const consumer = kafka.consumer({ groupId, heartbeatInterval: 100, maxWaitTimeInMs: 100 });
  open.add(consumer);
  await consumer.connect();
  await consumer.subscribe({ topics: ["orders"], fromBeginning: true });
  let left = 8;
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: async () => {
        if (--left === 0) resolve();
      },
    });
  });
  return consumer;
}

async function left(consumer: Consumer): Promise<void> {
  await consumer.disconnect();
  open.delete(consumer);
}

/** By "topic-partition": what is committed. */
async function committed(group: string): Promise<Record<string, unknown>> {
  const [one] = (await odradek.json("groups", "describe", group)) as [
    { offsets: { topic: string; partition: number; committed: number }[] },
  ];
  return Object.fromEntries(one.offsets.map((at) => [`${at.topic}-${at.partition}`, at.committed]));
}

describe("groups", () => {
  it("are listed and described, with members, offsets and lag", async () => {
    expect(await odradek.run(["groups", "list"])).toMatchObject({ stdout: "", stderr: "there are no groups\n" });
    const consumer = await joined("readers");
    const { stdout } = await odradek.run(["groups", "describe", "readers"]);
    expect(stdout).toMatch(
      /^readers\n {2}state +Stable\n {2}type +classic, assignor RoundRobinAssigner\n {2}coordinator +node [123]\n {2}members +1\n {2}lag +\d+ records?\n\n {2}MEMBER +CLIENT +HOST +PARTITIONS\n {2}shop-\S+ +shop +\/127.0.0.1 +orders:0,1\n\n {2}TOPIC +PARTITION +COMMITTED +END +LAG +MEMBER\n {2}orders +0 .* +shop-\S+\n {2}orders +1 /,
    );
    await left(consumer);
    await odradek.run(["produce", "orders", "-p", "1"], "more\n");
    expect(await odradek.json("groups", "describe")).toMatchObject([
      {
        ...{ group: "readers", state: "Empty", type: "classic", members: [] },
        offsets: [
          { topic: "orders", partition: 0, committed: 4, end: 4, lag: 0, member: null },
          { topic: "orders", partition: 1, committed: 4, end: 5, lag: 1 },
        ],
      },
    ]);
    expect((await odradek.run(["groups", "list"])).stdout).toBe(
      "GROUP    TYPE     STATE  PROTOCOL\nreaders  classic  Empty  consumer\n",
    );
    expect(await odradek.json("groups", "list", "--state", "stable")).toEqual([]);
    expect(await odradek.json("groups", "list", "--type", "classic,share")).toHaveLength(1);
  });

  it("are reset, within what there is", async () => {
    const reset = (...args: string[]) => odradek.run(["groups", "reset", "fresh", ...args]);
    expect((await reset("--to-earliest")).error).toBe(
      "fresh has committed nothing yet; --topic says what it shall read",
    );
    const { stdout } = await reset("--topic", "orders", "--topic", "payments", "--to-offset", "3");
    expect(stdout).toBe(
      [
        "TOPIC     PARTITION  FROM  TO",
        "orders            0  -      3",
        "orders            1  -      3",
        "payments          0  -      1",
        "",
      ].join("\n"),
    );
    await reset("--shift-by=-2", "--topic", "orders:1");
    expect(await committed("fresh")).toEqual({ "orders-0": 3, "orders-1": 1, "payments-0": 1 });
    await reset("--shift-by", "90", "--topic", "orders:0");
    await reset("--to-time", "1h", "--topic", "payments");
    expect(await committed("fresh")).toEqual({ "orders-0": 4, "orders-1": 1, "payments-0": 0 });
    expect((await reset("--to-latest", "--dry-run", "--json")).stdout).toMatch(/"to": 5/);
    expect(await committed("fresh")).toEqual({ "orders-0": 4, "orders-1": 1, "payments-0": 0 });
    await reset("--to-earliest");
    expect(await committed("fresh")).toEqual({ "orders-0": 0, "orders-1": 0, "payments-0": 0 });
  });

  it("are left alone while somebody is in them", async () => {
    const consumer = await joined("busy");
    const words = "stop them first";
    expect((await odradek.run(["groups", "reset", "busy", "--to-earliest"])).error).toBe(`busy has 1 member; ${words}`);
    expect((await odradek.run(["groups", "delete", "busy"])).error).toBe(
      `busy: the group has members; ${words} (NON_EMPTY_GROUP)`,
    );
    expect((await odradek.run(["groups", "delete", "busy", "--topic", "orders"])).error).toMatch(
      /^busy, orders-0: the group reads the topic; stop its members first \(GROUP_SUBSCRIBED_TO_TOPIC\)/,
    );
    await left(consumer);
  });

  it("are deleted, or what they committed of a topic", async () => {
    await odradek.run(["groups", "reset", "doomed", "--topic", "orders", "--topic", "payments", "--to-latest"]);
    expect((await odradek.run(["groups", "delete", "doomed", "--topic", "orders:1"])).stdout).toBe(
      "deleted offsets of doomed\n",
    );
    expect(Object.keys(await committed("doomed"))).toEqual(["orders-0", "payments-0"]);
    const { stdout, error } = await odradek.run(["groups", "delete", "doomed", "never"]);
    expect([stdout, error]).toEqual(["deleted doomed\n", "never: there is no such group (GROUP_ID_NOT_FOUND)"]);
    expect((await odradek.run(["groups", "describe", "doomed"])).error).toMatch(/^doomed: .*\(GROUP_ID_NOT_FOUND\)$/);
  });
});

describe("a group of the new protocol (KIP-848)", () => {
  it("is listed, described, left alone while somebody is in it, reset and deleted", async () => {
    const probe = new ClusterProbe(cluster.bootstrapServers);
    const { address } = cluster.node(await probe.coordinatorId("modern"));
    const client = await WireClient.connect(address);
    const beat = { groupId: "modern", memberId: "member-1", rebalanceTimeoutMs: 10_000, topicPartitions: [] };
    const answer = await client.request(ConsumerGroupHeartbeat, 1, {
      ...{ ...beat, memberEpoch: 0, subscribedTopicNames: ["orders"] },
    });
    expect(answer.errorCode).toBe(0);
    expect(await odradek.json("groups", "describe", "modern")).toMatchObject([
      {
        ...{ group: "modern", type: "consumer", assignor: "uniform" },
        members: [{ member: "member-1", partitions: [{ topic: "orders", partition: 0 }, { partition: 1 }] }],
      },
    ]);
    expect(await odradek.json("groups", "list", "--type", "consumer")).toMatchObject([{ group: "modern" }]);
    expect((await odradek.run(["groups", "reset", "modern", "-t", "orders", "--to-latest"])).error).toBe(
      "modern has 1 member; stop them first",
    );
    await client.request(ConsumerGroupHeartbeat, 1, { ...beat, memberEpoch: -1 });
    expect(
      (await odradek.run(["groups", "reset", "modern", "-t", "orders:0", "--to-offset", "2"])).error,
    ).toBeUndefined();
    expect(await committed("modern")).toEqual({ "orders-0": 2 });
    expect((await odradek.run(["groups", "delete", "modern"])).stdout).toBe("deleted modern\n");
    client.close();
    await probe.close();
  });
});

describe("what goes wrong", () => {
  const ways = "--to-earliest, --to-latest, --to-offset, --to-time, --shift-by";
  it.each([
    [["groups", "reset", "g"], `one of ${ways} has to say where to`],
    [["groups", "reset", "g", "--to-latest", "--to-earliest"], `one of ${ways} has to say where to`],
    [
      ["groups", "reset", "g", "--to-latest", "--topic", "nope"],
      "nope: there is no such topic (UNKNOWN_TOPIC_OR_PARTITION)",
    ],
    [
      ["groups", "reset", "g", "--to-latest", "--topic", "orders:4"],
      "orders has no partition 4: it has partitions 0 to 1",
    ],
    [
      ["groups", "reset", "g", "--shift-by", "1", "--topic", "orders:0"],
      "nothing is committed of orders-0: there is nothing to shift",
    ],
    [["groups", "delete"], "Not enough non-option arguments: got 0, need at least 1; see odradek groups delete --help"],
  ])("%j: %s", async (args, message) => {
    expect((await odradek.run(args)).error).toBe(message);
  });
});

describe("a share group (KIP-932)", () => {
  it("is listed, described with where it starts, left alone while somebody is in it, reset and deleted", async () => {
    const probe = new ClusterProbe(cluster.bootstrapServers);
    const { address } = cluster.node(await probe.coordinatorId("queue"));
    const client = await WireClient.connect(address);
    let memberEpoch = 0;
    const beat = async (epoch: number) => {
      const subscribedTopicNames = epoch === 0 ? ["orders"] : null;
      const request = { groupId: "queue", memberId: "one", memberEpoch: epoch, rackId: null, subscribedTopicNames };
      const answer = await client.request(ShareGroupHeartbeat, 1, request);
      if (answer.errorCode === 0) memberEpoch = answer.memberEpoch;
      return answer.assignment?.topicPartitions.flatMap(({ partitions }) => partitions) ?? [];
    };
    await expect.poll(() => beat(memberEpoch), { timeout: 10_000 }).toEqual([0, 1]);
    const orders = [0, 1].map((partition) => ({ topic: "orders", partition }));
    expect(await odradek.json("groups", "describe", "queue")).toMatchObject([
      {
        ...{ group: "queue", type: "share", state: "Stable", assignor: "simple" },
        members: [{ member: "one", partitions: orders }],
        offsets: orders.map((one) => ({ ...one, committed: null, lag: null })),
      },
    ]);
    const reset = ["groups", "reset", "queue", "--topic", "orders", "--to-offset", "1"];
    expect((await odradek.run(reset)).error).toMatch(/has 1 member/);
    expect((await odradek.run(["groups", "delete", "queue"])).error).toMatch(/NON_EMPTY_GROUP/);
    await beat(-1);
    expect((await odradek.run(reset)).error).toBeUndefined();
    const [{ offsets }] = (await odradek.json("groups", "describe", "queue")) as [
      { offsets: { committed: number; end: number; lag: number }[] },
    ];
    for (const { committed, end, lag } of offsets)
      expect([committed, lag]).toEqual([Math.min(1, end), end - committed]);
    expect((await odradek.run(["groups", "delete", "queue", "--topic", "orders:0"])).error).toMatch(/as a whole/);
    expect((await odradek.run(["groups", "delete", "queue", "--topic", "orders"])).error).toBeUndefined();
    expect(await odradek.json("groups", "describe", "queue")).toMatchObject([{ offsets: [] }]);
    expect(await odradek.json("groups", "list", "--type", "share")).toMatchObject([{ group: "queue", state: "Empty" }]);
    expect((await odradek.run(["groups", "delete", "queue"])).stdout).toBe("deleted queue\n");
    client.close();
    await probe.close();
  });
});

describe("a streams group (KIP-1071)", () => {
  it("is listed, described with what its active tasks read, left alone while somebody is in it, and deleted", async () => {
    const probe = new ClusterProbe(cluster.bootstrapServers);
    const { address } = cluster.node(await probe.coordinatorId("stream"));
    const client = await WireClient.connect(address);
    const beat = { groupId: "stream", memberId: "thread-1", memberEpoch: 0, endpointInformationEpoch: -1 };
    const topology = topologyOf(
      subtopology("0", ["orders"], { repartitionSinkTopics: ["stream-repartition"] }),
      subtopology("1", ["payments"], { repartitionSourceTopics: [internalTopic("stream-repartition")] }),
    );
    const join = { ...beat, ...NO_TASK_IDS, topology, processId: "p", rebalanceTimeoutMs: 10_000 };
    const missing = await client.request(StreamsGroupHeartbeat, 0, join);
    expect([missing.errorCode, missing.errorMessage]).toEqual([0, null]);
    expect(missing.status?.map(({ statusDetail }) => statusDetail)).toContain(
      "Internal topics are missing: stream-repartition",
    );
    await expect
      .poll(() => client.request(StreamsGroupHeartbeat, 0, join).then(({ activeTasks }) => activeTasks), {
        timeout: 10_000,
      })
      .toEqual([
        { subtopologyId: "0", partitions: [0, 1] },
        { subtopologyId: "1", partitions: [0, 1] },
      ]);
    const [described] = (await odradek.json("groups", "describe", "stream")) as [
      { members: [{ partitions: unknown[] }] },
    ];
    expect(described).toMatchObject({
      group: "stream",
      type: "streams",
      state: "Stable",
      members: [{ member: "thread-1" }],
    });
    expect(described.members[0].partitions).toEqual([
      { topic: "orders", partition: 0 },
      { topic: "orders", partition: 1 },
      { topic: "payments", partition: 0 },
      { topic: "stream-repartition", partition: 0 },
      { topic: "stream-repartition", partition: 1 },
    ]);
    expect(await odradek.json("groups", "list", "--type", "streams")).toMatchObject([{ group: "stream" }]);
    expect((await odradek.run(["groups", "delete", "stream"])).error).toMatch(/NON_EMPTY_GROUP/);
    await client.request(StreamsGroupHeartbeat, 0, { ...beat, memberEpoch: -1 });
    expect((await odradek.run(["groups", "delete", "stream"])).stdout).toBe("deleted stream\n");
    client.close();
    await probe.close();
  });
});
