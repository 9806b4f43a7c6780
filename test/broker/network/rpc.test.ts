/**
 * The side that asks: answers, deadlines, versions, and peers that cannot be trusted.
 */
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { Later } from "../../../broker/dispatch/answer.ts";
import type { RequestInfo } from "../../../broker/dispatch/handler.ts";
import { serve } from "../../../broker/dispatch/handler-table.ts";
import type { Address } from "../../../broker/network/network.ts";
import { NodeNetwork } from "../../../broker/network/node-network.ts";
import { RequestMemory } from "../../../broker/network/request-memory.ts";
import { RpcClient } from "../../../broker/network/rpc-client.ts";
import { RpcConnection, type RpcEnvironment } from "../../../broker/network/rpc-connection.ts";
import { RpcError } from "../../../broker/network/rpc-error.ts";
import { Heartbeat } from "../../../protocol/messages/classic-group.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { Metadata } from "../../../protocol/messages/metadata.ts";
import { Vote } from "../../../protocol/messages/quorum.ts";
import { NodeClock } from "../../../storage/node-clock.ts";
import { BufferPool } from "../../../storage/shared-buffer.ts";
import { ManualClock } from "./manual-clock.ts";
import { startMinimalNode } from "./minimal-node.ts";

const TIMEOUT = { timeoutMs: 10_000 };
const beat = { groupId: "g", generationId: 1, memberId: "m" };
const noTopics = { topics: [] };

function environment(clock = new NodeClock() as RpcEnvironment["clock"]): RpcEnvironment {
  return {
    network: new NodeNetwork(),
    clock,
    pool: new BufferPool({ maxIdleBytes: 0, poison: true }),
    memory: new RequestMemory(64 * 1024 * 1024),
  };
}

function open(address: Address, rpc = environment()): Promise<RpcConnection> {
  return RpcConnection.open(rpc, address, { clientId: "node-1" });
}

const kindOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "answered",
    (error: unknown) => (error instanceof RpcError ? error.kind : String(error)),
  );

/** Answers each Fetch with records of so many bytes, each byte the partition asked for. */
const recordsOf = (sizeBytes: number) =>
  serve(Fetch, (request, _context: RequestInfo) => ({
    responses: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({
        partitionIndex: partition,
        errorCode: 0,
        highWatermark: 1,
        abortedTransactions: null,
        records: Buffer.alloc(sizeBytes, partition),
      })),
    })),
  }));

const fetchOf = (partition: number) => ({
  replicaId: 1,
  maxWaitMs: 0,
  minBytes: 0,
  topics: [{ topic: "t", partitions: [{ partition, fetchOffset: 0, partitionMaxBytes: 1 }] }],
  forgottenTopicsData: [],
});

describe("answers", () => {
  test("requests that are under way together get their own answers, in order", async () => {
    await using node = await startMinimalNode();
    const connection = await open(node.address);
    const order: number[] = [];
    const calls = [0, 1, 2, 3].map(async (version) => {
      const { body, apiVersion } = await connection.call(Heartbeat, beat, { version, ...TIMEOUT });
      order.push(apiVersion);
      return body.errorCode;
    });
    expect(connection.inFlight).toBe(4);
    expect(await Promise.all(calls)).toEqual([0, 0, 0, 0]);
    expect(order).toEqual([0, 1, 2, 3]);
    connection.close();
  });

  test.each([100, 30_000, 500_000])(
    "records of %i bytes stay as they are until they are released",
    async (sizeBytes) => {
      await using node = await startMinimalNode({ handlers: [recordsOf(sizeBytes)] });
      const rpc = environment();
      const connection = await open(node.address, rpc);
      const answers = await Promise.all(
        [1, 2, 3].map((p) => connection.call(Fetch, fetchOf(p), { version: 11, ...TIMEOUT })),
      );
      for (const [i, { body, frame }] of answers.entries()) {
        expect(body.responses[0]?.partitions[0]?.records?.equals(Buffer.alloc(sizeBytes, i + 1))).toBe(true);
        expect(frame !== undefined).toBe(sizeBytes === 500_000);
      }
      expect(rpc.pool.usedBytes > 0).toBe(sizeBytes === 500_000);
      for (const answer of answers) answer.release();
      expect([rpc.pool.usedBytes, rpc.memory.usedBytes]).toEqual([0, 0]);
      connection.close();
    },
  );

  test("only so many requests are under way", async () => {
    await using node = await startMinimalNode({ handlers: [serve(Heartbeat, () => new Later())] });
    const connection = await RpcConnection.open(environment(), node.address, { clientId: "c", maxInFlight: 2 });
    const waiting = [connection.call(Heartbeat, beat, TIMEOUT), connection.call(Heartbeat, beat, TIMEOUT)].map(kindOf);
    expect(await kindOf(connection.call(Heartbeat, beat, TIMEOUT))).toBe("busy");
    connection.close();
    expect(await Promise.all(waiting)).toEqual(["closed", "closed"]);
    expect(await kindOf(connection.call(Heartbeat, beat, TIMEOUT))).toBe("closed");
  });
});

