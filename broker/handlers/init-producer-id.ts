/**
 * InitProducerId (key 22): an id for an idempotent producer, or the id and epoch of a transactional one.
 *
 * Owns: idempotent producers, who get any new id at epoch 0. Leaves transactional ids to the transaction coordinator.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { InitProducerId } from "../../protocol/messages/init-producer-id.ts";
import type { Handler } from "../dispatch/handler.ts";

const NO_PRODUCER = { producerId: -1, producerEpoch: -1 };

export const handleInitProducerId: Handler<typeof InitProducerId> = (request, { broker }) => {
  if (request.transactionalId !== null) return { errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, ...NO_PRODUCER };
  // Timeout, producer id and epoch of the request are not looked at.
  const producerId = broker.producerIds.next();
  if (producerId === undefined) return { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ...NO_PRODUCER };
  return { errorCode: ErrorCode.NONE, producerId, producerEpoch: 0 };
};
