/** A run that does not come to its end fails, and says what it waits for. */
import { expect, test } from "vitest";
import { runSeed } from "./seed-run.ts";

test("V9: a seed that goes on past a time is a failure, and says what it waits for", async () => {
  const { failure, result } = await runSeed("1", { bound: { simulatedMs: 5000, events: 1e9 } });
  expect(result).toBeUndefined();
  expect(failure).toMatch(/^V9: no end after \d+ events and \d+ simulated ms: it waits for the time of faults/);
});

test("V9: so is one that has had too many events", async () => {
  const { failure } = await runSeed("1", { bound: { simulatedMs: 1e9, events: 20 } });
  expect(failure).toMatch(/^V9: no end after 20 events and \d+ simulated ms: it waits for the cluster to start/);
});
