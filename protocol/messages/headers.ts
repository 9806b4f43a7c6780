/** Headers of requests and responses. A request header keeps the fixed-length client id in every version. */
import { int16, int32, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

/** v1, or v2 (with tagged fields) when the request is flexible. */
export const RequestHeader = message("RequestHeader", "1-2", "2+", {
  requestApiKey: int16(),
  requestApiVersion: int16(),
  correlationId: int32(),
  clientId: string({ nullable: "1+", flexible: "none" }),
});

/** v0, or v1 (with tagged fields) when the response is flexible; ApiVersions always answers v0. */
export const ResponseHeader = message("ResponseHeader", "0-1", "1+", {
  correlationId: int32(),
});
