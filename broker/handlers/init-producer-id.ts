/**
 * InitProducerId (key 22): an id for an idempotent producer, or the id and epoch of a transactional one.
 *
 * Owns: idempotent producers, who get any new id at epoch 0. Leaves transactional ids to the transaction coordinator.
 * v3 going on with an id (KIP-360), v4 PRODUCER_FENCED (KIP-588).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { InitProducerId } from "../../protocol/messages/init-producer-id.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import { coordinatorError } from "../state-machine/coordinator-error.ts";
import { fitsRecord } from "../state-machine/coordinator-record.ts";
import { Reply } from "../state-machine/reply.ts";
import { decideInitProducerId, type InitProducerIdOrder } from "../transactions/init-producer-id.ts";
import { NO_PRODUCER, type ProducerAnswer } from "../transactions/transaction-decision.ts";

/** Of the id and the epoch a request gives: neither, or both (KIP-360). */
const NONE_GIVEN = -1;
const FENCED_VERSION = 4;

export const handleInitProducerId: Handler<typeof InitProducerId> = (request, context) => {
  const { transactionalId, producerId, producerEpoch, transactionTimeoutMs } = request;
  if ((producerId === NONE_GIVEN) !== (producerEpoch === NONE_GIVEN)) return refusal(ErrorCode.INVALID_REQUEST);
  if (transactionalId === null) return newProducer(context);
  if (transactionalId === "" || !fitsRecord(transactionalId)) return refusal(ErrorCode.INVALID_REQUEST);
  const { settings } = context.broker;
  if (transactionTimeoutMs <= 0 || transactionTimeoutMs > settings.transactionMaxTimeoutMs) {
    return refusal(ErrorCode.INVALID_TRANSACTION_TIMEOUT);
  }
  const producer = producerId === NONE_GIVEN ? undefined : { producerId, producerEpoch };
  return begin({ transactionalId, timeoutMs: transactionTimeoutMs, producer }, context);
};

/** Timeout, producer id and epoch of the request are not looked at. */
function newProducer({ broker }: RequestContext): ProducerAnswer {
  const producerId = broker.producerIds.next();
  if (producerId === undefined) return refusal(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
  return { errorCode: ErrorCode.NONE, producerId, producerEpoch: 0 };
}

function begin(order: InitProducerIdOrder, { broker, apiVersion }: RequestContext) {
  const { transactionalId } = order;
  const reply = new Reply<ProducerAnswer>((code) => refusal(inTermsOf(apiVersion, coordinatorError(code))));
  broker.transactions.write(transactionalId, reply, (machine) =>
    decideInitProducerId(machine.known(transactionalId), order, machine.around()),
  );
  return reply.later;
}

/** Older clients know no PRODUCER_FENCED. */
function inTermsOf(apiVersion: number, code: ErrorCode): ErrorCode {
  const isUnknown = code === ErrorCode.PRODUCER_FENCED && apiVersion < FENCED_VERSION;
  return isUnknown ? ErrorCode.INVALID_PRODUCER_EPOCH : code;
}

function refusal(errorCode: ErrorCode): ProducerAnswer {
  return { errorCode, ...NO_PRODUCER };
}
