import { expect, test } from "vitest";
import type { SegmentedLog } from "../../storage/log/segmented-log.ts";
import { type CleanerSettings, DEFAULT_CLEANER_SETTINGS } from "../../storage/log-cleaner.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../storage/log-config.ts";
import { LogDirectories } from "../../storage/log-directories.ts";
import type { Logger } from "../../storage/logger.ts";
import { type Incarnation, Simulation } from "../simulation/simulation.ts";
import { append, recordsOf, surroundingsOf } from "./log/cleanable-log.ts";

const ID = "E06ThbWK_bULAm2VVb5b-w";
const COMPACT: Partial<LogConfig> = { cleanupCompact: true, cleanupDelete: false };

interface Bench {
  readonly node: Incarnation;
  readonly logs: LogDirectories;
  readonly configs: Map<string, Partial<LogConfig>>;
  readonly settings: CleanerSettings;
  /** Names of logs in the order in which they were cleaned. */
  readonly cleaned: string[];
  readonly complaints: string[];
  wait(ms: number): Promise<void>;
  checkpoint(): string | undefined;
  /** Kills the node's logs and opens them again, as a new process over the same disk does. */
  reopenAfterKill(): Promise<LogDirectories>;
}

async function onNode(
  body: (bench: Bench) => Promise<void>,
  latencyMs: readonly [number, number] = [0, 0],
): Promise<void> {
  const simulation = new Simulation({ seed: "cleaner", latencyMs });
  await simulation.run(async () => {
    const [node, watcher] = [simulation.boot("a"), simulation.boot("watcher")];
    const configs = new Map<string, Partial<LogConfig>>();
    const settings = { ...DEFAULT_CLEANER_SETTINGS };
    const cleaned: string[] = [];
    const complaints: string[] = [];
    const logger: Logger = {
      debug() {},
      warn() {},
      info: (fields, message) => void (message === "a log was cleaned" && cleaned.push(String(fields.log))),
      error: (fields, message) => complaints.push(`${fields.log}: ${message}`),
    };
    const open = async (): Promise<LogDirectories> => {
      const opened = await LogDirectories.open({
        around: { ...surroundingsOf(node), logger },
        paths: ["/d"],
        clusterId: ID,
        nodeId: 1,
        configOf: (topic) => ({ ...DEFAULT_LOG_CONFIG, ...COMPACT, ...configs.get(topic) }),
        settings: { cleaner: settings },
      });
      await opened.load();
      return opened;
    };
    let logs = await open();
    await body({
      ...{ node, logs, configs, settings, cleaned, complaints },
      reopenAfterKill: async () => {
        logs.abandon();
        logs = await open();
        return logs;
      },
      wait: (ms) => new Promise<void>((resolve) => void watcher.clock.after(ms, resolve)),
      checkpoint: () => {
        const path = "/d/cleaner-offset-checkpoint";
        return node.disk.exists(path) ? node.disk.readFile(path).toString() : undefined;
      },
    });
    logs.abandon();
  });
}

/** Closed segments of so many records each, of ten keys. */
function fill(log: SegmentedLog, ...counts: readonly number[]): void {
  for (const count of counts) {
    for (let i = 0; i < count; i++) append(log, [{ key: `k${i % 10}`, value: `${log.logEndOffset}` }]);
    log.roll();
  }
}

test("the dirtiest log goes first; one that is clean enough waits; where each ended is written down", () =>
  onNode(async ({ logs, configs, cleaned, wait, checkpoint }) => {
    configs.set("third", { minCleanableDirtyRatio: 0.1 });
    const [half, all, third, active] = ["half", "all", "third", "active"].map((topic) =>
      logs.obtain(topic, 0, ID),
    ) as SegmentedLog[];
    for (const log of [half, third]) fill(log as SegmentedLog, 20);
    await wait(15_500);
    expect(cleaned).toEqual(["half-0", "third-0"]);
    expect(checkpoint()).toBe("0\n2\nhalf 0 20\nthird 0 20\n");
    // What was cleaned has shrunk to ten records.
    fill(half as SegmentedLog, 9);
    fill(third as SegmentedLog, 4);
    fill(all as SegmentedLog, 20, 20);
    for (let i = 0; i < 50; i++) append(active as SegmentedLog, [{ key: "k", value: "v" }]);
    await wait(15_000);
    expect(cleaned.slice(2)).toEqual(["all-0", "third-0"]);
    expect(checkpoint()).toBe("0\n3\nhalf 0 20\nall 0 40\nthird 0 24\n");
    expect((await recordsOf(half as SegmentedLog)).length).toBe(19);
    fill(half as SegmentedLog, 3);
    await wait(15_000);
    expect(cleaned.slice(4)).toEqual(["half-0"]);
  }));

test("a record that has waited max.compaction.lag.ms is cleaned, however little it is", () =>
  onNode(async ({ node, logs, configs, cleaned, wait }) => {
    configs.set("t", { maxCompactionLagMs: 3_600_000, minCleanableDirtyRatio: 0.9 });
    const log = logs.obtain("t", 0, ID);
    fill(log, 50);
    await wait(15_500);
    append(log, [{ key: "k0", value: "late", timestamp: node.clock.wallMs() }]);
    log.roll();
    await wait(3_500_000);
    expect(cleaned).toEqual(["t-0"]);
    await wait(200_000);
    expect(cleaned).toEqual(["t-0", "t-0"]);
  }));

