/** Opening what a crash left: on the device, in the page cache, half done. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { RecordBatch } from "../../../protocol/records/record-batch.ts";
import type { Disk } from "../../../storage/disk.ts";
import { MemoryDisk } from "../../../storage/memory-disk.ts";
import { NodeDisk } from "../../../storage/node-disk.ts";
import {
  append,
  appendMarker,
  appendTransactional,
  batchOf,
  batchOfSize,
  codeOf,
  fileNames,
  LOG_PATH,
  openLog,
  producerBatch,
  readAll,
  readBytes,
  reopenAfterClose,
  reopenAfterKill,
  surroundings,
  valuesOf,
} from "./log-fixture.ts";

const LOG = `${LOG_PATH}/00000000000000000000.log`;

/** Writes what is left of a log's file into a fresh disk, and opens it as after a crash. */
async function openWith(content: Buffer, options: { recoveryPoint?: number; path?: string; disk?: Disk } = {}) {
  const { path = LOG_PATH, disk = new MemoryDisk(), recoveryPoint = 0 } = options;
  const around = surroundings({ disk, tailBytes: 0 });
  disk.makeDirectory(path);
  disk.writeFile(`${path}/00000000000000000000.log`, content);
  return { around, log: await openLog(around, { path, cleanShutdown: false, recoveryPoint }) };
}

const threeBatches = () => [
  batchOf(["a", "b"], { baseOffset: 0, partitionLeaderEpoch: 2 }),
  batchOf(["c"], { baseOffset: 2, partitionLeaderEpoch: 2 }),
  producerBatch(7, 1, 0, 2, { baseOffset: 3, partitionLeaderEpoch: 5 }),
];

describe("R73: a power cut at every byte of an append", () => {
  it.each(["memory", "real"])("on a %s disk the whole batches are left, and the log goes on", async (kind) => {
    const batches = threeBatches();
    const all = Buffer.concat(batches);
    const last = all.length - (batches[2] as Buffer).length;
    // Real syncs take their time.
    const step = kind === "real" ? 4 : 1;
    for (let sizeBytes = all.length; sizeBytes >= last; sizeBytes -= step) {
      const root = kind === "real" ? mkdtempSync(join(tmpdir(), "power-cut-")) : "/data";
      const disk = kind === "real" ? new NodeDisk() : new MemoryDisk();
      const { log } = await openWith(all.subarray(0, sizeBytes), { disk, path: `${root}/topic-0` });
      const isWhole = sizeBytes === all.length;
      expect(log.logEndOffset).toBe(isWhole ? 5 : 3);
      expect(log.sizeBytes).toBe(isWhole ? all.length : last);
      expect(log.leaderEpochs.map((entry) => entry.leaderEpoch)).toEqual(isWhole ? [2, 5] : [2]);
      expect(log.producers().length).toBe(isWhole ? 1 : 0);
      expect(append(log, batchOf(["new"])).baseOffset).toBe(log.logEndOffset - 1);
      expect((await valuesOf(log)).slice(0, 3)).toEqual(["a@0", "b@1", "c@2"]);
      await log.close();
      if (kind === "real") rmSync(root, { recursive: true });
    }
  });

  it("also when the cut is followed by zeros, noise, or an older batch", async () => {
    const batches = threeBatches();
    const whole = Buffer.concat(batches.slice(0, 2));
    const torn = batches[2] as Buffer;
    const noise = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) & 0xff));
    for (const rest of [Buffer.alloc(5000), noise, batches[0] as Buffer]) {
      for (const keep of [0, 11, 12, 17, 60, 61, torn.length - 5]) {
        const { log } = await openWith(Buffer.concat([whole, torn.subarray(0, keep), rest]));
        expect(log.logEndOffset).toBe(3);
        expect(log.sizeBytes).toBe(whole.length);
        await log.close();
      }
    }
  });

  it("also when the cut leaves a page of zeros in the middle of a large batch", async () => {
    const first = batchOf(["a"], { baseOffset: 0 });
    const large = batchOfSize(3_000_000, { baseOffset: 1 });
    const after = batchOf(["z"], { baseOffset: 2 });
    const all = Buffer.concat([first, large, after]);
    const { log: intact } = await openWith(all);
    expect(intact.logEndOffset).toBe(3);
    await intact.close();
    all.fill(0, 2_000_000, 2_004_096);
    const { log } = await openWith(all);
    expect([log.logEndOffset, log.sizeBytes]).toEqual([1, first.length]);
    await log.close();
  });
});