describe("versions", () => {
  test("negotiated: the newest that both speak", async () => {
    await using node = await startMinimalNode();
    const connection = await open(node.address);
    const { finalizedFeaturesEpoch } = await connection.negotiate(10_000);
    expect(finalizedFeaturesEpoch).toBe(190);
    expect(connection.versionOf(Metadata)).toBe(13);
    expect(() => connection.versionOf(Vote)).toThrow(RpcError);
    expect(await kindOf(connection.call(Vote, { clusterId: null, topics: [] }, TIMEOUT))).toBe("unsupported-version");
    connection.close();
  });

  test("with a peer that knows only older versions of ApiVersions", async () => {
    // Knows up to v1: refuses in version 0, naming its range, then answers Metadata 0-4.
    await using peer = await scriptedPeer((request) => {
      const [correlationId, version] = [request.subarray(4, 8), request.readInt16BE(2)];
      const refused = Buffer.from("0023 00000001 0012 0000 0001".replaceAll(" ", ""), "hex");
      const listed = Buffer.from("0000 00000002 0003 0000 0004 0012 0000 0001 00000000".replaceAll(" ", ""), "hex");
      return framed(correlationId, version > 1 ? refused : listed);
    });
    const connection = await open(peer.address);
    await connection.negotiate(10_000);
    expect(connection.versionOf(Metadata)).toBe(4);
    connection.close();
  });

  test("a peer that refuses every version of ApiVersions is given up", async () => {
    await using peer = await scriptedPeer((request) =>
      framed(request.subarray(4, 8), Buffer.from("002300000000", "hex")),
    );
    const connection = await open(peer.address);
    expect(await kindOf(connection.negotiate(10_000))).toBe("unsupported-version");
    expect(connection.isClosed).toBe(true);
  });
});

