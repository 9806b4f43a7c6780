/**
 * Whole clusters under faults: a few, which run twice and must do the same, and those that once failed. Seeds that nobody ever ran are
 * for `npm run simulate`: what this test says of a commit is the same each time.
 */
import { describe, expect, it } from "vitest";
import { BUGBASE } from "../simulation/bugbase.ts";
import { runSeed } from "../simulation/world/seed-run.ts";
import { Totals } from "../simulation/world/totals.ts";

/** For a machine that does much else besides. */
const PATIENCE_MS = 240_000;
const FIXED = ["14", "29", "44", "59", "74"];

describe("npm run simulate", () => {
  it.each(FIXED)(
    "seed %s holds, twice",
    async (seed) => {
      const { failure } = await runSeed(seed, { twice: true });
      expect(failure).toBeUndefined();
    },
    PATIENCE_MS,
  );

  it.each(BUGBASE)(
    "seed $seed, which once failed ($what), holds",
    async ({ seed }) => {
      const { failure } = await runSeed(seed);
      expect(failure).toBeUndefined();
    },
    PATIENCE_MS,
  );

  it("a total that stays at nothing is told", async () => {
    const totals = new Totals();
    const { result } = await runSeed("72");
    if (result === undefined) throw new Error("the run gave nothing");
    const without = { ...result, replicas: { ...result.replicas, elections: 0 } };
    for (let left = 20; left > 0; left--) totals.add(without);
    expect(totals.missing()).toContain("elections");
    expect(totals.missing()).not.toContain("acknowledged records");
  });
});
