/**
 * Streams groups on simulated clusters under faults: `npm run simulate:streams-groups -- --seeds 1000`, one cluster for each seed; options
 * as in simulate/simulation-command.ts.
 */
import { GROUP_BUGS } from "../test/simulation/bugs/group-bugs.ts";
import { STREAMS_GROUP_BUGS } from "../test/simulation/bugs/streams-group-bugs.ts";
import { runStreamsGroupsSeed } from "../test/simulation/groups/group-seed.ts";
import { drawStreamsGroups } from "../test/simulation/groups/streams-plan.ts";
import { countsOf } from "./simulate/groups-counts.ts";
import { runCommand } from "./simulate/simulation-command.ts";

await runCommand({
  ...{ kind: "streamsGroups", name: "simulate:streams-groups", bugs: [...GROUP_BUGS, ...STREAMS_GROUP_BUGS] },
  ...{ planOf: (seed) => drawStreamsGroups(seed), run: runStreamsGroupsSeed, countsOf },
});
