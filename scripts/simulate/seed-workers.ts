/**
 * Runs many seeds on several processes, each taking the next when it is done with one.
 *
 * Owns: the processes. A process that dies, or stands in one event for ever, is a failure of the seed it ran, and another takes its place.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { SeedKind, SeedOutcomes, SeedTask } from "./seed-worker.ts";

export interface SeedWorkersOptions<K extends SeedKind> {
  readonly kind: K;
  readonly processes: number;
  readonly task: SeedTask["options"];
  /** Told of each seed in the order in which they end; false: no more seeds are begun. */
  ended(outcome: SeedOutcomes[K]): boolean;
}

/** Where the young of a simulated world live: with a small place for them most die old, and are moved about for nothing. */
const YOUNG_MB = 64;
/** A seed takes a second or two; its bounds on time and events do not see a loop within one event. */
const LONGEST_SEED_MS = 600_000;

export async function runSeeds<K extends SeedKind>(
  seeds: Iterator<string>,
  options: SeedWorkersOptions<K>,
): Promise<void> {
  let goesOn = true;
  const next = (): string | undefined => {
    const { value, done } = seeds.next();
    return goesOn && done !== true ? value : undefined;
  };
  const ended = (outcome: SeedOutcomes[K]): void => {
    goesOn = options.ended(outcome) && goesOn;
  };
  await Promise.all(Array.from({ length: options.processes }, () => work(next, ended, options)));
}

async function work<K extends SeedKind>(
  next: () => string | undefined,
  ended: (outcome: SeedOutcomes[K]) => void,
  { kind, task }: SeedWorkersOptions<K>,
): Promise<void> {
  let child: ChildProcess | undefined;
  for (let seed = next(); seed !== undefined; seed = next()) {
    child ??= start();
    const outcome = await ask<K>(child, { kind, seed, options: task });
    if (!child.connected) child = undefined;
    ended(outcome);
  }
  child?.disconnect();
}

function start(): ChildProcess {
  const path = fileURLToPath(new URL("./seed-worker.ts", import.meta.url));
  return fork(path, { execArgv: [...process.execArgv, `--max-semi-space-size=${YOUNG_MB}`] });
}

function ask<K extends SeedKind>(child: ChildProcess, task: SeedTask): Promise<SeedOutcomes[K]> {
  return new Promise((resolve) => {
    const settle = (outcome: SeedOutcomes[K]): void => {
      clearTimeout(patience);
      child.off("message", settle).off("exit", died);
      resolve(outcome);
    };
    const fail = (failure: string): void => settle({ seed: task.seed, failure, result: undefined } as SeedOutcomes[K]);
    const died = (code: number | null, signal: string | null): void =>
      fail(`the process that ran it ended with ${signal ?? code}`);
    const patience = setTimeout(() => {
      child.disconnect();
      child.kill("SIGKILL");
      fail(`it did not end in ${LONGEST_SEED_MS / 1000} s`);
    }, LONGEST_SEED_MS);
    child.on("message", settle).on("exit", died);
    child.send(task);
  });
}
