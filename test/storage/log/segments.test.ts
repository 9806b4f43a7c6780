/** Where segments end, and what a follower appends. */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import {
  append,
  batchesIn,
  batchOf,
  batchOfSize,
  codeOf,
  fileNames,
  openLog,
  readAll,
  readBytes,
  reopenAfterClose,
  surroundings,
  valuesOf,
} from "./log-fixture.ts";

const T = 1_700_000_000_000;
const { CORRUPT_MESSAGE, OFFSET_OUT_OF_RANGE } = ErrorCode;

describe("segments", () => {
  it("roll when they would be too large, too old by their records, or too old without timestamps", async () => {
    const around = surroundings();
    const log = await openLog(around, { config: { segmentBytes: 1000, segmentMs: 60_000 } });
    const at = (timestamp: number) => append(log, batchOf([{ value: "v", timestamp }]));
    at(T);
    around.clock.advance(3_600_000);
    at(T + 60_000);
    expect(log.segments.length).toBe(1);
    at(T + 60_001);
    expect(log.segments.map((segment) => segment.baseOffset)).toEqual([0, 2]);
    log.roll();
    at(-1);
    around.clock.advance(60_000);
    at(-1);
    expect(log.segments.length).toBe(3);
    around.clock.advance(1);
    at(-1);
    expect(log.segments.length).toBe(4);
    append(log, batchOfSize(950));
    expect(log.segments.length).toBe(5);
    expect(fileNames(around).filter((name) => name.endsWith(".snapshot")).length).toBe(4);
    await log.close();
  });

  it("roll when an index is full", async () => {
    const log = await openLog(surroundings(), { config: { segmentIndexBytes: 48, indexIntervalBytes: 0 } });
    for (let i = 0; i < 12; i++) append(log, batchOf([{ value: "v", timestamp: T + i }]));
    // 48 bytes hold four times, one of them kept for the roll: three entries, so four batches.
    expect(log.segments.map((segment) => segment.baseOffset)).toEqual([0, 4, 8]);
    await log.close();
  });

  it("roll when an offset is too far from the base for the indexes", async () => {
    const log = await openLog(surroundings());
    const follow = (baseOffset: number) =>
      log.appendAsFollower(batchOf(["v"], { baseOffset, partitionLeaderEpoch: 0 }), undefined, 0);
    for (const offset of [0, 2 ** 31 - 1, 2 ** 31, 2 ** 33]) follow(offset);
    // As near to the end of the one before as the batch allows.
    expect(log.segments.map((segment) => segment.baseOffset)).toEqual([0, 2 ** 31, 2 ** 33 - 2 ** 31 + 1]);
    expect((await readAll(log)).map((record) => record.offset)).toEqual([0, 2 ** 31 - 1, 2 ** 31, 2 ** 33]);
    await log.close();
  });

  it("segment.jitter.ms makes segments roll earlier, each by its own share", async () => {
    const log = await openLog(surroundings(), { config: { segmentMs: 10_000, segmentJitterMs: 5000 } });
    for (let i = 0; i < 200; i++) append(log, batchOf([{ value: "v", timestamp: T + 1000 * i }]));
    const lengths = log.segments
      .slice(1)
      .map((segment, index) => segment.baseOffset - (log.segments[index]?.baseOffset ?? 0));
    expect(Math.max(...lengths)).toBeLessThanOrEqual(11);
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(5);
    expect(new Set(lengths).size).toBeGreaterThan(2);
    await log.close();
  });

  it("R163: configs act from the next append on", async () => {
    const log = await openLog(surroundings());
    append(log, batchOfSize(500));
    append(log, batchOfSize(500));
    log.updateConfig({ ...log.config, segmentBytes: 600 });
    append(log, batchOfSize(500));
    expect(log.segments.length).toBe(2);
    await log.close();
  });
});

