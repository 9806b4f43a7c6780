/**
 * One partition of one Fetch: who may read it from here, whether the logs diverge, and its bytes.
 *
 * The order of the checks is Kafka's. Owns no waiting and no sessions: handlers/fetch does.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf, KafkaError } from "../../protocol/kafka-error.ts";
import { ZERO_UUID } from "../../protocol/uuid.ts";
import type { LogRead, PartitionLog } from "../../storage/partition-log.ts";
import type { Broker } from "../broker.ts";
import type { LeaderState } from "../partition/leader-state.ts";
import type { Partition } from "../partition/partition.ts";
import type { FetchPartition } from "./fetch-session.ts";
import { preferredReplica } from "./preferred-replica.ts";

export interface FetchParameters {
  /** -1 a consumer, -2 a debugging one; otherwise the follower that fetches. */
  readonly replicaId: number;
  /** Broker epoch of the follower, -1 when it says none. */
  readonly replicaEpoch: number;
  readonly readCommitted: boolean;
  /** From v11 on a consumer may read from a follower (KIP-392). */
  readonly mayReadFromFollower: boolean;
  /** Where the consumer is; "" when it does not say. */
  readonly rackId: string;
}

/** What became of one partition; marks are -1 when it is an error. */
export interface PartitionFetchResult {
  readonly request: FetchPartition;
  readonly partition: Partition | undefined;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly diverging: EpochEnd | undefined;
  /** The replica that the consumer should ask instead; nothing is read then. */
  readonly preferredReadReplica?: number;
  readonly read: LogRead | undefined;
}

interface EpochEnd {
  readonly epoch: number;
  readonly endOffset: number;
}

/** A follower reads to the log end; a consumer to a mark. */
export function isFollower(parameters: FetchParameters): boolean {
  return parameters.replicaId >= 0;
}

/** Where reading ends for whoever asks; exclusive. */
export function fetchEndOffset(log: PartitionLog, parameters: FetchParameters): number {
  if (isFollower(parameters)) return log.logEndOffset;
  return parameters.readCommitted ? log.lastStableOffset : log.highWatermark;
}

/**
 * Whether a follower's fetch would find nothing in a partition that its session has not been told already: most partitions, most of
 * the time. Its arrival counts all the same.
 */
export function isQuiet(
  broker: Broker,
  request: FetchPartition,
  parameters: FetchParameters,
  arrives: boolean,
): boolean {
  const partition = request.held;
  if (partition === undefined || (arrives && request.isNamed) || !isFollower(parameters)) return false;
  const { leader, log } = partition;
  if (leader === undefined || leader.leaderEpoch !== request.currentLeaderEpoch || log.offline) return false;
  const hasNews =
    log.logEndOffset !== request.fetchOffset ||
    log.highWatermark !== request.toldHighWatermark ||
    log.logStartOffset !== request.toldLogStartOffset;
  if (hasNews) return false;
  if (!arrives) return true;
  if (leader.follower(parameters.replicaId) === undefined || isEarlierIncarnation(broker, parameters)) return false;
  partition.followerFetched(parameters.replicaId, request.fetchOffset, request.logStartOffset, parameters.replicaEpoch);
  // It may just have moved the high watermark, which the follower is to know.
  return log.highWatermark === request.toldHighWatermark;
}

/**
 * Reads what the limits allow. A promise only when cold bytes come from the disk.
 * @param maxBytes what the response has room for; at least one batch is returned regardless when `minOneBatch`.
 * @param arrives true at the first look: only the arrival of a follower's fetch says how far the follower is.
 */
export function fetchPartition(
  broker: Broker,
  request: FetchPartition,
  parameters: FetchParameters,
  maxBytes: number,
  minOneBatch: boolean,
  arrives: boolean,
): PartitionFetchResult | Promise<PartitionFetchResult> {
  let partition: Partition | undefined;
  try {
    partition = findPartition(broker, request);
    request.held = partition;
    return readPartition(broker, partition, request, parameters, maxBytes, minOneBatch, arrives);
  } catch (error) {
    return fetchFailed(request, partition, error);
  }
}

/** The result of a partition that cannot be read. Rethrows what is no outcome of the protocol. */
export function fetchFailed(
  request: FetchPartition,
  partition: Partition | undefined,
  error: unknown,
): PartitionFetchResult {
  if (!(error instanceof KafkaError)) throw error;
  const noMarks = { highWatermark: -1, lastStableOffset: -1, logStartOffset: -1 };
  return { request, partition, errorCode: errorCodeOf(error), ...noMarks, diverging: undefined, read: undefined };
}

/** @throws KafkaError UNKNOWN_TOPIC_ID, INCONSISTENT_TOPIC_ID, and those of PartitionTable.require. */
function findPartition(broker: Broker, request: FetchPartition): Partition {
  if (request.topic === null) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_ID);
  const partition = broker.partitions.require(request.topic, request.partition, broker.image);
  if (request.topicId !== ZERO_UUID && request.topicId !== partition.topicId) {
    throw new KafkaError(ErrorCode.INCONSISTENT_TOPIC_ID); // a session may be older than the topic of this name
  }
  return partition;
}

