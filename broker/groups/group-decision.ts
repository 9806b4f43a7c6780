/**
 * Decisions about groups, in the words of this machine: what can change, and which deadlines there are.
 */
import type { Decision } from "../state-machine/decision.ts";
import type { ClassicDeadline } from "./classic/deadline-keys.ts";
import type { ConsumerDeadline } from "./consumer/consumer-deadlines.ts";
import type { Group } from "./group.ts";
import type { ShareDeadline } from "./share/share-deadlines.ts";
import type { StreamsDeadline } from "./streams/streams-deadlines.ts";

/** A group became this, and no record says so. */
export interface GroupChange {
  readonly groupId: string;
  readonly group: Group;
}

export type GroupDeadline =
  | ClassicDeadline
  | ConsumerDeadline
  | StreamsDeadline
  | ShareDeadline
  /** Look for offsets and groups that have expired: among these groups, or among all. */
  | { readonly kind: "expire"; readonly groupIds: readonly string[] | undefined };

/** Work that takes long, to be done beside the machine; what it finds comes back as a decision. */
export type GroupEffect = ResolveEffect | InitializeEffect;

export interface ResolveEffect {
  readonly kind: "resolveRegexes";
  readonly groupId: string;
  readonly regexes: readonly string[];
}

/** Where a share partition starts is for its leader to find. */
export const NO_START_OFFSET = -1;

/** The keeper of share partitions' state is to begin with these. */
export interface InitializeEffect {
  readonly kind: "initializeSharePartitions";
  readonly groupId: string;
  readonly stateEpoch: number;
  readonly partitions: readonly InitializedPartition[];
}

export interface InitializedPartition {
  readonly topicId: string;
  /** Of the topic. */
  readonly name: string;
  readonly partition: number;
  readonly startOffset: number;
}

export type GroupDecision<R> = Decision<R, GroupChange, GroupDeadline, GroupEffect>;

export function groupChange(group: Group): GroupChange {
  return { groupId: group.groupId, group };
}
