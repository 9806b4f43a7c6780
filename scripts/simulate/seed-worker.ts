/** A process that runs the seeds it is sent, one after the other, and says what came of each. */
import { runSeed, type SeedOptions, type SeedOutcome } from "../../test/simulation/world/seed-run.ts";

export interface SeedTask {
  readonly seed: string;
  readonly options: Pick<SeedOptions, "twice" | "bug">;
}

export type SeedAnswer = SeedOutcome;

process.on("message", ({ seed, options }: SeedTask) => {
  void runSeed(seed, options).then((outcome) => process.send?.(outcome));
});
process.on("disconnect", () => process.exit());
