/** A seed of a run with consumer groups, or with streams groups: whether it holds, and what came of it. */
import { type RepeatedOutcome, runRepeated } from "../world/repeated-run.ts";
import type { SeedOptions } from "../world/seed-run.ts";
import { drawGroups, type GroupsPlan } from "./group-plan.ts";
import { type GroupsResult, runGroups } from "./run-groups.ts";
import { drawStreamsGroups } from "./streams-plan.ts";

/** @param durationMs how long faults happen. */
export function runGroupsSeed(
  seed: string,
  options: SeedOptions = {},
  durationMs?: number,
): Promise<RepeatedOutcome<GroupsResult>> {
  return runPlan(seed, options, drawGroups(seed, durationMs));
}

/** The same, of streams groups. */
export function runStreamsGroupsSeed(
  seed: string,
  options: SeedOptions = {},
  durationMs?: number,
): Promise<RepeatedOutcome<GroupsResult>> {
  return runPlan(seed, options, drawStreamsGroups(seed, durationMs));
}

function runPlan(seed: string, options: SeedOptions, plan: GroupsPlan): Promise<RepeatedOutcome<GroupsResult>> {
  return runRepeated(
    seed,
    options,
    (run) => runGroups(plan, run),
    ({ groups }) => (groups.gains === 0 ? "nobody was given a partition" : undefined),
  );
}
