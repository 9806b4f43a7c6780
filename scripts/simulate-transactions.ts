/**
 * Transactions on simulated clusters under faults: `npm run simulate:transactions -- --seeds 1000`, one cluster for each seed; options
 * as in simulate/simulation-command.ts.
 */
import { TRANSACTION_BUGS } from "../test/simulation/bugs/transaction-bugs.ts";
import type { TransactionsRun } from "../test/simulation/transactions/run-transactions.ts";
import { runTransactionsSeed } from "../test/simulation/transactions/transaction-seed.ts";
import { drawTransactionsPlan } from "../test/simulation/transactions/transactions-plan.ts";
import { runCommand } from "./simulate/simulation-command.ts";

function countsOf({ counts, verdict, faults, ...run }: TransactionsRun): Record<string, number> {
  const { transfers, copies, ends, losses, cleanedLogs, events, simulatedMs } = run;
  const { commits, aborts, sends, polls } = counts;
  return {
    ...{ sends, polls, commits, aborts, transfers, copies, "ends of transactions in partitions": ends },
    ...{ "records polled": verdict.seen.polled, "runs with losses that were allowed": losses, events },
    "logs cleaned": cleanedLogs,
    "simulated seconds": Math.round(simulatedMs / 1000),
    ...Object.fromEntries(Object.entries(faults).map(([kind, count]) => [`fault: ${kind}`, count])),
  };
}

await runCommand({
  ...{ kind: "transactions", name: "simulate:transactions", bugs: TRANSACTION_BUGS },
  ...{ planOf: (seed) => drawTransactionsPlan(seed), run: runTransactionsSeed, countsOf },
});
