/**
 * One run of consumer groups on a simulated cluster: members that come, stand still, die and go while coordinators move and topics grow;
 * then all is healed, groups have to come to rest, and once more after every broker was killed.
 *
 * Owns: the phases and their bounds. Leaves to GroupAudit what must hold; to Auditor what must hold of the logs.
 */
import { InternalTopic } from "../../../broker/metadata/internal-topics.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { FindCoordinator } from "../../../protocol/messages/find-coordinator.ts";
import { CreatePartitions } from "../../../protocol/messages/topics.ts";
import { Auditor } from "../audit/auditor.ts";
import { Violation } from "../audit/violation.ts";
import { Admin } from "../clients/admin.ts";
import type { ClientEnvironment } from "../clients/cluster-client.ts";
import { Simulation } from "../simulation.ts";
import { whyNotConverged } from "../world/convergence.ts";
import { FaultRunner } from "../world/fault-runner.ts";
import { Operator } from "../world/operator.ts";
import type { RunOptions } from "../world/run-plan.ts";
import { SimulatedCluster } from "../world/simulated-cluster.ts";
import { ABANDONED, AbandonedGroup } from "./abandoned-group.ts";
import { requireDescribed } from "./described-group.ts";
import { GroupAudit, type GroupCounts } from "./group-audit.ts";
import { type GroupsPlan, LIFE_KINDS } from "./group-plan.ts";
import { keyOf } from "./held-positions.ts";
import { MemberPlace } from "./member-place.ts";
import { OffsetWatch } from "./offset-watch.ts";

export interface GroupsResult {
  readonly hash: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly groups: GroupCounts;
  /** What happened to members and to the cluster. */
  readonly happened: Readonly<Record<string, number>>;
}

/** Sessions, rebalances, and a failover or two. */
const CONVERGE_MS = 90_000;
const HEALED_LOAD_MS = 4000;
const LOOK_EVERY_MS = 250;
/** What no run comes near that ends. */
const BOUND = { simulatedMs: 400_000, events: 3_000_000 };

/** @throws Violation, or what went wrong in a node. */
export async function runGroups(plan: GroupsPlan, options: RunOptions = {}): Promise<GroupsResult> {
  const { seed, diskLatencyMs } = plan.plan;
  const simulation = new Simulation({ seed, latencyMs: diskLatencyMs });
  try {
    return await new GroupsRun(simulation, plan, options).run();
  } catch (error) {
    const { nowMs, eventCount } = simulation.scheduler;
    throw new Error(`${(error as Error).message} (at ${nowMs.toFixed(1)} ms, event ${eventCount})`, { cause: error });
  }
}

class GroupsRun {
  private readonly simulation: Simulation;
  private readonly plan: GroupsPlan;
  private readonly cluster: SimulatedCluster;
  private readonly auditor: Auditor;
  private readonly audits = new Map<string, GroupAudit>();
  private watches: OffsetWatch[] = [];
  private places: MemberPlace[] = [];
  private waitsFor = "topics to be made";

  constructor(simulation: Simulation, plan: GroupsPlan, options: RunOptions) {
    this.simulation = simulation;
    this.plan = plan;
    const { nodes, settings, fastDetection, delays, habits } = plan.plan;
    this.cluster = new SimulatedCluster(simulation, {
      ...{ nodes, settings, fastDetection, delays, habits },
      ...(options.log === undefined ? {} : { log: options.log }),
    });
    simulation.scheduler.bound = { ...BOUND, waitsFor: () => this.waitsFor };
    options.prepare?.(this.cluster);
    // What was cleaned away differs from replica to replica.
    const isCleaned = Object.keys(plan.offsetsConfigs).length > 0;
    this.auditor = new Auditor(this.cluster, isCleaned ? new Set([InternalTopic.CONSUMER_OFFSETS]) : new Set());
  }

