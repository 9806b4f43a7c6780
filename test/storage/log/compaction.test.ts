import { describe, expect, test } from "vitest";
import { buildEndTransactionBatch } from "../../../protocol/records/control-record.ts";
import { buildRecordBatch } from "../../../protocol/records/record-batch-builder.ts";
import { CompactionAborted, type CompactionResult, compact } from "../../../storage/log/compaction.ts";
import { planCompaction } from "../../../storage/log/compaction-plan.ts";
import type { LogSurroundings } from "../../../storage/log/log-surroundings.ts";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import type { LogConfig } from "../../../storage/log-config.ts";
import { TurnPacer } from "../../../storage/turn-pacer.ts";
import { type Incarnation, Simulation } from "../../simulation/simulation.ts";
import { append, appendBatch, batchesOf, openLog, recordsOf, surroundingsOf } from "./cleanable-log.ts";

const COMPACT: Partial<LogConfig> = { cleanupCompact: true, cleanupDelete: false, deleteRetentionMs: 1000 };

interface Bench {
  readonly simulation: Simulation;
  readonly node: Incarnation;
  readonly around: LogSurroundings;
  readonly log: SegmentedLog;
}

async function onLog(config: Partial<LogConfig>, body: (bench: Bench) => Promise<void>, seed = 1): Promise<void> {
  const simulation = new Simulation({ seed, latencyMs: [0, 0] });
  await simulation.run(async () => {
    const node = simulation.boot("a");
    node.disk.makeDirectory("/data");
    const around = surroundingsOf(node);
    const log = await openLog(around, { ...COMPACT, ...config });
    await body({ simulation, node, around, log });
  });
}

function clean({ node, around, log }: Bench, firstDirtyOffset = 0, maxMapBytes = 1_000_000): Promise<CompactionResult> {
  const plan = planCompaction(log, firstDirtyOffset, node.clock.wallMs());
  if (plan === undefined) throw new Error("there is nothing to clean");
  return compact({ log, around, plan, maxMapBytes, pacer: new TurnPacer(node.clock), isWanted: () => true });
}

/** Records as "offset key=value". */
async function contents(log: SegmentedLog): Promise<string[]> {
  return (await recordsOf(log)).map(({ offset, key, value }) => `${offset} ${key}=${value ?? "null"}`);
}

const put = (log: SegmentedLog, key: string, value: string | null, timestamp = 0) =>
  append(log, [{ key, value, timestamp }]);

