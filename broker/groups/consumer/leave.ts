/**
 * Members that go: because they say so, because they were silent or slow, because an administrator removes them.
 *
 * Owns: what is left of them, and that a group whose last members all speak the classic protocol becomes classic again.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { LeaveResult, LeavingMember } from "../classic/leave.ts";
import type { Group } from "../group.ts";
import type { GroupDecision } from "../group-decision.ts";
import { NOTHING_OWNED } from "./assignment.ts";
import { type ConsumerDeadline, noDeadlines } from "./consumer-deadlines.ts";
import { ConsumerDraft } from "./consumer-draft.ts";
import { type ConsumerGroup, staticMemberOf } from "./consumer-group.ts";
import { type ConsumerMember, LEAVE_FOR_A_WHILE_EPOCH } from "./consumer-member.ts";
import { assignmentGone, epochMoved, memberGone, memberMoved, regexGone, targetGone } from "./consumer-records.ts";
import type { ConsumerRules } from "./consumer-rules.ts";
import { downgraded, mayDowngradeWithout } from "./downgrade.ts";
import { type HeartbeatRequest, type HeartbeatResponse, notConsumer } from "./heartbeat-messages.ts";
import { requireInstance } from "./member-admission.ts";
import { metadataHash } from "./metadata-hash.ts";

/** @throws KafkaError GROUP_ID_NOT_FOUND, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID. */
export function decideConsumerLeave(
  group: Group | undefined,
  { groupId, memberId, instanceId, memberEpoch }: HeartbeatRequest,
  rules: ConsumerRules,
): GroupDecision<HeartbeatResponse> {
  if (group?.type !== "consumer") {
    const detail = group === undefined ? `Group ${groupId} not found.` : notConsumer(groupId);
    throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, detail);
  }
  const member = memberOf(group, memberId, instanceId);
  const response: HeartbeatResponse = {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    memberId: member.memberId,
    memberEpoch,
    heartbeatIntervalMs: 0,
    assignment: null,
  };
  if (instanceId === null || memberEpoch !== LEAVE_FOR_A_WHILE_EPOCH) {
    return withoutMembers(group, [member], rules, response);
  }
  // It keeps what it has until its session ends: whoever comes back under the instance id takes it over.
  const draft = new ConsumerDraft(group, group);
  draft.step(memberMoved(group, { ...member, memberEpoch, pendingRevocation: NOTHING_OWNED }));
  return draft.decide(response);
}

/** @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID. */
export function memberOf(group: ConsumerGroup, memberId: string, instanceId: string | null): ConsumerMember {
  if (instanceId === null) {
    const member = group.members.get(memberId);
    if (member !== undefined) return member;
    throw new KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of group ${group.groupId}.`);
  }
  const member = staticMemberOf(group, instanceId);
  if (member === undefined) throw new KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`);
  requireInstance(member, memberId, instanceId);
  return member;
}

/** LeaveGroup on a consumer group: each member leaves or not by itself; what follows from it follows once. */
export function decideLeaveConsumer(
  group: ConsumerGroup,
  leaving: readonly LeavingMember[],
  rules: ConsumerRules,
): GroupDecision<LeaveResult[]> {
  const gone = new Map<string, ConsumerMember>();
  const results = leaving.map(({ memberId, groupInstanceId }): LeaveResult => {
    try {
      const named = groupInstanceId === null ? undefined : staticMemberOf(group, groupInstanceId);
      // An administrator knows no member id.
      const id = memberId === "" && named !== undefined ? named.memberId : memberId;
      const member = memberOf(group, id, groupInstanceId);
      gone.set(member.memberId, member);
      return { memberId, groupInstanceId, errorCode: ErrorCode.NONE };
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      return { memberId, groupInstanceId, errorCode: error.code };
    }
  });
  return gone.size === 0 ? { response: results } : withoutMembers(group, [...gone.values()], rules, results);
}

/** What the passing of time makes of a member. */
export function decideConsumerDeadline(
  group: Group | undefined,
  event: ConsumerDeadline,
  rules: ConsumerRules,
): GroupDecision<never> {
  const member = group?.type === "consumer" ? group.members.get(event.memberId) : undefined;
  if (group?.type !== "consumer" || member === undefined) return {};
  // It has moved on since.
  if (event.kind === "consumerRevocation" && member.memberEpoch !== event.memberEpoch) return {};
  return withoutMembers(group, [member], rules);
}

/** The group without these members: with a new epoch, or of the classic protocol. */
export function withoutMembers<R>(
  group: ConsumerGroup,
  gone: readonly ConsumerMember[],
  rules: ConsumerRules,
  response?: R,
): GroupDecision<R> {
  if (mayDowngradeWithout(group, gone, rules)) return downgraded(group, gone, rules, response);
  const draft = new ConsumerDraft(group, group);
  const { groupId } = group;
  for (const { memberId } of gone) {
    draft.step(assignmentGone(draft.group, memberId));
    draft.step(targetGone(draft.group, memberId));
    draft.step(memberGone(draft.group, memberId));
    draft.timers.push(...noDeadlines(groupId, memberId));
  }
  for (const { subscribedTopicRegex: regex } of gone) {
    if (regex === null || regex === "" || draft.group.regexCounts.has(regex)) continue;
    if (draft.group.resolvedRegexes.has(regex)) draft.step(regexGone(draft.group, regex));
  }
  const hash = metadataHash(draft.group.subscriptions.keys(), rules.image);
  draft.step(epochMoved(draft.group, draft.group.groupEpoch + 1, hash));
  draft.note({ ...draft.group, seenTopicsOffset: rules.topicsOffset });
  return draft.decide(response);
}