test("R74: a damaged log is left alone, the others are cleaned", () =>
  onNode(async ({ node, logs, cleaned, complaints, wait }) => {
    // Wherever in a batch the damage lies: its offset, its length, its CRC, its header, its records (nothing covers the leader epoch).
    const places = [430, 431, 437, 444, 450, 470, 490];
    const bad = places.map((place) => logs.obtain(`bad-at-${place}`, 0, ID));
    const good = logs.obtain("good", 0, ID);
    for (const log of [...bad, good]) fill(log, 30);
    await wait(2000);
    for (const place of places) node.disk.corrupt(`/d/bad-at-${place}-0/00000000000000000000.log`, place, 0x10);
    await wait(60_000);
    expect(cleaned).toEqual(["good-0"]);
    expect(complaints.sort()).toEqual(places.map((place) => `bad-at-${place}-0: a log cannot be cleaned`));
    expect(bad.some((log) => log.offline)).toBe(false);
  }));

test("a disk that fails while a log is cleaned takes that log offline", () =>
  onNode(async ({ node, logs, cleaned, wait }) => {
    const [bad, good] = [logs.obtain("bad", 0, ID), logs.obtain("good", 0, ID)];
    for (const log of [bad, good]) fill(log, 30);
    await wait(2000);
    node.disk.faults.add({ operation: "append", path: /bad-0.*cleaned/, error: "io", times: 1 });
    await wait(60_000);
    expect([bad.offline, good.offline, cleaned]).toEqual([true, false, ["good-0"]]);
  }));

test("what lies behind a truncation counts as dirty again", () =>
  onNode(async ({ logs, wait, checkpoint, cleaned }) => {
    const log = logs.obtain("t", 0, ID);
    fill(log, 30, 30);
    await wait(15_500);
    expect(checkpoint()).toBe("0\n1\nt 0 60\n");
    log.truncateTo(40);
    await wait(6000);
    expect(checkpoint()).toBe("0\n1\nt 0 40\n");
    fill(log, 30, 30);
    await wait(15_000);
    expect(cleaned).toEqual(["t-0", "t-0"]);
    expect((await recordsOf(log)).length).toBe(10);
  }));

test("log.cleaner.io.max.bytes.per.second slows it down, log.cleaner.enable=false stops it", () =>
  onNode(async ({ logs, settings, cleaned, wait }) => {
    settings.ioMaxBytesPerSecond = 10_000;
    const log = logs.obtain("t", 0, ID);
    for (let i = 0; i < 100; i++) append(log, [{ key: `k${i % 3}`, value: "x".repeat(1000) }]);
    log.roll();
    const bytes = log.sizeBytes;
    await wait(15_000);
    // It is read twice.
    await wait((2000 * bytes) / 10_000 - 2000);
    expect(cleaned).toEqual([]);
    await wait(3000);
    expect(cleaned).toEqual(["t-0"]);
    settings.enabled = false;
    fill(log, 200);
    await wait(60_000);
    expect(cleaned).toEqual(["t-0"]);
  }));

test("the end of the node ends a cleaning that waits for its rate, and nothing is written after it", () =>
  onNode(async ({ node, logs, settings, wait }) => {
    settings.ioMaxBytesPerSecond = 100;
    const log = logs.obtain("t", 0, ID);
    fill(log, 100, 100);
    await wait(20_000);
    await logs.close();
    const steps = node.disk.persistSteps;
    const names = node.disk.list("/d/t-0").map(({ name }) => name);
    expect(names.filter((name) => /cleaned|swap/.test(name))).toEqual([]);
    await wait(1_000_000);
    expect(node.disk.persistSteps).toBe(steps);
  }));

test("deleting, or no longer compacting, a log ends its cleaning without harm", () =>
  onNode(
    async ({ logs, configs, wait, cleaned, complaints, node }) => {
      const [deleted, changed] = [logs.obtain("deleted", 0, ID), logs.obtain("changed", 0, ID)];
      for (const log of [deleted, changed]) fill(log, ...Array.from({ length: 30 }, () => 20));
      await wait(15_100);
      logs.remove("deleted", 0, ID);
      configs.set("changed", { cleanupCompact: false });
      logs.updateConfigs("changed");
      await wait(120_000);
      expect([cleaned, complaints]).toEqual([[], []]);
      expect((await recordsOf(changed)).length).toBe(600);
      expect(node.disk.list("/d/changed-0").filter(({ name }) => /cleaned|swap/.test(name))).toEqual([]);
      expect(
        node.disk
          .list("/d")
          .map(({ name }) => name)
          .filter((name) => name.startsWith("deleted")),
      ).toEqual([]);
    },
    [20, 40],
  ));

test("a log that was cleaned once keeps what lies behind its holes through a kill, also when it is compacted no more", () =>
  onNode(async ({ logs, configs, cleaned, wait, reopenAfterKill }) => {
    const log = logs.obtain("t", 0, ID) as SegmentedLog;
    fill(log, 20, 20);
    append(log, [{ key: "last", value: "v" }]);
    await wait(15_500);
    expect(cleaned).toEqual(["t-0"]);
    const before = await recordsOf(log);
    expect(before.length).toBe(11);
    configs.set("t", { cleanupCompact: false, cleanupDelete: true });
    logs.updateConfigs("t");
    const again = (await reopenAfterKill()).obtain("t", 0, ID) as SegmentedLog;
    expect(again.logEndOffset).toBe(41);
    expect(await recordsOf(again)).toEqual(before);
  }));
