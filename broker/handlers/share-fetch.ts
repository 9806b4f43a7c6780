/**
 * ShareFetch (key 78): a member of a share group acquires records, and acknowledges earlier ones on the way (KIP-932).
 *
 * Owns: sessions against requests, and what an answer tells. Leaves to share-partitions/delayed-share-fetch: waiting and reading; to
 * share-partitions/acknowledge-partitions: the acknowledgements.
 * v2 exact limits of records (KIP-1206) and renewal (KIP-1222).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf, KafkaError } from "../../protocol/kafka-error.ts";
import type { ShareFetch } from "../../protocol/messages/share-fetch.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import { Later } from "../dispatch/answer.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import { currentLeader, nodeEndpoints } from "../metadata/current-leader.ts";
import { type AcknowledgedPartition, acknowledgePartitions } from "../share-partitions/acknowledge-partitions.ts";
import { AcknowledgeType } from "../share-partitions/acknowledgement.ts";
import {
  DelayedShareFetch,
  type ShareFetchLimits,
  type ShareFetchResult,
  type ShareFetchResults,
} from "../share-partitions/delayed-share-fetch.ts";
import type { SharePartition } from "../share-partitions/share-partition.ts";
import {
  FINAL_EPOCH,
  FIRST_EPOCH,
  type NamedPartition,
  type ShareSession,
  sessionPartitionKey,
} from "../share-partitions/share-session.ts";
import {
  detailOf,
  NO_LEADER_TOLD,
  RENEW_VERSION,
  requireMember,
  type ShareMember,
  tellsLeader,
} from "./share-acknowledge.ts";

type Request = Decode<(typeof ShareFetch)["request"]>;
type Response = Encode<(typeof ShareFetch)["response"]>;
type PartitionData = Response["responses"][number]["partitions"][number];

const BATCH_OPTIMIZED = 0;
const EXACT_RECORD_LIMIT = 1;

/** What a request is about. */
interface Subject {
  readonly member: ShareMember;
  readonly session: ShareSession;
  /** Partitions to read. */
  readonly partitions: readonly NamedPartition[];
  /** It has just been opened: everything is told. */
  readonly isNew: boolean;
}

export const handleShareFetch: Handler<typeof ShareFetch> = (request, context) => {
  let subject: Subject;
  try {
    subject = subjectOf(request, context);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return refuse(error, request, context);
  }
  const { broker, apiVersion } = context;
  const answer = new Later<Response>();
  const { groupId, memberId } = subject.member;
  const hasAcknowledgements = saysSomething(request);
  const highestType = apiVersion >= RENEW_VERSION ? AcknowledgeType.RENEW : AcknowledgeType.REJECT;
  let acknowledged: ReadonlyMap<string, AcknowledgedPartition> | undefined;
  let fetched: ShareFetchResults | undefined;
  const finish = (): void => {
    if (acknowledged === undefined || fetched === undefined) return;
    const { release } = fetched;
    if (request.shareSessionEpoch === FINAL_EPOCH) broker.sharePartitions.close(subject.session);
    answer.complete(respond(fetched, acknowledged, subject, context), release);
  };
  if (hasAcknowledgements) {
    const acknowledger = { groupId, memberId, highestType, isRenewAck: request.isRenewAck };
    acknowledgePartitions(broker, request.topics, acknowledger).onComplete((results) => {
      if (typeof results === "symbol") return;
      acknowledged = results;
      finish();
    });
  } else {
    acknowledged = new Map();
  }
  startFetch(request, subject, context, answer, (results) => {
    fetched = results;
    finish();
  });
  return answer;
};

function refusal(error: KafkaError, acquisitionLockTimeoutMs: number): Response {
  return { errorCode: errorCodeOf(error), acquisitionLockTimeoutMs, responses: [], nodeEndpoints: [] };
}

/** Who finds no room for a session waits as if there were no records: otherwise it would ask again at once. */
function refuse(error: KafkaError, request: Request, { broker }: RequestContext): Response | Later<Response> {
  const response = refusal(error, 0);
  if (error.code !== ErrorCode.SHARE_SESSION_LIMIT_REACHED || request.maxWaitMs <= 0) return response;
  const answer = new Later<Response>();
  const timer = broker.clock.after(request.maxWaitMs, () => answer.complete(response));
  answer.whenCancelled(() => timer.cancel());
  return answer;
}

