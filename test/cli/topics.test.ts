/** `odradek topics` on a cluster of three nodes. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { CommandProbe } from "./command-probe.ts";

let cluster: Cluster;
let odradek: CommandProbe;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 });
  odradek = new CommandProbe(cluster.bootstrapServers);
});
afterAll(() => cluster[Symbol.asyncDispose]());

describe("topics", () => {
  it("are made, listed, described and deleted", async () => {
    expect(await odradek.run(["topics", "list"])).toEqual({
      ...{ stdout: "", stderr: "there are no topics\n", error: undefined },
    });
    const create = ["topics", "create", "orders", "payments", "--partitions", "2", "--replicas", "3"];
    expect((await odradek.run([...create, "--config", "retention.ms=5000"])).stdout).toBe(
      "created orders\ncreated payments\n",
    );
    await cluster.waitUntil.fullyReplicated("payments");
    expect((await odradek.run(["topics", "list"])).stdout).toBe(
      ["TOPIC     PARTITIONS  REPLICAS", "orders             2         3", "payments           2         3", ""].join(
        "\n",
      ),
    );
    await odradek.run(["produce", "orders", "--partition", "1"], "a\nb\n");
    const { stdout } = await odradek.run(["topics", "describe", "orders"]);
    expect(stdout).toMatch(
      /^orders\n {2}id +\S{22}\n {2}size +2 partitions, 3 replicas each\n {2}configs +retention.ms=5000\n\n/,
    );
    expect(stdout).toMatch(/\n +PARTITION +LEADER +REPLICAS +IN SYNC +START +END\n +0 .* 0 +0\n +1 .* 0 +2\n$/);
    const described = await odradek.json("topics", "describe");
    expect(described).toMatchObject([
      {
        topic: "orders",
        configs: { "retention.ms": "5000" },
        partitions: [
          { partition: 0, startOffset: 0, endOffset: 0 },
          { partition: 1, startOffset: 0, endOffset: 2, leader: cluster.leaderOf("orders", 1) },
        ],
      },
      { topic: "payments" },
    ]);
    expect((await odradek.run(["topics", "delete", "payments"])).stdout).toBe("deleted payments\n");
    expect(await odradek.json("topics", "list")).toMatchObject([{ topic: "orders", partitions: 2, replicas: 3 }]);
  });

  it("are described without the offsets that cannot be told now", async () => {
    await odradek.run(["topics", "create", "half", "--partitions", "2"]);
    const fault = cluster.faults.add({
      api: "ListOffsets",
      topic: "half",
      partition: 1,
      errorCode: "OFFSET_NOT_AVAILABLE",
    });
    expect(await odradek.json("topics", "describe", "half")).toMatchObject([
      {
        partitions: [
          { startOffset: 0, endOffset: 0 },
          { startOffset: null, endOffset: null },
        ],
      },
    ]);
    fault.remove();
    await odradek.run(["topics", "delete", "half"]);
  });

  it("grow, and have their configs changed", async () => {
    await odradek.run(["topics", "create", "changing", "-c", "retention.ms=5", "-c", "segment.bytes=1048576"]);
    const alter = ["topics", "alter", "changing", "--partitions", "3", "--config", "cleanup.policy=compact"];
    expect(await odradek.run([...alter, "--unset", "retention.ms"])).toMatchObject({ stdout: "altered changing\n" });
    expect(await odradek.json("topics", "describe", "changing")).toMatchObject([
      { configs: { "cleanup.policy": "compact", "segment.bytes": "1048576" }, partitions: [{}, {}, {}] },
    ]);
    const { error } = await odradek.run(["topics", "alter", "changing", "--partitions", "2"]);
    expect(error).toMatch(/^changing: .*\(INVALID_PARTITIONS\)$/);
  });

  it("internal ones are shown when they are asked for", async () => {
    await odradek.run(["groups", "reset", "g", "--topic", "changing", "--to-latest"]);
    const names = async (...more: string[]) =>
      ((await odradek.json("topics", "list", ...more)) as { topic: string }[]).map(({ topic }) => topic);
    expect(await names()).not.toContain("__consumer_offsets");
    expect(await names("--all")).toContain("__consumer_offsets");
  });
});

describe("what goes wrong", () => {
  it.each([
    [["topics", "create", "__proto__", "a b"], "a b: ", "INVALID_TOPIC_EXCEPTION"],
    [["topics", "create", "r", "--replicas", "7"], "r: ", "INVALID_REPLICATION_FACTOR"],
    [["topics", "create", "c", "--config", "nope=1"], "c: ", "INVALID_CONFIG"],
    [["topics", "delete", "absent"], "absent: there is no such topic", "UNKNOWN_TOPIC_OR_PARTITION"],
    [["topics", "describe", "absent"], "absent: there is no such topic", "UNKNOWN_TOPIC_OR_PARTITION"],
    [["topics", "alter", "absent", "-c", "retention.ms=1"], "absent: ", "UNKNOWN_TOPIC_OR_PARTITION"],
  ])("%j", async (args, start, code) => {
    const { error } = await odradek.run(args);
    expect(error?.startsWith(start)).toBe(true);
    expect(error).toMatch(new RegExp(`\\(${code}\\)$`));
  });

  it.each([
    [["topics"], "A command is missing; see odradek topics --help"],
    [["topics", "create"], "Not enough non-option arguments: got 0, need at least 1; see odradek topics create --help"],
    [
      ["topics", "create", "t", "--partitions", "many"],
      '--partitions needs a whole number from 1 to 2147483647, not "many"',
    ],
    [["topics", "create", "t", "--config", "x"], '--config needs KEY=VALUE, not "x"'],
    [["topics", "alter", "t"], "nothing to change: --partitions, --config or --unset says what"],
    [["topics", "list", "--everything"], "Unknown argument: everything; see odradek topics list --help"],
  ])("%j: %s", async (args, message) => {
    expect((await odradek.run(args)).error).toBe(message);
  });

  it("one topic of several does not keep the others", async () => {
    const { stdout, error } = await odradek.run(["topics", "create", "fine", "not fine"]);
    expect([stdout, error]).toEqual(["created fine\n", expect.stringMatching(/^not fine: /)]);
    expect(await odradek.run(["topics", "create", "fine", "--if-not-exists"])).toMatchObject({
      ...{ stdout: "fine is there already\n", error: undefined },
    });
    expect(await odradek.run(["topics", "delete", "fine", "gone", "--if-exists"])).toMatchObject({
      ...{ stdout: "deleted fine\ngone is not there\n", error: undefined },
    });
  });

  it("a dry run makes nothing", async () => {
    expect((await odradek.run(["topics", "create", "dry", "--dry-run"])).stdout).toBe("could be created dry\n");
    expect((await odradek.run(["topics", "describe", "dry"])).error).toMatch(/no such topic/);
  });
});

describe("where the cluster is", () => {
  it("nobody there is said with how it failed", async () => {
    const nobody = new CommandProbe("127.0.0.1:1");
    expect((await nobody.run(["topics", "list"])).error).toBe(
      "no broker answers at 127.0.0.1:1 (refused); `odradek start` starts one, --bootstrap names others",
    );
    expect((await new CommandProbe("a b").run(["topics", "list"])).error).toMatch(/^"a b" is no address; /);
  });

  it("one of several that is there is enough", async () => {
    const some = new CommandProbe(`127.0.0.1:1,${cluster.bootstrapServers}`);
    expect((await some.run(["topics", "list"])).error).toBeUndefined();
  });
});
