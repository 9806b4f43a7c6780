/**
 * Sockets: small requests and large frames through our listener, connections and dispatcher, and single produces through a whole
 * broker, beside bare node:net servers in the same run. Rounds alternate between the servers, as figures of different minutes cannot be compared; medians are printed.
 */
import { type ChildProcess, fork } from "node:child_process";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { Heartbeat } from "../../protocol/messages/classic-group.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { RequestHeader } from "../../protocol/messages/headers.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { buildRecordBatch } from "../../protocol/records/record-batch-builder.ts";
import { type Api, requestHeaderVersion } from "../../protocol/schema/api.ts";
import { encodeToBuffer } from "../../protocol/schema/codec.ts";
import type { Encode, Message } from "../../protocol/schema/message.ts";

const MIB = 1024 * 1024;
const PING_BYTES = 100;
const ROUNDS = 5;

interface Server {
  readonly name: string;
  readonly port: number;
  readonly child: ChildProcess;
}

/** What one connection keeps doing: sends a frame whenever an answer is whole, `window` at a time. */
interface Load {
  readonly connections: number;
  readonly window: number;
  readonly request: Buffer;
  readonly durationMs: number;
}

interface Rates {
  readonly perSecond: number;
  /** Server CPU, microseconds a request. */
  readonly cpuMicros: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
}

export async function benchSockets(): Promise<void> {
  const servers = await Promise.all([
    startServer("ours"),
    startServer("echo"),
    startServer("sink", 16),
    startServer("sink", MIB),
    startServer("broker"),
  ]);
  const [ours, echo, sink, source, broker] = servers as [Server, Server, Server, Server, Server];
  try {
    const ping = frame(Heartbeat, 0, { groupId: "g".repeat(PING_BYTES - 33), generationId: 1, memberId: "member" });
    console.log(`sockets: medians of ${ROUNDS} rounds, ours and bare in turn; ${process.version}`);
    const small = { request: ping, durationMs: 1000 };
    await compare("100 B ping, 1 connection", { ...small, connections: 1, window: 1 }, ours, echo);
    await compare("100 B ping, 50 connections", { ...small, connections: 50, window: 1 }, ours, echo);
    await compare(
      "100 B ping, 10 connections with 10 in flight",
      { ...small, connections: 10, window: 10 },
      ours,
      echo,
    );
    const large = { connections: 2, window: 2, durationMs: 1000 };
    await compare("1 MiB frames received", { ...large, request: produceFrame() }, ours, sink);
    await compare("1 MiB frames sent", { ...large, request: fetchFrame() }, ours, source);
    const produce = { request: smallProduceFrame(), durationMs: 2000, connections: 1, window: 1 };
    await compare("Produce v7 of 100 B, acks=all, a whole broker with its disk", produce, broker, echo);
  } finally {
    for (const { child } of servers) child.disconnect();
  }
}

function produceFrame(): Buffer {
  const records = Buffer.alloc(MIB - PING_BYTES, 7);
  const topicData = [{ name: "topic", partitionData: [{ index: 0, records }] }];
  return frame(Produce, 7, { acks: -1, timeoutMs: 1000, topicData });
}

/** A record of 100 bytes, for the one topic of the broker. */
function smallProduceFrame(): Buffer {
  const records = buildRecordBatch([{ value: Buffer.alloc(PING_BYTES, 7), timestamp: Date.now() }]);
  const topicData = [{ name: "topic", partitionData: [{ index: 0, records }] }];
  return frame(Produce, 7, { acks: -1, timeoutMs: 1000, topicData });
}

function fetchFrame(): Buffer {
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: MIB }];
  return frame(Fetch, 11, {
    replicaId: -1,
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: MIB,
    topics: [{ topic: "topic", partitions }],
    forgottenTopicsData: [],
  });
}

