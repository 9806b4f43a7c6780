/**
 * A member of a group, whatever protocol it speaks: a process with a loop that keeps it in the group and one that reads and commits.
 *
 * Owns: the two loops' common part, when the application stands still, what of the member others may count on. Leaves to classic-member
 * and consumer-member: how it stays in the group.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { ClientEnvironment } from "../clients/cluster-client.ts";
import type { SimulatedCluster } from "../world/simulated-cluster.ts";
import { CoordinatorClient } from "./coordinator-client.ts";
import type { GroupAudit, Holder } from "./group-audit.ts";
import type { MemberPlan } from "./group-plan.ts";
import { type Committer, HeldPositions } from "./held-positions.ts";

export interface MemberWorld {
  readonly cluster: SimulatedCluster;
  readonly audit: GroupAudit;
  readonly environment: ClientEnvironment;
  /** Which of the processes that took this place in the group. */
  readonly incarnation: number;
  /** It ended because another has its instance id. */
  fenced(member: GroupMember): void;
  /** Something that nothing excuses. */
  fail(error: unknown): void;
}

export abstract class GroupMember implements Holder {
  readonly name: string;
  readonly plan: MemberPlan;
  protected readonly client: CoordinatorClient;
  protected readonly audit: GroupAudit;
  protected readonly world: MemberWorld;
  protected readonly positions: HeldPositions;
  /** When what it was last answered was asked. */
  protected heardAtMs = Number.NEGATIVE_INFINITY;
  /** When it last asked with nothing of it left to be done by it. */
  protected atRestAtMs = Number.NEGATIVE_INFINITY;
  private isLeaving = false;
  private stalledSinceMs = 0;
  private stalledUntilMs = 0;
  /** Off: it stays in the group and commits nothing more. */
  commits = true;

  constructor(plan: MemberPlan, world: MemberWorld) {
    this.plan = plan;
    this.world = world;
    this.name = `${plan.name}.${world.incarnation}`;
    this.audit = world.audit;
    this.client = new CoordinatorClient(world.environment, world.cluster, plan.groupId, plan.groupTopics);
    this.positions = new HeldPositions(this.client, world.audit, this, plan.offsetsVersion);
  }

  /** Its generation, or epoch. */
  abstract readonly generation: number;
  /** Undefined when nothing is left for it to do. */
  abstract whyNotSettled(): string | undefined;
  protected abstract readonly committer: Committer;
  protected abstract keepInGroup(): Promise<void>;
  protected abstract sayGoodbye(forGood: boolean): Promise<void>;
  /** Its commit was refused: it may have to begin anew. */
  protected abstract commitRefused(code: ErrorCode): void;
  protected abstract readonly isReading: boolean;

  get instanceId(): string | null {
    return this.plan.instanceId;
  }

  /** In the classic protocol whoever comes last wins. */
  get yields(): boolean {
    return this.plan.protocol !== "consumer";
  }

  get holds(): ReadonlySet<string> {
    return this.positions.held;
  }

  get mayBeOutAtMs(): number {
    const { sessionTimeoutMs, rebalanceTimeoutMs, instanceId } = this.plan;
    // It asks to be put out; what it had asked for before may be answered before its goodbye, and asked on after it.
    if (this.isLeaving && instanceId === null) return Number.NEGATIVE_INFINITY;
    return Math.min(this.heardAtMs + sessionTimeoutMs, this.atRestAtMs + rebalanceTimeoutMs);
  }

  start(): void {
    this.audit.entered(this);
    this.loop(() => this.keepInGroup());
    this.loop(() => this.readOn());
  }

  /** The process ends: its sockets close, and nobody is told. */
  crash(): void {
    this.audit.left(this);
    this.positions.dropAll();
    this.client.close();
  }

  /** Another has its instance id: clients end then. */
  protected endFenced(): void {
    this.audit.counts.fencings++;
    this.crash();
    this.world.fenced(this);
  }

  /** Ends as a well-behaved process does. */
  async leave(): Promise<void> {
    if (this.isLeaving) return;
    this.isLeaving = true;
    this.positions.dropAll();
    await this.sayGoodbye(this.plan.instanceId === null);
    this.crash();
  }

  /** The application does not come back to reading for so long. */
  stall(durationMs: number): void {
    this.stalledSinceMs = this.client.nowMs;
    this.stalledUntilMs = this.client.nowMs + durationMs;
  }

  endStall(): void {
    this.stalledUntilMs = 0;
  }

  /** Nothing more is done for the group. */
  get isClosed(): boolean {
    return this.isLeaving || this.client.isClosed;
  }

  protected get isStalled(): boolean {
    return this.client.nowMs < this.stalledUntilMs;
  }

  /** As max.poll.interval.ms has it: a client whose application is away for too long leaves by itself. */
  protected get isStalledForTooLong(): boolean {
    return this.isStalled && this.client.nowMs - this.stalledSinceMs > this.plan.rebalanceTimeoutMs;
  }

  protected async commit(): Promise<void> {
    if (!this.commits) return;
    const { committer } = this;
    const code = await this.positions.commit(committer);
    if (code === undefined || code === ErrorCode.NONE || this.isClosed) return;
    // What is said of a membership it has no more says nothing of the one it has, as clients have it.
    const { memberId, generation } = this.committer;
    if (memberId === committer.memberId && generation === committer.generation) this.commitRefused(code);
  }

  /** What it has had is somebody else's. */
  protected loseAll(): void {
    this.positions.dropAll();
  }

  private async readOn(): Promise<void> {
    const { random } = this.world.environment;
    const { pollMs, commitChance, asyncChance } = this.plan;
    await this.client.pause(pollMs);
    if (this.isClosed || this.isStalled || !this.isReading) return;
    if (!this.positions.areKnown) await this.positions.fetch(this.committer, random.chance(0.5));
    if (this.isClosed || this.isStalled || !this.isReading) return;
    this.positions.advance();
    if (!random.chance(commitChance)) return;
    const committing = this.commit();
    if (random.chance(asyncChance)) committing.catch((error: unknown) => this.world.fail(error));
    else await committing;
  }

  private loop(turn: () => Promise<void>): void {
    const run = async (): Promise<void> => {
      while (!this.isClosed) await turn();
    };
    run().catch((error: unknown) => this.world.fail(error));
  }
}
