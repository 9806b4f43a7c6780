/**
 * One connection to another node, from the side that asks.
 *
 * Owns: requests under way, in order, their deadlines, and which versions the other node speaks. Leaves to FrameAssembler:
 * memory for answers; to the caller: trying again.
 * Invariant: the peer is not trusted. A size, a correlation id or a body that does not fit closes the connection, and each
 * request under way then fails once, with an RpcError.
 */
import { DecodeError } from "../../protocol/bytes/decode-error.ts";
import { Reader } from "../../protocol/bytes/reader.ts";
import { Writer } from "../../protocol/bytes/writer.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { ApiVersions } from "../../protocol/messages/api-versions.ts";
import { RequestHeader } from "../../protocol/messages/headers.ts";
import { type Api, requestHeaderVersion, responseHeaderVersion } from "../../protocol/schema/api.ts";
import { decode, encode } from "../../protocol/schema/codec.ts";
import type { Field, Fields } from "../../protocol/schema/field.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";
import type { VersionRange } from "../../protocol/schema/version-range.ts";
import type { Clock, Timer } from "../../storage/clock.ts";
import type { BufferPool, SharedBuffer } from "../../storage/shared-buffer.ts";
import { FrameAssembler, type FrameSink } from "./frame-assembler.ts";
import type { Address, Connection, Network, Receiver } from "./network.ts";
import type { RequestMemory } from "./request-memory.ts";
import { RpcError } from "./rpc-error.ts";

export interface RpcEnvironment {
  readonly network: Network;
  readonly clock: Clock;
  readonly pool: BufferPool;
  /** Of all answers that arrive at this node; not that of its requests, some of which wait for what these answers bring. */
  readonly memory: RequestMemory;
}

export interface RpcOptions {
  readonly clientId: string;
  /** Requests under way on one connection. */
  readonly maxInFlight?: number;
  readonly maxResponseBytes?: number;
  readonly connectTimeoutMs?: number;
}

export interface RpcCall {
  /** The newest that both sides speak when left out. */
  readonly version?: number;
  /** The newest the caller can read, where that is not the newest there is. */
  readonly maxVersion?: number;
  readonly timeoutMs: number;
}

export interface RpcResponse<R> {
  readonly body: R;
  readonly apiVersion: number;
  /**
   * Owner of the memory that `records` in the body are views of. Held for the caller, who releases the response when it needs
   * it no more. Undefined: the memory is the garbage collector's.
   */
  readonly frame: SharedBuffer | undefined;
  release(): void;
}

interface Pending {
  readonly api: Api;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly timer: Timer;
  readonly resolve: (response: RpcResponse<never>) => void;
  readonly reject: (error: RpcError) => void;
}

const DEFAULT_MAX_IN_FLIGHT = 100;
const DEFAULT_MAX_RESPONSE_BYTES = 128 * 1024 * 1024;
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;

/** What this side says of itself (KIP-511). */
const SOFTWARE = { clientSoftwareName: "odradek", clientSoftwareVersion: "1" };

export class RpcConnection implements Receiver, FrameSink {
  readonly maxFrameBytes: number;
  private readonly connection: Connection;
  private readonly clock: Clock;
  private readonly clientId: string;
  private readonly maxInFlight: number;
  private readonly assembler: FrameAssembler;
  private readonly pending: Pending[] = [];
  private versions: ReadonlyMap<number, VersionRange> | undefined;
  private nextCorrelationId = 1;
  /** Why it is closed. */
  private failure: RpcError | undefined;
  /** Called once, when the connection can no longer be used. */
  onClosed: (() => void) | undefined;

  /** @throws RpcError disconnected. */
  static async open(environment: RpcEnvironment, address: Address, options: RpcOptions): Promise<RpcConnection> {
    const timeoutMs = options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS;
    let connection: Connection;
    try {
      connection = await environment.network.connect(address, { timeoutMs });
    } catch (error) {
      throw new RpcError("disconnected", `no connection to ${address.host}:${address.port}`, { cause: error });
    }
    return new RpcConnection(connection, environment, options);
  }

