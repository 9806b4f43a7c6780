/** A seed of a run with transactions: whether it holds, and what came of it, as the other simulation says it of its seeds. */
import { bugNamed } from "../bugs/bugs.ts";
import type { SeedOptions } from "../world/seed-run.ts";
import { runTransactions, type TransactionsRun } from "./run-transactions.ts";
import { drawTransactionsPlan } from "./transactions-plan.ts";

export interface TransactionsOutcome {
  readonly seed: string;
  /** What was broken; undefined when nothing was. */
  readonly failure: string | undefined;
  /** Of a run that came to its end. */
  readonly result: TransactionsRun | undefined;
}

/** A run in which less was committed has seen too little to say anything. */
const LEAST_COMMITS = 20;

export async function runTransactionsSeed(seed: string, options: SeedOptions = {}): Promise<TransactionsOutcome> {
  try {
    const result = await runOnce(seed, options);
    const commits = result.counts.commits + result.transfers + result.copies;
    if (commits < LEAST_COMMITS) return { seed, result, failure: `only ${commits} transactions were committed` };
    if (options.twice !== true) return { seed, result, failure: undefined };
    const again = await runOnce(seed, options);
    const isSame = again.hash === result.hash;
    const failure = isSame ? undefined : `not deterministic: ${result.hash}, then ${again.hash}`;
    return { seed, result, failure };
  } catch (error) {
    return { seed, result: undefined, failure: error instanceof Error ? error.message : String(error) };
  }
}

async function runOnce(seed: string, { bug, log }: SeedOptions): Promise<TransactionsRun> {
  let mend = (): void => {};
  try {
    return await runTransactions(drawTransactionsPlan(seed), {
      ...(log === undefined ? {} : { log }),
      prepare: (cluster) => {
        if (bug !== undefined) mend = bugNamed(bug).inject(cluster);
      },
    });
  } finally {
    mend();
  }
}
