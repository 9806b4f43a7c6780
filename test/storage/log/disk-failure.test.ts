/** What a log does when its disk fails, fills up, or loses power: nothing that was acknowledged is damaged. */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import { MemoryDisk } from "../../../storage/memory-disk.ts";
import type { DiskFault } from "../../simulation/disk-faults.ts";
import { SeededRandom } from "../../simulation/seeded-random.ts";
import { PowerCut, SimulatedDisk } from "../../simulation/simulated-disk.ts";
import {
  append,
  appendMarker,
  appendTransactional,
  batchOf,
  batchOfSize,
  codeOf,
  type Fixture,
  LOG_PATH,
  openLog,
  producerBatch,
  READ_ALL,
  readAll,
  surroundings,
  valuesOf,
} from "./log-fixture.ts";

const { KAFKA_STORAGE_ERROR } = ErrorCode;

interface Simulated extends Fixture {
  readonly disk: SimulatedDisk;
}

function simulated(seed: string | number = 1, tailBytes?: number): Simulated {
  const disk = new SimulatedDisk({ random: new SeededRandom(seed) });
  disk.makeDirectory("/data");
  return { ...surroundings({ disk, ...(tailBytes === undefined ? {} : { tailBytes }) }), disk };
}

/** A log that says once that it went offline. */
async function watched(around: Simulated, config = {}): Promise<{ log: SegmentedLog; offline: unknown[] }> {
  const log = await openLog(around, { config });
  const offline: unknown[] = [];
  log.onOffline = (which, error) => offline.push([which, error]);
  return { log, offline };
}

const fault = (operation: DiskFault["operation"], error: DiskFault["error"] = "io", path?: RegExp): DiskFault => ({
  operation,
  error,
  ...(path === undefined ? {} : { path }),
});

