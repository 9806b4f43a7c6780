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
/** Kafka's tools look at any replica under this id. */
const DEBUGGING_REPLICA = -2;
const CONSUMER = -1;
const UNKNOWN: TimestampAndOffset = { timestamp: -1, offset: -1, leaderEpoch: -1 };

type Outcome = PartitionAnswer | Promise<PartitionAnswer>;

export const handleListOffsets: Handler<typeof ListOffsets> = (request, context) => {
  // A partition that is named twice has one answer: that it is.
  const topics = new Map<string, Map<number, Outcome>>();
  let waits = false;
  for (const { name, partitions } of request.topics) {
    const outcomes = topics.get(name) ?? new Map<number, Outcome>();
    topics.set(name, outcomes);
    for (const asked of partitions) {
      const { partitionIndex } = asked;
      const outcome = outcomes.has(partitionIndex)
        ? refusal(partitionIndex, ErrorCode.INVALID_REQUEST)
        : answerOne(name, asked, request, context);
      outcomes.set(partitionIndex, outcome);
      waits ||= outcome instanceof Promise;
    }
  }
  const names = [...topics.keys()];
  const answers = [...topics.values()].map((outcomes) => [...outcomes.values()]);
  const respond = (partitions: PartitionAnswer[][]) => ({
    topics: names.map((name, i) => ({ name, partitions: partitions[i] ?? [] })),
  });
  if (!waits) return respond(answers as PartitionAnswer[][]);
  return laterFrom(Promise.all(answers.map((topic) => Promise.all(topic))).then(respond));
};

function refusal(partitionIndex: number, errorCode: number): PartitionAnswer {
  return { partitionIndex, errorCode, timestamp: -1, offset: -1, leaderEpoch: -1 };
}

function answerOne(
  topic: string,
  asked: PartitionRequest,
  request: ListOffsetsRequest,
  context: RequestContext,
): Outcome {
  const { broker, apiVersion } = context;
  const { partitionIndex, timestamp } = asked;
  const refuse = (error: unknown): PartitionAnswer => {
    if (!(error instanceof KafkaError)) throw error;
    return refusal(partitionIndex, errorCodeOf(error));
  };
  const found = ({ timestamp, offset, leaderEpoch }: TimestampAndOffset): PartitionAnswer => ({
    ...{ partitionIndex, errorCode: ErrorCode.NONE, timestamp, offset },
    leaderEpoch: apiVersion >= 4 ? leaderEpoch : -1,
  });
  try {
    if (timestamp < 0 && apiVersion < (SINCE.get(timestamp) ?? Number.POSITIVE_INFINITY)) {
      throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION);
    }
    // Differs from Kafka: a ListOffsets with an unknown isolation level is answered INVALID_REQUEST, where Kafka answers
    // UNKNOWN_SERVER_ERROR.
    if (request.isolationLevel < 0 || request.isolationLevel > 1) throw new KafkaError(ErrorCode.INVALID_REQUEST);
    const partition = broker.partitions.require(topic, partitionIndex, broker.image);
    partition.checkLeaderEpoch(asked.currentLeaderEpoch);
    if (request.replicaId !== DEBUGGING_REPLICA) partition.requireLeader();
    const at = lookUp(partition, timestamp, request, apiVersion);
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
  const fromConsumer = request.replicaId === CONSUMER;
  // Marks are taken now, before anything is awaited.
  const end = fromConsumer
    ? request.isolationLevel === 1
      ? log.lastStableOffset
      : log.highWatermark
    : log.logEndOffset;
  const epochStart = partition.leader?.epochStartOffset ?? 0;
  const settled = !fromConsumer || log.highWatermark >= epochStart;
  switch (timestamp) {
    case LATEST:
      if (!settled) throw notAvailable(apiVersion);
      return { timestamp: -1, offset: end, leaderEpoch: partition.state.leaderEpoch };
    case EARLIEST:
    case EARLIEST_LOCAL:
      return { timestamp: -1, offset: log.logStartOffset, leaderEpoch: log.epochForOffset(log.logStartOffset) };
    case LATEST_TIERED:
    case EARLIEST_PENDING_UPLOAD:
      return UNKNOWN; // nothing is tiered here
  }
  // Records past the mark are as good as none; but a leader that does not know its mark yet does not know that either.
  const below = (record: TimestampAndOffset | undefined): TimestampAndOffset => {
    if (record !== undefined && record.offset < end) return record;
    if (!settled) throw notAvailable(apiVersion);
    return UNKNOWN;
  };
  return timestamp === MAX_TIMESTAMP
    ? log.offsetOfMaxTimestamp().then(below)
    : log.offsetForTimestamp(timestamp, end).then(below);
}

function notAvailable(apiVersion: number): KafkaError {
  return new KafkaError(apiVersion >= 5 ? ErrorCode.OFFSET_NOT_AVAILABLE : ErrorCode.LEADER_NOT_AVAILABLE);
}
