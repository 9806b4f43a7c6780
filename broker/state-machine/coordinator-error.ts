/**
 * What a coordinator's client is told when the log of the coordinator says no.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";

/** The code of a coordinator's API for a code of the log or of a wait; other codes are told as they are. */
export function coordinatorError(code: ErrorCode): ErrorCode {
  switch (code) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.REQUEST_TIMED_OUT:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.FENCED_LEADER_EPOCH:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.NETWORK_EXCEPTION:
      return ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    // Differs from Kafka: what a coordinator cannot write because it is too large is answered MESSAGE_TOO_LARGE, where Kafka
    // answers UNKNOWN_SERVER_ERROR.
    default:
      return code;
  }
}
