/** Apache Kafka's tools read our metadata log and snapshots, and Apache Kafka itself takes over a directory that we wrote, and back. */
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { metadataBatches } from "../../../cluster/metadata/metadata-batch.ts";
import { type MetadataRecord, RECORD_TYPES } from "../../../cluster/metadata/metadata-record.ts";
import { decodeSnapshot } from "../../../cluster/metadata/snapshot-format.ts";
import { AllocateProducerIds } from "../../../protocol/messages/allocate-producer-ids.ts";
import { AlterClientQuotas } from "../../../protocol/messages/client-quotas.ts";
import { IncrementalAlterConfigs } from "../../../protocol/messages/configs.ts";
import { CreateTopics, DeleteTopics } from "../../../protocol/messages/topics.ts";
import { defaultValue } from "../../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { NodeDisk } from "../../../storage/node-disk.ts";
import { ControllerBench, machine } from "../../cluster/support/controller-bench.ts";
import { CLUSTER_ID, uuid } from "../../cluster/support/decision-bench.ts";
import { type ApacheKafka, findApacheKafka } from "../support/apache-kafka.ts";
import { describeWith } from "../support/toolchain.ts";

const LOG = "__cluster_metadata-0";
const FIRST_SEGMENT = "00000000000000000000.log";
const NODE_ID = 1;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "metadata-log-"));
  folders.push(folder);
  return folder;
}

/** A metadata directory with records of most kinds, over several epochs. */
async function writtenBy(directory: string, configs: Record<string, string> = {}): Promise<ControllerBench> {
  let bench = await ControllerBench.started({
    machine: machine({ disk: new NodeDisk() }),
    directory,
    nodeId: NODE_ID,
    configs,
  });
  await bench.brokers(11, 12, 13);
  const newTopic = (name: string) => ({
    name,
    numPartitions: 3,
    replicationFactor: 3,
    assignments: [],
    configs: [
      { name: "retention.ms", value: "1000" },
      { name: "min.insync.replicas", value: "2" },
    ],
  });
  const topics = Array.from({ length: 20 }, (_, index) => newTopic(`topic-${index}`));
  await bench.send(CreateTopics, 7, { topics, timeoutMs: 1000 });
  await bench.send(DeleteTopics, 6, { topics: [{ name: "topic-19", topicId: ZERO_UUID }], timeoutMs: 1000 });
  await bench.send(IncrementalAlterConfigs, 1, {
    resources: [
      {
        resourceType: 4,
        resourceName: "",
        configs: [{ name: "log.retention.ms", configOperation: 0, value: "5000" }],
      },
      { resourceType: 4, resourceName: "11", configs: [{ name: "max.connections", configOperation: 0, value: "9" }] },
      {
        resourceType: 32,
        resourceName: "g",
        configs: [{ name: "consumer.session.timeout.ms", configOperation: 0, value: "50000" }],
      },
    ],
    validateOnly: false,
  });
  await bench.send(AlterClientQuotas, 1, {
    entries: [
      {
        entity: [{ entityType: "user", entityName: "u" }],
        ops: [{ key: "producer_byte_rate", value: 1000, remove: false }],
      },
    ],
    validateOnly: false,
  });
  const { brokerEpoch } = bench.controller.image.brokers.get(11) ?? { brokerEpoch: -1 };
  await bench.send(AllocateProducerIds, 0, { brokerId: 11, brokerEpoch });
  bench = await bench.restarted("stop");
  // One dies: leaders and ISRs change, eligible replicas come to be.
  bench.controller.brokerIsDead(12, bench.controller.image.brokers.get(12)?.brokerEpoch ?? -1);
  bench.controller.brokerIsDead(13, bench.controller.image.brokers.get(13)?.brokerEpoch ?? -1);
  await bench.send(CreateTopics, 7, {
    topics: [{ ...newTopic("last"), replicationFactor: 1 }],
    timeoutMs: 1000,
  });
  return bench;
}

/** What Kafka's tool shows of each metadata record of a file; fails on any complaint. */
async function dump(kafka: ApacheKafka, file: string): Promise<{ type: string; version: number; data: object }[]> {
  const output = await kafka.run("org.apache.kafka.tools.DumpLogSegments", [
    "--cluster-metadata-decoder",
    "--skip-record-metadata",
    "--files",
    file,
  ]);
  expect(output).not.toMatch(/mismatch|corrupt|isvalid: false|exception|error|invalid|could not|skipping/i);
  return [...output.matchAll(/payload: ({"type".*})$/gm)].map(([, json]) => JSON.parse(json as string));
}

function kafkaName(type: MetadataRecord["type"]): string {
  return `${type.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase()}_RECORD`;
}

/** A record as the tool shows it: tagged fields that have their default are left out. */
function shown(record: MetadataRecord, like: object) {
  const { fields } = RECORD_TYPES[record.type].message;
  const data = Object.entries(record.data).filter(([name, value]) => {
    if (name in like) return true;
    expect(value, `${record.type}.${name}`).toEqual(defaultValue((fields as Record<string, never>)[name] as never));
    return false;
  });
  return { type: kafkaName(record.type), version: record.version, data: Object.fromEntries(data) };
}

