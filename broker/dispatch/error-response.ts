/**
 * The response of each API when the request as a whole failed: its own error shape, with what the request named repeated where
 * a client looks for its error there.
 *
 * Owns: where the code goes. An API that has one top-level code needs no line here. Leaves to the dispatcher: when.
 */
import { type ErrorCode, errorName } from "../../protocol/error-codes.ts";
import { errorCodeOf, KafkaError } from "../../protocol/kafka-error.ts";
import { CreateAcls, DeleteAcls } from "../../protocol/messages/acls.ts";
import { AlterClientQuotas, DescribeClientQuotas } from "../../protocol/messages/client-quotas.ts";
import { AlterConfigs, DescribeConfigs, IncrementalAlterConfigs } from "../../protocol/messages/configs.ts";
import { ConsumerGroupDescribe } from "../../protocol/messages/consumer-group.ts";
import { DeleteRecords } from "../../protocol/messages/delete-records.ts";
import { ElectLeaders } from "../../protocol/messages/elect-leaders.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { FindCoordinator } from "../../protocol/messages/find-coordinator.ts";
import { OffsetCommit, OffsetFetch } from "../../protocol/messages/group-offsets.ts";
import { DeleteGroups, DescribeGroups } from "../../protocol/messages/groups-admin.ts";
import { ListOffsets } from "../../protocol/messages/list-offsets.ts";
import { AlterReplicaLogDirs } from "../../protocol/messages/log-dirs.ts";
import { DescribeTopicPartitions, Metadata } from "../../protocol/messages/metadata.ts";
import { OffsetForLeaderEpoch } from "../../protocol/messages/offset-for-leader-epoch.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { AlterPartitionReassignments } from "../../protocol/messages/reassignments.ts";
import { DescribeShareGroupOffsets, ShareGroupDescribe } from "../../protocol/messages/share-group.ts";
import {
  DeleteShareGroupState,
  InitializeShareGroupState,
  ReadShareGroupState,
  ReadShareGroupStateSummary,
  WriteShareGroupState,
} from "../../protocol/messages/share-state.ts";
import { StreamsGroupDescribe } from "../../protocol/messages/streams-group.ts";
import { CreatePartitions, CreateTopics, DeleteTopics } from "../../protocol/messages/topics.ts";
import { AddPartitionsToTxn, TxnOffsetCommit, WriteTxnMarkers } from "../../protocol/messages/transactions.ts";
import { DescribeProducers, DescribeTransactions } from "../../protocol/messages/transactions-admin.ts";
import { AlterUserScramCredentials } from "../../protocol/messages/user-scram-credentials.ts";
import type { Api } from "../../protocol/schema/api.ts";
import type { ArrayField, Field, Fields } from "../../protocol/schema/field.ts";
import {
  type Decode,
  defaultValue,
  type Encode,
  fieldsInVersion,
  type Message,
} from "../../protocol/schema/message.ts";

/** An outcome where a response has room for it; what the version has no room for is left out. */
interface Refusal {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string | null;
}

/** Some of a response; the rest is default. */
type Sketch<T> = T extends Buffer
  ? T
  : T extends readonly (infer E)[]
    ? readonly Sketch<E>[]
    : T extends object
      ? { readonly [K in keyof T]?: Sketch<T[K]> } & Partial<Refusal>
      : T;
type Shape = (request: never, refusal: Refusal, version: number) => object | undefined;

const shapes = new Map<number, Shape>();

function shape<Req extends Message, Res extends Message>(
  api: Api<Req, Res>,
  sketch: (request: Decode<Req>, refusal: Refusal, version: number) => Sketch<Encode<Res>> | undefined,
): void {
  shapes.set(api.key, sketch as unknown as Shape);
}

