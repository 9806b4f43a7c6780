/** Which segments go, when, and how: retention, DeleteRecords, and the files they leave for a while. */
import { describe, expect, it } from "vitest";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import type { LogConfig } from "../../../storage/log-config.ts";
import {
  append,
  batchOf,
  batchOfSize,
  codeOf,
  type Fixture,
  fileNames,
  openLog,
  READ_ALL,
  readAll,
  reopenAfterClose,
  surroundings,
  valuesOf,
} from "./log-fixture.ts";

const T = 1_700_000_000_000;
const HOUR = 3_600_000;

/** Five segments of a batch each, an hour apart: offsets 0 to 4. */
async function fiveSegments(config: Partial<LogConfig> = {}): Promise<{ around: Fixture; log: SegmentedLog }> {
  const around = surroundings();
  const log = await openLog(around, { config: { retentionMs: -1, messageTimestampAfterMaxMs: 99 * HOUR, ...config } });
  for (let i = 0; i < 5; i++) {
    if (i > 0) log.roll();
    append(log, batchOf([{ key: "k", value: `v${i}`, timestamp: T + i * HOUR }]));
  }
  log.setHighWatermark(5);
  return { around, log };
}

const bases = (log: SegmentedLog) => log.segments.map((segment) => segment.baseOffset);
const batchBytes = batchOf([{ key: "k", value: "v0", timestamp: T }]).length;

