/**
 * A cluster in a process of its own, so that its work is not the load's: started by cluster.ts, driven by messages.
 *
 * Owns: what is measured from inside: processor time, memory, and how long its own calls take.
 */
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";

export interface ServerOptions {
  readonly nodes: number;
  /** In memory when left out. */
  readonly dataDirectory?: string;
}

/** What cluster.ts asks, by name. */
export type ServerRequest =
  | { readonly ask: "usage" }
  | { readonly ask: "topic"; readonly name: string; readonly partitions: number; readonly replicationFactor: number }
  | { readonly ask: "replicated"; readonly name: string }
  | { readonly ask: "kill"; readonly node: number }
  | { readonly ask: "restart"; readonly node: number };

export interface Usage {
  readonly cpuMs: number;
  readonly residentBytes: number;
}

export interface ServerReady {
  readonly startMs: number;
  readonly bootstrapServers: string;
}

async function answer(cluster: Cluster, request: ServerRequest): Promise<unknown> {
  const startedMs = performance.now();
  switch (request.ask) {
    case "usage": {
      const { user, system } = process.cpuUsage();
      return { cpuMs: (user + system) / 1000, residentBytes: process.memoryUsage.rss() } satisfies Usage;
    }
    case "topic": {
      const { name, partitions, replicationFactor } = request;
      await cluster.createTopic(name, { partitions, replicationFactor });
      return performance.now() - startedMs;
    }
    case "replicated":
      await cluster.waitUntil.fullyReplicated(request.name, { timeoutMs: 60_000 });
      return performance.now() - startedMs;
    case "kill":
      return cluster.node(request.node).kill();
    case "restart":
      return cluster.node(request.node).restart();
  }
}

const options = JSON.parse(process.argv[2] ?? "{}") as ServerOptions;
const startedMs = performance.now();
const cluster = await startCluster(options);
const ready: ServerReady = { startMs: performance.now() - startedMs, bootstrapServers: cluster.bootstrapServers };
process.send?.(ready);
process.on("message", (request: ServerRequest) => {
  void answer(cluster, request).then((result) => process.send?.({ result }));
});
process.on("disconnect", () => process.exit(0));
