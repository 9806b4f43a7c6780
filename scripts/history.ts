/**
 * Real clients, transactions with aborts at every step, faults, and a judgement: `npm run history -- --minutes 5 --client java --seed 7`.
 *
 * Options: --client kafkajs|librdkafka|java|franz-go, --minutes, --seed, --processes, --inject lost-write|aborted-read|duplicate (a
 * bug that has to be found). Ends with 1 when an anomaly is found that may not be, when a transaction hangs, or when there was less
 * than one kill in ten seconds.
 */
import type { HistoryClientName, MakeHistoryClient } from "../test/history/history-client.ts";
import { INJECTED_BUGS, type InjectedBug, injectBug } from "../test/history/injected-bugs.ts";
import { KafkajsClient } from "../test/history/kafkajs-client.ts";
import { ProgramHistoryClient } from "../test/history/program-client.ts";
import { runHistory } from "../test/history/run-history.ts";
import { Missing } from "../test/interop/support/toolchain.ts";
import { findTransactionProgram } from "../test/interop/support/transaction-programs.ts";
import { scriptOptions } from "./script-options.ts";

const CLIENTS: readonly HistoryClientName[] = ["kafkajs", "librdkafka", "java", "franz-go"];
const MINUTE_MS = 60_000;
const MOST_MS_PER_KILL = 10_000;
const SHOWN = 20;
const PACE = { quietMs: [1500, 6000], lastsMs: 2000 } as const;

const USAGE =
  "npm run history -- [--client kafkajs|librdkafka|java|franz-go] [--minutes N] [--seed N] [--processes N] [--inject BUG]";
const { values } = scriptOptions(USAGE, {
  options: {
    client: { type: "string", default: "kafkajs" },
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    processes: { type: "string", default: "4" },
    inject: { type: "string" },
  },
});

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function clientOf(name: string): Promise<MakeHistoryClient> {
  if (name === "kafkajs") return (bootstrapServers, process) => new KafkajsClient(bootstrapServers, process);
  const known = CLIENTS.find((client) => client === name);
  if (known === undefined || known === "kafkajs") throw new Error(`--client is one of ${CLIENTS.join(", ")}`);
  const command = await findTransactionProgram(known);
  if (command instanceof Missing) throw new Error(command.reason);
  return (bootstrapServers, process) => new ProgramHistoryClient(command, bootstrapServers, process);
}

function bugOf(name: string | undefined): InjectedBug | undefined {
  const bug = INJECTED_BUGS.find((one) => one === name);
  if (name !== undefined && bug === undefined) throw new Error(`--inject is one of ${INJECTED_BUGS.join(", ")}`);
  return bug;
}

const [durationMs, seed, processes] = [
  Number(values.minutes) * MINUTE_MS,
  Number(values.seed),
  Number(values.processes),
];
const makeClient = await clientOf(values.client);
const bug = bugOf(values.inject);
const takeOut = bug === undefined ? () => {} : injectBug(bug);
say(
  `${values.client}, ${values.minutes} min, seed ${seed}, ${processes} processes${bug === undefined ? "" : `, with a ${bug}`}`,
);
const { verdict, counts, hanging } = await runHistory({ makeClient, durationMs, seed, processes, pace: PACE });
takeOut();

const { seen, failures, allowed } = verdict;
say(
  `did: ${Object.entries(counts)
    .map(([what, count]) => `${count} ${what}`)
    .join(", ")}`,
);
say(
  `saw: ${seen.operations} operations; ${seen.committed} committed, ${seen.aborted} aborted, ${seen.unknown} unknown; ` +
    `${seen.polled} records polled; longest lag ${Math.round(seen.realtimeLagMs)} ms`,
);
const kinds = new Map<string, number>();
for (const { kind } of allowed) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
say(`allowed: ${[...kinds].map(([kind, count]) => `${count} ${kind}`).join(", ") || "nothing"}`);
for (const { kind, detail } of failures.slice(0, SHOWN)) say(`FOUND ${kind}: ${detail}`);
if (failures.length > SHOWN) say(`... and ${failures.length - SHOWN} more`);
for (const key of hanging) say(`FOUND hanging transaction: partition ${key}`);
const tooFewKills = counts.kills < Math.floor(durationMs / MOST_MS_PER_KILL);
if (tooFewKills) say(`too few kills: ${counts.kills}`);
const isGood = failures.length === 0 && hanging.length === 0 && !tooFewKills;
say(isGood ? "nothing found" : "NOT GOOD");
process.exitCode = isGood ? 0 : 1;
// Clients that were killed with their nodes leave sockets behind that nobody waits for.
process.exit();
