/**
 * `npm run simulate -- --seeds 1000`: whole clusters under faults on virtual time, one for each seed.
 *
 *   --seeds N      how many (100)
 *   --from N       the first; the others follow (1)
 *   --seed X       this one alone, with its plan and what the nodes logged
 *   --twice        each seed runs twice and must do the same
 *   --former       the seeds that once failed, instead of numbers
 *   --bug NAME     puts a bug of Kafka's history back; passes when a seed finds it
 *   --processes N  how many run at once (one a core)
 *
 * Every ten seconds it says how far it is, and how fast: seeds a minute, simulated seconds a second.
 *
 * Owns: what is run and what is printed. Leaves to test/simulation: the runs.
 */
import { availableParallelism } from "node:os";
import { BUGBASE } from "../test/simulation/bugbase.ts";
import { BUGS, bugNamed } from "../test/simulation/bugs/bugs.ts";
import { drawPlan } from "../test/simulation/world/plan.ts";
import { runSeed, type SeedOutcome } from "../test/simulation/world/seed-run.ts";
import { Totals } from "../test/simulation/world/totals.ts";
import { scriptOptions } from "./script-options.ts";
import { runSeeds } from "./simulate/seed-workers.ts";

const PROGRESS_EVERY_MS = 10_000;

const USAGE = [
  "npm run simulate -- [--seeds N] [--from N] [--seed X] [--twice] [--former] [--bug NAME] [--processes N]",
  ...BUGS.map(({ name, what }) => `  --bug ${name}: ${what}`),
].join("\n");
const { values: given } = scriptOptions(USAGE, {
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    twice: { type: "boolean", default: false },
    former: { type: "boolean", default: false },
    bug: { type: "string" },
    processes: { type: "string", default: String(availableParallelism()) },
  },
});

function numberOf(text: string, name: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} takes a number, not ${text}`);
  return value;
}

function replayOf(seed: string): string {
  return `npm run simulate -- --seed ${seed}${given.bug === undefined ? "" : ` --bug ${given.bug}`}`;
}

async function runOne(seed: string): Promise<boolean> {
  console.log(JSON.stringify(drawPlan(seed), null, 2));
  const outcome = await runSeed(seed, {
    twice: given.twice,
    ...(given.bug === undefined ? {} : { bug: given.bug }),
    log: (node, level, fields, message) => {
      if (level !== "debug") console.log(`${node} ${level}: ${message} ${JSON.stringify(fields)}`);
    },
  });
  if (outcome.result !== undefined) console.log(outcome.result);
  console.log(outcome.failure === undefined ? `seed ${seed} holds` : `seed ${seed} FAILED: ${outcome.failure}`);
  return outcome.failure === undefined;
}

function* numbers(from: number, count: number): Generator<string> {
  for (let seed = from; seed < from + count; seed++) yield String(seed);
}

async function runMany(): Promise<boolean> {
  const totals = new Totals();
  const failed: SeedOutcome[] = [];
  const startMs = performance.now();
  let shownMs = startMs;
  let ran = 0;
  const seeds = given.former
    ? BUGBASE.map(({ seed }) => seed).values()
    : numbers(numberOf(given.from, "from"), numberOf(given.seeds, "seeds"));
  await runSeeds(seeds, {
    kind: "plan",
    processes: numberOf(given.processes, "processes"),
    task: { twice: given.twice, ...(given.bug === undefined ? {} : { bug: given.bug }) },
    ended: (outcome) => {
      ran++;
      if (outcome.result !== undefined) totals.add(outcome.result);
      if (outcome.failure !== undefined) {
        failed.push(outcome);
        console.log(`seed ${outcome.seed} FAILED: ${outcome.failure}\n  ${replayOf(outcome.seed)}`);
      }
      if (performance.now() - shownMs > PROGRESS_EVERY_MS) {
        shownMs = performance.now();
        console.log(`${failed.length} failed; ${speedOf(ran, totals, shownMs - startMs)}`);
      }
      return given.bug === undefined || failed.length === 0;
    },
  });
  for (const [name, count] of totals.all) console.log(`${name.padEnd(28)} ${count.toLocaleString("en")}`);
  console.log(speedOf(ran, totals, performance.now() - startMs));
  if (given.bug !== undefined) return foundBug(given.bug, failed, ran);
  const missing = given.former ? [] : totals.missing();
  if (missing.length > 0) console.log(`never happened: ${missing.join(", ")}`);
  console.log(`${failed.length} seeds failed${failed.length > 0 ? `: ${failed.map(({ seed }) => seed)}` : ""}`);
  return failed.length === 0 && missing.length === 0;
}

function speedOf(ran: number, totals: Totals, wallMs: number): string {
  const wallSeconds = wallMs / 1000;
  const rate = totals.of("simulated seconds") / wallSeconds;
  return (
    `${ran} seeds in ${wallSeconds.toFixed(0)} s: ${((ran * 60) / wallSeconds).toFixed(0)} seeds a minute, ` +
    `${rate.toFixed(0)} simulated seconds a second`
  );
}

function foundBug(name: string, failed: readonly SeedOutcome[], ran: number): boolean {
  const [first] = failed;
  const { what } = bugNamed(name);
  console.log(
    first === undefined
      ? `${name} was NOT found: ${what}`
      : `${name} was found, seed ${first.seed}, ${ran} run: ${what}`,
  );
  return first !== undefined;
}

if (given.bug !== undefined) bugNamed(given.bug);
const holds = given.seed === undefined ? await runMany() : await runOne(given.seed);
process.exitCode = holds ? 0 : 1;
