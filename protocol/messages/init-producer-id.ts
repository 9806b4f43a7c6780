/** Producer ids. */
import { defineApi } from "../schema/api.ts";
import { bool, int16, int32, int64, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const InitProducerIdRequest = message("InitProducerIdRequest", "0-6", "2+", {
  transactionalId: string({ nullable: "0+" }),
  transactionTimeoutMs: int32(),
  producerId: int64({ versions: "3+", default: -1 }),
  producerEpoch: int16({ versions: "3+", default: -1 }),
  enable2Pc: bool({ versions: "6+", default: false }),
  keepPreparedTxn: bool({ versions: "6+", default: false }),
});

export const InitProducerIdResponse = message("InitProducerIdResponse", "0-6", "2+", {
  throttleTimeMs: int32({ ignorable: true }),
  errorCode: int16(),
  producerId: int64({ default: -1 }),
  producerEpoch: int16(),
  ongoingTxnProducerId: int64({ versions: "6+", default: -1 }),
  ongoingTxnProducerEpoch: int16({ versions: "6+", default: -1 }),
});

/** InitProducerId (key 22): a producer id and epoch, idempotent or transactional. v3 recovery by id and epoch (KIP-360), v6 two-phase commit (KIP-939, unfinished). */
export const InitProducerId = defineApi({
  key: 22,
  request: InitProducerIdRequest,
  response: InitProducerIdResponse,
  listeners: ["broker"],
  latestVersionUnstable: true,
});
