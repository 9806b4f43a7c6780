/**
 * A group of the consumer protocol (KIP-848), as one immutable value: its epochs, its members, what they are to have.
 *
 * Owns: what a group is, and the counts that follow from its members. Leaves to consumer-records.ts: what changes it; to
 * heartbeat.ts, leave.ts, classic-members.ts: what requests make of it. All of it is in records, save `seenTopicsOffset` and
 * `resolvingSinceMs`, which are lost with the coordinator and found out again.
 *
 * Three epochs: the group's moves when members, subscriptions or topics change; the assignment's follows when a target has been
 * computed for it; a member's when it has given up what is others' by that target.
 */
import { PersistentMap } from "../../state-machine/persistent-map.ts";
import { type Assignment, NO_PARTITIONS } from "./assignment.ts";
import { type ConsumerMember, isReconciledTo, regexOf } from "./consumer-member.ts";
import { PartitionEpochs } from "./partition-epochs.ts";

/** Kafka's names, as ConsumerGroupDescribe and ListGroups tell them. */
export type ConsumerGroupState = "Empty" | "Assigning" | "Reconciling" | "Stable";

/** Topics that a regular expression stands for. */
export interface ResolvedRegex {
  /** Sorted. */
  readonly topics: readonly string[];
  /** Offset of the metadata it was resolved with. */
  readonly imageOffset: number;
  /** Wall clock. */
  readonly resolvedMs: number;
}

/** How a topic is read: by so many members that name it, and by so many regular expressions. */
export interface SubscriptionCount {
  readonly byName: number;
  readonly byRegex: number;
}

export interface ConsumerGroup {
  readonly type: "consumer";
  readonly groupId: string;
  readonly groupEpoch: number;
  /** Of the topics it reads, as of the group epoch. */
  readonly metadataHash: bigint;
  readonly assignmentEpoch: number;
  /** Wall clock; 0 when not known. */
  readonly assignmentTimestampMs: number;
  readonly members: PersistentMap<ConsumerMember>;
  /** Member id by instance id. */
  readonly staticMembers: PersistentMap<string>;
  /** What members are to have, by member id. */
  readonly targetAssignment: PersistentMap<Assignment>;
  readonly resolvedRegexes: PersistentMap<ResolvedRegex>;
  /** A record of an older release is in the log, to be deleted with the next change. */
  readonly hasPartitionMetadataRecord: boolean;
  readonly subscriptions: PersistentMap<SubscriptionCount>;
  /** Members by regular expression. */
  readonly regexCounts: PersistentMap<number>;
  /** Members by the assignor they ask for. */
  readonly assignorCounts: PersistentMap<number>;
  readonly classicMemberCount: number;
  /** Classic members by protocol they support. */
  readonly classicProtocolCounts: PersistentMap<number>;
  readonly partitionEpochs: PartitionEpochs;
  /** Offset of the metadata in which topics were last compared with the hash; undefined: compare at the next heartbeat. */
  readonly seenTopicsOffset: number | undefined;
  /** Its regular expressions are being resolved, since this time of the wall clock. */
  readonly resolvingSinceMs: number | undefined;
}

/** A group has these before its first change. */
const FIRST_EPOCH = 1;

export function emptyConsumerGroup(groupId: string): ConsumerGroup {
  return {
    type: "consumer",
    groupId,
    groupEpoch: FIRST_EPOCH,
    metadataHash: 0n,
    assignmentEpoch: FIRST_EPOCH,
    assignmentTimestampMs: 0,
    members: PersistentMap.empty(),
    staticMembers: PersistentMap.empty(),
    targetAssignment: PersistentMap.empty(),
    resolvedRegexes: PersistentMap.empty(),
    hasPartitionMetadataRecord: false,
    subscriptions: PersistentMap.empty(),
    regexCounts: PersistentMap.empty(),
    assignorCounts: PersistentMap.empty(),
    classicMemberCount: 0,
    classicProtocolCounts: PersistentMap.empty(),
    partitionEpochs: PartitionEpochs.EMPTY,
    seenTopicsOffset: undefined,
    resolvingSinceMs: undefined,
  };
}

// What can be read off it.

export function stateOf(group: ConsumerGroup): ConsumerGroupState {
  if (group.members.size === 0) return "Empty";
  if (group.groupEpoch > group.assignmentEpoch) return "Assigning";
  for (const member of group.members.values()) {
    if (!isReconciledTo(member, group.assignmentEpoch)) return "Reconciling";
  }
  return "Stable";
}

export function staticMemberOf(group: ConsumerGroup, instanceId: string | null): ConsumerMember | undefined {
  const memberId = instanceId === null ? undefined : group.staticMembers.get(instanceId);
  return memberId === undefined ? undefined : group.members.get(memberId);
}

export function targetOf(group: ConsumerGroup, memberId: string): Assignment {
  return group.targetAssignment.get(memberId) ?? NO_PARTITIONS;
}

/** Topics a member reads: those it names, and those its regular expression stands for. */
export function topicNamesOf(group: ConsumerGroup, member: ConsumerMember): readonly string[] {
  const names = member.subscribedTopicNames;
  const regex = regexOf(member);
  const resolved = regex === undefined ? undefined : group.resolvedRegexes.get(regex)?.topics;
  if (resolved === undefined || resolved.length === 0) return names;
  return names.length === 0 ? resolved : [...new Set([...names, ...resolved])];
}

