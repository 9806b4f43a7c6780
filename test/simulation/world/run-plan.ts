/**
 * One run of a plan: a cluster under load while faults happen, then healed, then held against what it promised.
 *
 * Owns: the two phases and their bounds. Leaves to Auditor what must hold at every moment, to final-checks what must hold at the end.
 */
import { Auditor, type ReplicaCounts } from "../audit/auditor.ts";
import { ClientWitness } from "../audit/client-witness.ts";
import { checkEnd } from "../audit/final-checks.ts";
import { Admin } from "../clients/admin.ts";
import type { ClientEnvironment } from "../clients/cluster-client.ts";
import { Consumer } from "../clients/consumer.ts";
import { Ledger } from "../clients/ledger.ts";
import { Producer } from "../clients/producer.ts";
import { Simulation } from "../simulation.ts";
import { whyNotConverged } from "./convergence.ts";
import { FaultRunner } from "./fault-runner.ts";
import { Operator } from "./operator.ts";
import type { Plan } from "./plan.ts";
import { nodeName, SimulatedCluster, type SimulatedClusterOptions } from "./simulated-cluster.ts";

export interface RunResult {
  readonly hash: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly ackedRecords: number;
  readonly readRecords: number;
  readonly replicas: ReplicaCounts;
  readonly faults: Readonly<Record<string, number>>;
  /** Of producers and consumers, by code. */
  readonly errors: Readonly<Record<string, number>>;
  /** How often committed records were lost that the topic's settings do not protect. */
  readonly losses: number;
  /** Connections that loss on the network broke. */
  readonly connectionLosses: number;
  /** Answers about times and epochs that were held against the log. */
  readonly answersChecked: number;
  /** Requests that were carried out, and nobody was told. */
  readonly lostAnswers: number;
}

export interface RunOptions {
  readonly log?: SimulatedClusterOptions["log"];
  /** Given the cluster before it starts: for scripted faults and injected bugs. */
  readonly prepare?: (cluster: SimulatedCluster) => void;
  /** Other bounds than every run has. */
  readonly bound?: { readonly simulatedMs: number; readonly events: number };
}

/** A failure of a run, with when it came. */
export class RunFailure extends Error {
  override readonly name = "RunFailure";
  readonly atMs: number;
  readonly event: number;

  constructor(cause: Error, atMs: number, event: number) {
    super(`${cause.message} (at ${atMs.toFixed(1)} ms, event ${event})`, { cause });
    this.atMs = atMs;
    this.event = event;
  }
}

/** Time for a cluster without faults to be whole again. */
const CONVERGE_MS = 90_000;
/** Load on a healed cluster, so that it is seen to serve. */
const HEALED_LOAD_MS = 10_000;
/** Where faults left no time for it, a healed cluster gets more, so that every run has something to look at. */
const HEALED_LOAD_TURNS = 10;
const ENOUGH_ACKNOWLEDGED = 700;
const LOOK_EVERY_MS = 500;
/** What no run comes near that ends; changes of topics under way when all is healed have what the phases leave of it. */
export const LONGEST_RUN_MS = 400_000;
export const MOST_EVENTS = 3_000_000;

/** Runs a plan. @throws RunFailure. */
export async function runPlan(plan: Plan, options: RunOptions = {}): Promise<RunResult> {
  const simulation = new Simulation({ seed: plan.seed, latencyMs: plan.diskLatencyMs });
  const { scheduler } = simulation;
  try {
    return await new Run(simulation, plan, options).run();
  } catch (error) {
    throw new RunFailure(error as Error, scheduler.nowMs, scheduler.eventCount);
  }
}

class Run {
  private readonly simulation: Simulation;
  private readonly plan: Plan;
  private readonly cluster: SimulatedCluster;
  private readonly auditor: Auditor;
  private readonly ledger = new Ledger();
  private readonly witness: ClientWitness;
  private producers: Producer[] = [];
  private consumers: Consumer[] = [];
  private waitsFor: () => string = () => "the cluster to start";

