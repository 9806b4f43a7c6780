/**
 * A load that costs itself as little as can be: Produce requests made once, sent again and again on bare connections, one to each
 * leader.
 *
 * Owns: how many are under way, and that every answer is an answer without error. Leaves to cluster.ts: what is compared.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Reader } from "../../protocol/bytes/reader.ts";
import { Writer } from "../../protocol/bytes/writer.ts";
import { RequestHeader, ResponseHeader } from "../../protocol/messages/headers.ts";
import { Metadata } from "../../protocol/messages/metadata.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { buildRecordBatch } from "../../protocol/records/record-batch-builder.ts";
import { requestHeaderVersion, responseHeaderVersion } from "../../protocol/schema/api.ts";
import { decode, encode } from "../../protocol/schema/codec.ts";
import { WireClient } from "../../test/support/wire-client.ts";

const RECORD_BYTES = 1024;
const PRODUCE_VERSION = 9;
const CORRELATION_AT = 8;
const TIMEOUT_MS = 30_000;

export interface LoadOptions {
  readonly topic: string;
  readonly acks: 1 | -1;
  /** About as large as this: whole records of 1 KiB. */
  readonly batchBytes: number;
}

/** Leaders of the partitions, as "host:port". */
export async function leadersOf(bootstrapServers: string, topic: string): Promise<string[]> {
  const client = await WireClient.connect(bootstrapServers.split(",")[0] as string);
  const { brokers, topics } = await client.request(Metadata, 9, { topics: [{ name: topic }] });
  client.close();
  const addresses = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]));
  const partitions = [...(topics[0]?.partitions ?? [])].sort((a, b) => a.partitionIndex - b.partitionIndex);
  return partitions.map(({ leaderId }) => addresses.get(leaderId) ?? "");
}

/** One partition's producer on a connection of its own. */
export class PartitionLoad {
  readonly batchBytes: number;
  private readonly socket: Socket;
  private readonly frame: Buffer;
  private received: Buffer = Buffer.alloc(0);
  private correlationId = 0;
  private readonly sentMs: number[] = [];
  private onAnswer: (() => void) | undefined;
  private failure: Error | undefined;
  latenciesMs: number[] = [];

  private constructor(socket: Socket, frame: Buffer, batchBytes: number) {
    this.socket = socket;
    this.frame = frame;
    this.batchBytes = batchBytes;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.receive(chunk));
    socket.on("error", (error) => this.fail(error));
    socket.on("close", () => this.fail(new Error("the broker closed the connection")));
  }

  static async open(address: string, index: number, { topic, acks, batchBytes }: LoadOptions): Promise<PartitionLoad> {
    const value = Buffer.alloc(RECORD_BYTES, "v");
    const count = Math.max(1, Math.floor(batchBytes / (RECORD_BYTES + 16)));
    const records = buildRecordBatch(Array.from({ length: count }, () => ({ value, timestamp: Date.now() })));
    const writer = new Writer();
    writer.int32(0);
    const header = {
      requestApiKey: Produce.key,
      requestApiVersion: PRODUCE_VERSION,
      correlationId: 0,
      clientId: "load",
    };
    encode(RequestHeader, requestHeaderVersion(Produce, PRODUCE_VERSION), header, writer);
    const topicData = [{ name: topic, partitionData: [{ index, records }] }];
    encode(Produce.request, PRODUCE_VERSION, { acks, timeoutMs: TIMEOUT_MS, topicData }, writer);
    writer.patchInt32(0, writer.sizeBytes - 4);
    const colon = address.lastIndexOf(":");
    const socket = connect(Number(address.slice(colon + 1)), address.slice(0, colon));
    await once(socket, "connect");
    return new PartitionLoad(socket, Buffer.from(writer.finishOne()), count * RECORD_BYTES);
  }

  /** Sends so many requests, `inFlight` under way at a time. @throws Error an answer with an error, a lost connection. */
  async run(requests: number, inFlight: number): Promise<void> {
    let sent = 0;
    let answered = 0;
    await new Promise<void>((resolve, reject) => {
      const goOn = (): void => {
        if (this.failure !== undefined) {
          reject(this.failure);
          return;
        }
        while (sent < requests && sent - answered < inFlight) {
          this.send();
          sent++;
        }
        if (answered === requests) resolve();
      };
      this.onAnswer = () => {
        answered++;
        goOn();
      };
      goOn();
    });
    this.onAnswer = undefined;
  }

  close(): void {
    this.onAnswer = undefined;
    this.socket.destroy();
  }

  private send(): void {
    // The bytes may still be on their way out when the next request is written: only its number differs, so only that is copied.
    const head = Buffer.from(this.frame.subarray(0, CORRELATION_AT + 4));
    head.writeInt32BE(++this.correlationId, CORRELATION_AT);
    this.sentMs.push(performance.now());
    this.socket.cork();
    this.socket.write(head);
    this.socket.write(this.frame.subarray(CORRELATION_AT + 4));
    this.socket.uncork();
  }

  private receive(chunk: Buffer): void {
    this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
    while (this.received.length >= 4) {
      const end = 4 + this.received.readInt32BE(0);
      if (this.received.length < end) return;
      this.answered(new Reader(this.received, 4, end));
      this.received = this.received.subarray(end);
    }
  }

  private answered(reader: Reader): void {
    this.latenciesMs.push(performance.now() - (this.sentMs.shift() ?? 0));
    decode(ResponseHeader, responseHeaderVersion(Produce, PRODUCE_VERSION), reader);
    const { responses } = decode(Produce.response, PRODUCE_VERSION, reader);
    const errorCode = responses[0]?.partitionResponses[0]?.errorCode;
    if (errorCode !== 0) this.failure ??= new Error(`Produce answered ${errorCode}`);
    this.onAnswer?.();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.onAnswer?.();
  }
}
