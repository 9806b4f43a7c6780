import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { SegmentedLog } from "../../storage/log/segmented-log.ts";
import { codeOf, ID, names, OTHER_ID, onNode, put, values } from "./node-logs.ts";

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
      expect(bench.told).toMatchObject({ offline: ["bad-0"], directories: [], reopened: [], missingOpened: 0 });
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

  test("R82: a log that a full disk keeps from being opened is opened when there is room", () =>
    onNode(async (bench) => {
      const before = await bench.open();
      put(before.obtain("t", 0, ID), "a", "b");
      await bench.wait(2000);
      bench.restart(false);
      bench.node.disk.faults.add({ operation: "open", path: /t-0/, error: "full" });
      const logs = await bench.open();
      expect([logs.get("t", 0), codeOf(() => logs.obtain("t", 0, ID))]).toEqual([
        undefined,
        ErrorCode.KAFKA_STORAGE_ERROR,
      ]);
      await bench.wait(5000);
      expect([logs.get("t", 0), bench.told.missingOpened]).toEqual([undefined, 0]);
      bench.node.disk.faults.clear();
      await bench.wait(2000);
      expect(bench.told.missingOpened).toBe(1);
      expect(await values(logs.obtain("t", 0, ID) as SegmentedLog)).toEqual(["a", "b"]);
      await logs.close();
    }));

  test("R82: a log that a full disk keeps from being made is there when there is room", () =>
    onNode(async (bench) => {
      const logs = await bench.open(["/d1"], { reopenUsableBytes: 5000 });
      bench.node.disk.resize(bench.node.disk.usedBytes() + 10);
      expect(codeOf(() => logs.obtain("new", 0, ID))).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      bench.node.disk.resize(10_000_000);
      expect(bench.told.missingOpened).toBe(0);
      await bench.wait(2000);
      expect(bench.told.missingOpened).toBe(1);
      const log = logs.obtain("new", 0, ID) as SegmentedLog;
      put(log, "a");
      expect([log.topicId, await values(log)]).toEqual([ID, ["a"]]);
      await logs.close();
    }));

  test("R82, R47: a log that a full disk took offline can be deleted, and its topic made again", () =>
    onNode(async (bench) => {
      const logs = await bench.open(["/d1"], { reopenUsableBytes: 5000 });
      const old = logs.obtain("t", 0, ID);
      put(old, "old");
      bench.node.disk.resize(bench.node.disk.usedBytes() + 10);
      expect(codeOf(() => put(old, "c".repeat(100)))).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      logs.remove("t", 0, ID);
      bench.node.disk.resize(10_000_000);
      const log = logs.obtain("t", 0, OTHER_ID) as SegmentedLog;
      put(log, "new");
      expect(await values(log)).toEqual(["new"]);
      await bench.wait(2000);
      expect(bench.told.reopened).toEqual([]);
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
      expect(bench.told).toMatchObject({ offline: ["one-0"], directories: [first], reopened: [], missingOpened: 0 });
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

  test("R170, R214: what lies in a directory that failed is not begun anew in another that was asked for", () =>
    onNode(async (bench) => {
      const before = await bench.open(["/d1", "/d2"]);
      before.place("t", 0, "/d1");
      put(before.obtain("t", 0, ID), "a");
      await before.close();
      bench.node.disk.faults.add({ operation: "any", path: /^\/d1/, error: "io" });
      const logs = await bench.open(["/d1", "/d2"]);
      logs.place("t", 0, "/d2");
      expect(codeOf(() => logs.obtain("t", 0, ID))).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      logs.place("new", 0, "/d2");
      expect(logs.obtain("new", 0, OTHER_ID, { isNew: true }).path).toBe("/d2/new-0");
      logs.abandon();
      bench.node.disk.faults.clear();
      const again = await bench.open(["/d1", "/d2"]);
      expect(await values(again.get("t", 0))).toEqual(["a"]);
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
      expect(bench.told).toMatchObject({ offline: [], directories: [], reopened: [], missingOpened: 0 });
      expect(logs.hasOfflineDirectories).toBe(false);
      expect(names(bench).some((name) => name.endsWith("-delete"))).toBe(false);
      logs.abandon();
    }));
});