describe("a disk that fails", () => {
  it("R80: after an append that failed the log is offline for good, and what was there is there", async () => {
    const around = simulated();
    const { log, offline } = await watched(around);
    append(log, batchOf(["a"]));
    around.disk.faults.add({ ...fault("append"), times: 1 });
    expect(await codeOf(() => append(log, batchOf(["b"])))).toBe(KAFKA_STORAGE_ERROR);
    expect(offline).toHaveLength(1);
    expect(log.offline).toBe(true);
    for (const call of [
      () => append(log, batchOf(["c"])),
      () => log.read(0, READ_ALL),
      () => log.flush(),
      () => log.truncateTo(0),
      () => log.appendAsFollower(batchOf(["d"]), undefined, 0),
      () => log.offsetForTimestamp(0, 1),
      () => log.deleteOldSegments(0),
      () => log.roll(),
    ]) {
      expect(await codeOf(call)).toBe(KAFKA_STORAGE_ERROR);
    }
    await log.close();
    const again = await openLog(around, { cleanShutdown: false });
    expect(await valuesOf(again)).toEqual(["a@0"]);
    append(again, batchOf(["b"]));
    await again.close();
    expect(offline).toHaveLength(1);
    expect(around.pool.usedBytes).toBe(0);
  });

  it("R81: after a sync that failed nothing more is acknowledged, though the next one would succeed", async () => {
    const around = simulated();
    const { log } = await watched(around);
    append(log, batchOf(["a"]));
    await log.flush();
    append(log, batchOf(["b"]));
    around.disk.faults.add({ ...fault("sync", "io", /\.log$/), times: 1 });
    expect(await codeOf(() => log.flush())).toBe(KAFKA_STORAGE_ERROR);
    expect([log.syncedEndOffset, log.recoveryPoint]).toEqual([1, 1]);
    expect(await codeOf(() => log.flush())).toBe(KAFKA_STORAGE_ERROR);
    log.abandon();
    around.disk.crash({ powerLoss: true });
    const again = await openLog(around, { cleanShutdown: false, recoveryPoint: 1 });
    expect((await valuesOf(again))[0]).toBe("a@0");
    await again.close();
  });

  it("R81: what such a sync left out is written again when the log is opened, and a power cut does not take it", async () => {
    const around = simulated();
    const { log } = await watched(around, { segmentBytes: 100 });
    append(log, batchOf(["a"]));
    await log.flush();
    for (const path of [LOG_PATH, "/data", "/"]) await around.disk.syncDirectory(path);
    for (const value of ["b", "c"]) append(log, batchOf([value]));
    around.disk.faults.add({ ...fault("sync", "io", /\.log$/), times: 1 });
    expect(await codeOf(() => log.flush())).toBe(KAFKA_STORAGE_ERROR);
    log.abandon();
    const opened = await openLog(around, { cleanShutdown: false, recoveryPoint: 1 });
    append(opened, batchOf(["d"]));
    await opened.flush();
    const { recoveryPoint } = opened;
    expect(around.disk.list(LOG_PATH).map(({ name }) => name)).not.toContain("sync-failed");
    opened.abandon();
    around.disk.crash({ powerLoss: true, unsynced: "dropped", names: "dropped" });
    const again = await openLog(around, { cleanShutdown: false, recoveryPoint });
    expect(await valuesOf(again)).toEqual(["a@0", "b@1", "c@2", "d@3"]);
    await again.close();
  });

  it("R79: the name of a log and its topic's id reach the device though the process that made them was killed", async () => {
    const around = simulated();
    const metadata = `${LOG_PATH}/partition.metadata`;
    (await openLog(around)).abandon();
    const written = around.disk.readFile(metadata);
    await around.disk.syncDirectory("/");
    const log = await openLog(around, { cleanShutdown: false });
    append(log, batchOf(["a"]));
    await log.flush();
    const { recoveryPoint } = log;
    log.abandon();
    around.disk.crash({ powerLoss: true, unsynced: "dropped", names: "dropped" });
    expect(around.disk.readFile(metadata)).toEqual(written);
    const again = await openLog(around, { cleanShutdown: false, recoveryPoint });
    expect(await valuesOf(again)).toEqual(["a@0"]);
    await again.close();
  });

  it.each([
    ["append", /\.log$/],
    ["append", /\.index$/],
    ["append", /\.timeindex$/],
    ["open", /00000000000000000\d\d[1-9]\.log$/],
    ["writeFile", /\.snapshot$/],
    ["writeFile", /leader-epoch-checkpoint/],
    ["sync", /leader-epoch-checkpoint/],
    ["rename", /leader-epoch-checkpoint/],
    ["syncDirectory", /$/],
  ] as const)(
    "R82: no space (or worse) at %s of %s: offline, others live, opened again it goes on",
    async (operation, path) => {
      const around = simulated();
      const config = { segmentBytes: 4000, indexIntervalBytes: 0, segmentIndexBytes: 1 << 20 };
      const { log, offline } = await watched(around, config);
      const other = await openLog(around, { partition: 1, path: "/data/other-1" });
      around.disk.faults.add(fault(operation, "full", new RegExp(`topic-0.*${path.source}`)));
      const acknowledged: string[] = [];
      let code: number | undefined;
      for (let i = 0; code === undefined && i < 1200; i++) {
        code = await codeOf(() => {
          if (i % 50 === 10) log.startLeaderEpoch(i);
          append(log, batchOf([`v${i}`]), { leaderEpoch: Math.max(0, log.latestLeaderEpoch) });
          acknowledged.push(`v${i}@${i}`);
        });
        if (code === undefined && i % 20 === 0) code = await codeOf(() => log.flush());
      }
      expect(code).toBe(KAFKA_STORAGE_ERROR);
      expect(offline).toHaveLength(1);
      append(other, batchOf(["lives"]));
      around.disk.faults.clear();
      log.abandon();
      const again = await openLog(around, { cleanShutdown: false, recoveryPoint: log.recoveryPoint, config });
      expect((await valuesOf(again)).slice(0, acknowledged.length)).toEqual(acknowledged);
      append(again, batchOf(["goes on"]));
      await again.flush();
      await again.close();
      await other.close();
    },
  );

  it("R82: a memory disk that fills up, and gets room again", async () => {
    const disk = new MemoryDisk({ volumeBytes: 20_000 });
    const around = surroundings({ disk });
    const log = await openLog(around);
    let code: number | undefined;
    let count = 0;
    for (; code === undefined; count++) code = await codeOf(() => append(log, batchOfSize(1000)));
    expect([code, log.offline]).toEqual([KAFKA_STORAGE_ERROR, true]);
    log.abandon();
    disk.resize(1 << 20);
    const again = await openLog(around, { cleanShutdown: false });
    expect(again.logEndOffset).toBe(count - 1);
    append(again, batchOfSize(1000));
    await again.close();
  });

  it("R83: when the transaction index fails behind the batch, no offset is given twice and nothing undecided is shown", async () => {
    const around = simulated();
    const { log } = await watched(around);
    appendTransactional(log, 1, 0, 0, 2);
    around.disk.faults.add(fault("append", "full", /txnindex/));
    expect(await codeOf(() => appendMarker(log, false, 1, 0))).toBe(KAFKA_STORAGE_ERROR);
    expect([log.logEndOffset, log.lastStableOffset]).toEqual([3, 0]);
    log.abandon();
    around.disk.faults.clear();
    const again = await openLog(around, { cleanShutdown: false });
    expect([again.logEndOffset, again.lastStableOffset]).toEqual([3, 3]);
    const read = await again.read(0, { ...READ_ALL, abortedTransactions: true });
    expect(read.abortedTransactions).toEqual([{ producerId: 1, firstOffset: 0 }]);
    read.release();
    await again.close();
  });

  it("R84: a flush that meets a segment's removal is no failure", async () => {
    const around = simulated();
    const { log, offline } = await watched(around, { segmentBytes: 300, retentionBytes: 0, fileDeleteDelayMs: 0 });
    for (let i = 0; i < 20; i++) append(log, batchOf([`v${i}`]));
    const flushing = log.flush();
    log.setHighWatermark(20);
    expect(log.deleteOldSegments(around.clock.wallMs())).toBeGreaterThan(3);
    around.clock.advance(1);
    await flushing;
    log.truncateFullyAndStartAt(50);
    await log.flush();
    expect(offline).toEqual([]);
    await log.close();
  });

  it("B95: too few descriptors to read with take no log offline", async () => {
    const around = simulated(1, 0);
    const log = await openLog(around);
    append(log, batchOf(["a"]));
    around.disk.faults.add({ ...fault("read", "handles"), times: 1 });
    expect(await codeOf(() => log.read(0, READ_ALL))).toBe(KAFKA_STORAGE_ERROR);
    expect(log.offline).toBe(false);
    expect((await readAll(log)).length).toBe(1);
    await log.close();
  });

  it.each([1 << 20, 0])(
    "a read whose aborted transactions cannot be read holds nothing (%d bytes in memory)",
    async (tailBytes) => {
      const around = simulated(1, tailBytes);
      const { log, offline } = await watched(around);
      appendTransactional(log, 1, 0, 0, 2);
      appendMarker(log, false, 1, 0);
      around.disk.faults.add(fault("read", "io", /txnindex/));
      expect(await codeOf(() => log.read(0, { ...READ_ALL, abortedTransactions: true }))).toBe(KAFKA_STORAGE_ERROR);
      expect(offline).toHaveLength(1);
      log.abandon();
      expect(around.pool.usedBytes).toBe(0);
    },
  );

  it("a read that fails takes the log offline", async () => {
    const around = simulated(1, 0);
    const { log, offline } = await watched(around);
    append(log, batchOf(["a"]));
    append(log, batchOfSize(300_000));
    around.disk.faults.add(fault("read"));
    expect(await codeOf(() => log.read(1, READ_ALL))).toBe(KAFKA_STORAGE_ERROR);
    expect(offline).toHaveLength(1);
    expect(around.pool.usedBytes).toBe(0);
    log.abandon();
  });
});

