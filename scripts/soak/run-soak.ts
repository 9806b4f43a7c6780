/**
 * One soak: a cluster of three, a producer in a process of its own, nodes killed and started again one after another, and what is
 * left of the producer's records in the end.
 *
 * Owns: the misfortunes, drawn from the seed. The run itself is not the same twice: clients and sockets are real.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { ElectLeaders } from "../../protocol/messages/elect-leaders.ts";
import { Program } from "../../test/support/programs.ts";
import { SeededRandom } from "../../test/support/seeded-random.ts";
import { WireClient } from "../../test/support/wire-client.ts";
import type { SoakClient } from "./clients.ts";
import { Ledger, type Verdict } from "./ledger.ts";
import { readBack } from "./read-back.ts";

const NODES = 3;
const PARTITIONS = 6;
const TOPIC = "soak";
/** A client that has not begun by then never will. */
const BEGIN_TIMEOUT_MS = 30_000;
const END_TIMEOUT_MS = 90_000;
const IN_SYNC_TIMEOUT_MS = 30_000;
/** One kill in so many takes the power too. */
const POWER_LOSS_IN = 4;

export interface SoakOptions {
  readonly client: SoakClient;
  readonly seconds: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

interface Kill {
  readonly node: number;
  readonly powerLoss: boolean;
  readonly atMs: number;
  /** Partitions it led. */
  readonly led: readonly number[];
}

export interface SoakResult {
  readonly seconds: number;
  readonly kills: readonly Kill[];
  readonly verdict: Verdict;
  /** Longest time without acknowledgement, for each partition of each killed leader. */
  readonly gapsMs: readonly number[];
  /** From a kill until another leads, for each partition. */
  readonly movesMs: readonly number[];
  /** What must not have happened besides. */
  readonly complaints: readonly string[];
}

export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const { client, seconds, say } = options;
  await using cluster = await startCluster({ nodes: NODES });
  await cluster.createTopic(TOPIC, {
    ...{ partitions: PARTITIONS, replicationFactor: NODES },
    configs: { "min.insync.replicas": "2" },
  });
  const ledger = new Ledger(PARTITIONS);
  const movesMs: number[] = [];
  void (async () => {
    for await (const event of cluster.events) {
      if (event.type === "leader-moved" && event.msSinceDown !== undefined) movesMs.push(event.msSinceDown);
    }
  })();
  const program = new Program(client.command, [...client.args, cluster.bootstrapServers, TOPIC, String(PARTITIONS)]);
  program.onLine((line) => ledger.take(line));
  await begun(ledger, program);
  const startedMs = performance.now();
  const kills = await killInTurn(cluster, options, () => performance.now() - startedMs < seconds * 1000);
  const ranMs = performance.now() - startedMs;
  const endMs = Date.now();
  program.child.stdin?.end();
  const complaints: string[] = [];
  const code = await program.ended(END_TIMEOUT_MS);
  if (code !== 0) complaints.push(`the client ended with ${code}: ${program.errors}`);
  await cluster.waitUntil.fullyReplicated(TOPIC, { timeoutMs: IN_SYNC_TIMEOUT_MS });
  say("reading back");
  const leaders = Array.from({ length: PARTITIONS }, (_, partition) => cluster.leaderOf(TOPIC, partition));
  const stored = await readBack(
    TOPIC,
    leaders.map((leader) => cluster.node(leader).address),
  );
  const gapsMs = kills.flatMap(({ led, atMs }, index) =>
    led.map((partition) => ledger.longestGapMs(partition, atMs, kills[index + 1]?.atMs ?? endMs)),
  );
  return {
    ...{ seconds: ranMs / 1000, kills, gapsMs, movesMs },
    verdict: ledger.verdict(stored),
    complaints: [...complaints, ...ledger.complaints],
  };
}

/** Every partition has had its first acknowledgement. @throws Error when the client does not get there. */
async function begun(ledger: Ledger, program: Program): Promise<void> {
  const deadlineMs = performance.now() + BEGIN_TIMEOUT_MS;
  while (ledger.leastAcknowledged === 0) {
    if (performance.now() > deadlineMs || program.child.exitCode !== null) {
      throw new Error(`the client acknowledges nothing: ${program.errors}`);
    }
    await sleep(20);
  }
}

async function killInTurn(cluster: Cluster, options: SoakOptions, goesOn: () => boolean): Promise<Kill[]> {
  const random = new SeededRandom(options.seed);
  const kills: Kill[] = [];
  const startMs = Date.now();
  let turn: number[] = [];
  while (goesOn()) {
    await cluster.waitUntil.fullyReplicated(TOPIC, { timeoutMs: IN_SYNC_TIMEOUT_MS });
    if (random.oneIn(2)) await electPreferredLeaders(cluster);
    await sleep(300 + random.below(1200));
    if (turn.length === 0) turn = shuffled(random);
    const node = turn.shift() as number;
    const powerLoss = random.oneIn(POWER_LOSS_IN);
    const led = Array.from({ length: PARTITIONS }, (_, partition) => partition).filter(
      (partition) => cluster.leaderOf(TOPIC, partition) === node,
    );
    const atMs = Date.now();
    await cluster.node(node).kill({ powerLoss });
    kills.push({ node, powerLoss, atMs, led });
    const how = powerLoss ? "loses its power" : "is killed";
    options.say(`${((atMs - startMs) / 1000).toFixed(1)} s: node ${node} ${how}; it led ${led.length} partitions`);
    await sleep(300 + random.below(1500));
    await cluster.node(node).restart();
  }
  return kills;
}

function shuffled(random: SeededRandom): number[] {
  const left = Array.from({ length: NODES }, (_, index) => index + 1);
  const order: number[] = [];
  while (left.length > 0) order.push(...left.splice(random.below(left.length), 1));
  return order;
}

/** Leadership goes back where it belongs: every node leads something again, and a move without a death is seen too. */
async function electPreferredLeaders(cluster: Cluster): Promise<void> {
  const client = await WireClient.connect(cluster.node(1).address);
  try {
    await client.request(ElectLeaders, 2, { electionType: 0, topicPartitions: null, timeoutMs: 10_000 });
  } finally {
    client.close();
  }
}
