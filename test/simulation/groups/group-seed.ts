/** A seed of a run with consumer groups: whether it holds, and what came of it. */
import { type RepeatedOutcome, runRepeated } from "../world/repeated-run.ts";
import type { SeedOptions } from "../world/seed-run.ts";
import { drawGroups } from "./group-plan.ts";
import { type GroupsResult, runGroups } from "./run-groups.ts";

/** @param durationMs how long faults happen. */
export function runGroupsSeed(
  seed: string,
  options: SeedOptions = {},
  durationMs?: number,
): Promise<RepeatedOutcome<GroupsResult>> {
  const plan = drawGroups(seed, durationMs);
  return runRepeated(
    seed,
    options,
    (run) => runGroups(plan, run),
    ({ groups }) => (groups.gains === 0 ? "nobody was given a partition" : undefined),
  );
}
