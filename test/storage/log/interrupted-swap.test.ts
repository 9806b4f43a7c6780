import { describe, expect, it } from "vitest";
import {
  append,
  batchOf,
  type Fixture,
  fileNames,
  LOG_PATH,
  openLog,
  producerBatch,
  readAll,
  surroundings,
  valuesOf,
} from "./log-fixture.ts";

const T = 1_700_000_000_000;

/** Writes what is left of a log's file into a fresh disk, and opens it as after a crash. */
describe("R76: what a crash left of cleaning and deleting", () => {
  const files = (around: Fixture) => fileNames(around).filter((name) => /^\d/.test(name));
  const put = (around: Fixture, name: string, content: Buffer | string) =>
    around.disk.writeFile(`${LOG_PATH}/${name}`, content);
  const name = (offset: number, suffix: string) => `${String(offset).padStart(20, "0")}${suffix}`;
  /** Three segments: 0-1, 2-3 and the active one with 4-5. */
  async function threeSegments(): Promise<Fixture> {
    const around = surroundings();
    const log = await openLog(around);
    for (let i = 0; i < 3; i++) {
      append(log, producerBatch(1, 0, 2 * i, 2));
      if (i < 2) log.roll();
    }
    await log.close();
    return around;
  }

  it("files that were to be deleted go", async () => {
    const around = await threeSegments();
    for (const suffix of [".log", ".index", ".timeindex", ".txnindex", ".snapshot"])
      put(around, name(7, `${suffix}.deleted`), "x");
    put(around, "00000000000000000007-0000000001.checkpoint.deleted", "x");
    const log = await openLog(around);
    expect(fileNames(around).filter((file) => file.endsWith(".deleted"))).toEqual([
      "00000000000000000007-0000000001.checkpoint.deleted",
    ]);
    expect((await readAll(log)).length).toBe(6);
    await log.close();
  });

  it("what was being cleaned is dropped, and what was swapped beside it", async () => {
    const around = await threeSegments();
    const before = files(around);
    put(around, name(0, ".log.cleaned"), batchOf(["cleaned"]));
    put(around, name(0, ".index.swap"), "");
    put(around, name(2, ".log.swap"), batchOf(["swapped"], { baseOffset: 2 }));
    const log = await openLog(around);
    expect(files(around)).toEqual(before);
    expect((await valuesOf(log))[0]).toBe("p1 0@0");
    await log.close();
  });

  it("what was cleaned replaces the segments it was made from, at each step of the swap", async () => {
    const cleaned = batchOf([{ key: "k", value: "kept", timestamp: T }], { baseOffset: 3, partitionLeaderEpoch: 0 });
    const steps: ((around: Fixture) => void)[] = [
      () => {},
      (around) => around.disk.rename(`${LOG_PATH}/${name(0, ".log")}`, `${LOG_PATH}/${name(0, ".log.deleted")}`),
      (around) => {
        for (const offset of [0, 2]) {
          for (const suffix of [".log", ".index", ".timeindex"]) {
            around.disk.rename(
              `${LOG_PATH}/${name(offset, suffix)}`,
              `${LOG_PATH}/${name(offset, `${suffix}.deleted`)}`,
            );
          }
        }
      },
    ];
    for (const stopped of steps) {
      const around = await threeSegments();
      put(around, name(0, ".log.swap"), cleaned);
      put(around, name(0, ".index.swap"), "");
      put(around, name(0, ".timeindex.swap"), "");
      stopped(around);
      const log = await openLog(around);
      expect(await valuesOf(log)).toEqual(["kept@3", "p1 4@4", "p1 5@5"]);
      expect(log.segments.map((segment) => segment.baseOffset)).toEqual([0, 4]);
      expect(files(around).filter((file) => /swap|deleted/.test(file))).toEqual([]);
      // KAFKA-12520: the producer is known although its batches are gone.
      expect(append(log, producerBatch(1, 0, 4, 2)).duplicate).toBe(true);
      await log.close();
    }
  });

  it("a swap that was done but for the indexes' names is finished", async () => {
    const around = await threeSegments();
    const index = around.disk.readFile(`${LOG_PATH}/${name(2, ".timeindex")}`);
    around.disk.rename(`${LOG_PATH}/${name(2, ".timeindex")}`, `${LOG_PATH}/${name(2, ".timeindex.swap")}`);
    const log = await openLog(around);
    expect(around.disk.readFile(`${LOG_PATH}/${name(2, ".timeindex")}`).equals(index)).toBe(true);
    expect((await readAll(log)).length).toBe(6);
    await log.close();
  });
});
