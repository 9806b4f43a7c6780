import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf } from "../../protocol/kafka-error.ts";
import type { SegmentedLog } from "../../storage/log/segmented-log.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../storage/log-config.ts";
import { LogDirectories } from "../../storage/log-directories.ts";
import type { LogDirectoriesOptions, LogDirectoriesSettings } from "../../storage/log-directories-options.ts";
import { DirectoryRefused } from "../../storage/meta-properties.ts";
import { type Incarnation, Simulation } from "../simulation/simulation.ts";
import { append, recordsOf, surroundingsOf } from "./log/cleanable-log.ts";

const ID = "E06ThbWK_bULAm2VVb5b-w";
const OTHER_ID = "F06ThbWK_bULAm2VVb5b-w";
const CLUSTER = "AAAAAAAAAAAAAAAAAAAAAQ";

interface Told {
  readonly offline: string[];
  readonly directories: string[];
  readonly reopened: string[];
}

interface Bench {
  readonly simulation: Simulation;
  node: Incarnation;
  readonly told: Told;
  readonly configs: Map<string, Partial<LogConfig>>;
  open(paths?: readonly string[], settings?: Partial<LogDirectoriesSettings>): Promise<LogDirectories>;
  wait(ms: number): Promise<void>;
  restart(powerLoss: boolean): void;
}

/** Runs on a simulated node; the clock stands unless something waits. */
async function onNode(body: (bench: Bench) => Promise<void>, seed: number | string = 1): Promise<void> {
  const simulation = new Simulation({ seed, latencyMs: [0, 1] });
  const watcher = simulation.boot("watcher");
  const told: Told = { offline: [], directories: [], reopened: [] };
  const configs = new Map<string, Partial<LogConfig>>();
  const bench: Bench = {
    simulation,
    node: simulation.boot("a"),
    told,
    configs,
    open: async (paths = ["/d1"], settings = {}) => {
      const options: LogDirectoriesOptions = {
        around: surroundingsOf(bench.node),
        paths,
        clusterId: CLUSTER,
        nodeId: 1,
        configOf: (topic) => ({ ...DEFAULT_LOG_CONFIG, ...configs.get(topic) }),
        settings,
        onLogOffline: (log) => told.offline.push(`${log.topic}-${log.partition}`),
        onLogReopened: (log, before) =>
          told.reopened.push(`${log.topic}-${log.partition} ${before.offline} ${log.offline}`),
        onDirectoryOffline: (id) => told.directories.push(id),
      };
      const logs = await LogDirectories.open(options);
      await logs.load();
      return logs;
    },
    wait: (ms) => new Promise<void>((resolve) => void watcher.clock.after(ms, resolve)),
    restart: (powerLoss) => {
      simulation.kill("a", { powerLoss });
      bench.node = simulation.boot("a");
    },
  };
  await simulation.run(() => body(bench));
}

const codeOf = (work: () => unknown): number | string => {
  try {
    work();
    return "fine";
  } catch (error) {
    return errorCodeOf(error);
  }
};

const values = async (log: SegmentedLog | undefined) =>
  log === undefined ? undefined : (await recordsOf(log)).map(({ value }) => value);

const put = (log: SegmentedLog, ...texts: string[]) => {
  for (const value of texts) append(log, [{ key: "k", value }]);
};

const names = ({ node }: Bench, path = "/d1") => node.disk.list(path).map(({ name }) => name);

