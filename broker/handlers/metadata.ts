/**
 * Metadata (key 3): brokers, topics, partitions and their leaders, as this broker's image has them.
 *
 * Owns: which topics are meant (all, by name, by id) and what is told of each; asks for topics that are to be made. Leaves to
 * LostBrokers: whether an answer has to wait a moment, and which dead brokers are still named.
 * v4 auto-creation flag, v5 offline replicas, v8 authorized operations, v10 topic ids, v12 topics by id alone.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Metadata } from "../../protocol/messages/metadata.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../protocol/uuid.ts";
import { Later } from "../dispatch/answer.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import { ALL_CLUSTER_OPERATIONS, ALL_TOPIC_OPERATIONS, NOT_ASKED } from "../metadata/authorized-operations.ts";
import { isInternalTopic } from "../metadata/internal-topics.ts";
import { liveBrokers } from "../metadata/live-brokers.ts";
import { NO_LEADER, type PartitionImage, type TopicImage } from "../metadata/metadata-image.ts";
import { offlineReplicas } from "../metadata/offline-replicas.ts";
import { illegalTopicName } from "../metadata/topic-name.ts";

type MetadataRequest = Decode<(typeof Metadata)["request"]>;
type MetadataResponse = Encode<(typeof Metadata)["response"]>;
type TopicAnswer = MetadataResponse["topics"][number];

export const handleMetadata: Handler<typeof Metadata> = (request, context) => {
  const { lostBrokers, clock, image } = context.broker;
  if (image.brokers.size < 2) return answer(request, context);
  const later = new Later<MetadataResponse>();
  let stop = (): void => {};
  const answerOnceSettled = (): void => {
    if (later.completed || mayLoseLeader(request, context)) return;
    stop();
    try {
      later.complete(answer(request, context));
    } catch (error) {
      later.fail(error);
    }
  };
  // A client that asks because its connection broke may be faster than the news of our own broken connection.
  clock.afterPoll(() => {
    if (later.completed) return;
    stop = lostBrokers.onSettled(answerOnceSettled);
    answerOnceSettled();
  });
  later.whenCancelled(() => stop());
  return later;
};

/** Whether a leader that is asked for may be gone, so that another will have taken its place in some milliseconds. */
function mayLoseLeader({ topics }: MetadataRequest, { broker, apiVersion }: RequestContext): boolean {
  const { image, lostBrokers } = broker;
  if (!lostBrokers.suspectsAnybody) return false;
  const all = topics === null || (apiVersion === 0 && topics.length === 0);
  const asked = all
    ? image.topics.values()
    : topics.flatMap(({ name, topicId }) => image.topics.get(name ?? "") ?? image.topicsById.get(topicId) ?? []);
  return lostBrokers.leadsAmong(asked);
}

function answer(request: MetadataRequest, context: RequestContext): MetadataResponse {
  const { image, lostBrokers } = context.broker;
  const { listenerName } = context.connection;
  const brokers = liveBrokers(image, listenerName, (id) => lostBrokers.isStillNamed(id, image));
  const live = new Set(brokers.flatMap(({ nodeId }) => (image.brokers.get(nodeId)?.fenced === false ? [nodeId] : [])));
  const topics = wantedTopics(request, context).map((topic) => withOperations(topic, request, live, context));
  return {
    brokers,
    clusterId: image.clusterId,
    // Any live broker will do: it forwards. A stable choice keeps clients on one connection.
    controllerId: live.has(context.broker.nodeId) ? context.broker.nodeId : ([...live][0] ?? -1),
    topics,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? ALL_CLUSTER_OPERATIONS : NOT_ASKED,
  };
}

/** A topic that is there, or the error that stands for one that is not. */
type Wanted = TopicImage | { readonly name: string | null; readonly id: string; readonly errorCode: number };

function wantedTopics(request: MetadataRequest, context: RequestContext): Wanted[] {
  const { broker, apiVersion } = context;
  const { image } = broker;
  const asked = request.topics;
  if (asked === null || (apiVersion === 0 && asked.length === 0)) return [...image.topics.values()];
  if (apiVersion < 12 && asked.some((topic) => topic.name === null || topic.topicId !== ZERO_UUID)) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST);
  }
  // From v12 on a topic may be named by its id; as soon as one is, those named otherwise are not answered.
  const ids = new Set(asked.flatMap(({ topicId }) => (topicId === ZERO_UUID ? [] : topicId)));
  // Differs from Kafka: a Metadata request for a topic with neither name nor id is answered UNKNOWN_TOPIC_ID, where Kafka answers UNKNOWN_SERVER_ERROR.
  if (ids.size === 0 && asked.some(({ name }) => name === null)) ids.add(ZERO_UUID);
  if (ids.size > 0) {
    return [...ids].map((id) => image.topicsById.get(id) ?? { name: null, id, errorCode: ErrorCode.UNKNOWN_TOPIC_ID });
  }
  const missing: string[] = [];
  const wanted = [...new Set(asked.map((topic) => topic.name as string))].map((name): Wanted => {
    const topic = image.topics.get(name);
    if (topic !== undefined) return topic;
    if (illegalTopicName(name) !== undefined)
      return { name, id: ZERO_UUID, errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION };
    missing.push(name);
    return { name, id: ZERO_UUID, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION };
  });
  const mayCreate = apiVersion < 4 || request.allowAutoTopicCreation;
  if (missing.length > 0 && mayCreate && broker.settings.autoCreateTopicsEnable) broker.autoTopics.request(missing);
  return wanted;
}

function withOperations(
  topic: Wanted,
  request: MetadataRequest,
  live: ReadonlySet<number>,
  context: RequestContext,
): TopicAnswer {
  const isKnown = "partitions" in topic;
  return {
    errorCode: isKnown ? ErrorCode.NONE : topic.errorCode,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.name !== null && isInternalTopic(topic.name),
    partitions: isKnown ? topic.partitions.map((partition) => partitionAnswer(partition, live, context)) : [],
    topicAuthorizedOperations:
      request.includeTopicAuthorizedOperations && topic.name !== null ? ALL_TOPIC_OPERATIONS : NOT_ASKED,
  };
}

function partitionAnswer(
  partition: PartitionImage,
  live: ReadonlySet<number>,
  context: RequestContext,
): TopicAnswer["partitions"][number] {
  const { apiVersion } = context;
  const { image } = context.broker;
  const hasLeader = live.has(partition.leader);
  const offline = offlineReplicas(partition, live, image);
  let errorCode: number = ErrorCode.NONE;
  if (!hasLeader) {
    // A leader that lives but does not offer this listener is a matter of configuration, which v6 and later are told.
    const isThere = image.brokers.get(partition.leader)?.fenced === false;
    errorCode = isThere && apiVersion >= 6 ? ErrorCode.LISTENER_NOT_FOUND : ErrorCode.LEADER_NOT_AVAILABLE;
  } else if (apiVersion === 0 && partition.replicas.some((id) => !live.has(id))) {
    errorCode = ErrorCode.REPLICA_NOT_AVAILABLE; // v0 has no other way to say so
  }
  const shown = (ids: readonly number[]): readonly number[] =>
    apiVersion === 0 ? ids.filter((id) => live.has(id)) : ids;
  return {
    errorCode,
    partitionIndex: partition.partition,
    leaderId: hasLeader ? partition.leader : NO_LEADER,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: shown(partition.replicas),
    isrNodes: shown(partition.inSyncReplicas),
    offlineReplicas: offline,
  };
}
