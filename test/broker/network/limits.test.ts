/**
 * What one connection, and all together, may ask of a node.
 */
import { describe, expect, test } from "vitest";
import { Later } from "../../../broker/dispatch/answer.ts";
import type { RequestInfo } from "../../../broker/dispatch/handler.ts";
import { serve } from "../../../broker/dispatch/handler-table.ts";
import { Heartbeat } from "../../../protocol/messages/classic-group.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import { ManualClock } from "./manual-clock.ts";
import { startMinimalNode } from "./minimal-node.ts";
import { NodeProcess } from "./node-process.ts";
import { heartbeat } from "./script.ts";
import { outcomeOf, ping, probe, request, WireClient } from "./wire-client.ts";

const MIB = 1024 * 1024;

function size(bytes: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(bytes);
  return buffer;
}

const fetchRequest = (id: number): Buffer => {
  const topics = [{ topic: "t", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: MIB }] }];
  return request(Fetch, 11, { replicaId: -1, maxWaitMs: 0, minBytes: 1, topics, forgottenTopicsData: [] }, id);
};

/** Answers each Fetch with so many bytes and counts them. */
function bigAnswers(sizeBytes: number) {
  const counter = { handled: 0 };
  const records = Buffer.alloc(sizeBytes, 7);
  const handler = serve(Fetch, (_request, _context: RequestInfo) => {
    counter.handled++;
    const partitions = [{ partitionIndex: 0, errorCode: 0, highWatermark: 1, abortedTransactions: null, records }];
    return { responses: [{ topic: "t", partitions }] };
  });
  return { counter, handler };
}

const produceRequest = (id: number, sizeBytes: number): Buffer => {
  const partitionData = [{ index: 0, records: Buffer.alloc(sizeBytes, 7) }];
  return request(Produce, 7, { acks: -1, timeoutMs: 1, topicData: [{ name: "t", partitionData }] }, id);
};

/** Median of round trips, milliseconds. */
async function roundTripMs(client: WireClient): Promise<number> {
  const trips: number[] = [];
  for (let i = 0; i < 300; i++) {
    const startMs = performance.now();
    client.send(ping(i));
    await client.frame();
    trips.push(performance.now() - startMs);
  }
  return trips.sort((a, b) => a - b)[150] as number;
}

describe("memory", () => {
  test("300 connections that each promise 90 MB, send 1 kB and wait: little memory, and nobody else waits", async () => {
    await using node = await NodeProcess.start();
    using friend = await WireClient.open(node.address);
    await roundTripMs(friend);
    const quietMs = await roundTripMs(friend);
    const before = await node.residentBytes();
    const hostile = await Promise.all(Array.from({ length: 300 }, () => WireClient.open(node.address)));
    try {
      for (const client of hostile) client.send(size(90_000_000), Buffer.alloc(1000, 0));
      const besiegedMs = await roundTripMs(friend);
      expect((await node.residentBytes()) - before).toBeLessThan(50 * MIB);
      expect(besiegedMs).toBeLessThan(2 * quietMs + 1);
      expect(hostile.some((client) => client.isClosed)).toBe(false);
    } finally {
      for (const client of hostile) client[Symbol.dispose]();
    }
  });

  test("B7: 1000 connections that promise 100 MiB and are silent hold next to nothing", async () => {
    await using node = await startMinimalNode();
    const clients = await Promise.all(Array.from({ length: 1000 }, () => WireClient.open(node.address)));
    for (const client of clients) client.send(size(100 * MIB));
    await probe(node.address);
    expect(node.environment.pool.usedBytes + node.environment.memory.usedBytes).toBe(0);
    for (const client of clients) client[Symbol.dispose]();
  });

  test("a node's requests have so many bytes at most: the rest waits, small requests do not, and all are answered", async () => {
    await using node = await startMinimalNode({ limits: { maxRequestBytesOfNode: 4 * MIB } });
    const clients = await Promise.all(Array.from({ length: 10 }, () => WireClient.open(node.address)));
    const whole = produceRequest(5, 3 * MIB);
    for (const client of clients) client.send(whole.subarray(0, 2 * MIB));
    while (node.environment.memory.waiting === 0) await probe(node.address);
    expect(node.environment.memory.usedBytes).toBeLessThan(4 * MIB + 4 * MIB);
    for (const client of clients) client.send(whole.subarray(2 * MIB));
    for (const client of clients) expect(await client.correlationIds(1)).toEqual([5]);
    expect(node.environment.memory.usedBytes).toBe(0);
    for (const client of clients) client[Symbol.dispose]();
  });

  test("while others wait for memory, a request that stands still is given up", async () => {
    const clock = new ManualClock();
    await using node = await startMinimalNode({ clock, limits: { maxRequestBytesOfNode: MIB } });
    const whole = produceRequest(5, 3 * MIB);
    using stalled = await WireClient.open(node.address);
    stalled.send(whole.subarray(0, 2 * MIB));
    while (node.environment.memory.usedBytes < MIB) await probe(node.address);
    using waiting = await WireClient.open(node.address);
    waiting.send(whole);
    while (node.environment.memory.waiting === 0) await probe(node.address);
    await clock.advance(20_000);
    expect(await waiting.correlationIds(1)).toEqual([5]);
    expect(await stalled.closed()).toEqual({ unreadBytes: 0 });
    expect(node.warnings.map(({ fields }) => fields.reason)).toEqual([expect.stringContaining("wait for memory")]);
  });
});

