/** A recovery that does not come to its end, whatever step it was at: the next one makes up for it. */
import { expect, test } from "vitest";
import { SeededRandom } from "../../simulation/seeded-random.ts";
import { SimulatedDisk } from "../../simulation/simulated-disk.ts";
import {
  append,
  appendMarker,
  appendTransactional,
  batchOf,
  fileNames,
  LOG_PATH,
  openLog,
  surroundings,
} from "./log-fixture.ts";

const INDEX = `${LOG_PATH}/00000000000000000000.txnindex`;

/** Opens a log whose time index is gone, so that all of it is looked through, on a disk that goes away after so many changes. */
async function interruptedAfter(steps: number, powerLoss: boolean, damage: (index: Buffer) => Buffer) {
  const disk = new SimulatedDisk({ random: new SeededRandom(steps) });
  const around = surroundings({ disk });
  const log = await openLog(around);
  for (const producerId of [1, 2]) {
    appendTransactional(log, producerId, 0, 0);
    appendMarker(log, false, producerId, 0);
  }
  append(log, batchOf(["after"]));
  log.setHighWatermark(5);
  await log.flush();
  for (const path of ["/data", "/"]) await disk.syncDirectory(path);
  const { recoveryPoint } = log;
  expect(recoveryPoint).toBe(5);
  log.abandon();
  disk.writeFile(INDEX, damage(disk.readFile(INDEX)));
  disk.remove(`${LOG_PATH}/00000000000000000000.timeindex`);
  await disk.syncFile(INDEX);
  await disk.syncDirectory(LOG_PATH);

  disk.cutPowerAfter(steps);
  const [first] = await Promise.allSettled([openLog(around, { cleanShutdown: false, recoveryPoint })]);
  if (first.status === "fulfilled") first.value.abandon();
  disk.crash({ powerLoss });
  const again = await openLog(around, { cleanShutdown: false, recoveryPoint, highWatermark: 5 });
  const read = await again.read(0, { maxBytes: 1e6, upToOffset: 5, minOneBatch: true, abortedTransactions: true });
  read.release();
  const aborted = read.abortedTransactions?.map(({ producerId, firstOffset }) => [producerId, firstOffset]);
  await again.close();
  return { aborted, wasInterrupted: first.status === "rejected", files: fileNames(around) };
}

test.each([
  ["as it was", (index: Buffer) => index],
  ["damaged", (index: Buffer) => index.fill(7, 0, 20)],
  ["without its end", (index: Buffer) => index.subarray(0, 40)],
])("aborted transactions are known when their index is %s", async (_, damage) => {
  for (const powerLoss of [false, true]) {
    let steps = 0;
    for (let goesOn = true; goesOn; steps++) {
      const { aborted, wasInterrupted, files } = await interruptedAfter(steps, powerLoss, damage);
      expect(aborted, `after ${steps} changes`).toEqual([
        [1, 0],
        [2, 2],
      ]);
      expect(files.filter((name) => name.endsWith(".tmp"))).toEqual([]);
      goesOn = wasInterrupted;
    }
    expect(steps).toBeGreaterThan(1);
  }
});
