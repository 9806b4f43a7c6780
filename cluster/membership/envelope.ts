/**
 * Envelope (key 58, KIP-590): a client's request on its way through a broker to the controller, and the answer on its way back.
 */

import type { ForwardedFor } from "../../broker/ports.ts";
import { Reader } from "../../protocol/bytes/reader.ts";
import { Writer } from "../../protocol/bytes/writer.ts";
import { RequestHeader, ResponseHeader } from "../../protocol/messages/headers.ts";
import { DefaultPrincipalData } from "../../protocol/messages/principal.ts";
import { type Api, requestHeaderVersion, responseHeaderVersion } from "../../protocol/schema/api.ts";
import { decode, encode } from "../../protocol/schema/codec.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";

export const ENVELOPE_VERSION = 0;
/** The principal has a version of its own, written before it. */
const PRINCIPAL_VERSION = 0;

export interface EnvelopeData {
  readonly requestData: Buffer;
  readonly requestPrincipal: Buffer;
  readonly clientHostAddress: Buffer;
}

/** Wraps a request. */
export function sealRequest<Req extends Message>(
  api: Api<Req>,
  version: number,
  request: Encode<Req>,
  client: ForwardedFor,
): EnvelopeData {
  const writer = new Writer();
  const header = { requestApiKey: api.key, requestApiVersion: version, correlationId: 0, clientId: client.clientId };
  encode(RequestHeader, requestHeaderVersion(api, version), header, writer);
  encode(api.request, version, request, writer);
  const requestData = writer.finishOne();
  const principal = new Writer();
  principal.int16(PRINCIPAL_VERSION);
  encode(
    DefaultPrincipalData,
    PRINCIPAL_VERSION,
    { type: client.principalType, name: client.principalName, tokenAuthenticated: false },
    principal,
  );
  return { requestData, requestPrincipal: principal.finishOne(), clientHostAddress: hostBytes(client.clientHost) };
}

export function openRequestHeader(requestData: Buffer): { apiKey: number; apiVersion: number } | undefined {
  if (requestData.length < 8) return undefined;
  return { apiKey: requestData.readInt16BE(0), apiVersion: requestData.readInt16BE(2) };
}

/** The request of an envelope. @throws DecodeError. */
export function openRequest<Req extends Message>(
  api: Api<Req>,
  version: number,
  requestData: Buffer,
): { header: Decode<typeof RequestHeader>; request: Decode<Req> } {
  const reader = new Reader(requestData);
  const header = decode(RequestHeader, requestHeaderVersion(api, version), reader);
  return { header, request: decode(api.request, version, reader) };
}

export function sealResponse<Res extends Message>(
  api: Api<Message, Res>,
  version: number,
  correlationId: number,
  response: Encode<Res>,
): Buffer {
  const writer = new Writer();
  encode(ResponseHeader, responseHeaderVersion(api, version), { correlationId }, writer);
  encode(api.response, version, response, writer);
  return writer.finishOne();
}

/** @throws DecodeError. */
export function openResponse<Res extends Message>(api: Api<Message, Res>, version: number, data: Buffer): Decode<Res> {
  const reader = new Reader(data);
  decode(ResponseHeader, responseHeaderVersion(api, version), reader);
  return decode(api.response, version, reader);
}

/** An address as 4 or 16 raw bytes; what is no IPv4 address travels as the loopback's. */
function hostBytes(host: string): Buffer {
  const parts = host
    .replace(/^::ffff:/, "")
    .split(".")
    .map(Number);
  const isV4 = parts.length === 4 && parts.every((part) => Number.isInteger(part) && part >= 0 && part <= 255);
  return Buffer.from(isV4 ? parts : [127, 0, 0, 1]);
}
