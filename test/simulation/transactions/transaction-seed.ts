/** A seed of a run with transactions: whether it holds, and what came of it. */
import { type RepeatedOutcome, runRepeated } from "../world/repeated-run.ts";
import type { SeedOptions } from "../world/seed-run.ts";
import { runTransactions, type TransactionsRun } from "./run-transactions.ts";
import { drawTransactionsPlan } from "./transactions-plan.ts";

/** A run in which less was committed has seen too little to say anything. */
const LEAST_COMMITS = 20;

export function runTransactionsSeed(
  seed: string,
  options: SeedOptions = {},
): Promise<RepeatedOutcome<TransactionsRun>> {
  return runRepeated(
    seed,
    options,
    (run) => runTransactions(drawTransactionsPlan(seed), run),
    ({ counts, transfers, copies }) => {
      const commits = counts.commits + transfers + copies;
      return commits < LEAST_COMMITS ? `only ${commits} transactions were committed` : undefined;
    },
  );
}
