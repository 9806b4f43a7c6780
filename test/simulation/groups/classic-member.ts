/**
 * A member that speaks the classic protocol, as Java's and librdkafka's consumers do: joins, syncs, sends heartbeats, assigns when it
 * leads. Eager ones give up all before they join; cooperative ones keep what they have, and join again once they have given up what
 * is no longer theirs.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from "../../../protocol/messages/classic-group.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import {
  assignAnew,
  assignCooperatively,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "./assignors.ts";
import type { Answer } from "./coordinator-client.ts";
import { GroupMember } from "./group-member.ts";
import { type Committer, keyOf } from "./held-positions.ts";

type Joined = Decode<(typeof JoinGroup)["response"]>;
type Synced = Decode<(typeof SyncGroup)["response"]>;

const PROTOCOL_TYPE = "consumer";
/** Beyond what the coordinator may wait for other members. */
const BEYOND_REBALANCE_MS = 3000;
const LOOK_MS = 50;
const FIRST_SYNC_WITH_PROTOCOL = 7;

export class ClassicMember extends GroupMember {
  generation = -1;
  private memberId = "";
  private needsJoin = true;
  private isJoining = false;
  /** Its id has been stored for good. */
  private isEstablished = false;
  private leads = false;
  /** Topics and their partitions as they were when it assigned them. */
  private assignedOf = "";
  private assignments = 0;

  protected get committer(): Committer {
    const { memberId, generation } = this;
    return { memberId, generation, instanceId: this.plan.instanceId, knowsEpochs: false };
  }

  protected get isReading(): boolean {
    return !this.isJoining && this.generation >= 0;
  }

  whyNotSettled(): string | undefined {
    if (this.needsJoin || this.isJoining) return `${this.name} is joining`;
    return this.positions.areKnown ? undefined : `${this.name} does not know where to begin`;
  }

  private get isCooperative(): boolean {
    return this.plan.protocol === "cooperative";
  }

  protected async keepInGroup(): Promise<void> {
    if (this.isStalledForTooLong && this.generation >= 0) {
      const goodbye = this.sayGoodbye();
      this.loseMembership();
      await goodbye;
    } else if (this.needsJoin && !this.isStalled) {
      this.isJoining = true;
      await this.join();
      this.isJoining = false;
    } else if (this.generation < 0) await this.client.pause(LOOK_MS);
    else {
      await this.client.pause(this.plan.heartbeatMs);
      if (this.leads && this.assignedOf !== this.topicsNow) this.needsJoin = true;
      if (!this.isClosed) await this.heartbeat();
    }
  }

  protected commitRefused(code: ErrorCode): void {
    if (code === ErrorCode.UNKNOWN_MEMBER_ID) this.loseMembership();
    else if (code === ErrorCode.FENCED_INSTANCE_ID) this.endFenced();
    else if (code === ErrorCode.ILLEGAL_GENERATION) this.loseGeneration();
    else if (code === ErrorCode.REBALANCE_IN_PROGRESS) this.needsJoin = true;
  }

  /** Static members come back without anyone having noticed: they say nothing. */
  protected async sayGoodbye(): Promise<void> {
    const { memberId } = this;
    const { groupId, instanceId } = this.plan;
    if (instanceId !== null || memberId === "") return;
    await this.client.ask(LeaveGroup, 5, { groupId, members: [{ memberId, groupInstanceId: null }] });
  }

  private async heartbeat(): Promise<void> {
    const { memberId, generation: generationId } = this;
    const { groupId, instanceId: groupInstanceId } = this.plan;
    if (generationId < 0) return;
    const answer = await this.client.ask(Heartbeat, 4, { groupId, generationId, memberId, groupInstanceId });
    if (answer === undefined || memberId !== this.memberId || generationId !== this.generation) return;
    const errorCode = answer.body.errorCode as ErrorCode;
    switch (errorCode) {
      case ErrorCode.NONE:
        this.heardOf(answer, true);
        return;
      case ErrorCode.REBALANCE_IN_PROGRESS:
        this.heardOf(answer, false);
        this.needsJoin = true;
        return;
      default:
        this.refused(errorCode, answer);
    }
  }

  private async join(): Promise<void> {
    const { plan, memberId } = this;
    const { groupId, sessionTimeoutMs, rebalanceTimeoutMs, topics, joinVersion, instanceId } = plan;
    if (!this.isCooperative) {
      if (this.world.environment.random.chance(0.5)) await this.commit();
      this.positions.dropAll();
      if (memberId !== this.memberId) return;
    }
    if (memberId === "") this.audit.claims(this);
    const metadata = encodeSubscription(topics, this.holds, this.generation);
    const answer = await this.client.ask(
      JoinGroup,
      joinVersion,
      {
        ...{ groupId, sessionTimeoutMs, rebalanceTimeoutMs, memberId, groupInstanceId: instanceId },
        ...{ protocolType: PROTOCOL_TYPE, protocols: [{ name: this.protocolName, metadata }] },
      },
      rebalanceTimeoutMs + BEYOND_REBALANCE_MS,
    );
    // It was put out of what it joins for, as a commit was told: it joins as somebody else.
    if (memberId !== this.memberId) return;
    if (answer === undefined || answer.body.errorCode !== ErrorCode.NONE) {
      const code = answer?.body.errorCode as ErrorCode | undefined;
      if (code === ErrorCode.MEMBER_ID_REQUIRED) this.memberId = answer?.body.memberId as string;
      else await this.joinFailed(code, answer);
      return;
    }
    const { body } = answer;
    this.memberId = body.memberId;
    this.heardOf(answer, true);
    await this.sync(body);
  }

