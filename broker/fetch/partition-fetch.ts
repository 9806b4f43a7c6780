/**
 * One partition of one Fetch: who may read it from here, whether the logs diverge, and its bytes.
 *
 * The order of the checks is Kafka's. Owns no waiting and no sessions: handlers/fetch does.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf, KafkaError } from "../../protocol/kafka-error.ts";
import type { LogRead } from "../../storage/partition-log.ts";
import type { Broker } from "../broker.ts";
import type { Partition } from "../partition/partition.ts";
import type { FetchPartition } from "./fetch-session.ts";

export interface FetchParameters {
  /** -1 a consumer; otherwise the follower that fetches. */
  readonly replicaId: number;
  /** Broker epoch of the follower, -1 when it says none. */
  readonly replicaEpoch: number;
  readonly readCommitted: boolean;
  /** From v11 on a consumer may read from a follower (KIP-392). */
  readonly mayReadFromFollower: boolean;
}

export interface PartitionFetchResult {
  readonly request: FetchPartition;
  readonly partition: Partition | undefined;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly diverging: { readonly epoch: number; readonly endOffset: number } | undefined;
  readonly read: LogRead | undefined;
}

/** A follower's fetch is at least a look at the log end; a consumer's ends at a mark. */
export function isFollower(parameters: FetchParameters): boolean {
  return parameters.replicaId >= 0;
}

/**
 * Reads what the limits allow. A promise only when cold bytes come from the disk.
 * @param maxBytes what the response has room for; at least one batch is returned regardless when `minOneBatch`.
 */
export function fetchPartition(
  broker: Broker,
  request: FetchPartition,
  parameters: FetchParameters,
  maxBytes: number,
  minOneBatch: boolean,
): PartitionFetchResult | Promise<PartitionFetchResult> {
  let partition: Partition | undefined;
  try {
    partition = findPartition(broker, request, parameters);
    return readPartition(partition, request, parameters, maxBytes, minOneBatch);
  } catch (error) {
    return failed(request, partition, error);
  }
}

function failed(request: FetchPartition, partition: Partition | undefined, error: unknown): PartitionFetchResult {
  if (!(error instanceof KafkaError)) throw error;
  return {
    request,
    partition,
    errorCode: errorCodeOf(error),
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    diverging: undefined,
    read: undefined,
  };
}

/** @throws KafkaError as the checks of a leader say. */
function findPartition(broker: Broker, request: FetchPartition, parameters: FetchParameters): Partition {
  if (request.topic === null) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_ID);
  if (request.maxBytes < 0) throw new KafkaError(ErrorCode.INVALID_FETCH_SIZE); // Differs from Kafka: it answers UNKNOWN_SERVER_ERROR
  const partition = broker.partitions.require(request.topic, request.partition, broker.image);
  partition.checkLeaderEpoch(request.currentLeaderEpoch);
  if (isFollower(parameters)) {
    const leader = partition.requireLeader();
    if (leader.follower(parameters.replicaId) === undefined) {
      const code = request.currentLeaderEpoch >= 0 ? ErrorCode.UNKNOWN_LEADER_EPOCH : ErrorCode.NOT_LEADER_OR_FOLLOWER;
      throw new KafkaError(code);
    }
    const registered = broker.image.brokers.get(parameters.replicaId)?.brokerEpoch ?? -1;
    if (parameters.replicaEpoch !== -1 && parameters.replicaEpoch < registered) {
      throw new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER); // an earlier incarnation speaks (KIP-903)
    }
  } else if (!parameters.mayReadFromFollower) {
    partition.requireLeader();
  }
  return partition;
}

function readPartition(
  partition: Partition,
  request: FetchPartition,
  parameters: FetchParameters,
  maxBytes: number,
  minOneBatch: boolean,
): PartitionFetchResult | Promise<PartitionFetchResult> {
  const log = partition.log;
  // All marks are taken now: what is read later must not show bytes past them (KAFKA-9807, KAFKA-9835).
  const marks = {
    request,
    partition,
    errorCode: ErrorCode.NONE,
    highWatermark: log.highWatermark,
    lastStableOffset: log.lastStableOffset,
    logStartOffset: log.logStartOffset,
    diverging: undefined,
  };
  if (request.lastFetchedEpoch >= 0) {
    const diverging = findDivergence(partition, request);
    if (diverging !== undefined) return { ...marks, diverging, read: undefined };
  }
  const upToOffset = isFollower(parameters)
    ? log.logEndOffset
    : parameters.readCommitted
      ? log.lastStableOffset
      : log.highWatermark;
  if (isFollower(parameters)) {
    if (request.fetchOffset < log.logStartOffset || request.fetchOffset > log.logEndOffset) {
      throw new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE);
    }
    partition.followerFetched(
      parameters.replicaId,
      request.fetchOffset,
      request.logStartOffset,
      parameters.replicaEpoch,
    );
  }
  const read = log.read(request.fetchOffset, {
    maxBytes: Math.min(maxBytes, request.maxBytes),
    upToOffset,
    minOneBatch,
    abortedTransactions: parameters.readCommitted && !isFollower(parameters),
  });
  // The fetch itself may have moved the high watermark; the follower may know.
  const highWatermark = log.highWatermark;
  if (!(read instanceof Promise)) return { ...marks, highWatermark, read };
  return read.then(
    (cold) => ({ ...marks, highWatermark, read: cold }),
    (error) => failed(request, partition, error),
  );
}

/** The point up to which the logs agree, when the fetcher's log has taken another way (KIP-595). @throws OFFSET_OUT_OF_RANGE. */
function findDivergence(
  partition: Partition,
  request: FetchPartition,
): { epoch: number; endOffset: number } | undefined {
  const log = partition.log;
  const end = log.endOffsetForEpoch(request.lastFetchedEpoch);
  if (end.leaderEpoch === -1 || end.endOffset === -1) throw new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE);
  if (request.fetchOffset < log.logStartOffset) throw new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE); // KAFKA-12996
  if (end.leaderEpoch < request.lastFetchedEpoch || end.endOffset < request.fetchOffset) {
    return { epoch: end.leaderEpoch, endOffset: end.endOffset };
  }
  return undefined;
}
