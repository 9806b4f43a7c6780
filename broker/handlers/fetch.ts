/**
 * Fetch (key 1): record batches for consumers and followers, at once or when there is enough.
 *
 * Owns: sessions against requests (KIP-227), topic ids against names, what an answer tells. Leaves to fetch/delayed-fetch:
 * waiting and limits; to fetch/partition-fetch: the checks of one partition.
 * v4 read_committed, v7 sessions, v11 follower fetching, v12 diverging epochs, v13 topic ids, v15 replica state, v16 endpoints.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf, KafkaError } from "../../protocol/kafka-error.ts";
import type { Fetch } from "../../protocol/messages/fetch.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import { Later } from "../dispatch/answer.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import { DelayedFetch, release } from "../fetch/delayed-fetch.ts";
import {
  type FetchPartition,
  type FetchSession,
  fetchPartitionKey,
  isIncremental,
  NO_SESSION,
} from "../fetch/fetch-session.ts";
import { type FetchParameters, isFollower, type PartitionFetchResult } from "../fetch/partition-fetch.ts";
import { currentLeader, nodeEndpoints } from "../metadata/current-leader.ts";

type FetchRequest = Decode<(typeof Fetch)["request"]>;
type FetchResponse = Encode<(typeof Fetch)["response"]>;
type PartitionData = FetchResponse["responses"][number]["partitions"][number];

export const handleFetch: Handler<typeof Fetch> = (request, context) => {
  const { broker, apiVersion } = context;
  const usesTopicIds = apiVersion >= 13;
  let session: FetchSession | undefined;
  let partitions: Map<string, FetchPartition>;
  let incremental = false;
  try {
    if (isIncremental(request.sessionEpoch)) {
      incremental = true;
      session = broker.fetchSessions.continue(request.sessionId, request.sessionEpoch, usesTopicIds);
      updateSession(session, request, context);
      partitions = session.partitions;
      if (partitions.size === 0) {
        broker.fetchSessions.close(session.id);
        session = undefined;
      }
    } else {
      if (request.sessionId !== NO_SESSION) broker.fetchSessions.close(request.sessionId);
      partitions = requestedPartitions(request, usesTopicIds, context);
      if (request.sessionEpoch === 0) {
        session = broker.fetchSessions.open(partitions, usesTopicIds, replicaIdOf(request) >= 0);
      }
    }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return { errorCode: errorCodeOf(error), sessionId: NO_SESSION, responses: [] };
  }
  const parameters: FetchParameters = {
    replicaId: replicaIdOf(request),
    replicaEpoch: apiVersion >= 15 ? request.replicaState.replicaEpoch : -1,
    readCommitted: request.isolationLevel === 1,
    mayReadFromFollower: apiVersion >= 11,
  };
  if (request.isolationLevel < 0 || request.isolationLevel > 1 || request.maxBytes < 0) {
    // Differs from Kafka: it answers UNKNOWN_SERVER_ERROR.
    return { errorCode: ErrorCode.INVALID_REQUEST, sessionId: NO_SESSION, responses: [] };
  }
  const maxBytes = isFollower(parameters)
    ? request.maxBytes
    : Math.min(request.maxBytes, broker.settings.fetchMaxBytes);
  const answer = new Later<FetchResponse>();
  const delayed = new DelayedFetch(
    broker,
    [...partitions.values()],
    parameters,
    { maxWaitMs: request.maxWaitMs, minBytes: request.minBytes, maxBytes },
    (results) => {
      const told = session !== undefined ? tellSession(session, results, incremental) : results;
      answer.complete(respond(told, session?.id ?? NO_SESSION, context), () => release(told));
    },
    (error) => answer.fail(error),
  );
  answer.whenCancelled(() => delayed.cancel());
  delayed.start();
  return answer;
};

function replicaIdOf(request: FetchRequest): number {
  return request.replicaState.replicaId >= 0 ? request.replicaState.replicaId : request.replicaId;
}

/** The partitions a request names; the last mention of one counts, as in Kafka. */
function requestedPartitions(
  request: FetchRequest,
  usesTopicIds: boolean,
  context: RequestContext,
): Map<string, FetchPartition> {
  const partitions = new Map<string, FetchPartition>();
  for (const topic of request.topics) {
    const name = usesTopicIds ? (context.broker.image.topicsById.get(topic.topicId)?.name ?? null) : topic.topic;
    for (const p of topic.partitions) {
      partitions.set(fetchPartitionKey(name, topic.topicId, usesTopicIds, p.partition), {
        topic: name,
        topicId: topic.topicId,
        partition: p.partition,
        currentLeaderEpoch: p.currentLeaderEpoch,
        fetchOffset: p.fetchOffset,
        lastFetchedEpoch: p.lastFetchedEpoch,
        logStartOffset: p.logStartOffset,
        maxBytes: p.partitionMaxBytes,
        toldHighWatermark: -1,
        toldLogStartOffset: -1,
        toldError: false,
      });
    }
  }
  return partitions;
}

