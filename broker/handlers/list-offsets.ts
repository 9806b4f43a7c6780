/**
 * ListOffsets (key 2): the offset of a time, or of an end of the log.
 *
 * v4 leader epochs, v7 max timestamp (KIP-734), v8 earliest local, v9 latest tiered (KIP-405), v11 earliest pending upload.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf, KafkaError } from "../../protocol/kafka-error.ts";
import type { ListOffsets } from "../../protocol/messages/list-offsets.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import type { TimestampAndOffset } from "../../storage/partition-log.ts";
import { laterFrom } from "../dispatch/answer.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import type { Partition } from "../partition/partition.ts";

type ListOffsetsRequest = Decode<(typeof ListOffsets)["request"]>;
type PartitionRequest = ListOffsetsRequest["topics"][number]["partitions"][number];
type PartitionAnswer = Encode<(typeof ListOffsets)["response"]>["topics"][number]["partitions"][number];

const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;
const EARLIEST_PENDING_UPLOAD = -6;
/** Version from which on each special timestamp is known. */
const SINCE: ReadonlyMap<number, number> = new Map([
  [LATEST, 1],
  [EARLIEST, 1],
  [MAX_TIMESTAMP, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
  [EARLIEST_PENDING_UPLOAD, 11],
]);
const UNKNOWN: TimestampAndOffset = { timestamp: -1, offset: -1, leaderEpoch: -1 };

export const handleListOffsets: Handler<typeof ListOffsets> = (request, context) => {
  const duplicates = namedTwice(request);
  const answers: (PartitionAnswer | Promise<PartitionAnswer>)[][] = request.topics.map((topic) => {
    const seen = new Set<number>();
    const once = topic.partitions.filter((p) => !seen.has(p.partitionIndex) && seen.add(p.partitionIndex));
    return once.map((partition) =>
      duplicates.has(`${partition.partitionIndex}:${topic.name}`)
        ? refusal(partition.partitionIndex, ErrorCode.INVALID_REQUEST)
        : answerOne(topic.name, partition, request, context),
    );
  });
  const respond = (partitions: PartitionAnswer[][]) => ({
    topics: request.topics.map((topic, i) => ({ name: topic.name, partitions: partitions[i] ?? [] })),
  });
  if (answers.flat().some((answer) => answer instanceof Promise)) {
    return laterFrom(Promise.all(answers.map((topic) => Promise.all(topic))).then(respond));
  }
  return respond(answers as PartitionAnswer[][]);
};

function namedTwice(request: ListOffsetsRequest): Set<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const topic of request.topics) {
    for (const { partitionIndex } of topic.partitions) {
      const key = `${partitionIndex}:${topic.name}`;
      if (seen.has(key)) twice.add(key);
      seen.add(key);
    }
  }
  return twice;
}

function refusal(partitionIndex: number, errorCode: number): PartitionAnswer {
  return { partitionIndex, errorCode, timestamp: -1, offset: -1, leaderEpoch: -1 };
}

function answerOne(
  topic: string,
  asked: PartitionRequest,
  request: ListOffsetsRequest,
  context: RequestContext,
): PartitionAnswer | Promise<PartitionAnswer> {
  const { broker, apiVersion } = context;
  const { partitionIndex } = asked;
  const refuse = (error: unknown): PartitionAnswer => {
    if (!(error instanceof KafkaError)) throw error;
    return refusal(partitionIndex, errorCodeOf(error));
  };
  const found = ({ timestamp, offset, leaderEpoch }: TimestampAndOffset): PartitionAnswer => ({
    ...{ partitionIndex, errorCode: ErrorCode.NONE, timestamp, offset },
    leaderEpoch: apiVersion >= 4 ? leaderEpoch : -1,
  });
  try {
    const partition = broker.partitions.require(topic, partitionIndex, broker.image);
    partition.checkLeaderEpoch(asked.currentLeaderEpoch);
    partition.requireLeader();
    if (asked.timestamp < 0 && apiVersion < (SINCE.get(asked.timestamp) ?? Number.POSITIVE_INFINITY)) {
      throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION);
    }
    // Differs from Kafka: it answers UNKNOWN_SERVER_ERROR.
    if (request.isolationLevel < 0 || request.isolationLevel > 1) throw new KafkaError(ErrorCode.INVALID_REQUEST);
    const at = lookUp(partition, asked.timestamp, request, apiVersion);
    return at instanceof Promise ? at.then(found, refuse) : found(at);
  } catch (error) {
    return refuse(error);
  }
}

/** @throws KafkaError OFFSET_NOT_AVAILABLE: a new leader does not know yet how far its predecessor had committed. */
function lookUp(
  partition: Partition,
  timestamp: number,
  request: ListOffsetsRequest,
  apiVersion: number,
): TimestampAndOffset | Promise<TimestampAndOffset> {
  const { log } = partition;
  const fromConsumer = request.replicaId === -1;
  const end = !fromConsumer
    ? log.logEndOffset
    : request.isolationLevel === 1
      ? log.lastStableOffset
      : log.highWatermark;
  const settled = !fromConsumer || log.highWatermark >= partition.requireLeader().epochStartOffset;
  const at = (offset: number): TimestampAndOffset => ({
    timestamp: -1,
    offset,
    leaderEpoch: offset === -1 ? -1 : epochAt(partition, offset),
  });
  switch (timestamp) {
    case LATEST:
      if (!settled) throw notAvailable(apiVersion);
      return { timestamp: -1, offset: end, leaderEpoch: partition.state.leaderEpoch };
    case EARLIEST:
    case EARLIEST_LOCAL:
      return at(log.logStartOffset);
    case LATEST_TIERED:
    case EARLIEST_PENDING_UPLOAD:
      return UNKNOWN; // nothing is tiered here
    case MAX_TIMESTAMP:
      return log.offsetOfMaxTimestamp().then((max) => (max !== undefined && max.offset < end ? max : UNKNOWN));
    default:
      return log.offsetForTimestamp(timestamp, end).then((first) => {
        if (first !== undefined) return first;
        if (!settled) throw notAvailable(apiVersion);
        return UNKNOWN;
      });
  }
}

function epochAt(partition: Partition, offset: number): number {
  const epoch = partition.log.epochForOffset(offset);
  return epoch >= 0 ? epoch : partition.state.leaderEpoch;
}

function notAvailable(apiVersion: number): KafkaError {
  return new KafkaError(apiVersion >= 5 ? ErrorCode.OFFSET_NOT_AVAILABLE : ErrorCode.LEADER_NOT_AVAILABLE);
}
