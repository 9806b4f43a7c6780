/** Kafka's share-groups and groups tools on our cluster: they list, describe, reset and delete share groups. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "../../../cluster/start-cluster.ts";
import { FindCoordinator } from "../../../protocol/messages/find-coordinator.ts";
import { ShareGroupHeartbeat } from "../../../protocol/messages/share-group.ts";
import { CommandProbe } from "../../cli/command-probe.ts";
import { WireAsker } from "../../support/wire-asker.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { KafkaTools } from "../support/kafka-tools.ts";
import { describeWith } from "../support/toolchain.ts";

const GROUP = "queue";

describeWith("Kafka's tools for share groups", await findApacheKafka(), (kafka) => {
  let cluster: Cluster;
  let tools: KafkaTools;
  let member: WireAsker;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3 });
    const odradek = new CommandProbe(cluster.bootstrapServers);
    await cluster.createTopic("orders", { partitions: 2 });
    await odradek.run(["produce", "orders", "-p", "0"], "a\nb\nc\n");
    tools = await KafkaTools.start(kafka, cluster.bootstrapServers);
    member = await join();
  });
  afterAll(async () => {
    member[Symbol.dispose]();
    await tools[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
  });

  /** A member of the group, at its coordinator, that has been told what to read. */
  async function join(): Promise<WireAsker> {
    const [bootstrap = ""] = cluster.bootstrapServers.split(",");
    using first = await WireAsker.open(addressOf(bootstrap));
    for (;;) {
      const { coordinators } = await first.ask(FindCoordinator, 6, { keyType: 0, coordinatorKeys: [GROUP] });
      const [found] = coordinators;
      if (found?.errorCode !== 0) continue;
      const asker = await WireAsker.open({ host: found.host, port: found.port });
      let memberEpoch = 0;
      let told = 0;
      while (told < 2) {
        const subscribedTopicNames = memberEpoch === 0 ? ["orders"] : null;
        const request = { groupId: GROUP, memberId: "one", memberEpoch, rackId: null, subscribedTopicNames };
        const answer = await asker.ask(ShareGroupHeartbeat, 1, request);
        if (answer.errorCode === 0) memberEpoch = answer.memberEpoch;
        told += answer.assignment?.topicPartitions.flatMap(({ partitions }) => partitions).length ?? 0;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return asker;
    }
  }

  async function leave(): Promise<void> {
    await member.ask(ShareGroupHeartbeat, 1, {
      ...{ groupId: GROUP, memberId: "one", memberEpoch: -1, rackId: null, subscribedTopicNames: null },
    });
  }

  const shareGroups = (...args: string[]): Promise<string> => tools.run("share-groups", ...args);

  /** The rows of a table by its header's names. */
  async function rows(...args: string[]): Promise<Record<string, string>[]> {
    const lines = (await shareGroups(...args)).split("\n").filter((line) => line.trim() !== "");
    const at = lines.findIndex((line) => line.trim().startsWith("GROUP"));
    const names = lines[at]?.trim().split(/\s+/) ?? [];
    return lines.slice(at + 1).map((line) => {
      const cells = line.trim().split(/\s+/);
      return Object.fromEntries(names.map((name, index) => [name, cells[index] ?? ""]));
    });
  }

  test("list the group with its state, among the others", async () => {
    expect((await shareGroups("--list")).trim()).toBe(GROUP);
    expect(await rows("--list", "--state")).toEqual([{ GROUP, STATE: "Stable" }]);
    expect(await tools.run("groups", "--list")).toMatch(/queue\s+Share\s+share/);
    expect(await tools.run("groups", "--list", "--share")).toMatch(/queue/);
    expect(await tools.run("groups", "--list", "--consumer")).not.toMatch(/queue/);
  });

  test("describe its members, state and offsets", async () => {
    expect(await rows("--describe", "--group", GROUP, "--members")).toMatchObject([
      { GROUP, "CONSUMER-ID": "one", HOST: "/127.0.0.1", "CLIENT-ID": "test", ASSIGNMENT: "orders:0,1" },
    ]);
    expect(await rows("--describe", "--group", GROUP, "--state")).toMatchObject([
      { GROUP, STATE: "Stable", "#MEMBERS": "1" },
    ]);
    const offsets = await rows("--describe", "--group", GROUP);
    expect(offsets.map((row) => [row.TOPIC, row.PARTITION, row["START-OFFSET"], row.LAG]).sort()).toEqual([
      ["orders", "0", "-", "-"],
      ["orders", "1", "-", "-"],
    ]);
  });

  test("reset no offsets while a member is there, and do when it has left", async () => {
    const reset = ["--reset-offsets", "--group", GROUP, "--topic", "orders:0", "--to-earliest"];
    const refused = await tools.try("share-groups", ...reset, "--execute");
    expect(refused.output).toMatch(/not empty|active members/i);
    await leave();
    expect(await rows(...reset, "--dry-run")).toMatchObject([
      { GROUP, TOPIC: "orders", PARTITION: "0", "NEW-OFFSET": "0" },
    ]);
    await rows(...reset, "--execute");
    const offsets = await rows("--describe", "--group", GROUP);
    expect(offsets.map((row) => [row.PARTITION, row["START-OFFSET"], row.LAG]).sort()).toEqual([
      ["0", "0", "3"],
      ["1", "-", "-"],
    ]);
  });

  test("read what the group was reset to, once", async () => {
    const consume = ["--topic", "orders", "--group", GROUP, "--max-messages", "3"];
    const output = await tools.run("console-share-consumer", ...consume);
    expect(
      output
        .split("\n")
        .filter((line) => /^[abc]$/.test(line))
        .sort(),
    ).toEqual(["a", "b", "c"]);
    // Where a group starts is stored with its next word; how many records are done with is stored with them.
    const lag = async () => (await rows("--describe", "--group", GROUP)).find((row) => row.PARTITION === "0")?.LAG;
    await expect.poll(lag, { timeout: 30_000 }).toBe("0");
    await expect.poll(async () => (await rows("--list", "--state"))[0]?.STATE, { timeout: 30_000 }).toBe("Empty");
  }, 120_000);

  test("delete offsets, and then the group", async () => {
    const deleted = await shareGroups("--delete-offsets", "--group", GROUP, "--topic", "orders");
    expect(deleted).toMatch(/orders\s+Successful/);
    expect(await shareGroups("--delete", "--group", GROUP)).toMatch(/successful/);
    expect((await shareGroups("--list")).trim()).toBe("");
    expect((await tools.try("share-groups", "--describe", "--group", GROUP)).output).toMatch(/not found/);
  });
});

function addressOf(server: string): { host: string; port: number } {
  const [host = "", port = ""] = server.split(":");
  return { host, port: Number(port) };
}
