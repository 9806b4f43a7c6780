/**
 * The acknowledgements of one request, partition by partition: each is taken in or refused for itself.
 *
 * Owns: what acknowledgements must be before a share partition is asked, in Kafka's order. Leaves to SharePartition: whether the member
 * may say so of these records, and storing it.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Broker } from "../broker.ts";
import { Later } from "../dispatch/answer.ts";
import { type AcknowledgementBatch, AcknowledgeType } from "./acknowledgement.ts";
import { type NamedPartition, sessionPartitionKey } from "./share-session.ts";

export interface AcknowledgedTopic {
  readonly topicId: string;
  readonly partitions: readonly {
    readonly partitionIndex: number;
    readonly acknowledgementBatches: readonly AcknowledgementBatch[];
  }[];
}

export interface Acknowledger {
  readonly groupId: string;
  readonly memberId: string;
  /** The highest acknowledge type that the version of the request knows. */
  readonly highestType: number;
  /** Whether the request says that there are renewals in it (KIP-1222). */
  readonly isRenewAck: boolean;
}

export interface AcknowledgedPartition {
  readonly named: NamedPartition;
  readonly topic: string | null;
  error: KafkaError | undefined;
}

/** What becomes of each partition that is named, by sessionPartitionKey(); complete when all that there is to store is stored. */
export function acknowledgePartitions(
  broker: Broker,
  topics: readonly AcknowledgedTopic[],
  acknowledger: Acknowledger,
): Later<ReadonlyMap<string, AcknowledgedPartition>> {
  const results = new Map<string, AcknowledgedPartition>();
  const later = new Later<ReadonlyMap<string, AcknowledgedPartition>>();
  // Counts the loop itself, so that nothing is complete before all have begun.
  let missing = 1;
  const finishOne = (): void => {
    if (--missing === 0) later.complete(results);
  };
  for (const { topicId, partitions } of topics) {
    const topic = broker.image.topicsById.get(topicId)?.name ?? null;
    for (const { partitionIndex: partition, acknowledgementBatches: batches } of partitions) {
      const named = { topicId, partition };
      const key = sessionPartitionKey(named);
      // As in Kafka one that is named twice is told once.
      const result = results.get(key) ?? { named, topic, error: undefined };
      results.set(key, result);
      result.error ??= whyRefused(broker, topic, partition, batches, acknowledger);
      if (result.error !== undefined || batches.length === 0) continue;
      const share = broker.sharePartitions.find(acknowledger.groupId, named);
      if (share === undefined) {
        result.error = new KafkaError(
          ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
          "The group does not read this partition here.",
        );
        continue;
      }
      missing++;
      share.acknowledge(acknowledger.memberId, batches, (error) => {
        result.error ??= error;
        finishOne();
      });
    }
  }
  finishOne();
  return later;
}

function whyRefused(
  { image }: Broker,
  topic: string | null,
  partition: number,
  batches: readonly AcknowledgementBatch[],
  acknowledger: Acknowledger,
): KafkaError | undefined {
  if (topic === null) return new KafkaError(ErrorCode.UNKNOWN_TOPIC_ID);
  if (!areValid(batches, acknowledger)) return new KafkaError(ErrorCode.INVALID_REQUEST);
  const isKnown = image.topics.get(topic)?.partitions[partition] !== undefined;
  return isKnown ? undefined : new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
}

function areValid(
  batches: readonly AcknowledgementBatch[],
  { highestType, isRenewAck }: Pick<Acknowledger, "highestType" | "isRenewAck">,
): boolean {
  let before = -1;
  for (const { firstOffset, lastOffset, acknowledgeTypes: types } of batches) {
    const isInOrder = firstOffset <= lastOffset && firstOffset >= before;
    const isComplete = types.length === 1 || (types.length > 1 && lastOffset - firstOffset === types.length - 1);
    const areKnown = types.every(
      (type) => type >= AcknowledgeType.GAP && type <= highestType && (type !== AcknowledgeType.RENEW || isRenewAck),
    );
    if (!isInOrder || !isComplete || !areKnown) return false;
    before = lastOffset;
  }
  return true;
}
