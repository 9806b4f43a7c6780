/**
 * How long `odradek start` takes to its ready line, and what it holds when idle, beside an empty script in the same run.
 *
 * Owns: fresh folders for data, and their removal. Rounds alternate between the programs, as the machine is never the same twice.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { builtPackage, removeBuiltPackage } from "../../test/support/odradek-command.ts";

const ROUNDS = 9;
/** Long enough for what is put off until after the start. */
const IDLE_MS = 1500;
const MEGA = 1024 * 1024;

interface Program {
  readonly name: string;
  readonly args: readonly string[];
}

interface Started {
  readonly readyMs: number;
  readonly residentBytes: number;
}

export interface StartupRow {
  readonly program: string;
  readonly "ready ms, median": number;
  readonly fastest: number;
  readonly "idle MB, median": number;
}

/** Aims: ready in 120 ms, 200 with three nodes; 60 MB, 90 with three nodes. */
export async function benchStartup(): Promise<StartupRow[]> {
  const entry = join(await builtPackage(), "cli/odradek.js");
  const directory = mkdtempSync(join(tmpdir(), "odradek-startup-"));
  const programs: readonly Program[] = [
    { name: "an empty script", args: ["-e", 'console.log("ready"); setInterval(() => {}, 1e6)'] },
    { name: "odradek start, no data", args: [entry, "start", "--port", "0", "--data-dir", "FRESH"] },
    { name: "odradek start, data there", args: [entry, "start", "--port", "0", "--data-dir", join(directory, "kept")] },
    {
      name: "odradek start --nodes 3, no data",
      args: [entry, "start", "--port", "0", "--nodes", "3", "--data-dir", "FRESH"],
    },
  ];
  const runs = new Map<string, Started[]>(programs.map(({ name }) => [name, []]));
  try {
    for (let round = 0; round < ROUNDS; round++)
      for (const { name, args } of programs) {
        const fresh = args.map((arg) => (arg === "FRESH" ? mkdtempSync(join(directory, "fresh-")) : arg));
        runs.get(name)?.push(await startOnce(fresh));
      }
  } finally {
    rmSync(directory, { recursive: true, force: true });
    await removeBuiltPackage();
  }
  return [...runs].map(([program, started]) => ({
    program,
    "ready ms, median": Math.round(median(started.map(({ readyMs }) => readyMs))),
    fastest: Math.round(Math.min(...started.map(({ readyMs }) => readyMs))),
    "idle MB, median": Math.round(median(started.map(({ residentBytes }) => residentBytes)) / MEGA),
  }));
}

/** Starts a program, waits for its ready line and a while after it, and kills it. */
export async function startOnce(args: readonly string[]): Promise<Started> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  try {
    await new Promise<void>((resolve, reject) => {
      child.stdout.on("data", (chunk: Buffer) => chunk.includes("ready") && resolve());
      child.on("close", (code) => reject(new Error(`${args.join(" ")} ended with ${code}`)));
    });
    const readyMs = performance.now() - startedMs;
    await sleep(IDLE_MS);
    return { readyMs, residentBytes: residentBytes(child.pid as number) };
  } finally {
    const closed = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGKILL");
    await closed;
  }
}

function residentBytes(pid: number): number {
  if (process.platform === "linux") {
    const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(kilobytes) * 1024;
  }
  return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) * 1024;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}
