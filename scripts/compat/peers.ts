/** The real peers: which test file tries each, and which version of it that is. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { projectRoot } from "../project-root.ts";

export interface Peer {
  /** What it is called on the command line. */
  readonly name: string;
  readonly title: string;
  /** A test file, below the project. */
  readonly file: string;
  /** Where its version stands. */
  readonly version: VersionSource;
  /** Whether the tests can be tried on Apache Kafka: not those that kill nodes, which only ours can be. */
  readonly runsOnApacheKafka: boolean;
}

type VersionSource =
  | { readonly npm: string }
  | { readonly python: string }
  | { readonly go: string }
  | { readonly maven: string }
  | { readonly command: readonly [string, ...string[]]; readonly pattern: RegExp };

const APACHE_KAFKA = { maven: "kafka_2.13" } as const;

export const PEERS: readonly Peer[] = [
  peer("kafkajs", "kafkajs", "test/conformance/kafkajs.test.ts", { npm: "kafkajs" }),
  peer("kafkajs-transactions", "kafkajs", "test/conformance/kafkajs-transactions.test.ts", { npm: "kafkajs" }, false),
  peer("platformatic", "@platformatic/kafka", "test/conformance/platformatic-kafka.test.ts", {
    npm: "@platformatic/kafka",
  }),
  peer("java", "Java client, console tools", "test/interop/java.interop.ts", APACHE_KAFKA),
  peer("kcat", "kcat (librdkafka)", "test/interop/kcat.interop.ts", {
    command: ["kcat", "-V"],
    pattern: /librdkafka (\S+)/,
  }),
  peer("confluent-kafka", "confluent-kafka (librdkafka)", "test/interop/confluent-kafka.interop.ts", {
    python: "confluent-kafka",
  }),
  peer("aiokafka", "aiokafka", "test/interop/aiokafka.interop.ts", { python: "aiokafka" }),
  peer("kafka-python", "kafka-python", "test/interop/kafka-python.interop.ts", { python: "kafka-python" }),
  peer("franz-go", "franz-go", "test/interop/franz-go.interop.ts", { go: "github.com/twmb/franz-go" }),
  peer("sarama", "Sarama", "test/interop/sarama.interop.ts", { go: "github.com/IBM/sarama" }),
  peer("kafka-go", "kafka-go", "test/interop/kafka-go.interop.ts", { go: "github.com/segmentio/kafka-go" }),
  peer(
    "transactions",
    "transactions: Java client, librdkafka, franz-go",
    "test/interop/transactions/clients.interop.ts",
    APACHE_KAFKA,
  ),
  peer("streams", "Kafka Streams", "test/interop/transactions/streams.interop.ts", APACHE_KAFKA),
  peer("tools", "Kafka's administration tools", "test/interop/cluster/tools.interop.ts", APACHE_KAFKA, false),
  peer(
    "groups-failover",
    "consumer groups: kafkajs, librdkafka, Java client, franz-go, Sarama, kafka-go",
    "test/interop/groups/failover.interop.ts",
    APACHE_KAFKA,
    false,
  ),
  peer(
    "share-groups",
    "share groups: Java client, librdkafka, franz-go",
    "test/interop/share-groups/failover.interop.ts",
    APACHE_KAFKA,
    false,
  ),
  peer("share-consumers", "Kafka's share consumers", "test/interop/share-groups/tools.interop.ts", APACHE_KAFKA, false),
  peer("share-tools", "Kafka's share group tools", "test/interop/groups/share-tools.interop.ts", APACHE_KAFKA, false),
  peer(
    "streams-tools",
    "Kafka's streams group tools",
    "test/interop/streams-groups/tools.interop.ts",
    APACHE_KAFKA,
    false,
  ),
  peer(
    "streams-groups",
    "Kafka Streams, group.protocol=streams",
    "test/interop/streams-groups/exactly-once.interop.ts",
    APACHE_KAFKA,
  ),
  peer("telemetry", "client metrics", "test/interop/telemetry.interop.ts", APACHE_KAFKA, false),
  peer("group-tools", "Kafka's group tools", "test/interop/groups/tools.interop.ts", APACHE_KAFKA, false),
];

function peer(name: string, title: string, file: string, version: VersionSource, runsOnApacheKafka = true): Peer {
  return { name, title, file, version, runsOnApacheKafka };
}

const read = (path: string) => readFileSync(join(projectRoot, path), "utf8");

/** What is tried; empty when the machine does not say. */
export async function versionOf({ version }: Peer): Promise<string> {
  if ("npm" in version) {
    const manifest = JSON.parse(read(join("node_modules", version.npm, "package.json"))) as { version: string };
    return manifest.version;
  }
  if ("python" in version) return found(read("test/interop/clients/requirements.txt"), `^${version.python}==(\\S+)`);
  if ("go" in version) return found(read("test/interop/clients/go/go.mod"), `${version.go} v(\\S+)`);
  if ("maven" in version) {
    return found(read("test/interop/support/apache-kafka.pom.xml"), `${version.maven}</artifactId><version>([^<]+)`);
  }
  const [command, ...args] = version.command;
  const output = await promisify(execFile)(command, args).catch(() => ({ stdout: "" }));
  return version.pattern.exec(output.stdout)?.[1]?.replace(/[(),]/g, "") ?? "";
}

function found(text: string, pattern: string): string {
  return new RegExp(pattern, "m").exec(text)?.[1] ?? "";
}
