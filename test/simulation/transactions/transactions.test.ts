/** Transactions on simulated clusters under faults; more of them by `npm run simulate:transactions`. */
import { expect, test } from "vitest";
import { runTransactions } from "./run-transactions.ts";

const TIMEOUT_MS = 180_000;

test(
  "V1, V4 to V8, V13, V20: a seed holds, and does the same twice",
  async () => {
    const first = await runTransactions("1", 4000);
    expect(first.counts.commits).toBeGreaterThan(10);
    expect(first.counts.aborts).toBeGreaterThan(3);
    expect((await runTransactions("1", 4000)).hash).toBe(first.hash);
  },
  TIMEOUT_MS,
);
