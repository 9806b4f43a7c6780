/** Cutting a log back, and starting it afresh. */
import { describe, expect, it } from "vitest";
import {
  append,
  batchOf,
  fileNames,
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
    const file = "/data/topic-0/00000000000000000000.log";
    expect(one.disk.readFile(file).equals(two.disk.readFile(file))).toBe(true);
    expect((await readAll(first)).map((record) => [record.value, record.leaderEpoch])).toEqual([
      ["m1", 1],
      ["m3", 2],
    ]);
    await first.close();
    await second.close();
  });
});
