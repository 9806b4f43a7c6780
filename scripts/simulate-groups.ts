/**
 * Consumer groups on simulated clusters under faults: `npm run simulate:groups -- --seeds 1000`, one cluster for each seed; options as in
 * simulate/simulation-command.ts.
 */
import { GROUP_BUGS } from "../test/simulation/bugs/group-bugs.ts";
import { drawGroups } from "../test/simulation/groups/group-plan.ts";
import { runGroupsSeed } from "../test/simulation/groups/group-seed.ts";
import { countsOf } from "./simulate/groups-counts.ts";
import { runCommand } from "./simulate/simulation-command.ts";

await runCommand({
  ...{ kind: "groups", name: "simulate:groups", bugs: GROUP_BUGS },
  ...{ planOf: (seed) => drawGroups(seed), run: runGroupsSeed, countsOf },
});
