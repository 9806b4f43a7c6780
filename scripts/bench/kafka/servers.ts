/**
 * The brokers that are raced, each as processes of its own: started, weighed, killed, started again on the same data.
 *
 * Owns: their settings, which are each one's defaults but for ports, folders and the number of partitions; fresh folders.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ApacheKafka, findApacheKafka } from "../../../test/interop/support/apache-kafka.ts";
import { freePorts, listens, propertiesOf } from "../../../test/interop/support/apache-kafka-cluster.ts";
import { Missing } from "../../../test/interop/support/toolchain.ts";
import { builtPackage } from "../../../test/support/odradek-command.ts";
import { Program } from "../../../test/support/programs.ts";
import { findKfake } from "./programs.ts";

/** What Apache Kafka's own start script gives the JVM. */
const JVM_OPTIONS = [
  ...["-Xmx1g", "-Xms1g", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:+ExplicitGCInvokesConcurrent"],
  ...["-XX:InitiatingHeapOccupancyPercent=35", "-Djava.awt.headless=true"],
];
const CLUSTER_ID = "AAAAAAAAAAAAAAAAAAAAAQ";
const READY_TIMEOUT_MS = 90_000;
const CLOCK_TICKS_PER_SECOND = 100;

export type PeerName = "odradek" | "apache-kafka" | "kfake";

/** Starts processes over a folder; resolves when clients may come. */
type Launch = () => Promise<Program[]>;

export class Server {
  readonly peer: PeerName;
  readonly bootstrap: string;
  readonly folder: string;
  /** From the start of the first process until the last said that it is ready. */
  readyMs = 0;
  private readonly launch: Launch;
  private programs: readonly Program[] = [];

  constructor(peer: PeerName, bootstrap: string, folder: string, launch: Launch) {
    this.peer = peer;
    this.bootstrap = bootstrap;
    this.folder = folder;
    this.launch = launch;
  }

  async start(): Promise<void> {
    const startedMs = performance.now();
    this.programs = await this.launch();
    this.readyMs = performance.now() - startedMs;
  }

  /** SIGKILL to every process. */
  async kill(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.kill()));
    this.programs = [];
  }

  /** The end of it, with its data. */
  async drop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Used by all its processes until now; NaN where the system does not tell. */
  cpuSeconds(): number {
    return this.sum((pid) => {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /, "")
        .split(" ");
      return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
    });
  }

  residentMegabytes(): number {
    return this.sum(
      (pid) => Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) / 1024,
    );
  }

  private sum(of: (pid: number) => number): number {
    if (process.platform !== "linux") return Number.NaN;
    return this.programs.reduce((total, { child }) => total + of(child.pid as number), 0);
  }
}

/** Makes a server of a peer over a folder that is not there yet; missing when the machine cannot run it. */
export async function serverOf(peer: PeerName, nodes: number, folder: string): Promise<Server | Missing> {
  switch (peer) {
    case "odradek":
      return odradek(nodes, folder);
    case "apache-kafka": {
      const kafka = await findApacheKafka();
      return kafka instanceof Missing ? kafka : apacheKafka(kafka, nodes, folder);
    }
    case "kfake": {
      if (nodes > 1) return new Missing("kfake has no replication");
      const program = await findKfake();
      return program instanceof Missing ? program : kfake(program, folder);
    }
  }
}

async function odradek(nodes: number, folder: string): Promise<Server> {
  const entry = join(await builtPackage(), "cli/odradek.js");
  // The nodes listen on consecutive ports.
  const [first = 0] = await freePorts(1);
  const ports = Array.from({ length: nodes }, (_, i) => first + i);
  const flags = (process.env.BENCH_NODE_FLAGS ?? "").split(" ").filter((flag) => flag !== "");
  const args = [entry, "start", "--port", String(first), "--nodes", String(nodes), "--data-dir", folder];
  const bootstrap = ports.map((port) => `127.0.0.1:${port}`).join(",");
  return new Server("odradek", bootstrap, folder, async () => [
    await readyLine(new Program(process.execPath, [...flags, ...args])),
  ]);
}

async function kfake(program: string, folder: string): Promise<Server> {
  const [port = 0] = await freePorts(1);
  return new Server("kfake", `127.0.0.1:${port}`, folder, async () => [
    await readyLine(new Program(program, [String(port), folder])),
  ]);
}

async function apacheKafka(kafka: ApacheKafka, nodes: number, folder: string): Promise<Server> {
  const ports = await freePorts(2 * nodes);
  const brokerPorts = ports.slice(0, nodes);
  const voters = ports.slice(nodes).map((port, i) => `${i + 1}@127.0.0.1:${port}`);
  mkdirSync(folder, { recursive: true });
  const files: string[] = [];
  for (const [i, port] of brokerPorts.entries()) {
    const file = join(folder, `${i + 1}.properties`);
    writeFileSync(file, propertiesOf(i + 1, port, ports[nodes + i] as number, voters, folder, nodes, {}));
    await kafka.run("kafka.tools.StorageTool", ["format", "-t", CLUSTER_ID, "-c", file]);
    files.push(file);
  }
  const bootstrap = brokerPorts.map((port) => `127.0.0.1:${port}`).join(",");
  return new Server("apache-kafka", bootstrap, folder, async () => {
    const programs = files.map((file) => kafka.start("kafka.Kafka", [file], {}, JVM_OPTIONS));
    for (const program of programs) program.child.stdout?.resume();
    await Promise.all(brokerPorts.map((port, i) => listens(port, programs[i] as Program)));
    return programs;
  });
}

function readyLine(program: Program): Promise<Program> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${program.title} is not ready`)), READY_TIMEOUT_MS);
    program.onLine((line) => {
      if (!line.startsWith("ready")) return;
      clearTimeout(timer);
      resolve(program);
    });
    program
      .ended(READY_TIMEOUT_MS * 100)
      .then((code) => reject(new Error(`${program.title} ended with ${code}: ${program.errors}`)), reject);
  });
}
