/**
 * CreateTopics: each topic succeeds or fails alone, all that succeed are written in one batch (R160, B80).
 *
 * Owns: names, collisions, counts, assignments, and the effective configs in the answer (KIP-525). Leaves config values to
 * configs/alter-configs.ts, replicas to new-partitions.ts.
 */
import { type PartitionImage, ResourceType } from "../../../broker/metadata/metadata-image.ts";
import { illegalTopicName } from "../../../broker/metadata/topic-name.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { CreateTopicsRequest, CreateTopicsResponse } from "../../../protocol/messages/topics.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { type Random, randomUuid } from "../../../storage/random.ts";
import { type MetadataRecord, record } from "../../metadata/metadata-record.ts";
import { partitionRecord } from "../../metadata/partition-records.ts";
import { decideConfigs, setTo } from "../configs/alter-configs.ts";
import { type ControllerView, metadataVersionIn } from "../controller-view.ts";
import { atomic, type Decision, withoutRecords } from "../decision.ts";
import { configLayers } from "../leadership.ts";
import { Occurrences } from "../occurrences.ts";
import { assignedPartition, placedPartitions } from "./new-partitions.ts";

type Request = Decode<typeof CreateTopicsRequest>;
type NewTopic = Request["topics"][number];
type Response = Encode<typeof CreateTopicsResponse>;
type TopicAnswer = Response["topics"][number];

const METADATA_TOPIC = "__cluster_metadata";
const MAX_PARTITIONS_PER_REQUEST = 10_000;
/** What a client asks for to get the configured default. */
const DEFAULT = -1;

export function decideCreateTopics(view: ControllerView, request: Request, random: Random): Decision<Response> {
  const names = new Occurrences();
  for (const { name } of request.topics) names.add(name);
  const asked = request.topics.filter(({ name }) => names.isOnce(name) && name !== METADATA_TOPIC);
  checkPartitionCount(view, asked);
  const records: MetadataRecord[] = [];
  const answers: TopicAnswer[] = asked.map((topic) => {
    try {
      checkName(view, topic.name);
      const created = createTopic(view, topic, random);
      for (const each of created.records) records.push(each);
      return created.answer;
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      return refused(topic.name, error.code, error.message);
    }
  });
  for (const name of names.several()) {
    answers.push(refused(name, ErrorCode.INVALID_REQUEST, "Duplicate topic name."));
  }
  if (names.isOnce(METADATA_TOPIC)) {
    const message = `Creation of internal topic ${METADATA_TOPIC} is prohibited.`;
    answers.push(refused(METADATA_TOPIC, ErrorCode.INVALID_REQUEST, message));
  }
  const decision = atomic(records, { topics: answers });
  return request.validateOnly ? withoutRecords(decision) : decision;
}

function checkPartitionCount({ settings }: ControllerView, topics: readonly NewTopic[]): void {
  const total = topics.reduce((sum, { assignments, numPartitions }) => {
    if (assignments.length > 0) return sum + assignments.length;
    return sum + (numPartitions === DEFAULT ? settings.numPartitions : Math.max(0, numPartitions));
  }, 0);
  if (total > MAX_PARTITIONS_PER_REQUEST) {
    throw new KafkaError(ErrorCode.POLICY_VIOLATION, "Excessively large number of partitions per request.");
  }
}