describe("flushing", () => {
  it("moves the synced end and the recovery point to where the log ended when it was asked", async () => {
    const log = await openLog(surroundings(), { config: { segmentBytes: 200 } });
    let asked = 0;
    log.onUnsynced = () => void asked++;
    for (let i = 0; i < 5; i++) append(log, batchOf([`v${i}`]));
    expect([asked, log.unsyncedBytes, log.unsyncedSinceMs, log.syncedEndOffset]).toEqual([1, log.sizeBytes, 0, 0]);
    const flushing = log.flush();
    expect([log.unsyncedBytes, log.unsyncedSinceMs]).toEqual([0, undefined]);
    append(log, batchOf(["late"]));
    await flushing;
    expect([log.syncedEndOffset, log.recoveryPoint, asked]).toEqual([5, 5, 2]);
    await log.flush();
    expect(log.syncedEndOffset).toBe(6);
    await log.close();
  });

  it("flushes that are asked for meanwhile share the next one", async () => {
    const around = simulated();
    const log = await openLog(around);
    const syncs = around.disk.faults.add({ ...fault("sync", "io", /\.log$/), probability: 0 });
    append(log, batchOf(["a"]));
    const first = log.flush();
    append(log, batchOf(["b"]));
    const later = [log.flush(), log.flush()];
    append(log, batchOf(["c"]));
    later.push(log.flush());
    const before = around.disk.persistSteps;
    await Promise.all([first, ...later]);
    expect(log.syncedEndOffset).toBe(3);
    // One sync of batches under way, one for the three who waited, and what goes with the first: names, epochs.
    expect(around.disk.persistSteps - before).toBeLessThanOrEqual(8);
    syncs.remove();
    await log.close();
  });

  it("flush.messages asks for a flush by itself", async () => {
    const log = await openLog(surroundings(), { config: { flushMessages: 5 } });
    append(log, batchOf(["a", "b"]));
    append(log, batchOf(["c", "d"]));
    await Promise.resolve();
    expect(log.unsyncedBytes).toBeGreaterThan(0);
    append(log, batchOf(["e"]));
    expect(log.unsyncedBytes).toBe(0);
    await log.flush();
    expect(log.syncedEndOffset).toBe(5);
    await log.close();
  });

  it("a cut during a flush lowers what the flush has reached", async () => {
    const log = await openLog(surroundings());
    for (let i = 0; i < 5; i++) append(log, batchOf([`v${i}`]));
    const flushing = log.flush();
    log.truncateTo(2);
    append(log, batchOf(["new"]));
    await flushing;
    expect([log.syncedEndOffset, log.recoveryPoint]).toEqual([2, 2]);
    await log.close();
  });

  it("R79: with much written a flush takes a snapshot, so that little is walked after a crash", async () => {
    const around = surroundings({ tailBytes: 0 });
    const log = await openLog(around);
    append(log, producerBatch(1, 0, 0));
    for (let i = 0; i < 70; i++) append(log, batchOfSize(1_000_000));
    await log.flush();
    const snapshots = () => around.disk.list(LOG_PATH).filter((entry) => entry.name.endsWith(".snapshot"));
    expect(snapshots().map((entry) => entry.name)).toEqual(["00000000000000000071.snapshot"]);
    for (let i = 0; i < 70; i++) append(log, batchOfSize(1_000_000));
    await log.flush();
    expect(snapshots().map((entry) => entry.name)).toEqual(["00000000000000000141.snapshot"]);
    log.abandon();
    const again = await openLog(around, { cleanShutdown: false, recoveryPoint: 141 });
    expect(again.producers().length).toBe(1);
    await again.close();
  });

  it("an abandoned log writes nothing any more", async () => {
    const around = simulated();
    const log = await openLog(around);
    append(log, batchOf(["a"]));
    log.startLeaderEpoch(9);
    const flushing = log.flush();
    log.abandon();
    const before = around.disk.persistSteps;
    expect(await codeOf(() => flushing)).toBe(KAFKA_STORAGE_ERROR);
    expect(around.disk.list(LOG_PATH).some((entry) => entry.name === "leader-epoch-checkpoint")).toBe(false);
    expect(around.disk.persistSteps - before).toBeLessThanOrEqual(3);
  });
});

