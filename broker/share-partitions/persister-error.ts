/**
 * What members of a share group are told when the state of a share partition could not be read or stored.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { PersisterResult } from "../share-state/share-persister.ts";

export function persisterError({ errorCode, errorMessage }: PersisterResult): KafkaError {
  return new KafkaError(toldAs(errorCode), errorMessage ?? undefined);
}

function toldAs(errorCode: ErrorCode): ErrorCode {
  switch (errorCode) {
    case ErrorCode.NOT_COORDINATOR:
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.FENCED_LEADER_EPOCH:
    case ErrorCode.FENCED_STATE_EPOCH:
      return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    case ErrorCode.GROUP_ID_NOT_FOUND:
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      return errorCode;
    default:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
  }
}

/** After these the state that is held here counts no more. */
export function fences({ code }: KafkaError): boolean {
  return (
    code === ErrorCode.NOT_LEADER_OR_FOLLOWER ||
    code === ErrorCode.GROUP_ID_NOT_FOUND ||
    code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  );
}
