/**
 * One run of transactions on a simulated cluster under faults: processes of test/history, bankers and copiers, then everything is
 * healed, comes to rest, and is judged.
 *
 * Owns: the phases and their bounds. Leaves to TransactionAudit what must hold at every moment, to transactions-end.ts what must hold
 * at the end, to checkHistory what the processes may have seen.
 */
import { InternalTopic } from "../../../broker/metadata/internal-topics.ts";
import { checkHistory, type Verdict } from "../../history/checker.ts";
import type { Operation } from "../../history/history.ts";
import { HISTORY_TOPIC } from "../../history/history-client.ts";
import { type Counts, Worker } from "../../history/worker.ts";
import { Auditor } from "../audit/auditor.ts";
import { checkLogs } from "../audit/final-checks.ts";
import { Violation } from "../audit/violation.ts";
import { Admin } from "../clients/admin.ts";
import type { ClientEnvironment } from "../clients/cluster-client.ts";
import { Consumer } from "../clients/consumer.ts";
import { SeededRandom } from "../seeded-random.ts";
import { Simulation } from "../simulation.ts";
import { whyNotConverged } from "../world/convergence.ts";
import { FaultRunner } from "../world/fault-runner.ts";
import { Operator } from "../world/operator.ts";
import { RunFailure } from "../world/run-plan.ts";
import { SimulatedCluster, type SimulatedClusterOptions } from "../world/simulated-cluster.ts";
import { BANK_TOPIC, Banker, NOTES_TOPIC, type Transfer } from "./banker.ts";
import { truthOf } from "./committed-truth.ts";
import { Copier } from "./copier.ts";
import { PatientClient } from "./patient-client.ts";
import { ReadingWitness } from "./reading-witness.ts";
import { SimulatedHistoryClient } from "./simulated-history-client.ts";
import { TransactionAudit } from "./transaction-audit.ts";
import { TransactionFaults } from "./transaction-faults.ts";
import { checkBank, checkCopy, checkReader, type Reader, type Snapshot, whyNotQuiet } from "./transactions-end.ts";
import type { ParticipantPlan, TransactionsPlan } from "./transactions-plan.ts";

export interface TransactionsRun {
  readonly hash: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly verdict: Verdict;
  readonly counts: Counts;
  readonly transfers: number;
  readonly copies: number;
  /** Ends of transactions in partitions. */
  readonly ends: number;
  /** Some partition lost what it was allowed to lose, and little was judged. */
  readonly losses: number;
  /** Logs that were compacted, one for each replica. */
  readonly cleanedLogs: number;
  readonly faults: Readonly<Record<string, number>>;
}

export interface TransactionsOptions {
  readonly log?: SimulatedClusterOptions["log"];
  /** Given the cluster before it starts: for injected bugs. */
  readonly prepare?: (cluster: SimulatedCluster) => void;
}

/** For each thing that has to come to its end when nothing goes wrong any more: a transaction's timeout, and a failover or two. */
const PATIENCE_MS = 90_000;
const HEALED_LOAD_MS = 5000;
const LOOK_EVERY_MS = 500;
const SNAPSHOT_EVERY_MS = 400;
/** Those of coordinators as well. */
const PARTITION_FILES = /^\/data\/logs\/(?!__cluster_metadata)[^/]+-\d+\//;
const COORDINATORS: ReadonlySet<string> = new Set([InternalTopic.TRANSACTION_STATE, InternalTopic.CONSUMER_OFFSETS]);
/** A run has a few hundred thousand; one that never comes to rest has more. */
const MAX_EVENTS = 5_000_000;

/** @throws RunFailure. */
export async function runTransactions(
  plan: TransactionsPlan,
  options: TransactionsOptions = {},
): Promise<TransactionsRun> {
  const simulation = new Simulation({ seed: plan.seed, latencyMs: plan.world.diskLatencyMs });
  const { scheduler } = simulation;
  try {
    return await new Run(simulation, plan, options).run();
  } catch (error) {
    throw new RunFailure(error as Error, scheduler.nowMs, scheduler.eventCount);
  }
}