function readPartition(
  broker: Broker,
  partition: Partition,
  request: FetchPartition,
  parameters: FetchParameters,
  maxBytes: number,
  minOneBatch: boolean,
  arrives: boolean,
): PartitionFetchResult | Promise<PartitionFetchResult> {
  partition.checkLeaderEpoch(request.currentLeaderEpoch);
  const fromFollower = isFollower(parameters);
  if (fromFollower) requireReplica(partition.requireLeader(), request, parameters);
  else if (!parameters.mayReadFromFollower) partition.requireLeader();
  // Differs from Kafka: a Fetch of a partition with a negative size is answered INVALID_FETCH_SIZE, where Kafka answers
  // UNKNOWN_SERVER_ERROR.
  if (request.maxBytes < 0) throw new KafkaError(ErrorCode.INVALID_FETCH_SIZE);
  const { log } = partition;
  // All marks are taken now: what is read later must not show bytes past them (KAFKA-9807, KAFKA-9835).
  const { lastStableOffset, logStartOffset } = log;
  const upToOffset = fetchEndOffset(log, parameters);
  const diverging = request.lastFetchedEpoch >= 0 ? findDivergence(log, request) : undefined;
  if (diverging !== undefined) {
    const { highWatermark } = log;
    return {
      request,
      partition,
      errorCode: 0,
      highWatermark,
      lastStableOffset,
      logStartOffset,
      diverging,
      read: undefined,
    };
  }
  if (fromFollower && arrives) followerArrives(broker, partition, request, parameters);
  const unread = { request, partition, errorCode: 0, lastStableOffset, logStartOffset, diverging, read: undefined };
  const preferredReadReplica = fromFollower ? undefined : nearerReplica(broker, partition, request, parameters);
  if (preferredReadReplica !== undefined) {
    return { ...unread, highWatermark: log.highWatermark, preferredReadReplica };
  }
  if (fromFollower && isHeldBack(broker, partition, parameters)) return { ...unread, highWatermark: log.highWatermark };
  const read = log.read(request.fetchOffset, {
    maxBytes: Math.min(maxBytes, request.maxBytes),
    upToOffset,
    minOneBatch,
    // Replicas are sent nothing that they would drop, and ask for again.
    wholeBatches: fromFollower,
    abortedTransactions: parameters.readCommitted && !fromFollower,
  });
  // The fetch itself may have moved the high watermark; the follower may know.
  const { highWatermark } = log;
  if (!(read instanceof Promise)) {
    return { request, partition, errorCode: 0, highWatermark, lastStableOffset, logStartOffset, diverging, read };
  }
  return read.then(
    (cold) => ({
      ...{ request, partition, errorCode: 0, highWatermark, lastStableOffset, logStartOffset, diverging },
      read: cold,
    }),
    (error: unknown) => fetchFailed(request, partition, error),
  );
}

function nearerReplica(
  broker: Broker,
  partition: Partition,
  { fetchOffset }: FetchPartition,
  { mayReadFromFollower, rackId }: FetchParameters,
): number | undefined {
  const { leader } = partition;
  if (!mayReadFromFollower || rackId === "" || leader === undefined) return undefined;
  return preferredReplica(broker, partition, leader, fetchOffset, rackId);
}

/** KIP-73: a replica on the move gets nothing while the quota is used up; one that is in sync is not held back. */
function isHeldBack({ replicationQuotas }: Broker, partition: Partition, { replicaId }: FetchParameters): boolean {
  const { leader: quota } = replicationQuotas;
  if (!quota.isSet || !quota.isThrottled(partition.topic, partition.index) || !quota.isExceeded) return false;
  return !partition.state.inSyncReplicas.includes(replicaId);
}

/** @throws KafkaError when the one who fetches is no replica, as far as is known here. */
function requireReplica(leader: LeaderState, request: FetchPartition, { replicaId }: FetchParameters): void {
  if (leader.follower(replicaId) !== undefined) return;
  // A replica of this very epoch that is not known yet: metadata is on its way.
  const isNew = request.currentLeaderEpoch >= 0;
  throw new KafkaError(isNew ? ErrorCode.UNKNOWN_LEADER_EPOCH : ErrorCode.NOT_LEADER_OR_FOLLOWER);
}

/** Takes in how far the follower is. @throws KafkaError OFFSET_OUT_OF_RANGE; NOT_LEADER_OR_FOLLOWER when an earlier incarnation speaks. */
function followerArrives(
  broker: Broker,
  partition: Partition,
  { fetchOffset, logStartOffset }: FetchPartition,
  parameters: FetchParameters,
): void {
  const { replicaId, replicaEpoch } = parameters;
  const { log } = partition;
  if (fetchOffset < log.logStartOffset || fetchOffset > log.logEndOffset) {
    throw new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE);
  }
  if (isEarlierIncarnation(broker, parameters)) throw new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER); // KIP-903
  partition.followerFetched(replicaId, fetchOffset, logStartOffset, replicaEpoch);
}

function isEarlierIncarnation(broker: Broker, { replicaId, replicaEpoch }: FetchParameters): boolean {
  return replicaEpoch !== -1 && replicaEpoch < (broker.image.brokers.get(replicaId)?.brokerEpoch ?? -1);
}

/** The point up to which the logs agree, when the fetcher's log has taken another way (KIP-595). @throws OFFSET_OUT_OF_RANGE. */
function findDivergence(log: PartitionLog, { lastFetchedEpoch, fetchOffset }: FetchPartition): EpochEnd | undefined {
  const { leaderEpoch: epoch, endOffset } = log.endOffsetForEpoch(lastFetchedEpoch);
  if (epoch === -1 || endOffset === -1) throw new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE);
  if (fetchOffset < log.logStartOffset) throw new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE); // KAFKA-12996
  return epoch < lastFetchedEpoch || endOffset < fetchOffset ? { epoch, endOffset } : undefined;
}
