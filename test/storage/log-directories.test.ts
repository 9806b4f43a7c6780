import { describe, expect, test } from "vitest";
import { buildRecordBatch } from "../../protocol/records/record-batch-builder.ts";
import { DEFAULT_LOG_CONFIG } from "../../storage/log-config.ts";
import { LogDirectories } from "../../storage/log-directories.ts";
import { DirectoryRefused } from "../../storage/meta-properties.ts";
import { append, appendBatch, surroundingsOf } from "./log/cleanable-log.ts";
import { CLUSTER, ID, names, OTHER_ID, onNode, put, values } from "./node-logs.ts";

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

  test("R232: a recovery point that is written down is not above what is committed, and a truncation below it lowers it", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      const log = logs.obtain("t", 0, ID);
      put(log, "a", "b", "c");
      appendBatch(log, buildRecordBatch([{ key: "k", value: "not committed" }]), 3);
      const written = () => bench.node.disk.readFile("/d1/recovery-point-offset-checkpoint").toString();
      await bench.wait(62_000);
      expect([log.recoveryPoint, log.highWatermark, written()]).toEqual([4, 3, "0\n1\nt 0 3\n"]);
      log.truncateTo(3);
      expect(written()).toContain("t 0 3");
      log.truncateTo(1);
      await bench.wait(100);
      expect(written()).toContain("t 0 1");
      logs.abandon();
    }));

  test("R91: opening after an orderly stop reads next to nothing, however much is there", () =>
    onNode(async (bench) => {
      bench.configs.set("t", { segmentBytes: 5000 });
      const logs = await bench.open();
      for (let partition = 0; partition < 5; partition++) {
        const log = logs.obtain("t", partition, ID);
        for (let i = 0; i < 800; i++)
          append(log, [{ key: `k${i}`, value: "x".repeat(200) }], {
            producerId: i % 7,
            producerEpoch: 0,
            baseSequence: Math.floor(i / 7),
          });
        expect(log.segments.length).toBeGreaterThan(40);
      }
      await logs.close();
      const { operations } = bench.node.disk;
      const readsBefore = operations.get("read") ?? 0;
      const again = await bench.open();
      // Of short segments a few are looked through for the batches before each producer's last.
      expect((operations.get("read") ?? 0) - readsBefore).toBeLessThanOrEqual(5 * 16);
      expect(again.get("t", 4)?.logEndOffset).toBe(800);
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
      bench.assigned = "elsewhere";
      await expect(bench.open(["/d1", "/d2"])).rejects.toThrow(/\/d1\/t-1 and \/d2\/t-1 hold the same partition/);
    }));
});
