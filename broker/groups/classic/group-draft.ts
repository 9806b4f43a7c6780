/**
 * The next value of a classic group while a decision works it out, and what goes with it: answers, deadlines, a record.
 *
 * Owns: that counts, leader, static members and parked requests stay in step whatever is done. Leaves to rebalance.ts: phases.
 * Invariant: the group it started from is untouched; a member that goes leaves no parked request unanswered.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { ParkedAnswer, TimerCommand } from "../../state-machine/decision.ts";
import type { PersistentMap } from "../../state-machine/persistent-map.ts";
import type { Reply } from "../../state-machine/reply.ts";
import { type GroupDecision, groupChange } from "../group-decision.ts";
import {
  type ClassicGroup,
  type ClassicGroupState,
  type ClassicMember,
  type JoinResponse,
  type MemberProtocol,
  NO_ASSIGNMENT,
  type SyncResponse,
} from "./classic-group.ts";
import { type ClassicDeadline, joinKey, sessionKey, syncKey } from "./deadline-keys.ts";
import { classicGroupRecord } from "./group-record.ts";
import { joinError, syncError } from "./responses.ts";

export class GroupDraft {
  readonly groupId: string;
  state: ClassicGroupState;
  initialRebalance: boolean;
  generationId: number;
  protocolType: string | null;
  protocolName: string | null;
  leaderId: string | null;
  stateTimestampMs: number;
  members: PersistentMap<ClassicMember>;
  joinedCount: number;
  staticMembers: PersistentMap<string>;
  pendingJoins: PersistentMap<true>;
  pendingSyncs: PersistentMap<true>;
  protocolCounts: PersistentMap<number>;
  subscribedTopics: ReadonlySet<string> | null;
  newMemberAdded: boolean;
  readonly nowMs: number;
  private readonly answers: ParkedAnswer[] = [];
  private readonly timers: TimerCommand<ClassicDeadline>[] = [];
  private recordTimestampMs: number | undefined;

  /** @param nowMs wall clock. */
  constructor(group: ClassicGroup, nowMs: number) {
    this.groupId = group.groupId;
    this.state = group.state;
    this.initialRebalance = group.initialRebalance;
    this.generationId = group.generationId;
    this.protocolType = group.protocolType;
    this.protocolName = group.protocolName;
    this.leaderId = group.leaderId;
    this.stateTimestampMs = group.stateTimestampMs;
    this.members = group.members;
    this.joinedCount = group.joinedCount;
    this.staticMembers = group.staticMembers;
    this.pendingJoins = group.pendingJoins;
    this.pendingSyncs = group.pendingSyncs;
    this.protocolCounts = group.protocolCounts;
    this.subscribedTopics = group.subscribedTopics;
    this.newMemberAdded = group.newMemberAdded;
    this.nowMs = nowMs;
  }

  get group(): ClassicGroup {
    return {
      type: "classic",
      groupId: this.groupId,
      state: this.state,
      initialRebalance: this.initialRebalance,
      generationId: this.generationId,
      protocolType: this.protocolType,
      protocolName: this.protocolName,
      leaderId: this.leaderId,
      stateTimestampMs: this.stateTimestampMs,
      members: this.members,
      joinedCount: this.joinedCount,
      staticMembers: this.staticMembers,
      pendingJoins: this.pendingJoins,
      pendingSyncs: this.pendingSyncs,
      protocolCounts: this.protocolCounts,
      subscribedTopics: this.subscribedTopics,
      newMemberAdded: this.newMemberAdded,
    };
  }

  /** The decision: this group with its answers and deadlines, and the response if the request is not parked. */
  decide(): GroupDecision<never>;
  decide<R>(response: R | undefined): GroupDecision<R>;
  decide<R>(response?: R): GroupDecision<R> {
    const { group, answers, timers, recordTimestampMs } = this;
    const rest = response === undefined ? { answers, timers } : { answers, timers, response };
    return recordTimestampMs === undefined
      ? { changes: [groupChange(group)], ...rest }
      : { records: [classicGroupRecord(group, recordTimestampMs)], ...rest };
  }

  /** The group is to be written as it will be when the decision is made. */
  persist(stateTimestampMs = this.stateTimestampMs): void {
    this.recordTimestampMs = stateTimestampMs;
  }

  moveTo(state: ClassicGroupState): void {
    this.initialRebalance = state === "PreparingRebalance" && this.state === "Empty";
    this.state = state;
    this.stateTimestampMs = this.nowMs;
  }

  // Members.

  member(memberId: string): ClassicMember | undefined {
    return this.members.get(memberId);
  }

  /** The first member decides the protocol type of the group; the others have it (supportsProtocols). */
  add(member: ClassicMember, protocolType: string): void {
    if (this.members.size === 0) this.protocolType = protocolType;
    this.leaderId ??= member.memberId;
    this.members = this.members.with(member.memberId, member);
    if (member.groupInstanceId !== null) {
      this.staticMembers = this.staticMembers.with(member.groupInstanceId, member.memberId);
    }
    this.count(member.protocols, 1);
    if (member.join !== undefined) this.joinedCount++;
    this.pendingJoins = this.pendingJoins.without(member.memberId);
  }

  /** Takes a member or a pending id out; requests it has parked are answered with the code. */
  remove(memberId: string, code: ErrorCode): void {
    this.timers.push({ key: sessionKey(this.groupId, memberId), cancel: true });
    this.pendingJoins = this.pendingJoins.without(memberId);
    this.pendingSyncs = this.pendingSyncs.without(memberId);
    const member = this.members.get(memberId);
    if (member === undefined) return;
    if (member.join !== undefined) {
      this.joinedCount--;
      this.answer(member.join, joinError(code));
    }
    if (member.sync !== undefined) this.answer(member.sync, syncError(code));
    this.members = this.members.without(memberId);
    this.count(member.protocols, -1);
    if (member.groupInstanceId !== null) this.staticMembers = this.staticMembers.without(member.groupInstanceId);
    if (this.leaderId === memberId) this.leaderId = this.members.keys().next().value ?? null;
  }

  /** Puts a member in place of the one with the same id, its parked requests and protocols included. */
  update(member: ClassicMember): void {
    const before = this.members.get(member.memberId) as ClassicMember;
    if (before.protocols !== member.protocols) {
      this.count(before.protocols, -1);
      this.count(member.protocols, 1);
    }
    this.joinedCount += Number(member.join !== undefined) - Number(before.join !== undefined);
    // The same member asks again: whoever reads the first answer, if anyone does, is to ask anew.
    if (before.join !== undefined && member.join !== undefined && before.join !== member.join) {
      this.answer(before.join, joinError(ErrorCode.REBALANCE_IN_PROGRESS, member.memberId));
    }
    if (before.sync !== undefined && member.sync !== undefined && before.sync !== member.sync) {
      this.answer(before.sync, syncError(ErrorCode.REBALANCE_IN_PROGRESS));
    }
    this.members = this.members.with(member.memberId, member);
  }

  /**
   * A static member came back under a new id: it takes the place of the old one, which is fenced (KIP-345).
   */
  replaceStatic(oldId: string, next: ClassicMember): void {
    const old = this.members.get(oldId) as ClassicMember;
    if (old.join !== undefined) {
      this.joinedCount--;
      this.answer(old.join, joinError(ErrorCode.FENCED_INSTANCE_ID, oldId));
    }
    if (old.sync !== undefined) this.answer(old.sync, syncError(ErrorCode.FENCED_INSTANCE_ID));
    this.timers.push({ key: sessionKey(this.groupId, oldId), cancel: true });
    this.members = this.members.without(oldId).with(next.memberId, next);
    if (next.join !== undefined) this.joinedCount++;
    this.count(old.protocols, -1);
    this.count(next.protocols, 1);
    if (this.pendingSyncs.has(oldId)) this.pendingSyncs = this.pendingSyncs.without(oldId).with(next.memberId, true);
    this.staticMembers = this.staticMembers.with(next.groupInstanceId as string, next.memberId);
    if (this.leaderId === oldId) this.leaderId = next.memberId;
  }

  private count(protocols: readonly MemberProtocol[], change: 1 | -1): void {
    for (const name of new Set(protocols.map((protocol) => protocol.name))) {
      const count = (this.protocolCounts.get(name) ?? 0) + change;
      this.protocolCounts = count === 0 ? this.protocolCounts.without(name) : this.protocolCounts.with(name, count);
    }
  }

  /** The protocol all members support that most of them prefer; the first to be voted for among equals. */
  selectProtocol(): string {
    const votes = new Map<string, number>();
    for (const member of this.members.values()) {
      const choice = member.protocols.find(({ name }) => this.protocolCounts.get(name) === this.members.size);
      if (choice !== undefined) votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1);
    }
    let selected = "";
    let most = 0;
    for (const [name, count] of votes) {
      if (count > most) [selected, most] = [name, count];
    }
    return selected;
  }

  // What goes with it.

  answer<R extends JoinResponse | SyncResponse>(reply: Reply<R>, response: R): void {
    this.answers.push({ reply: reply as unknown as Reply<unknown>, response });
  }

  /** The member has been heard of, or is given its whole session (or another time) until it must be. */
  restartSession(member: ClassicMember, delayMs = member.sessionTimeoutMs): void {
    this.restartSessionOf(member.memberId, delayMs);
  }

  restartSessionOf(memberId: string, delayMs: number): void {
    const { groupId } = this;
    this.timers.push({
      key: sessionKey(groupId, memberId),
      delayMs,
      event: { kind: "session", groupId, memberId },
      liveness: true,
    });
  }

  limitJoinPhase(delayMs: number, event: Extract<ClassicDeadline, { kind: "join" | "initialJoin" }>): void {
    this.timers.push({ key: joinKey(this.groupId), delayMs, event });
  }

  endJoinPhase(): void {
    this.timers.push({ key: joinKey(this.groupId), cancel: true });
  }

  limitSyncPhase(delayMs: number): void {
    const { groupId, generationId } = this;
    this.timers.push({ key: syncKey(groupId), delayMs, event: { kind: "sync", groupId, generationId } });
  }

  endSyncPhase(): void {
    this.timers.push({ key: syncKey(this.groupId), cancel: true });
  }

  /** A member has synced; the last one ends the wait. */
  synced(memberId: string): void {
    this.pendingSyncs = this.pendingSyncs.without(memberId);
    if (this.pendingSyncs.size === 0) this.endSyncPhase();
  }

  /** Answers parked syncs with a code, and nobody has an assignment any more. */
  refuseSyncs(code: ErrorCode): void {
    const asking: ClassicMember[] = [];
    this.members = this.members.map((member) => {
      if (member.sync !== undefined) asking.push(member);
      if (member.sync === undefined && member.assignment.length === 0) return member;
      return { ...member, assignment: NO_ASSIGNMENT, sync: undefined };
    });
    for (const member of asking) {
      this.answer(member.sync as Reply<SyncResponse>, syncError(code));
      this.restartSession(member);
    }
  }
}