/** An incremental request: changes positions, adds partitions, forgets others. */
function updateSession(session: FetchSession, request: FetchRequest, context: RequestContext): void {
  for (const [key, named] of requestedPartitions(request, session.usesTopicIds, context)) {
    const known = session.partitions.get(key);
    if (known === undefined) {
      session.partitions.set(key, named);
    } else {
      known.topic = named.topic;
      known.currentLeaderEpoch = named.currentLeaderEpoch;
      known.fetchOffset = named.fetchOffset;
      known.lastFetchedEpoch = named.lastFetchedEpoch;
      known.logStartOffset = named.logStartOffset;
      known.maxBytes = named.maxBytes;
    }
  }
  for (const topic of request.forgottenTopicsData) {
    for (const partition of topic.partitions) {
      session.partitions.delete(fetchPartitionKey(topic.topic, topic.topicId, session.usesTopicIds, partition));
    }
  }
  if (!session.usesTopicIds) return;
  for (const partition of session.partitions.values()) {
    // The id may have become known, or its topic may be gone.
    partition.topic = context.broker.image.topicsById.get(partition.topicId)?.name ?? null;
  }
}

/** What an incremental answer tells: partitions with news. Those that returned data go to the end of the reading order. */
function tellSession(
  session: FetchSession,
  results: readonly PartitionFetchResult[],
  incremental: boolean,
): PartitionFetchResult[] {
  const told: PartitionFetchResult[] = [];
  for (const result of results) {
    const { request, read, errorCode, highWatermark, logStartOffset } = result;
    const hasData = (read?.sizeBytes ?? 0) > 0;
    const news =
      hasData ||
      errorCode !== ErrorCode.NONE ||
      request.toldError ||
      result.diverging !== undefined ||
      highWatermark !== request.toldHighWatermark ||
      logStartOffset !== request.toldLogStartOffset;
    request.toldHighWatermark = highWatermark;
    request.toldLogStartOffset = logStartOffset;
    request.toldError = errorCode !== ErrorCode.NONE;
    if (news || !incremental) told.push(result);
    else read?.release();
    if (hasData) {
      const key = fetchPartitionKey(request.topic, request.topicId, session.usesTopicIds, request.partition);
      if (session.partitions.delete(key)) session.partitions.set(key, request);
    }
  }
  return told;
}

function respond(results: readonly PartitionFetchResult[], sessionId: number, context: RequestContext): FetchResponse {
  const responses: { topic: string; topicId: string; partitions: PartitionData[] }[] = [];
  const leaders = new Set<number>();
  let topic: (typeof responses)[number] | undefined;
  for (const result of results) {
    const { request } = result;
    if (topic === undefined || topic.topicId !== request.topicId || topic.topic !== (request.topic ?? "")) {
      topic = { topic: request.topic ?? "", topicId: request.topicId, partitions: [] };
      responses.push(topic);
    }
    topic.partitions.push(partitionData(result, leaders, context));
  }
  const endpoints = leaders.size === 0 ? [] : nodeEndpoints(leaders, context);
  return { errorCode: ErrorCode.NONE, sessionId, responses, nodeEndpoints: endpoints };
}

function partitionData(result: PartitionFetchResult, leaders: Set<number>, context: RequestContext): PartitionData {
  const { request, errorCode, read } = result;
  const { apiVersion } = context;
  const knownTopic = errorCode !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION && errorCode !== ErrorCode.UNKNOWN_TOPIC_ID;
  const data = {
    partitionIndex: request.partition,
    // KAFKA_STORAGE_ERROR is not known to the oldest clients.
    errorCode:
      errorCode === ErrorCode.KAFKA_STORAGE_ERROR && apiVersion <= 5 ? ErrorCode.NOT_LEADER_OR_FOLLOWER : errorCode,
    highWatermark: result.highWatermark,
    lastStableOffset: result.lastStableOffset,
    logStartOffset: result.logStartOffset,
    abortedTransactions: knownTopic ? (read?.abortedTransactions ?? null) : [],
    records: read?.pieces ?? [],
  };
  if (result.diverging !== undefined && apiVersion >= 12) return { ...data, divergingEpoch: result.diverging };
  const moved = errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER || errorCode === ErrorCode.FENCED_LEADER_EPOCH;
  if (!moved || apiVersion < 16) return data;
  const leader = currentLeader(request.topic, request.partition, context.broker);
  if (leader.leaderId >= 0) leaders.add(leader.leaderId);
  return { ...data, currentLeader: leader };
}
