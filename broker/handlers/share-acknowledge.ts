/**
 * ShareAcknowledge (key 79): a member of a share group says what became of records it acquired (KIP-932).
 *
 * Owns: the session of the request, and what is told. Leaves to share-partitions/acknowledge-partitions: the acknowledgements.
 * v2 renewal (KIP-1222), and how long the locks are.
 */
import { ErrorCode, errorName } from "../../protocol/error-codes.ts";
import { errorCodeOf, KafkaError } from "../../protocol/kafka-error.ts";
import type { ShareAcknowledge } from "../../protocol/messages/share-fetch.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import { Later } from "../dispatch/answer.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import { currentLeader, nodeEndpoints } from "../metadata/current-leader.ts";
import { type AcknowledgedPartition, acknowledgePartitions } from "../share-partitions/acknowledge-partitions.ts";
import { AcknowledgeType } from "../share-partitions/acknowledgement.ts";
import { FINAL_EPOCH, FIRST_EPOCH, type ShareSession } from "../share-partitions/share-session.ts";

type Request = Decode<(typeof ShareAcknowledge)["request"]>;
type Response = Encode<(typeof ShareAcknowledge)["response"]>;
type PartitionData = Response["responses"][number]["partitions"][number];

/** From this version on an acquisition may be renewed. */
export const RENEW_VERSION = 2;
/** As Kafka's members name themselves: a UUID in text. */
const MAX_MEMBER_ID_LENGTH = 36;
const SHARE_VERSION = "share.version";

export const handleShareAcknowledge: Handler<typeof ShareAcknowledge> = (request, context) => {
  const { broker, apiVersion } = context;
  const { sharePartitions } = broker;
  let member: ShareMember;
  let session: ShareSession;
  try {
    member = requireMember(request, context);
    session = sessionOf(request, member, context);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return { errorCode: errorCodeOf(error), ...NOTHING_ACKNOWLEDGED };
  }
  const answer = new Later<Response>();
  const { groupId, memberId } = member;
  const highestType = apiVersion >= RENEW_VERSION ? AcknowledgeType.RENEW : AcknowledgeType.REJECT;
  const acknowledger = { groupId, memberId, highestType, isRenewAck: request.isRenewAck };
  acknowledgePartitions(broker, request.topics, acknowledger).onComplete((results) => {
    if (typeof results === "symbol") return;
    if (request.shareSessionEpoch === FINAL_EPOCH) sharePartitions.close(session);
    answer.complete(respond(results, groupId, context));
  });
  return answer;
};

const NOTHING_ACKNOWLEDGED = { acquisitionLockTimeoutMs: 0, responses: [], nodeEndpoints: [] };

export interface ShareMember {
  readonly groupId: string;
  readonly memberId: string;
}

/** Who asks. @throws KafkaError UNSUPPORTED_VERSION where share groups are not served, INVALID_REQUEST. */
export function requireMember(
  { groupId, memberId }: { readonly groupId: string | null; readonly memberId: string | null },
  { broker }: RequestContext,
): ShareMember {
  if ((broker.image.features.get(SHARE_VERSION) ?? 0) < 1) throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION);
  if (groupId === null || memberId === null || memberId === "") throw new KafkaError(ErrorCode.INVALID_REQUEST);
  if (memberId.length > MAX_MEMBER_ID_LENGTH) throw new KafkaError(ErrorCode.INVALID_REQUEST);
  return { groupId, memberId };
}

/** @throws KafkaError why there is none. */
function sessionOf(
  { shareSessionEpoch }: Request,
  { groupId, memberId }: ShareMember,
  { broker }: RequestContext,
): ShareSession {
  const { sessions } = broker.sharePartitions;
  if (shareSessionEpoch === FIRST_EPOCH) throw new KafkaError(ErrorCode.INVALID_SHARE_SESSION_EPOCH);
  if (shareSessionEpoch === FINAL_EPOCH) return sessions.require(groupId, memberId);
  return sessions.advance(groupId, memberId, shareSessionEpoch);
}

function respond(
  results: ReadonlyMap<string, AcknowledgedPartition>,
  groupId: string,
  context: RequestContext,
): Response {
  const { broker } = context;
  const topics = new Map<string, PartitionData[]>();
  const leaders = new Set<number>();
  for (const { named, topic, error } of results.values()) {
    const partitions = topics.get(named.topicId) ?? [];
    topics.set(named.topicId, partitions);
    const leader =
      error !== undefined && tellsLeader(error) ? currentLeader(topic, named.partition, broker) : NO_LEADER_TOLD;
    if (leader !== NO_LEADER_TOLD && leader.leaderId >= 0) leaders.add(leader.leaderId);
    partitions.push({
      partitionIndex: named.partition,
      errorCode: error?.code ?? ErrorCode.NONE,
      errorMessage: detailOf(error),
      currentLeader: leader,
    });
  }
  return {
    errorCode: ErrorCode.NONE,
    acquisitionLockTimeoutMs: broker.sharePartitions.settingsOf(groupId).recordLockDurationMs,
    responses: [...topics].map(([topicId, partitions]) => ({ topicId, partitions })),
    nodeEndpoints: leaders.size === 0 ? [] : nodeEndpoints(leaders, context),
  };
}

/** Why an acknowledgement was refused, where there is more to say than the code says. */
export function detailOf(error: KafkaError | undefined): string | null {
  return error === undefined || error.message === errorName(error.code) ? null : error.message;
}

export const NO_LEADER_TOLD = { leaderId: 0, leaderEpoch: 0 };

/** KIP-951: who leads is told to whoever asked the wrong broker. */
export function tellsLeader({ code }: KafkaError): boolean {
  return code === ErrorCode.NOT_LEADER_OR_FOLLOWER || code === ErrorCode.FENCED_LEADER_EPOCH;
}
