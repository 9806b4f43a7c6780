/** A seed of a run that is more than a plan's: with or without a bug, once or twice, and what came of it. */
import { bugNamed } from "../bugs/bugs.ts";
import type { RunOptions } from "./run-plan.ts";
import type { SeedOptions } from "./seed-run.ts";

export interface RepeatedOutcome<R> {
  readonly seed: string;
  /** What was broken; undefined when nothing was. */
  readonly failure: string | undefined;
  /** Of a run that came to its end. */
  readonly result: R | undefined;
}

/** @param tooLittle why a run says nothing, where it does not. */
export async function runRepeated<R extends { readonly hash: string }>(
  seed: string,
  { bug, log, twice }: SeedOptions,
  run: (options: RunOptions) => Promise<R>,
  tooLittle: (result: R) => string | undefined,
): Promise<RepeatedOutcome<R>> {
  const once = async (): Promise<R> => {
    let mend = (): void => {};
    try {
      return await run({
        ...(log === undefined ? {} : { log }),
        prepare: (cluster) => {
          if (bug !== undefined) mend = bugNamed(bug).inject(cluster);
        },
      });
    } finally {
      mend();
    }
  };
  try {
    const result = await once();
    const failure = tooLittle(result);
    if (failure !== undefined || twice !== true) return { seed, result, failure };
    const again = await once();
    const isSame = again.hash === result.hash;
    return { seed, result, failure: isSame ? undefined : `not deterministic: ${result.hash}, then ${again.hash}` };
  } catch (error) {
    return { seed, result: undefined, failure: error instanceof Error ? error.message : String(error) };
  }
}
