/** Streams groups on simulated clusters under faults; more of them by `npm run simulate:streams-groups`. */
import { expect, it } from "vitest";
import { runStreamsGroupsSeed } from "./group-seed.ts";

const PATIENCE_MS = 180_000;
const SHORT_MS = 8_000;

it.each(["1", "2"])(
  "V9, V11, V21, V22, V23, R203: streams groups of seed %s hold, and do the same twice",
  async (seed) => {
    const { failure, result } = await runStreamsGroupsSeed(seed, { twice: true }, SHORT_MS);
    expect(failure).toBeUndefined();
    expect(result?.groups.gains).toBeGreaterThan(0);
  },
  PATIENCE_MS,
);

it(
  "R203 put back is found by seed 1",
  async () => {
    const { failure } = await runStreamsGroupsSeed("1", { bug: "R203" });
    expect(failure).toMatch(/^V21/);
  },
  PATIENCE_MS,
);