  private async sync(joined: Joined): Promise<void> {
    const { generationId, memberId } = joined;
    const { groupId, rebalanceTimeoutMs, joinVersion, instanceId: groupInstanceId } = this.plan;
    this.leads = joined.leader === memberId;
    const isNewer = joinVersion >= FIRST_SYNC_WITH_PROTOCOL;
    const answer = await this.client.ask(
      SyncGroup,
      isNewer ? 5 : 3,
      {
        ...{ groupId, generationId, memberId, groupInstanceId },
        ...(isNewer ? { protocolType: PROTOCOL_TYPE, protocolName: this.protocolName } : {}),
        assignments: this.leads && !joined.skipAssignment ? this.assign(joined) : [],
      },
      rebalanceTimeoutMs + BEYOND_REBALANCE_MS,
    );
    if (memberId !== this.memberId) return;
    if (answer === undefined || answer.body.errorCode !== ErrorCode.NONE) {
      const code = answer?.body.errorCode as ErrorCode | undefined;
      if (code !== ErrorCode.REBALANCE_IN_PROGRESS) await this.joinFailed(code, answer);
      return;
    }
    // No sign of life where the group has its assignment already: the session counts from the end of the join.
    if (answer.trusted) this.atRestAtMs = answer.sentAtMs;
    this.isEstablished = true;
    this.take(generationId, answer);
  }

  private take(generation: number, answer: Answer<Synced>): void {
    const { partitions, name } = decodeAssignment(answer.body.assignment);
    this.generation = generation;
    this.audit.settled(this, answer);
    this.audit.inGeneration(generation, answer);
    this.audit.assigned(this, generation, name ?? "nothing");
    const given = new Set(partitions);
    const added = partitions.filter((key) => !this.holds.has(key));
    const revoked = [...this.holds].filter((key) => !given.has(key));
    this.audit.gained(this, added, generation, answer);
    for (const key of revoked) this.positions.drop(key);
    for (const key of added) this.positions.add(key);
    this.needsJoin = revoked.length > 0;
  }

  private assign(joined: Joined): { memberId: string; assignment: Buffer }[] {
    const members = joined.members.map(({ memberId, metadata }) => decodeSubscription(memberId, metadata));
    this.assignedOf = this.topicsNow;
    const topics = [...new Set(members.flatMap((member) => member.topics))].sort();
    const partitions = topics.flatMap((topic) => {
      const views = this.client.cluster.topics.get(topic)?.partitions ?? [];
      return views.map((_, partition) => keyOf(topic, partition));
    });
    const shared = this.isCooperative ? assignCooperatively(members, partitions) : assignAnew(members, partitions);
    const name = this.audit.isMixed ? undefined : `${this.name}'s ${++this.assignments}.`;
    return [...shared].map(([memberId, keys]) => ({ memberId, assignment: encodeAssignment(keys, name) }));
  }

  private async joinFailed(code: ErrorCode | undefined, answer: Answer<unknown> | undefined): Promise<void> {
    if (code !== undefined && answer !== undefined) this.refused(code, answer);
    await this.client.pause(this.client.cluster.settings.retryBackoffMs);
  }

  private refused(code: ErrorCode, answer: Answer<unknown>): void {
    switch (code) {
      case ErrorCode.UNKNOWN_MEMBER_ID:
        if (this.isEstablished) this.audit.putOut(this, "UNKNOWN_MEMBER_ID", answer);
        this.loseMembership();
        return;
      case ErrorCode.FENCED_INSTANCE_ID:
        this.endFenced();
        return;
      case ErrorCode.ILLEGAL_GENERATION:
        this.audit.counts.fencings++;
        this.loseGeneration();
        return;
      default:
        this.client.heed(code);
    }
  }

  private heardOf({ sentAtMs, trusted }: Answer<unknown>, atRest: boolean): void {
    if (!trusted) return;
    this.heardAtMs = sentAtMs;
    if (atRest) this.atRestAtMs = sentAtMs;
  }

  private loseMembership(): void {
    this.memberId = "";
    this.isEstablished = false;
    this.loseGeneration();
  }

  private loseGeneration(): void {
    this.positions.dropAll();
    this.generation = -1;
    this.leads = false;
    this.needsJoin = true;
  }

  private get protocolName(): string {
    return this.isCooperative ? "cooperative-sticky" : "range";
  }

  private get topicsNow(): string {
    return this.plan.groupTopics.map((topic) => this.client.cluster.topics.get(topic)?.partitions.length).join();
  }
}