describe("B93: segments that are none", () => {
  const cases: [string, () => Buffer, number][] = [
    ["no byte", () => Buffer.alloc(0), 0],
    ["3 bytes", () => Buffer.alloc(3), 0],
    ["zeros", () => Buffer.alloc(4096), 0],
    ["a length that is too small", () => withLength(20), 0],
    ["a negative length", () => withLength(-5), 0],
    ["a length beyond the file", () => withLength(10_000), 0],
    ["a huge length", () => withLength(2 ** 31 - 1), 0],
    ["a wrong CRC", () => flipped(80), 0],
    ["an offset below the base", () => batchOf(["a"], { baseOffset: -3 }), 0],
    ["an offset that does not follow, with the right CRC", () => batchOf(["a", "b"], { baseOffset: 4 }), 0],
  ];

  function withLength(length: number): Buffer {
    const batch = batchOf(["a", "b"]);
    batch.writeInt32BE(length, 8);
    return batch;
  }

  function flipped(at: number): Buffer {
    const batch = batchOf(["a", "b"]);
    batch.writeUInt8(batch.readUInt8(at) ^ 4, at);
    return batch;
  }

  it.each(cases)("%s", async (_, content, logEndOffset) => {
    const { log } = await openWith(content());
    expect(log.logEndOffset).toBe(logEndOffset);
    append(log, batchOf(["next"]));
    expect((await valuesOf(log)).at(-1)).toBe(`next@${logEndOffset}`);
    await log.close();
  });

  it("R94: messages of before Kafka 0.11 are refused by name", async () => {
    const legacy = Buffer.alloc(80);
    for (const at of [0, 40]) {
      legacy.writeInt32BE(28, at + 8);
      legacy.writeInt8(1, at + 16);
    }
    expect(await codeOf(() => openWith(legacy))).toBe(ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT);
  });

  it("a directory where a file should be takes no part, other names neither", async () => {
    const around = surroundings();
    around.disk.makeDirectory(`${LOG_PATH}/00000000000000000007.log`);
    for (const name of [
      "0.log",
      "x.log",
      "00000000000000000009.txt",
      "99999999999999999999.log",
      "00000000000000000003.index",
    ]) {
      around.disk.writeFile(`${LOG_PATH}/${name}`, "?");
    }
    const log = await openLog(around, { cleanShutdown: false });
    append(log, batchOf(["a"]));
    expect(await valuesOf(log)).toEqual(["a@0"]);
    expect(fileNames(around)).not.toContain("00000000000000000003.index");
    expect(fileNames(around)).toContain("x.log");
    await log.close();
  });

  it("after an orderly stop, too, bytes behind the last batch are cut", async () => {
    const around = surroundings();
    const log = await openLog(around);
    append(log, batchOf(["a"]));
    append(log, batchOf(["b"]));
    await log.close();
    const bytes = around.disk.readFile(LOG);
    for (const content of [bytes.subarray(0, -3), Buffer.concat([bytes.subarray(0, -3), Buffer.alloc(9)])]) {
      around.disk.writeFile(LOG, content);
      const again = await openLog(around);
      expect(await valuesOf(again)).toEqual(["a@0"]);
      await again.close();
    }
  });

  it("another topic's directory is not opened", async () => {
    const around = surroundings();
    await (await openLog(around)).close();
    expect(await codeOf(() => openLog(around, { topicId: "b3RoZXItdG9waWMtaWQtIQ" }))).toBe(
      ErrorCode.INCONSISTENT_TOPIC_ID,
    );
    const log = await openLog(around, { topicId: undefined });
    expect(log.topicId).toBe("bG9nLXRlc3QtdG9waWMtaQ");
    await log.close();
  });
});