/** Whether all members read the same topics; then assigning is simpler. */
export function isHomogeneous(group: ConsumerGroup): boolean {
  const memberCount = group.members.size;
  const [firstRegex] = group.regexCounts.entries();
  if (firstRegex === undefined) return everyCount(group, ({ byName }) => byName === memberCount);
  const allByOne = group.regexCounts.size === 1 && firstRegex[1] === memberCount;
  return allByOne && everyCount(group, ({ byName, byRegex }) => byRegex === 1 && byName === 0);
}

function everyCount({ subscriptions }: ConsumerGroup, holds: (count: SubscriptionCount) => boolean): boolean {
  for (const count of subscriptions.values()) if (!holds(count)) return false;
  return true;
}

// What becomes of it.

/** The group after a member became another, came (`before` undefined) or went (`now` undefined), with all that follows. */
export function withMember(
  group: ConsumerGroup,
  before: ConsumerMember | undefined,
  now: ConsumerMember | undefined,
): ConsumerGroup {
  const memberId = (now ?? before)?.memberId as string;
  return {
    ...group,
    members: now === undefined ? group.members.without(memberId) : group.members.with(memberId, now),
    staticMembers: staticMembersAfter(group, before, now),
    subscriptions: subscriptionsAfter(group, before, now),
    regexCounts: countsAfter(group.regexCounts, asList(regexOf(before)), asList(regexOf(now))),
    assignorCounts: countsAfter(
      group.assignorCounts,
      asList(before?.serverAssignor ?? undefined),
      asList(now?.serverAssignor ?? undefined),
    ),
    classicMemberCount:
      group.classicMemberCount + Number((now?.classic ?? null) !== null) - Number((before?.classic ?? null) !== null),
    classicProtocolCounts: countsAfter(group.classicProtocolCounts, protocolNames(before), protocolNames(now)),
    partitionEpochs: group.partitionEpochs.replaced(before, now),
  };
}

function staticMembersAfter(
  { staticMembers }: ConsumerGroup,
  before: ConsumerMember | undefined,
  now: ConsumerMember | undefined,
): PersistentMap<string> {
  let after = staticMembers;
  const gone = before?.instanceId ?? null;
  // Another member may have taken the instance over (KAFKA-20747).
  if (gone !== null && gone !== now?.instanceId && after.get(gone) === before?.memberId) after = after.without(gone);
  const instanceId = now?.instanceId ?? null;
  if (now === undefined || instanceId === null || after.get(instanceId) === now.memberId) return after;
  return after.with(instanceId, now.memberId);
}

function subscriptionsAfter(
  { subscriptions }: ConsumerGroup,
  before: ConsumerMember | undefined,
  now: ConsumerMember | undefined,
): PersistentMap<SubscriptionCount> {
  if (before?.subscribedTopicNames === now?.subscribedTopicNames) return subscriptions;
  let after = subscriptions;
  for (const topic of before?.subscribedTopicNames ?? []) after = counted(after, topic, -1, 0);
  for (const topic of now?.subscribedTopicNames ?? []) after = counted(after, topic, 1, 0);
  return after;
}

function counted(
  counts: PersistentMap<SubscriptionCount>,
  topic: string,
  byName: number,
  byRegex: number,
): PersistentMap<SubscriptionCount> {
  const known = counts.get(topic);
  const count = { byName: (known?.byName ?? 0) + byName, byRegex: (known?.byRegex ?? 0) + byRegex };
  return count.byName <= 0 && count.byRegex <= 0 ? counts.without(topic) : counts.with(topic, count);
}

function countsAfter(
  counts: PersistentMap<number>,
  before: readonly string[],
  now: readonly string[],
): PersistentMap<number> {
  if (before.length === now.length && before.every((key, index) => key === now[index])) return counts;
  let after = counts;
  for (const key of before) {
    const count = (after.get(key) ?? 1) - 1;
    after = count === 0 ? after.without(key) : after.with(key, count);
  }
  for (const key of now) after = after.with(key, (after.get(key) ?? 0) + 1);
  return after;
}

function asList(key: string | undefined): readonly string[] {
  return key === undefined ? [] : [key];
}

function protocolNames(member: ConsumerMember | undefined): readonly string[] {
  const classic = member?.classic ?? null;
  return classic === null ? [] : [...new Set(classic.supportedProtocols.map(({ name }) => name))];
}

/** The group after a regular expression came to stand for other topics, or (undefined) for none that anybody reads. */
export function withRegex(group: ConsumerGroup, regex: string, resolved: ResolvedRegex | undefined): ConsumerGroup {
  let { subscriptions } = group;
  const before = group.resolvedRegexes.get(regex);
  for (const topic of before?.topics ?? []) subscriptions = counted(subscriptions, topic, 0, -1);
  for (const topic of resolved?.topics ?? []) subscriptions = counted(subscriptions, topic, 0, 1);
  const resolvedRegexes =
    resolved === undefined ? group.resolvedRegexes.without(regex) : group.resolvedRegexes.with(regex, resolved);
  return { ...group, subscriptions, resolvedRegexes };
}
