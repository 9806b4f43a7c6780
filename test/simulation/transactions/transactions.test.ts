/** Transactions on simulated clusters under faults; more of them by `npm run simulate:transactions`. */
import { expect, test } from "vitest";
import { runTransactions } from "./run-transactions.ts";
import { drawTransactionsPlan } from "./transactions-plan.ts";

const TIMEOUT_MS = 180_000;

test(
  "V1, V4 to V8, V10 to V14, V19, V20: a seed holds, and does the same twice",
  async () => {
    const plan = drawTransactionsPlan("1", 4000);
    const first = await runTransactions(plan);
    expect(first.counts.commits).toBeGreaterThan(10);
    expect(first.counts.aborts).toBeGreaterThan(3);
    expect(first.transfers).toBeGreaterThan(5);
    expect(first.copies).toBeGreaterThan(5);
    expect((await runTransactions(plan)).hash).toBe(first.hash);
  },
  TIMEOUT_MS,
);
