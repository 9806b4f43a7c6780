/**
 * A classic group of consumers becomes a consumer group, when the first member of the new protocol comes: the classic members stay,
 * with what they have (KIP-848, online migration).
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { Reply } from "../../state-machine/reply.ts";
import type { ClassicGroup, ClassicMember } from "../classic/classic-group.ts";
import { NO_ASSIGNMENT, usesConsumerProtocol } from "../classic/classic-group.ts";
import { joinKey, sessionKey, syncKey } from "../classic/deadline-keys.ts";
import { classicGroupGone } from "../classic/group-record.ts";
import { joinError, syncError } from "../classic/responses.ts";
import { type Assignment, ownedSince } from "./assignment.ts";
import { deadline } from "./consumer-deadlines.ts";
import { ConsumerDraft } from "./consumer-draft.ts";
import { emptyConsumerGroup } from "./consumer-group.ts";
import { type ConsumerMember, MemberState, namesOf, newConsumerMember } from "./consumer-member.ts";
import { epochMoved, memberMoved, memberSaid, memberTargeted, targetComputed } from "./consumer-records.ts";
import type { ConsumerRules } from "./consumer-rules.ts";
import { readAssignment, readSubscription } from "./embedded-protocol.ts";
import { metadataHash } from "./metadata-hash.ts";

/** @throws KafkaError GROUP_ID_NOT_FOUND when it must stay classic. */
export function upgraded(group: ClassicGroup, rules: ConsumerRules): ConsumerDraft {
  requireUpgradable(group, rules);
  const { groupId, generationId } = group;
  const members = [...group.members.values()].map((member) => converted(member, group, rules));
  const draft = new ConsumerDraft(emptyConsumerGroup(groupId), undefined, [classicGroupGone(groupId)]);
  for (const { member } of members) draft.step(memberSaid(draft.group, member));
  const hash = metadataHash(draft.group.subscriptions.keys(), rules.image);
  draft.step(epochMoved(draft.group, generationId, hash));
  for (const { member, assigned } of members) draft.step(memberTargeted(draft.group, member.memberId, assigned));
  draft.step(targetComputed(draft.group, generationId, 0));
  for (const { member } of members) draft.step(memberMoved(draft.group, member));
  leaveClassicPhases(draft, group);
  return draft;
}

function requireUpgradable(group: ClassicGroup, { settings }: ConsumerRules): void {
  if (!settings.migration.upgrade) refuse(group, "because online upgrade is disabled.");
  if (!usesConsumerProtocol(group)) refuse(group, "because the group does not use the consumer embedded protocol.");
  if (group.members.size > settings.maxGroupSize) {
    refuse(group, "because the group size exceeds the consumer group maximum size.");
  }
}

function refuse({ groupId }: ClassicGroup, because: string): never {
  const detail = `Cannot upgrade classic group ${groupId} to consumer group ${because}`;
  throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, detail);
}

/** A member with what it has; a rebalance that was under way begins anew. */
function converted(
  member: ClassicMember,
  group: ClassicGroup,
  { image }: ConsumerRules,
): { member: ConsumerMember; assigned: Assignment } {
  const { generationId } = group;
  const chosen = member.protocols.find(({ name }) => name === group.protocolName) ?? member.protocols[0];
  const subscription = readSubscription(chosen?.metadata ?? NO_ASSIGNMENT);
  const assignment = readAssignment(member.assignment, image);
  if (subscription === undefined || assignment === undefined) {
    return refuse(group, "because the embedded consumer protocol is malformed.");
  }
  if (assignment.hasUserData) {
    return refuse(
      group,
      "because an unsupported custom assignor is in use. Please refer to the documentation or switch to a default assignor before re-attempting the upgrade.",
    );
  }
  const { assigned } = assignment;
  return {
    assigned,
    member: {
      ...newConsumerMember(member.memberId),
      memberEpoch: generationId,
      previousMemberEpoch: generationId,
      state: MemberState.STABLE,
      instanceId: member.groupInstanceId,
      rackId: subscription.rackId === "" ? null : subscription.rackId,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopicNames: namesOf(subscription.topics, []),
      classic: { sessionTimeoutMs: member.sessionTimeoutMs, supportedProtocols: member.protocols },
      assigned: ownedSince(assigned, generationId),
    },
  };
}

/** Whoever waits in a phase of the classic protocol is to join again; its deadlines are those of a consumer group from now on. */
function leaveClassicPhases(draft: ConsumerDraft, group: ClassicGroup): void {
  const { groupId } = group;
  draft.timers.push({ key: joinKey(groupId), cancel: true }, { key: syncKey(groupId), cancel: true });
  for (const memberId of group.pendingJoins.keys()) {
    draft.timers.push({ key: sessionKey(groupId, memberId), cancel: true });
  }
  for (const { memberId, sessionTimeoutMs, join, sync } of group.members.values()) {
    draft.timers.push({ key: sessionKey(groupId, memberId), cancel: true });
    draft.timers.push(deadline({ kind: "consumerSession", groupId, memberId }, sessionTimeoutMs));
    const again = ErrorCode.REBALANCE_IN_PROGRESS;
    if (join !== undefined) draft.answers.push({ reply: parked(join), response: joinError(again, memberId) });
    if (sync !== undefined) draft.answers.push({ reply: parked(sync), response: syncError(again) });
  }
}

function parked<R>(reply: Reply<R>): Reply<unknown> {
  return reply as unknown as Reply<unknown>;
}
