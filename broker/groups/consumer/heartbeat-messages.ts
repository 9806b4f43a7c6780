/**
 * What ConsumerGroupHeartbeat carries, and how it says no.
 */
import type { ErrorCode } from "../../../protocol/error-codes.ts";
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from "../../../protocol/messages/consumer-group.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";

export type HeartbeatRequest = Decode<typeof ConsumerGroupHeartbeatRequest>;
export type HeartbeatResponse = Encode<typeof ConsumerGroupHeartbeatResponse>;

/** Who sends a request, besides what it says. */
export interface ConsumerClient {
  readonly clientId: string;
  readonly clientHost: string;
}

export function heartbeatError(errorCode: ErrorCode, errorMessage: string | null = null): HeartbeatResponse {
  return { errorCode, errorMessage, memberId: null, memberEpoch: 0, heartbeatIntervalMs: 0, assignment: null };
}

export function notConsumer(groupId: string): string {
  return `Group ${groupId} is not a consumer group.`;
}
