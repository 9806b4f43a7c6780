/**
 * A thread of a Kafka Streams application, as Java's are: one request in which it joins, tells which tasks it has and learns which it is
 * to have. What it has to give up it gives up first, and says so, before it takes what is new; copies of state come and go at once.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { StreamsGroupHeartbeat } from "../../../protocol/messages/streams-group.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import type { Answer } from "./coordinator-client.ts";
import { GroupMember, type MemberWorld } from "./group-member.ts";
import type { MemberPlan } from "./group-plan.ts";
import { type Committer, keyOf, topicOf } from "./held-positions.ts";
import type { ThreadPlan } from "./streams-plan.ts";

type Response = Decode<(typeof StreamsGroupHeartbeat)["response"]>;
type TaskIds = NonNullable<Response["activeTasks"]>;

const JOIN_EPOCH = 0;
const LEAVE_EPOCH = -1;
const LOOK_MS = 50;

export class StreamsMember extends GroupMember {
  generation = JOIN_EPOCH;
  private memberId: string;
  private readonly thread: ThreadPlan;
  /** Partitions whose tasks it is to run; undefined before it is told. */
  private target: ReadonlySet<string> | undefined;
  private standby: TaskIds = [];
  /** What the coordinator knows it has; undefined: all has to be said again. */
  private told: string | undefined;
  private isOut = false;

  constructor(plan: MemberPlan, world: MemberWorld) {
    super(plan, world);
    this.thread = plan.thread as ThreadPlan;
    this.memberId = this.newMemberId();
  }

  protected get committer(): Committer {
    const { memberId, generation } = this;
    return { memberId, generation, instanceId: null, knowsEpochs: true };
  }

  protected get isReading(): boolean {
    return this.generation > 0;
  }

  private get hasTarget(): boolean {
    const { target, holds } = this;
    return target !== undefined && target.size === holds.size && [...target].every((key) => holds.has(key));
  }

  whyNotSettled(): string | undefined {
    if (this.generation <= 0) return `${this.name} is joining`;
    if (!this.hasTarget) return `${this.name} does not run what it is to run`;
    return this.positions.areKnown ? undefined : `${this.name} does not know where to begin`;
  }

  protected async keepInGroup(): Promise<void> {
    if (this.isStalledForTooLong) {
      if (!this.isOut) {
        this.isOut = true;
        const goodbye = this.sayGoodbye();
        this.beginAnew();
        await goodbye;
      } else await this.client.pause(LOOK_MS);
      return;
    }
    this.isOut = false;
    const changed = this.isStalled ? false : await this.reconcile();
    if (!changed) await this.client.pause(this.generation === JOIN_EPOCH ? LOOK_MS : this.plan.heartbeatMs);
    if (!this.isClosed) await this.heartbeat();
  }

  protected async sayGoodbye(): Promise<void> {
    if (this.generation === JOIN_EPOCH) return;
    await this.ask(LEAVE_EPOCH, {});
  }

  protected commitRefused(code: ErrorCode): void {
    // Its next heartbeat tells it more.
    if (code === ErrorCode.UNKNOWN_MEMBER_ID) this.beginAnew();
  }

  /** Gives up, then takes; true when there was something to do. */
  private async reconcile(): Promise<boolean> {
    const { target } = this;
    if (target === undefined) return false;
    const revoked = [...this.holds].filter((key) => !target.has(key));
    const added = [...target].filter((key) => !this.holds.has(key));
    if (revoked.length > 0 && this.world.environment.random.chance(0.5)) {
      await this.commit();
      if (this.target !== target || this.isClosed) return false;
    }
    for (const key of revoked) this.positions.drop(key);
    for (const key of added) this.positions.add(key);
    return revoked.length + added.length > 0;
  }

  private async heartbeat(): Promise<void> {
    const { memberId, generation, plan, thread } = this;
    const joins = generation === JOIN_EPOCH;
    const activeTasks = this.activeTasks();
    const owned = JSON.stringify([activeTasks, this.standby]);
    const tasks = { activeTasks, standbyTasks: this.standby, warmupTasks: [] };
    const { processId, topology } = thread;
    const first = { processId, topology, rebalanceTimeoutMs: plan.rebalanceTimeoutMs, clientTags: [], ...tasks };
    const answer = await this.ask(generation, joins ? first : owned === this.told ? {} : tasks);
    // It has begun anew meanwhile.
    if (generation !== this.generation || memberId !== this.memberId) return;
    if (answer === undefined) this.told = undefined;
    else if (answer.body.errorCode === ErrorCode.NONE) {
      this.told = owned;
      this.took(answer, joins);
    } else await this.refused(answer.body.errorCode as ErrorCode, answer);
  }

  private ask(memberEpoch: number, request: object): Promise<Answer<Response> | undefined> {
    const { memberId, plan } = this;
    const who = { groupId: plan.groupId, memberId, memberEpoch, endpointInformationEpoch: 0 };
    return this.client.ask(StreamsGroupHeartbeat, 0, { ...who, ...request });
  }

  private took(answer: Answer<Response>, joined: boolean): void {
    const { memberEpoch, activeTasks, standbyTasks } = answer.body;
    this.generation = memberEpoch;
    if (joined) this.audit.inGeneration(memberEpoch, answer);
    if (activeTasks !== null) {
      const target = new Set(this.keysOf(activeTasks));
      const before = this.target ?? new Set<string>();
      this.target = target;
      this.standby = standbyTasks ?? [];
      // Also where it has all of it already: that it has no more is what the coordinator waits to hear.
      this.told = undefined;
      const added = [...target].filter((key) => !before.has(key) && !this.holds.has(key));
      this.audit.gained(this, added, memberEpoch, answer);
    }
    if (!answer.trusted) return;
    this.heardAtMs = answer.sentAtMs;
    if (this.target === undefined || [...this.holds].every((key) => this.target?.has(key))) {
      this.atRestAtMs = answer.sentAtMs;
    }
  }

  private async refused(code: ErrorCode, answer: Answer<unknown>): Promise<void> {
    switch (code) {
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.GROUP_ID_NOT_FOUND:
        if (this.generation > JOIN_EPOCH) {
          this.audit.putOut(this, code === ErrorCode.UNKNOWN_MEMBER_ID ? "UNKNOWN_MEMBER_ID" : "no group", answer);
        }
        this.beginAnew();
        break;
      case ErrorCode.FENCED_MEMBER_EPOCH:
        this.audit.counts.fencings++;
        this.beginAnew();
        break;
      default:
        this.told = undefined;
        this.client.heed(code);
    }
    await this.client.pause(this.client.cluster.settings.retryBackoffMs);
  }

  private beginAnew(): void {
    this.positions.dropAll();
    this.generation = JOIN_EPOCH;
    this.target = undefined;
    this.standby = [];
    this.told = undefined;
  }

  private activeTasks(): TaskIds {
    const ids = new Map([...this.thread.topics].map(([id, topic]) => [topic, id]));
    const tasks = new Map<string, number[]>();
    for (const key of [...this.holds].sort()) {
      const { topic, partition } = topicOf(key);
      const id = ids.get(topic) as string;
      tasks.set(id, [...(tasks.get(id) ?? []), partition]);
    }
    return [...tasks].map(([subtopologyId, partitions]) => ({ subtopologyId, partitions }));
  }

  private keysOf(tasks: TaskIds): string[] {
    return tasks.flatMap(({ subtopologyId, partitions }) => {
      const topic = this.thread.topics.get(subtopologyId) as string;
      return partitions.map((partition) => keyOf(topic, partition));
    });
  }

  private newMemberId(): string {
    return `${this.name}-${this.world.environment.random.bytes(8).toString("hex")}`;
  }
}
