/** R212: Kafka's streams-groups and groups tools on our cluster, while Kafka Streams runs there and after. */
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "../../../cluster/start-cluster.ts";
import { ConsumerGroupHeartbeat } from "../../../protocol/messages/consumer-group.ts";
import { ShareGroupHeartbeat } from "../../../protocol/messages/share-group.ts";
import { CommandProbe } from "../../cli/command-probe.ts";
import { ClusterProbe } from "../../support/cluster-probe.ts";
import { WireClient } from "../../support/wire-client.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { KafkaTools } from "../support/kafka-tools.ts";
import { Application } from "../support/streams-application.ts";
import { describeWith } from "../support/toolchain.ts";

const GROUP = "app-words";
const PATIENCE = { timeout: 60_000, interval: 200 };
const RECORDS = 30;
/** So that what is left of an application that has ended goes soon. */
const SETTINGS = {
  "offsets.topic.num.partitions": 5,
  "group.streams.min.session.timeout.ms": 6000,
  "group.streams.session.timeout.ms": 6000,
  "group.streams.min.heartbeat.interval.ms": 500,
  "group.streams.heartbeat.interval.ms": 500,
};

describeWith("Kafka's streams-groups tool", await findApacheKafka(), (kafka) => {
  let cluster: Cluster;
  let application: Application;
  let odradek: CommandProbe;
  let tools: KafkaTools;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3, settings: SETTINGS });
    odradek = new CommandProbe(cluster.bootstrapServers);
    for (const topic of ["in", "out"]) await cluster.createTopic(topic, { partitions: 3 });
    for (let i = 0; i < RECORDS; i++) {
      await odradek.run(["produce", "in", "-p", String(i % 3)], `red green ${i}\n`);
    }
    application = await Application.start(kafka, cluster, "words", "streams");
    tools = await KafkaTools.start(kafka, cluster.bootstrapServers);
    await application.running();
  });
  afterAll(async () => {
    await tools[Symbol.asyncDispose]();
    await application[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
  });

  /** The rows of a table by its header's names. */
  async function rows(...args: string[]): Promise<Record<string, string>[]> {
    const lines = (await tools.run("streams-groups", ...args)).split("\n").filter((line) => line.trim() !== "");
    const at = lines.findIndex((line) => line.startsWith("GROUP"));
    const names = lines[at]?.trim().split(/ {1,}(?!\()/) ?? [];
    return lines.slice(at + 1).map((line) => {
      const cells = line.trim().split(/ {2,}|(?<=\S) (?!\()/);
      return Object.fromEntries(names.map((name, index) => [name, cells[index] ?? ""]));
    });
  }

  test("R212: lists and describes a group that runs: its state, its members, its offsets", async () => {
    expect(await tools.run("streams-groups", "--list")).toBe(GROUP);
    await expect.poll(() => rows("--list", "--state"), PATIENCE).toEqual([{ GROUP, STATE: "Stable" }]);
    const state = await tools.run("streams-groups", "--describe", "--group", GROUP, "--state", "--verbose");
    expect(state).toMatch(/app-words +127\.0\.0\.1:\d+ +\(\d\) +Stable +\d+ +\d+ +2/);
    const members = await tools.run("streams-groups", "--describe", "--group", GROUP, "--members", "--verbose");
    // What each has, and what each is to have.
    expect(members.match(/ACTIVE/g)).toHaveLength(4);
    const offsets = async () => {
      const told = await tools.run("streams-groups", "--describe", "--group", GROUP);
      return [...told.matchAll(/app-words +in +(\d) +(\d+)/g)].map(([, partition, lag]) => [partition, lag]);
    };
    await expect
      .poll(async () => (await offsets()).sort(), PATIENCE)
      .toEqual([
        ["0", "0"],
        ["1", "0"],
        ["2", "0"],
      ]);
  });

  test("R212: the groups tool lists every type there is", async () => {
    const client = new Kafka({ brokers: cluster.bootstrapServers.split(","), logLevel: logLevel.NOTHING });
    const classic = client.consumer({ groupId: "a-classic" });
    await classic.connect();
    await classic.subscribe({ topic: "in" });
    await classic.run({ eachMessage: async () => {} });
    const probe = new ClusterProbe(cluster.bootstrapServers);
    const atCoordinator = async (groupId: string) =>
      WireClient.connect(cluster.node(await probe.coordinatorId(groupId)).address);
    const consumer = await atCoordinator("b-consumer");
    const join = { memberId: "m", memberEpoch: 0, rebalanceTimeoutMs: 60_000, subscribedTopicNames: ["in"] };
    await consumer.request(ConsumerGroupHeartbeat, 1, { ...join, groupId: "b-consumer", topicPartitions: [] });
    const share = await atCoordinator("c-share");
    const shareJoin = { groupId: "c-share", memberId: "m", memberEpoch: 0, subscribedTopicNames: ["in"] };
    await share.request(ShareGroupHeartbeat, 1, shareJoin);
    const listed = async () => {
      const lines = (await tools.run("groups", "--list")).split("\n").slice(1);
      return lines.map((line) => line.trim().split(/\s+/)).sort();
    };
    await expect.poll(listed, PATIENCE).toEqual([
      ["a-classic", "Classic", "consumer"],
      [GROUP, "Streams", "streams"],
      ["b-consumer", "Consumer", "consumer"],
      ["c-share", "Share", "share"],
    ]);
    expect(await tools.run("groups", "--list", "--streams")).toMatch(/app-words/);
    for (const each of [consumer, share]) each.close();
    await Promise.all([classic.disconnect(), probe.close()]);
  });

  test("R212: an application that runs is left alone; one that has ended is reset, and deleted", async () => {
    const reset = ["--reset-offsets", "--group", GROUP, "--all-input-topics", "--to-earliest", "--execute"];
    expect((await tools.try("streams-groups", ...reset)).output).toMatch(/inactive|current state is/i);
    const deleted = ["--delete", "--group", GROUP];
    expect((await tools.try("streams-groups", ...deleted)).output).toMatch(/could not be deleted|not empty/i);
    application.program.child.stdin?.end();
    await application.program.ended(60_000);
    await expect.poll(() => rows("--list", "--state"), PATIENCE).toEqual([{ GROUP, STATE: "Empty" }]);
    const committed = async () => {
      const [group] = (await odradek.json("groups", "describe", GROUP)) as [
        { offsets: { topic: string; committed: number }[] },
      ];
      return group.offsets.filter(({ topic }) => topic === "in").map((one) => one.committed);
    };
    expect(await committed()).toEqual([10, 10, 10]);
    await tools.run("streams-groups", ...reset);
    expect(await committed()).toEqual([0, 0, 0]);
    await tools.run("streams-groups", "--delete-offsets", "--group", GROUP, "--input-topic", "in");
    expect(await committed()).toEqual([]);
    expect(await tools.run("streams-groups", ...deleted)).toMatch(/successful/);
    expect(await tools.run("streams-groups", "--list")).toBe("");
  });
});
