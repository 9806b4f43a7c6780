/**
 * The offsets of a group as an administrator reads, sets and deletes them.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { KafkaError } from "../../protocol/kafka-error.ts";
import { OffsetCommit, OffsetDelete, OffsetFetch } from "../../protocol/messages/group-offsets.ts";
import { type ClusterClient, kafkaError } from "./cluster-client.ts";
import { partitionKey, type TopicPartition } from "./offset-lookup.ts";

/** One group by topic names: versions 8 and newer ask for several, 10 by topic id. */
const FETCH_VERSION = 7;
/** The last that commits by topic name. */
export const COMMIT_BY_NAME_VERSION = 9;

export interface CommittedOffset extends TopicPartition {
  readonly offset: number;
  readonly metadata: string;
}

/** Who commits; nobody in particular when left out, which only a group without members allows. */
export interface Committer {
  readonly memberId: string;
  readonly generationId: number;
  readonly groupInstanceId?: string | null;
}

const ADMINISTRATOR: Committer = { memberId: "", generationId: -1 };

/**
 * What a group has committed, of these partitions or of all; partitions without an offset are left out.
 * @param stable waits for open transactions to end. @throws KafkaError
 */
export async function committedOffsets(
  cluster: ClusterClient,
  groupId: string,
  partitions: readonly TopicPartition[] | null,
  stable = false,
): Promise<CommittedOffset[]> {
  const topics =
    partitions === null
      ? null
      : [...byTopic(partitions)].map(([name, all]) => ({ name, partitionIndexes: all.map((one) => one.partition) }));
  const request = { groupId, topics, requireStable: stable };
  const answer = await cluster.askCoordinator(
    groupId,
    OffsetFetch,
    request,
    (body) => [body.errorCode, ...body.topics.flatMap((topic) => topic.partitions.map(({ errorCode }) => errorCode))],
    { maxVersion: FETCH_VERSION },
  );
  if (answer.errorCode !== ErrorCode.NONE) throw kafkaError(answer.errorCode, null);
  return answer.topics.flatMap(({ name, partitions: fetched }) =>
    fetched.flatMap(({ partitionIndex, committedOffset, metadata, errorCode }) => {
      if (errorCode !== ErrorCode.NONE) throw kafkaError(errorCode, null);
      if (committedOffset < 0) return [];
      return [{ topic: name, partition: partitionIndex, offset: committedOffset, metadata: metadata ?? "" }];
    }),
  );
}

/** Stores offsets; by partition key why it was not done. */
export async function commitOffsets(
  cluster: ClusterClient,
  groupId: string,
  offsets: readonly (TopicPartition & { readonly offset: number; readonly leaderEpoch?: number })[],
  committer: Committer = ADMINISTRATOR,
): Promise<Map<string, KafkaError>> {
  const request = {
    groupId,
    generationIdOrMemberEpoch: committer.generationId,
    memberId: committer.memberId,
    groupInstanceId: committer.groupInstanceId ?? null,
    topics: [...byTopic(offsets)].map(([name, partitions]) => ({
      name,
      partitions: partitions.map(({ partition, offset, leaderEpoch }) => ({
        ...{ partitionIndex: partition, committedOffset: offset, committedMetadata: "" },
        committedLeaderEpoch: leaderEpoch ?? -1,
      })),
    })),
  };
  const answer = await cluster.askCoordinator(
    groupId,
    OffsetCommit,
    request,
    ({ topics }) => topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode)),
    { maxVersion: COMMIT_BY_NAME_VERSION },
  );
  return failures(answer.topics);
}

/** Forgets offsets, of topics that no member reads; by partition key why it was not done. @throws KafkaError of the group */
export async function deleteOffsets(
  cluster: ClusterClient,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<Map<string, KafkaError>> {
  const topics = [...byTopic(partitions)].map(([name, all]) => ({
    name,
    partitions: all.map(({ partition }) => ({ partitionIndex: partition })),
  }));
  const answer = await cluster.askCoordinator(groupId, OffsetDelete, { groupId, topics }, ({ errorCode }) => [
    errorCode,
  ]);
  if (answer.errorCode !== ErrorCode.NONE) throw kafkaError(answer.errorCode, null);
  return failures(answer.topics);
}

export function byTopic<P extends TopicPartition>(partitions: readonly P[]): Map<string, P[]> {
  const topics = new Map<string, P[]>();
  for (const one of partitions) {
    const all = topics.get(one.topic);
    if (all === undefined) topics.set(one.topic, [one]);
    else all.push(one);
  }
  return topics;
}

interface AnsweredTopic {
  readonly name: string;
  readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[];
}

function failures(topics: readonly AnsweredTopic[]): Map<string, KafkaError> {
  const failed = new Map<string, KafkaError>();
  for (const { name, partitions } of topics) {
    for (const { partitionIndex, errorCode } of partitions) {
      if (errorCode === ErrorCode.NONE) continue;
      failed.set(partitionKey({ topic: name, partition: partitionIndex }), kafkaError(errorCode, null));
    }
  }
  return failed;
}
