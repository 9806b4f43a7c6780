/**
 * Transactions on simulated clusters under faults: `npm run simulate:transactions -- --seeds 1000`, one cluster for each seed.
 *
 *   --seeds N      how many (10)
 *   --from N       the first; the others follow (1)
 *   --seed X       this one alone, with its plan and what the nodes logged
 *   --twice        each seed runs twice and must do the same
 *   --bug NAME     puts a bug in; passes when a seed finds it
 *   --processes N  how many run at once (one a core)
 *
 * Owns: what is run and what is printed. Leaves to test/simulation/transactions: the runs.
 */
import { availableParallelism } from "node:os";
import { bugNamed } from "../test/simulation/bugs/bugs.ts";
import { TRANSACTION_BUGS } from "../test/simulation/bugs/transaction-bugs.ts";
import type { TransactionsRun } from "../test/simulation/transactions/run-transactions.ts";
import { runTransactionsSeed, type TransactionsOutcome } from "../test/simulation/transactions/transaction-seed.ts";
import { drawTransactionsPlan } from "../test/simulation/transactions/transactions-plan.ts";
import { scriptOptions } from "./script-options.ts";
import { runSeeds } from "./simulate/seed-workers.ts";

const PROGRESS_EVERY_MS = 10_000;

const USAGE = [
  "npm run simulate:transactions -- [--seeds N] [--from N] [--seed X] [--twice] [--bug NAME] [--processes N]",
  ...TRANSACTION_BUGS.map(({ name, what }) => `  --bug ${name}: ${what}`),
].join("\n");
const { values: given } = scriptOptions(USAGE, {
  options: {
    seeds: { type: "string", default: "10" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    twice: { type: "boolean", default: false },
    bug: { type: "string" },
    processes: { type: "string", default: String(availableParallelism()) },
  },
});
const bug = given.bug === undefined ? {} : { bug: bugNamed(given.bug).name };
const options = { twice: given.twice, ...bug };

async function runOne(seed: string): Promise<boolean> {
  console.log(JSON.stringify(drawTransactionsPlan(seed), null, 2));
  const { failure, result } = await runTransactionsSeed(seed, {
    ...options,
    log: (node, level, fields, message) => {
      if (level !== "debug") console.log(`${node} ${level}: ${message} ${JSON.stringify(fields)}`);
    },
  });
  if (result !== undefined) console.log(countsOf(result));
  console.log(failure === undefined ? `seed ${seed} holds` : `seed ${seed} FAILED: ${failure}`);
  return failure === undefined;
}

function countsOf({ counts, verdict, faults, ...run }: TransactionsRun): Record<string, number> {
  const { transfers, copies, ends, losses, events, simulatedMs } = run;
  const { commits, aborts, sends, polls } = counts;
  return {
    ...{ sends, polls, commits, aborts, transfers, copies, "ends of transactions in partitions": ends },
    ...{ "records polled": verdict.seen.polled, "runs with losses that were allowed": losses, events },
    "simulated seconds": Math.round(simulatedMs / 1000),
    ...Object.fromEntries(Object.entries(faults).map(([kind, count]) => [`fault: ${kind}`, count])),
  };
}

async function runMany(): Promise<boolean> {
  const totals = new Map<string, number>();
  const failed: TransactionsOutcome[] = [];
  const startMs = performance.now();
  let shownMs = startMs;
  let ran = 0;
  const [from, count] = [Number(given.from), Number(given.seeds)];
  const seeds = Array.from({ length: count }, (_, at) => String(from + at)).values();
  await runSeeds(seeds, {
    ...{ kind: "transactions", processes: Number(given.processes), task: options },
    ended: (outcome) => {
      ran++;
      const counts = outcome.result === undefined ? {} : countsOf(outcome.result);
      for (const [name, by] of Object.entries(counts)) totals.set(name, (totals.get(name) ?? 0) + by);
      if (outcome.failure !== undefined) {
        failed.push(outcome);
        console.log(`seed ${outcome.seed} FAILED: ${outcome.failure}`);
      }
      if (performance.now() - shownMs > PROGRESS_EVERY_MS) {
        shownMs = performance.now();
        console.log(`${ran} seeds, ${failed.length} failed, ${((shownMs - startMs) / 1000).toFixed(0)} s`);
      }
      return given.bug === undefined || failed.length === 0;
    },
  });
  const wallSeconds = (performance.now() - startMs) / 1000;
  for (const [name, total] of totals) console.log(`${name.padEnd(40)} ${total.toLocaleString("en")}`);
  console.log(`${ran} seeds in ${wallSeconds.toFixed(0)} s: ${((ran * 60) / wallSeconds).toFixed(0)} seeds a minute`);
  if (given.bug === undefined) {
    console.log(`${failed.length} seeds failed${failed.length > 0 ? `: ${failed.map(({ seed }) => seed)}` : ""}`);
    return failed.length === 0;
  }
  const [first] = failed;
  const { name, what } = bugNamed(given.bug);
  console.log(
    first === undefined ? `${name} was NOT found: ${what}` : `${name} was found, seed ${first.seed}: ${what}`,
  );
  return first !== undefined;
}

process.exitCode = (given.seed === undefined ? await runMany() : await runOne(given.seed)) ? 0 : 1;
