/**
 * What the coordinator asks of groups of every kind; each kind answers in a file of its own folder (`*-kind.ts`).
 */
import type { ErrorCode } from "../../protocol/error-codes.ts";
import type { CoordinatorRecord } from "../state-machine/coordinator-record.ts";
import type { TimerCommand } from "../state-machine/decision.ts";
import type { ListedGroup } from "./classic/describe.ts";
import type { OffsetCommitter } from "./classic/offset-rules.ts";
import type { GroupDeadline } from "./group-decision.ts";

/** May the committer store the offset of this partition? NONE or why not. */
export type PartitionCheck = (topic: CommittedTopic, partition: number) => ErrorCode;

export interface CommittedTopic {
  readonly name: string;
  /** The zero uuid in a transactional commit, which comes by name. */
  readonly topicId: string;
}

export interface GroupKind<G> {
  /** Kafka's name of the state. */
  stateName(group: G): string;
  /** As ListGroups tells it. */
  listed(group: G): ListedGroup;
  /** Nobody is in the group, and it may be deleted. */
  isEmpty(group: G): boolean;
  /** May this committer store offsets? NONE, why not, or a question for each partition. */
  checkCommit(group: G, committer: OffsetCommitter): ErrorCode | PartitionCheck;
  /** May offsets be told to somebody who says to be this member, in this epoch? */
  checkFetch(group: G, memberId: string | null, memberEpoch: number): ErrorCode;
  /** What a commit says of the committer's life. */
  heardOfCommitter(group: G, committer: OffsetCommitter): TimerCommand<GroupDeadline>[];
  /** May offsets be deleted one by one? Those of topics in use are refused one by one. */
  checkOffsetDelete(group: G): ErrorCode;
  /** Whether the group reads a topic: then its offsets stay. */
  readsTopic(group: G, topic: string): boolean;
  /** From when the retention of an offset counts, given when it was committed; undefined when offsets of this group do not expire. */
  expiryBase(group: G, commitTimestampMs: number): number | undefined;
  /** Whether an empty group without offsets is forgotten in time. */
  readonly expires: boolean;
  /** Deletes the group. */
  tombstones(group: G): CoordinatorRecord[];
}
