/**
 * Members of the classic protocol in a consumer group: JoinGroup, SyncGroup and Heartbeat answered from it (KIP-848, online
 * migration). Their generation is their member epoch; a step of reconciliation is a round of joining and syncing.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type {
  HeartbeatRequest,
  HeartbeatResponse,
  JoinGroupRequest,
  SyncGroupRequest,
} from "../../../protocol/messages/classic-group.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { cutToRecord } from "../../state-machine/coordinator-record.ts";
import {
  CONSUMER_PROTOCOL_TYPE,
  type JoinResponse,
  NO_ASSIGNMENT,
  type SyncResponse,
} from "../classic/classic-group.ts";
import { type JoiningClient, MEMBER_ID_REQUIRED_VERSION } from "../classic/join.ts";
import { joinError, syncError } from "../classic/responses.ts";
import type { GroupDecision } from "../group-decision.ts";
import { withoutEpochs } from "./assignment.ts";
import { deadline, deadlineKey } from "./consumer-deadlines.ts";
import { ConsumerDraft } from "./consumer-draft.ts";
import { type ConsumerGroup, staticMemberOf, targetOf } from "./consumer-group.ts";
import { type ClassicMemberMetadata, type ConsumerMember, MemberState, namesOf } from "./consumer-member.ts";
import type { ConsumerRules } from "./consumer-rules.ts";
import { asClassicGroup } from "./downgrade.ts";
import { type EmbeddedSubscription, readSubscription, withIds, writeAssignment } from "./embedded-protocol.ts";
import { memberOf } from "./leave.ts";
import { admitDynamicMember, admitStaticMember, requireRoom } from "./member-admission.ts";
import { describeSelf, follow, reconcile } from "./member-progress.ts";
import { NO_EPOCH } from "./partition-epochs.ts";

type JoinRequest = Decode<typeof JoinGroupRequest>;
type SyncRequest = Decode<typeof SyncGroupRequest>;

const NO_MEMBER_EPOCH = -1;

/** @throws KafkaError when it may not join. */
export function decideJoinConsumer(
  group: ConsumerGroup,
  request: JoinRequest,
  client: Pick<JoiningClient, "clientId" | "clientHost" | "apiVersion"> & { readonly newMemberId: string },
  rules: ConsumerRules,
): GroupDecision<JoinResponse> {
  const { groupInstanceId: instanceId, protocols } = request;
  const isUnknown = request.memberId === "";
  const memberId = isUnknown ? client.newMemberId : request.memberId;
  const draft = new ConsumerDraft(group, group);
  requireRoom(draft, memberId, rules);
  const subscription = requireProtocols(group, request);
  if (isUnknown && instanceId === null && client.apiVersion >= MEMBER_ID_REQUIRED_VERSION) {
    return { response: joinError(ErrorCode.MEMBER_ID_REQUIRED, memberId) };
  }
  const claim = { memberId, memberEpoch: NO_MEMBER_EPOCH, topicPartitions: [] };
  const before =
    instanceId === null
      ? admitDynamicMember(draft, claim, true, true)
      : admitStaticMember(draft, { ...claim, instanceId }, isUnknown, true);
  const said = describeSelf(draft, before, saying(before, request, client, subscription), rules);
  const owned = withIds(subscription.ownedPartitions, rules.image);
  const { groupId } = group;
  const protocolName = protocols[0]?.name ?? null;
  const answer = (member: ConsumerMember): JoinResponse => ({
    errorCode: ErrorCode.NONE,
    generationId: member.memberEpoch,
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocolName,
    leader: "",
    skipAssignment: false,
    memberId,
    members: [],
  });
  if (replacesLastConsumer(group, instanceId, memberId, rules)) {
    const member = said.subscriptionChanged
      ? (draft.group.members.get(memberId) as ConsumerMember)
      : reconcile(draft, memberId, false, owned, rules);
    return asClassicGroup(
      draft.group,
      [...draft.group.members.values()],
      said.subscriptionChanged,
      rules,
      answer(member),
      draft.decide().records,
    );
  }
  const member = follow(draft, memberId, said, owned, rules);
  draft.timers.push(
    { key: deadlineKey("consumerJoin", groupId, memberId), cancel: true },
    deadline({ kind: "consumerSession", groupId, memberId }, request.sessionTimeoutMs),
    deadline({ kind: "consumerSync", groupId, memberId }, request.rebalanceTimeoutMs),
  );
  return draft.decide(answer(member));
}

/** @throws KafkaError INCONSISTENT_GROUP_PROTOCOL when the member does not fit in, or its subscription cannot be read. */
function requireProtocols(group: ConsumerGroup, { protocolType, protocols }: JoinRequest): EmbeddedSubscription {
  const { members, classicMemberCount, classicProtocolCounts } = group;
  const fits =
    members.size === 0 || protocols.some(({ name }) => (classicProtocolCounts.get(name) ?? 0) === classicMemberCount);
  const [first] = protocols;
  const subscription = first === undefined ? undefined : readSubscription(first.metadata);
  if (protocolType !== CONSUMER_PROTOCOL_TYPE || !fits || subscription === undefined) {
    throw new KafkaError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  }
  return subscription;
}