describe("retention", () => {
  it("by time: segments whose largest timestamp is too old", async () => {
    const { log } = await fiveSegments({ retentionMs: HOUR });
    expect(log.deleteOldSegments(T + 3 * HOUR)).toBe(2);
    expect([log.logStartOffset, bases(log)]).toEqual([2, [2, 3, 4]]);
    expect(log.deleteOldSegments(T + 3 * HOUR)).toBe(0);
    expect(await valuesOf(log)).toEqual(["v2@2", "v3@3", "v4@4"]);
    await log.close();
  });

  it("by time: the active segment is rolled when all of it has expired", async () => {
    const { log } = await fiveSegments({ retentionMs: HOUR });
    expect(log.deleteOldSegments(T + 99 * HOUR)).toBe(5);
    expect([log.logStartOffset, log.logEndOffset, bases(log)]).toEqual([5, 5, [5]]);
    expect(log.deleteOldSegments(T + 999 * HOUR)).toBe(0);
    expect(append(log, batchOf(["a"])).baseOffset).toBe(5);
    await log.close();
  });

  it("by size: the oldest, as long as what is left is not below the limit", async () => {
    for (const [retentionBytes, left] of [
      [5, 5],
      [4, 4],
      [3.5, 4],
      [2, 2],
      [0.5, 1],
      [0, 1],
    ] as const) {
      const { log } = await fiveSegments({ retentionBytes: Math.floor(retentionBytes * batchBytes) });
      log.deleteOldSegments(T);
      expect(5 - log.logStartOffset, `${retentionBytes}`).toBe(retentionBytes === 0 ? 0 : left);
      await log.close();
    }
  });

  it("a segment whose records have no timestamps ages from when it was made", async () => {
    const around = surroundings();
    const log = await openLog(around, { config: { retentionMs: HOUR } });
    append(log, batchOf([{ value: "v", timestamp: -1 }]));
    log.setHighWatermark(1);
    around.clock.advance(HOUR);
    expect(log.deleteOldSegments(around.clock.wallMs())).toBe(0);
    around.clock.advance(1);
    expect(log.deleteOldSegments(around.clock.wallMs())).toBe(1);
    await log.close();
  });

  it("R89: never what lies at or behind the high watermark", async () => {
    for (const [highWatermark, left] of [
      [0, [0, 1, 2, 3, 4]],
      [2, [2, 3, 4]],
      [4, [4]],
    ] as const) {
      const around = surroundings();
      const log = await openLog(around, { config: { retentionMs: 1 } });
      for (let i = 0; i < 5; i++) {
        if (i > 0) log.roll();
        append(log, batchOf([`v${i}`]));
      }
      log.setHighWatermark(highWatermark);
      log.deleteOldSegments(T + HOUR);
      expect(bases(log)).toEqual(left);
      await log.close();
    }
  });

  it("a topic that is only compacted loses nothing but what lies below its start", async () => {
    const { log } = await fiveSegments({
      retentionMs: 1,
      retentionBytes: 1,
      cleanupDelete: false,
      cleanupCompact: true,
    });
    expect(log.deleteOldSegments(T + 99 * HOUR)).toBe(0);
    log.raiseLogStartOffset(3);
    expect(log.deleteOldSegments(T + 99 * HOUR)).toBe(3);
    await log.close();
  });

  it("B82: DeleteRecords moves the start at once, up to the high watermark, and segments below it go", async () => {
    const around = surroundings();
    const log = await openLog(around, { config: { retentionMs: -1 } });
    append(log, batchOf(["a", "b", "c"]), { leaderEpoch: 3 });
    log.roll();
    append(log, batchOf(["d", "e"]), { leaderEpoch: 5 });
    log.setHighWatermark(4);
    log.raiseLogStartOffset(1);
    expect(log.logStartOffset).toBe(1);
    expect(await codeOf(() => log.read(0, READ_ALL))).toBe(1);
    expect(log.deleteOldSegments(T)).toBe(0);
    expect(await valuesOf(log)).toEqual(["b@1", "c@2", "d@3", "e@4"]);
    log.raiseLogStartOffset(99);
    expect(log.logStartOffset).toBe(4);
    expect(log.leaderEpochs).toEqual([{ leaderEpoch: 5, startOffset: 4 }]);
    log.raiseLogStartOffset(2);
    expect(log.logStartOffset).toBe(4);
    expect(log.deleteOldSegments(T)).toBe(1);
    // The start survives with the checkpoint that the log manager keeps.
    const again = await reopenAfterClose(around, log, { logStartOffset: 4 });
    expect(await valuesOf(again)).toEqual(["e@4"]);
    await again.close();
  });

  it("files are renamed at once and go after file.delete.delay.ms", async () => {
    const { around, log } = await fiveSegments({ retentionMs: HOUR, fileDeleteDelayMs: 5000 });
    const deleted = () => fileNames(around).filter((name) => name.endsWith(".deleted"));
    const slow = log.read(0, READ_ALL);
    log.deleteOldSegments(T + 3 * HOUR);
    expect(deleted()).toEqual([
      "00000000000000000000.index.deleted",
      "00000000000000000000.log.deleted",
      "00000000000000000000.timeindex.deleted",
      "00000000000000000001.index.deleted",
      "00000000000000000001.log.deleted",
      "00000000000000000001.snapshot.deleted",
      "00000000000000000001.timeindex.deleted",
    ]);
    around.clock.advance(4999);
    expect(deleted().length).toBe(7);
    around.clock.advance(1);
    expect(deleted()).toEqual([]);
    expect(around.clock.pending).toBe(0);
    (await slow).release();
    log.deleteOldSegments(T + 4 * HOUR);
    expect(around.clock.pending).toBeGreaterThan(0);
    await log.close();
    expect([deleted(), around.clock.pending]).toEqual([[], 0]);
  });

  it("R92: a wall clock that jumps rolls no segment by itself, and the caller's time alone decides what has expired", async () => {
    const { around, log } = await fiveSegments({ retentionMs: HOUR, segmentMs: HOUR });
    around.clock.advance(99 * HOUR);
    expect(log.deleteOldSegments(T)).toBe(0);
    append(log, batchOf([{ value: "w", timestamp: T + 4 * HOUR }]));
    expect(bases(log)).toEqual([0, 1, 2, 3, 4]);
    await log.close();
  });
});

