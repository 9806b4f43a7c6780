/**
 * Brings a frame to its handler and the handler's answer into bytes.
 *
 * Owns: headers, versions, which requests are refused, and that nothing a handler throws reaches a connection as anything but an
 * answer or a close. Leaves to HandlerTable: what is served; to the connection: order and sending.
 * A request that cannot be read, or that this listener does not serve, closes its connection without an answer, as in Kafka,
 * with one log line that says why. The exception is ApiVersions, which answers any version (KIP-511).
 */

import { apiByKey, RETIRED_API_KEYS } from "../../protocol/apis.ts";
import { DecodeError } from "../../protocol/bytes/decode-error.ts";
import { Reader } from "../../protocol/bytes/reader.ts";
import { MessageTooLargeError, Writer } from "../../protocol/bytes/writer.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { ApiVersions } from "../../protocol/messages/api-versions.ts";
import { type Api, requestHeaderVersion, responseHeaderVersion } from "../../protocol/schema/api.ts";
import { decode, encode } from "../../protocol/schema/codec.ts";
import type { Message } from "../../protocol/schema/message.ts";
import { containsVersion } from "../../protocol/schema/version-range.ts";
import type { Logger } from "../../storage/logger.ts";
import type { SharedBuffer } from "../../storage/shared-buffer.ts";
import { type Answer, CLOSE_CONNECTION, Later, NO_RESPONSE, type Settled } from "./answer.ts";
import { errorResponse } from "./error-response.ts";
import { Exchange, type Outcome } from "./exchange.ts";
import type { ClientConnection, RequestInfo } from "./handler.ts";
import type { HandlerTable, ServedApi } from "./handler-table.ts";

/** Stands between requests and their handlers where faults are injected; while it is not active it costs the look at that. */
export interface RequestInterceptor {
  readonly isActive: boolean;
  /** May answer itself, before or after `handle`, and may have another request handled than the one that came. */
  answer(context: RequestInfo, request: unknown, handle: (request: unknown) => Answer<unknown>): Answer<unknown>;
}

export interface DispatcherOptions<C> {
  readonly table: HandlerTable<C>;
  /** What handlers of this listener are told. */
  readonly context: (info: RequestInfo) => C;
  readonly log: Logger;
  readonly faults?: RequestInterceptor | undefined;
  /** Sees each request before it is handled. */
  readonly intercept?: (context: C, request: unknown, handle: () => Answer<unknown>) => Answer<unknown>;
  /** Told of every error a handler should not have thrown, after it is logged and answered. */
  readonly onUnexpectedError?: (error: unknown, api: Api) => void;
}

/** A frame that is no request this listener answers. */
class RefusedRequest extends Error {
  override readonly name = "RefusedRequest";
}

/**
 * What an answer may have besides records. A few bytes of a request can ask for the same large thing again and again; the
 * largest honest answers (every config of ten thousand topics with its synonyms) have about half of it.
 */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Shortest request header: key, version, correlation id, length of the client id. */
const MIN_HEADER_BYTES = 10;

export class Dispatcher<C> {
  private readonly options: DispatcherOptions<C>;

  constructor(options: DispatcherOptions<C>) {
    this.options = options;
  }

  /**
   * Handles the request in [start, end). Undefined when it was refused: the connection is to be closed once what came before is
   * answered. `frame` is borrowed for the call.
   */
  dispatch(
    connection: ClientConnection,
    buffer: Buffer,
    start: number,
    end: number,
    frame: SharedBuffer | undefined,
  ): Exchange | undefined {
    const reader = new Reader(buffer, start, end);
    let exchange: Exchange | undefined;
    let request: unknown;
    try {
      const served = this.servedBy(reader);
      exchange = this.readHeader(served.api, reader, connection, frame);
      if (exchange.apiVersion < 0 || !containsVersion(served.api.versions, exchange.apiVersion)) {
        return answerUnknownApiVersionsVersion(exchange);
      }
      request = decode(served.api.request, exchange.apiVersion, reader);
      this.handle(served, exchange, request);
      return exchange;
    } catch (error) {
      if (error instanceof DecodeError || error instanceof RefusedRequest)
        this.logRefusal(error, connection, buffer, start, end);
      else if (exchange === undefined || request === undefined) this.logUnexpected(error, connection, exchange?.api);
      else throw error;
      return undefined;
    }
  }

  private servedBy(reader: Reader): ServedApi<C> {
    if (reader.remaining < MIN_HEADER_BYTES) throw new RefusedRequest("shorter than a request header");
    const { buffer, offset } = reader;
    const apiKey = buffer.readInt16BE(offset);
    const apiVersion = buffer.readInt16BE(offset + 2);
    const served = this.options.table.served(apiKey);
    if (served === undefined) throw new RefusedRequest(whyNotServed(apiKey, this.options.table.kind));
    if (!containsVersion(served.api.versions, apiVersion) && apiKey !== ApiVersions.key) {
      const { min, max } = served.api.versions;
      throw new RefusedRequest(`${served.api.name} has versions ${min} to ${max}, not ${apiVersion}`);
    }
    return served;
  }

