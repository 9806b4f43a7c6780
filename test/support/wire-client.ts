/**
 * A client of a few lines: one connection to one broker, requests and answers as the schemas have them, no retries, no caches.
 *
 * What tests look at a broker with when no client's opinion shall stand between, be it ours or Apache Kafka.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Reader } from "../../protocol/bytes/reader.ts";
import { Writer } from "../../protocol/bytes/writer.ts";
import { RequestHeader, ResponseHeader } from "../../protocol/messages/headers.ts";
import { type Api, requestHeaderVersion, responseHeaderVersion } from "../../protocol/schema/api.ts";
import { decode, encode } from "../../protocol/schema/codec.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";

const ANSWER_TIMEOUT_MS = 30_000;

export class WireClient {
  private readonly socket: Socket;
  private readonly waiting: { resolve: (frame: Buffer) => void; reject: (error: Error) => void }[] = [];
  private received = Buffer.alloc(0);
  private correlationId = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => this.receive(chunk));
    socket.on("error", (error) => this.fail(error));
    socket.on("close", () => this.fail(new Error("the broker closed the connection")));
  }

  /** Connects to "host:port". */
  static async connect(address: string): Promise<WireClient> {
    const colon = address.lastIndexOf(":");
    const socket = connect(Number(address.slice(colon + 1)), address.slice(0, colon));
    await once(socket, "connect");
    return new WireClient(socket);
  }

  /** Sends a request and gives its answer; answers come in the order of the requests. */
  async request<A extends Api>(api: A, version: number, body: Encode<A["request"]>): Promise<Decode<A["response"]>> {
    this.correlationId++;
    const writer = new Writer();
    writer.int32(0);
    const header = {
      requestApiKey: api.key,
      requestApiVersion: version,
      correlationId: this.correlationId,
      clientId: "wire",
    };
    encode(RequestHeader, requestHeaderVersion(api, version), header, writer);
    encode(api.request as Message, version, body as Encode<Message>, writer);
    writer.patchInt32(0, writer.sizeBytes - 4);
    const answered = new Promise<Buffer>((resolve, reject) => this.waiting.push({ resolve, reject }));
    this.socket.write(writer.finishOne());
    const timer = setTimeout(() => this.fail(new Error(`no answer to ${api.name}`)), ANSWER_TIMEOUT_MS);
    const reader = new Reader(await answered.finally(() => clearTimeout(timer)));
    decode(ResponseHeader, responseHeaderVersion(api, version), reader);
    return decode(api.response as Message, version, reader) as Decode<A["response"]>;
  }

  /** No request will be answered any more. */
  get isClosed(): boolean {
    return this.socket.destroyed;
  }

  close(): void {
    this.socket.destroy();
  }

  private receive(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk]);
    while (this.received.length >= 4) {
      const end = 4 + this.received.readInt32BE(0);
      if (this.received.length < end) return;
      this.waiting.shift()?.resolve(this.received.subarray(4, end));
      this.received = this.received.subarray(end);
    }
  }

  private fail(error: Error): void {
    this.socket.destroy();
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }
}
