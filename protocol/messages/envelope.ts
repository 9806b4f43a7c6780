/** Forwarding. */
import { defineApi } from "../schema/api.ts";
import { bytes, int16 } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const EnvelopeRequest = message("EnvelopeRequest", "0", "0+", {
  requestData: bytes(),
  requestPrincipal: bytes({ nullable: "0+" }),
  clientHostAddress: bytes(),
});

export const EnvelopeResponse = message("EnvelopeResponse", "0", "0+", {
  responseData: bytes({ nullable: "0+", default: null }),
  errorCode: int16(),
});

/** Envelope (key 58): a request forwarded to the controller on behalf of a client (KIP-590). */
export const Envelope = defineApi({
  key: 58,
  request: EnvelopeRequest,
  response: EnvelopeResponse,
  listeners: ["controller"],
});
