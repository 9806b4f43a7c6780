/** R152, R157 with clients of other languages: a group outlives a member and the node of its coordinator. */
import { fileURLToPath } from "node:url";
import { describe } from "vitest";
import { type GroupClient, MEMBER_SESSION_MS, RANGE, testGroupFailover } from "../../support/group-failover.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { findGoClient } from "../support/go.ts";
import { type ClientProgram, ProgramClient } from "../support/program-client.ts";
import { findPython } from "../support/python.ts";
import { describeWith, Missing } from "../support/toolchain.ts";

const SOURCE = fileURLToPath(new URL("../clients/JavaClient.java", import.meta.url));

function members(program: Pick<ClientProgram, "command" | "args" | "options">, assignor?: string): GroupClient["join"] {
  const env = {
    ...program.options?.env,
    SESSION_TIMEOUT_MS: String(MEMBER_SESSION_MS),
    ...(assignor === undefined ? {} : { ASSIGNOR: assignor }),
  };
  const member = { ...program, options: { ...program.options, env }, codecs: [] };
  return (bootstrapServers, ...rest) => new ProgramClient(member, bootstrapServers).join(...rest);
}

/** The consumer protocol (KIP-848): what members get is the coordinator's to say. */
function testConsumerProtocol(program: Pick<ClientProgram, "command" | "args" | "options">): void {
  const env = { ...program.options?.env, GROUP_PROTOCOL: "consumer" };
  const member = { ...program, options: { ...program.options, env } };
  const protocol = "consumer";
  testGroupFailover("consumer protocol, uniform", { protocol, join: members(member, "uniform"), isSticky: true });
  testGroupFailover("consumer protocol, range", { protocol, join: members(member, "range"), assignments: RANGE });
}

const python = await findPython();
const kafka = await findApacheKafka();
const javaProgram = kafka instanceof Missing ? kafka : await kafka.compile(SOURCE);
const [franzGo, sarama, kafkaGo] = await Promise.all(["franz-go", "sarama", "kafka-go"].map(findGoClient));

describe("R152, R157: a member is killed, its coordinator's node is killed, a member is added; nothing is lost", () => {
  describeWith("librdkafka", python, (found) => {
    const program = found.program("confluent_kafka_client.py");
    testGroupFailover("eager", { join: members(program, "range"), assignments: RANGE });
    testGroupFailover("cooperative-sticky", { join: members(program, "cooperative-sticky"), isSticky: true });
    testConsumerProtocol(program);
  });
  describeWith("Java", javaProgram, (program) => {
    testGroupFailover("classic, range", {
      join: members(program, "org.apache.kafka.clients.consumer.RangeAssignor"),
      assignments: RANGE,
    });
    testGroupFailover("classic, cooperative-sticky", {
      join: members(program, "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"),
      isSticky: true,
    });
    testConsumerProtocol(program);
  });
  describeWith("franz-go", franzGo as string | Missing, (command) => {
    testGroupFailover("cooperative-sticky", { join: members({ command }), isSticky: true });
    testConsumerProtocol({ command });
  });
  describeWith("Sarama", sarama as string | Missing, (command) =>
    testGroupFailover("range", { join: members({ command }), assignments: RANGE }),
  );
  describeWith("kafka-go", kafkaGo as string | Missing, (command) =>
    testGroupFailover("range", { join: members({ command }), assignments: RANGE }),
  );
});
