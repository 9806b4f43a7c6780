/**
 * What a soak needs of a cluster, wherever its nodes run; and the cluster whose nodes share this process.
 */
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import type { MemoryReading } from "./memory-watch.ts";

export const NODES = 3;
export const PARTITIONS = 6;
export const TOPIC = "soak";

export interface SoakCluster {
  readonly bootstrapServers: string;
  /** From a node's end until another leads, for each partition it led. */
  readonly movesMs: readonly number[];
  /** Whether a kill can take the power too. */
  readonly canLosePower: boolean;
  addressOf(node: number): Promise<string>;
  /** Of each partition. */
  leaders(): Promise<readonly number[]>;
  /** Every replica is in sync. @throws Error not within the time. */
  inSync(timeoutMs: number): Promise<void>;
  kill(node: number, powerLoss: boolean): Promise<void>;
  restart(node: number): Promise<void>;
  pause(node: number): Promise<void>;
  resume(node: number): Promise<void>;
  cut(a: number, b: number, oneWay: boolean): Promise<void>;
  heal(): Promise<void>;
  /** What the nodes hold; undefined where that says nothing, as their disks are in it. */
  memory(): MemoryReading | undefined;
  /** Ends it; returns what it left behind. */
  end(): Promise<readonly string[]>;
}

export async function clusterInProcess(settings: Readonly<Record<string, string>>): Promise<SoakCluster> {
  const cluster: Cluster = await startCluster({ nodes: NODES, settings });
  await cluster.createTopic(TOPIC, {
    ...{ partitions: PARTITIONS, replicationFactor: NODES },
    configs: { "min.insync.replicas": "2" },
  });
  const movesMs: number[] = [];
  void (async () => {
    for await (const event of cluster.events) {
      if (event.type === "leader-moved" && event.msSinceDown !== undefined) movesMs.push(event.msSinceDown);
    }
  })();
  return {
    ...{ bootstrapServers: cluster.bootstrapServers, movesMs, canLosePower: true },
    addressOf: (node) => Promise.resolve(cluster.node(node).address),
    leaders: () =>
      Promise.resolve(Array.from({ length: PARTITIONS }, (_, partition) => cluster.leaderOf(TOPIC, partition))),
    inSync: (timeoutMs) => cluster.waitUntil.fullyReplicated(TOPIC, { timeoutMs }),
    kill: (node, powerLoss) => cluster.node(node).kill({ powerLoss }),
    restart: (node) => cluster.node(node).restart(),
    pause: (node) => cluster.node(node).pause(),
    resume: (node) => cluster.node(node).resume(),
    cut: async (a, b, oneWay) => cluster.network.cut(a, b, { oneWay }),
    heal: async () => cluster.network.heal(),
    memory: () => undefined,
    end: async () => {
      await cluster[Symbol.asyncDispose]();
      return [];
    },
  };
}
