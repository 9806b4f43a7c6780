/**
 * One run of a share group on a simulated cluster under faults: writers and members, then everything is healed, the queue is read to
 * its end, and judged.
 *
 * Owns: the phases and their bounds. Leaves to DeliveryAudit what must hold of deliveries, to final-checks what must hold of logs.
 */

import { InternalTopic } from "../../../broker/metadata/internal-topics.ts";
import { ResourceType } from "../../../broker/metadata/metadata-image.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { IncrementalAlterConfigs } from "../../../protocol/messages/configs.ts";
import { DescribeShareGroupOffsets } from "../../../protocol/messages/share-group.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import { Auditor } from "../audit/auditor.ts";
import { checkLogs } from "../audit/final-checks.ts";
import { Violation } from "../audit/violation.ts";
import { Admin } from "../clients/admin.ts";
import type { ClientEnvironment } from "../clients/cluster-client.ts";
import { Simulation } from "../simulation.ts";
import { PatientClient } from "../transactions/patient-client.ts";
import { whyNotConverged } from "../world/convergence.ts";
import { FaultRunner } from "../world/fault-runner.ts";
import { Operator } from "../world/operator.ts";
import { RunFailure, type RunOptions } from "../world/run-plan.ts";
import { SimulatedCluster } from "../world/simulated-cluster.ts";
import { DeliveryAudit } from "./delivery-audit.ts";
import { QueueMember } from "./queue-member.ts";
import { QueueWriter } from "./queue-writer.ts";
import { type MemberPlan, QUEUE_GROUP, QUEUE_TOPIC, type ShareGroupsPlan } from "./share-groups-plan.ts";

export interface ShareGroupsRun {
  readonly hash: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly written: number;
  readonly delivered: number;
  readonly deliveredAgain: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly faults: Readonly<Record<string, number>>;
}

/** For each thing that has to come to its end when nothing goes wrong any more. */
const PATIENCE_MS = 90_000;
const HEALED_LOAD_MS = 5000;
const LOOK_EVERY_MS = 500;
/** A run has a few hundred thousand; one that never comes to rest has more. */
const MAX_EVENTS = 5_000_000;

