/**
 * What befalls the cluster while the workload runs, drawn from the seed: nodes are killed and come back.
 */
import type { Cluster } from "../../cluster/start-cluster.ts";
import type { Random } from "../../storage/random.ts";

export interface FaultCounts {
  kills: number;
}

export interface FaultPace {
  /** Quiet between two faults, at least and at most. */
  readonly quietMs: readonly [number, number];
  /** How long a killed node stays away, at most. */
  readonly awayMs: number;
}

/** Brings fault after fault until it is told to stop; the cluster is whole again when it ends. */
export async function bringFaults(
  cluster: Cluster,
  random: Random,
  pace: FaultPace,
  counts: FaultCounts,
  stopped: () => boolean,
): Promise<void> {
  const [least, most] = pace.quietMs;
  while (!stopped()) {
    await pause(least + random.below(most - least + 1), stopped);
    if (stopped()) return;
    const victim = 1 + random.below(cluster.nodes.length);
    await cluster.node(victim).kill();
    counts.kills++;
    await cluster.waitUntil.nodeFenced(victim, { timeoutMs: 30_000 });
    await pause(random.below(pace.awayMs + 1), stopped);
    await cluster.node(victim).restart();
    await cluster.waitUntil.fullyReplicated(undefined, { timeoutMs: 60_000 });
  }
}

async function pause(forMs: number, stopped: () => boolean): Promise<void> {
  const until = performance.now() + forMs;
  while (performance.now() < until && !stopped()) await new Promise((resolve) => setTimeout(resolve, 10));
}
