/** Whole clusters under faults: a fixed few and a fresh two, which run twice and must do the same, and those that once failed. */
import { describe, expect, it } from "vitest";
import { BUGBASE } from "../simulation/bugbase.ts";
import { runSeed } from "../simulation/world/seed-run.ts";
import { Totals } from "../simulation/world/totals.ts";

/** For a machine that does much else besides. */
const PATIENCE_MS = 240_000;
const FRESH_SEEDS = 2;
const FIXED = ["14", "29", "44"];

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

  it(
    "so do seeds that nobody ever ran",
    async () => {
      for (let left = FRESH_SEEDS; left > 0; left--) {
        const seed = `fresh-${Math.floor(Math.random() * 1e9)}`;
        const { failure } = await runSeed(seed, { twice: true });
        expect(failure, `npm run simulate -- --seed ${seed}`).toBeUndefined();
      }
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
