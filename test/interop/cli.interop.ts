/** Our commands on Apache Kafka: they speak its protocol and nothing besides. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CommandProbe } from "../cli/command-probe.ts";
import type { BrokerUnderTest } from "../support/broker-under-test.ts";
import { findApacheKafka } from "./support/apache-kafka.ts";
import { startApacheKafka } from "./support/apache-kafka-cluster.ts";
import { describeWith } from "./support/toolchain.ts";

describeWith("odradek's commands on Apache Kafka", await findApacheKafka(), (kafka) => {
  const folder = mkdtempSync(join(tmpdir(), "odradek-cli-kafka-"));
  let broker: BrokerUnderTest;
  let odradek: CommandProbe;
  beforeAll(async () => {
    broker = await startApacheKafka(kafka, folder);
    odradek = new CommandProbe(broker.bootstrapServers);
  });
  afterAll(async () => {
    await broker?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const ran = async (args: readonly string[], input?: string): Promise<string> => {
    const { stdout, error } = await odradek.run(args, input);
    if (error !== undefined) throw new Error(error);
    return stdout;
  };

  test("topics", async () => {
    await ran(["topics", "create", "orders", "--partitions", "2", "--config", "retention.ms=60000"]);
    await ran([
      "topics",
      "alter",
      "orders",
      "--partitions",
      "3",
      "--config",
      "cleanup.policy=compact",
      "--unset",
      "retention.ms",
    ]);
    await expect
      .poll(async () => odradek.json("topics", "describe", "orders").catch(() => undefined))
      .toMatchObject([{ topic: "orders", configs: { "cleanup.policy": "compact" }, partitions: [{}, {}, {}] }]);
    expect(await odradek.json("topics", "list")).toMatchObject([{ topic: "orders", partitions: 3, replicas: 1 }]);
    expect((await odradek.run(["topics", "create", "orders"])).error).toMatch(/TOPIC_ALREADY_EXISTS/);
    await ran(["topics", "create", "doomed"]);
    expect(await ran(["topics", "delete", "doomed"])).toBe("deleted doomed\n");
  });

  test.each(["none", "gzip", "snappy", "lz4", "zstd"])("records with %s", async (codec) => {
    const topic = `codec-${codec}`;
    await ran(["topics", "create", topic]);
    const value = "odradek ".repeat(50);
    await ran(["produce", topic, "--key-separator", ":", "--compression", codec, "-H", "a=b"], `k:${value}\nl:\n`);
    const read = await ran([
      "consume",
      topic,
      "--from-beginning",
      "--no-follow",
      "--json",
      "--isolation",
      "read_committed",
    ]);
    expect(
      read
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { key: "k", value, headers: [{ key: "a", value: "b" }], offset: 0 },
      { key: "l", value: "", offset: 1 },
    ]);
  });

  test("groups", async () => {
    await ran(["topics", "create", "events", "--partitions", "2"]);
    await ran(["produce", "events"], "a\nb\nc\nd\n");
    const read = await ran(["consume", "events", "--group", "readers", "--from-beginning", "--max-messages", "4"]);
    expect(read.split("\n").slice(0, -1).sort()).toEqual(["a", "b", "c", "d"]);
    const described = (await odradek.json("groups", "describe", "readers")) as [
      { state: string; offsets: { committed: number; lag: number }[] },
    ];
    expect(described).toMatchObject([{ group: "readers", state: "Empty", type: "classic" }]);
    expect(described[0].offsets.reduce((sum, { committed }) => sum + committed, 0)).toBe(4);
    await ran(["groups", "reset", "readers", "--to-earliest"]);
    expect(await odradek.json("groups", "list")).toMatchObject([{ group: "readers", type: "classic", state: "Empty" }]);
    const again = await ran(["consume", "events", "--group", "readers", "--max-messages", "4"]);
    expect(again.split("\n").slice(0, -1).sort()).toEqual(["a", "b", "c", "d"]);
    expect(await ran(["groups", "delete", "readers"])).toBe("deleted readers\n");
    expect((await odradek.run(["groups", "describe", "readers"])).error).toMatch(/GROUP_ID_NOT_FOUND/);
  });
});