describe("the logs of a node", () => {
  test("after an orderly stop everything is there, and nothing had to be scanned", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      put(logs.obtain("t", 0, ID), "a", "b");
      put(logs.obtain("a-b", 7, OTHER_ID), "c");
      const trimmed = logs.obtain("trimmed", 0, ID);
      put(trimmed, "1", "2", "3");
      trimmed.raiseLogStartOffset(2);
      await logs.close(42);
      expect(names(bench)).toEqual([
        ".kafka_cleanshutdown",
        ".lock",
        "a-b-7",
        "log-start-offset-checkpoint",
        "meta.properties",
        "recovery-point-offset-checkpoint",
        "replication-offset-checkpoint",
        "t-0",
        "trimmed-0",
      ]);
      expect(bench.node.disk.readFile("/d1/recovery-point-offset-checkpoint").toString()).toBe(
        "0\n3\na-b 7 1\nt 0 2\ntrimmed 0 3\n".replace("a-b 7 1\nt 0 2", "t 0 2\na-b 7 1"),
      );
      expect(bench.node.disk.readFile("/d1/log-start-offset-checkpoint").toString()).toBe("0\n1\ntrimmed 0 2\n");
      const again = await bench.open();
      expect(again.previousBrokerEpoch).toBe(42);
      expect(names(bench)).not.toContain(".kafka_cleanshutdown");
      expect(await values(again.get("t", 0))).toEqual(["a", "b"]);
      expect(again.obtain("t", 0, ID)).toBe(again.get("t", 0));
      expect(again.get("a-b", 7)?.highWatermark).toBe(1);
      expect(again.get("trimmed", 0)?.logStartOffset).toBe(2);
      expect(again.get("t", 1)).toBeUndefined();
      again.abandon();
    }));

  test("R91: opening after an orderly stop reads next to nothing, however much is there", () =>
    onNode(async (bench) => {
      bench.configs.set("t", { segmentBytes: 5000 });
      const logs = await bench.open();
      for (let partition = 0; partition < 5; partition++) {
        const log = logs.obtain("t", partition, ID);
        for (let i = 0; i < 200; i++)
          append(log, [{ key: `k${i}`, value: "x".repeat(200) }], {
            producerId: i % 7,
            producerEpoch: 0,
            baseSequence: Math.floor(i / 7),
          });
        expect(log.segments.length).toBeGreaterThan(8);
      }
      await logs.close();
      const { operations } = bench.node.disk;
      const readsBefore = operations.get("read") ?? 0;
      const again = await bench.open();
      expect((operations.get("read") ?? 0) - readsBefore).toBeLessThanOrEqual(5 * 6);
      expect(again.get("t", 4)?.logEndOffset).toBe(200);
      expect(again.get("t", 4)?.producers().length).toBe(7);
      again.abandon();
    }));

  test("R77: a crash while loading is a crash", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      put(logs.obtain("t", 0, ID), "a");
      await logs.close(7);
      await LogDirectories.open({
        around: surroundingsOf(bench.node),
        paths: ["/d1"],
        clusterId: CLUSTER,
        nodeId: 1,
        configOf: () => DEFAULT_LOG_CONFIG,
      });
      bench.restart(true);
      const again = await bench.open();
      expect(again.previousBrokerEpoch).toBe(-1);
      expect(await values(again.get("t", 0))).toEqual(["a"]);
      again.abandon();
    }));

  test("what was appended reaches the device within a second or so, and its recovery point is written down", async () => {
    for (let seed = 0; seed < 4; seed++) {
      await onNode(async (bench) => {
        const logs = await bench.open();
        const log = logs.obtain("t", 0, ID);
        put(log, "a", "b");
        await bench.wait(1500);
        expect([log.unsyncedBytes, log.recoveryPoint, log.syncedEndOffset]).toEqual([0, 2, 2]);
        await bench.wait(60_000);
        bench.restart(true);
        expect(bench.node.disk.readFile("/d1/recovery-point-offset-checkpoint").toString()).toContain("t 0 2");
        const again = await bench.open();
        expect(await values(again.get("t", 0))).toEqual(["a", "b"]);
        expect(again.get("t", 0)?.highWatermark).toBe(2);
        again.abandon();
      }, `flush ${seed}`);
    }
  });

  test("much unsynced data is flushed before its second is over", () =>
    onNode(async (bench) => {
      const logs = await bench.open(["/d1"], { flush: { logBytes: 10_000, logMs: 1000, nodeBytes: 25_000 } });
      const large = logs.obtain("large", 0, ID);
      const small = ["a", "b", "c"].map((topic) => logs.obtain(topic, 0, ID));
      put(large, "x".repeat(12_000));
      for (const log of small) put(log, "x".repeat(4000));
      await bench.wait(250);
      expect(large.recoveryPoint).toBe(1);
      expect(small.map((log) => log.recoveryPoint)).toEqual([0, 0, 0]);
      for (const log of small) put(log, "x".repeat(5000));
      await bench.wait(250);
      // Together they are over the node's limit: the largest go first, as many as it takes.
      expect(small.map((log) => log.recoveryPoint).filter((offset) => offset === 2).length).toBeGreaterThan(0);
      await bench.wait(1000);
      expect(small.map((log) => log.recoveryPoint)).toEqual([2, 2, 2]);
      logs.abandon();
    }));

  test("a deleted log is renamed at once and removed after file.delete.delay.ms, also over a restart", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      put(logs.obtain("t", 0, ID), "a");
      put(logs.obtain("u", 0, ID), "b");
      logs.remove("t", 0, OTHER_ID);
      expect(names(bench)).toContain("t-0");
      logs.remove("t", 0, ID);
      expect(logs.get("t", 0)).toBeUndefined();
      const renamed = names(bench).find((name) => /^t-0\.[0-9a-f]{32}-delete$/.test(name));
      expect(renamed).toBeDefined();
      await bench.wait(59_000);
      expect(names(bench)).toContain(renamed);
      await bench.wait(2000);
      expect(names(bench)).not.toContain(renamed);
      logs.remove("u", 0, ID);
      await logs.close();
      const again = await bench.open();
      expect([...again.all()].length).toBe(0);
      await bench.wait(61_000);
      expect(names(bench).filter((name) => name.endsWith("-delete"))).toEqual([]);
      again.abandon();
    }));

  test("a topic made anew under a deleted one's name is not opened with its offsets after a kill", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      const old = logs.obtain("t", 0, ID);
      put(old, ...Array.from({ length: 20 }, (_, i) => `old ${i}`));
      old.roll();
      old.raiseLogStartOffset(15);
      await bench.wait(61_000);
      expect(bench.node.disk.readFile("/d1/log-start-offset-checkpoint").toString()).toContain("t 0 15");
      logs.remove("t", 0, ID);
      put(logs.obtain("t", 0, OTHER_ID), "new 0", "new 1");
      bench.restart(false);
      const again = await bench.open();
      expect(await values(again.get("t", 0))).toEqual(["new 0", "new 1"]);
      expect(again.get("t", 0)?.logStartOffset).toBe(0);
      again.abandon();
    }));

  test("R47: a log of another topic of that name, or of no topic any more, is set aside", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      put(logs.obtain("t", 0, ID), "old");
      put(logs.obtain("gone", 0, OTHER_ID), "x");
      await logs.close();
      const again = await bench.open();
      const log = again.obtain("t", 0, OTHER_ID);
      expect([log.topicId, log.logEndOffset]).toEqual([OTHER_ID, 0]);
      again.setStraysAside(({ topic }) => topic === "gone");
      expect(again.get("gone", 0)).toBeUndefined();
      expect(
        names(bench)
          .filter((name) => name.endsWith("-stray"))
          .map((name) => name.split(".")[0]),
      ).toEqual(["gone-0", "t-0"]);
      await again.close();
      const last = await bench.open();
      expect([...last.all()].map(({ topic }) => topic)).toEqual(["t"]);
      await bench.wait(120_000);
      expect(names(bench).filter((name) => name.endsWith("-stray")).length).toBe(2);
      last.abandon();
    }));

  test("B94: odd directories are left alone, the quorum's own log too", () =>
    onNode(async (bench) => {
      for (const name of ["lost+found", "x-00", "noname", "__cluster_metadata-0", "t-0.abc-future", "t-0.abc-stray"]) {
        bench.node.disk.makeDirectory(`/d1/${name}`);
      }
      bench.node.disk.writeFile("/d1/file-0", "not a directory");
      const logs = await bench.open();
      expect([...logs.all()]).toEqual([]);
      put(logs.obtain("x", 0, ID), "a");
      await logs.close();
      for (const name of ["x-0", "x-00", "lost+found", "file-0", "t-0.abc-future"])
        expect(names(bench)).toContain(name);
    }));

  test("R93, R94: directories of others are refused, and let go of", () =>
    onNode(async (bench) => {
      const logs = await bench.open(["/d1"]);
      await expect(bench.open(["/d2", "/d1"])).rejects.toThrow(/\/d1 is used by another process/);
      await logs.close();
      await expect(
        LogDirectories.open({
          around: surroundingsOf(bench.node),
          paths: ["/d2", "/d1"],
          clusterId: "BAAAAAAAAAAAAAAAAAAAAQ",
          nodeId: 1,
          configOf: () => DEFAULT_LOG_CONFIG,
        }),
      ).rejects.toBeInstanceOf(DirectoryRefused);
      const again = await bench.open(["/d1"]);
      expect(again.previousBrokerEpoch).toBe(-1);
      again.abandon();
    }));

  test("a node that is killed writes nothing any more, and its directory can be opened at once", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      const log = logs.obtain("t", 0, ID);
      for (let i = 0; i < 50; i++) {
        put(log, `a${i}`);
        await bench.wait(137);
      }
      logs.remove("t", 0, OTHER_ID);
      const flush = log.flush();
      logs.abandon();
      await expect(flush).rejects.toThrow();
      const steps = bench.node.disk.persistSteps;
      await bench.wait(300_000);
      expect(bench.node.disk.persistSteps).toBe(steps);
      const again = await bench.open();
      expect((await values(again.get("t", 0)))?.length).toBe(50);
      again.abandon();
    }));

  test("two directories share the logs, the emptier one first, or as the metadata says", () =>
    onNode(async (bench) => {
      const logs = await bench.open(["/d1", "/d2"]);
      for (let partition = 0; partition < 4; partition++) logs.obtain("t", partition, ID);
      const [first, second] = logs.describe();
      expect(first?.logs.map(({ partition }) => partition)).toEqual([0, 2]);
      expect(second?.logs.map(({ partition }) => partition)).toEqual([1, 3]);
      for (const partition of [5, 6]) logs.obtain("u", partition, ID, { directoryId: second?.directoryId as string });
      expect(logs.describe().map((directory) => directory.logs.length)).toEqual([2, 4]);
      expect(logs.describe()[0]?.usableBytes).toBeGreaterThan(0);
      await logs.close();
      bench.node.disk.makeDirectory("/d1/t-1");
      await expect(bench.open(["/d1", "/d2"])).rejects.toThrow(/\/d1\/t-1 and \/d2\/t-1 hold the same partition/);
    }));
});

