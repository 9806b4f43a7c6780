/** A process that runs the seeds it is sent, one after the other, and says what came of each. */
import { runGroupsSeed, runStreamsGroupsSeed } from "../../test/simulation/groups/group-seed.ts";
import type { GroupsResult } from "../../test/simulation/groups/run-groups.ts";
import type { ShareGroupsRun } from "../../test/simulation/share-groups/run-share-groups.ts";
import { runShareGroupsSeed } from "../../test/simulation/share-groups/share-groups-seed.ts";
import type { TransactionsRun } from "../../test/simulation/transactions/run-transactions.ts";
import { runTransactionsSeed } from "../../test/simulation/transactions/transaction-seed.ts";
import type { RepeatedOutcome } from "../../test/simulation/world/repeated-run.ts";
import { runSeed, type SeedOptions, type SeedOutcome } from "../../test/simulation/world/seed-run.ts";

/** Which kind of run a seed is for, and what comes of it. */
export interface SeedOutcomes {
  readonly plan: SeedOutcome;
  readonly transactions: RepeatedOutcome<TransactionsRun>;
  readonly groups: RepeatedOutcome<GroupsResult>;
  readonly shareGroups: RepeatedOutcome<ShareGroupsRun>;
  readonly streamsGroups: RepeatedOutcome<GroupsResult>;
}

export type SeedKind = keyof SeedOutcomes;

export interface SeedTask {
  readonly kind: SeedKind;
  readonly seed: string;
  readonly options: Pick<SeedOptions, "twice" | "bug">;
}

const RUN = {
  plan: runSeed,
  transactions: runTransactionsSeed,
  groups: runGroupsSeed,
  shareGroups: runShareGroupsSeed,
  streamsGroups: runStreamsGroupsSeed,
} as const;

// Connections break by the thousand, each with an error; only messages are sent home.
Error.stackTraceLimit = 0;

process.on("message", ({ kind, seed, options }: SeedTask) => {
  void RUN[kind](seed, options).then((outcome) => process.send?.(outcome));
});
process.on("disconnect", () => process.exit());
