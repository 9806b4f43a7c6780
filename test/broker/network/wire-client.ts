/**
 * A client that sends bytes, not messages: what it sends may be wrong, and it sees frames and endings as they come.
 */
import { connect, type Socket } from "node:net";
import type { Address } from "../../../broker/network/network.ts";
import { ApiVersions } from "../../../protocol/messages/api-versions.ts";
import { RequestHeader } from "../../../protocol/messages/headers.ts";
import { type Api, requestHeaderVersion } from "../../../protocol/schema/api.ts";
import { encodeToBuffer } from "../../../protocol/schema/codec.ts";
import type { Encode, Message } from "../../../protocol/schema/message.ts";

/** What a test runs against: the minimal node, or a whole broker. */
export interface Target extends AsyncDisposable {
  readonly address: Address;
}

const PATIENCE_MS = 10_000;

export class WireClient implements Disposable {
  private readonly socket: Socket;
  private readonly chunks: Buffer[] = [];
  private receivedBytes = 0;
  private ended = false;
  private wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => {
      this.chunks.push(chunk);
      this.receivedBytes += chunk.length;
      this.wake?.();
    });
    socket.on("error", () => {});
    for (const ending of ["end", "close"]) {
      socket.on(ending, () => {
        this.ended = true;
        this.wake?.();
      });
    }
  }

  static open(address: Address): Promise<WireClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: address.host, port: address.port, noDelay: true, allowHalfOpen: true });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.removeListener("error", reject);
        resolve(new WireClient(socket));
      });
    });
  }

  get localPort(): number {
    return this.socket.localPort ?? 0;
  }

  send(...bytes: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(bytes));
  }

  /** Resolves when the kernel has taken the bytes. */
  sendAll(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => this.socket.write(bytes, () => resolve()));
  }

  endSending(): void {
    this.socket.end();
  }

  stopReading(): void {
    this.socket.pause();
  }

  goOnReading(): void {
    this.socket.resume();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** The next frame without its size; undefined when the connection ended first. */
  async frame(patienceMs = PATIENCE_MS): Promise<Buffer | undefined> {
    const isWhole = (): boolean => this.receivedBytes >= 4 && this.receivedBytes >= 4 + this.joined(4).readInt32BE(0);
    await this.until(() => isWhole() || this.ended, "a frame", patienceMs);
    if (!isWhole()) return undefined;
    const end = 4 + this.joined(4).readInt32BE(0);
    const received = this.joined(end);
    this.chunks[0] = received.subarray(end);
    this.receivedBytes -= end;
    return Buffer.from(received.subarray(4, end));
  }

  /** What was received, with at least so many bytes in one piece. */
  private joined(sizeBytes: number): Buffer {
    if ((this.chunks[0]?.length ?? 0) < sizeBytes)
      this.chunks.splice(0, this.chunks.length, Buffer.concat(this.chunks));
    return this.chunks[0] as Buffer;
  }

  /** Correlation ids of the next `count` frames. */
  async correlationIds(count: number): Promise<(number | undefined)[]> {
    const ids: (number | undefined)[] = [];
    for (let i = 0; i < count; i++) ids.push((await this.frame())?.readInt32BE(0));
    return ids;
  }

  /** How the connection ended: with so many bytes that were not taken yet. */
  async closed(): Promise<{ readonly unreadBytes: number }> {
    await this.until(() => this.ended, "the end of the connection");
    return { unreadBytes: this.receivedBytes };
  }

  get isClosed(): boolean {
    return this.ended;
  }

  private until(condition: () => boolean, what: string, patienceMs = PATIENCE_MS): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => finish(new Error(`${what} did not come within ${patienceMs} ms`)), patienceMs);
      const finish = (error?: Error): void => {
        clearTimeout(timer);
        this.wake = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
      this.wake = () => condition() && finish();
    });
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** A frame of these bytes, whatever they are. */
export function framed(...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

export function header(
  apiKey: number,
  apiVersion: number,
  headerVersion: 1 | 2,
  correlationId = 1,
  clientId = "test",
): Buffer {
  const data = { requestApiKey: apiKey, requestApiVersion: apiVersion, correlationId, clientId };
  return encodeToBuffer(RequestHeader, headerVersion, data);
}

export function headerOf(api: Api, version: number, correlationId = 1): Buffer {
  return header(api.key, version, requestHeaderVersion(api, version), correlationId);
}

export function request<Req extends Message, Res extends Message>(
  api: Api<Req, Res>,
  version: number,
  body: Encode<Req>,
  correlationId = 1,
): Buffer {
  return framed(headerOf(api, version, correlationId), encodeToBuffer(api.request, version, body));
}

/** A request that every node answers at once. */
export function ping(correlationId = 1): Buffer {
  return request(ApiVersions, 0, {}, correlationId);
}

/** Milliseconds a well-behaved client waits, with the time to connect. */
export async function probe(address: Address): Promise<number> {
  const startMs = performance.now();
  using client = await WireClient.open(address);
  client.send(ping(77));
  const answer = await client.frame();
  if (answer?.readInt32BE(0) !== 77) throw new Error("the probe was not answered");
  return performance.now() - startMs;
}

/** What one connection that sends these bytes sees: the frames it got, and whether it was closed. */
export async function exchange(
  address: Address,
  bytes: Buffer,
  expectedFrames: number,
): Promise<{ readonly frames: Buffer[]; readonly isClosed: boolean }> {
  using client = await WireClient.open(address);
  client.send(bytes);
  const frames: Buffer[] = [];
  while (frames.length < expectedFrames) {
    const frame = await client.frame();
    if (frame === undefined) return { frames, isClosed: true };
    frames.push(frame);
  }
  return { frames, isClosed: client.isClosed };
}

/** "closed" when the connection ends without a byte, else what came. */
export async function outcomeOf(address: Address, bytes: Buffer): Promise<"closed" | Buffer> {
  using client = await WireClient.open(address);
  client.send(bytes);
  return (await client.frame()) ?? "closed";
}