describe("a failing disk", () => {
  test("R80: an append that fails takes its log offline, the others live, and a restart brings it back", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      const [bad, good] = [logs.obtain("bad", 0, ID), logs.obtain("good", 0, ID)];
      put(bad, "acked");
      put(good, "a");
      bench.node.disk.faults.add({ operation: "append", path: /bad-0/, error: "io", times: 1 });
      expect(codeOf(() => put(bad, "lost"))).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect(codeOf(() => put(bad, "fenced"))).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      put(good, "b");
      expect(bench.told).toEqual({ offline: ["bad-0"], directories: [], reopened: [] });
      expect(logs.obtain("bad", 0, ID).offline).toBe(true);
      await logs.close(3);
      const again = await bench.open();
      expect(again.previousBrokerEpoch).toBe(-1);
      expect(await values(again.get("bad", 0))).toEqual(["acked"]);
      expect(await values(again.get("good", 0))).toEqual(["a", "b"]);
      again.abandon();
    }));

  test("R81: a sync that fails takes the log offline before anything counts as synced", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      const log = logs.obtain("t", 0, ID);
      put(log, "synced");
      await log.flush();
      bench.node.disk.faults.add({ operation: "sync", path: /t-0.*\.log/, error: "io", times: 1 });
      put(log, "not synced");
      await bench.wait(2000);
      expect([log.offline, log.syncedEndOffset, log.recoveryPoint]).toEqual([true, 1, 1]);
      bench.restart(true);
      const again = await bench.open();
      expect((await values(again.get("t", 0)))?.[0]).toBe("synced");
      again.abandon();
    }));

  test("R82: a full disk takes a log offline; with room again it comes back by itself", () =>
    onNode(async (bench) => {
      const logs = await bench.open(["/d1"], { reopenUsableBytes: 5000 });
      const log = logs.obtain("t", 0, ID);
      put(log, "a", "b");
      await bench.wait(2000);
      bench.node.disk.resize(bench.node.disk.usedBytes() + 10);
      expect(codeOf(() => put(log, "c".repeat(100)))).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect(codeOf(() => logs.obtain("new", 0, ID))).not.toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
      await bench.wait(5000);
      expect(bench.told.reopened).toEqual([]);
      bench.node.disk.resize(10_000_000);
      await bench.wait(2000);
      expect(bench.told.reopened).toContain("t-0 true false");
      const reopened = logs.get("t", 0) as SegmentedLog;
      expect(await values(reopened)).toEqual(["a", "b"]);
      expect(reopened.highWatermark).toBe(2);
      put(reopened, "c");
      expect(await values(reopened)).toEqual(["a", "b", "c"]);
      await logs.close();
    }));

  test("R82: a checkpoint that finds no room is written later", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      put(logs.obtain("t", 0, ID), "a");
      await bench.wait(2000);
      bench.node.disk.faults.add({ operation: "writeFile", path: /checkpoint/, error: "full", times: 3 });
      await bench.wait(120_000);
      expect(logs.hasOfflineDirectories).toBe(false);
      expect(bench.node.disk.readFile("/d1/recovery-point-offset-checkpoint").toString()).toContain("t 0 1");
      logs.abandon();
    }));

  test("R170: a directory that fails takes its logs offline, those of the other one live", () =>
    onNode(async (bench) => {
      const logs = await bench.open(["/d1", "/d2"]);
      const [one, two] = [logs.obtain("one", 0, ID), logs.obtain("two", 0, ID)];
      put(one, "a");
      put(two, "b");
      const [first] = logs.onlineDirectoryIds;
      bench.node.disk.faults.add({ operation: "any", path: /^\/d1/, error: "io" });
      expect(codeOf(() => put(one, "x"))).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect(bench.told).toEqual({ offline: ["one-0"], directories: [first], reopened: [] });
      expect(logs.hasOfflineDirectories).toBe(true);
      put(two, "c");
      // It may lie in the directory that failed, unless it is known to be new.
      expect(codeOf(() => logs.obtain("three", 0, ID))).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      put(logs.obtain("three", 0, ID, { isNew: true }), "d");
      expect(logs.describe().map(({ isOffline, logs: held }) => [isOffline, held.length])).toEqual([
        [true, 1],
        [false, 2],
      ]);
      await logs.close(5);
      bench.node.disk.faults.clear();
      const again = await bench.open(["/d1", "/d2"]);
      expect(await values(again.get("one", 0))).toEqual(["a"]);
      expect(await values(again.get("two", 0))).toEqual(["b", "c"]);
      expect(again.previousBrokerEpoch).toBe(-1);
      again.abandon();
    }));

  test("B95: a directory that cannot be used at all is offline from the start; none left is an error", () =>
    onNode(async (bench) => {
      bench.node.disk.faults.add({ operation: "any", path: /^\/d1/, error: "denied" });
      const logs = await bench.open(["/d1", "/d2"]);
      expect(logs.describe().map(({ path, isOffline }) => [path, isOffline])).toEqual([
        ["/d2", false],
        ["/d1", true],
      ]);
      put(logs.obtain("t", 0, ID, { isNew: true }), "a");
      logs.abandon();
      await expect(bench.open(["/d1"])).rejects.toThrow("none of the log directories can be used");
    }));

  test("a log that cannot be opened is offline by itself", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      put(logs.obtain("t", 0, ID), "a");
      put(logs.obtain("u", 0, ID), "b");
      await logs.close();
      bench.node.disk.faults.add({ operation: "open", path: /t-0\/.*log$/, error: "io", times: 1 });
      const again = await bench.open();
      expect(await values(again.get("u", 0))).toEqual(["b"]);
      expect(codeOf(() => again.obtain("t", 0, ID))).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      // Its offsets are not forgotten over that.
      await again.close();
      expect(bench.node.disk.readFile("/d1/recovery-point-offset-checkpoint").toString()).toContain("t 0 1");
      const last = await bench.open();
      expect(await values(last.get("t", 0))).toEqual(["a"]);
      last.abandon();
    }));

  test("R84: a log deleted while it is flushed takes nothing offline", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      for (let i = 0; i < 20; i++) {
        const log = logs.obtain("t", i, ID);
        put(log, "a");
        void log.flush().catch(() => {});
        logs.remove("t", i, ID);
        put(logs.obtain("t", i, OTHER_ID), "b");
      }
      await bench.wait(65_000);
      expect(bench.told).toEqual({ offline: [], directories: [], reopened: [] });
      expect(logs.hasOfflineDirectories).toBe(false);
      expect(names(bench).some((name) => name.endsWith("-delete"))).toBe(false);
      logs.abandon();
    }));
});

