/** Reading: what a read gives, from the tail and from the disk. */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Codec } from "../../../protocol/records/codec.ts";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import { ColdDisk } from "../../support/cold-disk.ts";
import {
  append,
  appendShared,
  batchesIn,
  batchOf,
  batchOfSize,
  codeOf,
  type Fixture,
  openLog,
  READ_ALL,
  readAll,
  readBytes,
  surroundings,
  valuesOf,
} from "./log-fixture.ts";

const T = 1_700_000_000_000;
const { OFFSET_OUT_OF_RANGE } = ErrorCode;

// Reads must not differ by where they find the bytes.
describe.each([
  ["from the tail", 16 << 20, 0],
  ["from the disk", 0, 0],
  ["from the page cache", 0, 1],
  ["from the disk, half of it in the page cache", 0, 0.5],
])("reading %s", (_, tailBytes, partAtHand) => {
  async function withLog(check: (log: SegmentedLog, around: Fixture) => Promise<void>, config = {}): Promise<void> {
    const around = surroundings({ tailBytes, disk: new ColdDisk(partAtHand) });
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

  it("where whole batches are asked for, the one that the limit cuts is left out", async () => {
    await withLog(async (log, around) => {
      const batches = [batchOfSize(40_000), batchOf(["small"]), batchOfSize(50_000), batchOfSize(120_000)];
      for (const batch of batches) appendShared(around, log, batch);
      const sizes = batches.map((batch) => batch.length);
      const upTo = (count: number) => sizes.slice(0, count).reduce((a, b) => a + b, 0);
      for (const [maxBytes, whole] of [
        [1, 1],
        [upTo(1), 1],
        [upTo(1) + 1, 1],
        [upTo(2) - 1, 1],
        [upTo(2), 2],
        [upTo(3) - 1, 2],
        [upTo(3), 3],
        [upTo(4) - 1, 3],
        [upTo(4) + 1, 4],
      ] as const) {
        expect((await readBytes(log, 0, { maxBytes, wholeBatches: true })).length, `${maxBytes}`).toBe(upTo(whole));
      }
      expect((await readBytes(log, 0, { maxBytes: 1, wholeBatches: true, minOneBatch: false })).length).toBe(0);
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

  it("so much is read from the disk at once that checking it does not take a turn's time", async () => {
    const around = surroundings({ tailBytes: 0 });
    const log = await openLog(around);
    for (let i = 0; i < 20; i++) append(log, batchOfSize(900_000));
    const sizes: number[] = [];
    for (let offset = 0; offset < log.logEndOffset; ) {
      const bytes = await readBytes(log, offset, { maxBytes: 100_000_000 });
      sizes.push(bytes.length);
      const next = batchesIn(bytes).at(-1)?.nextOffset ?? 0;
      if (next <= offset) throw new Error("no batch was read");
      offset = next;
    }
    expect(sizes).toHaveLength(2);
    expect(sizes[0]).toBe(16 << 20);
    await log.close();
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
