/**
 * One soak: a cluster of three, a producer in a process of its own, nodes killed and started again one after another, and what is
 * left of the producer's records in the end.
 *
 * Owns: the misfortunes, drawn from the seed. The run itself is not the same twice: clients and sockets are real.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ElectLeaders } from "../../protocol/messages/elect-leaders.ts";
import { Program } from "../../test/support/programs.ts";
import { SeededRandom } from "../../test/support/seeded-random.ts";
import { WireClient } from "../../test/support/wire-client.ts";
import type { SoakClient } from "./clients.ts";
import { Ledger, type Verdict } from "./ledger.ts";
import { type MemoryGrowth, MemoryWatch } from "./memory-watch.ts";
import { type Misfortune, misfortune } from "./misfortunes.ts";
import { clusterOfProcesses } from "./process-cluster.ts";
import { readBack } from "./read-back.ts";
import { clusterInProcess, NODES, PARTITIONS, type SoakCluster, TOPIC } from "./soak-cluster.ts";

/** A client that has not begun by then never will. */
const BEGIN_TIMEOUT_MS = 30_000;
const END_TIMEOUT_MS = 90_000;
const IN_SYNC_TIMEOUT_MS = 30_000;
/** One kill in so many takes the power too. */
const POWER_LOSS_IN = 4;
/** With pauses and cuts in it: deadlines that a soak can wait for. */
const SETTINGS: Readonly<Record<string, string>> = {
  "broker.session.timeout.ms": "3000",
  "broker.heartbeat.interval.ms": "500",
  "replica.lag.time.max.ms": "2000",
};

export interface SoakOptions {
  readonly client: SoakClient;
  readonly seconds: number;
  readonly seed: number;
  /** Each node a process of its own. */
  readonly processes: boolean;
  /** Nodes are paused and ways cut, besides. */
  readonly faults: boolean;
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
  /** Pauses and cuts. */
  readonly misfortunes: readonly Misfortune[];
  /** Undefined where it was not measured. */
  readonly memory: MemoryGrowth | undefined;
  readonly verdict: Verdict;
  /** Longest time without acknowledgement, for each partition of each killed leader. */
  readonly gapsMs: readonly number[];
  /** From a kill until another leads, for each partition. */
  readonly movesMs: readonly number[];
  /** What must not have happened besides. */
  readonly complaints: readonly string[];
}

export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const settings = options.faults ? SETTINGS : {};
  const cluster = await (options.processes ? clusterOfProcesses(settings) : clusterInProcess(settings));
  try {
    const result = await soak(cluster, options);
    return { ...result, complaints: [...result.complaints, ...(await cluster.end())] };
  } catch (error) {
    await cluster.end();
    throw error;
  }
}

async function soak(cluster: SoakCluster, options: SoakOptions): Promise<SoakResult> {
  const { client, seconds, say } = options;
  const ledger = new Ledger(PARTITIONS);
  const program = new Program(client.command, [...client.args, cluster.bootstrapServers, TOPIC, String(PARTITIONS)]);
  program.onLine((line) => ledger.take(line));
  await begun(ledger, program);
  const startedMs = performance.now();
  const memory = new MemoryWatch();
  const happened = await mishaps(
    cluster,
    options,
    () => performance.now() - startedMs < seconds * 1000,
    () => memory.take(performance.now() - startedMs, cluster.memory()),
  );
  const { kills, misfortunes } = happened;
  const ranMs = performance.now() - startedMs;
  const endMs = Date.now();
  program.child.stdin?.end();
  const complaints: string[] = [];
  const code = await program.ended(END_TIMEOUT_MS);
  if (code !== 0) complaints.push(`the client ended with ${code}: ${program.errors}`);
  await cluster.inSync(IN_SYNC_TIMEOUT_MS);
  say("reading back");
  const addresses = await Promise.all((await cluster.leaders()).map((leader) => cluster.addressOf(leader)));
  const stored = await readBack(TOPIC, addresses);
  const gapsMs = kills.flatMap(({ led, atMs }, index) =>
    led.map((partition) => ledger.longestGapMs(partition, atMs, kills[index + 1]?.atMs ?? endMs)),
  );
  return {
    ...{ seconds: ranMs / 1000, kills, misfortunes, gapsMs, movesMs: cluster.movesMs },
    memory: memory.growth,
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

async function mishaps(
  cluster: SoakCluster,
  options: SoakOptions,
  goesOn: () => boolean,
  allInSync: () => void,
): Promise<Pick<SoakResult, "kills" | "misfortunes">> {
  const random = new SeededRandom(options.seed);
  const kills: Kill[] = [];
  const misfortunes: Misfortune[] = [];
  const startMs = Date.now();
  const say = (what: string): void => options.say(`${((Date.now() - startMs) / 1000).toFixed(1)} s: ${what}`);
  let turn: number[] = [];
  while (goesOn()) {
    await cluster.inSync(IN_SYNC_TIMEOUT_MS);
    allInSync();
    if (random.oneIn(2)) await electPreferredLeaders(cluster);
    await sleep(300 + random.below(1200));
    if (options.faults && random.oneIn(2)) {
      misfortunes.push(await misfortune(cluster, random, say));
      continue;
    }
    if (turn.length === 0) turn = shuffled(random);
    const node = turn.shift() as number;
    const powerLoss = cluster.canLosePower && random.oneIn(POWER_LOSS_IN);
    const leaders = await cluster.leaders();
    const led = [...leaders.keys()].filter((partition) => leaders[partition] === node);
    const atMs = Date.now();
    await cluster.kill(node, powerLoss);
    kills.push({ node, powerLoss, atMs, led });
    say(`node ${node} ${powerLoss ? "loses its power" : "is killed"}; it led ${led.length} partitions`);
    await sleep(300 + random.below(1500));
    await cluster.restart(node);
  }
  return { kills, misfortunes };
}

function shuffled(random: SeededRandom): number[] {
  const left = Array.from({ length: NODES }, (_, index) => index + 1);
  const order: number[] = [];
  while (left.length > 0) order.push(...left.splice(random.below(left.length), 1));
  return order;
}

/** Leadership goes back where it belongs: every node leads something again, and a move without a death is seen too. */
async function electPreferredLeaders(cluster: SoakCluster): Promise<void> {
  const client = await WireClient.connect(await cluster.addressOf(1));
  try {
    await client.request(ElectLeaders, 2, { electionType: 0, topicPartitions: null, timeoutMs: 10_000 });
  } finally {
    client.close();
  }
}
