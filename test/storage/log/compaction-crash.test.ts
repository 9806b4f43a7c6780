import { expect, test } from "vitest";
import { buildEndTransactionBatch } from "../../../protocol/records/control-record.ts";
import { compact } from "../../../storage/log/compaction.ts";
import { planCompaction } from "../../../storage/log/compaction-plan.ts";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import type { LogConfig } from "../../../storage/log-config.ts";
import { TurnPacer } from "../../../storage/turn-pacer.ts";
import { Simulation } from "../../simulation/simulation.ts";
import { append, appendBatch, openLog, recordsOf, surroundingsOf } from "./cleanable-log.ts";

const CONFIG: Partial<LogConfig> = {
  cleanupCompact: true,
  cleanupDelete: false,
  segmentBytes: 900,
  indexIntervalBytes: 100,
};

/** Four segments of overwritten keys with two producers and an aborted transaction, and an active one. */
function fill(log: SegmentedLog): void {
  const transaction = { producerId: 8, producerEpoch: 0, isTransactional: true };
  for (let round = 0; round < 4; round++) {
    const records = Array.from({ length: 8 }, (_, i) => ({
      key: `k${i}`,
      value: `${round}`,
      timestamp: 100 * round + i,
    }));
    append(log, records, { producerId: 7, producerEpoch: 0, baseSequence: 8 * round });
    append(log, [{ key: "k0", value: "aborted" }], { ...transaction, baseSequence: round });
    appendBatch(
      log,
      buildEndTransactionBatch({
        committed: false,
        producerId: 8,
        producerEpoch: 0,
        coordinatorEpoch: 0,
        timestampMs: 1,
      }),
    );
    append(log, [{ key: `once ${round}`, value: "x".repeat(100) }]);
    log.roll();
  }
  append(log, [{ key: "active", value: "1" }]);
}

/** What a consumer makes of the log: the newest value of each key, aborted records left out. */
async function view(log: SegmentedLog): Promise<Map<string, string>> {
  const newest = new Map<string, string>();
  for (const { key, value } of await recordsOf(log)) if (value !== "aborted") newest.set(key ?? "", value ?? "null");
  return new Map([...newest].sort());
}

async function crashDuringCleaning(seed: number, steps: number): Promise<"cut" | "done"> {
  const simulation = new Simulation({ seed: `${seed} ${steps}`, latencyMs: [0, 0] });
  return simulation.run(async () => {
    const node = simulation.boot("a");
    const { disk, clock } = node;
    disk.makeDirectory("/data");
    const around = surroundingsOf(node);
    const log = await openLog(around, CONFIG);
    fill(log);
    await log.flush();
    await disk.syncDirectory("/data");
    await disk.syncDirectory("/");
    const [expected, endOffset] = [await view(log), log.logEndOffset];
    const producers = log.producers();
    const offsets = new Set((await recordsOf(log)).map(({ offset }) => offset));

    disk.cutPowerAfter(steps);
    const plan = planCompaction(log, 0, clock.wallMs());
    if (plan === undefined) throw new Error("there is nothing to clean");
    const cleaning = compact({
      log,
      around,
      plan,
      maxMapBytes: 1e6,
      pacer: new TurnPacer(clock),
      isWanted: () => true,
    });
    const [outcome] = await Promise.allSettled([cleaning]);
    expect(disk.hasNoPower).toBe(outcome.status === "rejected");
    log.abandon();
    disk.crash({ powerLoss: seed > 0 });

    const recovery = { recoveryPoint: endOffset, highWatermark: endOffset };
    const again = await openLog(around, CONFIG, recovery);
    expect([again.logStartOffset, again.logEndOffset]).toEqual([0, endOffset]);
    expect(await view(again)).toEqual(expected);
    expect(again.producers()).toEqual(producers);
    for (const { offset } of await recordsOf(again)) expect(offsets.has(offset)).toBe(true);
    const names = disk.list("/data/t-0").map(({ name }) => name);
    expect(names.filter((name) => /cleaned|swap|deleted/.test(name))).toEqual([]);

    // The next cleaning ends where an undisturbed one does.
    const next = planCompaction(again, 0, clock.wallMs());
    if (next !== undefined) {
      await compact({
        log: again,
        around,
        plan: next,
        maxMapBytes: 1e6,
        pacer: new TurnPacer(clock),
        isWanted: () => true,
      });
    }
    expect((await recordsOf(again)).length).toBe(expected.size);
    expect(await view(again)).toEqual(expected);
    again.abandon();
    return outcome.status === "rejected" ? "cut" : "done";
  });
}

test("R76: a kill at any step of cleaning and swapping loses nothing and leaves no leftovers", async () => {
  let steps = 0;
  while ((await crashDuringCleaning(0, steps)) === "cut") steps++;
  expect(steps).toBeGreaterThan(30);
});

test("R76: neither does a power cut", async () => {
  for (let steps = 0; (await crashDuringCleaning(1, steps)) === "cut"; steps++);
  for (let steps = 0; (await crashDuringCleaning(2, steps)) === "cut"; steps += 5);
});
