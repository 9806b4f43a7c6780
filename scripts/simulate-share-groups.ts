/**
 * Share groups on simulated clusters under faults: `npm run simulate:share-groups -- --seeds 1000`, one cluster for each seed; options as
 * in simulate/simulation-command.ts.
 */
import { SHARE_BUGS } from "../test/simulation/bugs/share-bugs.ts";
import type { ShareGroupsRun } from "../test/simulation/share-groups/run-share-groups.ts";
import { drawShareGroupsPlan } from "../test/simulation/share-groups/share-groups-plan.ts";
import { runShareGroupsSeed } from "../test/simulation/share-groups/share-groups-seed.ts";
import { runCommand } from "./simulate/simulation-command.ts";

function countsOf(run: ShareGroupsRun): Record<string, number> {
  const { written, delivered, deliveredAgain, accepted, rejected, events, simulatedMs, faults } = run;
  return {
    ...{ "records written": written, deliveries: delivered, "delivered again": deliveredAgain, accepted, rejected },
    ...{ events, "simulated seconds": Math.round(simulatedMs / 1000) },
    ...Object.fromEntries(Object.entries(faults).map(([kind, count]) => [`fault: ${kind}`, count])),
  };
}

await runCommand({
  ...{ kind: "shareGroups", name: "simulate:share-groups", bugs: SHARE_BUGS },
  ...{ planOf: (seed) => drawShareGroupsPlan(seed), run: runShareGroupsSeed, countsOf },
});