  private constructor(connection: Connection, environment: RpcEnvironment, options: RpcOptions) {
    this.connection = connection;
    this.clock = environment.clock;
    this.clientId = options.clientId;
    this.maxInFlight = options.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT;
    this.maxFrameBytes = options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES;
    this.assembler = new FrameAssembler(this, environment.pool, environment.memory);
    connection.receive(this);
  }

  get isClosed(): boolean {
    return this.failure !== undefined;
  }

  get inFlight(): number {
    return this.pending.length;
  }

  /** The newest version both sides speak; ours while the other side has not been asked. @throws RpcError unsupported-version. */
  versionOf(api: Api, maxVersion = api.versions.max): number {
    if (this.versions === undefined) return maxVersion;
    const theirs = this.versions.get(api.key);
    const version = Math.min(maxVersion, theirs?.max ?? -1);
    if (theirs === undefined || version < Math.max(api.versions.min, theirs.min)) {
      throw new RpcError("unsupported-version", `no common version of ${api.name}`);
    }
    return version;
  }

  /** Learns which versions the other side speaks (KIP-35, KIP-511). @throws RpcError. */
  async negotiate(timeoutMs: number): Promise<Decode<(typeof ApiVersions)["response"]>> {
    let version = ApiVersions.versions.max;
    for (;;) {
      const { body } = await this.call(ApiVersions, SOFTWARE, { version, timeoutMs });
      if (body.errorCode === ErrorCode.NONE) {
        const ranges = body.apiKeys.map(({ apiKey, minVersion, maxVersion }) => {
          return [apiKey, { min: minVersion, max: maxVersion }] as const;
        });
        this.versions = new Map(ranges);
        return body;
      }
      const theirs = body.apiKeys.find(({ apiKey }) => apiKey === ApiVersions.key)?.maxVersion ?? 0;
      if (body.errorCode !== ErrorCode.UNSUPPORTED_VERSION || version <= theirs || version === 0) {
        throw this.fail(new RpcError("unsupported-version", `ApiVersions answered ${body.errorCode}`));
      }
      version = Math.max(0, theirs);
    }
  }

