/**
 * A run: a cluster of three nodes, processes with real clients, faults; then everything is polled to its end and the history judged.
 */
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { type ReadPartition, readPartition } from "../support/read-partition.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { WireAsker } from "../support/wire-asker.ts";
import { checkHistory, type Verdict } from "./checker.ts";
import { bringFaults, type FaultCounts, type FaultPace } from "./faults.ts";
import type { Operation, PolledValue } from "./history.ts";
import { HISTORY_TOPIC, type MakeHistoryClient } from "./history-client.ts";
import { type Counts, Worker } from "./worker.ts";

export interface HistoryRunOptions {
  readonly makeClient: MakeHistoryClient;
  /** At most. */
  readonly durationMs: number;
  /** Ends it before: when there was enough of everything. */
  readonly isEnough?: (counts: Counts & FaultCounts) => boolean;
  readonly seed: number;
  readonly pace: FaultPace;
  readonly processes?: number;
  readonly keys?: number;
  /** How long the end may take: a transaction's timeout and what its abort takes, unless something is known to hang. */
  readonly patienceMs?: number;
}

export interface HistoryRun {
  readonly verdict: Verdict;
  readonly counts: Counts & FaultCounts;
  readonly history: readonly Operation[];
  /** Partitions in which a transaction still hangs (V20). */
  readonly hanging: readonly number[];
}

const SETTINGS = {
  "offsets.topic.num.partitions": 3,
  "transaction.state.log.num.partitions": 3,
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
};
/** A transaction's timeout, and what its end may take. */
const PATIENCE_MS = 40_000;

export async function runHistory(options: HistoryRunOptions): Promise<HistoryRun> {
  const { makeClient, durationMs, seed, pace, processes = 4, keys = 4, patienceMs = PATIENCE_MS } = options;
  await using cluster = await startCluster({ nodes: 3, settings: SETTINGS });
  await cluster.createTopic(HISTORY_TOPIC, { partitions: keys, configs: { "min.insync.replicas": "2" } });
  const counts = { sends: 0, polls: 0, commits: 0, aborts: 0, errors: 0, kills: 0, pauses: 0, cuts: 0 };
  const history: Operation[] = [];
  const startedMs = performance.now();
  const nowMs = () => performance.now() - startedMs;
  const stopped = () => nowMs() >= durationMs || options.isEnough?.(counts) === true;
  let values = 0;
  let subscribes = false;
  const around = { keys, nextValue: () => ++values, nowMs, counts };
  const process = async (number: number): Promise<void> => {
    await using client = makeClient(cluster.bootstrapServers, number);
    subscribes = client.subscribes;
    const random = new SeededRandom(seed * 1000 + number);
    const record = (operation: Operation): void => {
      history.push(operation);
    };
    await new Worker({ ...around, process: number, client, random, record }).run(stopped);
  };
  const faults = bringFaults(cluster, new SeededRandom(seed), pace, counts, stopped);
  await Promise.all([...Array.from({ length: processes }, (_, i) => process(i)), faults]);
  await cluster.waitUntil.fullyReplicated(undefined, { timeoutMs: 60_000 });

  const ends = await untilStable(cluster, keys, patienceMs);
  const hanging = ends.flatMap((end, key) => (end.lastStableOffset < end.highWatermark ? [key] : []));
  history.push(readByHand(ends, processes + 1, nowMs()));
  await using last = makeClient(cluster.bootstrapServers, processes);
  history.push(await pollToEnd(last, ends, processes, nowMs, patienceMs));
  return { verdict: checkHistory(history, { subscribes, polledToEnd: true }), counts, history, hanging };
}

/** The partitions when no transaction is open any more, or as they are after a time in which none may be. */
async function untilStable(cluster: Cluster, keys: number, patienceMs: number): Promise<ReadPartition[]> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const ends: ReadPartition[] = [];
    for (let key = 0; key < keys; key++) {
      const [host = "", port = ""] = cluster.node(cluster.leaderOf(HISTORY_TOPIC, key)).address.split(":");
      using asker = await WireAsker.open({ host, port: Number(port) });
      ends.push(await readPartition(asker, HISTORY_TOPIC, key));
    }
    const isStable = ends.every((end) => end.lastStableOffset === end.highWatermark);
    if (isStable || performance.now() > deadline) return ends;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The same partitions as a reader without a client's opinion has them. */
function readByHand(ends: readonly ReadPartition[], process: number, nowMs: number): Operation {
  const values = ends.flatMap(({ records }, key) =>
    records.map(({ offset, value }) => ({ key, offset, value: Number(value) })),
  );
  const steps = [{ kind: "poll", values }] as const;
  return { process, outcome: "ok", steps, repositioned: true, startedMs: nowMs, endedMs: nowMs };
}

/** A client that reads everything from the beginning to where the partitions end. */
async function pollToEnd(
  client: ReturnType<MakeHistoryClient>,
  ends: readonly ReadPartition[],
  process: number,
  nowMs: () => number,
  patienceMs: number,
): Promise<Operation> {
  const startedMs = nowMs();
  const missing = new Map(
    ends.flatMap((end, key) => (end.records.length === 0 ? [] : [[key, end.records.at(-1)?.offset ?? 0]])),
  );
  const values: PolledValue[] = [];
  await client.assign(ends.map((_, key) => key));
  while (missing.size > 0 && nowMs() < startedMs + patienceMs) {
    const polled = await client.poll(200);
    for (const value of polled.values) {
      values.push(value);
      if (value.offset >= (missing.get(value.key) ?? Number.POSITIVE_INFINITY)) missing.delete(value.key);
    }
  }
  const steps = [{ kind: "poll", values }] as const;
  return { process, outcome: "ok", steps, repositioned: true, startedMs, endedMs: nowMs() };
}