function expectShown(found: readonly { data: object }[], records: readonly MetadataRecord[]): void {
  expect(found).toEqual(records.map((record, index) => shown(record, found[index]?.data ?? {})));
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

describeWith("Apache Kafka and our metadata log", await findApacheKafka(), (kafka) => {
  test("its dump tool shows the records of our log as we wrote them", async () => {
    const directory = newFolder();
    const bench = await writtenBy(directory);
    await bench.controller.stop();
    const file = join(directory, LOG, FIRST_SEGMENT);
    const batches = [...metadataBatches(readFileSync(file))];
    const found = await dump(kafka, file);
    expect(batches.filter(({ controls }) => controls.length > 0).length).toBe(2);
    expectShown(
      found,
      batches.flatMap(({ records }) => records),
    );
    const kinds = new Set(found.map(({ type }) => type));
    for (const kind of ["PARTITION_CHANGE", "REGISTER_CONTROLLER", "CLIENT_QUOTA", "REMOVE_TOPIC", "PRODUCER_IDS"]) {
      expect(kinds, kind).toContain(`${kind}_RECORD`);
    }
  });

  test("its dump tool and its metadata shell show what is in our snapshot", async () => {
    const directory = newFolder();
    const bench = await writtenBy(directory, { "metadata.log.max.record.bytes.between.snapshots": "3000" });
    await bench.controller.stop();
    const name = readdirSync(join(directory, LOG))
      .filter((each) => each.endsWith(".checkpoint"))
      .sort()
      .at(-1) as string;
    const file = join(directory, LOG, name);
    const { records } = decodeSnapshot(readFileSync(file));
    expectShown(await dump(kafka, file), records);
    /** Now and then it answers before it has read everything. */
    const shell = async (...command: string[]): Promise<string> => {
      for (let attempt = 0; attempt < 10; attempt++) {
        const output = await kafka.run("org.apache.kafka.shell.MetadataShell", ["--snapshot", file, ...command]);
        if (output.trim() !== "") return output;
      }
      return "";
    };
    const topics = (await shell("ls", "/image/topics/byName")).split(/\s+/).filter((each) => each !== "");
    expect(topics.sort()).toEqual(
      records.flatMap((record) => (record.type === "Topic" ? [record.data.name] : [])).sort(),
    );
    expect(await shell("cat", "/image/topics/byName/topic-0/0")).toMatch(/Replicas|replicas/);
    expect(await shell("cat", "/image/features/metadataVersion")).toContain("4.3");
  });

  test("it takes over our directory, and we take over what it has written then", async () => {
    const ours = newFolder();
    const bench = await writtenBy(ours);
    await bench.controller.stop();
    const held = bench.controller.image;
    const folder = newFolder();
    const [port, controllerPort] = (await freePorts(2)) as [number, number];
    const properties = join(folder, "server.properties");
    const data = join(folder, "data");
    const settings = {
      "process.roles": "broker,controller",
      "node.id": String(NODE_ID),
      "controller.quorum.voters": `${NODE_ID}@127.0.0.1:${controllerPort}`,
      listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
      "controller.listener.names": "CONTROLLER",
      "log.dirs": data,
    };
    writeFileSync(
      properties,
      Object.entries(settings)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(""),
    );
    await kafka.run("kafka.tools.StorageTool", ["format", "-t", CLUSTER_ID, "-c", properties]);
    mkdirSync(join(data, LOG), { recursive: true });
    for (const name of readdirSync(join(ours, LOG))) copyFileSync(join(ours, LOG, name), join(data, LOG, name));
    const program = kafka.start("kafka.Kafka", [properties]);
    const admin = (main: string, ...args: string[]) =>
      kafka.run(main, ["--bootstrap-server", `127.0.0.1:${port}`, ...args]);
    try {
      const topics = await admin("org.apache.kafka.tools.TopicCommand", "--list");
      expect(topics.trim().split("\n").sort()).toEqual([...held.topics.keys()].sort());
      const described = await admin("org.apache.kafka.tools.TopicCommand", "--describe", "--topic", "topic-0");
      expect(described).toContain(`TopicId: ${held.topics.get("topic-0")?.id}`);
      expect(described).toMatch(/Elr: 1[23]/);
      const features = await admin("org.apache.kafka.tools.FeatureCommand", "describe");
      for (const [name, level] of held.features) {
        if (name !== "metadata.version") {
          expect(features).toMatch(new RegExp(`Feature: ${name}.*FinalizedVersionLevel: ${level}\\b`));
        }
      }
      await admin("org.apache.kafka.tools.TopicCommand", "--create", "--topic", "by-kafka", "--partitions", "2");
    } finally {
      program.child.kill("SIGTERM");
      await program.ended(60_000);
    }
    const after = await ControllerBench.started({
      machine: machine({ disk: new NodeDisk() }),
      directory: data,
      nodeId: NODE_ID,
    });
    expect(after.controller.image.leaderEpoch).toBeGreaterThan(held.leaderEpoch + 1);
    expect(after.controller.image.topics.get("by-kafka")?.partitions.length).toBe(2);
    expect(after.controller.image.topics.get("topic-0")?.id).toBe(held.topics.get("topic-0")?.id);
    expect([...after.controller.image.brokers.keys()].sort((a, b) => a - b)).toEqual([1, 11, 12, 13]);
    expect(after.controller.image.brokers.get(1)?.incarnationId).not.toBe(uuid("incarnation-1"));
    await after.controller.stop();
  });
});
