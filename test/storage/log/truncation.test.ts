/** Cutting a log back, and starting it afresh. */
import { describe, expect, it } from "vitest";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import { SeededRandom } from "../../simulation/seeded-random.ts";
import { SimulatedDisk } from "../../simulation/simulated-disk.ts";
import {
  allBytes,
  append,
  batchOf,
  fileNames,
  LOG_PATH,
  openLog,
  producerBatch,
  readAll,
  reopenAfterClose,
  reopenAfterKill,
  surroundings,
  valuesOf,
} from "./log-fixture.ts";

const T = 1_700_000_000_000;

describe("truncation", () => {
  it("a power cut after it takes index entries of what is left, and times are found all the same", async () => {
    for (const left of [0, 12, 24]) {
      const around = surroundings();
      const log = await openLog(around, { config: { indexIntervalBytes: 60 } });
      for (let i = 0; i < 12; i++) append(log, batchOf([{ value: `v${i}`, timestamp: T + i }]));
      log.setHighWatermark(12);
      await log.flush();
      log.truncateTo(9);
      const { recoveryPoint } = log;
      expect([recoveryPoint, log.segments.length]).toEqual([9, 2]);
      log.abandon();
      // The batches were on the device before, no entry of an index was.
      for (const suffix of ["timeindex", "index"]) {
        const path = `${LOG_PATH}/00000000000000000000.${suffix}`;
        around.disk.writeFile(path, around.disk.readFile(path).subarray(0, suffix === "index" ? (left * 2) / 3 : left));
      }
      const again = await openLog(around, { cleanShutdown: false, recoveryPoint });
      expect(await again.offsetForTimestamp(T + 7, 99)).toMatchObject({ offset: 7 });
      expect(await again.offsetForTimestamp(T + 8, 99)).toMatchObject({ offset: 8 });
      expect(await valuesOf(again)).toHaveLength(9);
      await again.close();
    }
  });

  it("cuts at each offset, over segments, and the log goes on there", async () => {
    for (let offset = 0; offset <= 12; offset++) {
      const around = surroundings();
      const log = await openLog(around, { config: { segmentBytes: 250, indexIntervalBytes: 60 } });
      for (let i = 0; i < 12; i++) append(log, batchOf([{ value: `v${i}`, timestamp: T + i }]));
      log.truncateTo(offset);
      expect(log.logEndOffset).toBe(offset);
      expect(log.highWatermark).toBeLessThanOrEqual(offset);
      append(log, batchOf([{ value: "new", timestamp: T + 99 }]));
      const expected = [...Array.from({ length: offset }, (_, i) => `v${i}@${i}`), `new@${offset}`];
      expect(await valuesOf(log)).toEqual(expected);
      expect(await log.offsetForTimestamp(T + 50, 99)).toMatchObject({ offset });
      for (const stop of [reopenAfterKill, reopenAfterClose]) {
        const again = await stop(around, log);
        expect(await valuesOf(again)).toEqual(expected);
        await again.close();
      }
    }
  });

  it("a batch across the offset goes whole, and the log ends where it started", async () => {
    const log = await openLog(surroundings());
    append(log, batchOf(["a", "b"]));
    append(log, batchOf(["c", "d", "e"]));
    log.truncateTo(3);
    expect(log.logEndOffset).toBe(2);
    log.appendAsFollower(batchOf(["x", "y"], { baseOffset: 2, partitionLeaderEpoch: 1 }), undefined, 1);
    expect(await valuesOf(log)).toEqual(["a@0", "b@1", "x@2", "y@3"]);
    await log.close();
  });

  it("R24: starting afresh moves log start, end and high watermark, and forgets epochs and producers", async () => {
    const around = surroundings();
    const log = await openLog(around, { config: { segmentBytes: 250 } });
    for (let i = 0; i < 8; i++) append(log, producerBatch(1, 0, i), { leaderEpoch: 4 });
    log.setHighWatermark(3);
    log.truncateFullyAndStartAt(100);
    expect([log.logStartOffset, log.lastStableOffset, log.highWatermark, log.logEndOffset]).toEqual([
      100, 100, 100, 100,
    ]);
    expect([log.leaderEpochs, log.producers(), log.sizeBytes]).toEqual([[], [], 0]);
    const files = fileNames(around).filter((name) => name.startsWith("0"));
    expect(files).toEqual(["index", "log", "timeindex"].map((suffix) => `00000000000000000100.${suffix}`));
    append(log, batchOf(["a"]), { leaderEpoch: 9 });
    const again = await reopenAfterClose(around, log);
    expect(await valuesOf(again)).toEqual(["a@100"]);
    expect(again.leaderEpochs).toEqual([{ leaderEpoch: 9, startOffset: 100 }]);
    await again.close();
  });

  it("below the first segment is starting afresh there", async () => {
    const log = await openLog(surroundings());
    log.truncateFullyAndStartAt(50);
    append(log, batchOf(["a"]));
    log.truncateTo(20);
    expect([log.logStartOffset, log.logEndOffset]).toEqual([20, 20]);
    await log.close();
  });

  it("producers are those of what is left, also without a snapshot of their segment", async () => {
    const around = surroundings();
    const log = await openLog(around, { config: { segmentBytes: 400 } });
    for (let i = 0; i < 20; i++) append(log, producerBatch(i % 3, 0, Math.floor(i / 3)));
    for (const name of fileNames(around)) if (name.endsWith(".snapshot")) around.disk.remove(`/data/topic-0/${name}`);
    const again = await reopenAfterKill(around, log);
    again.truncateTo(7);
    expect(again.producers().map(({ producerId, lastSequence }) => [producerId, lastSequence])).toEqual([
      [0, 2],
      [1, 1],
      [2, 1],
    ]);
    again.truncateTo(1);
    expect(again.producers().map(({ producerId }) => producerId)).toEqual([0]);
    again.truncateTo(0);
    expect(again.producers()).toEqual([]);
    expect(append(again, producerBatch(2, 0, 0)).baseOffset).toBe(0);
    await again.close();
  });

  it("R10: two replicas that lost power are the same byte for byte after one cut its fork", async () => {
    const [one, two] = [surroundings(), surroundings()];
    const [first, second] = [await openLog(one), await openLog(two)];
    const common = () => batchOf(["m1"], { baseOffset: 0, partitionLeaderEpoch: 1 });
    for (const log of [first, second]) log.appendAsFollower(common(), undefined, 1);
    first.appendAsFollower(batchOf(["m2"], { baseOffset: 1, partitionLeaderEpoch: 1 }), undefined, 1);
    append(second, batchOf(["m3"]), { leaderEpoch: 2 });
    const leaderEnd = second.endOffsetForEpoch(1);
    expect(leaderEnd).toEqual({ leaderEpoch: 1, endOffset: 1 });
    first.truncateTo(Math.min(leaderEnd.endOffset, first.endOffsetForEpoch(1).endOffset));
    const sent = await second.read(1, { maxBytes: 1000, upToOffset: 2, minOneBatch: true, abortedTransactions: false });
    first.appendAsFollower(Buffer.concat(sent.pieces), undefined, 2);
    sent.release();
    expect((await allBytes(first)).equals(await allBytes(second))).toBe(true);
    expect((await readAll(first)).map((record) => [record.value, record.leaderEpoch])).toEqual([
      ["m1", 1],
      ["m3", 2],
    ]);
    await first.close();
    await second.close();
  });

  it("R231: what was cut, and a power cut brings back, never stands before what took its place", async () => {
    const fates = { old: 0, new: 0 };
    for (let seed = 0; seed < 300; seed++) {
      const random = new SeededRandom(seed);
      const disk = new SimulatedDisk({ random: random.split("disk") });
      const around = surroundings({ disk });
      const config = { segmentBytes: random.pick([1800, 100_000]) };
      const log = await openLog(around, { config });
      for (let i = 0; i < 40; i++) follow(log, i, 1);
      await log.flush();
      await disk.syncDirectory("/data");
      await disk.syncDirectory("/");
      const cutAt = random.between(0, 39);
      log.truncateTo(cutAt);
      for (let i = cutAt; i < 40; i++) follow(log, i, 3);
      if (random.chance(0.5)) await disk.syncDirectory(LOG_PATH);
      log.abandon();
      disk.crash({ powerLoss: true });
      const again = await openLog(around, { config, cleanShutdown: false });
      const epochs = (await readAll(again)).map(({ leaderEpoch }) => leaderEpoch);
      const kept = epochs.slice(cutAt);
      expect([seed, epochs.slice(0, cutAt).every((epoch) => epoch === 1), new Set(kept).size < 2]).toEqual([
        seed,
        true,
        true,
      ]);
      if (kept.length > 0) fates[kept[0] === 1 ? "old" : "new"]++;
      again.abandon();
    }
    expect(Math.min(fates.old, fates.new)).toBeGreaterThan(20);
  });

  it("R231: a process killed after a truncation at the recovery point syncs the cut all the same", async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1) });
    const around = surroundings({ disk });
    const log = await openLog(around);
    for (let i = 0; i < 10; i++) follow(log, i, 1);
    await log.flush();
    for (const path of ["/data", "/"]) await disk.syncDirectory(path);
    log.truncateTo(4);
    follow(log, 4, 3);
    log.abandon();
    const again = await openLog(around, { cleanShutdown: false, recoveryPoint: 4 });
    follow(again, 5, 3);
    await again.flush();
    const { recoveryPoint } = again;
    again.abandon();
    disk.crash({ powerLoss: true, unsynced: "dropped" });
    const file = disk.open(`${LOG_PATH}/00000000000000000000.log`, { create: false });
    expect(file.sizeBytes).toBe(log.segments[0]?.sizeBytes);
    const last = await openLog(around, { cleanShutdown: false, recoveryPoint });
    expect((await readAll(last)).map(({ leaderEpoch }) => leaderEpoch)).toEqual([1, 1, 1, 1, 3, 3]);
    await last.close();
  });

  it("R231: half a batch that comes back at the end of a segment before the recovery point is cut again", async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1) });
    const around = surroundings({ disk });
    const log = await openLog(around);
    for (let i = 0; i < 5; i++) follow(log, i, 1);
    log.truncateTo(4);
    follow(log, 4, 3);
    const whole = log.segments[0]?.sizeBytes as number;
    await log.flush();
    log.abandon();
    disk.open(`${LOG_PATH}/00000000000000000000.log`, { create: false }).append([Buffer.alloc(20, 1)]);
    const again = await openLog(around, { cleanShutdown: false, recoveryPoint: 5 });
    expect(again.segments.map(({ sizeBytes }) => sizeBytes).slice(0, 2)).toEqual([whole, log.segments[1]?.sizeBytes]);
    expect((await readAll(again)).map(({ leaderEpoch }) => leaderEpoch)).toEqual([1, 1, 1, 1, 3]);
    await again.close();
  });

  it("R231: what was cut gives way to what took its place and is on the device", async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1) });
    const around = surroundings({ disk });
    const log = await openLog(around);
    for (let i = 0; i < 10; i++) follow(log, i, 1);
    await log.flush();
    for (const path of ["/data", "/"]) await disk.syncDirectory(path);
    log.truncateTo(4);
    for (let i = 4; i < 8; i++) follow(log, i, 3);
    await disk.syncFile(`${LOG_PATH}/00000000000000000004.log`);
    await disk.syncDirectory(LOG_PATH);
    log.abandon();
    disk.crash({ powerLoss: true, unsynced: "dropped" });
    for (const recoveryPoint of [4, 0]) {
      const again = await openLog(around, { cleanShutdown: false, recoveryPoint });
      expect((await readAll(again)).map(({ leaderEpoch }) => leaderEpoch)).toEqual([1, 1, 1, 1, 3, 3, 3, 3]);
      again.abandon();
    }
  });
});

function follow(log: SegmentedLog, offset: number, leaderEpoch: number): void {
  log.appendAsFollower(
    batchOf([`value of ${offset}`], { baseOffset: offset, partitionLeaderEpoch: leaderEpoch }),
    undefined,
    leaderEpoch,
  );
}
