/** The newest batches in memory: a budget for all logs, and no byte given away that anyone still reads. */
import { describe, expect, it } from "vitest";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import type { LogRead } from "../../../storage/partition-log.ts";
import {
  append,
  appendShared,
  batchesIn,
  batchOf,
  batchOfSize,
  type Fixture,
  openLog,
  READ_ALL,
  readAll,
  readBytes,
  reopenAfterClose,
  surroundings,
} from "./log-fixture.ts";

const KIB = 1024;

const openAt = (around: Fixture, partition: number) => openLog(around, { partition, path: `/data/topic-${partition}` });

/** Whether a read is answered from memory: then its bytes lie in a buffer that was there before. */
function readNow(log: SegmentedLog, offset: number): LogRead {
  const read = log.read(offset, READ_ALL);
  if (read instanceof Promise) throw new Error("the read went to the disk");
  return read;
}

describe("the tail", () => {
  it("keeps large batches in the buffer they came in, and gives views of it", async () => {
    const around = surroundings();
    const log = await openAt(around, 0);
    appendShared(around, log, batchOfSize(200 * KIB));
    const held = around.pool.usedBytes;
    expect(around.tailBudget.heldBytes).toBe(held);
    const read = readNow(log, 0);
    expect(around.pool.usedBytes).toBe(held);
    read.release();
    await log.close();
    expect(around.pool.usedBytes).toBe(0);
  });

  it("copies small batches, of many requests into one chunk", async () => {
    const around = surroundings();
    const log = await openAt(around, 0);
    const frame = batchOf(["a"]);
    for (let i = 0; i < 100; i++) append(log, Buffer.from(frame));
    expect(around.tailBudget.heldBytes).toBe(64 * KIB);
    // The request's memory is used again; the log has its own.
    const scratch = batchOf(["b"]);
    append(log, scratch);
    scratch.fill(0xdd);
    expect((await readAll(log)).at(-1)?.value).toBe("b");
    await log.close();
  });

  it("drops the oldest of all logs first, and counts a buffer once that several logs share", async () => {
    const around = surroundings({ tailBytes: 1024 * KIB });
    const [one, two] = [await openAt(around, 0), await openAt(around, 1)];
    const frame = around.pool.acquire(256 * KIB);
    for (const [index, log] of [one, two].entries()) {
      const at = index * 100 * KIB;
      const batch = batchOfSize(90 * KIB);
      batch.copy(frame.buffer, at);
      const prepared = log.prepare(frame.buffer.subarray(at, at + batch.length), frame, { origin: "client" });
      log.append(await prepared, { leaderEpoch: 0 });
    }
    frame.release();
    expect(around.tailBudget.heldBytes).toBe(256 * KIB);
    for (let i = 0; i < 3; i++) appendShared(around, one, batchOfSize(250 * KIB));
    expect(around.tailBudget.heldBytes).toBe(1024 * KIB);
    readNow(two, 0).release();
    appendShared(around, one, batchOfSize(250 * KIB));
    expect(around.tailBudget.heldBytes).toBe(1024 * KIB);
    const cold = two.read(0, READ_ALL);
    expect(cold).toBeInstanceOf(Promise);
    (await cold).release();
    expect((await readAll(one)).length).toBe(5);
    await one.close();
    await two.close();
    expect(around.pool.usedBytes).toBe(0);
  });

  it("a read holds what it gives: dropped, trimmed and cut meanwhile, its bytes stay", async () => {
    const around = surroundings({ tailBytes: 512 * KIB });
    const log = await openAt(around, 0);
    appendShared(around, log, batchOfSize(200 * KIB));
    append(log, batchOf(["small"]));
    const reads = [readNow(log, 0), readNow(log, 1)];
    for (let i = 0; i < 4; i++) appendShared(around, log, batchOfSize(200 * KIB));
    log.truncateTo(0);
    for (const read of reads) expect(batchesIn(Buffer.concat(read.pieces)).length).toBeGreaterThan(0);
    for (const read of reads) read.release();
    expect(() => reads[0]?.release()).toThrow(/released twice/);
    await log.close();
    expect(around.pool.usedBytes).toBe(0);
  });

  it("a buffer larger than the budget, and a budget smaller than a chunk, hold nothing", async () => {
    for (const tailBytes of [0, 10 * KIB, 100 * KIB]) {
      const around = surroundings({ tailBytes });
      const log = await openAt(around, 0);
      for (let i = 0; i < 20; i++) {
        append(log, batchOf([`small ${i}`]));
        appendShared(around, log, batchOfSize(150 * KIB));
        expect(around.tailBudget.heldBytes).toBeLessThanOrEqual(tailBytes);
      }
      expect((await readAll(log)).length).toBe(40);
      await log.close();
      expect(around.pool.usedBytes).toBe(0);
    }
  });

  it("goes on behind a cut in the middle of a chunk", async () => {
    const around = surroundings();
    const log = await openAt(around, 0);
    for (let i = 0; i < 300; i++) append(log, batchOf([`old ${i}`]));
    log.truncateTo(150);
    for (let i = 150; i < 300; i++) append(log, batchOf([`new ${i}`]));
    expect((await readAll(log)).map((record) => record.value)).toEqual(
      Array.from({ length: 300 }, (_, i) => `${i < 150 ? "old" : "new"} ${i}`),
    );
    await log.close();
  });

  it("batches that a follower takes together are found one by one", async () => {
    const around = surroundings();
    const log = await openAt(around, 0);
    const sent = Array.from({ length: 2000 }, (_, i) => batchOf([`v${i}`], { baseOffset: i, partitionLeaderEpoch: 0 }));
    const frame = around.pool.acquire(Buffer.concat(sent).length);
    const length = Buffer.concat(sent).copy(frame.buffer);
    log.appendAsFollower(frame.buffer.subarray(0, length), frame, 0);
    frame.release();
    for (const offset of [0, 1, 37, 999, 1500, 1999]) {
      const read = readNow(log, offset);
      expect(batchesIn(Buffer.concat(read.pieces))[0]?.baseOffset).toBe(offset);
      read.release();
    }
    expect(batchesIn(await readBytes(log, 100, { upToOffset: 1234 })).at(-1)?.nextOffset).toBe(1234);
    await log.close();
  });

  it("is empty after a restart and fills again; older batches come from the disk", async () => {
    const around = surroundings();
    let log = await openAt(around, 0);
    for (let i = 0; i < 50; i++) append(log, batchOf([`v${i}`]));
    await log.close();
    log = await openAt(around, 0);
    expect(around.tailBudget.heldBytes).toBe(0);
    for (let i = 50; i < 60; i++) append(log, batchOf([`v${i}`]));
    expect((await readAll(log)).map((record) => record.value)).toEqual(Array.from({ length: 60 }, (_, i) => `v${i}`));
    log = await reopenAfterClose(around, log, { path: "/data/topic-0" });
    await log.close();
  });
});
