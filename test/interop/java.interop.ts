/** The Java client, in a program of its own and in Kafka's console tools. */
import { fileURLToPath } from "node:url";
import { describe } from "vitest";
import { type ClientUnderTest, describeClient } from "../support/client-contract.ts";
import { CODECS } from "../support/cluster-probe.ts";
import { type ApacheKafka, findApacheKafka } from "./support/apache-kafka.ts";
import { isRecordLine, linesOf, memberOf, ProgramClient, recordOf } from "./support/program-client.ts";
import { describeWith } from "./support/toolchain.ts";

const SOURCE = fileURLToPath(new URL("clients/JavaClient.java", import.meta.url));
/** How a JVM ends that was asked to by SIGTERM. */
const ENDED_BY_SIGTERM = 143;

function consoleClient(kafka: ApacheKafka, bootstrapServers: string): ClientUnderTest {
  const broker = ["--bootstrap-server", bootstrapServers];
  const properties = ["print.partition=true", "print.offset=true", "print.key=true"];
  const printed = properties.flatMap((property) => ["--formatter-property", property]);
  // The formatter names what it prints: "Partition:0 TAB Offset:1 TAB key TAB value".
  const plain = (line: string) => line.replace(/^Partition:(\d+)\tOffset:(\d+)\t/, "$1\t$2\t");
  const consume = [...broker, "--from-beginning", ...printed];
  return {
    codecs: CODECS,
    createTopic: async (topic, partitions) => {
      const args = [...broker, "--create", "--topic", topic, "--partitions", String(partitions)];
      await kafka.run("org.apache.kafka.tools.TopicCommand", args);
    },
    produce: async (topic, codec, records) => {
      const reader = ["--reader-property", "parse.key=true", "--reader-property", "key.separator=\t"];
      const args = [...broker, "--topic", topic, "--compression-codec", codec, ...reader];
      await kafka.run("org.apache.kafka.tools.ConsoleProducer", args, { input: linesOf(records) });
    },
    readAlone: async (topic, count) => {
      const args = [...consume, "--topic", topic, "--max-messages", String(count)];
      const output = await kafka.run("org.apache.kafka.tools.consumer.ConsoleConsumer", args);
      return output.split("\n").map(plain).filter(isRecordLine).map(recordOf);
    },
    join: async (topic, group, receive) => {
      const args = [...consume, "--topic", topic, "--group", group];
      const program = kafka.start("org.apache.kafka.tools.consumer.ConsoleConsumer", args);
      const leave = () => program.child.kill("SIGTERM");
      return memberOf(program, receive, leave, [0, ENDED_BY_SIGTERM], plain);
    },
  };
}

describeWith("Java", await findApacheKafka(), (kafka) => {
  describe("a program with the Java client", () => {
    describeClient(
      async (bootstrapServers) =>
        new ProgramClient({ ...(await kafka.compile(SOURCE)), codecs: CODECS }, bootstrapServers),
      CODECS,
    );
  });
  describe("console producer and consumer", () => {
    describeClient((bootstrapServers) => consoleClient(kafka, bootstrapServers), CODECS);
  });
});
