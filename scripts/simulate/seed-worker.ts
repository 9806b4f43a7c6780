/** A process that runs the seeds it is sent, one after the other, and says what came of each. */
import { runTransactionsSeed, type TransactionsOutcome } from "../../test/simulation/transactions/transaction-seed.ts";
import { runSeed, type SeedOptions, type SeedOutcome } from "../../test/simulation/world/seed-run.ts";

/** Which kind of run a seed is for, and what comes of it. */
export interface SeedOutcomes {
  readonly plan: SeedOutcome;
  readonly transactions: TransactionsOutcome;
}

export type SeedKind = keyof SeedOutcomes;

export interface SeedTask {
  readonly kind: SeedKind;
  readonly seed: string;
  readonly options: Pick<SeedOptions, "twice" | "bug">;
}

const RUN = { plan: runSeed, transactions: runTransactionsSeed } as const;

// Connections break by the thousand, each with an error; only messages are sent home.
Error.stackTraceLimit = 0;

process.on("message", ({ kind, seed, options }: SeedTask) => {
  void RUN[kind](seed, options).then((outcome) => process.send?.(outcome));
});
process.on("disconnect", () => process.exit());
