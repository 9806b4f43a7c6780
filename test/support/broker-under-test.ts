/**
 * The broker that clients are tried on: `odradek start` on an ephemeral port, or whatever the environment names instead.
 *
 * INTEROP_BOOTSTRAP=host:port[,...]  a cluster that runs already and is left running
 * INTEROP_BROKER=apache-kafka       Apache Kafka 4.3.1: what the tests themselves are tried on
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeBuiltPackage, startCommand } from "./odradek-command.ts";

export interface BrokerUnderTest {
  readonly bootstrapServers: string;
  stop(): Promise<void>;
}

const STOP_TIMEOUT_MS = 20_000;

export async function startBrokerUnderTest(): Promise<BrokerUnderTest> {
  const given = process.env.INTEROP_BOOTSTRAP;
  if (given !== undefined) return { bootstrapServers: given, stop: async () => {} };
  const folder = await mkdtemp(join(tmpdir(), "odradek-interop-"));
  const broker =
    process.env.INTEROP_BROKER === "apache-kafka" ? await startApacheKafkaIn(folder) : await startIn(folder);
  return {
    bootstrapServers: broker.bootstrapServers,
    stop: async () => {
      await broker.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startIn(folder: string): Promise<BrokerUnderTest> {
  const settings = ["group.initial.rebalance.delay.ms=0"];
  const args = ["start", "--port", "0", "--data-dir", folder, ...settings.flatMap((setting) => ["--set", setting])];
  const command = await startCommand(args);
  const bootstrapServers = (await command.ready).join(",");
  return {
    bootstrapServers,
    stop: async () => {
      command.process.kill("SIGTERM");
      const tooLong = setTimeout(() => command.process.kill("SIGKILL"), STOP_TIMEOUT_MS);
      const { exitCode, signal, stderr } = await command.ended;
      clearTimeout(tooLong);
      await removeBuiltPackage();
      if (exitCode !== 0) throw new Error(`odradek ended with ${exitCode ?? signal}: ${stderr.slice(-4000)}`);
    },
  };
}

async function startApacheKafkaIn(folder: string): Promise<BrokerUnderTest> {
  const { findApacheKafka } = await import("../interop/support/apache-kafka.ts");
  const { startApacheKafka } = await import("../interop/support/apache-kafka-cluster.ts");
  const { Missing } = await import("../interop/support/toolchain.ts");
  const kafka = await findApacheKafka();
  if (kafka instanceof Missing) throw new Error(kafka.reason);
  return startApacheKafka(kafka, folder);
}
