/** Kafka's own administration tools against three of our nodes, one of which dies and comes back meanwhile. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cluster, startCluster } from "../../../cluster/start-cluster.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import { batchOf } from "../../support/batches.ts";
import { WireClient } from "../../support/wire-client.ts";
import { type ApacheKafka, findApacheKafka } from "../support/apache-kafka.ts";
import { KafkaTools } from "../support/kafka-tools.ts";
import { describeWith } from "../support/toolchain.ts";

describeWith("Apache Kafka's tools", await findApacheKafka(), (kafka: ApacheKafka) => {
  let folder: string;
  let cluster: Cluster;
  let tools: KafkaTools;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "kafka-tools-"));
    cluster = await startCluster({ nodes: 3, dataDirectory: folder, racks: ["a", "b", "c"] });
    tools = await KafkaTools.start(kafka, cluster.bootstrapServers);
    await tools.run(
      "topics",
      ...["--create", "--topic", "orders", "--partitions", "3", "--replication-factor", "3"],
      ...["--config", "min.insync.replicas=2", "--config", "segment.bytes=1048576"],
    );
  });
  afterAll(async () => {
    await tools[Symbol.asyncDispose]();
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function produce(partition: number, values: readonly string[]): Promise<void> {
    const client = await WireClient.connect(cluster.node(cluster.leaderOf("orders", partition)).address);
    const answer = await client.request(Produce, 9, {
      ...{ acks: -1, timeoutMs: 5000 },
      topicData: [{ name: "orders", partitionData: [{ index: partition, records: batchOf([...values]) }] }],
    });
    client.close();
    expect(answer.responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
  }

  describe("topics", () => {
    test("describe tells what create was asked for", async () => {
      const described = await tools.run("topics", "--describe", "--topic", "orders");
      expect(described).toMatch(/Topic: orders\s+TopicId: \S{22}\s+PartitionCount: 3\s+ReplicationFactor: 3/);
      expect(described).toContain("min.insync.replicas=2");
      expect(described).toContain("segment.bytes=1048576");
      const lines = described.match(/Partition: \d\s+Leader: [123]\s+Replicas: \S+\s+Isr: [123],[123],[123]\s+Elr:/g);
      expect(lines?.length).toBe(3);
    });

    test("list, alter, delete, and what cannot be", async () => {
      await tools.run("topics", "--create", "--topic", "passing", "--partitions", "1");
      expect((await tools.run("topics", "--list")).split("\n")).toEqual(["orders", "passing"]);
      await tools.run("topics", "--alter", "--topic", "passing", "--partitions", "4");
      expect(await tools.run("topics", "--describe", "--topic", "passing")).toContain("PartitionCount: 4");
      const fewer = await tools.try("topics", "--alter", "--topic", "passing", "--partitions", "2");
      expect([fewer.code, fewer.output]).toEqual([1, expect.stringContaining("2 would not be an increase")]);
      const again = await tools.try("topics", "--create", "--topic", "orders");
      expect([again.code, again.output]).toEqual([1, expect.stringContaining("Topic 'orders' already exists")]);
      const tooMany = await tools.try("topics", "--create", "--topic", "x", "--replication-factor", "4");
      expect([tooMany.code, tooMany.output]).toEqual([1, expect.stringContaining("replication factor")]);
      expect(await tools.run("topics", "--create", "--topic", "orders", "--if-not-exists")).not.toContain("Exception");
      await tools.run("topics", "--delete", "--topic", "passing");
      expect(await tools.run("topics", "--list")).toBe("orders");
      expect(await tools.run("topics", "--describe", "--topics-with-overrides")).toContain("Topic: orders");
    });

    test("a dead node shows in what is under-replicated, and its return too", async () => {
      const partitions = async (filter: string) =>
        ((await tools.run("topics", "--describe", filter)).match(/Partition: /g) ?? []).length;
      expect(await partitions("--under-replicated-partitions")).toBe(0);
      await cluster.node(3).kill();
      await cluster.waitUntil.nodeFenced(3);
      expect(await partitions("--under-replicated-partitions")).toBe(3);
      expect(await partitions("--at-min-isr-partitions")).toBe(3);
      expect(await partitions("--under-min-isr-partitions")).toBe(0);
      expect(await partitions("--unavailable-partitions")).toBe(0);
      await cluster.node(2).kill();
      await cluster.waitUntil.nodeFenced(2);
      expect(await partitions("--under-min-isr-partitions")).toBe(3);
      // KIP-966: who left a full ISR is still eligible.
      expect(await tools.run("topics", "--describe", "--topic", "orders")).toMatch(/Isr: 1\s+Elr: [23]/);
      await cluster.node(2).restart();
      await cluster.node(3).restart();
      await cluster.waitUntil.fullyReplicated("orders");
      expect(await partitions("--under-replicated-partitions")).toBe(0);
    });
  });

  describe("configs", () => {
    const ofTopic = ["--entity-type", "topics", "--entity-name", "orders"];
    const ofBroker = ["--entity-type", "brokers", "--entity-name", "2"];

    test("of a topic", async () => {
      const added = "retention.ms=60000,cleanup.policy=[compact,delete]";
      await tools.run("configs", ...ofTopic, "--alter", "--add-config", added);
      const described = await tools.run("configs", ...ofTopic, "--describe");
      expect(described).toContain("Dynamic configs for topic orders are:");
      expect(described).toMatch(
        /retention.ms=60000 sensitive=false synonyms=\{DYNAMIC_TOPIC_CONFIG:retention.ms=60000\}/,
      );
      expect(described).toContain("cleanup.policy=compact,delete");
      await tools.run("configs", ...ofTopic, "--alter", "--delete-config", "retention.ms,cleanup.policy");
      expect(await tools.run("configs", ...ofTopic, "--describe")).not.toContain("retention.ms=60000");
      const wrong = await tools.try("configs", ...ofTopic, "--alter", "--add-config", "retention.ms=soon");
      expect([wrong.code, wrong.output]).toEqual([
        1,
        expect.stringContaining("Invalid value soon for configuration retention.ms"),
      ]);
      expect(await tools.run("configs", ...ofTopic, "--describe", "--all")).toContain("max.message.bytes=1048588");
    });

    test("of one broker and of all", async () => {
      await tools.run("configs", ...ofBroker, "--alter", "--add-config", "log.retention.ms=123456");
      expect(await tools.run("configs", ...ofBroker, "--describe")).toContain("log.retention.ms=123456");
      const everybody = ["--entity-type", "brokers", "--entity-default"];
      await tools.run("configs", ...everybody, "--alter", "--add-config", "log.retention.ms=654321");
      expect(await tools.run("configs", ...everybody, "--describe")).toContain("log.retention.ms=654321");
      const other = await tools.run("configs", "--entity-type", "brokers", "--entity-name", "1", "--describe", "--all");
      expect(other).toContain("DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.ms=654321");
      await tools.run("configs", ...ofBroker, "--alter", "--delete-config", "log.retention.ms");
      await tools.run("configs", ...everybody, "--alter", "--delete-config", "log.retention.ms");
      const readOnly = await tools.try("configs", ...ofBroker, "--alter", "--add-config", "node.id=9");
      expect(readOnly.code).toBe(1);
    });
  });

  test("leader-election brings partitions back to their preferred leaders", async () => {
    const preferred = (await tools.run("topics", "--describe", "--topic", "orders")).matchAll(
      /Partition: (\d)\s+Leader: \d\s+Replicas: (\d)/g,
    );
    const wanted = [...preferred].map(([, partition, leader]) => [Number(partition), Number(leader)] as const);
    expect(wanted.length).toBe(3);
    await tools.run("leader-election", "--election-type", "preferred", "--all-topic-partitions");
    for (const [partition, leader] of wanted) expect(cluster.leaderOf("orders", partition)).toBe(leader);
    const one = ["--election-type", "preferred", "--topic", "orders", "--partition", "0"];
    expect(await tools.run("leader-election", ...one)).toContain(
      "Valid replica already elected for partitions orders-0",
    );
    const nowhere = ["--election-type", "unclean", "--topic", "nowhere", "--partition", "0"];
    const refused = await tools.try("leader-election", ...nowhere);
    expect([refused.code, refused.output]).toEqual([1, expect.stringContaining("UnknownTopicOrPartition")]);
  });

  test("metadata-quorum tells of one voter that leads, and of three observers that follow", async () => {
    const status = await tools.run("metadata-quorum", "describe", "--status");
    expect(status).toContain(`ClusterId:              ${cluster.clusterId}`);
    const leader = /LeaderId:\s+(\d+)/.exec(status)?.[1] as string;
    expect(Number(leader)).toBeGreaterThan(3);
    expect(status).toMatch(new RegExp(`CurrentVoters:\\s+\\[\\{"id": ${leader}`));
    for (const id of [1, 2, 3]) expect(status).toMatch(new RegExp(`CurrentObservers:.*"id": ${id}\\b`));
    const replication = await tools.run("metadata-quorum", "describe", "--replication");
    const rows = replication.split("\n").map((line) => line.trim().split(/\s+/));
    expect(rows[0]?.slice(0, 4)).toEqual(["NodeId", "DirectoryId", "LogEndOffset", "Lag"]);
    expect(rows.slice(1).map((row) => [row[0], row.at(-1)])).toEqual([
      [leader, "Leader"],
      ...["1", "2", "3"].map((id) => [id, "Observer"]),
    ]);
  });

  test("features are described, raised, lowered, refused", async () => {
    const described = await tools.run("features", "describe");
    expect(described).toMatch(
      /Feature: metadata.version\s+SupportedMinVersion: 3.3-IV3\s+SupportedMaxVersion: \S+\s+Final/,
    );
    expect(described).toMatch(/Feature: eligible.leader.replicas.version.*FinalizedVersionLevel: 1/);
    const lowered = await tools.run("features", "downgrade", "--feature", "eligible.leader.replicas.version=0");
    expect(lowered).toContain("eligible.leader.replicas.version was downgraded to 0.");
    const raised = await tools.run("features", "upgrade", "--feature", "eligible.leader.replicas.version=1");
    expect(raised).toContain("eligible.leader.replicas.version was upgraded to 1.");
    const refused = await tools.try("features", "upgrade", "--feature", "eligible.leader.replicas.version=9");
    expect([refused.code, refused.output]).toEqual([1, expect.stringContaining("Could not upgrade")]);
    const dry = ["features", "downgrade", "--feature", "eligible.leader.replicas.version=0", "--dry-run"] as const;
    expect(await tools.run(...dry)).toContain("can be downgraded to 0.");
  });

  test("log-dirs tells where the replicas lie, and how large they are", async () => {
    await produce(0, ["a", "b", "c"]);
    const output = await tools.run("log-dirs", "--describe", "--broker-list", "1,2,3", "--topic-list", "orders");
    const json = JSON.parse(output.slice(output.indexOf("{"))) as {
      brokers: {
        broker: number;
        logDirs: {
          logDir: string;
          error: string | null;
          partitions: { partition: string; size: number; offsetLag: number; isFuture: boolean }[];
        }[];
      }[];
    };
    expect(json.brokers.map(({ broker }) => broker).sort()).toEqual([1, 2, 3]);
    for (const { broker, logDirs } of json.brokers) {
      expect(logDirs.map(({ logDir, error }) => [logDir, error])).toEqual([[join(folder, String(broker)), null]]);
      const partitions = logDirs[0]?.partitions ?? [];
      expect(partitions.map(({ partition }) => partition).sort()).toEqual(["orders-0", "orders-1", "orders-2"]);
      expect(partitions.find(({ partition }) => partition === "orders-0")).toMatchObject({
        offsetLag: 0,
        isFuture: false,
      });
      expect(partitions.find(({ partition }) => partition === "orders-0")?.size).toBeGreaterThan(0);
    }
  });

  test("get-offsets and delete-records", async () => {
    await produce(1, ["a", "b", "c", "d"]);
    const offsets = async (time: string) =>
      (await tools.run("get-offsets", "--topic", "orders", "--partitions", "1", "--time", time)).split("\n").at(-1);
    expect(await offsets("latest")).toBe("orders:1:4");
    expect(await offsets("earliest")).toBe("orders:1:0");
    const file = join(folder, "delete.json");
    writeFileSync(file, JSON.stringify({ version: 1, partitions: [{ topic: "orders", partition: 1, offset: 3 }] }));
    expect(await tools.run("delete-records", "--offset-json-file", file)).toMatch(/orders-1\s+low_watermark: 3/);
    expect(await offsets("earliest")).toBe("orders:1:3");
    expect(await offsets("max-timestamp")).toMatch(/^orders:1:/);
  });

  test("broker-api-versions and cluster", async () => {
    const versions = await tools.run("broker-api-versions");
    for (const { id, address } of cluster.nodes)
      expect(versions).toContain(`${address} (id: ${id} rack: ${"abc"[id - 1]}`);
    expect(versions).toMatch(/Produce\(0\): \d+ to 13 \[usable: 13\]/);
    expect(await tools.run("cluster", "cluster-id")).toContain(`Cluster ID: ${cluster.clusterId}`);
    const endpoints = await tools.run("cluster", "list-endpoints");
    for (const id of [1, 2, 3]) expect(endpoints).toMatch(new RegExp(`^${id}\\s+127.0.0.1`, "m"));
    const unknown = await tools.try("cluster", "unregister", "--id", "77");
    expect(unknown.output).toContain("77");
  });

  test("cluster unregister forgets a broker that is gone", async () => {
    await cluster.node(3).stop();
    await cluster.waitUntil.nodeFenced(3);
    const output = await tools.run("cluster", "unregister", "--id", "3");
    expect(output).toContain("Broker 3 is no longer registered.");
    expect(await tools.run("cluster", "list-endpoints", "--include-fenced-brokers")).not.toMatch(/^3\s/m);
    await cluster.node(3).restart();
    await cluster.waitUntil.fullyReplicated("orders");
  });
});
