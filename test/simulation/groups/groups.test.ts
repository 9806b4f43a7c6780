/** Consumer groups on simulated clusters under faults; more of them by `npm run simulate:groups`. */
import { expect, it } from "vitest";
import { runGroupsSeed } from "./group-seed.ts";

const PATIENCE_MS = 180_000;
const SHORT_MS = 12_000;

it.each(["1", "3", "12"])(
  "V9, V11, V21, V22, V23: groups of seed %s hold, and do the same twice",
  async (seed) => {
    const { failure, result } = await runGroupsSeed(seed, { twice: true }, SHORT_MS);
    expect(failure).toBeUndefined();
    expect(result?.groups.gains).toBeGreaterThan(0);
  },
  PATIENCE_MS,
);

it.each([["R147", "3"]])(
  "%s put back is found by seed %s",
  async (bug, seed) => {
    const { failure } = await runGroupsSeed(seed, { bug });
    expect(failure).toMatch(/^V/);
  },
  PATIENCE_MS,
);
