/** Logs that move between directories while everything else happens to them, against a model: what was flushed is there, once, in order. */
import { expect, test } from "vitest";
import type { SegmentedLog } from "../../storage/log/segmented-log.ts";
import type { LogDirectories } from "../../storage/log-directories.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { append } from "./log/cleanable-log.ts";
import { type Bench, ID, names, onNode, values } from "./node-logs.ts";

const PATHS = ["/d1", "/d2", "/d3"];
const STEPS = 60;

class History {
  /** What the log should hold, by value. */
  held: string[] = [];
  /** How many of them are on the device for sure. */
  flushed = 0;
  epoch = 0;
  private next = 0;

  put(log: SegmentedLog, count: number, bytes: number): void {
    for (let i = 0; i < count; i++) {
      const value = `${this.next++}`.padEnd(bytes, "-");
      append(log, [{ key: "k", value }], { leaderEpoch: this.epoch });
      this.held.push(value);
    }
  }

  truncate(log: SegmentedLog, offset: number): void {
    log.truncateTo(offset);
    this.held.length = offset;
    this.flushed = Math.min(this.flushed, offset);
    log.startLeaderEpoch(++this.epoch);
  }
}

async function step(bench: Bench, logs: LogDirectories, history: History, random: SeededRandom): Promise<LogDirectories> {
  const log = logs.get("t", 0) as SegmentedLog;
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
      history.put(log, 1 + random.below(20), random.oneIn(4) ? 5000 : 10);
      break;
    case 3:
      if (log.logEndOffset > 0) history.truncate(log, random.below(log.logEndOffset));
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
      if (random.oneIn(3)) await logs.close();
      else bench.restart(powerLoss);
      return reopened(bench, history, powerLoss);
    }
  }
  return logs;
}

async function reopened(bench: Bench, history: History, powerLoss: boolean): Promise<LogDirectories> {
  const logs = await bench.open(PATHS);
  const log = logs.get("t", 0);
  const stored = log === undefined ? [] : ((await values(log)) as string[]);
  expect(stored).toEqual(history.held.slice(0, stored.length));
  if (powerLoss) expect(stored.length).toBeGreaterThanOrEqual(history.flushed);
  else expect(stored.length).toBe(history.held.length);
  const current = PATHS.filter((path) => names(bench, path).includes("t-0"));
  expect(current).toHaveLength(1);
  history.held = stored;
  history.flushed = Math.min(history.flushed, stored.length);
  (log as SegmentedLog).startLeaderEpoch(++history.epoch);
  return logs;
}

test.each(Array.from({ length: Number(process.env.SEEDS ?? 12) }, (_, i) => i + Number(process.env.FROM ?? 0)))(
  "R214: a log that moves is the log it was, whatever comes between (%i)",
  (seed) =>
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
      expect(await values(logs.get("t", 0))).toEqual(history.held);
      logs.abandon();
    }, seed),
);
