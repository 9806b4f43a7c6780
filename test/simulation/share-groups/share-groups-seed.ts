/** A seed of a run of a share group: whether it holds, and what came of it. */
import { type RepeatedOutcome, runRepeated } from "../world/repeated-run.ts";
import type { SeedOptions } from "../world/seed-run.ts";
import { runShareGroups, type ShareGroupsRun } from "./run-share-groups.ts";
import { drawShareGroupsPlan } from "./share-groups-plan.ts";

/** A run in which less was accepted has seen too little to say anything. */
const LEAST_ACCEPTED = 20;

/** @param durationMs how long faults happen. */
export function runShareGroupsSeed(
  seed: string,
  options: SeedOptions = {},
  durationMs?: number,
): Promise<RepeatedOutcome<ShareGroupsRun>> {
  const plan = drawShareGroupsPlan(seed, durationMs);
  return runRepeated(
    seed,
    options,
    (run) => runShareGroups(plan, run),
    ({ accepted }) => (accepted < LEAST_ACCEPTED ? `only ${accepted} records were accepted` : undefined),
  );
}
