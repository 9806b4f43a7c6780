/**
 * CreatePartitions: raises the number of partitions of topics (R161, B81); each topic alone, all that succeed in one batch.
 */
import type { PartitionImage } from "../../../broker/metadata/metadata-image.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { CreatePartitionsRequest, CreatePartitionsResponse } from "../../../protocol/messages/topics.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import type { Random } from "../../../storage/random.ts";
import type { MetadataRecord } from "../../metadata/metadata-record.ts";
import { partitionRecord } from "../../metadata/partition-records.ts";
import { type ControllerView, metadataVersionIn } from "../controller-view.ts";
import { atomic, attempt, type Decision, MAX_RECORDS_PER_BATCH, withoutRecords } from "../decision.ts";
import { Occurrences } from "../occurrences.ts";
import { assignedPartition, placedPartitions } from "./new-partitions.ts";

type Request = Decode<typeof CreatePartitionsRequest>;
type Response = Encode<typeof CreatePartitionsResponse>;
type TopicAnswer = Response["results"][number];

export function decideCreatePartitions(view: ControllerView, request: Request, random: Random): Decision<Response> {
  const names = new Occurrences();
  for (const { name } of request.topics) names.add(name);
  const results: TopicAnswer[] = names.several().map((name) => ({
    name,
    errorCode: ErrorCode.INVALID_REQUEST,
    errorMessage: "Duplicate topic name.",
  }));
  const records: MetadataRecord[] = [];
  for (const topic of request.topics) {
    if (!names.isOnce(topic.name)) continue;
    const outcome = attempt(() => {
      for (const each of newPartitionRecords(view, topic, random)) records.push(each);
    });
    results.push({ name: topic.name, ...outcome });
  }
  const decision = atomic(records, { results });
  return request.validateOnly ? withoutRecords(decision) : decision;
}

function newPartitionRecords(
  view: ControllerView,
  { name, count, assignments }: Request["topics"][number],
  random: Random,
): MetadataRecord[] {
  const topic = view.image.topics.get(name);
  if (topic === undefined) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const present = topic.partitions.length;
  if (count === present) {
    throw new KafkaError(ErrorCode.INVALID_PARTITIONS, `Topic already has ${present} partition(s).`);
  }
  if (count < present) {
    throw new KafkaError(
      ErrorCode.INVALID_PARTITIONS,
      `The topic ${name} currently has ${present} partition(s); ${count} would not be an increase.`,
    );
  }
  const additional = count - present;
  if (assignments !== null && assignments.length !== additional) {
    throw new KafkaError(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `Attempted to add ${additional} additional partition(s), but only ${assignments.length} assignment(s) were specified.`,
    );
  }
  if (additional > MAX_RECORDS_PER_BATCH) {
    // Differs from Kafka: a CreatePartitions of more partitions than one batch of metadata can hold is answered POLICY_VIOLATION
    // at once; Kafka tries, and answers UNKNOWN_SERVER_ERROR.
    throw new KafkaError(ErrorCode.POLICY_VIOLATION, "Excessively large number of partitions per request.");
  }
  const replicationFactor = topic.partitions[0]?.replicas.length ?? 1;
  const partitions: PartitionImage[] =
    assignments === null
      ? placedPartitions(view, random, present, additional, replicationFactor)
      : assignments.map(({ brokerIds }, index) =>
          assignedPartition(view.image, present + index, brokerIds, replicationFactor),
        );
  const version = metadataVersionIn(view.image);
  return partitions.map((partition) => partitionRecord(topic.id, partition, version));
}
