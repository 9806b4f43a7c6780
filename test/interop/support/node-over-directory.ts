/**
 * A node over a data directory that changes hands: Odradek's, or Apache Kafka's over what Odradek left, and back.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Address } from "../../../broker/network/network.ts";
import { startCommand } from "../../support/odradek-command.ts";
import type { ApacheKafka } from "./apache-kafka.ts";
import { freePorts, listens } from "./apache-kafka-cluster.ts";

export interface RunningNode {
  readonly address: Address;
  end(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
}

/** Odradek, as its command starts it. */
export async function odradekOver(folder: string): Promise<RunningNode> {
  const settings = ["log.cleaner.backoff.ms=50", "offsets.topic.num.partitions=3"].flatMap((one) => ["--set", one]);
  const running = await startCommand(["start", "--port", "0", "--data-dir", folder, ...settings]);
  const [bootstrap = ""] = await running.ready;
  return {
    address: addressOf(bootstrap),
    end: async (signal) => {
      running.process.kill(signal);
      await running.ended;
    },
  };
}

/** Apache Kafka as node 1, over a directory that is there. @param folder for its settings. */
export async function apacheKafkaOver(kafka: ApacheKafka, directory: string, folder: string): Promise<RunningNode> {
  const [port = 0, controllerPort = 0] = await freePorts(2);
  const properties = join(folder, "server.properties");
  const settings = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "controller.listener.names": "CONTROLLER",
    "log.dirs": directory,
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "3",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(properties, lines.join(""));
  const program = kafka.start("kafka.Kafka", [properties]);
  await listens(port, program);
  return {
    address: { host: "127.0.0.1", port },
    end: async (signal) => {
      program.child.kill(signal);
      await program.ended(60_000);
    },
  };
}

function addressOf(bootstrap: string): Address {
  const [host = "", port = ""] = bootstrap.split(":");
  return { host, port: Number(port) };
}
