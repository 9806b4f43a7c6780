/** A runtime of counters on a log in memory, anew for each test of a file that asks for it. */
import { beforeEach } from "vitest";
import { CoordinatorRuntime } from "../../../broker/state-machine/coordinator-runtime.ts";
import type { LogFields, Logger } from "../../../storage/logger.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { COUNTER_TYPES, type CounterChange, CounterMachine } from "./counter-machine.ts";
import { MemoryCoordinatorLog } from "./memory-coordinator-log.ts";

export const TIMEOUT_MS = 5000;
export const PARTITION = 3;

class Lines implements Logger {
  readonly lines: string[] = [];
  debug(_: LogFields, message: string): void {
    this.lines.push(`debug ${message}`);
  }
  info(_: LogFields, message: string): void {
    this.lines.push(`info ${message}`);
  }
  warn(_: LogFields, message: string): void {
    this.lines.push(`warn ${message}`);
  }
  error(_: LogFields, message: string): void {
    this.lines.push(`error ${message}`);
  }
}

export let clock: ManualClock;
export let log: MemoryCoordinatorLog;
export let lines: Lines;
export let effects: string[];
export let runtime: CoordinatorRuntime<CounterMachine, CounterChange, string, string>;

/** Has each test of the calling file begin with a new world. */
export function useCounterWorld(): void {
  beforeEach(() => {
    clock = new ManualClock();
    log = new MemoryCoordinatorLog();
    lines = new Lines();
    effects = [];
    runtime = new CoordinatorRuntime({
      topic: "counters",
      clock,
      logger: lines,
      recordTypes: COUNTER_TYPES,
      writeTimeoutMs: TIMEOUT_MS,
      newMachine: (timeline) => new CounterMachine(timeline),
      runEffect: (effect) => effects.push(effect),
    });
  });
}

/** Comes to lead the partition, and waits until it is loaded. */
export async function lead(leaderEpoch = 1, on = log): Promise<CounterMachine> {
  runtime.lead(PARTITION, leaderEpoch, on);
  await settled();
  const shard = runtime.shard(PARTITION);
  if (shard?.active !== true) throw new Error("the shard is not loaded");
  return shard.machine;
}

/** Lets promises run out, and the polls that loading waits for. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 500; turn++) {
    await Promise.resolve();
    if (turn % 5 === 0) clock.poll();
  }
}
