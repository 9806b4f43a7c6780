/**
 * A command that runs many seeds of one kind of simulation, or one of them with all it has to say.
 *
 *   --seeds N      how many (10)
 *   --from N       the first; the others follow (1)
 *   --seed X       this one alone, with its plan and what the nodes logged
 *   --twice        each seed runs twice and must do the same
 *   --bug NAME     puts a bug in; passes when a seed finds it
 *   --processes N  how many run at once (one a core)
 *
 * Owns: what is run and what is printed. Leaves to test/simulation: the runs.
 */
import { availableParallelism } from "node:os";
import { bugNamed } from "../../test/simulation/bugs/bugs.ts";
import type { InjectedBug } from "../../test/simulation/bugs/injected-bug.ts";
import type { SeedOptions } from "../../test/simulation/world/seed-run.ts";
import { scriptOptions } from "../script-options.ts";
import type { SeedKind, SeedOutcomes } from "./seed-worker.ts";
import { runSeeds } from "./seed-workers.ts";

export interface SimulationCommand<K extends SeedKind> {
  readonly kind: K;
  /** As npm knows it. */
  readonly name: string;
  readonly bugs: readonly InjectedBug[];
  readonly planOf: (seed: string) => object;
  readonly run: (seed: string, options: SeedOptions) => Promise<SeedOutcomes[K]>;
  /** What is summed up over all seeds. */
  readonly countsOf: (result: NonNullable<SeedOutcomes[K]["result"]>) => Readonly<Record<string, number>>;
}

const PROGRESS_EVERY_MS = 10_000;

/** Sets the exit code of the process: 0 when all hold, or the bug was found. */
export async function runCommand<K extends SeedKind>(command: SimulationCommand<K>): Promise<void> {
  const usage = [
    `npm run ${command.name} -- [--seeds N] [--from N] [--seed X] [--twice] [--bug NAME] [--processes N]`,
    ...command.bugs.map(({ name, what }) => `  --bug ${name}: ${what}`),
  ].join("\n");
  const { values } = scriptOptions(usage, {
    options: {
      seeds: { type: "string", default: "10" },
      from: { type: "string", default: "1" },
      seed: { type: "string" },
      twice: { type: "boolean", default: false },
      bug: { type: "string" },
      processes: { type: "string", default: String(availableParallelism()) },
    },
  });
  const bug = values.bug === undefined ? undefined : bugNamed(values.bug);
  const task = { twice: values.twice, ...(bug === undefined ? {} : { bug: bug.name }) };
  const holds =
    values.seed === undefined
      ? await runMany(command, task, bug, Number(values.from), Number(values.seeds), Number(values.processes))
      : await runOne(command, values.seed, task);
  process.exitCode = holds ? 0 : 1;
}

async function runOne<K extends SeedKind>(
  command: SimulationCommand<K>,
  seed: string,
  task: Pick<SeedOptions, "twice" | "bug">,
): Promise<boolean> {
  console.log(JSON.stringify(command.planOf(seed), null, 2));
  const { failure, result } = await command.run(seed, {
    ...task,
    log: (node, level, fields, message) => {
      if (level !== "debug") console.log(`${node} ${level}: ${message} ${JSON.stringify(fields)}`);
    },
  });
  if (result !== undefined) console.log(command.countsOf(result));
  console.log(failure === undefined ? `seed ${seed} holds` : `seed ${seed} FAILED: ${failure}`);
  return failure === undefined;
}

async function runMany<K extends SeedKind>(
  command: SimulationCommand<K>,
  task: Pick<SeedOptions, "twice" | "bug">,
  bug: InjectedBug | undefined,
  from: number,
  count: number,
  processes: number,
): Promise<boolean> {
  const totals = new Map<string, number>();
  const failed: string[] = [];
  const startMs = performance.now();
  let shownMs = startMs;
  let ran = 0;
  const seeds = Array.from({ length: count }, (_, at) => String(from + at)).values();
  await runSeeds(seeds, {
    ...{ kind: command.kind, processes, task },
    ended: ({ seed, failure, result }) => {
      ran++;
      const counts = result === undefined ? {} : command.countsOf(result);
      for (const [name, by] of Object.entries(counts)) totals.set(name, (totals.get(name) ?? 0) + by);
      if (failure !== undefined) {
        failed.push(seed);
        console.log(`seed ${seed} FAILED: ${failure}`);
      }
      if (performance.now() - shownMs > PROGRESS_EVERY_MS) {
        shownMs = performance.now();
        console.log(`${ran} seeds, ${failed.length} failed, ${((shownMs - startMs) / 1000).toFixed(0)} s`);
      }
      return bug === undefined || failed.length === 0;
    },
  });
  const wallSeconds = (performance.now() - startMs) / 1000;
  for (const [name, total] of totals) console.log(`${name.padEnd(40)} ${total.toLocaleString("en")}`);
  console.log(`${ran} seeds in ${wallSeconds.toFixed(0)} s: ${((ran * 60) / wallSeconds).toFixed(0)} seeds a minute`);
  const [first] = failed;
  if (bug !== undefined) {
    const found = first === undefined ? "was NOT found" : `was found, seed ${first}, ${ran} run`;
    console.log(`${bug.name} ${found}: ${bug.what}`);
    return first !== undefined;
  }
  console.log(`${failed.length} seeds failed${failed.length > 0 ? `: ${failed}` : ""}`);
  return failed.length === 0;
}
