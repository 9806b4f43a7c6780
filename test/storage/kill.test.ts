import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { KEYS, openKilled, TOPIC_ID } from "./kill-child.ts";
import { recordsOf } from "./log/cleanable-log.ts";

const directory = mkdtempSync(join(tmpdir(), "odradek-kill-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Acknowledged {
  readonly offset: number;
  readonly value: number;
}

/** Lets a process append until it has acknowledged so many batches (and cleaned, where told), and kills it; returns what it acknowledged. */
async function appendAndKill(
  firstValue: number,
  batches: number,
  untilCleaned: boolean,
): Promise<Map<string, Acknowledged[]>> {
  const program = fileURLToPath(new URL("./kill-child.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", program, directory, String(firstValue)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const acknowledged = new Map<string, Acknowledged[]>();
  let seen = 0;
  let waitsForCleaning = untilCleaned;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === "cleaned") {
      waitsForCleaning = false;
      continue;
    }
    const [topic = "", offset, value, count] = line.split(" ");
    const records = acknowledged.get(topic) ?? [];
    acknowledged.set(topic, records);
    for (let i = 0; i < Number(count); i++) records.push({ offset: Number(offset) + i, value: Number(value) + i });
    if (++seen >= batches && !waitsForCleaning) child.kill("SIGKILL");
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  expect(child.signalCode).toBe("SIGKILL");
  return acknowledged;
}

test("R73, R166: whatever a process acknowledged before SIGKILL is there, in order, once", {
  timeout: 60_000,
}, async () => {
  const all = new Map<string, Acknowledged[]>();
  let nextValue = 0;
  for (const batches of [40, 400, 900]) {
    for (const [topic, records] of await appendAndKill(nextValue, batches, batches >= 400)) {
      all.set(topic, [...(all.get(topic) ?? []), ...records]);
    }
    nextValue = 1_000_000 * Math.ceil(nextValue / 1_000_000 + 1);
    const logs = await openKilled(directory);
    expect(logs.previousBrokerEpoch).toBe(-1);
    await logs.load();
    for (const topic of ["small", "large"]) {
      const log = logs.obtain(topic, 0, TOPIC_ID);
      log.setHighWatermark(log.logEndOffset);
      const stored = (await recordsOf(log)).map(({ offset, value = "" }) => ({
        offset,
        value: Number.parseInt(value, 10),
      }));
      const acknowledged = all.get(topic) as Acknowledged[];
      expect(stored.map(({ offset }) => offset)).toEqual(stored.map((_, i) => i));
      expect(new Set(stored.map(({ value }) => value)).size).toBe(stored.length);
      // Between what was acknowledged lies at most the last batch of a process that was killed before it could say so.
      const missing = acknowledged.filter(({ offset, value }) => stored[offset]?.value !== value);
      expect([topic, missing.slice(0, 3)]).toEqual([topic, []]);
      expect(stored.length - acknowledged.length).toBeLessThan(4 * 50);
    }
    const compacted = logs.obtain("compacted", 0, TOPIC_ID);
    compacted.setHighWatermark(compacted.logEndOffset);
    const newest = new Map<string, number>();
    const left = await recordsOf(compacted);
    for (const { key = "", value = "" } of left) newest.set(key, Number.parseInt(value, 10));
    if (batches >= 400) expect(left.length).toBeLessThan(compacted.logEndOffset);
    const acknowledged = new Map(
      (all.get("compacted") as Acknowledged[]).map(({ value }) => [`key ${value % KEYS}`, value]),
    );
    for (const [key, value] of acknowledged) expect([key, newest.get(key)! >= value]).toEqual([key, true]);
    expect(compacted.logEndOffset).toBeGreaterThanOrEqual((all.get("compacted") as Acknowledged[]).length);
    if (batches === 400) await logs.close();
    else logs.abandon();
  }
});