  constructor(simulation: Simulation, plan: Plan, options: RunOptions) {
    this.simulation = simulation;
    this.plan = plan;
    const { nodes, settings, fastDetection, delays, habits } = plan;
    this.cluster = new SimulatedCluster(simulation, {
      ...{ nodes, settings, fastDetection, delays, habits },
      ...(options.log === undefined ? {} : { log: options.log }),
    });
    options.prepare?.(this.cluster);
    this.auditor = new Auditor(this.cluster);
    this.witness = new ClientWitness(this.ledger, this.auditor, this.cluster.failures);
    const bound = options.bound ?? { simulatedMs: LONGEST_RUN_MS, events: MOST_EVENTS };
    simulation.scheduler.bound = { ...bound, waitsFor: () => this.waitsFor() };
  }

  async run(): Promise<RunResult> {
    const { simulation, plan, cluster } = this;
    const { scheduler } = simulation;
    await scheduler.until(cluster.running.start());
    const admin = new Admin(this.clientNamed("admin"));
    const operator = new Operator(admin, this.cluster, this.auditor, plan.topics);
    this.waitsFor = () => `the topics to be made: ${admin.describe()}`;
    await scheduler.until(operator.createAll());
    this.waitsFor = () => `the time of faults, or of load, to end: ${plan.durationMs} ms and then ${HEALED_LOAD_MS}`;
    plan.clockSkewMs.forEach((skewMs, index) => {
      cluster.machine(nodeName(index + 1)).clock.jumpWall(skewMs);
    });
    this.producers = plan.producers.map(
      (options, index) => new Producer(this.clientNamed(`p${index}`), options, this.witness),
    );
    this.consumers = plan.consumers.map(
      (options, index) => new Consumer(this.clientNamed(`c${index}`), options, this.witness),
    );
    for (const client of [...this.producers, ...this.consumers]) client.start();
    const clients = [...this.producers.map((_, i) => `p${i}`), ...this.consumers.map((_, i) => `c${i}`)];
    const faults = new FaultRunner(cluster, this.auditor, clients, operator);
    const startMs = scheduler.nowMs;
    faults.schedule(plan.faults.map((fault) => ({ ...fault, atMs: fault.atMs + startMs })));
    await scheduler.advance(plan.durationMs);
    faults.heal();
    await scheduler.advance(HEALED_LOAD_MS);
    for (let left = HEALED_LOAD_TURNS; left > 0 && this.ledger.ackedRecords < ENOUGH_ACKNOWLEDGED; left--) {
      await scheduler.advance(HEALED_LOAD_MS);
    }
    for (const producer of this.producers) producer.finish();
    this.waitsFor = () => `the administrator: ${admin.describe()}`;
    await scheduler.until(operator.finished());
    this.waitsFor = () => this.whyNotConverged() ?? "nothing any more";
    await this.converge();
    this.auditor.lookAtAll();
    checkEnd(cluster, this.auditor, this.ledger);
    for (const client of [...this.producers, ...this.consumers]) client.close();
    admin.close();
    const losses = [...this.auditor.partitions.values()].reduce((sum, { losses }) => sum + losses.length, 0);
    const simulatedMs = scheduler.nowMs;
    cluster.running.kill();
    return {
      ...{ hash: scheduler.hash, events: scheduler.eventCount, simulatedMs, losses },
      ...{ ackedRecords: this.ledger.ackedRecords, readRecords: this.ledger.readRecords },
      ...{ replicas: this.auditor.counts, connectionLosses: cluster.network.losses, lostAnswers: cluster.lostAnswers },
      answersChecked: this.witness.answersChecked,
      ...{ faults: Object.fromEntries(faults.counts), errors: Object.fromEntries(this.ledger.errors) },
    };
  }

  private clientNamed(name: string): ClientEnvironment {
    const { machine, host } = this.cluster.clientMachine(name);
    const { clock, random } = machine;
    return { name, clock, random, network: host, pool: this.cluster.pool, bootstrap: this.cluster.bootstrap };
  }

  /** D13: without faults everything comes to rest, within a bound. */
  private async converge(): Promise<void> {
    const { scheduler } = this.simulation;
    const deadlineMs = scheduler.nowMs + CONVERGE_MS;
    for (;;) {
      const why = this.whyNotConverged();
      if (why === undefined) return;
      if (scheduler.nowMs > deadlineMs) throw new Error(`V9: not whole ${CONVERGE_MS} ms after all was healed: ${why}`);
      await scheduler.advance(LOOK_EVERY_MS);
    }
  }

  private whyNotConverged(): string | undefined {
    return whyNotConverged(this.cluster, this.auditor, this.producers, this.consumers);
  }
}
