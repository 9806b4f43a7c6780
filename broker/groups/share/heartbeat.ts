/**
 * ShareGroupHeartbeat: a member joins, says what it reads, is told which partitions, and leaves (KIP-932).
 *
 * Owns: the order of things: who it is, what it says, the group's epoch, the target, the member's next step. The common heartbeat,
 * from which nothing follows, writes nothing and computes nothing.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type {
  ShareGroupHeartbeatRequest,
  ShareGroupHeartbeatResponse,
} from "../../../protocol/messages/share-group.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { type Assignment, sameAssignment, topicPartitionsOf } from "../consumer/assignment.ts";
import { JOIN_EPOCH, LEAVE_EPOCH, namesOf, sameNames } from "../consumer/consumer-member.ts";
import { metadataHash } from "../consumer/metadata-hash.ts";
import type { Group } from "../group.ts";
import type { GroupDecision } from "../group-decision.ts";
import { RecordDraft } from "../record-draft.ts";
import { initializeMissing, isAssignmentPending } from "./initialization.ts";
import { requireShareGroup, withoutShareMember } from "./leave.ts";
import { sessionOf } from "./share-deadlines.ts";
import { emptyShareGroup, type ShareGroup, targetOf } from "./share-group.ts";
import { newShareMember, type ShareMember, saysTheSame } from "./share-member.ts";
import { forgotten, vanished } from "./share-partitions.ts";
import { epochMoved, memberMoved, memberSaid, partitionsKept } from "./share-records.ts";
import type { ShareRules } from "./share-rules.ts";
import { assignWhenDue } from "./target-assignment.ts";

export type ShareHeartbeat = Decode<typeof ShareGroupHeartbeatRequest>;
export type ShareHeartbeatResponse = Encode<typeof ShareGroupHeartbeatResponse>;

export interface ShareClient {
  readonly clientId: string;
  readonly clientHost: string;
}

export function shareHeartbeatError(errorCode: ErrorCode, errorMessage: string | null = null): ShareHeartbeatResponse {
  return { errorCode, errorMessage, memberId: null, memberEpoch: 0, heartbeatIntervalMs: 0, assignment: null };
}

/** A refusal changes nothing, and says why. @param group undefined when there is none of that id. */
export function decideShareHeartbeat(
  group: Group | undefined,
  request: ShareHeartbeat,
  client: ShareClient,
  rules: ShareRules,
): GroupDecision<ShareHeartbeatResponse> {
  try {
    return request.memberEpoch === LEAVE_EPOCH
      ? leave(group, request, rules)
      : beat(enter(group, request), request, client, rules);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return { response: shareHeartbeatError(error.code, error.message) };
  }
}

function enter(group: Group | undefined, { groupId, memberEpoch }: ShareHeartbeat): RecordDraft<ShareGroup> {
  if (group === undefined && memberEpoch === JOIN_EPOCH) return new RecordDraft(emptyShareGroup(groupId), undefined);
  const known = requireShareGroup(group, groupId);
  return new RecordDraft(known, known);
}

function beat(
  draft: RecordDraft<ShareGroup>,
  request: ShareHeartbeat,
  client: ShareClient,
  rules: ShareRules,
): GroupDecision<ShareHeartbeatResponse> {
  const { groupId, memberId, memberEpoch, subscribedTopicNames } = request;
  const before = admit(draft.group, request, rules);
  const isPending = isAssignmentPending(draft.group) && draft.group.groupEpoch <= draft.group.assignmentEpoch;
  const said = saying(before, request, client);
  if (!draft.group.members.has(memberId) || !saysTheSame(before, said)) draft.step(memberSaid(draft.group, said));
  const subscriptionChanged = !sameNames(before.subscribedTopicNames, said.subscribedTopicNames);
  const bump = subscriptionChanged || isPending;
  if (bump || draft.group.seenTopicsOffset !== rules.topicsOffset) refreshMetadata(draft, bump, rules);
  assignWhenDue(draft, rules);
  const now = reconcile(draft, memberId, subscriptionChanged, rules);
  initializeMissing(draft, rules);
  draft.timers.push(sessionOf(groupId, memberId, rules.sessionTimeoutMs));
  const isTold =
    memberEpoch === JOIN_EPOCH || subscribedTopicNames !== null || !sameAssignment(before.assigned, now.assigned);
  return draft.decide({
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    memberId,
    memberEpoch: now.memberEpoch,
    heartbeatIntervalMs: rules.heartbeatIntervalMs,
    assignment: isTold ? { topicPartitions: topicPartitionsOf(now.assigned) } : null,
  });
}

