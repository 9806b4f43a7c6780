/** Producer id blocks. */
import { defineApi } from "../schema/api.ts";
import { int16, int32, int64 } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const AllocateProducerIdsRequest = message("AllocateProducerIdsRequest", "0", "0+", {
  brokerId: int32(),
  brokerEpoch: int64({ default: -1 }),
});

export const AllocateProducerIdsResponse = message("AllocateProducerIdsResponse", "0", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  producerIdStart: int64(),
  producerIdLen: int32(),
});

/** AllocateProducerIds (key 67): a block of producer ids for a broker (KIP-730). */
export const AllocateProducerIds = defineApi({
  key: 67,
  request: AllocateProducerIdsRequest,
  response: AllocateProducerIdsResponse,
  listeners: ["controller"],
});
