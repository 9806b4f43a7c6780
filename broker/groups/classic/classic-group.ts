/**
 * A group of the classic protocol, as one immutable value: who is in it, which generation, who waits for what.
 *
 * Owns: what a group is and what can be read off it. Leaves to group-draft.ts: the next value; to join.ts, sync.ts, heartbeat.ts,
 * leave.ts, deadlines.ts: what requests and time make of it. Members beyond their records (who waits, all their protocols) live
 * here only, and are lost with the coordinator.
 * Invariant: a group in PreparingRebalance, CompletingRebalance or Stable has members; one that is Empty has none.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { JoinGroupResponse, SyncGroupResponse } from "../../../protocol/messages/classic-group.ts";
import type { Encode } from "../../../protocol/schema/message.ts";
import { PersistentMap } from "../../state-machine/persistent-map.ts";
import type { Reply } from "../../state-machine/reply.ts";

export type JoinResponse = Encode<typeof JoinGroupResponse>;
export type SyncResponse = Encode<typeof SyncGroupResponse>;

/** Kafka's names, as DescribeGroups and ListGroups tell them. */
export type ClassicGroupState = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable";

/** The protocol type of consumers: only of these groups the coordinator understands subscriptions. */
export const CONSUMER_PROTOCOL_TYPE = "consumer";
export const NO_ASSIGNMENT = Buffer.alloc(0);

export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Buffer;
}

export interface ClassicMember {
  readonly memberId: string;
  /** Null for a dynamic member (KIP-345). */
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  /** In the member's order of preference; after loading only the one that was selected. */
  readonly protocols: readonly MemberProtocol[];
  readonly assignment: Buffer;
  /** Joined, and has not been told its id yet: it cannot send heartbeats. */
  readonly isNew: boolean;
  /** Its JoinGroup, parked until the join phase ends. */
  readonly join: Reply<JoinResponse> | undefined;
  /** Its SyncGroup, parked until the leader's comes. */
  readonly sync: Reply<SyncResponse> | undefined;
}

export interface ClassicGroup {
  readonly type: "classic";
  readonly groupId: string;
  readonly state: ClassicGroupState;
  /** PreparingRebalance that came from Empty: the join phase ends with its delay, not with the last member. */
  readonly initialRebalance: boolean;
  readonly generationId: number;
  /** Null: a simple group, that only stores offsets. */
  readonly protocolType: string | null;
  /** Null before the first generation and when empty. */
  readonly protocolName: string | null;
  readonly leaderId: string | null;
  /** Wall clock; -1 when the record did not say. */
  readonly stateTimestampMs: number;
  readonly members: PersistentMap<ClassicMember>;
  /** Members with a parked JoinGroup. */
  readonly joinedCount: number;
  /** Member id by instance id. */
  readonly staticMembers: PersistentMap<string>;
  /** Ids given with MEMBER_ID_REQUIRED whose JoinGroup has not come (KIP-394). */
  readonly pendingJoins: PersistentMap<true>;
  /** Members of the generation whose SyncGroup has not come. */
  readonly pendingSyncs: PersistentMap<true>;
  /** How many members support a protocol. */
  readonly protocolCounts: PersistentMap<number>;
  /** Topics of all members; null when nobody knows: another protocol type, or a subscription that cannot be read. */
  readonly subscribedTopics: ReadonlySet<string> | null;
  /** A member was added while the initial rebalance waits: it may wait longer. */
  readonly newMemberAdded: boolean;
}

export function emptyClassicGroup(groupId: string, nowMs: number): ClassicGroup {
  return {
    type: "classic",
    groupId,
    state: "Empty",
    initialRebalance: false,
    generationId: 0,
    protocolType: null,
    protocolName: null,
    leaderId: null,
    stateTimestampMs: nowMs,
    members: PersistentMap.empty(),
    joinedCount: 0,
    staticMembers: PersistentMap.empty(),
    pendingJoins: PersistentMap.empty(),
    pendingSyncs: PersistentMap.empty(),
    protocolCounts: PersistentMap.empty(),
    subscribedTopics: null,
    newMemberAdded: false,
  };
}

export function usesConsumerProtocol(group: ClassicGroup): boolean {
  return group.protocolType === CONSUMER_PROTOCOL_TYPE;
}

/** The longest any member needs to rejoin: what both phases of a rebalance wait at most. */
export function rebalanceTimeoutMs(group: ClassicGroup): number {
  let longest = 0;
  for (const member of group.members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs);
  return longest;
}

export function allMembersJoined(group: ClassicGroup): boolean {
  return group.members.size === group.joinedCount && group.pendingJoins.size === 0;
}

/** Whether a member with these protocols fits in: an empty group takes any, others need one that all members support. */
export function supportsProtocols(
  group: ClassicGroup,
  protocolType: string,
  protocols: readonly { readonly name: string }[],
): boolean {
  if (group.state === "Empty") return protocolType !== "" && protocols.length > 0;
  return (
    group.protocolType === protocolType &&
    protocols.some(({ name }) => (group.protocolCounts.get(name) ?? 0) === group.members.size)
  );
}

/** Whether somebody who says to be this member is: NONE, UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID when another took its place. */
export function checkMember(group: ClassicGroup, memberId: string, groupInstanceId: string | null): ErrorCode {
  if (groupInstanceId !== null) {
    const known = group.staticMembers.get(groupInstanceId);
    if (known === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    if (known !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
  }
  return group.members.has(memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID;
}

/** A member's metadata under the protocol of its group. */
export function metadataOf(member: ClassicMember, protocolName: string | null): Buffer {
  return member.protocols.find((protocol) => protocol.name === protocolName)?.metadata ?? NO_ASSIGNMENT;
}

/** Whether a member says again what it said before. */
export function sameProtocols(member: ClassicMember, protocols: readonly MemberProtocol[]): boolean {
  return (
    member.protocols.length === protocols.length &&
    member.protocols.every((known, index) => {
      const said = protocols[index] as MemberProtocol;
      return known.name === said.name && known.metadata.equals(said.metadata);
    })
  );
}

/** Whether offsets of a topic are in use; of a consumer group whose subscriptions are not known, all are. */
export function isSubscribedTo(group: ClassicGroup, topic: string): boolean {
  return group.subscribedTopics === null ? usesConsumerProtocol(group) : group.subscribedTopics.has(topic);
}