describe("peers that cannot be trusted", () => {
  const answers: readonly [what: string, answer: (request: Buffer) => Buffer | undefined, kind: string][] = [
    ["a size of nothing", () => Buffer.alloc(4), "malformed"],
    ["a negative size", () => Buffer.from([0xff, 0xff, 0xff, 0xff]), "malformed"],
    ["a size above the limit", () => Buffer.from([0x7f, 0xff, 0xff, 0xff]), "malformed"],
    ["an answer of two bytes", () => framed(Buffer.from([0, 0])), "malformed"],
    ["the wrong correlation id", () => framed(Buffer.from([0, 0, 0, 99, 0, 0])), "malformed"],
    ["a body that is cut", (request) => framed(request.subarray(4, 8), Buffer.from([0, 0])), "malformed"],
    ["more answers than requests", (request) => twice(framed(request.subarray(4, 8), Buffer.alloc(6))), "answered"],
    ["HTTP", () => Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"), "malformed"],
    ["nothing but the end", () => undefined, "disconnected"],
  ];
  test.each(answers)("%s", async (_, answer, kind) => {
    await using peer = await scriptedPeer(answer);
    const connection = await open(peer.address);
    expect(await kindOf(connection.call(Heartbeat, beat, { version: 1, ...TIMEOUT }))).toBe(kind);
    while (!connection.isClosed) await new Promise(setImmediate);
    expect(await kindOf(connection.call(Heartbeat, beat, { version: 1, ...TIMEOUT }))).not.toBe("answered");
  });

  test("a promise of 100 MB costs nothing", async () => {
    await using peer = await scriptedPeer(() => Buffer.from([0x05, 0xf5, 0xe1, 0x00, 1, 2, 3]));
    const clock = new ManualClock();
    const rpc = environment(clock);
    const connection = await open(peer.address, rpc);
    const outcome = kindOf(connection.call(Heartbeat, beat, { version: 1, timeoutMs: 5_000 }));
    await peer.hasAnswered;
    await clock.advance(6_000);
    expect(await outcome).toBe("timeout");
    expect(rpc.pool.usedBytes).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  test("an answer that does not come in time closes the connection, and fails what is behind it", async () => {
    await using node = await startMinimalNode({ handlers: [serve(Heartbeat, () => new Later())] });
    const clock = new ManualClock();
    const connection = await open(node.address, environment(clock));
    const first = kindOf(connection.call(Heartbeat, beat, { timeoutMs: 1_000 }));
    const second = kindOf(connection.call(Metadata, noTopics, { timeoutMs: 60_000 }));
    await clock.advance(2_000);
    expect([await first, await second]).toEqual(["timeout", "disconnected"]);
    expect(connection.isClosed).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("a client that connects when it is asked", () => {
  test("one connection for all who wait, and another after it was lost", async () => {
    const node = await startMinimalNode();
    const { address } = node;
    const client = new RpcClient(environment(), address, { clientId: "c", negotiates: true });
    expect(client.isConnected).toBe(false);
    const calls = [1, 2, 3].map(() => client.call(Heartbeat, beat, TIMEOUT));
    await Promise.all(calls);
    expect(node.listener.connectionCount).toBe(1);
    expect(client.apiVersions?.finalizedFeaturesEpoch).toBe(190);
    node.listener.kill();
    while (client.isConnected) await new Promise(setImmediate);
    expect(await kindOf(client.call(Heartbeat, beat, TIMEOUT))).toBe("disconnected");
    await using again = await startMinimalNode({ port: address.port });
    expect(await kindOf(client.call(Heartbeat, beat, TIMEOUT))).toBe("answered");
    expect(again.listener.connectionCount).toBe(1);
    client.close();
    expect(await kindOf(client.call(Heartbeat, beat, TIMEOUT))).toBe("closed");
  });

  test("closing fails those who wait for the connection", async () => {
    await using node = await startMinimalNode();
    const client = new RpcClient(environment(), node.address, { clientId: "c" });
    const call = kindOf(client.call(Heartbeat, beat, TIMEOUT));
    client.close();
    expect(await call).toBe("closed");
  });
});

interface Peer extends AsyncDisposable {
  readonly address: Address;
  readonly hasAnswered: Promise<void>;
}

const peers: Server[] = [];

afterEach(() => {
  expect(peers.splice(0).filter((server) => server.listening)).toEqual([]);
});

/** A server that answers each frame with bytes of the test's choice; undefined ends the connection. */
async function scriptedPeer(answer: (request: Buffer) => Buffer | undefined): Promise<Peer> {
  const sockets = new Set<Socket>();
  let told: (() => void) | undefined;
  const hasAnswered = new Promise<void>((resolve) => {
    told = resolve;
  });
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      const reply = answer(bytes.subarray(4));
      if (reply === undefined) socket.end();
      else socket.write(reply, () => told?.());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  peers.push(server);
  const bound = server.address();
  return {
    address: { host: "127.0.0.1", port: typeof bound === "object" ? (bound?.port ?? 0) : 0 },
    hasAnswered,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function framed(...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

function twice(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, bytes]);
}
