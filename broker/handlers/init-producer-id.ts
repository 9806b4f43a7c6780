/**
 * InitProducerId (key 22): an id for an idempotent producer, or the id and epoch of a transactional one.
 *
 * Owns: idempotent producers, who get any new id at epoch 0. Leaves transactional ids to the transaction coordinator.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { InitProducerId } from "../../protocol/messages/init-producer-id.ts";
import type { Decode } from "../../protocol/schema/message.ts";
import type { Handler } from "../dispatch/handler.ts";

type InitProducerIdRequest = Decode<(typeof InitProducerId)["request"]>;

const NO_PRODUCER = { producerId: -1, producerEpoch: -1 };
/** Of the id and the epoch a request gives: neither, or both (KIP-360). */
const NONE_GIVEN = -1;

export const handleInitProducerId: Handler<typeof InitProducerId> = (request, { broker }) => {
  if ((request.producerId === NONE_GIVEN) !== (request.producerEpoch === NONE_GIVEN)) {
    return { errorCode: ErrorCode.INVALID_REQUEST, ...NO_PRODUCER };
  }
  if (request.transactionalId !== null) {
    const { transactionMaxTimeoutMs } = broker.settings;
    return { errorCode: transactionalRefusal(request, transactionMaxTimeoutMs), ...NO_PRODUCER };
  }
  // Timeout, producer id and epoch of the request are not looked at.
  const producerId = broker.producerIds.next();
  if (producerId === undefined) return { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ...NO_PRODUCER };
  return { errorCode: ErrorCode.NONE, producerId, producerEpoch: 0 };
};

/** No broker coordinates transactions yet. */
function transactionalRefusal(
  { transactionalId, transactionTimeoutMs }: InitProducerIdRequest,
  maxMs: number,
): ErrorCode {
  if (transactionalId === "") return ErrorCode.INVALID_REQUEST;
  if (transactionTimeoutMs <= 0 || transactionTimeoutMs > maxMs) return ErrorCode.INVALID_TRANSACTION_TIMEOUT;
  return ErrorCode.NOT_COORDINATOR;
}
