/** Kafka's console share consumer and its verifiable one, on our cluster. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "../../../cluster/start-cluster.ts";
import { IncrementalAlterConfigs } from "../../../protocol/messages/configs.ts";
import { batchOf } from "../../support/batches.ts";
import { produceTo } from "../../support/produce-to.ts";
import { WireClient } from "../../support/wire-client.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { describeWith } from "../support/toolchain.ts";

const TOPIC = "jobs";
const RECORDS = 40;
const GROUP_RESOURCE = 32;

describeWith("Kafka's share consumer tools", await findApacheKafka(), (kafka) => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({
      nodes: 3,
      settings: { "group.share.min.heartbeat.interval.ms": 100, "group.share.heartbeat.interval.ms": 300 },
    });
    await cluster.createTopic(TOPIC, { partitions: 2 });
    for (let i = 0; i < RECORDS; i += 10) {
      const values = Array.from({ length: 10 }, (_, record) => `value-${i + record}`);
      await produceTo(cluster, TOPIC, (i / 10) % 2, batchOf(values));
    }
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  const readsFromTheBeginning = async (group: string): Promise<void> => {
    const client = await WireClient.connect(cluster.bootstrapServers.split(",")[0] as string);
    const configs = [{ name: "share.auto.offset.reset", configOperation: 0, value: "earliest" }];
    const resources = [{ resourceType: GROUP_RESOURCE, resourceName: group, configs }];
    await client.request(IncrementalAlterConfigs, 1, { resources, validateOnly: false });
    client.close();
  };

  test("R198: console-share-consumer reads each record once", async () => {
    await readsFromTheBeginning("console");
    const args = ["--bootstrap-server", cluster.bootstrapServers, "--topic", TOPIC, "--group", "console"];
    const output = await kafka.run("org.apache.kafka.tools.consumer.ConsoleShareConsumer", [
      ...args,
      ...["--max-messages", String(RECORDS), "--timeout-ms", "30000"],
    ]);
    const values = output.split("\n").filter((line) => line.startsWith("value-"));
    expect(values.sort()).toEqual(Array.from({ length: RECORDS }, (_, i) => `value-${i}`).sort());
    // All are done with: another member gets nothing.
    const rest = await kafka.run("org.apache.kafka.tools.consumer.ConsoleShareConsumer", [
      ...args,
      ...["--timeout-ms", "3000"],
    ]);
    expect(rest.split("\n").filter((line) => line.startsWith("value-"))).toEqual([]);
  });

  test("R198: verifiable-share-consumer acknowledges every record", async () => {
    await readsFromTheBeginning("verifiable");
    const output = await kafka.run("org.apache.kafka.tools.VerifiableShareConsumer", [
      ...["--bootstrap-server", cluster.bootstrapServers, "--topic", TOPIC, "--group-id", "verifiable"],
      ...["--max-messages", String(RECORDS), "--acknowledgement-mode", "sync"],
    ]);
    const events = output.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));
    const acknowledged = events.filter(({ name }) => name === "offsets_acknowledged");
    const count = acknowledged.reduce((sum: number, event: { count: number }) => sum + event.count, 0);
    expect(acknowledged.every(({ success }) => success)).toBe(true);
    expect(count).toBe(RECORDS);
  });
});