describe("putting cleaned segments in place", () => {
  /** A cleaned segment with these batches. */
  function cleanedOf(log: SegmentedLog, baseOffset: number, batches: Buffer[]) {
    const segment = log.createCleanedSegment(baseOffset);
    for (const [index, batch] of batches.entries()) {
      const position = segment.append([batch]);
      segment.noteBatch(position, batch.length, batch.readInt32BE(4) + batch.readInt32BE(23), T + index);
    }
    return segment;
  }

  const kept = (offset: number) =>
    batchOf([{ key: "k", value: `kept ${offset}`, timestamp: T }], { baseOffset: offset });

  it("reads go on over the swap, in memory and on the disk", async () => {
    const { around, log } = await fiveSegments();
    const cleaned = cleanedOf(log, 0, [kept(2)]);
    const slow = await log.read(1, READ_ALL);
    expect(await log.replaceSegments([cleaned], log.segments.slice(0, 3))).toBe(true);
    expect(Buffer.concat(slow.pieces).length).toBe(batchBytes);
    slow.release();
    expect(bases(log)).toEqual([0, 3, 4]);
    expect(await valuesOf(log)).toEqual(["kept 2@2", "v3@3", "v4@4"]);
    around.clock.advance(60_000);
    expect(fileNames(around).filter((name) => /cleaned|swap|deleted/.test(name))).toEqual([]);
    const again = await reopenAfterClose(around, log);
    expect(await valuesOf(again)).toEqual(["kept 2@2", "v3@3", "v4@4"]);
    await again.close();
  });

  it("one may become several, and several none", async () => {
    const { log } = await fiveSegments();
    await log.replaceSegments([cleanedOf(log, 0, [kept(0)]), cleanedOf(log, 1, [kept(1)])], log.segments.slice(0, 2));
    await log.replaceSegments([cleanedOf(log, 2, [])], log.segments.slice(2, 4));
    expect(bases(log)).toEqual([0, 1, 2, 4]);
    expect((await readAll(log)).map((record) => record.offset)).toEqual([0, 1, 4]);
    await log.close();
  });

  it("nothing is replaced when the log was cut or trimmed meanwhile", async () => {
    for (const change of [
      (log: SegmentedLog) => log.truncateTo(1),
      (log: SegmentedLog) => {
        log.raiseLogStartOffset(2);
        log.deleteOldSegments(T);
      },
    ]) {
      const { around, log } = await fiveSegments();
      const cleaned = cleanedOf(log, 0, [kept(1)]);
      const replacing = log.replaceSegments([cleaned], log.segments.slice(0, 3));
      change(log);
      expect(await replacing).toBe(false);
      expect(fileNames(around).filter((name) => /cleaned|swap/.test(name))).toEqual([]);
      expect((await readAll(log)).some((record) => record.value?.startsWith("kept"))).toBe(false);
      await log.close();
    }
  });

  it("a segment that the cleaner does not need is gone at once", async () => {
    const { around, log } = await fiveSegments();
    const cleaned = log.createCleanedSegment(0);
    cleaned.append([batchOfSize(500)]);
    log.dropCleanedSegment(cleaned);
    expect(fileNames(around).filter((name) => name.includes("cleaned"))).toEqual([]);
    await log.close();
  });
});

describe("moving the directory", () => {
  it("the log goes on in its new place", async () => {
    const { around, log } = await fiveSegments();
    log.rename("/data/topic-0.0123456789abcdef0123456789abcdef-delete");
    append(log, batchOf(["moved"]));
    log.startLeaderEpoch(7);
    expect((await valuesOf(log)).at(-1)).toBe("moved@5");
    const again = await reopenAfterClose(around, log, { path: log.path });
    expect((await valuesOf(again)).length).toBe(6);
    expect(around.disk.exists("/data/topic-0")).toBe(false);
    await again.close();
  });
});
