/**
 * Streams groups (KIP-1071): StreamsGroupHeartbeat (88), StreamsGroupDescribe (89).
 *
 * Owns: what a request must be before the group is asked, whether the protocol is served at all, and that topics which the group
 * lacks are asked for on the member's behalf. Leaves the group to groups/streams.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { StreamsGroupDescribe, StreamsGroupHeartbeat } from "../../protocol/messages/streams-group.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import {
  type DescribedStreamsGroup,
  describeStreamsGroup,
  undescribedStreamsGroup,
} from "../groups/streams/describe.ts";
import { decideStreamsHeartbeat } from "../groups/streams/heartbeat.ts";
import {
  notStreams,
  type Status,
  type StreamsHeartbeatOutcome,
  type StreamsHeartbeatResponse,
  streamsHeartbeatError,
} from "../groups/streams/heartbeat-messages.ts";
import type { InternalTopicPlan } from "../groups/streams/topology/configured-topology.ts";
import { HeartbeatStatus } from "../groups/streams/topology/topic-problem.ts";
import { ALL_GROUP_OPERATIONS, NOT_ASKED } from "../metadata/authorized-operations.ts";
import { coordinatorError } from "../state-machine/coordinator-error.ts";
import { cutToRecord } from "../state-machine/coordinator-record.ts";
import { gather, Reply } from "../state-machine/reply.ts";
import { whyInvalidStreamsHeartbeat } from "./streams-heartbeat-validity.ts";

const STREAMS_VERSION = "streams.version";
/** A refused topic is told, and not asked for again, for so many heartbeats. */
const HEARTBEATS_TO_REMEMBER = 2;
const MAX_REFUSALS_TOLD = 3;

export const handleStreamsGroupHeartbeat: Handler<typeof StreamsGroupHeartbeat> = (request, context) => {
  const { groups } = context.broker;
  if (!isServed(context)) return streamsHeartbeatError(ErrorCode.UNSUPPORTED_VERSION).response;
  const invalid = whyInvalidStreamsHeartbeat(request);
  if (invalid !== undefined) return streamsHeartbeatError(invalid.code, invalid.message).response;
  const { groupId } = request;
  const reply = new Reply<StreamsHeartbeatOutcome>((code) => streamsHeartbeatError(coordinatorError(code)));
  const client = { clientId: cutToRecord(context.clientId), clientHost: `/${context.connection.remoteHost}` };
  groups.write(groupId, reply, (machine) =>
    decideStreamsHeartbeat(machine.groups.get(groupId), request, client, machine.streamsRules(groupId)),
  );
  return gather([reply.later], ([outcome]) => withTopics(outcome as StreamsHeartbeatOutcome, context));
};

/** Finalized in the cluster, and not switched off in this broker. */
function isServed({ broker }: RequestContext): boolean {
  return (broker.image.features.get(STREAMS_VERSION) ?? 0) >= 1 && broker.groups.settings.protocols.has("streams");
}

/** Asks for the topics that are missing, and tells why earlier ones did not come. */
function withTopics(outcome: StreamsHeartbeatOutcome, context: RequestContext): StreamsHeartbeatResponse {
  const { response, missingTopics } = outcome;
  if (missingTopics.length === 0) return response;
  const { autoTopics } = context.broker;
  const { principal, remoteHost } = context.connection;
  autoTopics.requestAs(
    missingTopics.map(newTopic),
    {
      principalType: principal.type,
      principalName: principal.name,
      clientId: context.clientId,
      clientHost: remoteHost,
    },
    HEARTBEATS_TO_REMEMBER * response.heartbeatIntervalMs,
  );
  const refusals = missingTopics.flatMap(({ name }) => {
    const reason = autoTopics.refusals.of(name);
    return reason === undefined ? [] : [`${name} (${reason})`];
  });
  return refusals.length === 0
    ? response
    : { ...response, status: (response.status ?? []).map(withRefusals(refusals)) };
}

function withRefusals(refusals: readonly string[]): (status: Status) => Status {
  const named = refusals.slice(0, MAX_REFUSALS_TOLD).join(", ");
  const more = refusals.length - MAX_REFUSALS_TOLD;
  const told = more > 0 ? `${named} and ${more} more` : named;
  return (status) =>
    status.statusCode === HeartbeatStatus.MISSING_INTERNAL_TOPICS
      ? { ...status, statusDetail: `${status.statusDetail}; Creation failed: ${told}.` }
      : status;
}

function newTopic({ name, partitionCount, replicationFactor, configs }: InternalTopicPlan) {
  return {
    name,
    partitionCount,
    replicationFactor: replicationFactor === 0 ? -1 : replicationFactor,
    configs: configs.map(({ key, value }): [string, string] => [key, value]),
  };
}

export const handleStreamsGroupDescribe: Handler<typeof StreamsGroupDescribe> = (request, context) => {
  const { groupIds, includeAuthorizedOperations } = request;
  const served = isServed(context);
  return {
    groups: [...new Set(groupIds)].map((groupId) => {
      const described = served
        ? describe(groupId, context)
        : undescribedStreamsGroup(groupId, ErrorCode.UNSUPPORTED_VERSION, null);
      const asked = includeAuthorizedOperations && described.errorCode === ErrorCode.NONE;
      return { ...described, authorizedOperations: asked ? ALL_GROUP_OPERATIONS : NOT_ASKED };
    }),
  };
};

function describe(groupId: string, { broker }: RequestContext): DescribedStreamsGroup {
  if (groupId === "") return undescribedStreamsGroup(groupId, ErrorCode.INVALID_GROUP_ID, null);
  try {
    const group = broker.groups.machineOf(groupId).groups.committed(groupId);
    if (group?.type === "streams") return describeStreamsGroup(group);
    const detail = group === undefined ? `Group ${groupId} not found.` : notStreams(groupId);
    return undescribedStreamsGroup(groupId, ErrorCode.GROUP_ID_NOT_FOUND, detail);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return undescribedStreamsGroup(groupId, coordinatorError(error.code), null);
  }
}
