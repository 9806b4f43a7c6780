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
import { ZERO_UUID } from "../../protocol/uuid.ts";
import type { Broker } from "../broker.ts";
import { Later } from "../dispatch/answer.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import { DelayedFetch } from "../fetch/delayed-fetch.ts";
import {
  type FetchPartition,
  type FetchPartitions,
  type FetchSession,
  fetchPartitionKey,
  isIncremental,
  NO_SESSION,
  wantsSession,
} from "../fetch/fetch-session.ts";
import { type FetchParameters, fetchFailed, isFollower, type PartitionFetchResult } from "../fetch/partition-fetch.ts";
import { type PartitionFetchResults, releaseReads } from "../fetch/read-partitions.ts";
import { currentLeader, nodeEndpoints } from "../metadata/current-leader.ts";

type FetchRequest = Decode<(typeof Fetch)["request"]>;
type FetchResponse = Encode<(typeof Fetch)["response"]>;
type PartitionData = FetchResponse["responses"][number]["partitions"][number];

/** From this version on topics are named by id. */
const TOPIC_IDS_VERSION = 13;

/** What a request is about: partitions it names itself, or those of a session. */
interface Subject {
  readonly partitions: FetchPartitions;
  /** Set when only what changed is told. */
  readonly session: FetchSession | undefined;
  /** Epoch the session must still have when the answer is given. */
  readonly sessionEpoch: number;
}

export const handleFetch: Handler<typeof Fetch> = (request, context) => {
  const { broker, apiVersion } = context;
  const parameters: FetchParameters = {
    replicaId: apiVersion >= 15 ? request.replicaState.replicaId : request.replicaId,
    replicaEpoch: apiVersion >= 15 ? request.replicaState.replicaEpoch : -1,
    readCommitted: request.isolationLevel === 1,
    mayReadFromFollower: apiVersion >= 11,
    rackId: request.rackId,
  };
  if (request.isolationLevel < 0 || request.isolationLevel > 1 || request.maxBytes < 0) {
    // Differs from Kafka: a Fetch with an unknown isolation level or a negative size is answered INVALID_REQUEST, where Kafka
    // answers UNKNOWN_SERVER_ERROR.
    throw new KafkaError(ErrorCode.INVALID_REQUEST);
  }
  let subject: Subject;
  try {
    subject = subjectOf(request, context);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return refusal(errorCodeOf(error));
  }
  const { wanted, unknown } = sort(subject.partitions, broker);
  const answer = new Later<FetchResponse>();
  const done = (results: PartitionFetchResults): void => {
    if (isFollower(parameters)) recordThrottled(results, broker);
    const all = unknown.length === 0 ? results : [...results, ...unknown];
    answer.complete(tell(all, subject, request, parameters, context), () => releaseReads(broker, results));
  };
  if (wanted.length === 0) {
    done([]);
    return answer;
  }
  const maxBytes = Math.min(request.maxBytes, broker.settings.fetchMaxBytes);
  const onlyNews = subject.session !== undefined && request.minBytes <= 1;
  const limits = { maxWaitMs: request.maxWaitMs, minBytes: request.minBytes, maxBytes, onlyNews };
  const delayed = new DelayedFetch(broker, wanted, parameters, limits, done, (error) => answer.fail(error));
  answer.whenCancelled(() => delayed.cancel());
  delayed.start();
  return answer;
};

/** KIP-73: what goes to replicas that are throttled, whether or not they are held back now. */
function recordThrottled(results: PartitionFetchResults, { replicationQuotas }: Broker): void {
  const { leader: quota } = replicationQuotas;
  if (!quota.isSet) return;
  let bytes = 0;
  for (const { partition, read } of results) {
    if (read === undefined || partition === undefined) continue;
    if (quota.isThrottled(partition.topic, partition.index)) bytes += read.sizeBytes;
  }
  quota.record(bytes);
}

function refusal(errorCode: ErrorCode): FetchResponse {
  return { errorCode, sessionId: NO_SESSION, responses: [] };
}

/** @throws KafkaError why the session cannot go on. */
function subjectOf(request: FetchRequest, context: RequestContext): Subject {
  const { broker, apiVersion } = context;
  const { fetchSessions } = broker;
  const usesTopicIds = apiVersion >= TOPIC_IDS_VERSION;
  const { sessionId, sessionEpoch } = request;
  if (!isIncremental(sessionEpoch)) {
    if (sessionId !== NO_SESSION) fetchSessions.close(sessionId);
    return { partitions: namedPartitions(request, usesTopicIds, broker), session: undefined, sessionEpoch };
  }
  const session = fetchSessions.find(sessionId, sessionEpoch, usesTopicIds);
  updateSession(session, request, broker);
  if (session.partitions.size === 0) {
    fetchSessions.close(session.id);
    return { partitions: session.partitions, session: undefined, sessionEpoch };
  }
  if (!fetchSessions.advance(session)) return { partitions: session.partitions, session: undefined, sessionEpoch };
  return { partitions: session.partitions, session, sessionEpoch: session.epoch };
}

