/** Authentication exchanges. */
import { defineApi } from "../schema/api.ts";
import { array, bytes, int16, int64, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const SaslHandshakeRequest = message("SaslHandshakeRequest", "0-1", "none", {
  mechanism: string(),
});

export const SaslHandshakeResponse = message("SaslHandshakeResponse", "0-1", "none", {
  errorCode: int16(),
  mechanisms: array(string()),
});

/** SaslHandshake (key 17): names the mechanism of the authentication that follows. */
export const SaslHandshake = defineApi({
  key: 17,
  request: SaslHandshakeRequest,
  response: SaslHandshakeResponse,
  listeners: ["broker", "controller"],
});

export const SaslAuthenticateRequest = message("SaslAuthenticateRequest", "0-2", "2+", {
  authBytes: bytes(),
});

export const SaslAuthenticateResponse = message("SaslAuthenticateResponse", "0-2", "2+", {
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
  authBytes: bytes(),
  sessionLifetimeMs: int64({ versions: "1+", default: 0, ignorable: true }),
});

/** SaslAuthenticate (key 36): one token of the exchange (KIP-152). v1 session lifetime (KIP-368). */
export const SaslAuthenticate = defineApi({
  key: 36,
  request: SaslAuthenticateRequest,
  response: SaslAuthenticateResponse,
  listeners: ["broker", "controller"],
});
