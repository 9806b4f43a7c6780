/**
 * Whether a StreamsGroupHeartbeat can be meant seriously, before any group is asked: in the order in which Kafka looks.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { JOIN_EPOCH, LEAVE_FOR_A_WHILE_EPOCH } from "../groups/consumer/consumer-member.ts";
import type { StreamsHeartbeatRequest } from "../groups/streams/heartbeat-messages.ts";
import { isInternalTopic } from "../metadata/internal-topics.ts";
import { illegalTopicName } from "../metadata/topic-name.ts";
import { fitsRecord } from "../state-machine/coordinator-record.ts";

type Topology = NonNullable<StreamsHeartbeatRequest["topology"]>;

interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

export function whyInvalidStreamsHeartbeat(request: StreamsHeartbeatRequest): Refusal | undefined {
  const { topology } = request;
  const topics = topology === null ? undefined : whyInvalidTopics(topology);
  if (topics !== undefined) return { code: ErrorCode.STREAMS_INVALID_TOPOLOGY, message: topics };
  const message = whyUnsupported(request) ?? whyNameless(request) ?? whyInvalidEpoch(request);
  if (message !== undefined) return { code: ErrorCode.INVALID_REQUEST, message };
  const changelog =
    request.memberEpoch === JOIN_EPOCH && topology !== null ? whyInvalidChangelogs(topology) : undefined;
  if (changelog !== undefined) return { code: ErrorCode.STREAMS_INVALID_TOPOLOGY, message: changelog };
  const late = whyInvalidTasks(request);
  return late === undefined ? undefined : { code: ErrorCode.INVALID_REQUEST, message: late };
}

function whyInvalidTopics({ subtopologies }: Topology): string | undefined {
  const names = new Set(
    subtopologies.flatMap((each) => [
      ...each.sourceTopics,
      ...each.repartitionSinkTopics,
      ...each.repartitionSourceTopics.map(({ name }) => name),
      ...each.stateChangelogTopics.map(({ name }) => name),
    ]),
  );
  const prohibited = [...names].filter(isInternalTopic);
  if (prohibited.length > 0) {
    return `Use of Kafka internal topics ${prohibited.join(",")} in a Kafka Streams topology is prohibited.`;
  }
  const illegal = [...names].filter((name) => illegalTopicName(name) !== undefined);
  return illegal.length > 0 ? `Topic names ${illegal.join(",")} are not valid topic names.` : undefined;
}

function whyUnsupported(request: StreamsHeartbeatRequest): string | undefined {
  if (request.instanceId !== null) return "Static membership is not yet supported.";
  if (request.taskOffsets !== null) return "TaskOffsets are not supported yet.";
  if (request.taskEndOffsets !== null) return "TaskEndOffsets are not supported yet.";
  if (request.warmupTasks !== null && request.warmupTasks.length > 0) return "WarmupTasks are not supported yet.";
  const byRegex = request.topology?.subtopologies.some(({ sourceTopicRegex }) => sourceTopicRegex.length > 0);
  return byRegex === true ? "Regular expressions for source topics are not supported yet." : undefined;
}

function whyNameless({ memberId, groupId, rackId, ...request }: StreamsHeartbeatRequest): string | undefined {
  if (memberId.trim() === "") return "MemberId can't be empty.";
  if (groupId.trim() === "") return "GroupId can't be empty.";
  if (rackId?.trim() === "") return "RackId can't be empty.";
  const { processId, userEndpoint, clientTags, topology } = request;
  const tags = (clientTags ?? []).flatMap(({ key, value }) => [key, value]);
  const texts = [memberId, groupId, rackId, processId, userEndpoint?.host, ...tags, ...textsOf(topology)];
  // Bytes that were no UTF-8 have become longer.
  return texts.every((text) => fitsRecord(text ?? "")) ? undefined : "A text is too long.";
}

/** Names of topics are short. */
function textsOf(topology: Topology | null): string[] {
  return (topology?.subtopologies ?? []).flatMap((each) => [
    each.subtopologyId,
    ...[...each.stateChangelogTopics, ...each.repartitionSourceTopics].flatMap(({ topicConfigs }) =>
      topicConfigs.flatMap(({ key, value }) => [key, value]),
    ),
  ]);
}

function whyInvalidEpoch(request: StreamsHeartbeatRequest): string | undefined {
  const { memberEpoch, rebalanceTimeoutMs, activeTasks, standbyTasks, warmupTasks, topology } = request;
  if (memberEpoch === LEAVE_FOR_A_WHILE_EPOCH) return "InstanceId can't be null.";
  if (memberEpoch < LEAVE_FOR_A_WHILE_EPOCH) {
    return `MemberEpoch is ${memberEpoch}, but must be greater than or equal to -2.`;
  }
  if (memberEpoch !== JOIN_EPOCH) return undefined;
  if (rebalanceTimeoutMs === -1) return "RebalanceTimeoutMs must be provided in first request.";
  if (activeTasks?.length !== 0) return "ActiveTasks must be empty when (re-)joining.";
  if (standbyTasks?.length !== 0) return "StandbyTasks must be empty when (re-)joining.";
  if (warmupTasks?.length !== 0) return "WarmupTasks must be empty when (re-)joining.";
  return topology === null ? "Topology must be non-null when (re-)joining." : undefined;
}

/** They have a partition for each task, however many there are. */
function whyInvalidChangelogs({ subtopologies }: Topology): string | undefined {
  const fixed = subtopologies
    .flatMap(({ stateChangelogTopics }) => stateChangelogTopics)
    .find(({ partitions }) => partitions !== 0);
  if (fixed === undefined) return undefined;
  return `Changelog topic ${fixed.name} must have an undefined partition count, but it is set to ${fixed.partitions}.`;
}

function whyInvalidTasks(request: StreamsHeartbeatRequest): string | undefined {
  const { memberEpoch, activeTasks, standbyTasks, warmupTasks, topology } = request;
  const said = [activeTasks, standbyTasks, warmupTasks].filter((tasks) => tasks !== null).length;
  if (said !== 0 && said !== 3) return "If one task-type is non-null, all must be non-null.";
  const tooLate = memberEpoch !== JOIN_EPOCH && topology !== null;
  return tooLate ? "Topology can only be provided when (re-)joining." : undefined;
}