/** The partitions a request names; the last mention of one counts, as in Kafka. */
function namedPartitions(request: FetchRequest, usesTopicIds: boolean, broker: Broker): FetchPartitions {
  const partitions: FetchPartitions = new Map();
  for (const { topic, topicId, partitions: named } of request.topics) {
    const name = usesTopicIds ? nameOf(topicId, broker) : topic;
    for (const p of named) {
      partitions.set(fetchPartitionKey(name, topicId, usesTopicIds, p.partition), {
        topic: name,
        topicId: usesTopicIds ? topicId : ZERO_UUID,
        partition: p.partition,
        currentLeaderEpoch: p.currentLeaderEpoch,
        fetchOffset: p.fetchOffset,
        lastFetchedEpoch: p.lastFetchedEpoch,
        logStartOffset: p.logStartOffset,
        maxBytes: p.partitionMaxBytes,
        toldHighWatermark: -1,
        toldLogStartOffset: -1,
        isNamed: true,
      });
    }
  }
  return partitions;
}

function nameOf(topicId: string, broker: Broker): string | null {
  return broker.image.topicsById.get(topicId)?.name ?? null;
}

/** An incremental request: changes positions, adds partitions, forgets others. */
function updateSession(session: FetchSession, request: FetchRequest, broker: Broker): void {
  const { partitions, usesTopicIds } = session;
  for (const partition of partitions.values()) partition.isNamed = false;
  for (const [key, named] of namedPartitions(request, usesTopicIds, broker)) {
    const known = partitions.get(key);
    if (known === undefined) {
      partitions.set(key, named);
    } else {
      // A follower drops what it was answered for an epoch that is over: nobody else would tell it those marks again.
      if (session.fromFollower && known.currentLeaderEpoch !== named.currentLeaderEpoch) known.toldHighWatermark = -1;
      known.currentLeaderEpoch = named.currentLeaderEpoch;
      known.fetchOffset = named.fetchOffset;
      known.lastFetchedEpoch = named.lastFetchedEpoch;
      known.logStartOffset = named.logStartOffset;
      known.maxBytes = named.maxBytes;
      known.isNamed = true;
    }
  }
  for (const { topic, topicId, partitions: forgotten } of request.forgottenTopicsData) {
    for (const index of forgotten) partitions.delete(fetchPartitionKey(topic, topicId, usesTopicIds, index));
  }
  if (!usesTopicIds) return;
  for (const partition of partitions.values()) partition.topic ??= nameOf(partition.topicId, broker);
}

/** As in Kafka, partitions that the metadata does not know hold nothing up: they are told behind the others. */
function sort(
  partitions: FetchPartitions,
  broker: Broker,
): { readonly wanted: FetchPartition[]; readonly unknown: PartitionFetchResult[] } {
  const wanted: FetchPartition[] = [];
  const unknown: PartitionFetchResult[] = [];
  for (const request of partitions.values()) {
    const { topic, partition } = request;
    if (topic === null) {
      unknown.push(fetchFailed(request, undefined, new KafkaError(ErrorCode.UNKNOWN_TOPIC_ID)));
    } else if (
      broker.partitions.get(topic, partition) === undefined &&
      broker.image.topics.get(topic)?.partitions[partition] === undefined
    ) {
      unknown.push(fetchFailed(request, undefined, new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)));
    } else {
      wanted.push(request);
    }
  }
  return { wanted, unknown };
}

/** The answer, and what the session remembers of it. */
function tell(
  results: PartitionFetchResults,
  subject: Subject,
  request: FetchRequest,
  parameters: FetchParameters,
  context: RequestContext,
): FetchResponse {
  const { session, partitions } = subject;
  const { fetchSessions } = context.broker;
  if (session !== undefined) {
    // Another request of the session was taken in meanwhile: what this one read is not what the client asks for now.
    if (session.epoch !== subject.sessionEpoch) {
      return { errorCode: ErrorCode.INVALID_FETCH_SESSION_EPOCH, sessionId: session.id, responses: [] };
    }
    return respond(news(session, results), session.id, context);
  }
  if (!wantsSession(request.sessionEpoch)) return respond(results, NO_SESSION, context);
  for (const result of results) remember(result);
  const opened = fetchSessions.open(partitions, context.apiVersion >= TOPIC_IDS_VERSION, isFollower(parameters));
  return respond(results, opened?.id ?? NO_SESSION, context);
}

function remember({ request, highWatermark, logStartOffset }: PartitionFetchResult): void {
  request.toldHighWatermark = highWatermark;
  request.toldLogStartOffset = logStartOffset;
}

/** What an incremental answer tells: partitions with news. Those that returned data go to the end of the reading order. */
function news(session: FetchSession, results: PartitionFetchResults): PartitionFetchResults {
  const { partitions, usesTopicIds } = session;
  return results.filter((result) => {
    const { request, errorCode, highWatermark, logStartOffset, diverging } = result;
    const hasData = (result.read?.sizeBytes ?? 0) > 0;
    const isNews =
      hasData ||
      errorCode !== ErrorCode.NONE ||
      diverging !== undefined ||
      result.preferredReadReplica !== undefined ||
      highWatermark !== request.toldHighWatermark ||
      logStartOffset !== request.toldLogStartOffset;
    remember(result);
    if (hasData) {
      const key = fetchPartitionKey(request.topic, request.topicId, usesTopicIds, request.partition);
      if (partitions.delete(key)) partitions.set(key, request);
    }
    return isNews;
  });
}

function respond(results: PartitionFetchResults, sessionId: number, context: RequestContext): FetchResponse {
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
    ...(result.preferredReadReplica === undefined ? {} : { preferredReadReplica: result.preferredReadReplica }),
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
