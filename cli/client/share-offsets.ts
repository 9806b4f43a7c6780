/**
 * Where a share group (KIP-932) starts in each partition, as an administrator reads, sets and deletes it.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { KafkaError } from "../../protocol/kafka-error.ts";
import {
  AlterShareGroupOffsets,
  DeleteShareGroupOffsets,
  DescribeShareGroupOffsets,
} from "../../protocol/messages/share-group.ts";
import { type ClusterClient, kafkaError } from "./cluster-client.ts";
import { byTopic } from "./group-offsets.ts";
import { partitionKey, type TopicPartition } from "./offset-lookup.ts";

export interface ShareOffset extends TopicPartition {
  /** Null: nobody has read it yet. */
  readonly startOffset: number | null;
  /** Records that are not done with; null when the broker does not know. */
  readonly lag: number | null;
}

/** Of all partitions the group has to do with. @throws KafkaError */
export async function shareOffsets(cluster: ClusterClient, groupId: string): Promise<ShareOffset[]> {
  const request = { groups: [{ groupId, topics: null }] };
  const answer = await cluster.askCoordinator(groupId, DescribeShareGroupOffsets, request, ({ groups }) =>
    groups.flatMap(({ errorCode, topics }) => [
      errorCode,
      ...topics.flatMap(({ partitions }) => partitions.map((one) => one.errorCode)),
    ]),
  );
  const [group] = answer.groups;
  if (group === undefined || group.errorCode !== ErrorCode.NONE) {
    throw kafkaError(group?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR, group?.errorMessage ?? null);
  }
  return group.topics.flatMap(({ topicName, partitions }) =>
    partitions.map(({ partitionIndex, startOffset, lag }) => ({
      ...{ topic: topicName, partition: partitionIndex },
      startOffset: startOffset < 0 ? null : startOffset,
      lag: lag < 0 ? null : lag,
    })),
  );
}

/** Has the group start elsewhere; by partition key why it does not. @throws KafkaError of the group */
export async function alterShareOffsets(
  cluster: ClusterClient,
  groupId: string,
  offsets: readonly (TopicPartition & { readonly offset: number })[],
): Promise<Map<string, KafkaError>> {
  const topics = [...byTopic(offsets)].map(([topicName, partitions]) => ({
    topicName,
    partitions: partitions.map(({ partition, offset }) => ({ partitionIndex: partition, startOffset: offset })),
  }));
  const answer = await cluster.askCoordinator(groupId, AlterShareGroupOffsets, { groupId, topics }, (body) => [
    body.errorCode,
    ...body.responses.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode)),
  ]);
  if (answer.errorCode !== ErrorCode.NONE) throw kafkaError(answer.errorCode, answer.errorMessage);
  const failed = new Map<string, KafkaError>();
  for (const { topicName, partitions } of answer.responses) {
    for (const { partitionIndex, errorCode, errorMessage } of partitions) {
      if (errorCode === ErrorCode.NONE) continue;
      failed.set(partitionKey({ topic: topicName, partition: partitionIndex }), kafkaError(errorCode, errorMessage));
    }
  }
  return failed;
}

/** Forgets where the group is in whole topics; by topic why it does not. @throws KafkaError of the group */
export async function deleteShareOffsets(
  cluster: ClusterClient,
  groupId: string,
  topicNames: readonly string[],
): Promise<Map<string, KafkaError>> {
  const request = { groupId, topics: topicNames.map((topicName) => ({ topicName })) };
  const answer = await cluster.askCoordinator(groupId, DeleteShareGroupOffsets, request, ({ errorCode }) => [
    errorCode,
  ]);
  if (answer.errorCode !== ErrorCode.NONE) throw kafkaError(answer.errorCode, answer.errorMessage);
  const failed = answer.responses.filter(({ errorCode }) => errorCode !== ErrorCode.NONE);
  return new Map(failed.map((one) => [one.topicName, kafkaError(one.errorCode, one.errorMessage)]));
}