class Run {
  private readonly simulation: Simulation;
  private readonly plan: TransactionsPlan;
  private readonly cluster: SimulatedCluster;
  private readonly auditor: Auditor;
  private readonly transactions: TransactionAudit;
  private readonly counts = { sends: 0, polls: 0, commits: 0, aborts: 0, errors: 0 };
  private readonly history: Operation[] = [];
  private readonly transfers: Transfer[] = [];
  private readonly snapshots: Snapshot[] = [];
  /** What copiers were told is committed of the input. */
  private readonly copied = new Map<number, number>();
  private values = 0;

  constructor(simulation: Simulation, plan: TransactionsPlan, options: TransactionsOptions) {
    this.simulation = simulation;
    this.plan = plan;
    const { nodes, fastDetection, delays, habits } = plan.world;
    this.cluster = new SimulatedCluster(simulation, {
      ...{ nodes, settings: plan.settings, fastDetection, delays, habits },
      ...(options.log === undefined ? {} : { log: options.log }),
    });
    options.prepare?.(this.cluster);
    this.auditor = new Auditor(this.cluster, plan.isCleaned ? COORDINATORS : new Set());
    this.transactions = new TransactionAudit(this.auditor);
    simulation.scheduler.always(() => {
      if (simulation.scheduler.eventCount > MAX_EVENTS) throw new Violation("V9", `more than ${MAX_EVENTS} events`);
    });
  }

  async run(): Promise<TransactionsRun> {
    const { cluster, plan, auditor } = this;
    const { scheduler } = this.simulation;
    await scheduler.until(cluster.running.start());
    const admin = new Admin(this.clientNamed("admin"));
    const operator = new Operator(admin, cluster, auditor, plan.topics);
    await scheduler.until(operator.createAll());
    let writersStop = false;
    let copiersStop = false;
    const workers = plan.workers.map((one, process) => this.work(one, process, () => writersStop));
    const bankers = plan.bankers.map((one) => this.bank(one, () => writersStop));
    const copiers = plan.copiers.map((one) => this.copierOf(one));
    const copying = Promise.all(copiers.map((copier) => copier.run(() => copiersStop)));
    const writing = Promise.all([...workers, ...bankers.map(({ running }) => running)]);
    for (const done of [writing, copying]) done.catch((error: unknown) => cluster.failures.push(error as Error));
    const reader = this.reader("reader", true);
    const readers = [reader, this.reader("uncommitted reader", false)];
    this.takeSnapshots(reader);

    const clients = [...plan.workers, ...plan.bankers, ...plan.copiers].map(({ name }) => name);
    const faults = new FaultRunner(cluster, auditor, clients, operator, PARTITION_FILES);
    const more = new TransactionFaults(cluster, auditor, admin, this.judged);
    const startMs = scheduler.nowMs;
    faults.schedule(plan.faults.map((fault) => ({ ...fault, atMs: fault.atMs + startMs })));
    more.schedule(plan.transactionFaults);
    await scheduler.advance(plan.durationMs);
    more.heal();
    faults.heal();
    await scheduler.advance(HEALED_LOAD_MS);

    writersStop = true;
    for (const copier of copiers) copier.hurry();
    await this.within("the writers' end", writing);
    await this.becomes(() => this.promised(() => this.whyNotCopied(copiers)));
    copiersStop = true;
    await this.within("the copiers' end", copying);
    const consumers = () => readers.map(({ consumer }) => consumer);
    const isQuiet = () => this.promised(() => whyNotQuiet(cluster));
    const isWhole = () => whyNotConverged(cluster, auditor, [], this.transactions.isOff ? [] : consumers());
    await this.becomes(() => isWhole() ?? isQuiet());
    readers.push(this.reader("late reader", true));
    await scheduler.advance(LOOK_EVERY_MS);
    await this.becomes(isWhole);
    auditor.lookAtAll();
    const verdict = this.judge(reader, readers);
    for (const { consumer } of readers) consumer.close();
    admin.close();
    const simulatedMs = scheduler.nowMs;
    cluster.running.kill();
    const cleanedLogs = cluster.nodeIds.reduce((sum, id) => sum + cleanedLogsOf(cluster, id), 0);
    const sum = (all: readonly { readonly commits: number }[]) =>
      all.reduce((total, { commits }) => total + commits, 0);
    return {
      ...{ hash: scheduler.hash, events: scheduler.eventCount, simulatedMs, verdict, counts: this.counts },
      ...{ transfers: sum(bankers.map(({ banker }) => banker)), copies: sum(copiers), ends: this.transactions.ends },
      ...{ losses: this.transactions.isOff ? 1 : 0, cleanedLogs },
      faults: Object.fromEntries([...faults.counts, ...more.counts]),
    };
  }

