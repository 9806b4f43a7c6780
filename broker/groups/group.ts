/**
 * A group of any kind, and what the coordinator asks of all kinds.
 *
 * Owns: the list of kinds; each question is answered by the kind's own folder. A new kind of group (share, streams) is one more
 * member of the union, and the compiler shows where it has to answer.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { CoordinatorRecord } from "../state-machine/coordinator-record.ts";
import type { TimerCommand } from "../state-machine/decision.ts";
import { type ClassicGroup, isSubscribedTo } from "./classic/classic-group.ts";
import { classicGroupGone } from "./classic/group-record.ts";
import { sessionOf } from "./classic/heartbeat.ts";
import { checkClassicCommit, classicExpiryBase, type OffsetCommitter } from "./classic/offset-rules.ts";
import { type ConsumerGroup, stateOf } from "./consumer/consumer-group.ts";
import { allGone } from "./consumer/consumer-records.ts";
import { checkConsumerCommit, checkConsumerFetch } from "./consumer/offset-rules.ts";
import type { GroupDeadline } from "./group-decision.ts";

export type Group = ClassicGroup | ConsumerGroup;

/** May the committer store the offset of this partition? NONE or why not. */
export type PartitionCheck = (topicId: string, partition: number) => ErrorCode;

/** Kafka's name of the state. */
export function stateNameOf(group: Group): string {
  return group.type === "classic" ? group.state : stateOf(group);
}

/** Nobody is in the group, and it may be deleted. */
export function isEmpty(group: Group): boolean {
  return group.type === "classic" ? group.state === "Empty" : group.members.size === 0;
}

/** May this committer store offsets? NONE, why not, or a question for each partition. */
export function checkCommit(group: Group, committer: OffsetCommitter): ErrorCode | PartitionCheck {
  return group.type === "classic" ? checkClassicCommit(group, committer) : checkConsumerCommit(group, committer);
}

/** May offsets be told to somebody who says to be this member, in this epoch? Classic groups tell everybody. */
export function checkFetch(group: Group, memberId: string | null, memberEpoch: number): ErrorCode {
  return group.type === "classic" ? ErrorCode.NONE : checkConsumerFetch(group, memberId, memberEpoch);
}

/** A commit is a sign of life of a classic member while its group is stable or members join; others have their heartbeats. */
export function heardOfCommitter(group: Group, { memberId }: OffsetCommitter): TimerCommand<GroupDeadline>[] {
  if (group.type === "consumer" || group.state === "Empty" || group.state === "CompletingRebalance") return [];
  const member = group.members.get(memberId);
  return member === undefined ? [] : [sessionOf(group, member)];
}

/** May offsets be deleted one by one? Those of topics in use are refused one by one. */
export function checkOffsetDelete(group: Group): ErrorCode {
  const mayBe = group.type === "consumer" || group.state === "Empty" || group.protocolType === "consumer";
  return mayBe ? ErrorCode.NONE : ErrorCode.NON_EMPTY_GROUP;
}

/** Whether the group reads a topic: then its offsets stay. */
export function readsTopic(group: Group, topic: string): boolean {
  return group.type === "classic" ? isSubscribedTo(group, topic) : group.subscriptions.has(topic);
}

/**
 * From when the retention of an offset counts, given when it was committed; undefined when offsets of this group do not expire.
 */
export function expiryBase(group: Group, commitTimestampMs: number): number | undefined {
  return group.type === "classic" ? classicExpiryBase(group, commitTimestampMs) : commitTimestampMs;
}

/** Deletes a group. */
export function groupTombstones(group: Group): CoordinatorRecord[] {
  return group.type === "classic" ? [classicGroupGone(group.groupId)] : allGone(group);
}
