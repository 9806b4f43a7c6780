/** `odradek produce` and `odradek consume` on a cluster of three nodes. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { CommandProbe } from "./command-probe.ts";

let cluster: Cluster;
let odradek: CommandProbe;
let kafka: Kafka;
const folder = mkdtempSync(join(tmpdir(), "odradek-produce-"));
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3, settings: { "group.min.session.timeout.ms": 500 } });
  odradek = new CommandProbe(cluster.bootstrapServers);
  kafka = new Kafka({ brokers: cluster.bootstrapServers.split(","), logLevel: logLevel.NOTHING });
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await cluster[Symbol.asyncDispose]();
});

const READ = ["--from-beginning", "--no-follow"];

async function read(topic: string, ...options: string[]): Promise<string[]> {
  const { stdout, error } = await odradek.run(["consume", topic, ...READ, ...options]);
  if (error !== undefined) throw new Error(error);
  return stdout.split("\n").slice(0, -1);
}

async function topic(name: string, partitions = 1, configs: Record<string, string> = {}): Promise<string> {
  await cluster.createTopic(name, { partitions, configs });
  return name;
}

describe("produce", () => {
  it("writes lines, in their order, each once; a topic comes with its first record", async () => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `line ${i}`);
    const { stderr, stdout } = await odradek.run(["produce", "fresh"], `${lines.join("\n")}\r\n`);
    expect([stdout, stderr]).toEqual(["", "30000 records written to fresh\n"]);
    expect(await read("fresh")).toEqual(lines);
  });

  it("keys go to the partition where other clients put them", async () => {
    await topic("keyed", 7);
    const keys = Array.from({ length: 60 }, (_, i) => "k".repeat(i % 9) + i);
    const lines = keys.map((key) => `${key}::ours`);
    await odradek.run(["produce", "keyed", "--key-separator", "::"], lines.join("\n"));
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic: "keyed", messages: keys.map((key) => ({ key, value: "theirs" })) });
    await producer.disconnect();
    const placed = (await read("keyed", "--json")).map((line) => JSON.parse(line) as Record<string, unknown>);
    const places = (value: string) =>
      placed.filter((one) => one.value === value).map(({ key, partition }) => `${key} ${partition}`);
    expect(places("ours")).toHaveLength(60);
    expect(places("ours").sort()).toEqual(places("theirs").sort());
  });

  it.each(["none", "gzip", "snappy", "lz4", "zstd"])("compresses with %s", async (codec) => {
    await topic(`codec-${codec}`);
    const value = "odradek ".repeat(100);
    await odradek.run(["produce", `codec-${codec}`, "--compression", codec, "--acks", "1"], `${value}\n${value}\n`);
    expect(await read(`codec-${codec}`)).toEqual([value, value]);
  });

  it("headers, tombstones, partitions, one key for all, and what is acknowledged, as JSON", async () => {
    await topic("rich", 3);
    const args = ["produce", "rich", "-p", "2", "-K", "\\t", "-H", "a=1", "-H", "b=x=y", "--tombstone", "", "--json"];
    const { stdout, stderr } = await odradek.run(args, "k1\tv\nk2\nk3\t\n");
    expect(stdout).toBe([0, 1, 2].map((offset) => `{"topic":"rich","partition":2,"offset":${offset}}\n`).join(""));
    expect(stderr).toBe("");
    await odradek.run(["produce", "rich", "--key", "fixed", "-p", "2", "--acks", "0"], "last\n");
    const cluster2 = async (): Promise<string[]> =>
      read("rich", "--keys", "--headers", "--offsets", "--separator", " ");
    await expect.poll(cluster2).toHaveLength(4);
    expect(await cluster2()).toEqual([
      "rich-2@0 k1 a=1,b=x=y v",
      "rich-2@1 k2 a=1,b=x=y null",
      "rich-2@2 k3 a=1,b=x=y null",
      "rich-2@3 fixed - last",
    ]);
  });

  it("reads files, line by line or whole, and bytes as they are", async () => {
    await topic("files");
    const [lines, whole] = [join(folder, "lines.txt"), join(folder, "whole.bin")];
    writeFileSync(lines, "one\ntwo");
    writeFileSync(whole, Buffer.from([0xff, 0x0a, 0x00]));
    await odradek.run(["produce", "files", lines]);
    await odradek.run(["produce", "files", whole, "--whole"]);
    const values = (await read("files", "--json")).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(values.map((one) => one.value ?? one.valueBase64)).toEqual(["one", "two", "/woA"]);
    expect((await odradek.run(["produce", "files", join(folder, "none")])).error).toMatch(
      /none cannot be read: there is no such file$/,
    );
  });

  it("says what is wrong, and how much had been written by then", async () => {
    await topic("small", 1, { "max.message.bytes": "200", "min.insync.replicas": "1" });
    const long = "x".repeat(300);
    const few = await odradek.run(["produce", "small"], `a\nb\n${long}\n`);
    expect(few.error).toMatch(/^small: .*\(MESSAGE_TOO_LARGE\)(; 2 records had been written)?$/);
    expect(await read("small")).toEqual(["a", "b"]);
    const unkeyed = await odradek.run(["produce", "small", "-K", ":"], "k:v\nplain\n");
    expect(unkeyed.error).toBe('no ":" in "plain"; 1 record had been written');
    expect((await odradek.run(["produce", "small", "-p", "1"], "a\n")).error).toBe(
      "small has no partition 1: it has partition 0 only",
    );
    expect((await odradek.run(["produce", "small", "--acks", "2"])).error).toBe('--acks needs all, 1 or 0, not "2"');
    expect((await odradek.run(["produce", "small", "-z", "zip"])).error).toMatch(
      /^--compression needs one of none, gzip/,
    );
    expect((await odradek.run(["produce", "a b"], "x\n")).error).toMatch(/^a b: .*INVALID_TOPIC_EXCEPTION\)$/);
  });

  it("goes on when the leader's node is killed", async () => {
    await topic("moving", 1, { "min.insync.replicas": "2" });
    const leader = cluster.leaderOf("moving", 0);
    await cluster.node(leader).kill();
    expect((await odradek.run(["produce", "moving"], "still\n")).stderr).toBe("1 record written to moving\n");
    expect(await read("moving")).toEqual(["still"]);
    await cluster.node(leader).restart();
    await cluster.waitUntil.fullyReplicated("moving");
  });
});

describe("consume", () => {
  beforeAll(async () => {
    await topic("log", 2);
    await odradek.run(["produce", "log", "-p", "0"], "a0\na1\na2\na3\n");
    await odradek.run(["produce", "log", "-p", "1"], "b0\nb1\n");
  });

  it.each<[string[], string[]]>([
    [
      ["--offset", "2"],
      ["a2", "a3"],
    ],
    [
      ["--last", "1"],
      ["a3", "b1"],
    ],
    [
      ["--time", "1h"],
      ["a0", "a1", "a2", "a3", "b0", "b1"],
    ],
    [["--time", "2099-01-01"], []],
    [
      ["--from-beginning", "--partition", "1"],
      ["b0", "b1"],
    ],
    [
      ["--from-beginning", "-p", "0", "-n", "3"],
      ["a0", "a1", "a2"],
    ],
    [[], []],
  ])("%j", async (options, expected) => {
    const { stdout, error } = await odradek.run(["consume", "log", "--no-follow", ...options]);
    expect(error).toBeUndefined();
    expect(stdout.split("\n").slice(0, -1).sort()).toEqual(expected);
  });

  it("follows from now on, until asked to stop", async () => {
    const reading = odradek.start(["consume", "log", "keyed"]);
    // It has begun when what is written is read.
    let turns = 0;
    const writing = setInterval(() => void odradek.run(["produce", "log"], `turn ${turns++}\n`), 50);
    await reading.until((stdout) => stdout.includes("turn "));
    clearInterval(writing);
    reading.stop();
    const { stdout, error } = await reading.ended;
    expect(error).toBeUndefined();
    expect(stdout).not.toMatch(/a\d|b\d/);
  });

  it("read_committed leaves out what was aborted, and waits for what is open", async () => {
    await topic("transfers");
    const producer = kafka.producer({ transactionalId: "t", maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    for (const [value, commits] of [
      ["kept", true],
      ["dropped", false],
      ["kept too", true],
    ] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: "transfers", messages: [{ value }, { value }] });
      await (commits ? transaction.commit() : transaction.abort());
    }
    const open = await producer.transaction();
    await open.send({ topic: "transfers", messages: [{ value: "open" }] });
    expect(await read("transfers", "--isolation", "read_committed")).toEqual(["kept", "kept", "kept too", "kept too"]);
    expect(await read("transfers")).toHaveLength(7);
    await open.abort();
    await producer.disconnect();
  });

  it("a terminal is safe from what records hold, files get it as it is", async () => {
    await topic("odd");
    await odradek.run(["produce", "odd", "--whole"], "red \u001b[31m\tand\nlines");
    expect((await odradek.run(["consume", "odd", ...READ])).stdout).toBe("red \u001b[31m\tand\nlines\n");
  });

  it.each([
    [["consume", "absent"], "absent: there is no such topic (UNKNOWN_TOPIC_OR_PARTITION)"],
    [["consume", "log", "-p", "0,7"], "log has no partition 7: it has partitions 0 to 1"],
    [["consume", "log", "-p", "x"], '--partition needs numbers with commas in between, not "x"'],
    [["consume", "log", "--offset", "1", "--last", "2"], "--offset and --last say where to begin: only one can"],
    [
      ["consume", "log", "--group", "g", "--offset", "1"],
      "--offset does not go with --group, which decides that itself",
    ],
    [["consume", "log", "--isolation", "x"], '--isolation needs read_committed or read_uncommitted, not "x"'],
    [
      ["consume", "log", "--time", "soon"],
      '--time needs a time, as 2026-01-31T12:00Z, ms since 1970, or how long ago: 90s, 15m, 2h, 1d; not "soon"',
    ],
  ])("%j: %s", async (args, message) => {
    expect((await odradek.run(args)).error).toBe(message);
  });
});

describe("consume in a group", () => {
  it("shares partitions with kafkajs-like members, commits what it printed, and leaves", async () => {
    const name = await topic("shared", 4);
    const group = ["consume", name, "--group", "readers", "--from-beginning", "--offsets", "--separator", " "];
    const first = odradek.start(group);
    await odradek.run(["produce", name, "-p", "0"], "a\n");
    await first.until((stdout) => stdout.includes("shared-0@0 a"));
    const second = odradek.start(group);
    const owners = async () => {
      const [one] = (await odradek.json("groups", "describe", "readers")) as [
        { state: string; members: { partitions: unknown[] }[] },
      ];
      return `${one.state} ${one.members.map(({ partitions }) => partitions.length)}`;
    };
    await expect.poll(owners, { timeout: 20_000 }).toBe("Stable 2,2");
    for (const partition of [0, 1, 2, 3]) await odradek.run(["produce", name, "-p", String(partition)], "b\n");
    const both = () => first.output.stdout + second.output.stdout;
    await expect.poll(both, { timeout: 20_000 }).toMatch(/^(?=[\s\S]*0@1)(?=[\s\S]*1@0)(?=[\s\S]*2@0)(?=[\s\S]*3@0)/);
    first.stop();
    expect((await first.ended).error).toBeUndefined();
    await expect.poll(owners, { timeout: 20_000 }).toBe("Stable 4");
    second.stop();
    await second.ended;
    // Nothing was printed twice: each committed what it had printed before it gave a partition away.
    const lines = both().split("\n").slice(0, -1);
    expect(lines.sort()).toEqual(["shared-0@0 a", "shared-0@1 b", "shared-1@0 b", "shared-2@0 b", "shared-3@0 b"]);
    expect(await odradek.json("groups", "describe", "readers")).toMatchObject([
      { state: "Empty", offsets: [{ committed: 2, lag: 0 }, { committed: 1 }, { committed: 1 }, { committed: 1 }] },
    ]);
    const again = await odradek.run([...group, "--no-follow"]);
    expect([again.stdout, again.error]).toEqual(["", undefined]);
  });

  it("goes on when the coordinator's node is killed", async () => {
    const name = await topic("durable", 2, { "min.insync.replicas": "2" });
    const reading = odradek.start(["consume", name, "--group", "survivors", "--from-beginning"]);
    await odradek.run(["produce", name], "before\n");
    await reading.until((stdout) => stdout.includes("before"));
    const [{ coordinator }] = (await odradek.json("groups", "describe", "survivors")) as [{ coordinator: number }];
    await cluster.node(coordinator).kill();
    await odradek.run(["produce", name], "after\n");
    await reading.until((stdout) => stdout.includes("after"));
    reading.stop();
    expect((await reading.ended).error).toBeUndefined();
    await cluster.node(coordinator).restart();
  });
});
