/**
 * A share group (KIP-932), as one immutable value: its epochs, its members, what they are to read.
 *
 * Owns: what a group is, and the counts that follow from its members. Leaves to share-records.ts: what changes it. All of it is in
 * records, save `seenTopicsOffset`, which is found out again.
 *
 * Members share partitions, so nobody waits for what others give up: the group's epoch moves when members, subscriptions or topics
 * change, the assignment's when a target has been computed for it, and a member's with its next heartbeat.
 */
import { PersistentMap } from "../../state-machine/persistent-map.ts";
import { type Assignment, NO_PARTITIONS } from "../consumer/assignment.ts";
import type { ShareMember } from "./share-member.ts";
import { NO_SHARE_PARTITIONS, type SharePartitions } from "./share-partitions.ts";

/** Kafka's names, as ShareGroupDescribe and ListGroups tell them. */
export type ShareGroupState = "Empty" | "Stable";

export interface ShareGroup {
  readonly type: "share";
  readonly groupId: string;
  readonly groupEpoch: number;
  /** Of the topics it reads, as of the group epoch. */
  readonly metadataHash: bigint;
  readonly assignmentEpoch: number;
  /** Wall clock; 0 when not known. */
  readonly assignmentTimestampMs: number;
  readonly members: PersistentMap<ShareMember>;
  /** What members are to read, by member id. */
  readonly targetAssignment: PersistentMap<Assignment>;
  /** Members by topic name. */
  readonly subscriptions: PersistentMap<number>;
  readonly sharePartitions: SharePartitions;
  /** Offset of the metadata in which topics were last compared with the hash; undefined: compare at the next heartbeat. */
  readonly seenTopicsOffset: number | undefined;
}

/** A group has these before its first change. */
const FIRST_EPOCH = 1;

export function emptyShareGroup(groupId: string): ShareGroup {
  return {
    type: "share",
    groupId,
    groupEpoch: FIRST_EPOCH,
    metadataHash: 0n,
    assignmentEpoch: FIRST_EPOCH,
    assignmentTimestampMs: 0,
    members: PersistentMap.empty(),
    targetAssignment: PersistentMap.empty(),
    subscriptions: PersistentMap.empty(),
    sharePartitions: NO_SHARE_PARTITIONS,
    seenTopicsOffset: undefined,
  };
}

export function stateOf({ members }: ShareGroup): ShareGroupState {
  return members.size === 0 ? "Empty" : "Stable";
}

export function targetOf(group: ShareGroup, memberId: string): Assignment {
  return group.targetAssignment.get(memberId) ?? NO_PARTITIONS;
}

/** Whether all members read the same topics; then assigning is simpler. */
export function isHomogeneous({ members, subscriptions }: ShareGroup): boolean {
  for (const count of subscriptions.values()) if (count !== members.size) return false;
  return true;
}

/** The group after a member became another, came (`before` undefined) or went (`now` undefined), with all that follows. */
export function withMember(
  group: ShareGroup,
  before: ShareMember | undefined,
  now: ShareMember | undefined,
): ShareGroup {
  const memberId = (now ?? before)?.memberId as string;
  let { subscriptions } = group;
  if (before?.subscribedTopicNames !== now?.subscribedTopicNames) {
    for (const topic of before?.subscribedTopicNames ?? []) subscriptions = counted(subscriptions, topic, -1);
    for (const topic of now?.subscribedTopicNames ?? []) subscriptions = counted(subscriptions, topic, 1);
  }
  const members = now === undefined ? group.members.without(memberId) : group.members.with(memberId, now);
  return { ...group, members, subscriptions };
}

function counted(counts: PersistentMap<number>, topic: string, by: number): PersistentMap<number> {
  const count = (counts.get(topic) ?? 0) + by;
  return count <= 0 ? counts.without(topic) : counts.with(topic, count);
}
