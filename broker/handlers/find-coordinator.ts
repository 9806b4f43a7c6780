/**
 * FindCoordinator (key 10): which broker coordinates a group, a transactional id or a share partition.
 *
 * Owns: from key to broker. An internal topic that does not exist yet is asked for; clients come again until it is there.
 * v1 transactions and messages, v4 several keys (KIP-699), v6 share partitions (KIP-932).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { FindCoordinator } from "../../protocol/messages/find-coordinator.ts";
import { isUuid } from "../../protocol/uuid.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import { endpointOf } from "../metadata/current-leader.ts";
import { InternalTopic } from "../metadata/internal-topics.ts";
import { partitionOfKey } from "../state-machine/key-partition.ts";

interface Found {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly errorCode: ErrorCode;
  readonly errorMessage: string;
}

const BATCH_VERSION = 4;
const SHARE_VERSION = 6;
/** What versions 1 to 3 say beside the code; later ones say nothing, save of a type there is not. */
const MESSAGES = new Map<ErrorCode, string>([
  [ErrorCode.NONE, "NONE"],
  [ErrorCode.COORDINATOR_NOT_AVAILABLE, "The coordinator is not available."],
  [ErrorCode.INVALID_REQUEST, "There is no coordinator for what this version of the request asks for."],
]);
/** Indexed by key type. */
const TOPICS = [InternalTopic.CONSUMER_OFFSETS, InternalTopic.TRANSACTION_STATE, InternalTopic.SHARE_GROUP_STATE];
const SHARE_KEY_TYPE = 2;

export const handleFindCoordinator: Handler<typeof FindCoordinator> = (request, context) => {
  const { keyType } = request;
  if (context.apiVersion < BATCH_VERSION) {
    const found = find(request.key, keyType, context);
    return { ...found, errorMessage: MESSAGES.get(found.errorCode) ?? null };
  }
  return { coordinators: request.coordinatorKeys.map((key) => ({ key, ...find(key, keyType, context) })) };
};

function find(key: string, keyType: number, context: RequestContext): Found {
  const topic = TOPICS[keyType];
  if (topic === undefined)
    return { ...nowhere(ErrorCode.INVALID_REQUEST), errorMessage: `There is no coordinator of type ${keyType}.` };
  if (keyType === SHARE_KEY_TYPE && (context.apiVersion < SHARE_VERSION || !isShareKey(key))) {
    return nowhere(ErrorCode.INVALID_REQUEST);
  }
  const { image, autoTopics } = context.broker;
  const known = image.topics.get(topic);
  if (known === undefined) {
    autoTopics.request([topic]);
    return nowhere(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  }
  const leader = known.partitions[partitionOfKey(key, known.partitions.length)]?.leader;
  const broker = leader === undefined ? undefined : image.brokers.get(leader);
  const endpoint =
    broker === undefined || broker.fenced ? undefined : endpointOf(broker, context.connection.listenerName);
  if (broker === undefined || endpoint === undefined) return nowhere(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  const { host, port } = endpoint;
  return { nodeId: broker.id, host, port, errorCode: ErrorCode.NONE, errorMessage: "" };
}

function nowhere(errorCode: ErrorCode): Found {
  return { nodeId: -1, host: "", port: -1, errorCode, errorMessage: "" };
}

/** `group:topicId:partition`. */
function isShareKey(key: string): boolean {
  const [groupId, topicId, partition, ...more] = key.split(":");
  const named = groupId !== undefined && groupId.trim() !== "";
  return named && isUuid(topicId ?? "") && /^-?\d{1,10}$/.test(partition ?? "") && more.length === 0;
}
