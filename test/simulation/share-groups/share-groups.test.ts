/** Share groups on simulated clusters under faults; more of them by `npm run simulate:share-groups`. */
import { expect, it } from "vitest";
import { runShareGroupsSeed } from "./share-groups-seed.ts";

const PATIENCE_MS = 180_000;
const SHORT_MS = 5000;

it.each(["1", "2"])(
  "V4, V9: what was accepted is given to nobody any more, nothing too often, and all comes to its end; seed %s does the same twice",
  async (seed) => {
    const { failure, result } = await runShareGroupsSeed(seed, { twice: true }, SHORT_MS);
    expect(failure).toBeUndefined();
    expect(result?.accepted).toBeGreaterThan(30);
  },
  PATIENCE_MS,
);

it.each([
  ["R175", "1"],
  ["R177", "1"],
])(
  "%s put back is found by seed %s",
  async (bug, seed) => {
    const { failure } = await runShareGroupsSeed(seed, { bug });
    expect(failure).toMatch(/^V4/);
  },
  PATIENCE_MS,
);