function saysSomething({ topics }: Request): boolean {
  return topics.some(({ partitions }) => partitions.some((p) => p.acknowledgementBatches.length > 0));
}

/** @throws KafkaError why there is no such session. */
function subjectOf(request: Request, context: RequestContext): Subject {
  const { sharePartitions } = context.broker;
  const { sessions } = sharePartitions;
  const { shareSessionEpoch } = request;
  const member = requireMember(request, context);
  const { groupId, memberId } = member;
  // Differs from Kafka: a ShareFetch with an unknown acquire mode or a negative size is answered INVALID_REQUEST, where Kafka
  // answers UNKNOWN_SERVER_ERROR.
  const isKnownMode = request.shareAcquireMode === BATCH_OPTIMIZED || request.shareAcquireMode === EXACT_RECORD_LIMIT;
  if (!isKnownMode || request.maxBytes < 0) throw new KafkaError(ErrorCode.INVALID_REQUEST);
  // KIP-1222: who renews does not fetch.
  const fetches =
    request.maxBytes !== 0 || request.minBytes !== 0 || request.maxRecords !== 0 || request.maxWaitMs !== 0;
  if (request.isRenewAck && fetches) throw new KafkaError(ErrorCode.INVALID_REQUEST);
  if (shareSessionEpoch === FINAL_EPOCH) {
    return { member, session: sessions.require(groupId, memberId), partitions: [], isNew: false };
  }
  const named = request.topics.flatMap(({ topicId, partitions }) =>
    partitions.map(({ partitionIndex }) => ({ topicId, partition: partitionIndex })),
  );
  if (shareSessionEpoch === FIRST_EPOCH) {
    if (saysSomething(request)) throw new KafkaError(ErrorCode.INVALID_REQUEST);
    const old = sessions.find(groupId, memberId);
    if (old !== undefined) sessions.remove(old);
    const session = sessions.open(groupId, memberId, named, context.connection);
    return { member, session, partitions: [...session.partitions.values()], isNew: true };
  }
  const session = sessions.advance(groupId, memberId, shareSessionEpoch);
  const forgotten = request.forgottenTopicsData.flatMap(({ topicId, partitions }) =>
    partitions.map((partition) => ({ topicId, partition })),
  );
  sessions.update(session, named, forgotten);
  return { member, session, partitions: [...session.partitions.values()], isNew: false };
}

function startFetch(
  request: Request,
  { member, partitions, session }: Subject,
  context: RequestContext,
  answer: Later<Response>,
  done: (results: ShareFetchResults) => void,
): void {
  const { broker } = context;
  const { sharePartitions, settings } = broker;
  const shares: SharePartition[] = [];
  const unreadable: ShareFetchResult[] = [];
  // Each request begins with another partition, so that none has always to wait for the others.
  const begin = partitions.length === 0 ? 0 : Math.max(0, session.epoch - 1) % partitions.length;
  for (let i = 0; i < partitions.length; i++) {
    const named = partitions[(begin + i) % partitions.length] as NamedPartition;
    try {
      shares.push(shareOf(member.groupId, named, context));
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      unreadable.push({ named, error, acquired: [], records: [] });
    }
  }
  const wantsNothing = request.maxRecords === 0 || request.maxBytes === 0;
  if (shares.length === 0 || wantsNothing) {
    done({ partitions: wantsNothing ? [] : unreadable, release: () => {} });
    return;
  }
  const limits: ShareFetchLimits = {
    memberId: member.memberId,
    maxWaitMs: request.maxWaitMs,
    minBytes: request.minBytes,
    maxBytes: Math.min(Math.max(0, request.maxBytes), settings.fetchMaxBytes),
    maxRecords: request.maxRecords,
    batchSize: request.batchSize,
    isExact: request.shareAcquireMode === EXACT_RECORD_LIMIT,
    readCommitted: sharePartitions.settingsOf(member.groupId).readCommitted,
  };
  const fetch = new DelayedShareFetch(
    broker,
    shares,
    limits,
    ({ partitions: read, release }) => done({ partitions: [...read, ...unreadable], release }),
    (error) => answer.fail(error),
  );
  answer.whenCancelled(() => fetch.cancel());
  fetch.start();
}

