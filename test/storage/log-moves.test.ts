/** Replicas that are asked for in another directory of their node: step by step, and what comes between. */
import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { buildRecordBatch } from "../../protocol/records/record-batch-builder.ts";
import type { SegmentedLog } from "../../storage/log/segmented-log.ts";
import type { LogDirectories } from "../../storage/log-directories.ts";
import type { PreparedAppend } from "../../storage/partition-log.ts";
import { type Bench, codeOf, ID, names, OTHER_ID, onNode, put, values } from "./node-logs.ts";

const BOTH = ["/d1", "/d2"];

/** A log in the first directory, with so many records. */
async function openWith(bench: Bench, count: number): Promise<{ logs: LogDirectories; log: SegmentedLog }> {
  const logs = await bench.open(BOTH);
  logs.place("t", 0, "/d1");
  const log = logs.obtain("t", 0, ID);
  put(log, ...texts(0, count));
  return { logs, log };
}

const texts = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`);
const kinds = (bench: Bench, path: string) =>
  names(bench, path)
    .filter((name) => name.startsWith("t-0"))
    .map((name) => name.replace(/\.[0-9a-f]{32}/, ""));
/** Waits only so long that the log which was replaced has its name still. */
const untilMoved = async (bench: Bench): Promise<void> => {
  while (bench.told.moved.length === 0) await bench.wait(0.05);
};
const futures = (logs: LogDirectories) => logs.describe().map(({ futures }) => futures.map((log) => log.logEndOffset));

describe("a log that is asked for in another directory", () => {
  test("R214: is copied while it grows, and is the log once it has all of it", () =>
    onNode(async (bench) => {
      const { logs, log } = await openWith(bench, 300);
      logs.place("t", 0, "/d2");
      expect([kinds(bench, "/d1"), kinds(bench, "/d2"), futures(logs)]).toEqual([["t-0"], ["t-0-future"], [[], [0]]]);
      put(log, ...texts(300, 320));
      // A leader that wrote nothing in its epoch yet.
      log.startLeaderEpoch(3);
      await bench.wait(100);
      expect(bench.told.moved).toEqual(["t-0 /d1 /d2"]);
      const now = logs.get("t", 0) as SegmentedLog;
      expect(now).not.toBe(log);
      expect([now.logEndOffset, now.highWatermark, now.latestLeaderEpoch]).toEqual([320, log.highWatermark, 3]);
      put(now, "new");
      expect(await values(now)).toEqual([...texts(0, 320), "new"]);
      expect([kinds(bench, "/d1"), kinds(bench, "/d2"), futures(logs)]).toEqual([["t-0-delete"], ["t-0"], [[], []]]);
      await bench.wait(61_000);
      expect(kinds(bench, "/d1")).toEqual([]);
      await logs.close();
      const again = await bench.open(BOTH);
      expect(await values(again.get("t", 0))).toEqual([...texts(0, 320), "new"]);
      again.abandon();
    }));

  test("R214: a node that is killed in the middle goes on where the copy ends", () =>
    onNode(async (bench) => {
      const { logs, log } = await openWith(bench, 200);
      const large = Array.from({ length: 100 }, (_, i) => `${i}`.padEnd(20_000));
      put(log, ...large);
      bench.moveBytesPerSecond = 1000;
      logs.place("t", 0, "/d2");
      await bench.wait(3000);
      const [copied = 0] = futures(logs)[1] as number[];
      expect(copied).toBeGreaterThan(0);
      expect(copied).toBeLessThan(300);
      bench.restart(false);
      bench.moveBytesPerSecond = undefined;
      const again = await bench.open(BOTH);
      expect(kinds(bench, "/d2")).toEqual(["t-0-future"]);
      expect(again.get("t", 0)?.path).toBe("/d1/t-0");
      await bench.wait(1000);
      expect(bench.told.moved).toEqual(["t-0 /d1 /d2"]);
      expect(await values(again.get("t", 0))).toEqual([...texts(0, 200), ...large]);
      again.abandon();
    }));

  test.each(Array.from({ length: 12 }, (_, seed) => seed))(
    "R214: whenever the power fails, the log is there once and whole (%i)",
    (seed) =>
      onNode(async (bench) => {
        const { logs, log } = await openWith(bench, 100);
        await log.flush();
        logs.place("t", 0, "/d2");
        await bench.wait(seed);
        bench.assigned = "/d2";
        bench.restart(true);
        const again = await bench.open(BOTH);
        await bench.wait(1000);
        expect(await values(again.get("t", 0))).toEqual(texts(0, 100));
        // Where the power failed before anything of the copy was on the device nobody asks for it any more.
        const isOver = kinds(bench, "/d2").length === 0;
        expect(again.get("t", 0)?.path).toBe(isOver ? "/d1/t-0" : "/d2/t-0");
        again.abandon();
      }, seed),
  );

  test("R214: of two directories that a kill left by the same name the one counts that the metadata names", () =>
    onNode(async (bench) => {
      const { logs } = await openWith(bench, 10);
      logs.place("t", 0, "/d2");
      bench.node.disk.faults.add({ operation: "rename", path: /d1\/t-0$/, error: "io" });
      await bench.wait(1000);
      expect([kinds(bench, "/d1"), kinds(bench, "/d2")]).toEqual([["t-0"], ["t-0"]]);
      bench.restart(false);
      bench.node.disk.faults.clear();
      bench.assigned = "elsewhere";
      await expect(bench.open(BOTH)).rejects.toThrow("hold the same partition");
      bench.restart(false);
      bench.assigned = "/d2";
      const again = await bench.open(BOTH);
      expect(again.get("t", 0)?.path).toBe("/d2/t-0");
      expect(kinds(bench, "/d1")).toEqual(["t-0-stray"]);
      again.abandon();
    }));

  test("R214: where the partition is no more, neither of two directories keeps the node from starting", () =>
    onNode(async (bench) => {
      const { logs } = await openWith(bench, 10);
      logs.place("t", 0, "/d2");
      await untilMoved(bench);
      bench.restart(false);
      expect([kinds(bench, "/d1"), kinds(bench, "/d2")]).toEqual([["t-0"], ["t-0"]]);
      const again = await bench.open(BOTH);
      again.setStraysAside(() => true);
      expect([kinds(bench, "/d1"), kinds(bench, "/d2")]).toEqual([["t-0-stray"], ["t-0-stray"]]);
      again.abandon();
    }));

  test("R214: the copy is cut back where the log was, whatever came behind", () =>
    onNode(async (bench) => {
      const { logs, log } = await openWith(bench, 50);
      bench.ready = () => new Promise(() => {});
      logs.place("t", 0, "/d2");
      await bench.wait(1000);
      expect(futures(logs)).toEqual([[], [50]]);
      log.truncateTo(40);
      log.startLeaderEpoch(7);
      put(log, ...texts(100, 120));
      bench.ready = async () => true;
      logs.place("t", 0, "/d1");
      logs.place("t", 0, "/d2");
      await bench.wait(1000);
      expect(await values(logs.get("t", 0))).toEqual([...texts(0, 40), ...texts(100, 120)]);
      expect(logs.get("t", 0)?.path).toBe("/d2/t-0");
      await logs.close();
    }));

  test("R214: what is deleted from the log meanwhile is deleted from the copy", () =>
    onNode(async (bench) => {
      const { logs, log } = await openWith(bench, 200);
      put(log, ...Array.from({ length: 100 }, (_, i) => `${i}`.padEnd(20_000)));
      bench.moveBytesPerSecond = 1000;
      logs.place("t", 0, "/d2");
      await bench.wait(3000);
      const [copied = 0] = futures(logs)[1] as number[];
      log.raiseLogStartOffset(copied - 1);
      await bench.wait(3000);
      const future = logs.describe()[1]?.futures[0];
      expect(future?.logStartOffset).toBe(copied - 1);
      expect(future?.logEndOffset).toBeLessThan(300);
      logs.abandon();
    }));

  test("R214: a move ends when it is asked back, elsewhere, or its log is deleted", () =>
    onNode(async (bench) => {
      bench.ready = () => new Promise(() => {});
      const { logs } = await openWith(bench, 10);
      logs.place("t", 0, "/d2");
      logs.place("t", 0, "/d1");
      expect([kinds(bench, "/d1"), kinds(bench, "/d2"), bench.told.movesEnded]).toEqual([["t-0"], ["t-0-delete"], 1]);
      logs.place("t", 0, "/d2");
      logs.place("t", 0, "/d2");
      await bench.wait(100);
      logs.remove("t", 0, ID);
      expect([kinds(bench, "/d1"), bench.told.movesEnded]).toEqual([["t-0-delete"], 2]);
      await bench.wait(61_000);
      expect([kinds(bench, "/d1"), kinds(bench, "/d2")]).toEqual([[], []]);
      expect(codeOf(() => logs.place("t", 0, "/d9"))).toBe(ErrorCode.LOG_DIR_NOT_FOUND);
      logs.place("t", 0, "/d2");
      expect(logs.obtain("t", 0, OTHER_ID).path).toBe("/d2/t-0");
      await logs.close();
    }));

  test("R214: what is on the device stays there when the power fails right after the move", () =>
    onNode(async (bench) => {
      const { logs, log } = await openWith(bench, 100);
      bench.ready = async () => {
        put(log, ...texts(100, 150));
        await log.flush();
        return true;
      };
      logs.place("t", 0, "/d2");
      await untilMoved(bench);
      bench.assigned = "/d2";
      bench.restart(true);
      const again = await bench.open(BOTH);
      expect(await values(again.get("t", 0))).toEqual(texts(0, 150));
      again.abandon();
    }));

  test("R214: a log that is deleted right after it was moved leaves nothing in either directory", () =>
    onNode(async (bench) => {
      const { logs } = await openWith(bench, 10);
      logs.place("t", 0, "/d2");
      await untilMoved(bench);
      expect(kinds(bench, "/d1")).toEqual(["t-0"]);
      logs.remove("t", 0, ID);
      await bench.wait(100);
      expect([kinds(bench, "/d1"), kinds(bench, "/d2")]).toEqual([["t-0-delete"], ["t-0-delete"]]);
      logs.place("t", 0, "/d1");
      expect(logs.obtain("t", 0, OTHER_ID).path).toBe("/d1/t-0");
      await bench.wait(61_000);
      expect([kinds(bench, "/d1"), kinds(bench, "/d2")]).toEqual([["t-0"], []]);
      await logs.close();
    }));

  test("R214: a rate that is raised is noticed by a move that waits, and none keeps a node from its end", () =>
    onNode(async (bench) => {
      const { logs, log } = await openWith(bench, 1);
      logs.place("u", 0, "/d1");
      for (const one of [log, logs.obtain("u", 0, ID)])
        put(one, ..."abcdef".split("").map((one) => one.padEnd(20_000)));
      bench.moveBytesPerSecond = 10;
      for (const topic of ["t", "u"]) logs.place(topic, 0, "/d2");
      await bench.wait(1000);
      expect(bench.told.moved).toEqual([]);
      bench.moveBytesPerSecond = 1_000_000;
      await bench.wait(2000);
      expect(bench.told.moved.sort()).toEqual(["t-0 /d1 /d2", "u-0 /d1 /d2"]);
      bench.moveBytesPerSecond = 10;
      for (const topic of ["t", "u"]) logs.place(topic, 0, "/d1");
      await bench.wait(1000);
      const startMs = bench.node.clock.monotonicMs();
      await logs.close();
      expect(bench.node.clock.monotonicMs() - startMs).toBeLessThan(1000);
    }));

  test("R214: a directory that fails while it is filled leaves the log where it is", () =>
    onNode(async (bench) => {
      const { logs, log } = await openWith(bench, 10);
      bench.node.disk.faults.add({ operation: "append", path: /d2/, error: "io" });
      logs.place("t", 0, "/d2");
      bench.node.disk.faults.add({ operation: "writeFile", path: /d2/, error: "io" });
      await bench.wait(1000);
      expect([log.offline, futures(logs), bench.told.directories.length]).toEqual([false, [[], []], 1]);
      expect(codeOf(() => logs.place("t", 0, "/d2"))).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      put(log, "more");
      logs.abandon();
    }));

  test("R214: no tombstone goes while a log is copied, and its holes are known in the new directory", () =>
    onNode(async (bench) => {
      bench.configs.set("t", { cleanupPolicies: ["compact"], minCleanableDirtyRatio: 0, segmentBytes: 200 } as never);
      bench.configs.set("t", { ...bench.configs.get("t"), cleanupCompact: true, cleanupDelete: false });
      const { logs, log } = await openWith(bench, 60);
      log.setHighWatermark(60);
      await logs.cleaner.cleanAll();
      const cleaned = await values(log);
      expect(cleaned?.length).toBeLessThan(60);
      bench.ready = () => new Promise(() => {});
      logs.place("t", 0, "/d2");
      await bench.wait(1000);
      put(log, ...texts(100, 160));
      log.setHighWatermark(log.logEndOffset);
      await logs.cleaner.cleanAll();
      expect((await values(log))?.length).toBe((cleaned?.length ?? 0) + 60);
      bench.configs.set("t", { segmentBytes: 200 });
      bench.restart(false);
      bench.ready = async () => true;
      const again = await bench.open(BOTH);
      await bench.wait(1000);
      expect(again.get("t", 0)?.path).toBe("/d2/t-0");
      expect((await values(again.get("t", 0)))?.length).toBe((cleaned?.length ?? 0) + 60);
      again.abandon();
    }));

  test("R214: what no batch says any more of leader epochs and producers is known in the new directory", () =>
    onNode(async (bench) => {
      bench.configs.set("t", {
        segmentBytes: 200,
        minCleanableDirtyRatio: 0,
        cleanupCompact: true,
        cleanupDelete: true,
      });
      const { logs, log } = await openWith(bench, 0);
      const send = (to: SegmentedLog, leaderEpoch: number, sequence: number) => {
        const batch = buildRecordBatch([{ key: "k", value: "v" }], {
          producerId: 7,
          producerEpoch: 0,
          baseSequence: sequence,
        });
        const result = to.append(to.prepare(batch, undefined, { origin: "client" }) as PreparedAppend, { leaderEpoch });
        to.setHighWatermark(to.logEndOffset);
        return result;
      };
      for (let i = 0; i < 30; i++) send(log, Math.floor(i / 10), i);
      for (let i = 0; i < 30; i++) {
        const batch = buildRecordBatch([{ key: "k", value: "v" }]);
        log.append(log.prepare(batch, undefined, { origin: "client" }) as PreparedAppend, { leaderEpoch: 3 });
      }
      log.setHighWatermark(log.logEndOffset);
      await logs.cleaner.cleanAll();
      expect(log.leaderEpochs).toHaveLength(4);
      logs.place("t", 0, "/d2");
      await bench.wait(1000);
      const moved = logs.get("t", 0) as SegmentedLog;
      expect([moved.path, moved.leaderEpochs]).toEqual(["/d2/t-0", log.leaderEpochs]);
      moved.raiseLogStartOffset(40);
      logs.place("t", 0, "/d1");
      await bench.wait(1000);
      const back = logs.get("t", 0) as SegmentedLog;
      expect([back.path, back.logStartOffset]).toEqual(["/d1/t-0", 40]);
      expect(send(back, 3, 29)).toMatchObject({ duplicate: true, baseOffset: 29 });
      expect(codeOf(() => send(back, 3, 31))).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
      await logs.close();
    }));
});