/** The member as it is known, or a new one. @throws KafkaError why it may not take part. */
function admit(
  group: ShareGroup,
  { memberId, memberEpoch }: ShareHeartbeat,
  { maxGroupSize }: ShareRules,
): ShareMember {
  const member = group.members.get(memberId);
  if (member === undefined && group.members.size >= maxGroupSize) {
    const detail = `The share group has reached its maximum capacity of ${maxGroupSize} members.`;
    throw new KafkaError(ErrorCode.GROUP_MAX_SIZE_REACHED, detail);
  }
  if (memberEpoch === JOIN_EPOCH) return member ?? newShareMember(memberId);
  if (member === undefined) {
    throw new KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of group ${group.groupId}.`);
  }
  // One epoch behind: the answer that said so was lost.
  if (memberEpoch !== member.memberEpoch && memberEpoch !== member.previousMemberEpoch) {
    const detail = `The member is in epoch ${member.memberEpoch}, not in ${memberEpoch}: it must give up its partitions and rejoin.`;
    throw new KafkaError(ErrorCode.FENCED_MEMBER_EPOCH, detail);
  }
  return member;
}

/** The member as it describes itself now; what it leaves out stays. */
function saying(member: ShareMember, request: ShareHeartbeat, client: ShareClient): ShareMember {
  const { rackId, subscribedTopicNames } = request;
  const known = member.subscribedTopicNames;
  return {
    ...member,
    rackId: rackId ?? member.rackId,
    clientId: client.clientId,
    clientHost: client.clientHost,
    subscribedTopicNames: subscribedTopicNames === null ? known : namesOf(subscribedTopicNames, known),
  };
}

/** Looks at the topics as they are now; those that went while nobody coordinated the group are forgotten, too. */
function refreshMetadata(draft: RecordDraft<ShareGroup>, bump: boolean, { image, topicsOffset }: ShareRules): void {
  const { group } = draft;
  const hash = metadataHash(group.subscriptions.keys(), image);
  if (bump || hash !== group.metadataHash) draft.step(epochMoved(group, group.groupEpoch + 1, hash));
  const gone = vanished(group.sharePartitions, (topicId) => image.topicsById.has(topicId));
  if (gone.size > 0) draft.step(partitionsKept(draft.group, forgotten(draft.group.sharePartitions, gone)));
  if (draft.group.seenTopicsOffset !== topicsOffset) draft.note({ ...draft.group, seenTopicsOffset: topicsOffset });
}

/** Takes the member to the target: others need give up nothing first. */
function reconcile(
  draft: RecordDraft<ShareGroup>,
  memberId: string,
  subscriptionChanged: boolean,
  { image }: ShareRules,
): ShareMember {
  const { group } = draft;
  const { assignmentEpoch } = group;
  const member = group.members.get(memberId) as ShareMember;
  const isThere = member.memberEpoch === assignmentEpoch;
  if (isThere && !subscriptionChanged) return member;
  const assigned = ofSubscribed(targetOf(group, memberId), member, image);
  if (isThere && sameAssignment(member.assigned, assigned)) return member;
  const epochs = isThere ? {} : { memberEpoch: assignmentEpoch, previousMemberEpoch: member.memberEpoch };
  const next = { ...member, ...epochs, assigned };
  draft.step(memberMoved(group, next));
  return next;
}

/** What the target gives of topics that the member does not read any more, it does not get. */
function ofSubscribed(
  target: Assignment,
  { subscribedTopicNames }: ShareMember,
  image: ShareRules["image"],
): Assignment {
  const names = new Set(subscribedTopicNames);
  const isRead = (topicId: string): boolean => names.has(image.topicsById.get(topicId)?.name ?? "");
  return [...target.keys()].every(isRead) ? target : new Map([...target].filter(([topicId]) => isRead(topicId)));
}

function leave(
  group: Group | undefined,
  { groupId, memberId, memberEpoch }: ShareHeartbeat,
  rules: ShareRules,
): GroupDecision<ShareHeartbeatResponse> {
  const known = requireShareGroup(group, groupId);
  if (!known.members.has(memberId)) {
    throw new KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of group ${groupId}.`);
  }
  const response = { ...shareHeartbeatError(ErrorCode.NONE), memberId, memberEpoch };
  return withoutShareMember(known, memberId, rules, response);
}
