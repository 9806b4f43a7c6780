/** Opening what an orderly stop left. */
import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../simulation/seeded-random.ts";
import { SimulatedDisk } from "../../simulation/simulated-disk.ts";
import {
  append,
  appendTransactional,
  batchesIn,
  batchOf,
  LOG_PATH,
  openLog,
  producerBatch,
  readBytes,
  surroundings,
} from "./log-fixture.ts";

const LOG = `${LOG_PATH}/00000000000000000000.log`;

describe("an orderly stop", () => {
  it("nothing is scanned afterwards: damage in older segments is not looked for", async () => {
    const around = surroundings();
    let log = await openLog(around, { config: { segmentBytes: 300 } });
    for (let i = 0; i < 12; i++) append(log, batchOf([`v${i}`]));
    await log.close();
    const bytes = around.disk.readFile(LOG);
    bytes.fill(0xee, 20);
    around.disk.writeFile(LOG, bytes);
    log = await openLog(around, { recoveryPoint: 12 });
    expect([log.logStartOffset, log.logEndOffset, log.recoveryPoint, log.syncedEndOffset]).toEqual([0, 12, 12, 12]);
    expect(batchesIn(await readBytes(log, 11))[0]?.baseOffset).toBe(11);
    await log.close();
  });

  it("R79: the power that goes after it takes no producer, and no open transaction", async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom("stopped") });
    disk.makeDirectory(LOG_PATH);
    for (const path of ["/", "/data"]) await disk.syncDirectory(path);
    let log = await openLog(surroundings({ disk }));
    append(log, producerBatch(1, 0, 0));
    appendTransactional(log, 2, 0, 0);
    // What is in the log is on the device: only the stop itself has something to write.
    await log.flush();
    await log.close();
    disk.crash({ powerLoss: true, names: "dropped" });
    log = await openLog(surroundings({ disk }), { recoveryPoint: 2 });
    expect(log.logEndOffset).toBe(2);
    expect(log.producers().map(({ producerId }) => producerId)).toEqual([1, 2]);
    expect(log.lastStableOffset).toBe(1);
    await log.close();
  });

  it("R91: many partitions open quickly, and cost little", async () => {
    const around = surroundings();
    const count = 2000;
    for (let partition = 0; partition < count; partition++) {
      const log = await openLog(around, { partition, path: `/data/topic-${partition}` });
      log.startLeaderEpoch(0);
      await log.close();
    }
    const startedMs = performance.now();
    const logs = [];
    for (let partition = 0; partition < count; partition++) {
      logs.push(await openLog(around, { partition, path: `/data/topic-${partition}` }));
    }
    expect(performance.now() - startedMs).toBeLessThan(count * 2);
    expect(around.pool.usedBytes).toBe(0);
    for (const log of logs) await log.close();
  });
});