describe("from time to time", () => {
  test("retention drops what is old, of logs that are not compacted and of those that are", () =>
    onNode(async (bench) => {
      const config: Partial<LogConfig> = { retentionMs: 3_600_000, fileDeleteDelayMs: 1000 };
      bench.configs
        .set("plain", config)
        .set("both", { ...config, cleanupCompact: true })
        .set("compacted", { ...config, cleanupCompact: true, cleanupDelete: false });
      const logs = await bench.open();
      const held = ["plain", "both", "compacted"].map((topic) => logs.obtain(topic, 0, ID));
      for (const log of held) {
        append(log, [{ key: "k", value: "old", timestamp: bench.node.clock.wallMs() }]);
        log.roll();
        append(log, [{ key: "k2", value: "new", timestamp: bench.node.clock.wallMs() + 3_000_000 }]);
      }
      await bench.wait(3_500_000);
      expect(held.map(({ logStartOffset }) => logStartOffset)).toEqual([0, 0, 0]);
      await bench.wait(800_000);
      expect(held.map(({ logStartOffset }) => logStartOffset)).toEqual([1, 1, 0]);
      expect(bench.node.disk.exists("/d1/plain-0/00000000000000000000.log")).toBe(false);
      logs.abandon();
    }));

  test("R163: a config that changes acts on the logs there are", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      const log = logs.obtain("t", 0, ID);
      append(log, [{ value: "old", timestamp: bench.node.clock.wallMs() }]);
      log.roll();
      append(log, [{ value: "new", timestamp: bench.node.clock.wallMs() }]);
      await bench.wait(600_000);
      expect(log.logStartOffset).toBe(0);
      bench.configs.set("t", { retentionMs: 1000 });
      logs.updateConfigs("t");
      await bench.wait(301_000);
      expect(log.logStartOffset).toBe(2);
      logs.abandon();
    }));

  test("R92: a wall clock that jumps does not move flushes and checkpoints", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      const log = logs.obtain("t", 0, ID);
      put(log, "a");
      bench.node.clock.jumpWall(-3_600_000);
      await bench.wait(1500);
      expect(log.recoveryPoint).toBe(1);
      bench.node.clock.jumpWall(365 * 86_400_000);
      put(log, "b");
      await bench.wait(1500);
      expect(log.recoveryPoint).toBe(2);
      logs.abandon();
    }));

  test("R102: producers expire when they are idle, never with an open transaction", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      const log = logs.obtain("t", 0, ID);
      append(log, [{ value: "a" }], { producerId: 1, producerEpoch: 0, baseSequence: 0 });
      append(log, [{ value: "b" }], { producerId: 2, producerEpoch: 0, baseSequence: 0, isTransactional: true });
      await bench.wait(86_000_000);
      expect(log.producers().map(({ producerId }) => producerId)).toEqual([1, 2]);
      await bench.wait(1_500_000);
      expect(log.producers().map(({ producerId }) => producerId)).toEqual([2]);
      logs.abandon();
    }));
});