describe("after a kill", () => {
  it("everything that was appended is there, with its producers, epochs and indexes", async () => {
    const around = surroundings();
    const config = { segmentBytes: 2000, indexIntervalBytes: 200 };
    const log = await openLog(around, { config });
    for (let i = 0; i < 100; i++) {
      log.startLeaderEpoch(Math.floor(i / 30));
      append(log, producerBatch(i % 4, 0, Math.floor(i / 4)), { leaderEpoch: Math.floor(i / 30) });
      if (i === 40) await log.flush();
    }
    const [before, epochs, producers] = [await readAll(log), log.leaderEpochs, log.producers()];
    expect(log.recoveryPoint).toBe(41);
    const again = await reopenAfterKill(around, log, { config });
    expect(await readAll(again)).toEqual(before);
    expect(again.leaderEpochs).toEqual(epochs);
    expect(again.producers().sort((a, b) => a.producerId - b.producerId)).toEqual(producers);
    // R78: what was only in the page cache is not on the device for having been read.
    expect([again.recoveryPoint, again.syncedEndOffset]).toEqual([41, 41]);
    expect(again.unsyncedBytes).toBeGreaterThan(0);
    await again.flush();
    expect(again.recoveryPoint).toBe(100);
    await again.close();
  });

  it("only what lies behind the recovery point is read", async () => {
    const around = surroundings();
    const log = await openLog(around, { config: { segmentBytes: 1000 } });
    for (let i = 0; i < 60; i++) append(log, batchOf([`v${i}`]));
    await log.flush();
    for (let i = 60; i < 70; i++) append(log, batchOf([`v${i}`]));
    const damaged = log.segments.length - 2;
    const hurt = log.segments[damaged]?.baseOffset as number;
    expect(hurt).toBeGreaterThan(0);
    const path = `${LOG_PATH}/${String(hurt).padStart(20, "0")}.log`;
    const bytes = around.disk.readFile(path);
    bytes.writeUInt8(bytes.readUInt8(70) ^ 1, 70);
    around.disk.writeFile(path, bytes);
    const again = await reopenAfterKill(around, log, { config: { segmentBytes: 1000 } });
    // Damage before it is found when it is read, not when the log is opened.
    expect(again.logEndOffset).toBe(70);
    await again.close();
  });

  it("what a flush brought to the device is not read again after a kill, however far apart its batches start", async () => {
    const around = surroundings({ tailBytes: 0 });
    let log = await openLog(around);
    const large = () => batchOfSize(900_000);
    for (let i = 0; i < 20; i++) append(log, large());
    await log.flush();
    for (let i = 0; i < 2; i++) append(log, large());
    const bytes = around.disk.readFile(LOG);
    bytes.writeUInt8(bytes.readUInt8(500_000) ^ 1, 500_000);
    around.disk.writeFile(LOG, bytes);
    log = await reopenAfterKill(around, log);
    expect([log.logEndOffset, log.recoveryPoint]).toEqual([22, 20]);
    log.abandon();
  });

  it("R78: a recovery point beyond the log, within a batch, or below its start is no harm", async () => {
    for (const recoveryPoint of [0, 1, 3, 5, 6, 7, 1000]) {
      const around = surroundings();
      const log = await openLog(around, { config: { indexIntervalBytes: 10 } });
      for (let i = 0; i < 3; i++) append(log, batchOf(["a", "b"]));
      log.abandon();
      const again = await openLog(around, { cleanShutdown: false, recoveryPoint });
      expect([again.logEndOffset, again.recoveryPoint]).toEqual([6, Math.min(recoveryPoint, 6)]);
      expect((await readAll(again)).length).toBe(6);
      await again.close();
    }
  });

  it("damage in a segment behind the recovery point ends the log there, later segments go", async () => {
    const around = surroundings();
    const log = await openLog(around, { config: { segmentBytes: 250 } });
    for (let i = 0; i < 9; i++) append(log, producerBatch(1, 0, i));
    const bases = log.segments.map((segment) => segment.baseOffset);
    const second = bases[1] as number;
    const path = `${LOG_PATH}/${String(second).padStart(20, "0")}.log`;
    const bytes = around.disk.readFile(path);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    around.disk.writeFile(path, bytes);
    const again = await reopenAfterKill(around, log);
    const end = (bases[2] as number) - 1;
    expect(again.logEndOffset).toBe(end);
    expect(again.segments.map((segment) => segment.baseOffset)).toEqual([...bases.slice(0, 2), end]);
    expect(again.producers()[0]?.lastSequence).toBe(end - 1);
    expect(
      fileNames(around).filter((name) => name > `${String(end + 1).padStart(20, "0")}` && /^\d/.test(name)),
    ).toEqual([]);
    append(again, producerBatch(1, 0, end));
    await again.close();
  });

  it.each([
    ["delete", true],
    ["compact", false],
  ])("R90: a hole the power left between two segments ends a log of policy %s: %s", async (policy, ends) => {
    const around = surroundings();
    const config = { segmentBytes: 250, cleanupDelete: policy === "delete", cleanupCompact: policy === "compact" };
    const log = await openLog(around, { config });
    for (let i = 0; i < 9; i++) append(log, batchOf([{ key: `k${i}`, value: "v" }]));
    const bases = log.segments.map((segment) => segment.baseOffset);
    expect((bases[2] as number) - (bases[1] as number)).toBeGreaterThan(1);
    const path = `${LOG_PATH}/${String(bases[1]).padStart(20, "0")}.log`;
    const batch = new RecordBatch(around.disk.readFile(path));
    around.disk.writeFile(path, around.disk.readFile(path).subarray(0, batch.sizeBytes));
    const again = await reopenAfterKill(around, log, { config });
    expect(again.logEndOffset).toBe(ends ? (bases[1] as number) + 1 : 9);
    expect(again.segments.length).toBe(ends ? 2 : bases.length);
    append(again, batchOf([{ key: "k", value: "after" }]));
    expect((await readAll(again)).at(-1)?.offset).toBe(ends ? (bases[1] as number) + 1 : 9);
    await again.close();
  });

  it("R74: a batch whose offset the disk has changed ends the log before it, for no CRC covers offsets", async () => {
    const around = surroundings();
    const log = await openLog(around);
    for (let i = 0; i < 4; i++) append(log, batchOf([`v${i}`]));
    const bytes = around.disk.readFile(LOG);
    const { sizeBytes } = new RecordBatch(bytes);
    bytes.writeBigInt64BE(2n + (1n << 20n), 2 * sizeBytes);
    around.disk.writeFile(LOG, bytes);
    const again = await reopenAfterKill(around, log);
    expect(again.logEndOffset).toBe(2);
    append(again, batchOf(["again"]));
    expect((await readAll(again)).map(({ offset, value }) => `${value}@${offset}`)).toEqual([
      "v0@0",
      "v1@1",
      "again@2",
    ]);
    await again.close();
  });

  it("R74: nor does recovery begin behind one whose offset is too low, at the recovery point or before the next segment", async () => {
    for (const recoveryPoint of [2, 4]) {
      const around = surroundings();
      const log = await openLog(around);
      for (let i = 0; i < 4; i++) append(log, batchOf([`v${i}`]));
      log.roll();
      append(log, batchOf(["v4"]));
      log.abandon();
      const bytes = around.disk.readFile(LOG);
      const { sizeBytes } = new RecordBatch(bytes);
      const damaged = recoveryPoint === 2 ? 2 : 3;
      bytes.writeBigInt64BE(0n, damaged * sizeBytes);
      around.disk.writeFile(LOG, bytes);
      const again = await openLog(around, { cleanShutdown: false, recoveryPoint });
      expect(again.logEndOffset).toBe(damaged);
      append(again, batchOf(["again"]));
      expect((await valuesOf(again)).at(-1)).toBe(`again@${damaged}`);
      await again.close();
    }
  });

  it("a log whose end lies below its start is dropped", async () => {
    const around = surroundings();
    const log = await openLog(around);
    append(log, producerBatch(1, 0, 0));
    log.abandon();
    const again = await openLog(around, { cleanShutdown: false, logStartOffset: 9 });
    expect([again.logStartOffset, again.logEndOffset, again.producers().length]).toEqual([9, 9, 0]);
    append(again, batchOf(["a"]));
    expect(await valuesOf(again)).toEqual(["a@9"]);
    await again.close();
  });

  it("R75: a transaction index that lies is made anew", async () => {
    const damages: [string, (bytes: Buffer) => Buffer][] = [
      ["cut", (bytes) => bytes.subarray(0, 50)],
      ["empty", () => Buffer.alloc(34)],
      ["version", (bytes) => flip(bytes, 1)],
      ["producer id", (bytes) => flip(bytes, 9)],
      ["marker offset", (bytes) => flip(bytes, 25)],
      ["order", (bytes) => Buffer.concat([bytes.subarray(34, 68), bytes.subarray(0, 34), bytes.subarray(68)])],
    ];
    const index = LOG.replace(".log", ".txnindex");
    for (const stop of [reopenAfterClose, reopenAfterKill]) {
      for (const [name, damage] of damages) {
        const around = surroundings();
        let log = await openLog(around);
        append(log, batchOf(["plain"]));
        for (let i = 0; i < 3; i++) {
          appendTransactional(log, 1, 0, i); // 1, 4, 7
          appendTransactional(log, 2, 0, i); // 2, 5, 8
          appendMarker(log, i === 1, 1, 0); // 3, 6, 9
        }
        appendMarker(log, false, 2, 0); // 10
        const listed = async () => {
          const read = await log.read(0, {
            maxBytes: 1 << 20,
            upToOffset: 11,
            minOneBatch: true,
            abortedTransactions: true,
          });
          read.release();
          return read.abortedTransactions;
        };
        const expected = await listed();
        expect(expected).toHaveLength(3);
        const whole = around.disk.readFile(index);
        await log.flush();
        around.disk.writeFile(index, damage(Buffer.from(whole)));
        log = await stop(around, log);
        expect(await listed(), name).toEqual(expected);
        expect(around.disk.readFile(index).toString("hex"), name).toBe(whole.toString("hex"));
        await log.close();
      }
    }
    function flip(bytes: Buffer, at: number): Buffer {
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      return bytes;
    }
  });

  it("R74: a log whose old batches are damaged opens all the same", async () => {
    const around = surroundings();
    const log = await openLog(around);
    append(log, batchOf(["plain"]));
    appendTransactional(log, 1, 0, 0);
    appendMarker(log, false, 1, 0);
    log.roll();
    append(log, batchOf(["after"]));
    await log.close();
    const bytes = around.disk.readFile(LOG);
    around.disk.writeFile(LOG, bytes.fill(0, 8));
    const again = await openLog(around);
    expect(again.logEndOffset).toBe(4);
    expect((await readBytes(again, 3)).length).toBeGreaterThan(0);
    expect(await codeOf(() => readBytes(again, 0))).toBe(ErrorCode.CORRUPT_MESSAGE);
    await again.close();
  });

  it("R75: snapshots that are damaged give way to older ones, or to the log", async () => {
    const around = surroundings();
    const log = await openLog(around, { config: { segmentBytes: 400 } });
    for (let i = 0; i < 12; i++) append(log, producerBatch(i % 2, 0, Math.floor(i / 2)));
    const producers = log.producers();
    await log.close();
    const snapshots = fileNames(around).filter((name) => name.endsWith(".snapshot"));
    expect(snapshots.length).toBeGreaterThan(2);
    for (const [index, name] of snapshots.reverse().entries()) {
      around.disk.writeFile(`${LOG_PATH}/${name}`, Buffer.from("damaged"));
      const again = await openLog(around, { cleanShutdown: index % 2 === 0 });
      expect(again.producers().sort((a, b) => a.producerId - b.producerId)).toEqual(producers);
      again.abandon();
    }
  });
});
