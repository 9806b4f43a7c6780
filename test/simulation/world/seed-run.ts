/**
 * One seed, from its plan to what it came to: what a worker sends back and a command can repeat.
 *
 * Owns: that a seed which is to run twice does the same both times. Leaves to run-plan.ts: the run.
 */
import { bugNamed } from "../bugs/bugs.ts";
import { drawPlan } from "./plan.ts";
import { type RunOptions, type RunResult, runPlan } from "./run-plan.ts";

export interface SeedOptions {
  /** A second run must give the same hash. */
  readonly twice?: boolean;
  /** A bug of Kafka's history to put back: the run should fail. */
  readonly bug?: string;
  readonly log?: RunOptions["log"];
  readonly bound?: RunOptions["bound"];
}

export interface SeedOutcome {
  readonly seed: string;
  /** What was broken; undefined when nothing was. */
  readonly failure: string | undefined;
  /** Of a run that came to its end. */
  readonly result: RunResult | undefined;
}

/** A run that acknowledged less has seen too little to say anything. */
export const LEAST_ACKNOWLEDGED = 500;

export async function runSeed(seed: string, options: SeedOptions = {}): Promise<SeedOutcome> {
  try {
    const result = await runOnce(seed, options);
    if (result.ackedRecords < LEAST_ACKNOWLEDGED) {
      return { seed, result, failure: `only ${result.ackedRecords} records were acknowledged` };
    }
    if (options.twice !== true) return { seed, result, failure: undefined };
    const again = await runOnce(seed, options);
    const failure =
      again.hash === result.hash
        ? undefined
        : `not deterministic: ${result.hash} after ${result.events} events, then ${again.hash} after ${again.events}`;
    return { seed, result, failure };
  } catch (error) {
    return { seed, result: undefined, failure: error instanceof Error ? error.message : String(error) };
  }
}

async function runOnce(seed: string, { bug, log, bound }: SeedOptions): Promise<RunResult> {
  let mend = (): void => {};
  try {
    return await runPlan(drawPlan(seed), {
      ...(log === undefined ? {} : { log }),
      ...(bound === undefined ? {} : { bound }),
      prepare: (cluster) => {
        if (bug !== undefined) mend = bugNamed(bug).inject(cluster);
      },
    });
  } finally {
    mend();
  }
}
