/**
 * The worst turn of a broker's loop while it is busy: large batches, small ones and a reader at once, on topics that are compacted and
 * trimmed meanwhile. Aim: 10 ms. A machine that others use adds what it takes from the process to the figures.
 *
 * Owns: measuring inside the broker's process, by a module it is started with.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Produce } from "../../protocol/messages/produce.ts";
import { requestHeaderVersion } from "../../protocol/schema/api.ts";
import { encodeToBuffer } from "../../protocol/schema/codec.ts";
import { framed, header } from "../../test/broker/network/wire-client.ts";
import { batchOf } from "../../test/support/batches.ts";
import { builtPackage, removeBuiltPackage } from "../../test/support/odradek-command.ts";
import { addressOf, createTopic } from "./kafka/admin.ts";
import { roundTrips } from "./kafka/load.ts";

const PRODUCE_VERSION = 9;
const LARGE_RECORDS = 900;
const BARE_WRITES = 2000;
const WARM_UP_MS = 2000;
const MEASURED_MS = 6000;
/**
 * Looks at the clock and at the CPU that was used once in each turn, and says in a line, when it is asked, how long turns were, and
 * how much CPU the dearest took. The CPU does not count what others take of the machine; where the system does not tell that of a
 * thread it is that of all threads.
 */
const WATCH = `
import { existsSync, openSync, readSync } from "node:fs";
const SCHEDSTAT = "/proc/self/task/" + process.pid + "/schedstat";
const stat = existsSync(SCHEDSTAT) ? openSync(SCHEDSTAT) : -1;
const text = Buffer.alloc(64);
const cpuMs = () => {
  if (stat < 0) return Object.values(process.cpuUsage()).reduce((a, b) => a + b) / 1000;
  return Number.parseInt(text.toString("latin1", 0, readSync(stat, text, 0, 64, 0)), 10) / 1e6;
};
const startedMs = performance.now();
let turns = [];
let lastMs = startedMs;
let lastCpu = cpuMs();
let worstCpu = 0;
const look = () => {
  const nowMs = performance.now();
  const cpu = cpuMs();
  if (nowMs - startedMs > ${WARM_UP_MS}) {
    turns.push(nowMs - lastMs);
    worstCpu = Math.max(worstCpu, cpu - lastCpu);
  }
  lastMs = nowMs;
  lastCpu = cpu;
  setImmediate(look).unref();
};
setImmediate(look).unref();
process.once("SIGUSR2", () => {
  turns.sort((a, b) => a - b);
  const at = (part) => turns[Math.min(turns.length - 1, Math.floor(turns.length * part))].toFixed(2);
  console.log("turns", at(0.5), at(0.99), at(0.999), at(1), worstCpu.toFixed(2));
});`;

export interface TurnsRow {
  readonly load: string;
  readonly "p50 ms": number;
  readonly "p99 ms": number;
  readonly "p99.9 ms": number;
  readonly "worst ms": number;
  readonly "worst CPU ms": number;
}

export async function benchTurns(): Promise<TurnsRow[]> {
  const entry = join(await builtPackage(), "cli/odradek.js");
  const folder = mkdtempSync(join(tmpdir(), "bench-turns-"));
  const settings = [
    "log.cleaner.backoff.ms=200",
    "log.retention.check.interval.ms=500",
    "log.initial.task.delay.ms=500",
  ];
  const watch = `--import=data:text/javascript,${encodeURIComponent(WATCH)}`;
  const args = ["start", "--port", "0", "--data-dir", folder, ...settings.flatMap((one) => ["--set", one])];
  const child = spawn(process.execPath, [watch, entry, ...args], { stdio: ["ignore", "pipe", "ignore"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const line = async (start: string): Promise<string> => {
    for (;;) {
      const found = output.split("\n").find((one) => one.startsWith(start) && output.includes(`${one}\n`));
      if (found !== undefined) return found.slice(start.length + 1);
      if (child.exitCode !== null) throw new Error("the broker ended");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  try {
    const bootstrap = await line("ready");
    await createTopic(bootstrap, "large", 1, 1, { "retention.bytes": "100000000", "segment.bytes": "50000000" });
    await createTopic(bootstrap, "small", 1, 1, {
      ...{ "cleanup.policy": "compact", "segment.bytes": "4000000", "min.cleanable.dirty.ratio": "0.1" },
    });
    const until = performance.now() + WARM_UP_MS + MEASURED_MS;
    await Promise.all([
      load(bootstrap, "large", LARGE_RECORDS, until),
      load(bootstrap, "large", 14, until),
      load(bootstrap, "small", 14, until),
    ]);
    child.kill("SIGUSR2");
    const [p50 = 0, p99 = 0, p999 = 0, worst = 0, worstCpu = 0] = (await line("turns")).split(" ").map(Number);
    const row = { "p50 ms": p50, "p99 ms": p99, "p99.9 ms": p999, "worst ms": worst, "worst CPU ms": worstCpu };
    return [{ load: "batches of 900 KB and 14 KB, compaction, retention", ...row }, bareWrites(folder)];
  } finally {
    const closed = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGKILL");
    await closed;
    rmSync(folder, { recursive: true, force: true });
    await removeBuiltPackage();
  }
}

/** What the system alone takes now and then for one of those batches. */
function bareWrites(folder: string): TurnsRow {
  const descriptor = openSync(join(folder, "bare"), "w");
  const batch = Buffer.alloc(LARGE_RECORDS * 1024, "v");
  const took: number[] = [];
  let worstCpu = 0;
  for (let i = 0; i < BARE_WRITES; i++) {
    const cpu = process.cpuUsage();
    const startedMs = performance.now();
    writeSync(descriptor, batch);
    took.push(performance.now() - startedMs);
    const { user, system } = process.cpuUsage(cpu);
    worstCpu = Math.max(worstCpu, (user + system) / 1000);
  }
  closeSync(descriptor);
  took.sort((a, b) => a - b);
  const at = (part: number): number => took[Math.min(BARE_WRITES - 1, Math.floor(BARE_WRITES * part))] as number;
  const row = { "p50 ms": at(0.5), "p99 ms": at(0.99), "p99.9 ms": at(0.999), "worst ms": at(1) };
  return { load: "fs.writeSync of 900 KB to a new file, nothing else", ...row, "worst CPU ms": worstCpu };
}

/** Batches of so many records of a KiB, one in flight, until a time. */
async function load(bootstrap: string, topic: string, records: number, untilMs: number): Promise<void> {
  const values = Array.from({ length: records }, (_, i) => ({ key: `key ${i}`, value: "v".repeat(1010) }));
  const topicData = [{ name: topic, partitionData: [{ index: 0, records: batchOf(values) }] }];
  const head = header(Produce.key, PRODUCE_VERSION, requestHeaderVersion(Produce, PRODUCE_VERSION), 1, "bench");
  const body = encodeToBuffer(Produce.request, PRODUCE_VERSION, {
    ...{ transactionalId: null, acks: -1, timeoutMs: 10_000, topicData },
  });
  while (performance.now() < untilMs) await roundTrips(addressOf(bootstrap), framed(head, body), 100);
}
