/**
 * One run of transactions on a simulated cluster under faults: the workload of test/history on virtual time, then everything is healed,
 * read to its end and judged.
 *
 * Owns: which faults there are (no power cut: what is not synced is not promised), V20, and that a seed says all. Leaves to
 * checkHistory: what may be seen.
 */
import { checkHistory, type Verdict } from "../../history/checker.ts";
import type { Operation } from "../../history/history.ts";
import { HISTORY_TOPIC } from "../../history/history-client.ts";
import { type Counts, Worker } from "../../history/worker.ts";
import { Auditor } from "../audit/auditor.ts";
import { Violation } from "../audit/violation.ts";
import { Admin } from "../clients/admin.ts";
import type { ClientEnvironment } from "../clients/cluster-client.ts";
import { SeededRandom } from "../seeded-random.ts";
import { Simulation } from "../simulation.ts";
import { FaultRunner } from "../world/fault-runner.ts";
import { drawFaults, FAULT_KINDS } from "../world/faults.ts";
import { Operator } from "../world/operator.ts";
import { drawPlan, type TopicPlan } from "../world/plan.ts";
import { SimulatedCluster } from "../world/simulated-cluster.ts";
import { SimulatedHistoryClient } from "./simulated-history-client.ts";

export interface TransactionsRun {
  readonly hash: string;
  readonly verdict: Verdict;
  readonly counts: Counts;
  readonly faults: Readonly<Record<string, number>>;
}

const KEYS = 3;
const PROCESSES = 4;
/** A transaction's timeout, the tick that looks for it, and a failover or two. */
const QUIET_MS = 60_000;
const LOOK_EVERY_MS = 500;
/** What takes records away, and what is done to topics of a plan. */
const NOT_HERE: ReadonlySet<string> = new Set([
  "power",
  "power-all",
  "damage",
  "config",
  "trim",
  "recreate",
  "reassign",
]);

/** @throws Violation, or what went wrong in a node. */
export async function runTransactions(seed: string, durationMs = 30_000): Promise<TransactionsRun> {
  const plan = drawPlan(seed, { unclean: false });
  const simulation = new Simulation({ seed, latencyMs: plan.diskLatencyMs });
  const { scheduler } = simulation;
  const { nodes, fastDetection, delays, habits } = plan;
  const settings = {
    ...plan.settings,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
  };
  const cluster = new SimulatedCluster(simulation, { nodes, settings, fastDetection, delays, habits });
  const auditor = new Auditor(cluster);
  const clientNamed = (name: string): ClientEnvironment => {
    const { machine, host } = cluster.clientMachine(name);
    const { clock, random } = machine;
    return { name, clock, random, network: host, pool: cluster.pool, bootstrap: cluster.bootstrap };
  };
  await scheduler.until(cluster.running.start());
  const operator = new Operator(new Admin(clientNamed("admin")), cluster, auditor, [topicPlan(nodes)]);
  await scheduler.until(operator.createAll());

  const counts = { sends: 0, polls: 0, commits: 0, aborts: 0, errors: 0 };
  const history: Operation[] = [];
  const record = (operation: Operation): void => void history.push(operation);
  let values = 0;
  let healed = false;
  const draw = new SeededRandom(seed).split("transactions");
  const names = Array.from({ length: PROCESSES }, (_, i) => `x${i}`);
  const working = names.map((name, process) => {
    const client = new SimulatedHistoryClient(clientNamed(name));
    const nextValue = () => ++values;
    const around = { keys: KEYS, nextValue, nowMs: () => scheduler.nowMs, record, counts };
    return new Worker({ ...around, process, client, random: draw.split(name) }).run(() => healed);
  });
  const faults = new FaultRunner(cluster, auditor, names, operator);
  const startMs = scheduler.nowMs;
  const kinds = FAULT_KINDS.filter((kind) => !NOT_HERE.has(kind) && draw.chance(0.5));
  const drawn = drawFaults(draw.split("faults"), durationMs, nodes, kinds);
  faults.schedule(
    drawn.map((fault) => {
      const at = { ...fault, atMs: fault.atMs + startMs };
      return at.kind === "controller-kill" ? { ...at, power: false } : at;
    }),
  );
  await scheduler.advance(durationMs);
  faults.heal();
  await scheduler.advance(5000);
  healed = true;
  await scheduler.until(Promise.all(working));
  await untilStable(cluster, (ms) => scheduler.advance(ms));
  history.push(await scheduler.until(readToEnd(new SimulatedHistoryClient(clientNamed("reader")), cluster, scheduler)));
  const [failure] = cluster.failures;
  if (failure !== undefined) throw failure;
  cluster.running.kill();
  const verdict = checkHistory(history, { polledToEnd: true });
  const [broken] = verdict.failures;
  if (broken !== undefined)
    throw new Violation(broken.kind, `${broken.detail} (and ${verdict.failures.length - 1} more)`);
  return { hash: scheduler.hash, verdict, counts, faults: Object.fromEntries(faults.counts) };
}

function topicPlan(nodes: number): TopicPlan {
  const configs = {
    "min.insync.replicas": String(Math.min(2, nodes)),
    "message.timestamp.after.max.ms": String(Number.MAX_SAFE_INTEGER),
  };
  return { name: HISTORY_TOPIC, partitions: KEYS, replicationFactor: Math.min(3, nodes), configs };
}

function leaderLog(cluster: SimulatedCluster, key: number) {
  const leader = cluster.running.image.topics.get(HISTORY_TOPIC)?.partitions[key]?.leader ?? -1;
  return leader < 0 ? undefined : cluster.node(leader).present?.broker.partitions.get(HISTORY_TOPIC, key)?.log;
}

/** V20: a while after the last fault no transaction is open. */
async function untilStable(cluster: SimulatedCluster, advance: (ms: number) => Promise<void>): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += LOOK_EVERY_MS) {
    const logs = Array.from({ length: KEYS }, (_, key) => leaderLog(cluster, key));
    const open = logs.findIndex((log) => log === undefined || log.lastStableOffset < log.logEndOffset);
    if (open < 0) return;
    if (waitedMs > QUIET_MS) {
      const log = logs[open];
      throw new Violation(
        "V20",
        `${HISTORY_TOPIC}-${open} is stable up to ${log?.lastStableOffset} of ${log?.logEndOffset}`,
      );
    }
    await advance(LOOK_EVERY_MS);
  }
}

async function readToEnd(
  client: SimulatedHistoryClient,
  cluster: SimulatedCluster,
  scheduler: { readonly nowMs: number },
): Promise<Operation> {
  const startedMs = scheduler.nowMs;
  const values = [];
  for (let key = 0; key < KEYS; key++) {
    await client.assign([key]);
    const end = leaderLog(cluster, key)?.logEndOffset ?? 0;
    while ((client.positionOf(key) ?? end) < end) values.push(...(await client.poll(100)).values);
  }
  await client[Symbol.asyncDispose]();
  const steps = [{ kind: "poll", values }] as const;
  return { process: PROCESSES, outcome: "ok", steps, repositioned: true, startedMs, endedMs: scheduler.nowMs };
}