/** @throws RunFailure. */
export async function runShareGroups(plan: ShareGroupsPlan, options: RunOptions = {}): Promise<ShareGroupsRun> {
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
  private readonly plan: ShareGroupsPlan;
  private readonly cluster: SimulatedCluster;
  private readonly auditor: Auditor;
  private readonly audit: DeliveryAudit;
  private readonly members: QueueMember[] = [];
  private membersStop = false;
  private writersStop = false;

  constructor(simulation: Simulation, plan: ShareGroupsPlan, options: RunOptions) {
    this.simulation = simulation;
    this.plan = plan;
    const { nodes, fastDetection, delays, habits } = plan.world;
    this.cluster = new SimulatedCluster(simulation, {
      ...{ nodes, settings: plan.settings, fastDetection, delays, habits },
      ...(options.log === undefined ? {} : { log: options.log }),
    });
    options.prepare?.(this.cluster);
    this.auditor = new Auditor(this.cluster, new Set([InternalTopic.CONSUMER_OFFSETS]));
    this.audit = new DeliveryAudit(plan.deliveryLimit);
    simulation.scheduler.always(() => {
      if (simulation.scheduler.eventCount > MAX_EVENTS) throw new Violation("V9", `more than ${MAX_EVENTS} events`);
    });
  }

  async run(): Promise<ShareGroupsRun> {
    const { cluster, plan, auditor, audit } = this;
    const { scheduler } = this.simulation;
    await scheduler.until(cluster.running.start());
    const admin = new Admin(this.clientNamed("admin"));
    const operator = new Operator(admin, cluster, auditor, [plan.topic]);
    await scheduler.until(operator.createAll());
    await scheduler.until(beginAtTheStart(admin));
    const writers = plan.writerPausesMs.map((pauseMs, index) => {
      return new QueueWriter(new PatientClient(this.clientNamed(`w${index}`), [QUEUE_TOPIC]), QUEUE_TOPIC, pauseMs);
    });
    const writing = Promise.all(writers.map((writer) => writer.run(() => this.writersStop)));
    writing.catch((error: unknown) => cluster.failures.push(error as Error));
    for (const member of plan.members) this.schedule(member);
    const clients = [...plan.members.map(({ name }) => name), ...writers.map((_, index) => `w${index}`)];
    const faults = new FaultRunner(cluster, auditor, clients, operator);
    const startMs = scheduler.nowMs;
    faults.schedule(plan.faults.map((fault) => ({ ...fault, atMs: fault.atMs + startMs })));
    await scheduler.advance(plan.durationMs);
    faults.heal();
    await scheduler.advance(HEALED_LOAD_MS);

    this.writersStop = true;
    for (const member of this.members) member.isDiligent = true;
    await this.within("the writers' end", writing);
    await this.becomes(() => whyNotConverged(cluster, auditor, [], []));
    await this.drained(admin);
    this.membersStop = true;
    await scheduler.advance(LOOK_EVERY_MS);
    for (const member of this.members) member.die();
    auditor.lookAtAll();
    this.judge();
    admin.close();
    const simulatedMs = scheduler.nowMs;
    cluster.running.kill();
    return {
      ...{ hash: scheduler.hash, events: scheduler.eventCount, simulatedMs },
      written: writers.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
      ...{
        delivered: audit.deliveries,
        deliveredAgain: audit.again,
        accepted: audit.accepted,
        rejected: audit.rejected,
      },
      faults: Object.fromEntries(faults.counts),
    };
  }

  private clientNamed(name: string): ClientEnvironment {
    const { cluster } = this;
    const { machine, host } = cluster.clientMachine(name);
    const { clock, random } = machine;
    return { name, clock, random, network: host, pool: cluster.pool, bootstrap: cluster.bootstrap };
  }

  private schedule({ name, joinsAtMs, diesAtMs, accepts, withFetches }: MemberPlan): void {
    const { audit, cluster } = this;
    const environment = this.clientNamed(name);
    const { scheduler } = this.simulation;
    environment.clock.after(joinsAtMs, () => {
      const member = new QueueMember(new PatientClient(environment, [QUEUE_TOPIC]), {
        ...{ groupId: QUEUE_GROUP, topic: QUEUE_TOPIC, audit, accepts, withFetches, nowMs: () => scheduler.nowMs },
        leaderOf: (partition) => this.leaderOf(partition),
      });
      this.members.push(member);
      member.run(() => this.membersStop).catch((error: unknown) => cluster.failures.push(error as Error));
      if (diesAtMs === undefined) return;
      environment.clock.after(diesAtMs - joinsAtMs, () => {
        this.members.splice(this.members.indexOf(member), 1);
        member.die();
      });
    });
  }

  private leaderOf(partition: number): number | undefined {
    for (const { topic, index, image } of this.auditor.partitions.values()) {
      if (topic === QUEUE_TOPIC && index === partition) return image?.leader;
    }
    return undefined;
  }

  /** V9: everything that was written is done with. */
  private async drained(admin: Admin): Promise<void> {
    const { scheduler } = this.simulation;
    let told: string | undefined = "nobody was asked";
    for (let waitedMs = 0; told !== undefined; waitedMs += LOOK_EVERY_MS) {
      if (waitedMs > PATIENCE_MS) {
        const members = this.members.map((member) => member.describe()).join("; ");
        throw new Violation("V9", `not after ${PATIENCE_MS} ms without faults: ${told}; ${members}`);
      }
      await scheduler.advance(LOOK_EVERY_MS);
      told = await scheduler.until(whyNotDrained(admin, this.plan.topic.partitions));
    }
  }

  private judge(): void {
    const { cluster, auditor, audit } = this;
    for (const one of auditor.partitions.values()) {
      if (one.topic.startsWith("__")) continue;
      checkLogs(cluster, one);
      // As many members as may be given a record may have died with it before they saw it.
      if (this.plan.members.filter(({ diesAtMs }) => diesAtMs !== undefined).length >= this.plan.deliveryLimit)
        continue;
      const missed = audit.neverSeen(one.index, one.committedEnd);
      if (missed !== undefined)
        throw new Violation("V4", `${one.name}@${missed} is done with, and no member has seen it`);
    }
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

/** The group reads what was there before it. */
async function beginAtTheStart(admin: Admin): Promise<void> {
  const configs = [{ name: "share.auto.offset.reset", configOperation: 0, value: "earliest" }];
  const resources = [{ resourceType: ResourceType.GROUP, resourceName: QUEUE_GROUP, configs }];
  await admin.ask(IncrementalAlterConfigs, 1, { resources, validateOnly: false }, ({ responses }) =>
    responses.every(({ errorCode }) => errorCode === ErrorCode.NONE),
  );
}

/** Undefined when the group has nothing left to do. */
async function whyNotDrained(admin: Admin, partitionCount: number): Promise<string | undefined> {
  const topics = [{ topicName: QUEUE_TOPIC, partitions: Array.from({ length: partitionCount }, (_, index) => index) }];
  const request = { groups: [{ groupId: QUEUE_GROUP, topics }] };
  const answer: Decode<typeof DescribeShareGroupOffsets.response> | undefined = await admin.askOnce(
    DescribeShareGroupOffsets,
    1,
    request,
  );
  const partitions = answer?.groups[0]?.topics[0]?.partitions;
  if (partitions === undefined) return "nobody tells where the group is";
  const behind = partitions.find(({ errorCode, lag }) => errorCode !== ErrorCode.NONE || lag !== 0);
  return behind === undefined ? undefined : `the group is at ${JSON.stringify(behind)}`;
}
