/**
 * What replication costs: the same load at replication factors 1 and 3, in memory and on disk; how fast a cluster starts, fails over
 * and makes a thousand partitions, and what it holds and burns when idle.
 *
 * Owns: that the cluster is a process of its own, so that the processor time is the cluster's alone. `npm run soak` has failover
 * with real clients; `npm run bench -- kafka` the same rows beside Apache Kafka.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startCluster } from "../../cluster/start-cluster.ts";
import { builtPackage, removeBuiltPackage } from "../../test/support/odradek-command.ts";
import { leadersOf, PartitionLoad } from "./cluster-load.ts";
import type { ServerOptions, ServerReady, ServerRequest, Usage } from "./cluster-server.ts";
import { startOnce } from "./startup.ts";

const MIB = 1024 * 1024;
const PARTITIONS = 4;
const IN_FLIGHT = 5;
const WARM_UP_BYTES = 32 * MIB;
const LOAD_BYTES = 256 * MIB;
const ROUND_TRIPS = 400;
const START_ROUNDS = 7;
const FAILOVERS = 9;
const MANY_PARTITIONS = 1000;
const IDLE_MS = 5000;

class Server {
  readonly ready: ServerReady;
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess, ready: ServerReady) {
    this.child = child;
    this.ready = ready;
  }

  static async start(options: ServerOptions): Promise<Server> {
    const program = fileURLToPath(new URL("cluster-server.ts", import.meta.url));
    const execArgv = ["--import", "tsx", "--no-warnings"];
    const child = fork(program, [JSON.stringify(options)], { execArgv, stdio: "inherit" });
    const [ready] = (await once(child, "message")) as [ServerReady];
    return new Server(child, ready);
  }

  async ask<T>(request: ServerRequest): Promise<T> {
    const answer = once(this.child, "message");
    this.child.send(request);
    const [{ result }] = (await answer) as [{ result: T }];
    return result;
  }

  async stop(): Promise<void> {
    const ended = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await ended;
  }
}

function at(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function print(what: string, ...figures: readonly string[]): void {
  console.log(what.padEnd(54), ...figures.map((figure) => figure.padStart(15)));
}

/** Aims: `odradek start --nodes 3` 200 ms, startCluster 100; 90 MB; acks=1 at RF 3 2 s/GB, acks=all 2.5; failover 0.3 s. */
export async function benchCluster(): Promise<void> {
  await benchProduce();
  await benchStart();
  await benchFailover();
  await benchManyPartitions();
}

async function benchProduce(): Promise<void> {
  console.log(
    `three nodes in one process; 1 KiB records, ${PARTITIONS} partitions, ${IN_FLIGHT} requests under way on each;`,
  );
  console.log("round trips of 16 KiB batches with one under way; processor time is the cluster's alone");
  print("", "MB/s", "CPU s/GB", "p50 ms", "p99 ms");
  for (const disks of ["memory disks", "node disks"] as const) {
    for (const replicationFactor of [1, 3]) {
      for (const acks of [1, -1] as const) {
        const folder = disks === "node disks" ? mkdtempSync(join(tmpdir(), "odradek-bench-")) : undefined;
        const server = await Server.start({ nodes: 3, ...(folder === undefined ? {} : { dataDirectory: folder }) });
        try {
          for (const batchBytes of [16 * 1024, MIB - 1024]) {
            const size = batchBytes < MIB / 2 ? "16 KiB" : "1 MiB";
            const name = `${disks}, RF ${replicationFactor}, acks=${acks === 1 ? "1" : "all"}, ${size} batches`;
            await benchLoad(server, name, { acks, batchBytes, replicationFactor });
          }
        } finally {
          await server.stop();
          if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
        }
      }
    }
  }
}

async function benchLoad(
  server: Server,
  name: string,
  load: { readonly acks: 1 | -1; readonly batchBytes: number; readonly replicationFactor: number },
): Promise<void> {
  const { acks, batchBytes, replicationFactor } = load;
  const topic = `t${batchBytes}`;
  await server.ask({ ask: "topic", name: topic, partitions: PARTITIONS, replicationFactor });
  const leaders = await leadersOf(server.ready.bootstrapServers, topic);
  const loads = await Promise.all(
    leaders.map((address, index) => PartitionLoad.open(address, index, { topic, acks, batchBytes })),
  );
  const run = async (sizeBytes: number): Promise<number> => {
    const perPartition = Math.ceil(sizeBytes / PARTITIONS / batchBytes);
    await Promise.all(loads.map((one) => one.run(perPartition, IN_FLIGHT)));
    return loads.reduce((sum, one) => sum + perPartition * one.batchBytes, 0);
  };
  await run(WARM_UP_BYTES);
  const before = await server.ask<Usage>({ ask: "usage" });
  const startedMs = performance.now();
  const sizeBytes = await run(LOAD_BYTES);
  const elapsedMs = performance.now() - startedMs;
  const after = await server.ask<Usage>({ ask: "usage" });
  const [first] = loads as [PartitionLoad];
  first.latenciesMs = [];
  await first.run(ROUND_TRIPS, 1);
  for (const one of loads) one.close();
  print(
    name,
    (sizeBytes / 1e3 / elapsedMs).toFixed(0),
    ((after.cpuMs - before.cpuMs) / (sizeBytes / 1e6)).toFixed(2),
    at(first.latenciesMs, 0.5).toFixed(2),
    at(first.latenciesMs, 0.99).toFixed(2),
  );
}

