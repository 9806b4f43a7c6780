/**
 * ConsumerGroupHeartbeat: a member joins, says what is new, gives up and gets partitions, all in one request (KIP-848).
 *
 * Owns: the order of things: who it is, what it says, the group's epoch, the target, the member's next step. Leaves each of them
 * to its own file. The common heartbeat, from which nothing follows, writes nothing and computes nothing.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { classicGroupGone } from "../classic/group-record.ts";
import type { Group } from "../group.ts";
import type { GroupDecision } from "../group-decision.ts";
import { sameOwned, topicPartitionsOf, withoutEpochs } from "./assignment.ts";
import { deadline } from "./consumer-deadlines.ts";
import { ConsumerDraft } from "./consumer-draft.ts";
import { emptyConsumerGroup } from "./consumer-group.ts";
import { type ConsumerMember, JOIN_EPOCH, LEAVE_EPOCH, LEAVE_FOR_A_WHILE_EPOCH, namesOf } from "./consumer-member.ts";
import type { ConsumerRules } from "./consumer-rules.ts";
import {
  type ConsumerClient,
  type HeartbeatRequest,
  type HeartbeatResponse,
  heartbeatError,
  notConsumer,
} from "./heartbeat-messages.ts";
import { decideConsumerLeave } from "./leave.ts";
import { admitDynamicMember, admitStaticMember, requireRoom } from "./member-admission.ts";
import { describeSelf, follow } from "./member-progress.ts";
import { upgraded } from "./upgrade.ts";

/** A refusal changes nothing, and says why. @param group undefined when there is none of that id. */
export function decideConsumerHeartbeat(
  group: Group | undefined,
  request: HeartbeatRequest,
  client: ConsumerClient,
  rules: ConsumerRules,
): GroupDecision<HeartbeatResponse> {
  try {
    const { memberEpoch } = request;
    const leaves = memberEpoch === LEAVE_EPOCH || memberEpoch === LEAVE_FOR_A_WHILE_EPOCH;
    return leaves ? decideConsumerLeave(group, request, rules) : decide(group, request, client, rules);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return { response: heartbeatError(error.code, error.message) };
  }
}

function decide(
  group: Group | undefined,
  request: HeartbeatRequest,
  client: ConsumerClient,
  rules: ConsumerRules,
): GroupDecision<HeartbeatResponse> {
  const { groupId, memberId, memberEpoch, instanceId } = request;
  const joins = memberEpoch === JOIN_EPOCH;
  const draft = enter(group, groupId, joins, rules);
  requireRoom(draft, memberId, rules);
  const before =
    instanceId === null
      ? admitDynamicMember(draft, request, joins, false)
      : admitStaticMember(draft, { ...request, instanceId }, joins, false);
  const said = describeSelf(draft, before, saying(before, request, client), rules);
  const now = follow(draft, memberId, said, request.topicPartitions, rules);
  draft.timers.push(deadline({ kind: "consumerSession", groupId, memberId }, rules.sessionTimeoutMs));
  const changed = !sameOwned(before.assigned, now.assigned);
  return draft.decide({
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    memberId: now.memberId,
    memberEpoch: now.memberEpoch,
    heartbeatIntervalMs: rules.heartbeatIntervalMs,
    assignment:
      joins || isWhole(request) || changed ? { topicPartitions: topicPartitionsOf(withoutEpochs(now.assigned)) } : null,
  });
}

/** The group to take part in: the one there is, a new one, or one that was of the classic protocol. */
function enter(group: Group | undefined, groupId: string, joins: boolean, rules: ConsumerRules): ConsumerDraft {
  if (group?.type === "consumer") return new ConsumerDraft(group, group);
  if (!joins || (group !== undefined && group.type !== "classic")) {
    const detail = group === undefined ? `Consumer group ${groupId} not found.` : notConsumer(groupId);
    throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, detail);
  }
  if (group === undefined) return new ConsumerDraft(emptyConsumerGroup(groupId), undefined);
  if (group.state !== "Empty") return upgraded(group, rules);
  return new ConsumerDraft(emptyConsumerGroup(groupId), undefined, [classicGroupGone(groupId)]);
}

/** The member as it describes itself now; what it leaves out stays. */
function saying(member: ConsumerMember, request: HeartbeatRequest, client: ConsumerClient): ConsumerMember {
  const { rebalanceTimeoutMs, subscribedTopicNames } = request;
  return {
    ...member,
    instanceId: request.instanceId ?? member.instanceId,
    rackId: request.rackId ?? member.rackId,
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : rebalanceTimeoutMs,
    serverAssignor: request.serverAssignor ?? member.serverAssignor,
    subscribedTopicNames:
      subscribedTopicNames === null
        ? member.subscribedTopicNames
        : namesOf(subscribedTopicNames, member.subscribedTopicNames),
    subscribedTopicRegex: request.subscribedTopicRegex ?? member.subscribedTopicRegex,
    clientId: client.clientId,
    clientHost: client.clientHost,
    classic: null,
  };
}

/** Everything a joining member has to say is said: it may not know what it was told last. */
function isWhole({
  rebalanceTimeoutMs,
  subscribedTopicNames,
  subscribedTopicRegex,
  topicPartitions,
}: HeartbeatRequest) {
  const subscribes = subscribedTopicNames !== null || subscribedTopicRegex !== null;
  return rebalanceTimeoutMs !== -1 && subscribes && topicPartitions !== null;
}
