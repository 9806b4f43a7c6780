/**
 * A group of any kind, and what the coordinator asks of all kinds.
 *
 * Owns: the list of kinds; each question is answered by the kind's own folder. A new kind of group (consumer, share, streams)
 * is one more member of the union, and the compiler shows where it has to answer.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { type ClassicGroup, isSubscribedTo } from "./classic/classic-group.ts";
import { checkClassicCommit, classicExpiryBase, type OffsetCommitter } from "./classic/offset-rules.ts";

export type Group = ClassicGroup;

/** Nobody is in the group, and it may be deleted. */
export function isEmpty(group: Group): boolean {
  return group.state === "Empty";
}

/** May this committer store offsets? NONE or why not. */
export function checkCommit(group: Group, committer: OffsetCommitter): ErrorCode {
  return checkClassicCommit(group, committer);
}

/** May offsets be deleted one by one? Those of topics in use are refused one by one. */
export function checkOffsetDelete(group: Group): ErrorCode {
  return group.state === "Empty" || group.protocolType === "consumer" ? ErrorCode.NONE : ErrorCode.NON_EMPTY_GROUP;
}

/** Whether the group reads a topic: then its offsets stay. */
export function readsTopic(group: Group, topic: string): boolean {
  return isSubscribedTo(group, topic);
}

/**
 * From when the retention of an offset counts, given when it was committed; undefined when offsets of this group do not expire.
 */
export function expiryBase(group: Group, commitTimestampMs: number): number | undefined {
  return classicExpiryBase(group, commitTimestampMs);
}