async function benchStart(): Promise<void> {
  console.log("");
  print("until ready", "median ms", "fastest");
  const inProcess: number[] = [];
  for (let round = 0; round < START_ROUNDS; round++) {
    const startedMs = performance.now();
    await using _cluster = await startCluster({ nodes: 3 });
    inProcess.push(performance.now() - startedMs);
  }
  const fresh: number[] = [];
  const idle: Record<number, number> = {};
  for (let round = 0; round < START_ROUNDS; round++) {
    const server = await Server.start({ nodes: 3 });
    fresh.push(server.ready.startMs);
    await server.stop();
  }
  print("startCluster({ nodes: 3 }), first of a process", at(fresh, 0.5).toFixed(0), Math.min(...fresh).toFixed(0));
  print("startCluster({ nodes: 3 }), again", at(inProcess, 0.5).toFixed(0), Math.min(...inProcess).toFixed(0));
  const entry = join(await builtPackage(), "cli/odradek.js");
  const folder = mkdtempSync(join(tmpdir(), "odradek-bench-"));
  try {
    for (const nodes of [1, 3]) {
      const command: number[] = [];
      for (let round = 0; round < START_ROUNDS; round++) {
        const data = join(folder, `${nodes}-${round}`);
        const args = [entry, "start", "--port", "0", "--nodes", String(nodes), "--data-dir", data];
        const { readyMs, residentBytes } = await startOnce(args);
        command.push(readyMs);
        idle[nodes] = residentBytes / MIB;
      }
      print(`odradek start --nodes ${nodes}`, at(command, 0.5).toFixed(0), Math.min(...command).toFixed(0));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await removeBuiltPackage();
  }
  const [one = 0, three = 0] = [idle[1], idle[3]];
  const perNode = ((three - one) / 2).toFixed(1);
  console.log(
    `idle: one node ${one.toFixed(0)} MB, three ${three.toFixed(0)} MB resident: ${perNode} MB for each more`,
  );
}

/** From the kill until the next acks=all Produce is acknowledged by another leader, for a client that looks for it all the time. */
async function benchFailover(): Promise<void> {
  const server = await Server.start({ nodes: 3 });
  const gapsMs: number[] = [];
  try {
    const { bootstrapServers } = server.ready;
    await server.ask({ ask: "topic", name: "f", partitions: 1, replicationFactor: 3 });
    for (let round = 0; round < FAILOVERS; round++) {
      await server.ask({ ask: "replicated", name: "f" });
      const addresses = bootstrapServers.split(",");
      const [leader = ""] = await leadersOf(bootstrapServers, "f");
      const node = addresses.indexOf(leader) + 1;
      const others = addresses.filter((address) => address !== leader).join(",");
      const options = { topic: "f", acks: -1, batchBytes: 2048 } as const;
      const load = await PartitionLoad.open(leader, 0, options);
      await load.run(20, 1);
      const killedMs = performance.now();
      await server.ask({ ask: "kill", node });
      await untilAcknowledged(others, leader, options);
      gapsMs.push(performance.now() - killedMs);
      load.close();
      await server.ask({ ask: "restart", node });
    }
  } finally {
    await server.stop();
  }
  console.log("");
  print("failover", "median ms", "longest");
  print("from a leader's kill to the next acknowledgement", at(gapsMs, 0.5).toFixed(0), Math.max(...gapsMs).toFixed(0));
}

async function untilAcknowledged(
  bootstrapServers: string,
  dead: string,
  options: Parameters<typeof PartitionLoad.open>[2],
): Promise<void> {
  for (;;) {
    const [leader = ""] = await leadersOf(bootstrapServers, options.topic);
    if (leader !== "" && leader !== dead) {
      const load = await PartitionLoad.open(leader, 0, options);
      try {
        await load.run(1, 1);
        return;
      } catch {
        // It does not know yet that it leads.
      } finally {
        load.close();
      }
    }
    await sleep(1);
  }
}

async function benchManyPartitions(): Promise<void> {
  const server = await Server.start({ nodes: 3 });
  try {
    await sleep(1000);
    const usage = async (): Promise<number> => {
      const before = await server.ask<Usage>({ ask: "usage" });
      await sleep(IDLE_MS);
      const after = await server.ask<Usage>({ ask: "usage" });
      return ((after.cpuMs - before.cpuMs) / IDLE_MS) * 100;
    };
    const idlePercent = await usage();
    const name = "many";
    const ledMs = await server.ask<number>({ ask: "topic", name, partitions: MANY_PARTITIONS, replicationFactor: 3 });
    const restMs = await server.ask<number>({ ask: "replicated", name });
    await sleep(1000);
    const manyPercent = await usage();
    const { residentBytes } = await server.ask<Usage>({ ask: "usage" });
    console.log("");
    print(`${MANY_PARTITIONS} partitions x RF 3`, "led after ms", "replicated ms", "idle CPU %", "resident MB");
    print("no topic at all", "", "", idlePercent.toFixed(1), "");
    print(
      "memory disks",
      ledMs.toFixed(0),
      (ledMs + restMs).toFixed(0),
      manyPercent.toFixed(1),
      (residentBytes / MIB).toFixed(0),
    );
  } finally {
    await server.stop();
  }
}