describe("readers that do not read", () => {
  test("B11: a client that pipelines Fetches of 50 MiB and never reads has one answered", async () => {
    const { counter, handler } = bigAnswers(50 * MIB);
    await using node = await startMinimalNode({ handlers: [handler] });
    using client = await WireClient.open(node.address);
    client.stopReading();
    client.send(...Array.from({ length: 100 }, (_, i) => fetchRequest(i)));
    while (node.environment.memory.unsentBytes === 0) await probe(node.address);
    for (let i = 0; i < 20; i++) await probe(node.address);
    expect(counter.handled).toBe(1);
    expect(node.environment.memory.unsentBytes).toBeLessThan(51 * MIB);
    client.goOnReading();
    for (let id = 0; id < 3; id++) expect((await client.frame())?.readInt32BE(0)).toBe(id);
  });

  test("B11: small answers that are not read stop at the connection's limit", async () => {
    let handled = 0;
    await using node = await startMinimalNode({
      limits: { maxUnsentBytes: 100_000 },
      intercept: (_context, _request, handle) => {
        handled++;
        return handle();
      },
    });
    using client = await WireClient.open(node.address);
    client.stopReading();
    client.send(...Array.from({ length: 100_000 }, (_, i) => ping(i)));
    for (let before = -1; before < handled; ) {
      before = handled;
      for (let i = 0; i < 20; i++) await probe(node.address);
      before += 20;
    }
    expect(handled).toBeLessThan(60_000); // the kernel takes some megabytes
    client.goOnReading();
    expect(await client.correlationIds(1000)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  });

  test("a node that holds too many unread answers closes those who have not read for a while", async () => {
    const clock = new ManualClock();
    const { handler } = bigAnswers(20 * MIB);
    await using node = await startMinimalNode({
      clock,
      handlers: [handler],
      limits: { maxUnsentBytesOfNode: 30 * MIB },
    });
    const clients = await Promise.all(Array.from({ length: 3 }, () => WireClient.open(node.address)));
    for (const client of clients) {
      client.stopReading();
      client.send(fetchRequest(1));
    }
    using friend = await WireClient.open(node.address);
    while (node.environment.memory.unsentBytes < 60 * MIB) await probe(node.address);
    await clock.advance(3_000);
    while (node.environment.memory.unsentBytes > 30 * MIB) await probe(node.address);
    expect(node.listener.connectionCount).toBeGreaterThanOrEqual(2);
    friend.send(ping(9));
    expect(await friend.correlationIds(1)).toEqual([9]);
    for (const client of clients) client[Symbol.dispose]();
  });
});

describe("time", () => {
  test("B6: a client that sends a byte now and then is closed when its first request takes too long", async () => {
    const clock = new ManualClock();
    await using node = await startMinimalNode({ clock, limits: { firstRequestTimeoutMs: 30_000 } });
    using client = await WireClient.open(node.address);
    const bytes = ping();
    for (let i = 0; i < 20; i++) {
      await client.sendAll(bytes.subarray(i, i + 1));
      await probe(node.address);
      await clock.advance(2_000);
    }
    expect(await client.closed()).toEqual({ unreadBytes: 0 });
    expect(node.warnings.map(({ fields }) => fields.reason)).toEqual(["no complete request within 30000 ms"]);
  });

  test("B6: after a first request, bytes now and then are no sign of life", async () => {
    const clock = new ManualClock();
    await using node = await startMinimalNode({ clock, limits: { idleTimeoutMs: 60_000 } });
    using client = await WireClient.open(node.address);
    client.send(ping(1));
    await client.frame();
    client.send(size(1000));
    for (let i = 0; i < 30; i++) {
      await client.sendAll(Buffer.of(1));
      await probe(node.address);
      await clock.advance(3_000);
    }
    expect(client.isClosed).toBe(true);
  });

  test("an idle connection is closed, one that is used is not", async () => {
    const clock = new ManualClock();
    await using node = await startMinimalNode({ clock, limits: { idleTimeoutMs: 60_000 } });
    using idle = await WireClient.open(node.address);
    using busy = await WireClient.open(node.address);
    idle.send(ping(1));
    await idle.frame();
    for (let i = 0; i < 10; i++) {
      busy.send(ping(i));
      expect(await busy.correlationIds(1)).toEqual([i]);
      await clock.advance(10_000);
    }
    expect(idle.isClosed).toBe(true);
    expect(busy.isClosed).toBe(false);
  });

  test("a connection whose request waits is not idle", async () => {
    const clock = new ManualClock();
    const parked: Later<{ responses: [] }>[] = [];
    const handler = serve(Fetch, (_request, _context: RequestInfo) => {
      const later = new Later<{ responses: [] }>();
      parked.push(later);
      return later;
    });
    await using node = await startMinimalNode({ clock, handlers: [handler], limits: { idleTimeoutMs: 10_000 } });
    using client = await WireClient.open(node.address);
    client.send(fetchRequest(1));
    while (parked.length === 0) await probe(node.address);
    await clock.advance(60_000);
    parked[0]?.complete({ responses: [] });
    expect(await client.correlationIds(1)).toEqual([1]);
  });

  test("B9: a peer that ended its side and whose request waits for ever is given up", async () => {
    const clock = new ManualClock();
    const cancelled: string[] = [];
    const handler = serve(Fetch, (_request, _context: RequestInfo) => {
      const later = new Later<{ responses: [] }>();
      later.whenCancelled(() => cancelled.push("fetch"));
      return later;
    });
    await using node = await startMinimalNode({ clock, handlers: [handler] });
    using client = await WireClient.open(node.address);
    client.send(fetchRequest(1));
    client.endSending();
    await probe(node.address);
    await clock.advance(40_000);
    expect(await client.closed()).toEqual({ unreadBytes: 0 });
    expect(cancelled).toEqual(["fetch"]);
  });

  test("a client that sends much at once does not keep the others waiting", async () => {
    let handled = 0;
    const slow = serve(Heartbeat, (_request, _context: RequestInfo) => {
      handled++;
      for (const untilMs = performance.now() + 0.5; performance.now() < untilMs; );
      return { errorCode: 0 };
    });
    await using node = await startMinimalNode({ handlers: [slow] });
    using hasty = await WireClient.open(node.address);
    using friend = await WireClient.open(node.address);
    hasty.send(...Array.from({ length: 1000 }, (_, i) => heartbeat(i)));
    for (let trip = 1; trip <= 3; trip++) {
      friend.send(ping(trip));
      expect(await friend.correlationIds(1)).toEqual([trip]);
      expect(handled).toBeLessThan(trip * 150);
    }
    expect(await hasty.correlationIds(1000)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  });
});

describe("connections", () => {
  test("max.connections.per.ip and max.connections refuse what is above them", async () => {
    for (const limits of [{ maxConnections: 2 }, { maxConnectionsPerIp: 2 }]) {
      await using node = await startMinimalNode({ limits });
      using first = await WireClient.open(node.address);
      {
        using second = await WireClient.open(node.address);
        second.send(ping(1));
        await second.frame();
        expect(await outcomeOf(node.address, ping())).toBe("closed");
        first.send(ping(2));
        expect(await first.correlationIds(1)).toEqual([2]);
      }
      while (node.listener.connectionCount > 1) await new Promise(setImmediate);
      await probe(node.address);
    }
  });

  test("before authentication requests are smaller", async () => {
    const limits = { maxUnauthenticatedRequestBytes: 1000 };
    await using node = await startMinimalNode({ limits, requiresAuthentication: true });
    await probe(node.address);
    expect(await outcomeOf(node.address, size(1001))).toBe("closed");
  });

  test("B12: 1500 idle connections cost little and hinder nobody", async () => {
    await using node = await startMinimalNode();
    const clients = await Promise.all(Array.from({ length: 1500 }, () => WireClient.open(node.address)));
    await probe(node.address);
    expect(node.listener.connectionCount).toBeGreaterThanOrEqual(1500);
    using friend = await WireClient.open(node.address);
    expect(await roundTripMs(friend)).toBeLessThan(5);
    for (const client of clients) client[Symbol.dispose]();
  });

  test("B12: 3000 connections that come and go leave nothing behind", async () => {
    await using node = await startMinimalNode();
    for (let round = 0; round < 30; round++) {
      const clients = await Promise.all(Array.from({ length: 100 }, () => WireClient.open(node.address)));
      for (const client of clients) if (round % 2 === 0) client.reset();
      for (const client of clients) client[Symbol.dispose]();
    }
    while (node.listener.connectionCount > 0) await new Promise(setImmediate);
    await probe(node.address);
    expect(node.environment.pool.usedBytes).toBe(0);
  });

  test("R167: when a node comes back, all its clients are there again soon", async () => {
    const first = await startMinimalNode();
    const { address } = first;
    const clients = await Promise.all(Array.from({ length: 1000 }, () => WireClient.open(address)));
    first.listener.kill();
    await Promise.all(clients.map((client) => client.closed()));
    await using second = await startMinimalNode({ port: address.port });
    await Promise.all(
      clients.map(async () => {
        using again = await WireClient.open(address);
        again.send(ping(3));
        expect(await again.correlationIds(1)).toEqual([3]);
      }),
    );
    await probe(second.address);
    for (const client of clients) client[Symbol.dispose]();
  });

  test("B95: without file handles connections are turned away, no loop spins, and later ones are served", async () => {
    // Enough for the process to load its own modules, many of which are open at once.
    await using node = await NodeProcess.start({ maxFiles: 512 });
    const clients = await Promise.all(Array.from({ length: 700 }, () => WireClient.open(node.address)));
    for (const client of clients) client.send(ping(1));
    const answers = await Promise.all(clients.map((client) => client.frame()));
    const served = answers.filter((answer) => answer !== undefined).length;
    expect(served).toBeGreaterThan(5);
    expect(served).toBeLessThan(512);
    expect(await node.busyShare(300)).toBeLessThan(0.5);
    for (const client of clients) client[Symbol.dispose]();
    let again = "closed";
    while (again === "closed") again = (await outcomeOf(node.address, ping())).toString("hex");
    await probe(node.address);
  });
});