  async run(): Promise<GroupsResult> {
    const { plan, cluster } = this;
    const { scheduler } = this.simulation;
    await scheduler.until(cluster.running.start());
    const admin = new Admin(this.clientNamed("admin"));
    await scheduler.until(new Operator(admin, cluster, this.auditor, plan.topics).createAll());
    const offsets = { name: InternalTopic.CONSUMER_OFFSETS, partitions: 2, replicationFactor: 1, configs: {} };
    const operator = new Operator(admin, cluster, this.auditor, [offsets]);
    await scheduler.until(this.makeOffsetsTopic(admin, operator));
    const abandoned = plan.offsetsExpire ? new AbandonedGroup(this.clientNamed(ABANDONED), cluster) : undefined;
    if (abandoned !== undefined) await scheduler.until(abandoned.commit());
    this.places = plan.members.map((member) => {
      return new MemberPlace(member, cluster, this.auditOf(member.groupId), this.clientNamed(member.name));
    });
    this.waitsFor = "faults to end";
    this.watches = [...this.audits].map(([groupId, audit]) => {
      return new OffsetWatch(this.clientNamed(`watch-${groupId}`), cluster, audit, () => this.partitionsOf(groupId));
    });
    for (const watch of this.watches) watch.watch().catch((error: unknown) => cluster.failures.push(error as Error));
    for (const place of this.places) place.schedule();
    const growing = plan.growth.map((growth) => this.grow(admin, growth));
    const names = plan.members.map(({ name }) => name);
    const faults = new FaultRunner(cluster, this.auditor, names, operator);
    const startMs = scheduler.nowMs;
    faults.schedule(plan.plan.faults.map((fault) => ({ ...fault, atMs: fault.atMs + startMs })));
    await scheduler.advance(plan.plan.durationMs);
    faults.heal();
    for (const place of this.places) place.heal();
    await scheduler.advance(HEALED_LOAD_MS);
    this.waitsFor = "changes of topics to end";
    await scheduler.until(Promise.all([operator.finished(), ...growing]));
    this.waitsFor = "groups to come to rest";
    await this.comeToRest();
    await this.readAll();
    if (abandoned !== undefined && !this.mayHaveLost) await scheduler.until(abandoned.requireThere());
    for (const id of cluster.nodeIds) {
      cluster.kill(id);
      this.auditor.wasKilled(id);
    }
    await scheduler.until(Promise.all(cluster.nodeIds.map((id) => this.startAgain(id))));
    await this.comeToRest();
    if (abandoned !== undefined) {
      await scheduler.advance(abandoned.untilGoneMs);
      await scheduler.until(abandoned.requireGone());
    }
    await this.readAll();
    for (const audit of this.audits.values()) audit.check();
    for (const part of [...this.places, ...this.watches]) part.close();
    admin.close();
    cluster.running.kill();
    return {
      ...{ hash: scheduler.hash, events: scheduler.eventCount, simulatedMs: scheduler.nowMs },
      groups: sum([...this.audits.values()].map(({ counts }) => ({ ...counts }))) as unknown as GroupCounts,
      happened: {
        ...Object.fromEntries(faults.counts),
        ...Object.fromEntries(LIFE_KINDS.map((kind) => [`member-${kind}`, this.lives(kind)])),
        ...{ elections: this.auditor.counts.elections, grown: plan.growth.length },
        "allowed loss": this.mayHaveLost ? 1 : 0,
      },
    };
  }

  private async makeOffsetsTopic(admin: Admin, operator: Operator): Promise<void> {
    const request = { keyType: 0, key: "" };
    await admin.ask(FindCoordinator, 3, request, ({ errorCode }) => errorCode === ErrorCode.NONE);
    for (const [name, value] of Object.entries(this.plan.offsetsConfigs)) {
      operator.configure(0, name, value);
      await operator.finished();
    }
  }

  private lives(kind: string): number {
    return this.places.reduce((count, { counts }) => count + (counts.get(kind as never) ?? 0), 0);
  }

  private auditOf(groupId: string): GroupAudit {
    let audit = this.audits.get(groupId);
    if (audit === undefined) {
      const protocols = new Set(
        this.plan.members.filter((member) => member.groupId === groupId).map(({ protocol }) => protocol),
      );
      audit = new GroupAudit(
        groupId,
        { isMixed: protocols.size > 1, expires: this.plan.offsetsExpire },
        () => this.simulation.scheduler.nowMs,
        () => this.mayHaveLost,
      );
      this.audits.set(groupId, audit);
    }
    return audit;
  }

