/** Transactions on simulated clusters under faults; more of them by `npm run simulate:transactions`. */
import { expect, test } from "vitest";
import { bugNamed } from "../bugs/bugs.ts";
import { runTransactions } from "./run-transactions.ts";
import { drawTransactionsPlan } from "./transactions-plan.ts";

const TIMEOUT_MS = 180_000;
const SHORT_MS = 4000;

test(
  "V1, V4 to V8, V10 to V14, V19, V20: a seed holds, and does the same twice",
  async () => {
    const plan = drawTransactionsPlan("1", SHORT_MS);
    const first = await runTransactions(plan);
    expect(first.counts.commits).toBeGreaterThan(10);
    expect(first.counts.aborts).toBeGreaterThan(3);
    expect(first.transfers).toBeGreaterThan(5);
    expect(first.copies).toBeGreaterThan(5);
    expect((await runTransactions(plan)).hash).toBe(first.hash);
  },
  TIMEOUT_MS,
);

test.each([
  ["V12", "R140"],
  ["V13", "R106"],
])(
  "%s is broken by %s, put back",
  async (invariant, bug) => {
    let mend = (): void => {};
    const prepare: NonNullable<Parameters<typeof runTransactions>[1]>["prepare"] = (cluster) => {
      mend = bugNamed(bug).inject(cluster);
    };
    try {
      const plan = drawTransactionsPlan("3", SHORT_MS);
      await expect(runTransactions(plan, { prepare })).rejects.toThrow(new RegExp(`^${invariant}: `));
    } finally {
      mend();
    }
  },
  TIMEOUT_MS,
);

test("no administrator takes back what a durable run promises: that whatever is acknowledged is on the disk", () => {
  const plans = Array.from({ length: 200 }, (_, seed) => drawTransactionsPlan(String(seed)));
  const flushed = ({ faults }: (typeof plans)[number]) =>
    faults.flatMap((fault) => (fault.kind === "config" && fault.name === "flush.messages" ? [fault.value] : []));
  expect(new Set(plans.filter(({ isDurable }) => isDurable).flatMap(flushed))).toEqual(new Set(["1"]));
  expect(new Set(plans.filter(({ isDurable }) => !isDurable).flatMap(flushed)).size).toBe(2);
});
