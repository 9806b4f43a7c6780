/** Kafka's consumer-groups tool on our cluster: it lists, describes, resets and deletes, and ours sees and does the same. */
import { type Consumer, Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "../../../cluster/start-cluster.ts";
import { CommandProbe } from "../../cli/command-probe.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { describeWith } from "../support/toolchain.ts";

const TOOL = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";

interface DescribedGroup {
  readonly group: string;
  readonly state: string;
  readonly assignor: string;
  readonly coordinator: number;
  readonly members: { member: string; host: string; clientId: string; partitions: unknown[] }[];
  readonly offsets: {
    topic: string;
    partition: number;
    committed: number | null;
    end: number | null;
    lag: number | null;
    member: string | null;
  }[];
}

describeWith("Kafka's consumer-groups tool", await findApacheKafka(), (kafka) => {
  let cluster: Cluster;
  let odradek: CommandProbe;
  const consumers: Consumer[] = [];

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3 });
    odradek = new CommandProbe(cluster.bootstrapServers);
    await cluster.createTopic("orders", { partitions: 4 });
    for (const partition of ["0", "1", "2", "3"])
      await odradek.run(["produce", "orders", "-p", partition], "a\nb\nc\n");
    const client = new Kafka({
      brokers: cluster.bootstrapServers.split(","),
      logLevel: logLevel.NOTHING,
      clientId: "shop",
    });
    await Promise.all(
      ["one", "two"].map(async () => {
        const consumer = client.consumer({ groupId: "readers", heartbeatInterval: 200, maxWaitTimeInMs: 100 });
        consumers.push(consumer);
        await consumer.connect();
        await consumer.subscribe({ topic: "orders", fromBeginning: true });
        await consumer.run({ autoCommitInterval: 50, eachMessage: async () => {} });
      }),
    );
  });
  afterAll(async () => {
    await Promise.all(consumers.map((consumer) => consumer.disconnect()));
    await cluster[Symbol.asyncDispose]();
  });

  const ours = async (group: string): Promise<DescribedGroup> =>
    ((await odradek.json("groups", "describe", group)) as [DescribedGroup])[0];
  const theirs = (...args: string[]): Promise<string> =>
    kafka.run(TOOL, ["--bootstrap-server", cluster.bootstrapServers, ...args]);

  /** The rows of a table by its header's names. */
  async function rows(...args: string[]): Promise<Record<string, string>[]> {
    const lines = (await theirs(...args)).split("\n").filter((line) => line.trim() !== "");
    const at = lines.findIndex((line) => line.startsWith("GROUP"));
    const names = lines[at]?.trim().split(/\s+/) ?? [];
    return lines.slice(at + 1).map((line) => {
      const cells = line.trim().split(/\s+/);
      return Object.fromEntries(names.map((name, index) => [name, cells[index] ?? ""]));
    });
  }

  const dash = (value: number | string | null): string => (value === null ? "-" : String(value));

  test("describes members, offsets, lag and state as ours does", async () => {
    await expect
      .poll(
        async () => {
          const { state, members, offsets } = await ours("readers");
          return [state, members.map(({ partitions }) => partitions.length), offsets.map(({ lag }) => lag)];
        },
        { timeout: 30_000 },
      )
      .toEqual(["Stable", [2, 2], [0, 0, 0, 0]]);
    const described = await ours("readers");
    const table = await rows("--describe", "--group", "readers");
    expect(
      table
        .map((row) => [
          row.TOPIC,
          row.PARTITION,
          row["CURRENT-OFFSET"],
          row["LOG-END-OFFSET"],
          row.LAG,
          row["CONSUMER-ID"],
        ])
        .sort(),
    ).toEqual(
      described.offsets
        .map(({ topic, partition, committed, end, lag, member }) => [
          topic,
          ...[partition, committed, end, lag, member].map(dash),
        ])
        .sort(),
    );
    expect(new Set(table.map((row) => `${row.HOST} ${row["CLIENT-ID"]}`))).toEqual(new Set(["/127.0.0.1 shop"]));
    const [state] = await rows("--describe", "--group", "readers", "--state");
    expect(state).toMatchObject({ "ASSIGNMENT-STRATEGY": described.assignor, STATE: "Stable", "#MEMBERS": "2" });
    const members = await rows("--describe", "--group", "readers", "--members");
    expect(members.map((row) => [row["CONSUMER-ID"], row["#PARTITIONS"]]).sort()).toEqual(
      described.members.map(({ member, partitions }) => [member, String(partitions.length)]).sort(),
    );
  });

  test("resets nothing while members are there, and neither does ours", async () => {
    const reset = ["--reset-offsets", "--group", "readers", "--topic", "orders", "--to-earliest", "--execute"];
    expect(await theirs(...reset).catch((error: Error) => error.message)).toMatch(/inactive|current state is Stable/i);
    expect((await odradek.run(["groups", "reset", "readers", "--to-earliest"])).error).toMatch(/has 2 members/);
    expect((await ours("readers")).offsets.map(({ committed }) => committed)).toEqual([3, 3, 3, 3]);
    const remove = await theirs("--delete", "--group", "readers").catch((error: Error) => error.message);
    expect(remove).toMatch(/not empty/i);
    expect((await odradek.run(["groups", "delete", "readers"])).error).toMatch(/NON_EMPTY_GROUP/);
  });

  test("what one of them sets the other sees", async () => {
    await Promise.all(consumers.splice(0).map((consumer) => consumer.disconnect()));
    await expect.poll(async () => (await ours("readers")).state).toBe("Empty");
    const reset = ["--reset-offsets", "--group", "readers", "--execute", "--topic"];
    await theirs(...reset, "orders:1,2", "--to-offset", "1");
    expect((await ours("readers")).offsets.map(({ committed }) => committed)).toEqual([3, 1, 1, 3]);
    await odradek.run(["groups", "reset", "readers", "--topic", "orders:0", "--shift-by=-1"]);
    const table = await rows("--describe", "--group", "readers");
    expect(table.map((row) => `${row.PARTITION} ${row["CURRENT-OFFSET"]} ${row.LAG}`).sort()).toEqual([
      ...["0 2 1", "1 1 2", "2 1 2", "3 3 0"],
    ]);
    await theirs("--delete-offsets", "--group", "readers", "--topic", "orders:3");
    await odradek.run(["groups", "delete", "readers", "--topic", "orders:2"]);
    expect((await ours("readers")).offsets.map(({ partition }) => partition)).toEqual([0, 1]);
  });

  test("lists and deletes", async () => {
    for (const group of ["third", "fourth"])
      await odradek.run(["groups", "reset", group, "-t", "orders", "--to-latest"]);
    const listed = async () =>
      ((await odradek.json("groups", "list")) as { group: string }[]).map(({ group }) => group);
    expect((await theirs("--list")).trim().split("\n").sort()).toEqual(await listed());
    const withState = await rows("--list", "--state");
    expect(withState.map((row) => `${row.GROUP} ${row.STATE}`).sort()).toEqual([
      "fourth Empty",
      "readers Empty",
      "third Empty",
    ]);
    await theirs("--delete", "--group", "third");
    await odradek.run(["groups", "delete", "fourth"]);
    expect(await listed()).toEqual(["readers"]);
    expect((await theirs("--list")).trim()).toBe("readers");
  });
});
