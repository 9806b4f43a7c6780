/**
 * `npm run soak -- --minutes 2 --client kafkajs|librdkafka --seed N --isolation none|process`: a real producer writes to three nodes
 * that are killed and started again one after another, and with a process each also paused and cut off from one another; nothing
 * acknowledged may be lost, doubled or out of order. `--faults` pauses and cuts nodes of one process too.
 *
 * Owns: the arguments, the report and the exit code. Leaves to soak/: the cluster's misfortunes, the ledger, the reading back.
 */
import { scriptOptions } from "./script-options.ts";
import { clientNamed } from "./soak/clients.ts";
import type { MemoryReading } from "./soak/memory-watch.ts";
import { runSoak, type SoakResult } from "./soak/run-soak.ts";

/** Memory in the last minute, against that in the second. */
const MAX_GROWTH = 1.1;
/** A soak that kills less often shows too little. */
const MAX_SECONDS_PER_KILL = 10;

function report(result: SoakResult): string[] {
  const { verdict, kills, misfortunes, memory, gapsMs, movesMs, seconds } = result;
  const spread = (values: readonly number[]): string => {
    if (values.length === 0) return "none";
    const sorted = [...values].sort((a, b) => a - b);
    const at = (share: number): number => Math.round(sorted[Math.floor((sorted.length - 1) * share)] as number);
    return `median ${at(0.5)} ms, 90 % ${at(0.9)} ms, longest ${at(1)} ms (${sorted.length})`;
  };
  return [
    `acknowledged ${verdict.acknowledged}   in ${seconds.toFixed(0)} s`,
    `lost         ${verdict.lost}`,
    `doubled      ${verdict.doubled}`,
    `reordered    ${verdict.reordered}`,
    `misplaced    ${verdict.misplaced}   (read at another offset than the one acknowledged)`,
    `kills        ${kills.length}   of them ${kills.filter(({ powerLoss }) => powerLoss).length} with the power`,
    `pauses, cuts ${misfortunes.filter((what) => what === "pause").length}, ${misfortunes.filter((what) => what !== "pause").length}`,
    ...(memory === undefined
      ? []
      : [`memory       ${held(memory.settled)} in the second minute, ${held(memory.end)} in the last`]),
    `leader moved ${spread(movesMs)} after the kill`,
    `gaps         ${spread(gapsMs)} between acknowledgements of a partition whose leader was killed`,
  ];
}

const all = ({ nodes, parent }: MemoryReading): number => nodes + parent;
const held = (reading: MemoryReading): string =>
  `${Math.round(all(reading) / 1e6)} MB (${Math.round(reading.parent / 1e6)} of it above the nodes)`;

function whatFailed({ verdict, kills, misfortunes, memory, seconds, complaints }: SoakResult): string[] {
  const failures = [...complaints];
  for (const name of ["lost", "doubled", "reordered", "misplaced"] as const) {
    if (verdict[name] > 0) failures.push(`${verdict[name]} ${name}: ${verdict.examples[name].join(" ")}`);
  }
  if (verdict.acknowledged === 0) failures.push("nothing was acknowledged");
  const mishaps = kills.length + misfortunes.length;
  if (kills.length === 0 || mishaps * MAX_SECONDS_PER_KILL < Math.floor(seconds))
    failures.push("fewer than one in 10 s");
  if (memory !== undefined && all(memory.end) > all(memory.settled) * MAX_GROWTH) failures.push("memory grows");
  return failures;
}

const USAGE =
  "npm run soak -- [--minutes 2] [--client kafkajs|librdkafka] [--seed N] [--isolation none|process] [--faults]";
const { values } = scriptOptions(USAGE, {
  options: {
    minutes: { type: "string", default: "2" },
    client: { type: "string", default: "kafkajs" },
    seed: { type: "string", default: "1" },
    isolation: { type: "string", default: "none" },
    faults: { type: "boolean", default: false },
  },
});
const seconds = Number(values.minutes) * 60;
const seed = Number(values.seed);
if (!(seconds > 0) || !Number.isInteger(seed)) throw new Error("--minutes takes a number above 0, --seed an integer");
const client = await clientNamed(values.client);
console.log(`seed ${seed}, ${client.name}, ${seconds} s`);
const processes = values.isolation === "process";
const faults = processes || values.faults;
const result = await runSoak({ client, seconds, seed, processes, faults, say: (line) => console.log(line) });
for (const line of report(result)) console.log(line);
const failures = whatFailed(result);
for (const failure of failures) console.log(`FAILED: ${failure}`);
process.exitCode = failures.length === 0 ? 0 : 1;
