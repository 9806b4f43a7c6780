/** Appending and reading: what lies where, what a read gives, where segments end. */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Codec } from "../../../protocol/records/codec.ts";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import {
  append,
  appendShared,
  batchesIn,
  batchOf,
  batchOfSize,
  codeOf,
  type Fixture,
  fileNames,
  KeepingLogger,
  LOG_PATH,
  openLog,
  READ_ALL,
  readAll,
  readBytes,
  reopenAfterClose,
  surroundings,
  valuesOf,
} from "./log-fixture.ts";

const T = 1_700_000_000_000;
const { CORRUPT_MESSAGE, OFFSET_OUT_OF_RANGE } = ErrorCode;

const logFile = (baseOffset: number) => `${LOG_PATH}/${String(baseOffset).padStart(20, "0")}.log`;

/** Changes bytes of a file behind the log's back. */
function overwrite(around: Fixture, path: string, change: (bytes: Buffer) => void): void {
  const bytes = around.disk.readFile(path);
  change(bytes);
  around.disk.writeFile(path, bytes);
}

// Reads must not differ by where they find the bytes.
describe.each([
  ["from the tail", 16 << 20],
  ["from the disk", 0],
])("reading %s", (_, tailBytes) => {
  async function withLog(check: (log: SegmentedLog, around: Fixture) => Promise<void>, config = {}): Promise<void> {
    const around = surroundings({ tailBytes });
    const log = await openLog(around, { config });
    await check(log, around);
    await log.close();
    // Everything that was read was given back, and the tail holds nothing any more.
    expect(around.pool.usedBytes).toBe(0);
    expect(around.tailBudget.heldBytes).toBe(0);
  }

  it("V17: an offset within a batch gives the whole batch", async () => {
    await withLog(async (log) => {
      append(log, batchOf(["a", "b", "c"]));
      append(log, batchOf(["d", "e"]));
      for (const [offset, base] of [
        [0, 0],
        [1, 0],
        [2, 0],
        [3, 3],
        [4, 3],
      ] as const) {
        expect(batchesIn(await readBytes(log, offset))[0]?.baseOffset).toBe(base);
      }
    });
  });

  it("the end of the log is empty, at once; beyond it and before the start is out of range", async () => {
    await withLog(async (log) => {
      append(log, batchOf(["a", "b"]));
      expect((await readBytes(log, 2)).length).toBe(0);
      for (const offset of [-2, -1, 3, 2 ** 53 - 1]) {
        expect(await codeOf(() => log.read(offset, READ_ALL))).toBe(OFFSET_OUT_OF_RANGE);
      }
    });
  });

  it("B68: a limit is kept to the byte, but for one whole batch where that is asked for", async () => {
    await withLog(async (log) => {
      const batch = batchOf(["a"]);
      for (let i = 0; i < 3; i++) append(log, Buffer.from(batch));
      const size = batch.length;
      for (const maxBytes of [0, 1, size - 1, size]) {
        expect((await readBytes(log, 0, { maxBytes })).length, `${maxBytes}`).toBe(size);
      }
      expect((await readBytes(log, 0, { maxBytes: size + 30 })).length).toBe(size + 30);
      expect((await readBytes(log, 1, { maxBytes: 1 << 20 })).length).toBe(2 * size);
      expect((await readBytes(log, 0, { maxBytes: size - 1, minOneBatch: false })).length).toBe(0);
      expect((await readBytes(log, 0, { maxBytes: size, minOneBatch: false })).length).toBe(size);
    });
  });

  it("R29: nothing at or past the bound the caller took, also when the log grows meanwhile", async () => {
    await withLog(async (log) => {
      for (let i = 0; i < 6; i++) append(log, batchOf(["a", "b"]));
      for (const [upToOffset, end] of [
        [12, 12],
        [8, 8],
        [7, 6],
        [2, 2],
      ] as const) {
        expect(batchesIn(await readBytes(log, 0, { upToOffset })).at(-1)?.nextOffset).toBe(end);
      }
      expect((await readBytes(log, 0, { upToOffset: 1 })).length).toBe(0);
      expect((await readBytes(log, 4, { upToOffset: 4 })).length).toBe(0);
      append(log, batchOfSize(300_000));
      const reading = log.read(12, { ...READ_ALL, upToOffset: 13 });
      append(log, batchOf(["late"]));
      const read = await reading;
      expect(batchesIn(Buffer.concat(read.pieces)).map((batch) => batch.baseOffset)).toEqual([12]);
      read.release();
    });
  });

  it("R25: a read never crosses a segment's end, and the next one goes on", async () => {
    await withLog(
      async (log) => {
        for (let i = 0; i < 9; i++) append(log, batchOf([`v${i}`]));
        const bases = log.segments.map((segment) => segment.baseOffset);
        expect(bases.length).toBeGreaterThan(2);
        for (const [index, base] of bases.entries()) {
          const end = bases[index + 1] ?? log.logEndOffset;
          expect(batchesIn(await readBytes(log, base)).at(-1)?.nextOffset).toBe(end);
        }
        expect((await readAll(log)).map((record) => record.offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
      },
      { segmentBytes: 250 },
    );
  });

  it("large batches are read as they were sent", async () => {
    await withLog(async (log, around) => {
      const sizes = [70_000, 100, 16_384, 1_000_000, 200, 65_536];
      for (const size of sizes) appendShared(around, log, batchOfSize(size));
      expect((await readAll(log, { maxBytes: 1 })).map((record) => record.value?.length)).toEqual(
        sizes.map((size) => size - 75),
      );
      expect((await readBytes(log, 0, { maxBytes: 4 << 20 })).length).toBe(log.sizeBytes);
    });
  });

  it("R20: what is cut while it is being read is not given", async () => {
    await withLog(async (log, around) => {
      appendShared(around, log, batchOf(["kept"]));
      appendShared(around, log, batchOfSize(200_000));
      const reading = log.read(1, READ_ALL);
      const atEnd = log.read(0, { ...READ_ALL, upToOffset: 2 });
      log.truncateTo(1);
      append(log, batchOf(["new"]));
      for (const [pending, first] of [
        [reading, 1],
        [atEnd, 0],
      ] as const) {
        const read = await pending;
        const bytes = Buffer.concat(read.pieces);
        read.release();
        const batches = batchesIn(bytes);
        expect(batches[0]?.baseOffset ?? first).toBe(first);
      }
      expect(await valuesOf(log)).toEqual(["kept@0", "new@1"]);
    });
  });

  it("finds records by their time", async () => {
    await withLog(
      async (log) => {
        const at = (...timestamps: number[]) =>
          timestamps.map((timestamp) => ({ value: "v", timestamp: T + timestamp }));
        append(log, batchOf(at(10, 30, 20))); // 0-2
        append(log, batchOf(at(5), { compression: Codec.GZIP })); // 3
        append(log, batchOf(at(40, 35, 50), { compression: Codec.ZSTD })); // 4-6
        append(log, batchOf(at(50, 45))); // 7-8
        const offsetFor = async (timestamp: number, upTo = 9) =>
          (await log.offsetForTimestamp(T + timestamp, upTo))?.offset;
        expect(await Promise.all([0, 10, 11, 21, 30, 31, 36, 45, 50, 51].map((t) => offsetFor(t)))).toEqual([
          0,
          0,
          1,
          1,
          1,
          4,
          4,
          6,
          6,
          undefined,
        ]);
        expect(await offsetFor(36, 4)).toBeUndefined();
        expect(await log.offsetOfMaxTimestamp()).toEqual({ timestamp: T + 50, offset: 6, leaderEpoch: 0 });
        log.setHighWatermark(9);
        log.raiseLogStartOffset(2);
        expect(await offsetFor(0)).toBe(2);
        expect(await offsetFor(25)).toBe(4);
      },
      { segmentBytes: 350, indexIntervalBytes: 1 },
    );
    await withLog(async (log) => expect(await log.offsetOfMaxTimestamp()).toBeUndefined());
  });

  it("a large compressed batch is searched by time off the loop", async () => {
    await withLog(async (log, around) => {
      const records = Array.from({ length: 4000 }, (_, i) => ({ value: Buffer.alloc(100, i), timestamp: T + i }));
      log.append(await log.prepare(batchOf(records, { compression: Codec.LZ4 }), undefined, { origin: "client" }), {
        leaderEpoch: 0,
      });
      const before = around.compute.ran;
      expect((await log.offsetForTimestamp(T + 3000, 4000))?.offset).toBe(3000);
      expect(around.compute.ran).toBe(before + 1);
    });
  });
});

describe("damage on the disk", () => {
  it("R74: a batch with a wrong CRC is never served, what stands before it is", async () => {
    const logger = new KeepingLogger();
    const around = surroundings({ tailBytes: 0, logger });
    let log = await openLog(around, { config: { segmentBytes: 1000 } });
    for (let i = 0; i < 20; i++) append(log, batchOf([`v${i}`, `w${i}`]));
    const second = log.segments[1]?.baseOffset as number;
    log = await reopenAfterClose(around, log);
    const first = batchesIn(around.disk.readFile(logFile(second)));
    const hurt = first[2];
    overwrite(around, logFile(second), (bytes) => bytes.writeUInt8(0xff, (hurt?.position ?? 0) + 65));
    const bytes = await readBytes(log, second);
    expect(batchesIn(bytes).map((batch) => batch.baseOffset)).toEqual([second, second + 2]);
    expect(await codeOf(() => log.read(second + 4, READ_ALL))).toBe(CORRUPT_MESSAGE);
    expect(batchesIn(await readBytes(log, second + 6))[0]?.baseOffset).toBe(second + 6);
    expect(logger.lines).toContain("a batch is damaged on the disk");
    expect(log.offline).toBe(false);
    expect(around.pool.usedBytes).toBe(0);
    await log.close();
  });

  it("R74: a header that is damaged is no end of the segment: what lies behind it is not passed over", async () => {
    const around = surroundings({ tailBytes: 0 });
    let log = await openLog(around, { config: { segmentBytes: 1000 } });
    for (let i = 0; i < 20; i++) append(log, batchOf([`v${i}`]));
    log = await reopenAfterClose(around, log);
    const second = log.segments[1]?.baseOffset as number;
    overwrite(around, logFile(0), (bytes) => bytes.fill(0, (batchesIn(bytes)[4]?.position ?? 0) + 8, bytes.length));
    expect(batchesIn(await readBytes(log, 0)).length).toBe(4);
    for (let offset = 4; offset < second; offset++) {
      expect(await codeOf(() => log.read(offset, READ_ALL)), `${offset}`).toBe(CORRUPT_MESSAGE);
    }
    expect((await readBytes(log, second)).length).toBeGreaterThan(0);
    expect(log.offline).toBe(false);
    await log.close();
  });

  it("R75: an index that lies is made anew when it is asked", async () => {
    const damages: [string, string, (bytes: Buffer) => Buffer][] = [
      ["empty", ".index", () => Buffer.alloc(0)],
      ["odd size", ".index", (bytes) => bytes.subarray(0, 21)],
      [
        "position within a batch",
        ".index",
        (bytes) => patched(bytes, (b) => b.writeInt32BE(b.readInt32BE(12) + 7, 12)),
      ],
      ["position of a later batch", ".index", (bytes) => patched(bytes, (b) => b.writeInt32BE(b.readInt32BE(60), 12))],
      ["offset too low", ".index", (bytes) => patched(bytes, (b) => b.writeInt32BE(b.readInt32BE(8) - 3, 8))],
      ["position beyond the file", ".index", (bytes) => patched(bytes, (b) => b.writeInt32BE(1 << 30, 12))],
      ["garbage", ".index", (bytes) => Buffer.alloc(bytes.length, 0xab)],
      ["time: odd size", ".timeindex", (bytes) => bytes.subarray(0, 25)],
      [
        "time: offset of another batch",
        ".timeindex",
        (bytes) => patched(bytes, (b) => b.writeInt32BE(b.readInt32BE(44), 20)),
      ],
      [
        "time: timestamp too low",
        ".timeindex",
        (bytes) => patched(bytes, (b) => b.writeBigInt64BE(b.readBigInt64BE(12) - 500n, 12)),
      ],
    ];
    for (const [name, suffix, damage] of damages) {
      const around = surroundings({ tailBytes: 0 });
      const log = await openLog(around, { config: { segmentBytes: 3000, indexIntervalBytes: 100 } });
      for (let i = 0; i < 60; i++) append(log, batchOf([{ value: `v${i}`, timestamp: T + 1000 * i }]));
      expect(log.segments.length).toBeGreaterThan(1);
      await log.close();
      const path = logFile(0).replace(".log", suffix);
      const whole = around.disk.readFile(path);
      around.disk.writeFile(path, damage(Buffer.from(whole)));
      const again = await openLog(around, { config: { segmentBytes: 3000, indexIntervalBytes: 100 } });
      for (let offset = 0; offset < 60; offset++) {
        expect(batchesIn(await readBytes(again, offset, { maxBytes: 1 }))[0]?.baseOffset, name).toBe(offset);
        expect((await again.offsetForTimestamp(T + 1000 * offset - 500, 60))?.offset, `${name} ${offset}`).toBe(offset);
      }
      await again.close();
    }
    function patched(bytes: Buffer, change: (bytes: Buffer) => void): Buffer {
      change(bytes);
      return bytes;
    }
  });

  it("R75: missing indexes are made anew", async () => {
    const around = surroundings({ tailBytes: 0 });
    const log = await openLog(around, { config: { segmentBytes: 1000, indexIntervalBytes: 100 } });
    for (let i = 0; i < 30; i++) append(log, batchOf([{ value: `v${i}`, timestamp: T + i }]));
    await log.close();
    const indexes = fileNames(around).filter((name) => /index$/.test(name));
    const before = indexes.map((name) => around.disk.readFile(`${LOG_PATH}/${name}`).toString("hex"));
    for (const name of indexes) around.disk.remove(`${LOG_PATH}/${name}`);
    const again = await openLog(around, { config: { segmentBytes: 1000, indexIntervalBytes: 100 } });
    expect((await readAll(again)).length).toBe(30);
    expect((await again.offsetForTimestamp(T + 17, 30))?.offset).toBe(17);
    for (const segment of again.segments) expect(segment.largestTimestamp.timestamp).toBeGreaterThan(0);
    await again.close();
    expect(indexes.map((name) => around.disk.readFile(`${LOG_PATH}/${name}`).toString("hex"))).toEqual(before);
  });
});

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
    expect(log.segments.map((segment) => segment.baseOffset)).toEqual([0, 2 ** 31, 2 ** 33]);
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