function saying(
  member: ConsumerMember,
  request: JoinRequest,
  client: { readonly clientId: string; readonly clientHost: string },
  subscription: EmbeddedSubscription,
): ConsumerMember {
  const { groupInstanceId, rebalanceTimeoutMs, sessionTimeoutMs, protocols } = request;
  return {
    ...member,
    instanceId: groupInstanceId ?? member.instanceId,
    rackId: subscription.rackId === null || subscription.rackId === "" ? member.rackId : subscription.rackId,
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : rebalanceTimeoutMs,
    subscribedTopicNames: namesOf(subscription.topics, member.subscribedTopicNames),
    subscribedTopicRegex: "",
    clientId: cutToRecord(client.clientId),
    clientHost: client.clientHost,
    classic: { sessionTimeoutMs, supportedProtocols: protocols },
  };
}

/** A static member takes the place of the last one that speaks the consumer protocol. */
function replacesLastConsumer(
  group: ConsumerGroup,
  instanceId: string | null,
  memberId: string,
  { settings, classicMaxSize }: ConsumerRules,
): boolean {
  const known = staticMemberOf(group, instanceId);
  if (known === undefined || known.classic !== null || known.memberId === memberId) return false;
  const { size } = group.members;
  return group.classicMemberCount === size - 1 && settings.migration.downgrade && size <= classicMaxSize;
}

/** @throws KafkaError when it is not the member's turn. */
export function decideSyncConsumer(
  group: ConsumerGroup,
  request: SyncRequest,
  { image }: ConsumerRules,
): GroupDecision<SyncResponse> {
  const { groupId } = group;
  const { protocolType, protocolName } = request;
  const [member, classic] = classicMemberOf(group, request);
  const { memberId } = member;
  const [chosen] = classic.supportedProtocols;
  const differs =
    (protocolType !== null && protocolType !== CONSUMER_PROTOCOL_TYPE) ||
    (protocolName !== null && protocolName !== chosen?.name);
  if (differs) throw new KafkaError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  // One that has to give something up has joined already; it does so first.
  if (group.groupEpoch > member.memberEpoch && member.state !== MemberState.UNREVOKED_PARTITIONS) {
    return {
      response: syncError(ErrorCode.REBALANCE_IN_PROGRESS),
      timers: [{ ...deadline({ kind: "consumerJoin", groupId, memberId }, member.rebalanceTimeoutMs), ifAbsent: true }],
    };
  }
  const assignment = writeAssignment(withoutEpochs(member.assigned), chosen?.metadata ?? NO_ASSIGNMENT, image);
  return {
    response: { errorCode: ErrorCode.NONE, protocolType, protocolName, assignment },
    timers: [
      { key: deadlineKey("consumerSync", groupId, memberId), cancel: true },
      deadline({ kind: "consumerSession", groupId, memberId }, classic.sessionTimeoutMs),
    ],
  };
}

/** @throws KafkaError when it is no such member. */
export function decideHeartbeatConsumer(
  group: ConsumerGroup,
  request: Decode<typeof HeartbeatRequest>,
): GroupDecision<Encode<typeof HeartbeatResponse>> {
  const { groupId } = group;
  const [member, classic] = classicMemberOf(group, request);
  const { memberId } = member;
  const session = deadline({ kind: "consumerSession", groupId, memberId }, classic.sessionTimeoutMs);
  if (!hasToJoin(group, member)) return { response: { errorCode: ErrorCode.NONE }, timers: [session] };
  return {
    response: { errorCode: ErrorCode.REBALANCE_IN_PROGRESS },
    timers: [
      session,
      { ...deadline({ kind: "consumerJoin", groupId, memberId }, member.rebalanceTimeoutMs), ifAbsent: true },
    ],
  };
}

/** There is a new epoch, something to give up, or something to get that others have given up. */
function hasToJoin(group: ConsumerGroup, member: ConsumerMember): boolean {
  if (member.memberEpoch < group.groupEpoch || member.state === MemberState.UNREVOKED_PARTITIONS) return true;
  return member.state === MemberState.UNRELEASED_PARTITIONS && !waits(group, member);
}

function waits(group: ConsumerGroup, member: ConsumerMember): boolean {
  for (const [topicId, partitions] of targetOf(group, member.memberId)) {
    const own = member.assigned.get(topicId);
    for (const partition of partitions) {
      if (own?.has(partition) !== true && group.partitionEpochs.get(topicId, partition) !== NO_EPOCH) return true;
    }
  }
  return false;
}

/** @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION. */
function classicMemberOf(
  group: ConsumerGroup,
  request: { readonly memberId: string; readonly groupInstanceId: string | null; readonly generationId: number },
): [ConsumerMember, ClassicMemberMetadata] {
  const member = memberOf(group, request.memberId, request.groupInstanceId);
  if (member.classic === null) throw new KafkaError(ErrorCode.UNKNOWN_MEMBER_ID);
  if (member.memberEpoch !== request.generationId) throw new KafkaError(ErrorCode.ILLEGAL_GENERATION);
  return [member, member.classic];
}