  /** Topics that keep what they are given. */
  private get judged(): string[] {
    return this.plan.topics.map(({ name }) => name).filter((name) => name !== NOTES_TOPIC);
  }

  private judge(reader: Reader, readers: readonly Reader[]): Verdict {
    const { cluster, auditor, transactions, history, plan } = this;
    const audits = [...auditor.partitions.values()].filter(({ topic }) => !topic.startsWith("__"));
    for (const audit of audits) checkLogs(cluster, audit);
    const polled = audits.flatMap(({ topic, topicId, index }) => {
      if (topic !== HISTORY_TOPIC) return [];
      const values = reader.witness.values.get(`${topicId}-${index}`) ?? [];
      return values.map(({ offset, value }) => ({ key: index, offset, value: Number(value) }));
    });
    const steps = [{ kind: "poll", values: polled }] as const;
    const { nowMs } = this.simulation.scheduler;
    history.push({ process: -1, outcome: "ok", steps, repositioned: true, startedMs: nowMs, endedMs: nowMs });
    const verdict = checkHistory(history, { polledToEnd: true });
    if (transactions.isOff) {
      // A replica that begins behind deleted records has nothing to write, and its start may go with the power.
      const isTaken = [...auditor.partitions.values()].some(({ losses }) =>
        losses.some(({ tookRecords }) => tookRecords),
      );
      if (plan.isDurable && isTaken) throw new Violation("V3", "the power took what was on the disk");
      return verdict;
    }
    const truth = new Map(this.judged.map((name) => [name, truthOf(name, cluster, auditor, transactions)]));
    for (const one of readers) checkReader(one, truth);
    checkBank(truth, this.transfers, reader, this.snapshots);
    checkCopy(truth);
    const [broken] = verdict.failures;
    if (broken === undefined) return verdict;
    throw new Violation(broken.kind, `${broken.detail} (and ${verdict.failures.length - 1} more)`);
  }

  private clientNamed(name: string): ClientEnvironment {
    const { cluster } = this;
    const { machine, host } = cluster.clientMachine(name);
    const { clock, random } = machine;
    return { name, clock, random, network: host, pool: cluster.pool, bootstrap: cluster.bootstrap };
  }

  private participant(plan: ParticipantPlan) {
    const client = new PatientClient(
      this.clientNamed(plan.name),
      this.plan.topics.map(({ name }) => name),
    );
    const random = new SeededRandom(this.plan.seed).split(plan.name);
    const onInit = (id: number, epoch: number) => this.transactions.wasInitialized(id, epoch);
    return { client, settings: { ...plan, random, onInit } };
  }

  private work(plan: ParticipantPlan, process: number, stopped: () => boolean): Promise<void> {
    const { client, settings } = this.participant(plan);
    const worker = new Worker({
      ...{
        process,
        client: new SimulatedHistoryClient(client, settings),
        random: settings.random,
        counts: this.counts,
      },
      get keys() {
        return Math.max(1, client.partitionsOf(HISTORY_TOPIC));
      },
      nextValue: () => ++this.values,
      nowMs: () => this.simulation.scheduler.nowMs,
      record: (operation) => void this.history.push(operation),
    });
    return worker.run(stopped).then(() => client.close());
  }

