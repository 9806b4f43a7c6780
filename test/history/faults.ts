/**
 * What befalls the cluster while the workload runs, drawn from the seed: nodes are killed, stand still, and are cut off each other and
 * the controller; one thing after another, with quiet between.
 */
import type { Cluster } from "../../cluster/start-cluster.ts";
import type { Random } from "../../storage/random.ts";

export interface FaultCounts {
  kills: number;
  pauses: number;
  cuts: number;
}

export interface FaultPace {
  /** Quiet between two faults, at least and at most. */
  readonly quietMs: readonly [number, number];
  /** How long a fault lasts, at most. */
  readonly lastsMs: number;
}

const TIMEOUTS = { timeoutMs: 60_000 };
/** Of a hundred faults; the rest are cuts. */
const KILLS = 50;
const PAUSES = 25;
/** Kills come at least this often, whatever is drawn. */
const MOST_MS_PER_KILL = 8000;

/** Brings fault after fault until it is told to stop; the cluster is whole again when it ends. */
export async function bringFaults(
  cluster: Cluster,
  random: Random,
  pace: FaultPace,
  counts: FaultCounts,
  stopped: () => boolean,
): Promise<void> {
  const [least, most] = pace.quietMs;
  const startedMs = performance.now();
  while (!stopped()) {
    await quiet(least + random.below(most - least + 1), stopped);
    if (stopped()) return;
    const node = 1 + random.below(cluster.nodes.length);
    const lasts = () => quiet(random.below(pace.lastsMs + 1), stopped);
    const dice = random.below(100);
    const isDue = performance.now() - startedMs > (counts.kills + 1) * MOST_MS_PER_KILL;
    if (dice < KILLS || isDue) await kill(cluster, node, counts, lasts);
    else if (dice < KILLS + PAUSES) await pause(cluster, node, counts, lasts);
    else await cut(cluster, node, random, counts, lasts);
    await cluster.waitUntil.fullyReplicated(undefined, TIMEOUTS);
  }
}

type Lasts = () => Promise<void>;

async function kill(cluster: Cluster, node: number, counts: FaultCounts, lasts: Lasts): Promise<void> {
  counts.kills++;
  await cluster.node(node).kill();
  await cluster.waitUntil.nodeFenced(node, TIMEOUTS);
  await lasts();
  await cluster.node(node).restart();
}

async function pause(cluster: Cluster, node: number, counts: FaultCounts, lasts: Lasts): Promise<void> {
  counts.pauses++;
  await cluster.node(node).pause();
  await lasts();
  await cluster.node(node).resume();
}

/** Between a node and another, or its controller, in one direction or both. */
async function cut(cluster: Cluster, node: number, random: Random, counts: FaultCounts, lasts: Lasts): Promise<void> {
  counts.cuts++;
  const others = ["controller" as const, ...cluster.nodes.map(({ id }) => id).filter((id) => id !== node)];
  const other = others[random.below(others.length)] ?? "controller";
  cluster.network.cut(node, other, { oneWay: random.below(2) === 0 });
  await lasts();
  cluster.network.heal();
}

async function quiet(forMs: number, stopped: () => boolean): Promise<void> {
  const until = performance.now() + forMs;
  while (performance.now() < until && !stopped()) await new Promise((resolve) => setTimeout(resolve, 10));
}
