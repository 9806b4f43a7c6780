/**
 * A cluster of Apache Kafka nodes, each broker and controller in one: the reference that tests are tried on.
 *
 * Owns: settings, formatting, ports. Everything lies in a folder of the caller's.
 */
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import type { BrokerUnderTest } from "../../support/broker-under-test.ts";
import type { Program } from "../../support/programs.ts";
import type { ApacheKafka } from "./apache-kafka.ts";

const START_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 60_000;
const CLUSTER_ID = "AAAAAAAAAAAAAAAAAAAAAQ";

export interface ApacheKafkaOptions {
  readonly nodes?: number;
  /** Settings besides, for every node. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Starts a cluster with its data below `folder`, and resolves when every broker listens. */
export async function startApacheKafka(
  kafka: ApacheKafka,
  folder: string,
  { nodes = 1, settings = {} }: ApacheKafkaOptions = {},
): Promise<BrokerUnderTest> {
  const ports = await freePorts(2 * nodes);
  const brokerPorts = ports.slice(0, nodes);
  const voters = ports.slice(nodes).map((port, i) => `${i + 1}@127.0.0.1:${port}`);
  const programs: Program[] = [];
  const stop = async () => {
    for (const program of programs) program.child.kill("SIGTERM");
    await Promise.all(programs.map((program) => program.ended(STOP_TIMEOUT_MS)));
  };
  for (const [i, port] of brokerPorts.entries()) {
    const file = join(folder, `${i + 1}.properties`);
    await writeFile(file, propertiesOf(i + 1, port, ports[nodes + i] as number, voters, folder, nodes, settings));
    await kafka.run("kafka.tools.StorageTool", ["format", "-t", CLUSTER_ID, "-c", file]);
    programs.push(kafka.start("kafka.Kafka", [file]));
  }
  try {
    for (const [i, port] of brokerPorts.entries()) await listens(port, programs[i] as Program);
  } catch (error) {
    await stop();
    throw error;
  }
  return { bootstrapServers: brokerPorts.map((port) => `127.0.0.1:${port}`).join(","), stop };
}

/** The settings of one node of a cluster, as a file. */
export function propertiesOf(
  node: number,
  port: number,
  controllerPort: number,
  voters: readonly string[],
  folder: string,
  nodes: number,
  settings: Readonly<Record<string, string>>,
): string {
  const replicas = String(Math.min(nodes, 3));
  const minInSync = String(Math.min(nodes, 2));
  const all: Record<string, string> = {
    "process.roles": "broker,controller",
    "node.id": String(node),
    "controller.quorum.voters": voters.join(","),
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "controller.listener.names": "CONTROLLER",
    "log.dirs": join(folder, String(node)),
    "offsets.topic.replication.factor": replicas,
    "offsets.topic.num.partitions": "5",
    "transaction.state.log.replication.factor": replicas,
    "transaction.state.log.min.isr": minInSync,
    "share.coordinator.state.topic.replication.factor": replicas,
    "share.coordinator.state.topic.min.isr": minInSync,
    "group.initial.rebalance.delay.ms": "0",
    ...settings,
  };
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

/** Ports that nobody uses now. Kafka must know them before it starts, so another process may take one meanwhile. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  for (let i = 0; i < count; i++) {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    servers.push(server);
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Resolves when the program accepts connections. */
export async function listens(port: number, program: Program): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await canConnect(port))) {
    const ended = program.child.exitCode !== null;
    if (ended || performance.now() > deadline)
      throw new Error(`Apache Kafka ${ended ? "ended" : "does not listen"}: ${program.errors}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