describe("a follower's append", () => {
  const batch = (baseOffset: number, values: string[], partitionLeaderEpoch = 1) =>
    batchOf(values, { baseOffset, partitionLeaderEpoch });

  it("keeps offsets and epochs, skips what is there, leaves out a batch that was cut short", async () => {
    const log = await openLog(surroundings());
    const all = Buffer.concat([batch(0, ["a", "b"]), batch(2, ["c"], 2), batch(3, ["d", "e"], 2)]);
    log.appendAsFollower(all.subarray(0, -10), undefined, 2);
    expect(log.logEndOffset).toBe(3);
    log.appendAsFollower(Buffer.from(all), undefined, 2);
    expect(await valuesOf(log)).toEqual(["a@0", "b@1", "c@2", "d@3", "e@4"]);
    expect(log.leaderEpochs).toEqual([
      { leaderEpoch: 1, startOffset: 0 },
      { leaderEpoch: 2, startOffset: 2 },
    ]);
    await log.close();
  });

  it("R28: batches of an epoch above the one it fetched in are left out, and what follows them", async () => {
    const log = await openLog(surroundings());
    log.appendAsFollower(Buffer.concat([batch(0, ["a"], 1), batch(1, ["b"], 3), batch(2, ["c"], 1)]), undefined, 2);
    expect(await valuesOf(log)).toEqual(["a@0"]);
    await log.close();
  });

  it("takes a hole, as cleaning leaves them", async () => {
    const log = await openLog(surroundings());
    log.appendAsFollower(Buffer.concat([batch(5, ["f"]), batch(9, ["j"])]), undefined, 1);
    expect(await valuesOf(log)).toEqual(["f@5", "j@9"]);
    expect(batchesIn(await readBytes(log, 6))[0]?.baseOffset).toBe(9);
    await log.close();
  });

  it("B91: batches that go back, overlap, or are damaged are refused, and nothing is written", async () => {
    const log = await openLog(surroundings());
    log.appendAsFollower(batch(0, ["a", "b"]), undefined, 1);
    const wrongCrc = batch(2, ["c"]);
    wrongCrc.writeUInt8(0xff, 70);
    const hostile: [Buffer, number][] = [
      [batch(1, ["x", "y"]), OFFSET_OUT_OF_RANGE],
      [Buffer.concat([batch(2, ["c"]), batch(2, ["c"])]), OFFSET_OUT_OF_RANGE],
      [Buffer.concat([batch(4, ["e"]), batch(0, ["a"])]), OFFSET_OUT_OF_RANGE],
      [wrongCrc, CORRUPT_MESSAGE],
      [Buffer.concat([batch(2, ["c"]), Buffer.alloc(100)]), CORRUPT_MESSAGE],
      [Buffer.alloc(100, 0xff), CORRUPT_MESSAGE],
    ];
    for (const [records, code] of hostile) {
      expect(await codeOf(() => log.appendAsFollower(records, undefined, 1))).toBe(code);
      expect([log.logEndOffset, log.sizeBytes]).toEqual([2, batch(0, ["a", "b"]).length]);
    }
    log.appendAsFollower(Buffer.alloc(0), undefined, 1);
    expect(log.offline).toBe(false);
    await log.close();
  });

  it("an empty log takes a batch that its start lies within", async () => {
    const around = surroundings();
    const log = await openLog(around);
    log.truncateFullyAndStartAt(7);
    log.appendAsFollower(batch(5, ["f", "g", "h", "i"]), undefined, 1);
    expect([log.logStartOffset, log.logEndOffset]).toEqual([7, 9]);
    expect(await valuesOf(log)).toEqual(["h@7", "i@8"]);
    const again = await reopenAfterClose(around, log, { logStartOffset: 7 });
    expect(await valuesOf(again)).toEqual(["h@7", "i@8"]);
    await again.close();
  });

  it("more than a segment holds is spread over several", async () => {
    const log = await openLog(surroundings(), { config: { segmentBytes: 300 } });
    const many = Buffer.concat(Array.from({ length: 10 }, (_, i) => batch(i, [`v${i}`])));
    log.appendAsFollower(many, undefined, 1);
    expect(log.segments.length).toBeGreaterThan(3);
    expect(log.segments.every((segment) => segment.sizeBytes <= 300)).toBe(true);
    expect((await readAll(log)).length).toBe(10);
    await log.close();
  });
});
