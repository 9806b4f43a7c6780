/**
 * How requests fail and connections end: by handlers, gracefully, abruptly, by the peer.
 */
import { describe, expect, test } from "vitest";
import { CLOSE_CONNECTION, laterFrom, withRelease } from "../../../broker/dispatch/answer.ts";
import type { RequestInfo } from "../../../broker/dispatch/handler.ts";
import { serve } from "../../../broker/dispatch/handler-table.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { Heartbeat, HeartbeatResponse } from "../../../protocol/messages/classic-group.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { decode } from "../../../protocol/schema/codec.ts";
import { startMinimalNode } from "./minimal-node.ts";
import { fetchRequest, heartbeat, produceRequest, Script } from "./script.ts";
import { probe, request, WireClient } from "./wire-client.ts";

describe("failures of handlers", () => {
  const failing = (fail: () => never) => serve(Heartbeat, (_request, _context: RequestInfo) => fail());

  test("a KafkaError becomes the API's own error response", async () => {
    const handler = failing(() => {
      throw new KafkaError(ErrorCode.NOT_COORDINATOR, "elsewhere");
    });
    await using node = await startMinimalNode({ handlers: [handler] });
    using client = await WireClient.open(node.address);
    client.send(heartbeat(1));
    const answer = (await client.frame()) as Buffer;
    expect(decode(HeartbeatResponse, 0, answer.subarray(4)).errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    expect(node.unexpectedErrors).toEqual([]);
  });

  test("anything else becomes UNKNOWN_SERVER_ERROR, is logged loudly, and the connection goes on", async () => {
    const handler = failing(() => {
      throw new TypeError("a bug");
    });
    await using node = await startMinimalNode({ handlers: [handler] });
    using client = await WireClient.open(node.address);
    client.send(heartbeat(1), heartbeat(2));
    for (let i = 0; i < 2; i++) {
      const answer = (await client.frame()) as Buffer;
      expect(decode(HeartbeatResponse, 0, answer.subarray(4)).errorCode).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    }
    expect(node.unexpectedErrors.map(String)).toEqual(["TypeError: a bug", "TypeError: a bug"]);
    expect(node.warnings[0]?.level).toBe("error");
  });

  test("a Later that fails, and a promise that rejects, count as thrown", async () => {
    const handler = serve(Heartbeat, (_request, _context: RequestInfo) =>
      laterFrom<{ errorCode: number }>(Promise.reject(new KafkaError(ErrorCode.REQUEST_TIMED_OUT))),
    );
    await using node = await startMinimalNode({ handlers: [handler] });
    using client = await WireClient.open(node.address);
    client.send(heartbeat(1));
    const answer = (await client.frame()) as Buffer;
    expect(decode(HeartbeatResponse, 0, answer.subarray(4)).errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT);
  });

  test("an answer that cannot be written becomes UNKNOWN_SERVER_ERROR and frees what it held", async () => {
    let released = 0;
    const handler = serve(Heartbeat, (_request, _context: RequestInfo) =>
      withRelease(
        { errorCode: null as unknown as number, throttleTimeMs: Symbol("no number") as never },
        () => released++,
      ),
    );
    await using node = await startMinimalNode({ handlers: [handler] });
    using client = await WireClient.open(node.address);
    client.send(request(Heartbeat, 4, { groupId: "g", generationId: 1, memberId: "m" }, 1));
    const answer = (await client.frame()) as Buffer;
    expect(decode(HeartbeatResponse, 4, answer.subarray(5)).errorCode).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    expect(released).toBe(1);
  });

  test("CLOSE_CONNECTION closes after the answers before it; what was handled behind it is not answered", async () => {
    const script = new Script();
    const closing = serve(Heartbeat, (_request, _context: RequestInfo) => CLOSE_CONNECTION);
    const handlers = [...script.handlers.filter(({ api }) => api.key !== Heartbeat.key), closing];
    await using node = await startMinimalNode({ handlers });
    using client = await WireClient.open(node.address);
    client.send(produceRequest(1), produceRequest(2), produceRequest(3));
    await script.untilHandled(3);
    script.produces[1]?.complete(CLOSE_CONNECTION);
    script.produces[0]?.complete({ responses: [] });
    expect(await client.correlationIds(2)).toEqual([1, undefined]);
    expect(script.cancelled).toEqual(["produce 3"]);
    using other = await WireClient.open(node.address);
    other.send(heartbeat(1), heartbeat(2));
    expect(await other.correlationIds(1)).toEqual([undefined]);
  });
});

describe("ends", () => {
  test("B10: what a lost connection waited for is cancelled, and answered to nobody", async () => {
    const script = new Script();
    await using node = await startMinimalNode({ handlers: script.handlers });
    const client = await WireClient.open(node.address);
    client.send(produceRequest(1), produceRequest(2));
    await script.untilHandled(2);
    let released = 0;
    client.reset();
    while (script.cancelled.length < 2) await probe(node.address);
    script.produces[0]?.complete({ responses: [] }, () => released++);
    expect(script.cancelled).toEqual(["produce 1", "produce 2"]);
    expect(released).toBe(1);
    expect(node.environment.memory.usedBytes).toBe(0);
  });

  test("what an answer refers to is freed once, when it is sent", async () => {
    let released = 0;
    const payload = Buffer.alloc(5_000_000, 7);
    const handler = serve(Fetch, (_request, _context: RequestInfo) => {
      const partitions = [
        { partitionIndex: 0, errorCode: 0, highWatermark: 1, abortedTransactions: null, records: payload },
      ];
      return withRelease({ responses: [{ topic: "t", partitions }] }, () => released++);
    });
    await using node = await startMinimalNode({ handlers: [handler] });
    using client = await WireClient.open(node.address);
    client.stopReading();
    client.send(fetchRequest(1));
    await probe(node.address);
    expect(released).toBe(0);
    client.goOnReading();
    expect((await client.frame())?.length).toBeGreaterThan(payload.length);
    while (released === 0) await probe(node.address);
    expect(released).toBe(1);
  });

  test("what an answer refers to is freed when its connection is lost before it is sent", async () => {
    let released = 0;
    const payload = Buffer.alloc(20_000_000, 7);
    const handler = serve(Fetch, (_request, _context: RequestInfo) => {
      const partitions = [
        { partitionIndex: 0, errorCode: 0, highWatermark: 1, abortedTransactions: null, records: payload },
      ];
      return withRelease({ responses: [{ topic: "t", partitions }] }, () => released++);
    });
    await using node = await startMinimalNode({ handlers: [handler] });
    const client = await WireClient.open(node.address);
    client.stopReading();
    client.send(fetchRequest(1));
    while (node.environment.memory.unsentBytes === 0) await probe(node.address);
    client.reset();
    while (released === 0) await probe(node.address);
    expect(released).toBe(1);
    expect(node.environment.memory.unsentBytes).toBe(0);
  });

  test("a graceful close answers what is handled, nothing more, and leaves", async () => {
    const script = new Script();
    const node = await startMinimalNode({ handlers: script.handlers });
    using client = await WireClient.open(node.address);
    client.send(produceRequest(1), heartbeat(2));
    await script.untilHandled(1);
    const closed = node.listener.close(5_000);
    script.produces[0]?.complete({ responses: [] });
    expect(await client.correlationIds(2)).toEqual([1, undefined]);
    await closed;
    expect(script.handled).toEqual(["produce 1"]);
    expect(node.listener.connectionCount).toBe(0);
    await expect(WireClient.open(node.listener.addresses[0] ?? { host: "127.0.0.1", port: 1 })).rejects.toThrow();
  });

  test("a graceful close does not wait longer than it may", async () => {
    const script = new Script();
    const node = await startMinimalNode({ handlers: script.handlers });
    using client = await WireClient.open(node.address);
    client.send(produceRequest(1));
    await script.untilHandled(1);
    await node.listener.close(20);
    expect(await client.correlationIds(1)).toEqual([undefined]);
    expect(script.cancelled).toEqual(["produce 1"]);
  });

  test("a killed listener resets its connections and answers nothing", async () => {
    const script = new Script();
    const node = await startMinimalNode({ handlers: script.handlers });
    using client = await WireClient.open(node.address);
    client.send(produceRequest(1));
    await script.untilHandled(1);
    node.listener.kill();
    script.produces[0]?.complete({ responses: [] });
    expect(await client.correlationIds(1)).toEqual([undefined]);
    expect(await client.closed()).toEqual({ unreadBytes: 0 });
    await node.listener.close();
  });

  test("B9: a Fetch that waits when its client ends sending is answered all the same", async () => {
    const script = new Script();
    await using node = await startMinimalNode({ handlers: script.handlers });
    using client = await WireClient.open(node.address);
    client.send(fetchRequest(1), heartbeat(2));
    client.endSending();
    await script.untilHandled(1);
    await probe(node.address);
    script.fetches[0]?.complete({ responses: [] });
    expect(await client.correlationIds(3)).toEqual([1, 2, undefined]);
  });

  test("handlers are told when their connection has gone", async () => {
    const gone: number[] = [];
    const beat = serve(Heartbeat, (_request, { connection }: RequestInfo) => {
      connection.onClosed(() => gone.push(connection.id));
      return { errorCode: ErrorCode.NONE };
    });
    await using node = await startMinimalNode({ handlers: [beat] });
    {
      using client = await WireClient.open(node.address);
      client.send(heartbeat(1));
      await client.frame();
    }
    while (gone.length === 0) await probe(node.address);
    expect(gone.length).toBe(1);
  });
});