describe("cleaning a log", () => {
  test("leaves of each key the newest record, and the active segment as it is", () =>
    onLog({}, async (bench) => {
      const { log } = bench;
      for (let round = 0; round < 3; round++) {
        for (const key of ["a", "b", "c"]) put(log, key, `${round}`);
        log.roll();
      }
      put(log, "a", "active");
      const { endOffset } = await clean(bench);
      expect(endOffset).toBe(9);
      expect(await contents(log)).toEqual(["6 a=2", "7 b=2", "8 c=2", "9 a=active"]);
      expect(log.segments.map((segment) => segment.baseOffset)).toEqual([0, 9]);
      expect([log.logStartOffset, log.logEndOffset]).toEqual([0, 10]);
      expect(log.segments.map((segment) => segment.fileSuffix)).toEqual(["", ""]);
    }));

  test("the cleaned log opens as it was, and says where batches are missing", () =>
    onLog({ indexIntervalBytes: 50 }, async (bench) => {
      const { log, around } = bench;
      for (let i = 0; i < 60; i++) {
        put(log, `key${i % 7}`, `value ${i}`, 1000 + i);
        if (i % 20 === 19) log.roll();
      }
      await clean(bench);
      const before = await contents(log);
      expect(before).toEqual([
        "53 key4=value 53",
        "54 key5=value 54",
        "55 key6=value 55",
        "56 key0=value 56",
        "57 key1=value 57",
        "58 key2=value 58",
        "59 key3=value 59",
      ]);
      await log.close();
      const again = await openLog(around, COMPACT, { cleanShutdown: true, highWatermark: 60 });
      expect(await contents(again)).toEqual(before);
      expect([again.logStartOffset, again.logEndOffset]).toEqual([0, 60]);
      expect((await again.offsetForTimestamp(1055, 60))?.offset).toBe(55);
      expect((await again.offsetForTimestamp(1000, 60))?.offset).toBe(53);
    }));

  test("R85: nothing at or above the high watermark is cleaned, also when it lies in an old segment", () =>
    onLog({}, async (bench) => {
      const { log } = bench;
      for (let round = 0; round < 4; round++) {
        put(log, "a", `${round}`);
        put(log, "b", `${round}`);
        log.roll();
      }
      put(log, "a", "active");
      // A follower that became leader starts from a lower mark; 3 lies within the second segment.
      const lagging = await openLog(bench.around, COMPACT, { path: "/data/u-0", topic: "u" });
      for (const batch of await batchesOf(log)) {
        lagging.appendAsFollower(Buffer.from(batch.bytes), undefined, 0);
        if (batch.lastOffset % 2 === 1) lagging.roll();
      }
      lagging.setHighWatermark(3);
      const { endOffset } = await clean({ ...bench, log: lagging });
      expect(endOffset).toBe(2);
      expect(await contents(lagging)).toEqual([
        "0 a=0",
        "1 b=0",
        "2 a=1",
        "3 b=1",
        "4 a=2",
        "5 b=2",
        "6 a=3",
        "7 b=3",
        "8 a=active",
      ]);
      lagging.setHighWatermark(6);
      await clean({ ...bench, log: lagging });
      expect((await contents(lagging)).slice(0, 3)).toEqual(["4 a=2", "5 b=2", "6 a=3"]);
    }));

  test("R85: nothing at or above the last stable offset is cleaned", () =>
    onLog({}, async (bench) => {
      const { log } = bench;
      put(log, "a", "0");
      log.roll();
      put(log, "a", "1");
      append(log, [{ key: "a", value: "open" }], {
        producerId: 1,
        producerEpoch: 0,
        baseSequence: 0,
        isTransactional: true,
      });
      log.roll();
      put(log, "a", "2");
      log.roll();
      put(log, "a", "3");
      expect((await clean(bench)).endOffset).toBe(1);
      expect(await contents(log)).toEqual(["0 a=0", "1 a=1", "2 a=open", "3 a=2", "4 a=3"]);
    }));

  test("min.compaction.lag.ms keeps young segments, max.compaction.lag.ms makes old ones overdue", () =>
    onLog({ minCompactionLagMs: 1000, maxCompactionLagMs: 5000 }, async ({ log, node }) => {
      const now = node.clock.wallMs();
      put(log, "a", "0", now - 4000);
      log.roll();
      put(log, "a", "1", now - 2000);
      log.roll();
      put(log, "a", "2", now - 500);
      log.roll();
      const plan = planCompaction(log, 0, now);
      expect(plan).toMatchObject({ firstDirtyOffset: 0, firstUncleanableOffset: 2, isOverdue: false, dirtyRatio: 1 });
      expect(planCompaction(log, 0, now + 1001)).toMatchObject({ isOverdue: true });
      expect(planCompaction(log, 1, now + 1001)).toMatchObject({ isOverdue: false });
      expect(planCompaction(log, 1, now)).toMatchObject({ dirtyRatio: 0.5, checkpointIsInvalid: false });
      expect(planCompaction(log, 99, now)).toMatchObject({ firstDirtyOffset: 0, checkpointIsInvalid: true });
    }));

  test("R86: the newest batch of a producer stays, so that its sequences go on after a restart", () =>
    onLog({}, async (bench) => {
      const { log, around } = bench;
      const producer = { producerId: 7, producerEpoch: 1 };
      append(
        log,
        [
          { key: "a", value: "0" },
          { key: "b", value: "0" },
        ],
        { ...producer, baseSequence: 0 },
      );
      append(
        log,
        [
          { key: "a", value: "1" },
          { key: "b", value: "1" },
        ],
        { ...producer, baseSequence: 2 },
      );
      log.roll();
      put(log, "a", "2");
      put(log, "b", "2");
      log.roll();
      put(log, "c", "active");
      await clean(bench);
      const [first] = await batchesOf(log);
      expect([first?.baseOffset, first?.lastOffset, first?.recordCount, first?.lastSequence]).toEqual([2, 3, 0, 3]);
      await log.close();
      // Also when the producers are rebuilt from the batches.
      for (const { name } of around.disk.list("/data/t-0"))
        if (name.endsWith(".snapshot")) around.disk.remove(`/data/t-0/${name}`);
      const again = await openLog(around, COMPACT, { highWatermark: 7 });
      expect(again.producers()).toMatchObject([{ producerId: 7, producerEpoch: 1, lastSequence: 3 }]);
      expect(append(again, [{ key: "a", value: "3" }], { ...producer, baseSequence: 4 })).toBe(7);
    }));

  test("R88: aborted data goes, its marker stays until a horizon after that; the transaction index says what is left", () =>
    onLog({}, async (bench) => {
      const { log, simulation } = bench;
      const producer = { producerId: 7, producerEpoch: 0, isTransactional: true };
      const marker = (committed: boolean) =>
        appendBatch(
          log,
          buildEndTransactionBatch({ committed, producerId: 7, producerEpoch: 0, coordinatorEpoch: 0, timestampMs: 5 }),
        );
      put(log, "a", "before");
      append(log, [{ key: "a", value: "aborted" }], { ...producer, baseSequence: 0 });
      marker(false);
      append(log, [{ key: "a", value: "committed" }], { ...producer, baseSequence: 1 });
      marker(true);
      log.roll();
      put(log, "z", "active");
      const aborted = async () => {
        const read = await log.read(0, { maxBytes: 1e6, upToOffset: 5, minOneBatch: true, abortedTransactions: true });
        read.release();
        return read.abortedTransactions;
      };
      expect(await aborted()).toEqual([{ producerId: 7, firstOffset: 1 }]);
      await clean(bench);
      expect(await contents(log)).toEqual(["3 a=committed", "5 z=active"]);
      expect((await batchesOf(log)).map((batch) => batch.baseOffset)).toEqual([2, 3, 4, 5]);
      expect(await aborted()).toEqual([{ producerId: 7, firstOffset: 1 }]);
      await clean(bench);
      expect((await batchesOf(log))[0]?.hasDeleteHorizon).toBe(true);
      expect(await aborted()).toEqual([]);
      await simulation.boot("clock").clock.jumpWall(0);
      await new Promise<void>((resolve) => bench.node.clock.after(1000, resolve));
      await clean(bench);
      expect((await batchesOf(log)).map((batch) => batch.baseOffset)).toEqual([3, 4, 5]);
    }));

  test("R88: a tombstone lives delete.retention.ms from the pass that could have dropped it", () =>
    onLog({}, async (bench) => {
      const { log, node } = bench;
      put(log, "a", "0");
      put(log, "a", null);
      put(log, "b", "0");
      log.roll();
      put(log, "c", "active");
      await clean(bench);
      expect(await contents(log)).toEqual(["1 a=null", "2 b=0", "3 c=active"]);
      await new Promise<void>((resolve) => node.clock.after(999, resolve));
      await clean(bench);
      expect(await contents(log)).toEqual(["1 a=null", "2 b=0", "3 c=active"]);
      await new Promise<void>((resolve) => node.clock.after(1, resolve));
      await clean(bench);
      expect(await contents(log)).toEqual(["2 b=0", "3 c=active"]);
    }));

  test("what memory holds of the keys is cleaned, the rest next time", () =>
    onLog({}, async (bench) => {
      const { log } = bench;
      for (let i = 0; i < 400; i++) {
        put(log, `key-${i % 100}`, `${i}`);
        if (i % 50 === 49) log.roll();
      }
      put(log, "key-0", "active");
      const first = await clean(bench, 0, 2000);
      expect(first.endOffset).toBeGreaterThan(0);
      expect(first.endOffset).toBeLessThan(400);
      let from = first.endOffset;
      for (let passes = 0; from < 400; passes++) {
        expect(passes).toBeLessThan(20);
        from = (await clean(bench, from, 2000)).endOffset;
      }
      const left = await contents(log);
      expect(left).toEqual([
        ...Array.from({ length: 100 }, (_, i) => `${300 + i} key-${i}=${300 + i}`),
        "400 key-0=active",
      ]);
    }));

  test("small segments are put together up to segment.bytes", () =>
    onLog({ segmentBytes: 1000 }, async (bench) => {
      const { log } = bench;
      for (let i = 0; i < 12; i++) {
        put(log, `key-${i}`, "x".repeat(200));
        log.roll();
      }
      await clean(bench);
      expect((await contents(log)).length).toBe(12);
      const sizes = log.segments.map((segment) => segment.sizeBytes);
      expect(sizes.length).toBe(5);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(1000);
    }));

  test("R87: offsets too far apart for one segment stay in two, and so does what recompression makes larger", () =>
    onLog({ segmentBytes: 4000 }, async (bench) => {
      const { log, around } = bench;
      const far = await openLog(around, COMPACT, { path: "/data/far-0", topic: "far" });
      for (const baseOffset of [0, 2 ** 31 - 10, 2 ** 31 + 10, 2 ** 32]) {
        const batch = buildRecordBatch([{ key: `k${baseOffset}`, value: "v" }], {
          baseOffset,
          partitionLeaderEpoch: 0,
        });
        far.appendAsFollower(batch, undefined, 0);
        far.roll();
      }
      far.setHighWatermark(far.logEndOffset);
      await clean({ ...bench, log: far });
      // Rolled behind each batch; the first two fit together, the others are too far from what is before them.
      const bases = far.segments.map((segment) => segment.baseOffset);
      expect(bases).toEqual([0, 2 ** 31 - 9, 2 ** 31 + 11, 2 ** 32 + 1]);
      expect((await recordsOf(far)).map((record) => record.offset)).toEqual([0, 2 ** 31 - 10, 2 ** 31 + 10, 2 ** 32]);

      // A delete horizon moves the base timestamp: every record of the batch takes some bytes more.
      for (let i = 0; i < 8; i++) {
        const records = Array.from({ length: 80 }, (_, n) => ({ key: `${i}-${n}`, value: n === 0 ? null : "" }));
        append(log, records);
        if (i % 4 === 3) log.roll();
      }
      const before = log.segments.map((segment) => segment.sizeBytes);
      await clean(bench);
      expect((await recordsOf(log)).length).toBe(640);
      const after = log.segments.map((segment) => segment.sizeBytes);
      expect(Math.max(...before)).toBeGreaterThan(3500);
      expect(after.reduce((sum, size) => sum + size)).toBeGreaterThan(before.reduce((sum, size) => sum + size) + 3000);
      expect(Math.max(...after)).toBeLessThanOrEqual(4000);
    }));

  test("a log that is cut or trimmed meanwhile is not touched", () =>
    onLog({}, async (bench) => {
      const { log } = bench;
      for (let i = 0; i < 6; i++) {
        put(log, "a", `${i}`);
        log.roll();
      }
      const cut = clean(bench);
      log.truncateTo(3);
      await expect(cut).rejects.toBeInstanceOf(CompactionAborted);
      expect(await contents(log)).toEqual(["0 a=0", "1 a=1", "2 a=2"]);
      log.roll();
      put(log, "b", "0");
      log.roll();
      const trimmed = clean(bench);
      log.raiseLogStartOffset(2);
      log.deleteOldSegments(0);
      await expect(trimmed).rejects.toBeInstanceOf(CompactionAborted);
      expect(await contents(log)).toEqual(["2 a=2", "3 b=0"]);
      expect(
        bench.around.disk.list("/data/t-0").some(({ name }) => name.includes("cleaned") || name.includes("swap")),
      ).toBe(false);
    }));

  test("R74: a damaged batch stops the cleaning; it is not written again as if it were sound", () =>
    onLog({}, async (bench) => {
      const { log, node } = bench;
      for (let i = 0; i < 3; i++) put(log, `k${i}`, "value");
      log.roll();
      put(log, "z", "active");
      await log.flush();
      node.disk.corrupt("/data/t-0/00000000000000000000.log", 100);
      await expect(clean(bench)).rejects.toThrow("no valid batch");
      expect(log.offline).toBe(false);
      expect(log.segments.length).toBe(2);
    }));
});
