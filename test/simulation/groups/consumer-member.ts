/**
 * A member that speaks the consumer protocol (KIP-848), as Java's and librdkafka's do: one request in which it joins, tells what it
 * has and learns what it is to have. What it has to give up it gives up first, and says so, before it takes what is new.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { ConsumerGroupHeartbeat } from "../../../protocol/messages/consumer-group.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import type { Answer } from "./coordinator-client.ts";
import { GroupMember, type MemberWorld } from "./group-member.ts";
import type { MemberPlan } from "./group-plan.ts";
import { type Committer, keyOf, topicOf } from "./held-positions.ts";

type Response = Decode<(typeof ConsumerGroupHeartbeat)["response"]>;

const JOIN_EPOCH = 0;
const LEAVE_EPOCH = -1;
const LEAVE_FOR_A_WHILE_EPOCH = -2;
const LOOK_MS = 50;

export class ConsumerMember extends GroupMember {
  generation = JOIN_EPOCH;
  private readonly memberId: string;
  /** What it is to have; undefined before it is told. */
  private target: ReadonlySet<string> | undefined;
  /** What the coordinator knows it has; undefined: all has to be said again. */
  private told: string | undefined;
  private isOut = false;
  /** It has been told what to have, and has not said since that it has it. */
  private acknowledges = false;

  constructor(plan: MemberPlan, world: MemberWorld) {
    super(plan, world);
    this.memberId = this.newMemberId();
  }

  protected get committer(): Committer {
    const { memberId, generation } = this;
    return { memberId, generation, instanceId: this.plan.instanceId, knowsEpochs: true };
  }

  protected get isReading(): boolean {
    return this.generation > 0;
  }

  private get hasTarget(): boolean {
    return this.target !== undefined && isSame(this.target, this.holds);
  }

  whyNotSettled(): string | undefined {
    if (this.generation <= 0) return `${this.name} is joining`;
    if (!this.hasTarget) return `${this.name} has not what it is to have`;
    return this.positions.areKnown ? undefined : `${this.name} does not know where to begin`;
  }

  protected async keepInGroup(): Promise<void> {
    if (this.isStalledForTooLong) {
      if (!this.isOut) {
        this.isOut = true;
        const goodbye = this.sayGoodbye(true);
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

  protected async sayGoodbye(forGood: boolean): Promise<void> {
    const { groupId, instanceId } = this.plan;
    if (this.generation === JOIN_EPOCH) return;
    const memberEpoch = forGood || instanceId === null ? LEAVE_EPOCH : LEAVE_FOR_A_WHILE_EPOCH;
    await this.client.ask(ConsumerGroupHeartbeat, 1, { groupId, memberId: this.memberId, memberEpoch, instanceId });
  }

  protected commitRefused(code: ErrorCode): void {
    // Its next heartbeat tells it more.
    if (code === ErrorCode.UNKNOWN_MEMBER_ID) this.beginAnew();
    else if (code === ErrorCode.FENCED_INSTANCE_ID) this.endFenced();
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
    return this.acknowledges;
  }

  private async heartbeat(): Promise<void> {
    const { plan, memberId, generation } = this;
    const isWhole = generation === JOIN_EPOCH || this.told === undefined;
    const owned = [...this.holds].sort().join();
    const says = {
      rebalanceTimeoutMs: plan.rebalanceTimeoutMs,
      subscribedTopicNames: [...plan.topics],
      topicPartitions: this.owned(),
    };
    const saysOwned = owned !== this.told || (this.acknowledges && this.hasTarget);
    if (this.hasTarget) this.acknowledges = false;
    const answer = await this.client.ask(ConsumerGroupHeartbeat, 1, {
      ...{ groupId: plan.groupId, memberId, memberEpoch: generation, instanceId: plan.instanceId },
      ...(isWhole ? says : saysOwned ? { topicPartitions: says.topicPartitions } : {}),
    });
    // It has begun anew meanwhile.
    if (generation !== this.generation || memberId !== this.memberId) return;
    if (answer === undefined) this.told = undefined;
    else if (answer.body.errorCode === ErrorCode.NONE) {
      this.told = owned;
      this.took(answer, generation === JOIN_EPOCH);
    } else await this.refused(answer.body.errorCode as ErrorCode, answer);
  }

  private took(answer: Answer<Response>, joined: boolean): void {
    const { memberEpoch, assignment } = answer.body;
    this.generation = memberEpoch;
    if (joined) this.audit.inGeneration(memberEpoch, answer);
    if (assignment !== null) {
      const target = new Set(assignment.topicPartitions.flatMap((topic) => this.keysOf(topic)));
      const before = this.target ?? new Set<string>();
      this.target = target;
      // Also where it has all of it already: that it has no more is what the coordinator waits to hear.
      this.acknowledges = true;
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
        if (this.generation > JOIN_EPOCH && (code === ErrorCode.UNKNOWN_MEMBER_ID || !this.audit.isMixed)) {
          this.audit.putOut(this, code === ErrorCode.UNKNOWN_MEMBER_ID ? "UNKNOWN_MEMBER_ID" : "no group", answer);
        }
        this.beginAnew();
        break;
      case ErrorCode.FENCED_MEMBER_EPOCH:
        this.audit.counts.fencings++;
        this.beginAnew();
        break;
      case ErrorCode.FENCED_INSTANCE_ID:
        this.endFenced();
        return;
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
    this.told = undefined;
  }

  private owned(): { topicId: string; partitions: number[] }[] {
    const topics = new Map<string, number[]>();
    for (const key of this.holds) {
      const { topic, partition } = topicOf(key);
      const topicId = this.world.cluster.running.image.topics.get(topic)?.id as string;
      topics.set(topicId, [...(topics.get(topicId) ?? []), partition]);
    }
    return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }));
  }

  private keysOf({ topicId, partitions }: { readonly topicId: string; readonly partitions: readonly number[] }) {
    const name = this.world.cluster.running.image.topicsById.get(topicId)?.name ?? topicId;
    return partitions.map((partition) => keyOf(name, partition));
  }

  private newMemberId(): string {
    return `${this.name}-${this.world.environment.random.bytes(8).toString("hex")}`;
  }
}

function isSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((key) => b.has(key));
}
