/**
 * A consumer group in which only members of the classic protocol are left becomes a classic group again (KIP-848, online migration).
 */
import type { CoordinatorRecord } from "../../state-machine/coordinator-record.ts";
import type { TimerCommand } from "../../state-machine/decision.ts";
import { PersistentMap } from "../../state-machine/persistent-map.ts";
import {
  type ClassicGroup,
  type ClassicMember,
  CONSUMER_PROTOCOL_TYPE,
  emptyClassicGroup,
  metadataOf,
  NO_ASSIGNMENT,
} from "../classic/classic-group.ts";
import { GroupDraft } from "../classic/group-draft.ts";
import { prepareRebalance } from "../classic/rebalance.ts";
import { subscribedTopics } from "../classic/subscribed-topics.ts";
import type { GroupDeadline, GroupDecision } from "../group-decision.ts";
import { noDeadlines } from "./consumer-deadlines.ts";
import { type ConsumerGroup, targetOf } from "./consumer-group.ts";
import type { ConsumerMember } from "./consumer-member.ts";
import { allGone } from "./consumer-records.ts";
import type { ConsumerRules } from "./consumer-rules.ts";
import { writeAssignment } from "./embedded-protocol.ts";

/** Whether the group is to be classic once these members are gone. */
export function mayDowngradeWithout(
  group: ConsumerGroup,
  gone: readonly ConsumerMember[],
  { settings, classicMaxSize }: ConsumerRules,
): boolean {
  const left = group.members.size - gone.length;
  const classicLeft = group.classicMemberCount - gone.filter(({ classic }) => classic !== null).length;
  return left > 0 && classicLeft === left && settings.migration.downgrade && left <= classicMaxSize;
}

/** The group without these members, as a classic one that begins a rebalance. */
export function downgraded<R>(
  group: ConsumerGroup,
  gone: readonly ConsumerMember[],
  rules: ConsumerRules,
  response?: R,
): GroupDecision<R> {
  const leaving = new Set(gone.map(({ memberId }) => memberId));
  const staying = [...group.members.values()].filter(({ memberId }) => !leaving.has(memberId));
  return asClassicGroup(group, staying, true, rules, response);
}

/**
 * @param members who is in it; the target of the consumer group is what they have.
 * @param rebalances somebody left or reads other topics: they all join again.
 * @param preceding records of what led to it.
 */
export function asClassicGroup<R>(
  group: ConsumerGroup,
  members: readonly ConsumerMember[],
  rebalances: boolean,
  rules: ConsumerRules,
  response?: R,
  preceding: readonly CoordinatorRecord[] = [],
): GroupDecision<R> {
  const draft = new GroupDraft(classicGroupOf(group, members, rules), rules.nowMs);
  draft.persist();
  for (const member of draft.members.values()) draft.restartSession(member);
  if (rebalances) prepareRebalance(draft, rules.initialRebalanceDelayMs);
  const decision = draft.decide(response);
  const cancelled = [...group.members.keys()].flatMap((memberId): TimerCommand<GroupDeadline>[] =>
    noDeadlines(group.groupId, memberId),
  );
  return {
    ...decision,
    records: [...preceding, ...allGone(group), ...(decision.records ?? [])],
    timers: [...cancelled, ...(decision.timers ?? [])],
  };
}

function classicGroupOf(
  group: ConsumerGroup,
  members: readonly ConsumerMember[],
  { image, nowMs }: ConsumerRules,
): ClassicGroup {
  const { groupId, groupEpoch } = group;
  const empty = new GroupDraft(emptyClassicGroup(groupId, nowMs), nowMs);
  for (const member of members) empty.add(classicMember(member), CONSUMER_PROTOCOL_TYPE);
  const protocolName = empty.selectProtocol();
  const withAssignments = [...empty.members.values()].map((member): [string, ClassicMember] => {
    const target = targetOf(group, member.memberId);
    const assignment = writeAssignment(target, metadataOf(member, protocolName), image);
    return [member.memberId, { ...member, assignment }];
  });
  return {
    ...empty.group,
    state: "Stable",
    generationId: groupEpoch,
    protocolName,
    members: PersistentMap.of(withAssignments),
    subscribedTopics: subscribedTopics(withAssignments.map(([, member]) => metadataOf(member, protocolName))),
  };
}

function classicMember(member: ConsumerMember): ClassicMember {
  const { classic } = member;
  return {
    memberId: member.memberId,
    groupInstanceId: member.instanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    sessionTimeoutMs: classic?.sessionTimeoutMs ?? 0,
    protocols: classic?.supportedProtocols ?? [],
    assignment: NO_ASSIGNMENT,
    isNew: false,
    join: undefined,
    sync: undefined,
  };
}