describe("R90: the power goes at any step", () => {
  /** What a node does in its life; notes what it was told is on the device. */
  async function live(log: SegmentedLog, durable: { endOffset: number; values: string[] }): Promise<void> {
    const appended: string[] = [];
    const put = (value: string, batch: Buffer) => {
      const { baseOffset } = append(log, batch, { leaderEpoch: Math.max(0, log.latestLeaderEpoch) });
      appended[baseOffset] = value;
    };
    const flush = async () => {
      const upTo = log.logEndOffset;
      await log.flush();
      durable.endOffset = Math.min(upTo, log.syncedEndOffset);
      durable.values = appended.slice(0, durable.endOffset);
    };
    log.startLeaderEpoch(1);
    for (let i = 0; i < 6; i++) put(`p1 ${i}`, producerBatch(1, 0, i));
    await flush();
    log.startLeaderEpoch(2);
    appendTransactional(log, 2, 0, 0);
    appended[6] = "p2 0";
    for (let i = 6; i < 9; i++) put(`p1 ${i}`, producerBatch(1, 0, i));
    appendMarker(log, false, 2, 0);
    appended.push("");
    await flush();
    durable.endOffset = Math.min(durable.endOffset, 8);
    durable.values.length = durable.endOffset;
    log.truncateTo(8);
    appended.length = 8;
    log.startLeaderEpoch(3);
    for (let i = 0; i < 5; i++) put(`p3 ${i}`, producerBatch(3, 0, i));
    await flush();
    await log.close();
  }

  it("what was flushed is there, what is there was written, and everything about it is right", async () => {
    const config = { segmentBytes: 350, indexIntervalBytes: 60 };
    let ended = false;
    for (let step = 0; !ended; step++) {
      const around = simulated(`power ${step}`);
      let log = await openLog(around, { config });
      await around.disk.syncDirectory("/data");
      await log.flush();
      const durable = { endOffset: 0, values: [] as string[] };
      around.disk.cutPowerAfter(step);
      try {
        await live(log, durable);
        ended = !around.disk.hasNoPower;
      } catch (error) {
        // The power goes in the middle of a call, or a flush that failed says so.
        if (!(error instanceof PowerCut) && (error as { code?: number }).code !== KAFKA_STORAGE_ERROR) throw error;
      }
      log.abandon();
      around.disk.crash({ powerLoss: true });
      const recoveryPoint = Math.min(log.recoveryPoint, durable.endOffset);
      log = await openLog(around, { config, cleanShutdown: false, recoveryPoint });
      const name = `step ${step}`;
      expect(log.logEndOffset, name).toBeGreaterThanOrEqual(durable.endOffset);
      const records = await readAll(log);
      for (const { offset, value } of records) {
        if (offset < durable.endOffset) expect(value, `${name} offset ${offset}`).toBe(durable.values[offset]);
      }
      expect(records.filter((record) => record.offset < durable.endOffset).length, name).toBe(
        durable.values.filter((value) => value !== "").length,
      );
      // Epochs and producers are those of the batches that are there.
      for (const { offset, leaderEpoch } of records) expect(log.epochForOffset(offset), name).toBe(leaderEpoch);
      for (const producer of log.producers()) {
        const values = records
          .map((record) => record.value)
          .filter((value) => value?.startsWith(`p${producer.producerId} `));
        if (producer.lastSequence >= 0)
          expect(values.at(-1), name).toBe(`p${producer.producerId} ${producer.lastSequence}`);
      }
      append(log, batchOf(["after"]), { leaderEpoch: 9 });
      expect((await readAll(log)).at(-1)?.value, name).toBe("after");
      await log.close();
      expect(step).toBeLessThan(300);
    }
  });
});
