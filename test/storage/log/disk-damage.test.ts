/** Damage on the disk: what is served, what is said, what is made anew. */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import {
  append,
  batchesIn,
  batchOf,
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
} from "./log-fixture.ts";

const T = 1_700_000_000_000;
const { CORRUPT_MESSAGE } = ErrorCode;

const logFile = (baseOffset: number) => `${LOG_PATH}/${String(baseOffset).padStart(20, "0")}.log`;

/** Changes bytes of a file behind the log's back. */
function overwrite(around: Fixture, path: string, change: (bytes: Buffer) => void): void {
  const bytes = around.disk.readFile(path);
  change(bytes);
  around.disk.writeFile(path, bytes);
}

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
