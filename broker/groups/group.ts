/**
 * A group of any kind.
 *
 * Owns: the list of kinds. What the coordinator asks of all of them is in group-kind.ts; a new kind of group is one more member
 * of the union, and the compiler shows where it has to answer.
 */
import type { ClassicGroup } from "./classic/classic-group.ts";
import { CLASSIC_KIND } from "./classic/classic-kind.ts";
import type { ConsumerGroup } from "./consumer/consumer-group.ts";
import { CONSUMER_KIND } from "./consumer/consumer-kind.ts";
import type { GroupKind } from "./group-kind.ts";
import type { ShareGroup } from "./share/share-group.ts";
import { SHARE_KIND } from "./share/share-kind.ts";
import type { StreamsGroup } from "./streams/streams-group.ts";
import { STREAMS_KIND } from "./streams/streams-kind.ts";

export type Group = ClassicGroup | ConsumerGroup | ShareGroup | StreamsGroup;
export type GroupType = Group["type"];
export type GroupOf<T extends GroupType> = Extract<Group, { readonly type: T }>;

const KINDS: { readonly [T in GroupType]: GroupKind<GroupOf<T>> } = {
  classic: CLASSIC_KIND,
  consumer: CONSUMER_KIND,
  streams: STREAMS_KIND,
  share: SHARE_KIND,
};

/** Who answers for this group. */
export function kindOf(group: Group): GroupKind<Group> {
  return KINDS[group.type] as GroupKind<never> as GroupKind<Group>;
}

export function isEmpty(group: Group): boolean {
  return kindOf(group).isEmpty(group);
}
