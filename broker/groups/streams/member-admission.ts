/**
 * Who a heartbeat is from: a member of the streams group or a new one; and what it says of itself.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { JOIN_EPOCH } from "../consumer/consumer-member.ts";
import type { StreamsHeartbeatRequest } from "./heartbeat-messages.ts";
import type { StreamsDraft } from "./streams-draft.ts";
import type { StreamsGroup } from "./streams-group.ts";
import { newStreamsMember, type StreamsMember, tagsOf } from "./streams-member.ts";
import type { StreamsRules } from "./streams-rules.ts";
import { containsAll } from "./tasks.ts";

/** Who sends a request, besides what it says. */
export interface Client {
  readonly clientId: string;
  readonly clientHost: string;
}

/** As in Kafka a member that joins again needs room too. @throws KafkaError GROUP_MAX_SIZE_REACHED. */
export function requireRoom({ group }: StreamsDraft, { maxGroupSize }: StreamsRules): void {
  if (group.members.size < maxGroupSize) return;
  throw new KafkaError(
    ErrorCode.GROUP_MAX_SIZE_REACHED,
    `The streams group has reached its maximum capacity of ${maxGroupSize} members.`,
  );
}

/** @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH. */
export function admitMember({ group }: StreamsDraft, request: StreamsHeartbeatRequest, joins: boolean): StreamsMember {
  const { memberId } = request;
  const known = group.members.get(memberId);
  if (known === undefined && joins) return newStreamsMember(memberId);
  const member = known ?? requireMember(group, memberId);
  requireEpoch(member, request);
  return member;
}

/** @throws KafkaError UNKNOWN_MEMBER_ID. */
export function requireMember({ members, groupId }: StreamsGroup, memberId: string): StreamsMember {
  const member = members.get(memberId);
  if (member !== undefined) return member;
  throw new KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of group ${groupId}.`);
}

/**
 * An epoch ahead is of another life; one behind is accepted only where the answer that told the new one may have been lost.
 */
function requireEpoch(member: StreamsMember, request: StreamsHeartbeatRequest): void {
  const { memberEpoch } = request;
  if (memberEpoch === JOIN_EPOCH || memberEpoch === member.memberEpoch) return;
  const ahead = memberEpoch > member.memberEpoch;
  if (!ahead && memberEpoch === member.previousMemberEpoch && hasOnlyItsOwn(member, request)) return;
  throw new KafkaError(
    ErrorCode.FENCED_MEMBER_EPOCH,
    `The streams group member has a ${ahead ? "greater" : "smaller"} member epoch (${memberEpoch}) than the one known by the group coordinator (${member.memberEpoch}). The member must abandon all its partitions and rejoin.`,
  );
}

function hasOnlyItsOwn({ assigned }: StreamsMember, request: StreamsHeartbeatRequest): boolean {
  const { activeTasks, standbyTasks, warmupTasks } = request;
  if (activeTasks === null || standbyTasks === null || warmupTasks === null) return false;
  return (
    containsAll(assigned.active, activeTasks) &&
    containsAll(assigned.standby, standbyTasks) &&
    containsAll(assigned.warmup, warmupTasks)
  );
}

/** The member as it describes itself now; what it leaves out stays. */
export function saying(member: StreamsMember, request: StreamsHeartbeatRequest, client: Client): StreamsMember {
  const { rackId, rebalanceTimeoutMs, topology, processId, clientTags, userEndpoint } = request;
  return {
    ...member,
    rackId: rackId ?? member.rackId,
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : rebalanceTimeoutMs,
    topologyEpoch: topology?.epoch ?? member.topologyEpoch,
    clientId: client.clientId,
    clientHost: client.clientHost,
    processId: processId ?? member.processId,
    clientTags: clientTags === null ? member.clientTags : tagsOf(clientTags),
    userEndpoint: userEndpoint === null ? member.userEndpoint : { host: userEndpoint.host, port: userEndpoint.port },
  };
}