shape(Produce, (request, e) => {
  if (request.acks === 0) return undefined; // nobody reads an answer: the connection is closed, as in Kafka
  return {
    responses: request.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => ({ index, ...e, baseOffset: -1 })),
    })),
  };
});
shape(Fetch, ({ topics, sessionId }, e, version) => ({
  ...e,
  sessionId,
  // Older clients have no look at the top-level code alone.
  responses:
    version >= 13
      ? []
      : topics.map(({ topic, partitions }) => ({
          topic,
          partitions: partitions.map(({ partition }) => ({
            partitionIndex: partition,
            ...e,
            highWatermark: -1,
            records: [],
          })),
        })),
}));
shape(ListOffsets, ({ topics }, e) => ({
  topics: topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, ...e })),
  })),
}));
shape(Metadata, ({ topics }, e) => ({
  ...e,
  topics: (topics ?? []).map(({ name, topicId }) => ({ name: name ?? "", topicId, ...e })),
}));
shape(OffsetCommit, ({ topics }, e) => ({ topics: topics.map((topic) => commitResult(topic, e)) }));
shape(TxnOffsetCommit, ({ topics }, e) => ({ topics: topics.map((topic) => commitResult(topic, e)) }));
shape(OffsetFetch, ({ topics, groups }, e, version) => {
  if (version >= 8) return { groups: groups.map(({ groupId }) => ({ groupId, ...e })) };
  if (version >= 2) return e;
  return {
    topics: (topics ?? []).map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({
        partitionIndex,
        committedOffset: -1,
        metadata: "",
        ...e,
      })),
    })),
  };
});
shape(FindCoordinator, ({ coordinatorKeys }, e, version) => {
  const nowhere = { nodeId: -1, host: "", port: -1, ...e };
  return version < 4 ? nowhere : { coordinators: coordinatorKeys.map((key) => ({ key, ...nowhere })) };
});
shape(DescribeGroups, ({ groups }, e) => ({ groups: groups.map((groupId) => ({ groupId, ...e })) }));
shape(ConsumerGroupDescribe, ({ groupIds }, e) => ({ groups: groupIds.map((groupId) => ({ groupId, ...e })) }));
shape(ShareGroupDescribe, ({ groupIds }, e) => ({ groups: groupIds.map((groupId) => ({ groupId, ...e })) }));
shape(StreamsGroupDescribe, ({ groupIds }, e) => ({ groups: groupIds.map((groupId) => ({ groupId, ...e })) }));
shape(DescribeShareGroupOffsets, ({ groups }, e) => ({ groups: groups.map(({ groupId }) => ({ groupId, ...e })) }));
shape(DeleteGroups, ({ groupsNames }, e) => ({ results: groupsNames.map((groupId) => ({ groupId, ...e })) }));
shape(CreateTopics, ({ topics }, e) => ({ topics: topics.map(({ name }) => ({ name, ...e })) }));
shape(CreatePartitions, ({ topics }, e) => ({ results: topics.map(({ name }) => ({ name, ...e })) }));
shape(DeleteTopics, ({ topics, topicNames }, e, version) => ({
  responses:
    version >= 6
      ? topics.map(({ name, topicId }) => ({ name, topicId, ...e }))
      : topicNames.map((name) => ({ name, ...e })),
}));
shape(DeleteRecords, ({ topics }, e) => ({
  topics: topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, lowWatermark: -1, ...e })),
  })),
}));
shape(OffsetForLeaderEpoch, ({ topics }, e) => ({
  topics: topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map(({ partition }) => ({ partition, ...e })),
  })),
}));
shape(AddPartitionsToTxn, ({ v3AndBelowTopics }, e, version) => {
  if (version >= 4) return e;
  const partitionError = { partitionErrorCode: e.errorCode };
  return {
    resultsByTopicV3AndBelow: v3AndBelowTopics.map(({ name, partitions }) => ({
      name,
      resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, ...partitionError })),
    })),
  };
});
shape(WriteTxnMarkers, ({ markers }, e) => ({
  markers: markers.map(({ producerId, topics }) => ({
    producerId,
    topics: topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, ...e })),
    })),
  })),
}));
shape(CreateAcls, ({ creations }, e) => ({ results: creations.map(() => e) }));
shape(DeleteAcls, ({ filters }, e) => ({ filterResults: filters.map(() => e) }));
shape(DescribeConfigs, ({ resources }, e) => ({ results: resources.map((resource) => configResult(resource, e)) }));
shape(AlterConfigs, ({ resources }, e) => ({ responses: resources.map((resource) => configResult(resource, e)) }));
shape(IncrementalAlterConfigs, ({ resources }, e) => ({
  responses: resources.map((resource) => configResult(resource, e)),
}));
shape(AlterReplicaLogDirs, ({ dirs }, e) => ({
  results: dirs.flatMap(({ topics }) =>
    topics.map(({ name, partitions }) => ({
      topicName: name,
      partitions: partitions.map((partitionIndex) => ({ partitionIndex, ...e })),
    })),
  ),
}));
shape(ElectLeaders, ({ topicPartitions }, e) => ({
  ...e,
  replicaElectionResults: (topicPartitions ?? []).map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partitionId) => ({ partitionId, ...e })),
  })),
}));
shape(AlterPartitionReassignments, ({ topics }, e) => ({
  ...e,
  responses: topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, ...e })),
  })),
}));
shape(DescribeClientQuotas, (_, e) => ({ ...e, entries: null }));
shape(AlterClientQuotas, ({ entries }, e) => ({ entries: entries.map(({ entity }) => ({ entity, ...e })) }));
shape(AlterUserScramCredentials, ({ deletions, upsertions }, e) => ({
  results: [...new Set([...deletions, ...upsertions].map(({ name }) => name))].sort().map((user) => ({ user, ...e })),
}));
shape(DescribeProducers, ({ topics }, e) => ({
  topics: topics.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, ...e })),
  })),
}));
shape(DescribeTransactions, ({ transactionalIds }, e) => ({
  transactionStates: transactionalIds.map((transactionalId) => ({ transactionalId, ...e })),
}));
shape(DescribeTopicPartitions, ({ topics }, e) => ({ topics: topics.map(({ name }) => ({ name, ...e })) }));
shape(InitializeShareGroupState, ({ topics }, e) => ({ results: topics.map((topic) => shareStateResult(topic, e)) }));
shape(ReadShareGroupState, ({ topics }, e) => ({ results: topics.map((topic) => shareStateResult(topic, e)) }));
shape(WriteShareGroupState, ({ topics }, e) => ({ results: topics.map((topic) => shareStateResult(topic, e)) }));
shape(DeleteShareGroupState, ({ topics }, e) => ({ results: topics.map((topic) => shareStateResult(topic, e)) }));
shape(ReadShareGroupStateSummary, ({ topics }, e) => ({ results: topics.map((topic) => shareStateResult(topic, e)) }));

