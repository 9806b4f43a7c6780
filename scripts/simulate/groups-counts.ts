/** What came of a run with groups, in words. */
import type { GroupsResult } from "../../test/simulation/groups/run-groups.ts";

export function countsOf({ groups, happened, events, simulatedMs }: GroupsResult): Record<string, number> {
  const { commits, refusedCommits, reads, gains, takenFromSilent, evictions, fencings, generations } = groups;
  return {
    ...{ "commits acknowledged": commits, "commits refused": refusedCommits, "offsets read": reads, generations },
    ...{ "partitions given": gains, "taken from the silent": takenFromSilent, "members put out": evictions, fencings },
    ...{ events, "simulated seconds": Math.round(simulatedMs / 1000) },
    ...Object.fromEntries(Object.entries(happened).map(([kind, count]) => [`happened: ${kind}`, count])),
  };
}
