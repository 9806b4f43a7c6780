/**
 * AlterPartitionReassignments and ListPartitionReassignments: replicas on the move (KIP-455).
 *
 * Owns: starting, changing and cancelling a move. It ends when AlterPartition brings the added replicas into the ISR.
 */
import type { PartitionImage, TopicImage } from "../../../broker/metadata/metadata-image.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type {
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse,
} from "../../../protocol/messages/reassignments.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import type { ClusterImage } from "../../metadata/cluster-image.ts";
import type { MetadataRecord } from "../../metadata/metadata-record.ts";
import type { ControllerView } from "../controller-view.ts";
import { atomic, attempt, type Decision } from "../decision.ts";
import { changePartition, topicRules } from "../leadership.ts";
import { isReassigning, PartitionSet } from "../partition-index.ts";
import { reassignmentTo, revertedReassignment } from "../reassignment.ts";
import { checkAssignment } from "../topics/new-partitions.ts";

type AlterRequest = Decode<typeof AlterPartitionReassignmentsRequest>;
type AlterResponse = Encode<typeof AlterPartitionReassignmentsResponse>;
type ListRequest = Decode<typeof ListPartitionReassignmentsRequest>;
type ListResponse = Encode<typeof ListPartitionReassignmentsResponse>;

export function decideReassignments(view: ControllerView, request: AlterRequest): Decision<AlterResponse> {
  const { allowReplicationFactorChange } = request;
  const records: MetadataRecord[] = [];
  const seen = new PartitionSet();
  const responses = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex, replicas }) => {
      const outcome = attempt(() => {
        // Differs from Kafka: of two reassignments of one partition in one request the second is answered INVALID_REQUEST; Kafka
        // makes both of the same state, and what results is neither.
        if (seen.has(name, partitionIndex)) throw new KafkaError(ErrorCode.INVALID_REQUEST, "Duplicate partition.");
        seen.add(name, partitionIndex);
        const change = reassign(view, name, partitionIndex, replicas, allowReplicationFactorChange);
        if (change !== undefined) records.push(change);
      });
      return { partitionIndex, ...outcome };
    }),
  }));
  return atomic(records, { allowReplicationFactorChange, errorCode: ErrorCode.NONE, errorMessage: null, responses });
}

function reassign(
  view: ControllerView,
  name: string,
  index: number,
  target: readonly number[] | null,
  mayChangeReplicationFactor: boolean,
): MetadataRecord | undefined {
  const topic = view.image.topics.get(name);
  if (topic === undefined) {
    throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Unable to find a topic named ${name}.`);
  }
  const partition = topic.partitions[index];
  if (partition === undefined) {
    throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Unable to find partition ${name}:${index}.`);
  }
  if (target === null) return cancel(view, topic, partition);
  checkAssignment(view.image, target, undefined);
  if (!mayChangeReplicationFactor) checkReplicationFactor(partition, target);
  return changePartition(view, topicRules(view, topic), partition, reassignmentTo(partition, target));
}

function cancel(view: ControllerView, topic: TopicImage, partition: PartitionImage): MetadataRecord | undefined {
  if (!isReassigning(partition)) throw new KafkaError(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS);
  const rules = topicRules(view, topic);
  const { replicas, inSyncReplicas, unclean } = revertedReassignment(partition);
  if (unclean && !rules.uncleanElectionEnabled) {
    throw new KafkaError(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `Unable to revert partition assignment for ${topic.name}:${partition.partition} because it would require an unclean ` +
        "leader election.",
    );
  }
  return changePartition(view, rules, partition, {
    election: rules.uncleanElectionEnabled ? "unclean" : "online",
    inSyncReplicas,
    replicas,
    removingReplicas: [],
    addingReplicas: [],
  });
}

function checkReplicationFactor(partition: PartitionImage, target: readonly number[]): void {
  const { replicas, addingReplicas, removingReplicas } = partition;
  const present = new Set([...replicas, ...addingReplicas].filter((id) => !removingReplicas.includes(id))).size;
  if (present === target.length) return;
  throw new KafkaError(
    ErrorCode.INVALID_REPLICATION_FACTOR,
    `The replication factor is changed from ${present} to ${target.length}`,
  );
}

/** The moves that go on, as an image has them. */
export function listReassignments(
  image: ClusterImage,
  reassigning: Iterable<{ readonly topicId: string; readonly partition: number }>,
  request: ListRequest,
): ListResponse {
  const wanted: { topic: TopicImage; indexes: readonly number[] }[] = [];
  if (request.topics === null) {
    const byTopic = new Map<string, number[]>();
    for (const { topicId, partition } of reassigning) {
      const indexes = byTopic.get(topicId);
      if (indexes === undefined) byTopic.set(topicId, [partition]);
      else indexes.push(partition);
    }
    for (const [topicId, indexes] of byTopic) {
      const topic = image.topicsById.get(topicId);
      if (topic !== undefined) wanted.push({ topic, indexes: indexes.sort((a, b) => a - b) });
    }
  } else {
    for (const { name, partitionIndexes } of request.topics) {
      const topic = image.topics.get(name);
      if (topic !== undefined) wanted.push({ topic, indexes: partitionIndexes });
    }
  }
  const topics = wanted.map(({ topic, indexes }) => ({
    name: topic.name,
    partitions: indexes
      .map((index) => topic.partitions[index])
      .filter((partition) => partition !== undefined && isReassigning(partition))
      .map((partition) => {
        const { partition: partitionIndex, replicas, addingReplicas, removingReplicas } = partition as PartitionImage;
        return { partitionIndex, replicas, addingReplicas, removingReplicas };
      }),
  }));
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    topics: topics.filter(({ partitions }) => partitions.length > 0),
  };
}