function commitResult(
  topic: { name: string; topicId?: string; partitions: readonly { partitionIndex: number }[] },
  refusal: Refusal,
) {
  const partitions = topic.partitions.map(({ partitionIndex }) => ({ partitionIndex, ...refusal }));
  return { name: topic.name, topicId: topic.topicId, partitions };
}

function configResult(resource: { resourceType: number; resourceName: string }, refusal: Refusal) {
  return { resourceType: resource.resourceType, resourceName: resource.resourceName, ...refusal };
}

function shareStateResult(topic: { topicId: string; partitions: readonly { partition: number }[] }, refusal: Refusal) {
  return { topicId: topic.topicId, partitions: topic.partitions.map(({ partition }) => ({ partition, ...refusal })) };
}

/**
 * The response that tells a client its whole request failed; undefined when it expects none, so that the connection is to be
 * closed. What was thrown inside, other than a KafkaError, is not revealed.
 */
export function errorResponse(api: Api, version: number, request: unknown, error: unknown): object | undefined {
  const errorCode = errorCodeOf(error);
  const says = error instanceof KafkaError && error.message !== errorName(errorCode);
  const refusal: Refusal = { errorCode, errorMessage: says ? error.message : null };
  const sketch = shapes.get(api.key);
  const part = sketch === undefined ? refusal : sketch(request as never, refusal, version);
  return part === undefined ? undefined : complete(api.response.fields, version, part);
}

/** The message of which `part` is a part: what it does not say is default, what the version does not carry is left out. */
function complete(fields: Fields, version: number, part: object): object {
  const whole: Record<string, unknown> = {};
  for (const { name, field, present, nullable } of fieldsInVersion(fields, version, true)) {
    if (!present) continue;
    const given = (part as Record<string, unknown>)[name];
    const value = given === undefined || (given === null && !nullable) ? defaultValue(field) : given;
    whole[name] = field.type === "array" && value !== null ? completeAll(field, version, value as unknown[]) : value;
  }
  return whole;
}

function completeAll(field: ArrayField, version: number, values: readonly unknown[]): readonly unknown[] {
  const element: Field = field.element;
  if (element.type !== "struct") return values;
  return values.map((value) => complete(element.fields, version, value as object));
}
