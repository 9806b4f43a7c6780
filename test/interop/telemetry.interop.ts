/** Clients that push their metrics (KIP-714), and Kafka's tools that say which. */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ResourceType } from "../../broker/metadata/metadata-image.ts";
import type { ClientTelemetryPush } from "../../broker/telemetry/client-telemetry.ts";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { IncrementalAlterConfigs } from "../../protocol/messages/configs.ts";
import { CODECS } from "../support/cluster-probe.ts";
import { WireAsker } from "../support/wire-asker.ts";
import { findApacheKafka } from "./support/apache-kafka.ts";
import { findGoClient } from "./support/go.ts";
import { KafkaTools } from "./support/kafka-tools.ts";
import { type ClientProgram, ProgramClient } from "./support/program-client.ts";
import { findPython } from "./support/python.ts";
import { describeWith } from "./support/toolchain.ts";

const JAVA_CLIENT = fileURLToPath(new URL("clients/JavaClient.java", import.meta.url));
const PATIENCE_MS = 60_000;
const METRIC = "org.apache.kafka.consumer";

/** Every client is asked for every metric. */
async function subscribe(cluster: Cluster): Promise<void> {
  const [host, port] = (cluster.bootstrapServers.split(",")[0] as string).split(":");
  using asker = await WireAsker.open({ host: host as string, port: Number(port) });
  const configs = [
    { name: "metrics", configOperation: 0, value: "*" },
    { name: "interval.ms", configOperation: 0, value: "300" },
  ];
  const resources = [{ resourceType: ResourceType.CLIENT_METRICS, resourceName: "everything", configs }];
  const { responses } = await asker.ask(IncrementalAlterConfigs, 1, { resources, validateOnly: false });
  expect(responses.map(({ errorCode }) => errorCode)).toEqual([ErrorCode.NONE]);
}

/** A cluster whose subscription asks a client for everything, often. @param names something that is named in what it pushes. */
function describePushes(softwareName: string, names: string, programOf: () => Promise<ClientProgram>): void {
  let cluster: Cluster;
  const pushes: ClientTelemetryPush[] = [];
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 2, onClientTelemetry: (push) => void pushes.push(push) });
    await cluster.createTopic("orders", { partitions: 2 });
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  test("a consumer pushes what it is asked for, and says when that was the last", async () => {
    const client = new ProgramClient(await programOf(), cluster.bootstrapServers);
    await subscribe(cluster);
    const member = await client.join("orders", "readers", () => {});
    await expect
      .poll(() => pushes.filter((push) => softwareName.split("|").includes(push.clientSoftwareName)).length, {
        timeout: PATIENCE_MS,
      })
      .toBeGreaterThan(1);
    await member.leave();
    await expect.poll(() => pushes.at(-1)?.terminating, { timeout: PATIENCE_MS }).toBe(true);
    const [first] = pushes;
    expect(new Set(pushes.map(({ clientInstanceId }) => clientInstanceId))).toEqual(new Set([first?.clientInstanceId]));
    // Names are text within the message.
    expect(pushes.some(({ metrics }) => metrics.includes(names))).toBe(true);
  }, 180_000);
}

describeWith("confluent-kafka", await findPython(), (python) => {
  const program = { ...python.program("confluent_kafka_client.py"), codecs: CODECS };
  describePushes("librdkafka|confluent-kafka-python", METRIC, async () => program);
});

describeWith("franz-go", await findGoClient("franz-go"), (command) => {
  // Of a consumer it measures nothing, but says whose the nothing is.
  describePushes("kgo", "group_id", async () => ({ command, codecs: CODECS }));
});

describeWith("the Java client", await findApacheKafka(), (kafka) => {
  describePushes("apache-kafka-java", METRIC, async () => {
    return { ...(await kafka.compile(JAVA_CLIENT)), codecs: CODECS };
  });

  test("client-metrics and configs say what is asked of whom", async () => {
    await using cluster = await startCluster();
    await using tools = await KafkaTools.start(kafka, cluster.bootstrapServers);
    const alter = ["--alter", "--name", "slow", "--metrics", "org.apache.kafka.producer.", "--interval", "60000"];
    await tools.run("client-metrics", ...alter, "--match", "client_id=shop.*,client_software_name=librdkafka");
    expect(await tools.run("client-metrics", "--list")).toBe("slow");
    const described = await tools.run("client-metrics", "--describe", "--name", "slow");
    expect(described).toMatch(/interval\.ms=60000/);
    expect(described).toMatch(/match=client_id=shop\.\*,client_software_name=librdkafka/);
    expect(described).toMatch(/metrics=org\.apache\.kafka\.producer\./);

    const entity = ["--entity-type", "client-metrics", "--entity-name", "slow"];
    await tools.run("configs", ...entity, "--alter", "--add-config", "interval.ms=1000");
    expect(await tools.run("configs", ...entity, "--describe")).toMatch(/interval\.ms=1000/);
    for (const [config, why] of [
      ["interval.ms=99", /Invalid value 99 for interval.ms/],
      ["match=[colour=red]", /Illegal client matching pattern/],
      ["colour=red", /Unknown client metrics configuration/],
    ] as const) {
      const { output } = await tools.try("configs", ...entity, "--alter", "--add-config", config);
      expect(output).toMatch(why);
    }
    await tools.run("client-metrics", "--delete", "--name", "slow");
    expect(await tools.run("client-metrics", "--list")).toBe("");
  }, 120_000);
});