  /** Power was cut, and by the settings of a partition it may have lost what was committed. */
  private get mayHaveLost(): boolean {
    for (const { topic, losses } of this.auditor.partitions.values()) {
      if (topic === InternalTopic.CONSUMER_OFFSETS && losses.length > 0) return true;
    }
    return false;
  }

  private clientNamed(name: string): ClientEnvironment {
    const { machine, host } = this.cluster.clientMachine(name);
    const { clock, random } = machine;
    return { name, clock, random, network: host, pool: this.cluster.pool, bootstrap: this.cluster.bootstrap };
  }

  private async grow(admin: Admin, { atMs, topic, count }: GroupsPlan["growth"][number]): Promise<void> {
    await new Promise<void>(
      (resolve) =>
        void this.simulation.scheduler.schedule({
          ...{ node: { name: "growth", alive: true, stalledUntilMs: 0 }, kind: "growth", delayMs: atMs, run: resolve },
        }),
    );
    const request = { topics: [{ name: topic, count, assignments: null }], timeoutMs: 5000, validateOnly: false };
    await admin.ask(CreatePartitions, 3, request, () => {
      return this.cluster.running.image.topics.get(topic)?.partitions.length === count;
    });
  }

  private async startAgain(id: number): Promise<void> {
    for (;;) {
      try {
        await this.cluster.start(id);
        return;
      } catch {
        await new Promise<void>((resolve) => void this.cluster.machine("admin").clock.after(1000, resolve));
      }
    }
  }

  /** V9: without faults each group comes to an assignment that holds, within a bound. */
  private async comeToRest(): Promise<void> {
    const { scheduler } = this.simulation;
    const deadlineMs = scheduler.nowMs + CONVERGE_MS;
    for (const { member } of this.places) if (member !== undefined) member.commits = false;
    for (;;) {
      const why = this.whyNotAtRest() ?? whyNotConverged(this.cluster, this.auditor, [], []);
      const [failure] = this.cluster.failures;
      if (failure !== undefined) throw failure;
      if (why === undefined) return;
      if (scheduler.nowMs > deadlineMs)
        throw new Violation("V9", `not at rest ${CONVERGE_MS} ms after all was healed: ${why}`);
      await scheduler.advance(LOOK_EVERY_MS);
    }
  }

  private whyNotAtRest(): string | undefined {
    for (const groupId of this.audits.keys()) {
      const members = this.places.filter(({ plan }) => plan.groupId === groupId);
      const owners = new Map<string, string>();
      const generations = new Set<number>();
      for (const { member, plan } of members) {
        if (member === undefined) return `nobody is ${plan.name}`;
        const why = member.whyNotSettled();
        if (why !== undefined) return why;
        generations.add(member.generation);
        for (const key of member.holds) {
          if (owners.has(key)) return `${member.name} and ${owners.get(key)} have ${key}`;
          owners.set(key, member.name);
        }
      }
      if (generations.size > 1) return `${groupId} is in ${[...generations].join(" and ")}`;
      for (const key of this.partitionsOf(groupId)) if (!owners.has(key)) return `nobody of ${groupId} has ${key}`;
    }
    return undefined;
  }

  private partitionsOf(groupId: string): string[] {
    const topics = new Set(
      this.places.filter(({ plan }) => plan.groupId === groupId).flatMap(({ plan }) => plan.topics),
    );
    return [...topics].flatMap((topic) => {
      const partitions = this.cluster.running.image.topics.get(topic)?.partitions ?? [];
      return partitions.map(({ partition }) => keyOf(topic, partition));
    });
  }

  /** What the coordinators say of groups, and of every offset, now that nobody commits. */
  private async readAll(): Promise<void> {
    const { scheduler } = this.simulation;
    for (const watch of this.watches) {
      const { groupId, client } = watch;
      const members = this.places.filter(({ plan }) => plan.groupId === groupId);
      const holds = (): ReadonlySet<string>[] => members.map(({ member }) => member?.holds ?? new Set());
      const isDescribed = members.every(({ plan }) => plan.protocol !== "streams");
      if (isDescribed) await scheduler.until(requireDescribed(client, groupId, holds));
      await scheduler.until(watch.readAll());
    }
  }
}

function sum(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const one of all) for (const [name, count] of Object.entries(one)) total[name] = (total[name] ?? 0) + count;
  return total;
}
