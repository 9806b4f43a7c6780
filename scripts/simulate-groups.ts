/**
 * Consumer groups on simulated clusters under faults: `npm run simulate:groups -- --seeds 1000`, one cluster for each seed; options as in
 * simulate/simulation-command.ts.
 */
import { GROUP_BUGS } from "../test/simulation/bugs/group-bugs.ts";
import { drawGroups } from "../test/simulation/groups/group-plan.ts";
import { runGroupsSeed } from "../test/simulation/groups/group-seed.ts";
import type { GroupsResult } from "../test/simulation/groups/run-groups.ts";
import { runCommand } from "./simulate/simulation-command.ts";

function countsOf({ groups, happened, events, simulatedMs }: GroupsResult): Record<string, number> {
  const { commits, refusedCommits, reads, gains, takenFromSilent, evictions, fencings, generations } = groups;
  return {
    ...{ "commits acknowledged": commits, "commits refused": refusedCommits, "offsets read": reads, generations },
    ...{ "partitions given": gains, "taken from the silent": takenFromSilent, "members put out": evictions, fencings },
    ...{ events, "simulated seconds": Math.round(simulatedMs / 1000) },
    ...Object.fromEntries(Object.entries(happened).map(([kind, count]) => [`happened: ${kind}`, count])),
  };
}

await runCommand({
  ...{ kind: "groups", name: "simulate:groups", bugs: GROUP_BUGS },
  ...{ planOf: (seed) => drawGroups(seed), run: runGroupsSeed, countsOf },
});
