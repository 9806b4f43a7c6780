/**
 * What a member has next, on its way from what it has to what it is to have.
 *
 * First it gives up what is no longer its own, in the epoch it is in; then it enters the epoch of the target and gets what nobody
 * has any more, the rest as others give it up. Pure: who has a partition is asked of the group.
 * Invariant: no partition is given to a member while another has it (R147).
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { MetadataImage } from "../../metadata/metadata-image.ts";
import { type Assignment, NOTHING_OWNED, type OwnedPartitions, ownsAny, type TopicPartitions } from "./assignment.ts";
import { type ConsumerGroup, topicNamesOf } from "./consumer-group.ts";
import { type ConsumerMember, inEpoch, MemberState } from "./consumer-member.ts";
import { NO_EPOCH } from "./partition-epochs.ts";

export interface Reconciliation {
  readonly group: ConsumerGroup;
  readonly image: MetadataImage;
  readonly assignmentEpoch: number;
  readonly target: Assignment;
  /** What the member said it has; null: as before. */
  readonly owned: readonly TopicPartitions[] | null;
  /** It reads other topics than before. */
  readonly subscriptionChanged: boolean;
}

/**
 * The member after the next step; itself when there is none.
 * @throws KafkaError FENCED_MEMBER_EPOCH when its state is of a newer release: it has to begin anew.
 */
export function reconciled(member: ConsumerMember, by: Reconciliation): ConsumerMember {
  switch (member.state) {
    case MemberState.STABLE:
      if (member.memberEpoch !== by.assignmentEpoch) return advanced(member, by, member.memberEpoch);
      return by.subscriptionChanged ? withoutUnread(member, by) : member;
    case MemberState.UNREVOKED_PARTITIONS:
      if (!hasAnyOf(member.pendingRevocation, by.owned)) return advanced(member, by, member.memberEpoch);
      return by.subscriptionChanged ? withoutUnread(member, by) : member;
    case MemberState.UNRELEASED_PARTITIONS:
      return advanced(member, by, member.memberEpoch);
    case MemberState.UNKNOWN:
      if (by.owned === null || by.owned.length > 0) throw new KafkaError(ErrorCode.FENCED_MEMBER_EPOCH);
      return advanced(member, by, by.assignmentEpoch);
  }
}

/** Who does not say what it has may have all of it. */
function hasAnyOf(partitions: OwnedPartitions, owned: readonly TopicPartitions[] | null): boolean {
  return owned === null || ownsAny(partitions, owned);
}

function readTopicIds(member: ConsumerMember, { group, image }: Reconciliation): Set<string> {
  return new Set(topicNamesOf(group, member).flatMap((name) => image.topics.get(name)?.id ?? []));
}

/** Before there is a new target, it gives up topics it does not read any more. */
function withoutUnread(member: ConsumerMember, by: Reconciliation): ConsumerMember {
  const read = readTopicIds(member, by);
  const assigned = new Map(member.assigned);
  const revoked = new Map(member.pendingRevocation);
  for (const [topicId, epochs] of member.assigned) {
    if (read.has(topicId)) continue;
    assigned.delete(topicId);
    revoked.set(topicId, new Map([...(revoked.get(topicId) ?? []), ...epochs]));
  }
  if (assigned.size === member.assigned.size) return member;
  const now = { ...inEpoch(member, member.memberEpoch), assigned };
  if (!hasAnyOf(revoked, by.owned)) return now;
  return { ...now, state: MemberState.UNREVOKED_PARTITIONS, pendingRevocation: revoked };
}

/** Compares what it has with the target. @param memberEpoch the epoch in which it gives up what it must. */
function advanced(member: ConsumerMember, by: Reconciliation, memberEpoch: number): ConsumerMember {
  const read = readTopicIds(member, by);
  const kept = new Map<string, ReadonlyMap<number, number>>();
  const revoked = new Map<string, ReadonlyMap<number, number>>();
  const added: TopicPartitions[] = [];
  let waits = false;
  for (const topicId of new Set([...by.target.keys(), ...member.assigned.keys()])) {
    const target = new Set(read.has(topicId) ? by.target.get(topicId) : []);
    const epochs = [...(member.assigned.get(topicId) ?? [])];
    const keptHere = new Map(epochs.filter(([partition]) => target.has(partition)));
    const revokedHere = new Map(epochs.filter(([partition]) => !target.has(partition)));
    const ownRevoked = member.pendingRevocation.get(topicId);
    const isFree = (partition: number): boolean =>
      by.group.partitionEpochs.get(topicId, partition) === NO_EPOCH || ownRevoked?.has(partition) === true;
    const wanted = [...target].filter((partition) => !keptHere.has(partition));
    const free = wanted.filter(isFree);
    waits ||= free.length < wanted.length;
    if (keptHere.size > 0) kept.set(topicId, keptHere);
    if (revokedHere.size > 0) revoked.set(topicId, revokedHere);
    if (free.length > 0) added.push({ topicId, partitions: free });
  }
  if (revoked.size > 0 && hasAnyOf(revoked, by.owned)) {
    const giving = { ...inEpoch(member, memberEpoch), state: MemberState.UNREVOKED_PARTITIONS };
    return { ...giving, assigned: kept, pendingRevocation: revoked };
  }
  for (const { topicId, partitions } of added) {
    const since = partitions.map((partition): [number, number] => [partition, by.assignmentEpoch]);
    kept.set(topicId, new Map([...(kept.get(topicId) ?? []), ...since]));
  }
  const state = waits ? MemberState.UNRELEASED_PARTITIONS : MemberState.STABLE;
  return { ...inEpoch(member, by.assignmentEpoch), state, assigned: kept, pendingRevocation: NOTHING_OWNED };
}