  private readHeader(
    api: Api,
    reader: Reader,
    connection: ClientConnection,
    frame: SharedBuffer | undefined,
  ): Exchange {
    reader.int16();
    const apiVersion = reader.int16();
    const correlationId = reader.int32();
    const clientIdLength = reader.int16();
    // Kafka reads any negative length as null, and null as an empty client id.
    const clientId = clientIdLength > 0 ? reader.text(clientIdLength) : "";
    if (requestHeaderVersion(api, apiVersion) === 2) reader.skipTaggedFields();
    const { advertisedApis } = this.options.table;
    return new Exchange(connection, api, apiVersion, correlationId, clientId, frame, advertisedApis);
  }

  private handle(served: ServedApi<C>, exchange: Exchange, request: unknown): void {
    const { faults } = this.options;
    let answer: Answer<unknown>;
    try {
      const context = this.options.context(exchange);
      answer =
        faults?.isActive === true
          ? faults.answer(exchange, request, (changed) => this.answer(served, context, changed))
          : this.answer(served, context, request);
    } catch (error) {
      this.answerError(exchange, request, error);
      return;
    }
    if (answer instanceof Later) {
      exchange.later = answer;
      answer.onComplete(
        (value, whenSent) => this.settle(exchange, request, value, whenSent),
        (error) => this.answerError(exchange, request, error),
      );
    } else {
      this.settle(exchange, request, answer);
    }
  }

  private answer(served: ServedApi<C>, context: C, request: unknown): Answer<unknown> {
    const { intercept } = this.options;
    const handle = served.handle as (request: unknown, context: C) => Answer<unknown>;
    return intercept === undefined
      ? handle(request, context)
      : intercept(context, request, () => handle(request, context));
  }

  private settle(exchange: Exchange, request: unknown, value: Settled<unknown>, whenSent?: () => void): void {
    let outcome: Outcome;
    try {
      if (value === NO_RESPONSE) outcome = "silent";
      else if (value === CLOSE_CONNECTION) outcome = "close";
      else outcome = encodeResponse(exchange, exchange.api.response, exchange.apiVersion, value);
    } catch (error) {
      whenSent?.();
      this.answerError(exchange, request, error);
      return;
    }
    exchange.settle(outcome, whenSent);
  }

  /** The request failed as a whole. */
  private answerError(exchange: Exchange, request: unknown, error: unknown): void {
    const { api, apiVersion, connection } = exchange;
    if (error instanceof KafkaError) {
      this.options.log.debug({ api: api.name, code: error.code, reason: error.message }, "request failed");
    } else {
      this.logUnexpected(error, connection, api);
    }
    let outcome: Outcome = "close";
    try {
      const response = errorResponse(api, apiVersion, request, error);
      if (response !== undefined) outcome = encodeResponse(exchange, api.response, apiVersion, response);
    } catch (unexpected) {
      this.logUnexpected(unexpected, connection, api);
    }
    exchange.settle(outcome);
  }

  private logUnexpected(error: unknown, connection: ClientConnection, api: Api | undefined): void {
    this.options.log.error(
      { err: error, api: api?.name, client: connection.remoteHost },
      "unexpected error in a request",
    );
    if (api !== undefined) this.options.onUnexpectedError?.(error, api);
  }

  private logRefusal(error: Error, connection: ClientConnection, buffer: Buffer, start: number, end: number): void {
    const head = buffer.subarray(start, Math.min(end, start + 8)).toString("hex");
    this.options.log.warn(
      {
        reason: error.message,
        client: connection.remoteHost,
        listener: connection.listenerName,
        api: end - start >= 2 ? apiByKey(buffer.readInt16BE(start))?.name : undefined,
        head,
      },
      "closing a connection: it sent a request that is not served here",
    );
  }
}

/** @throws KafkaError INVALID_REQUEST: it asks for more than one answer may hold. */
function encodeResponse(exchange: Exchange, message: Message, version: number, response: unknown): Buffer[] {
  const writer = new Writer(MAX_ANSWER_BYTES);
  writer.int32(0); // the size, patched below
  writer.int32(exchange.correlationId);
  if (responseHeaderVersion(exchange.api, version) === 1) writer.uvarint(0);
  try {
    encode(message, version, response as never, writer);
  } catch (error) {
    if (!(error instanceof MessageTooLargeError)) throw error;
    // Differs from Kafka: a request whose answer would be larger than 64 MiB, records aside, is answered INVALID_REQUEST, where
    // Kafka runs out of memory.
    throw new KafkaError(ErrorCode.INVALID_REQUEST, "the answer would be too large; ask for less at a time");
  }
  writer.patchInt32(0, writer.sizeBytes - 4);
  return writer.finish();
}

/** KIP-511: a client of any age can read this, and tries again with a version from the range it gives. */
function answerUnknownApiVersionsVersion(exchange: Exchange): Exchange {
  const { min, max } = ApiVersions.versions;
  const apiKeys = [{ apiKey: ApiVersions.key, minVersion: min, maxVersion: max }];
  const response = { errorCode: ErrorCode.UNSUPPORTED_VERSION, apiKeys };
  exchange.settle(encodeResponse(exchange, ApiVersions.response, 0, response));
  return exchange;
}

function whyNotServed(apiKey: number, kind: string): string {
  if ((RETIRED_API_KEYS as readonly number[]).includes(apiKey)) return `API ${apiKey} no longer exists`;
  const api = apiByKey(apiKey);
  return api === undefined ? `no API has the key ${apiKey}` : `${api.name} is not served on a ${kind} listener`;
}
