/** Logs that move between directories while everything else happens to them, against a model: what was flushed is there, once, in order. */
import { expect, test } from "vitest";
import { buildRecordBatch } from "../../protocol/records/record-batch-builder.ts";
import type { SegmentedLog } from "../../storage/log/segmented-log.ts";
import type { LogDirectories } from "../../storage/log-directories.ts";
import type { PreparedAppend } from "../../storage/partition-log.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { type Bench, ID, names, onNode, values } from "./node-logs.ts";

const PATHS = ["/d1", "/d2", "/d3"];
const STEPS = 60;

class History {
  /** What the log should hold, by value. */
  held: number[] = [];
  /** How many of them are on the device for sure. */
  flushed = 0;
  epoch = 0;
  private next = 0;

  put(log: SegmentedLog, count: number, bytes: number): void {
    for (let i = 0; i < count; i++) {
      const value = `${this.next}`.padEnd(bytes, " ");
      const prepared = log.prepare(buildRecordBatch([{ key: "k", value }]), undefined, { origin: "client" });
      log.append(prepared as PreparedAppend, { leaderEpoch: this.epoch });
      this.held.push(this.next++);
    }
  }

  truncate(log: SegmentedLog, offset: number): void {
    log.truncateTo(offset);
    this.held.length = offset;
    this.flushed = Math.min(this.flushed, offset);
    log.startLeaderEpoch(++this.epoch);
  }
}

async function step(
  bench: Bench,
  logs: LogDirectories,
  history: History,
  random: SeededRandom,
): Promise<LogDirectories> {
  const log = logs.get("t", 0) as SegmentedLog;
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
      history.put(log, 1 + random.below(20), random.oneIn(4) ? 5000 : 10);
      break;
    case 3:
      // What is committed is never cut.
      if (random.oneIn(2)) log.setHighWatermark(log.logEndOffset);
      else history.truncate(log, log.highWatermark + random.below(log.logEndOffset - log.highWatermark + 1));
      break;
    case 4:
    case 5:
      logs.place("t", 0, PATHS[random.below(PATHS.length)] as string);
      break;
    case 6: {
      const { length } = history.held;
      await log.flush().catch(() => {});
      // Unless another took its place meanwhile: then that one was flushed before.
      if (logs.get("t", 0) === log) history.flushed = Math.min(length, history.held.length);
      break;
    }
    case 7:
      await bench.wait(random.below(200));
      break;
    case 8:
      await bench.wait(random.below(5));
      break;
    case 9: {
      const powerLoss = random.oneIn(2);
      if (random.oneIn(3)) {
        await logs.close();
        return reopened(bench, history, false);
      }
      bench.restart(powerLoss);
      return reopened(bench, history, powerLoss);
    }
  }
  return logs;
}

const numbersIn = async (log: SegmentedLog | undefined): Promise<number[]> => ((await values(log)) ?? []).map(Number);

async function reopened(bench: Bench, history: History, powerLoss: boolean): Promise<LogDirectories> {
  const logs = await bench.open(PATHS);
  const log = logs.get("t", 0);
  const stored = await numbersIn(log);
  // What was cut and not flushed since may be there again when the power failed.
  if (powerLoss) expect(stored.slice(0, history.flushed)).toEqual(history.held.slice(0, history.flushed));
  else expect(stored).toEqual(history.held);
  const current = PATHS.filter((path) => names(bench, path).includes("t-0"));
  expect(current).toHaveLength(1);
  history.held = stored;
  history.flushed = Math.min(history.flushed, stored.length);
  (log as SegmentedLog).startLeaderEpoch(++history.epoch);
  return logs;
}

test.each([3, 5, 6, 7, 10, 13])("R214: a log that moves is the log it was, whatever comes between (%i)", (seed) =>
  onNode(async (bench) => {
    const random = new SeededRandom(seed + 1);
    const history = new History();
    bench.configs.set("t", { segmentBytes: 40_000 });
    bench.moveBytesPerSecond = random.oneIn(2) ? undefined : 50_000;
    // As the controller does, it keeps what it was told last.
    bench.ready = (path) => {
      bench.assigned = path.slice(0, 3);
      return new Promise((resolve) => void bench.node.clock.after(random.below(20), () => resolve(true)));
    };
    let logs = await bench.open(PATHS);
    const log = logs.obtain("t", 0, ID);
    await log.flush();
    bench.assigned = log.path.slice(0, 3);
    for (let i = 0; i < STEPS; i++) logs = await step(bench, logs, history, random);
    await bench.wait(2000);
    expect(await numbersIn(logs.get("t", 0))).toEqual(history.held);
    logs.abandon();
  }, seed),
);