  /** Sends a request; several may be under way. @throws RpcError. */
  call<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    request: Encode<Req>,
    options: RpcCall,
  ): Promise<RpcResponse<Decode<Res>>> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) throw this.failure;
      if (this.pending.length >= this.maxInFlight)
        throw new RpcError("busy", `${this.pending.length} requests under way`);
      const apiVersion = options.version ?? this.versionOf(api, options.maxVersion);
      const correlationId = this.write(api, apiVersion, request);
      const timer = this.clock.after(options.timeoutMs, () => this.tooLate(correlationId, api, options.timeoutMs));
      this.pending.push({ api, apiVersion, correlationId, timer, resolve: resolve as Pending["resolve"], reject });
    });
  }

  /** Sends a request that is never answered: a Produce with acks=0. @throws RpcError it was not sent */
  send<Req extends Message>(api: Api<Req>, request: Encode<Req>, options: Pick<RpcCall, "maxVersion"> = {}): void {
    if (this.failure !== undefined) throw this.failure;
    this.write(api, this.versionOf(api, options.maxVersion), request);
  }

  /** Its correlation id. */
  private write<Req extends Message>(api: Api<Req>, apiVersion: number, request: Encode<Req>): number {
    const correlationId = this.nextCorrelationId;
    this.nextCorrelationId = (correlationId + 1) & 0x7fffffff;
    const writer = new Writer();
    writer.int32(0); // the size, patched below
    const header = { requestApiKey: api.key, requestApiVersion: apiVersion, correlationId, clientId: this.clientId };
    encode(RequestHeader, requestHeaderVersion(api, apiVersion), header, writer);
    encode(api.request, apiVersion, request, writer);
    writer.patchInt32(0, writer.sizeBytes - 4);
    this.connection.write(writer.finish());
    return correlationId;
  }

  /** Fails what is under way. */
  close(): void {
    this.fail(new RpcError("closed", "closed from this side"));
  }

  private tooLate(correlationId: number, api: Api, timeoutMs: number): void {
    // What came while this process was busy is read first.
    this.clock.afterPoll(() => {
      const index = this.pending.findIndex((request) => request.correlationId === correlationId);
      if (index < 0) return;
      const [late] = this.pending.splice(index, 1);
      late?.reject(new RpcError("timeout", `no answer to ${api.name} within ${timeoutMs} ms`));
      this.fail(new RpcError("disconnected", "another request was not answered in time"));
    });
  }

  target(): Buffer {
    return this.assembler.target();
  }

  received(sizeBytes: number): boolean {
    return this.assembler.received(sizeBytes);
  }

  roomFreed(): void {
    queueMicrotask(() => {
      if (this.assembler.proceed()) this.connection.resume();
    });
  }

  ended(): void {
    this.fail(new RpcError("disconnected", "the other side ended the connection"));
  }

  closed(error: Error | undefined): void {
    this.fail(new RpcError("disconnected", "the connection is lost", { cause: error }));
  }

  badSize(size: number): void {
    this.fail(new RpcError("malformed", `an answer of ${size} bytes`));
  }

  frame(buffer: Buffer, start: number, end: number, owner: SharedBuffer | undefined): boolean {
    const request = this.pending[0];
    const reader = new Reader(buffer, start, end);
    try {
      const correlationId = reader.int32();
      if (request?.correlationId !== correlationId) {
        throw new DecodeError(`an answer to ${correlationId}, not to ${request?.correlationId ?? "anything"}`);
      }
      const { api, apiVersion } = request;
      const keepsViews = hasRecords(api.response);
      const body = decodeResponse(api, apiVersion, keepsViews && owner === undefined ? inOwnMemory(reader) : reader);
      const frame = keepsViews ? owner : undefined;
      frame?.retain();
      this.pending.shift();
      request.timer.cancel();
      request.resolve({ body: body as never, apiVersion, frame, release: () => frame?.release() });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.fail(new RpcError("malformed", error.message, { cause: error }));
    }
    return true;
  }

  private fail(failure: RpcError): RpcError {
    if (this.failure !== undefined) return this.failure;
    this.failure = failure;
    this.assembler.stop();
    this.connection.destroy();
    for (const { timer, reject } of this.pending.splice(0)) {
      timer.cancel();
      reject(failure);
    }
    this.onClosed?.();
    return failure;
  }
}

function decodeResponse(api: Api, apiVersion: number, reader: Reader): unknown {
  if (responseHeaderVersion(api, apiVersion) === 1) reader.skipTaggedFields();
  // KIP-511: the refusal of a version is written in version 0, whatever was asked.
  const refused =
    api.key === ApiVersions.key &&
    reader.remaining >= 2 &&
    reader.buffer.readInt16BE(reader.offset) === ErrorCode.UNSUPPORTED_VERSION;
  return decode(api.response, refused ? 0 : apiVersion, reader);
}

/** Small answers arrive in memory that the next read overwrites. */
function inOwnMemory(reader: Reader): Reader {
  return new Reader(Buffer.from(reader.buffer.subarray(reader.offset, reader.end)));
}

const withRecords = new WeakMap<Message, boolean>();

function hasRecords(message: Message): boolean {
  let known = withRecords.get(message);
  if (known === undefined) {
    known = someRecords(message.fields);
    withRecords.set(message, known);
  }
  return known;
}

function someRecords(fields: Fields): boolean {
  return Object.values(fields as Record<string, Field>).some((field) => {
    if (field.type === "records") return true;
    if (field.type === "struct") return someRecords(field.fields);
    return field.type === "array" && field.element.type === "struct" && someRecords(field.element.fields);
  });
}
