/**
 * Kafka Streams with exactly_once_v2, as it is, on three nodes that are killed while it runs.
 *
 * Owns: the application (StreamsExactlyOnce.java), what it runs on, what it is fed while nodes are killed, and its whole output.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Kafka, logLevel } from "kafkajs";
import { expect } from "vitest";
import { type Cluster, startCluster } from "../../../cluster/start-cluster.ts";
import { startBrokerUnderTest } from "../../support/broker-under-test.ts";
import { ClusterProbe } from "../../support/cluster-probe.ts";
import { Program } from "../../support/programs.ts";
import { type ReadRecord, readPartition } from "../../support/read-partition.ts";
import { WireAsker } from "../../support/wire-asker.ts";
import type { ApacheKafka } from "./apache-kafka.ts";

const SOURCE = fileURLToPath(new URL("../clients/StreamsExactlyOnce.java", import.meta.url));
const PARTITIONS = 3;
/** Rounds of input, each of so many records; nodes are killed between them. */
export const ROUNDS = 9;
export const PER_ROUND = 40;
const PATIENCE_MS = 60_000;
/** Apache Kafka is tried as one node that nobody kills. */
const isApacheKafka = process.env.INTEROP_BROKER === "apache-kafka";

export type Topology = "words" | "copy";
export type GroupProtocol = "classic" | "streams";

/** A Streams application, until it is stopped. */
export class Application implements AsyncDisposable {
  readonly states: string[] = [];
  readonly program: Program;
  private readonly folder: string;

  private constructor(program: Program, folder: string) {
    this.program = program;
    this.folder = folder;
    program.onLine((line) => {
      if (line.startsWith("state ")) this.states.push(line.slice("state ".length));
    });
  }

  static async start(
    kafka: ApacheKafka,
    { bootstrapServers }: Pick<Place, "bootstrapServers">,
    topology: Topology,
    protocol: GroupProtocol,
  ): Promise<Application> {
    const folder = await mkdtemp(join(tmpdir(), "streams-"));
    const { command, args } = await kafka.compile(SOURCE);
    const own = [bootstrapServers, `app-${topology}`, folder, protocol, topology];
    return new Application(new Program(command, [...args, ...own]), folder);
  }

  async running(): Promise<void> {
    await until(
      "Streams runs",
      () => this.states.includes("RUNNING"),
      () => this.program.errors,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.program.child.stdin?.end();
    await this.program.ended(60_000);
    await rm(this.folder, { recursive: true, force: true });
  }
}

export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  detail: () => string,
): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}: ${detail()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** What Streams runs on: nodes that may be killed, or one that is not ours. */
export interface Place extends AsyncDisposable {
  readonly bootstrapServers: string;
  readonly cluster: Cluster | undefined;
  createTopic(topic: string): Promise<void>;
  leaderOf(topic: string, partition: number): string;
}

export async function placeOf(): Promise<Place> {
  if (isApacheKafka) {
    const broker = await startBrokerUnderTest();
    const probe = new ClusterProbe(broker.bootstrapServers);
    return {
      bootstrapServers: broker.bootstrapServers,
      cluster: undefined,
      createTopic: (topic) => probe.createTopic(topic, PARTITIONS),
      leaderOf: () => broker.bootstrapServers,
      [Symbol.asyncDispose]: async () => {
        await probe.close();
        await broker.stop();
      },
    };
  }
  const cluster = await startCluster({ nodes: 3, settings: { "offsets.topic.num.partitions": 5 } });
  return {
    bootstrapServers: cluster.bootstrapServers,
    cluster,
    createTopic: (topic) =>
      cluster.createTopic(topic, { partitions: PARTITIONS, configs: { "min.insync.replicas": "2" } }),
    leaderOf: (topic, partition) => cluster.node(cluster.leaderOf(topic, partition)).address,
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}

/** All of a topic that is committed, partition by partition; nothing while a leader is away. */
async function readAll(place: Place, topic: string): Promise<ReadRecord[][]> {
  const all: ReadRecord[][] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const [host = "", port = ""] = place.leaderOf(topic, partition).split(":");
    using asker = await WireAsker.open({ host, port: Number(port) });
    all.push([...(await readPartition(asker, topic, partition)).records]);
  }
  return all;
}

/** Produces the input round by round, with a node killed and brought back between rounds; what was sent. */
async function feed(
  { bootstrapServers, cluster }: Place,
  value: (i: number) => string,
): Promise<{ key: string; value: string }[]> {
  const kafka = new Kafka({
    brokers: bootstrapServers.split(","),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 20, retries: 500, maxRetryTime: 100 },
  });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const sent: { key: string; value: string }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const some = Array.from({ length: PER_ROUND }, (_, i) => {
      return { key: `key${i % 7}`, value: value(round * PER_ROUND + i) };
    });
    // A key, and so a partition, at a time: kafkajs forgets a partition whose leader moves to a broker that has answered it already.
    for (const key of new Set(some.map((record) => record.key))) {
      await producer.send({ topic: "in", acks: -1, messages: some.filter((record) => record.key === key) });
    }
    sent.push(...some);
    if (round % 3 !== 1 || cluster === undefined) continue;
    const victim = 1 + (((round - 1) / 3) % 3);
    await cluster.node(victim).kill();
    await cluster.waitUntil.nodeFenced(victim);
    await cluster.node(victim).restart();
    await cluster.waitUntil.fullyReplicated(undefined, { timeoutMs: 60_000 });
  }
  await producer.disconnect();
  return sent;
}

export interface Run {
  readonly sent: readonly { readonly key: string; readonly value: string }[];
  /** By partition. */
  readonly output: ReadRecord[][];
}

/** Runs an application until its output has so many records. */
export async function runApplication(
  kafka: ApacheKafka,
  protocol: GroupProtocol,
  topology: Topology,
  value: (i: number) => string,
  expected: number,
): Promise<Run> {
  await using place = await placeOf();
  for (const topic of ["in", "out"]) await place.createTopic(topic);
  await using application = await Application.start(kafka, place, topology, protocol);
  await application.running();
  const sent = await feed(place, value);
  let output: ReadRecord[][] = [];
  const whole = async (): Promise<boolean> => {
    output = await readAll(place, "out").catch(() => []);
    return output.flat().length >= expected;
  };
  const detail = () =>
    `${output.flat().length} of ${expected}; ${application.states.join(" ")}; ${application.program.errors}`;
  await until("the output is whole", whole, detail);
  expect(application.program.child.exitCode).toBeNull();
  return { sent, output };
}