async function compare(title: string, load: Load, ours: Server, bare: Server): Promise<void> {
  const mine: Rates[] = [];
  const theirs: Rates[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    mine.push(await run(ours, load));
    theirs.push(await run(bare, load));
  }
  const a = medians(mine);
  const b = medians(theirs);
  const line = (name: string, r: Rates): string =>
    `    ${name}  ${Math.round(r.perSecond).toString().padStart(8)} /s   CPU ${r.cpuMicros.toFixed(1).padStart(6)} us   p50 ${r.p50Micros.toFixed(1).padStart(7)} us   p99 ${r.p99Micros.toFixed(1).padStart(7)} us`;
  console.log(`  ${title}`);
  console.log(line("ours", a));
  console.log(line("bare", b));
  console.log(
    `    ours / bare: ${(a.perSecond / b.perSecond).toFixed(2)} of the rate, p50 ${(a.p50Micros / b.p50Micros).toFixed(2)}, p99 ${(a.p99Micros / b.p99Micros).toFixed(2)}`,
  );
}

function medians(rates: readonly Rates[]): Rates {
  const median = (of: (rates: Rates) => number): number =>
    rates.map(of).sort((x, y) => x - y)[rates.length >> 1] as number;
  return {
    perSecond: median((r) => r.perSecond),
    cpuMicros: median((r) => r.cpuMicros),
    p50Micros: median((r) => r.p50Micros),
    p99Micros: median((r) => r.p99Micros),
  };
}

async function run(server: Server, load: Load): Promise<Rates> {
  const latencies: number[] = [];
  const cpuBefore = await cpuOf(server);
  const startMs = performance.now();
  const endMs = startMs + load.durationMs;
  await Promise.all(Array.from({ length: load.connections }, () => drive(server.port, load, endMs, latencies)));
  const seconds = (performance.now() - startMs) / 1000;
  const cpuMicros = (await cpuOf(server)) - cpuBefore;
  latencies.sort((a, b) => a - b);
  const count = latencies.length;
  const at = (share: number): number => (latencies[Math.min(count - 1, Math.floor(count * share))] ?? 0) * 1000;
  return { perSecond: count / seconds, cpuMicros: cpuMicros / count, p50Micros: at(0.5), p99Micros: at(0.99) };
}

/** Bytes of one answer, its size included. */
function responseBytesOf(port: number, request: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    socket.on("error", reject);
    socket.once("data", (chunk) => {
      socket.destroy();
      resolve(4 + chunk.readInt32BE(0));
    });
  });
}

/** Runs one connection until the time is over and every answer is there. */
async function drive(port: number, load: Load, endMs: number, latencies: number[]): Promise<void> {
  const responseBytes = await responseBytesOf(port, load.request);
  return new Promise((resolve, reject) => {
    const sentMs: number[] = [];
    let first = 0;
    let arrived = 0;
    const send = (): void => {
      sentMs.push(performance.now());
      socket.write(load.request);
    };
    const socket: Socket = connect({
      port,
      host: "127.0.0.1",
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(256 * 1024),
        callback: (sizeBytes) => {
          arrived += sizeBytes;
          const nowMs = performance.now();
          socket.cork();
          while (arrived >= responseBytes) {
            arrived -= responseBytes;
            latencies.push(nowMs - (sentMs[first++] as number));
            if (nowMs < endMs) send();
            else if (first === sentMs.length) socket.end();
          }
          socket.uncork();
          return true;
        },
      },
    });
    socket.on("connect", () => {
      for (let i = 0; i < load.window; i++) send();
    });
    socket.on("error", reject);
    socket.on("close", () =>
      first === sentMs.length ? resolve() : reject(new Error("the server closed a connection")),
    );
  });
}

function frame<Req extends Message, Res extends Message>(
  api: Api<Req, Res>,
  version: number,
  body: Encode<Req>,
): Buffer {
  const header = encodeToBuffer(RequestHeader, requestHeaderVersion(api, version), {
    requestApiKey: api.key,
    requestApiVersion: version,
    correlationId: 1,
    clientId: "bench",
  });
  const bytes = encodeToBuffer(api.request, version, body);
  const size = Buffer.alloc(4);
  size.writeInt32BE(header.length + bytes.length);
  return Buffer.concat([size, header, bytes]);
}

async function startServer(kind: string, responseBytes = 0): Promise<Server> {
  const child = fork(fileURLToPath(new URL("./socket-server.ts", import.meta.url)), [kind, String(responseBytes)]);
  const { port } = await message<{ port: number }>(child);
  return { name: kind, port, child };
}

async function cpuOf({ child }: Server): Promise<number> {
  child.send("cpu");
  return (await message<{ cpuMicros: number }>(child)).cpuMicros;
}

function message<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve) => child.once("message", (value) => resolve(value as T)));
}