  private bank(plan: ParticipantPlan, stopped: () => boolean) {
    const { client, settings } = this.participant(plan);
    const nextTransfer = (): Transfer => {
      const transfer: Transfer = { id: this.transfers.length, outcome: undefined };
      this.transfers.push(transfer);
      return transfer;
    };
    const banker = new Banker(client, { ...settings, nextTransfer });
    return { banker, running: banker.run(stopped) };
  }

  private copierOf(plan: ParticipantPlan): Copier {
    const { client, settings } = this.participant(plan);
    const wentBack = (partition: number, from: number, to: number): void => {
      if (this.transactions.isOff) this.copied.set(partition, to);
      else this.cluster.failures.push(new Violation("V11", `copiers are at ${to} of ${partition} after ${from}`));
    };
    return new Copier(client, { ...settings, committed: this.copied, wentBack });
  }

  private reader(name: string, readCommitted: boolean): Reader {
    const { auditor, transactions, cluster } = this;
    const witness = new ReadingWitness(auditor, transactions, cluster.failures, readCommitted);
    const consumer = new Consumer(
      this.clientNamed(name),
      {
        ...{ topics: this.judged, readCommitted, usesSessions: true, maxWaitMs: 300 },
        ...{ maxPartitionBytes: readCommitted ? 1000 : 1_048_576, fetchVersion: 13, probeMs: 500 },
      },
      witness,
    );
    consumer.start();
    return { name, consumer, witness };
  }

  private takeSnapshots({ consumer }: Reader): void {
    const { clock } = this.clientNamed("bank auditor");
    const look = (): void => {
      const positions = new Map<number, number>();
      for (const { topic, topicId, index } of this.auditor.partitions.values()) {
        if (topic === BANK_TOPIC) positions.set(index, consumer.positionOf(topicId, index) ?? 0);
      }
      this.snapshots.push(positions);
      clock.after(SNAPSHOT_EVERY_MS, look);
    };
    look();
  }

  /** Undefined when what was read of the input is what there is of it. */
  private whyNotCopied(copiers: readonly Copier[]): string | undefined {
    for (const { topic, index, committedEnd } of this.auditor.partitions.values()) {
      if (topic !== HISTORY_TOPIC || (this.copied.get(index) ?? 0) >= committedEnd) continue;
      const where = copiers.map((copier) => copier.describe()).join("; ");
      return `${topic}-${index} is copied up to ${this.copied.get(index) ?? 0} of ${committedEnd}; ${where}`;
    }
    return undefined;
  }

  /** Where a log has lost what it may lose, a coordinator and its partitions may never agree again. */
  private promised(whyNot: () => string | undefined): string | undefined {
    return this.transactions.isOff ? undefined : whyNot();
  }

  private async within(what: string, done: Promise<unknown>): Promise<void> {
    let isDone = false;
    void done.then(() => {
      isDone = true;
    });
    await this.becomes(() => (isDone ? undefined : what));
  }

  /** V9: without faults everything comes to its end, within a bound. */
  private async becomes(whyNot: () => string | undefined): Promise<void> {
    const { scheduler } = this.simulation;
    for (let waitedMs = 0; ; waitedMs += LOOK_EVERY_MS) {
      const why = whyNot();
      if (why === undefined) return;
      if (waitedMs > PATIENCE_MS) throw new Violation("V9", `not after ${PATIENCE_MS} ms without faults: ${why}`);
      await scheduler.advance(LOOK_EVERY_MS);
    }
  }
}

/** How far each log is clean is written down behind every cleaning, with the number of logs in the second line. */
function cleanedLogsOf(cluster: SimulatedCluster, nodeId: number): number {
  const disk = cluster.disk(nodeId);
  const path = "/data/logs/cleaner-offset-checkpoint";
  return disk.exists(path) ? Number(disk.readFile(path).toString().split("\n")[1]) : 0;
}