function checkName({ image, topicNames }: ControllerView, name: string): void {
  if (image.topics.has(name)) throw new KafkaError(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`);
  const illegal = illegalTopicName(name);
  if (illegal !== undefined) {
    throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic name is invalid: ${illegal}`);
  }
  const other = topicNames.collidingWith(name);
  if (other !== undefined) {
    throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic '${name}' collides with existing topic: ${other}`);
  }
}

interface CreatedTopic {
  readonly records: readonly MetadataRecord[];
  readonly answer: TopicAnswer;
}

function createTopic(view: ControllerView, topic: NewTopic, random: Random): CreatedTopic {
  const configs = new Map(topic.configs.map(({ name, value }) => [name, value]));
  const nulls = [...configs].filter(([, value]) => value === null).map(([name]) => name);
  if (nulls.length > 0) {
    throw new KafkaError(ErrorCode.INVALID_CONFIG, `Null value not supported for topic configs: ${nulls.join(",")}`);
  }
  const values = configs as Map<string, string>;
  const configRecords = decideConfigs(view, { type: ResourceType.TOPIC, name: topic.name }, setTo(values), {
    isNew: true,
    forwarded: true,
  });
  const partitions = partitionsOf(view, topic, random);
  const topicId = randomUuid(random);
  const version = metadataVersionIn(view.image);
  return {
    records: [
      record("Topic", 0, { name: topic.name, topicId }),
      ...configRecords,
      ...partitions.map((partition) => partitionRecord(topicId, partition, version)),
    ],
    answer: {
      name: topic.name,
      topicId,
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      numPartitions: partitions.length,
      replicationFactor: partitions[0]?.replicas.length ?? DEFAULT,
      configs: effectiveConfigs(view, topic.name, values),
    },
  };
}

function partitionsOf(view: ControllerView, topic: NewTopic, random: Random): PartitionImage[] {
  const { assignments, replicationFactor, numPartitions } = topic;
  if (assignments.length > 0) return assignedPartitions(view, topic);
  if (replicationFactor < DEFAULT || replicationFactor === 0) {
    throw new KafkaError(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      "Replication factor must be larger than 0, or -1 to use the default value.",
    );
  }
  if (numPartitions < DEFAULT || numPartitions === 0) {
    throw new KafkaError(
      ErrorCode.INVALID_PARTITIONS,
      "Number of partitions was set to an invalid non-positive value.",
    );
  }
  const { settings } = view;
  const count = numPartitions === DEFAULT ? settings.numPartitions : numPartitions;
  const factor = replicationFactor === DEFAULT ? settings.defaultReplicationFactor : replicationFactor;
  try {
    return placedPartitions(view, random, 0, count, factor);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    throw new KafkaError(error.code, `Unable to replicate the partition ${factor} time(s): ${error.message}`);
  }
}

function assignedPartitions({ image }: ControllerView, topic: NewTopic): PartitionImage[] {
  if (topic.replicationFactor !== DEFAULT) {
    throw new KafkaError(
      ErrorCode.INVALID_REQUEST,
      "A manual partition assignment was specified, but replication factor was not set to -1.",
    );
  }
  if (topic.numPartitions !== DEFAULT) {
    throw new KafkaError(
      ErrorCode.INVALID_REQUEST,
      "A manual partition assignment was specified, but numPartitions was not set to -1.",
    );
  }
  const partitions: PartitionImage[] = [];
  const seen = new Set<number>();
  let replicationFactor: number | undefined;
  for (const { partitionIndex, brokerIds } of topic.assignments) {
    if (seen.has(partitionIndex)) {
      throw new KafkaError(
        ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        `Found multiple manual partition assignments for partition ${partitionIndex}`,
      );
    }
    seen.add(partitionIndex);
    partitions.push(assignedPartition(image, partitionIndex, brokerIds, replicationFactor));
    replicationFactor = brokerIds.length;
  }
  if (partitions.some((_, index) => !seen.has(index))) {
    throw new KafkaError(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      "partitions should be a consecutive 0-based integer sequence",
    );
  }
  return partitions.sort((a, b) => a.partition - b.partition);
}

function effectiveConfigs(
  view: ControllerView,
  topicName: string,
  configs: ReadonlyMap<string, string>,
): TopicAnswer["configs"] {
  return view.configs
    .effectiveTopicConfigs({ ...configLayers(view, topicName), topic: configs })
    .map(({ name, value, source, isSensitive }) => ({
      name,
      value: isSensitive ? null : value,
      readOnly: false,
      configSource: source,
      isSensitive,
    }));
}

function refused(name: string, errorCode: ErrorCode, errorMessage: string): TopicAnswer {
  return { name, errorCode, errorMessage, numPartitions: -1, replicationFactor: -1, configs: [] };
}