/**
 * Differs from Kafka: a ShareFetch of a topic id that stands for no topic is answered UNKNOWN_TOPIC_ID for its partitions, where Kafka
 * answers UNKNOWN_SERVER_ERROR for the whole request.
 *
 * @throws KafkaError UNKNOWN_TOPIC_ID, and those of SharePartitions.obtain.
 */
function shareOf(groupId: string, named: NamedPartition, { broker }: RequestContext): SharePartition {
  const topic = broker.image.topicsById.get(named.topicId);
  if (topic === undefined) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_ID);
  return broker.sharePartitions.obtain(groupId, topic.name, named);
}

function respond(
  fetched: ShareFetchResults,
  acknowledged: ReadonlyMap<string, AcknowledgedPartition>,
  subject: Subject,
  context: RequestContext,
): Response {
  const { broker } = context;
  const topics = new Map<string, PartitionData[]>();
  const leaders = new Set<number>();
  const add = ({ topicId }: NamedPartition, data: PartitionData): void => {
    const partitions = topics.get(topicId);
    if (partitions === undefined) topics.set(topicId, [data]);
    else partitions.push(data);
  };
  const told = new Set<string>();
  for (const result of fetched.partitions) {
    if (!isNews(result, subject)) continue;
    const key = sessionPartitionKey(result.named);
    told.add(key);
    add(result.named, partitionData(result, acknowledged.get(key), leaders, context));
  }
  for (const [key, { named, error }] of acknowledged) {
    if (told.has(key)) continue;
    add(named, { ...emptyPartition(named), ...acknowledgeError(error) });
  }
  return {
    errorCode: ErrorCode.NONE,
    acquisitionLockTimeoutMs: broker.sharePartitions.settingsOf(subject.member.groupId).recordLockDurationMs,
    responses: [...topics].map(([topicId, partitions]) => ({ topicId, partitions })),
    nodeEndpoints: leaders.size === 0 ? [] : nodeEndpoints(leaders, context),
  };
}

/** Whether a partition is told of, and what the session remembers of it. Those that gave records go to the end. */
function isNews({ named, error, acquired }: ShareFetchResult, { session, isNew }: Subject): boolean {
  const key = sessionPartitionKey(named);
  const partition = session.partitions.get(key);
  const isDue = isNew || partition?.isDue === true;
  if (partition !== undefined) {
    partition.isDue = error !== undefined;
    if (acquired.length > 0) {
      session.partitions.delete(key);
      session.partitions.set(key, partition);
    }
  }
  return isDue || error !== undefined || acquired.length > 0;
}

function partitionData(
  { named, error, acquired, records }: ShareFetchResult,
  acknowledged: AcknowledgedPartition | undefined,
  leaders: Set<number>,
  { broker }: RequestContext,
): PartitionData {
  const data = {
    ...emptyPartition(named),
    ...acknowledgeError(acknowledged?.error),
    records,
    acquiredRecords: acquired,
  };
  if (error === undefined) return data;
  const failed = { ...data, errorCode: error.code };
  if (!tellsLeader(error)) return failed;
  const topic = broker.image.topicsById.get(named.topicId)?.name ?? null;
  const leader = currentLeader(topic, named.partition, broker);
  if (leader.leaderId >= 0) leaders.add(leader.leaderId);
  return { ...failed, currentLeader: leader };
}

function emptyPartition({ partition }: NamedPartition): PartitionData {
  return {
    partitionIndex: partition,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    acknowledgeErrorCode: ErrorCode.NONE,
    acknowledgeErrorMessage: null,
    currentLeader: NO_LEADER_TOLD,
    records: [],
    acquiredRecords: [],
  };
}

function acknowledgeError(
  error: KafkaError | undefined,
): Pick<PartitionData, "acknowledgeErrorCode" | "acknowledgeErrorMessage"> {
  return {
    acknowledgeErrorCode: error?.code ?? ErrorCode.NONE,
    acknowledgeErrorMessage: detailOf(error),
  };
}
