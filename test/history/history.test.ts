/** Short runs: the checker finds nothing in ours, and finds each bug that is put into it. */
import { describe, expect, test } from "vitest";
import { INJECTED_BUGS, injectBug } from "./injected-bugs.ts";
import { KafkajsClient } from "./kafkajs-client.ts";
import { type HistoryRun, runHistory } from "./run-history.ts";

const SEED = 1;
/** For a machine that does other things besides. */
const TIMEOUT_MS = 180_000;
const MAX_RUNS = 4;

/** As long as it takes until so much has happened. */
function run(enough: Partial<HistoryRun["counts"]>, patienceMs = 40_000): Promise<HistoryRun> {
  return runHistory({
    makeClient: (bootstrapServers, process) => new KafkajsClient(bootstrapServers, process),
    isEnough: (counts) => Object.entries(enough).every(([what, count]) => counts[what as keyof typeof counts] >= count),
    ...{ durationMs: 20_000, seed: SEED, pace: { quietMs: [200, 500], lastsMs: 200 }, processes: 3, patienceMs },
  });
}

test(
  "V1 to V9, V20: transactions of kafkajs while nodes are killed",
  async () => {
    const { verdict, counts, hanging } = await run({ commits: 60, aborts: 15, polls: 50, kills: 3 });
    expect(verdict.failures).toEqual([]);
    expect(hanging).toEqual([]);
    expect(counts.kills).toBeGreaterThan(0);
    expect(verdict.seen.committed).toBeGreaterThan(10);
    expect(verdict.seen.polled).toBeGreaterThan(20);
  },
  TIMEOUT_MS,
);

describe("a bug is found", () => {
  const signs = {
    "lost-write": ["lost-write", "unseen", "inconsistent-offsets"],
    "aborted-read": ["aborted-read"],
    duplicate: ["duplicate"],
  };
  const enough = {
    "lost-write": { commits: 20, kills: 2 },
    "aborted-read": { commits: 20, aborts: 8, polls: 30 },
    duplicate: { commits: 30, polls: 30 },
  };
  test.each(INJECTED_BUGS)(
    "%s",
    async (bug) => {
      const takeOut = injectBug(bug);
      try {
        // What a node forgets may be of transactions that were aborted: then one run shows nothing, and another is made.
        const verdicts: HistoryRun["verdict"][] = [];
        const isFound = () => verdicts.some(({ failures }) => failures.some(({ kind }) => signs[bug].includes(kind)));
        while (!isFound() && verdicts.length < MAX_RUNS) verdicts.push((await run(enough[bug], 3000)).verdict);
        expect(isFound(), JSON.stringify(verdicts)).toBe(true);
      } finally {
        takeOut();
      }
    },
    TIMEOUT_MS,
  );
});
