/**
 * OffsetCommit and TxnOffsetCommit: a group's offsets are stored, at once or when the transaction commits.
 *
 * Owns: who may commit, and what is stored. Leaves to the handler: whether topics and partitions exist.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { type CoordinatorRecord, fitsRecord } from "../../state-machine/coordinator-record.ts";
import type { TransactionalProducer } from "../../state-machine/decision.ts";
import type { OffsetCommitter } from "../classic/offset-rules.ts";
import { type Group, kindOf } from "../group.ts";
import type { GroupDecision } from "../group-decision.ts";
import type { PartitionCheck } from "../group-kind.ts";
import { offsetRecord } from "./offset-record.ts";

export interface OffsetToCommit {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly committedMetadata: string | null;
}

export interface TopicToCommit {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly OffsetToCommit[];
}

export interface OffsetCommitOrder extends OffsetCommitter {
  readonly groupId: string;
  readonly topics: readonly TopicToCommit[];
  /** -1: as the settings say (only versions 2 to 4 can say otherwise). */
  readonly retentionTimeMs: number;
  /** What an unknown group means to this version, when the committer claims to be a member. */
  readonly unknownGroup: ErrorCode;
  readonly transaction?: TransactionalProducer | undefined;
}

export interface CommitResult {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: ErrorCode }[];
}

/** @throws KafkaError when nothing may be committed. @param nowMs wall clock. */
export function decideCommit(
  group: Group | undefined,
  order: OffsetCommitOrder,
  maxMetadataLength: number,
  nowMs: number,
): GroupDecision<CommitResult[]> {
  const check = requireCommitter(group, order);
  const records: CoordinatorRecord[] = [];
  const response = order.topics.map((topic) => ({
    name: topic.name,
    topicId: topic.topicId,
    partitions: topic.partitions.map((offset) => {
      const { partitionIndex } = offset;
      const tooLarge = (offset.committedMetadata?.length ?? 0) > maxMetadataLength;
      const errorCode = tooLarge
        ? ErrorCode.OFFSET_METADATA_TOO_LARGE
        : (check?.(topic, partitionIndex) ?? ErrorCode.NONE);
      if (errorCode === ErrorCode.NONE) records.push(recordOf(order, topic, offset, nowMs));
      return { partitionIndex, errorCode };
    }),
  }));
  const decision: GroupDecision<CommitResult[]> = {
    records,
    // Differs from Kafka: an OffsetCommit too large for one batch of records is written in several; Kafka answers
    // UNKNOWN_SERVER_ERROR.
    splittable: true,
    response,
    timers: group === undefined || order.transactional ? [] : kindOf(group).heardOfCommitter(group, order),
  };
  return order.transaction === undefined ? decision : { ...decision, transaction: order.transaction };
}

/** Who commits may; what is returned, if anything, says so of each partition. */
function requireCommitter(group: Group | undefined, order: OffsetCommitOrder): PartitionCheck | undefined {
  // Whoever claims no membership makes a group that only stores offsets.
  if (group === undefined && order.generationId < 0) {
    if (fitsRecord(order.groupId)) return undefined;
    throw new KafkaError(ErrorCode.INVALID_GROUP_ID);
  }
  const checked = group === undefined ? order.unknownGroup : kindOf(group).checkCommit(group, order);
  if (typeof checked === "function") return checked;
  if (checked !== ErrorCode.NONE) throw new KafkaError(checked);
  return undefined;
}

function recordOf(
  order: OffsetCommitOrder,
  topic: TopicToCommit,
  offset: OffsetToCommit,
  nowMs: number,
): CoordinatorRecord {
  const key = { group: order.groupId, topic: topic.name, partition: offset.partitionIndex };
  return offsetRecord(key, {
    committedOffset: offset.committedOffset,
    leaderEpoch: offset.committedLeaderEpoch < 0 ? -1 : offset.committedLeaderEpoch,
    metadata: offset.committedMetadata ?? "",
    commitTimestampMs: nowMs,
    expireTimestampMs: order.retentionTimeMs === -1 ? -1 : nowMs + order.retentionTimeMs,
    // Transactional commits come by name.
    topicId: order.transaction === undefined ? topic.topicId : ZERO_UUID,
  });
}
