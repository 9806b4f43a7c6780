/**
 * DescribeTopicPartitions (key 75): partitions of topics in order of name, page by page, with their eligible leader replicas
 * (KIP-966).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { DescribeTopicPartitions } from "../../protocol/messages/metadata.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../protocol/uuid.ts";
import type { Handler } from "../dispatch/handler.ts";
import { ALL_TOPIC_OPERATIONS } from "../metadata/authorized-operations.ts";
import { isInternalTopic } from "../metadata/internal-topics.ts";
import { liveBrokers } from "../metadata/live-brokers.ts";
import { type MetadataImage, NO_LEADER, type PartitionImage } from "../metadata/metadata-image.ts";
import { offlineReplicas } from "../metadata/offline-replicas.ts";
import { illegalTopicName } from "../metadata/topic-name.ts";

type Request = Decode<(typeof DescribeTopicPartitions)["request"]>;
type Response = Encode<(typeof DescribeTopicPartitions)["response"]>;
type TopicAnswer = Response["topics"][number];

export const handleDescribeTopicPartitions: Handler<typeof DescribeTopicPartitions> = (
  request,
  { broker, connection },
) => {
  const { image, settings } = broker;
  const live = new Set(liveBrokers(image, connection.listenerName).map((one) => one.nodeId));
  let left = Math.max(1, Math.min(request.responsePartitionLimit, settings.maxRequestPartitionSizeLimit));
  const topics: TopicAnswer[] = [];
  const { cursor } = request;
  const names = topicNames(request, image.topics.keys()).filter((name) => cursor === null || name >= cursor.topicName);
  if (cursor !== null) {
    const isAsked = request.topics.length === 0 || names[0] === cursor.topicName;
    if (!isAsked)
      throw new KafkaError(ErrorCode.INVALID_REQUEST, `the cursor's topic ${cursor.topicName} is not asked for`);
    if (cursor.partitionIndex < 0)
      throw new KafkaError(ErrorCode.INVALID_REQUEST, "the cursor's partition is negative");
  }
  for (const name of names) {
    if (left === 0) return { topics, nextCursor: { topicName: name, partitionIndex: 0 } };
    const topic = image.topics.get(name);
    if (topic === undefined) {
      topics.push(unknownTopic(name));
      continue;
    }
    const first = name === cursor?.topicName ? cursor.partitionIndex : 0;
    const page = topic.partitions.slice(first, first + left);
    topics.push({
      errorCode: ErrorCode.NONE,
      name,
      topicId: topic.id,
      isInternal: isInternalTopic(name),
      partitions: page.map((partition) => partitionAnswer(partition, live, image)),
      topicAuthorizedOperations: ALL_TOPIC_OPERATIONS,
    });
    left -= page.length;
    if (first + page.length < topic.partitions.length) {
      return { topics, nextCursor: { topicName: name, partitionIndex: first + page.length } };
    }
  }
  return { topics, nextCursor: null };
};

/** All topics when none is named; each once, in order. */
function topicNames(request: Request, all: Iterable<string>): string[] {
  const names = request.topics.length === 0 ? [...all] : [...new Set(request.topics.map((topic) => topic.name))];
  return names.sort();
}

function unknownTopic(name: string): TopicAnswer {
  const illegal = illegalTopicName(name) !== undefined;
  return {
    errorCode: illegal ? ErrorCode.INVALID_TOPIC_EXCEPTION : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    name,
    topicId: ZERO_UUID,
    isInternal: isInternalTopic(name),
    partitions: [],
    topicAuthorizedOperations: ALL_TOPIC_OPERATIONS,
  };
}

/** A partition without a leader is no error here: the leader it does not have says so. */
function partitionAnswer(
  partition: PartitionImage,
  live: ReadonlySet<number>,
  image: MetadataImage,
): TopicAnswer["partitions"][number] {
  return {
    errorCode: ErrorCode.NONE,
    partitionIndex: partition.partition,
    leaderId: live.has(partition.leader) ? partition.leader : NO_LEADER,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: partition.replicas,
    isrNodes: partition.inSyncReplicas,
    eligibleLeaderReplicas: partition.eligibleLeaderReplicas,
    lastKnownElr: partition.lastKnownEligibleLeaderReplicas,
    offlineReplicas: offlineReplicas(partition, live, image),
  };
}
