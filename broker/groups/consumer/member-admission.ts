/**
 * Who a request is from: a member of the group, a new one, or a static member that comes back in the place of the one it was.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { ownsAll, type TopicPartitions } from "./assignment.ts";
import { noDeadlines } from "./consumer-deadlines.ts";
import type { ConsumerDraft } from "./consumer-draft.ts";
import { staticMemberOf, targetOf } from "./consumer-group.ts";
import { type ConsumerMember, JOIN_EPOCH, LEAVE_FOR_A_WHILE_EPOCH, newConsumerMember } from "./consumer-member.ts";
import { assignmentGone, memberGone, memberMoved, memberSaid, memberTargeted, targetGone } from "./consumer-records.ts";
import type { ConsumerRules } from "./consumer-rules.ts";

export interface Claim {
  readonly memberId: string;
  readonly memberEpoch: number;
  /** What it says it has. */
  readonly topicPartitions: readonly TopicPartitions[] | null;
}

export interface StaticClaim extends Claim {
  readonly instanceId: string;
}

/** @throws KafkaError GROUP_MAX_SIZE_REACHED; who is in the group may stay. */
export function requireRoom(draft: ConsumerDraft, memberId: string, { settings }: ConsumerRules): void {
  const { members } = draft.group;
  const { maxGroupSize } = settings;
  if (members.size < maxGroupSize || members.has(memberId)) return;
  throw new KafkaError(
    ErrorCode.GROUP_MAX_SIZE_REACHED,
    `The consumer group has reached its maximum capacity of ${maxGroupSize} members.`,
  );
}

/**
 * @param joins an unknown member is new. @param classic it speaks the classic protocol, in which epochs are checked elsewhere.
 * @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH.
 */
export function admitDynamicMember(
  draft: ConsumerDraft,
  claim: Claim,
  joins: boolean,
  classic: boolean,
): ConsumerMember {
  const { members, groupId } = draft.group;
  const { memberId } = claim;
  const member = members.get(memberId);
  if (member === undefined) {
    if (joins) return newConsumerMember(memberId);
    throw new KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of group ${groupId}.`);
  }
  if (!classic) requireEpoch(member, claim);
  return member;
}

/** @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, FENCED_INSTANCE_ID, UNRELEASED_INSTANCE_ID. */
export function admitStaticMember(
  draft: ConsumerDraft,
  claim: StaticClaim,
  joins: boolean,
  classic: boolean,
): ConsumerMember {
  const { group } = draft;
  const { memberId, instanceId } = claim;
  const known = staticMemberOf(group, instanceId);
  if (known === undefined) {
    if (!joins) throw new KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`);
    return group.members.get(memberId) ?? newConsumerMember(memberId);
  }
  if (!joins) {
    requireInstance(known, memberId, instanceId);
    if (!classic) requireEpoch(known, claim);
    return known;
  }
  if (known.memberId === memberId) return known;
  // Between members of this protocol the one there is has to have gone; the classic protocol lets the newcomer win.
  if (!classic && known.classic === null && known.memberEpoch !== LEAVE_FOR_A_WHILE_EPOCH) {
    throw new KafkaError(
      ErrorCode.UNRELEASED_INSTANCE_ID,
      `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is owned by ${known.memberId} member.`,
    );
  }
  return replaceMember(draft, known, memberId);
}

/** @throws KafkaError FENCED_INSTANCE_ID when the instance is another member. */
export function requireInstance(member: ConsumerMember, memberId: string, instanceId: string): void {
  if (member.memberId === memberId) return;
  throw new KafkaError(
    ErrorCode.FENCED_INSTANCE_ID,
    `Static member ${memberId} with instance id ${instanceId} was fenced by member ${member.memberId}.`,
  );
}

/** The newcomer has what the member had that it replaces, and is to have what that was to have. */
function replaceMember(draft: ConsumerDraft, old: ConsumerMember, memberId: string): ConsumerMember {
  const target = targetOf(draft.group, old.memberId);
  const now: ConsumerMember = { ...old, memberId, memberEpoch: JOIN_EPOCH, previousMemberEpoch: JOIN_EPOCH };
  draft.step(assignmentGone(draft.group, old.memberId));
  draft.step(targetGone(draft.group, old.memberId));
  draft.step(memberGone(draft.group, old.memberId));
  draft.step(memberSaid(draft.group, now));
  draft.step(memberTargeted(draft.group, memberId, target));
  draft.step(memberMoved(draft.group, now));
  draft.timers.push(...noDeadlines(draft.group.groupId, old.memberId));
  return now;
}

/**
 * An epoch ahead is of another life; one behind is accepted only where the answer that told the new one may have been lost.
 */
function requireEpoch(member: ConsumerMember, { memberEpoch, topicPartitions }: Claim): void {
  if (memberEpoch === JOIN_EPOCH || memberEpoch === member.memberEpoch) return;
  const ahead = memberEpoch > member.memberEpoch;
  const isPrevious = memberEpoch === member.previousMemberEpoch;
  if (!ahead && isPrevious && topicPartitions !== null && ownsAll(member.assigned, topicPartitions)) return;
  throw new KafkaError(
    ErrorCode.FENCED_MEMBER_EPOCH,
    `The consumer group member has a ${ahead ? "greater" : "smaller"} member epoch (${memberEpoch}) than the one known by the group coordinator (${member.memberEpoch}). The member must abandon all its partitions and rejoin.`,
  );
}
