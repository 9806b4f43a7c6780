/**
 * A place in a group and the processes that take it one after the other: what happens to each, and who comes after it.
 */
import type { ClientEnvironment } from "../clients/cluster-client.ts";
import type { SimulatedCluster } from "../world/simulated-cluster.ts";
import { ClassicMember } from "./classic-member.ts";
import { ConsumerMember } from "./consumer-member.ts";
import type { GroupAudit } from "./group-audit.ts";
import type { GroupMember, MemberWorld } from "./group-member.ts";
import type { LifeEvent, MemberPlan } from "./group-plan.ts";
import { StreamsMember } from "./streams-member.ts";

/** Whoever watches over processes starts one that ended again. */
const AFTER_FENCED_MS = 1000;

export class MemberPlace {
  readonly plan: MemberPlan;
  readonly counts = new Map<LifeEvent["kind"], number>();
  /** Undefined while nobody has the place. */
  member: GroupMember | undefined;
  private readonly cluster: SimulatedCluster;
  private readonly audit: GroupAudit;
  private readonly environment: ClientEnvironment;
  /** Others still run in this place. */
  private readonly replaced = new Set<GroupMember>();
  private incarnations = 0;
  private isHealed = false;

  constructor(plan: MemberPlan, cluster: SimulatedCluster, audit: GroupAudit, environment: ClientEnvironment) {
    this.plan = plan;
    this.cluster = cluster;
    this.audit = audit;
    this.environment = environment;
  }

  /** From now on, as planned. */
  schedule(): void {
    const { clock } = this.environment;
    clock.after(this.plan.startAtMs, () => this.enter());
    for (const event of this.plan.life) clock.after(event.atMs, () => this.happens(event));
  }

  /** Nothing happens to it any more, and it is in the group. */
  heal(): void {
    this.isHealed = true;
    const machine = this.cluster.machine(this.environment.name);
    machine.stalledUntilMs = Math.min(machine.stalledUntilMs, this.cluster.simulation.scheduler.nowMs);
    this.member?.endStall();
    for (const twin of this.replaced) twin.crash();
    this.enter();
  }

  close(): void {
    this.member?.crash();
    this.member = undefined;
  }

  private enter(): void {
    if (this.member !== undefined && !this.member.isClosed) return;
    const { cluster, audit, environment, plan } = this;
    const { clock } = environment;
    const fail = (error: unknown): void => void cluster.failures.push(error as Error);
    const fenced = (which: GroupMember): void => {
      if (which === this.member) clock.after(AFTER_FENCED_MS, () => this.enter());
    };
    const world: MemberWorld = { cluster, audit, environment, incarnation: ++this.incarnations, fenced, fail };
    this.member = newMember(plan, world);
    this.member.start();
  }

  private happens({ kind, durationMs }: LifeEvent): void {
    const { member } = this;
    if (this.isHealed || member === undefined || member.isClosed) return;
    if (kind === "twin" && this.plan.instanceId === null) return;
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    switch (kind) {
      case "pause":
        this.cluster.pause(this.environment.name, durationMs);
        return;
      case "stall":
        member.stall(durationMs);
        return;
      case "twin":
        this.replaced.add(member);
        this.environment.clock.after(durationMs, () => member.crash());
        this.member = undefined;
        this.enter();
        return;
      case "crash":
        member.crash();
        break;
      case "leave":
        void member.leave();
        break;
    }
    this.environment.clock.after(durationMs, () => this.enter());
  }
}

function newMember(plan: MemberPlan, world: MemberWorld): GroupMember {
  switch (plan.protocol) {
    case "consumer":
      return new ConsumerMember(plan, world);
    case "streams":
      return new StreamsMember(plan, world);
    default:
      return new ClassicMember(plan, world);
  }
}
