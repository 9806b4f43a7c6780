/**
 * What StreamsGroupHeartbeat carries, and how it says no.
 */
import type { ErrorCode } from "../../../protocol/error-codes.ts";
import type {
  StreamsGroupHeartbeatRequest,
  StreamsGroupHeartbeatResponse,
} from "../../../protocol/messages/streams-group.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import type { InternalTopicPlan } from "./topology/configured-topology.ts";

export type StreamsHeartbeatRequest = Decode<typeof StreamsGroupHeartbeatRequest>;
export type StreamsHeartbeatResponse = Encode<typeof StreamsGroupHeartbeatResponse>;
export type Status = NonNullable<StreamsHeartbeatResponse["status"]>[number];

/** The answer, and topics that somebody has to make before tasks can run. */
export interface StreamsHeartbeatOutcome {
  readonly response: StreamsHeartbeatResponse;
  readonly missingTopics: readonly InternalTopicPlan[];
}

export function streamsHeartbeatError(
  errorCode: ErrorCode,
  errorMessage: string | null = null,
): StreamsHeartbeatOutcome {
  return { response: { ...NOTHING_TOLD, errorCode, errorMessage }, missingTopics: [] };
}

/** The fields that say nothing; the last two do so in every answer of this release. */
export const NOTHING_TOLD = {
  errorMessage: null,
  memberId: "",
  memberEpoch: 0,
  heartbeatIntervalMs: 0,
  status: [],
  activeTasks: null,
  standbyTasks: null,
  warmupTasks: null,
  endpointInformationEpoch: 0,
  partitionsByUserEndpoint: null,
  acceptableRecoveryLag: 0,
  taskOffsetIntervalMs: 0,
} satisfies Omit<StreamsHeartbeatResponse, "errorCode">;

export function notStreams(groupId: string): string {
  return `Group ${groupId} is not a streams group.`;
}
