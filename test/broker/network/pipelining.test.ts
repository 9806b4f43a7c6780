/**
 * The order of requests and answers on one connection, and its ends: graceful, abrupt, by the peer.
 */
import { describe, expect, test } from "vitest";
import { CLOSE_CONNECTION, Later, laterFrom, NO_RESPONSE, withRelease } from "../../../broker/dispatch/answer.ts";
import type { RequestInfo } from "../../../broker/dispatch/handler.ts";
import { type ServedApi, serve } from "../../../broker/dispatch/handler-table.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { Heartbeat, HeartbeatResponse } from "../../../protocol/messages/classic-group.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import { decode } from "../../../protocol/schema/codec.ts";
import type { Encode } from "../../../protocol/schema/message.ts";
import { startMinimalNode } from "./minimal-node.ts";
import { probe, request, WireClient } from "./wire-client.ts";

type ProduceResponse = Encode<(typeof Produce)["response"]>;
type FetchResponse = Encode<(typeof Fetch)["response"]>;

const produceRequest = (id: number, acks = -1): Buffer =>
  request(Produce, 7, { acks, timeoutMs: 1000, topicData: [] }, id);
const heartbeat = (id: number): Buffer => request(Heartbeat, 0, { groupId: "g", generationId: 1, memberId: "m" }, id);
const fetchRequest = (id: number): Buffer => {
  const body = { replicaId: -1, maxWaitMs: 500, minBytes: 1, topics: [], forgottenTopicsData: [] };
  return request(Fetch, 11, body, id);
};

/** Handlers that tell when they were called, and park what the test completes. */
class Script {
  readonly handled: string[] = [];
  readonly produces: Later<ProduceResponse>[] = [];
  readonly fetches: Later<FetchResponse>[] = [];
  readonly cancelled: string[] = [];
  holdProduces = false;
  private waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  readonly handlers: readonly ServedApi<RequestInfo>[] = [
    serve(Produce, (_, { correlationId }: RequestInfo) => {
      const later = new Later<ProduceResponse>({ holdsConnection: this.holdProduces });
      later.whenCancelled(() => this.cancelled.push(`produce ${correlationId}`));
      this.produces.push(later);
      this.told(`produce ${correlationId}`);
      return later;
    }),
    serve(Fetch, (_, { correlationId }: RequestInfo) => {
      const later = new Later<FetchResponse>();
      later.whenCancelled(() => this.cancelled.push(`fetch ${correlationId}`));
      this.fetches.push(later);
      this.told(`fetch ${correlationId}`);
      return later;
    }),
    serve(Heartbeat, (_, { correlationId }: RequestInfo) => {
      this.told(`heartbeat ${correlationId}`);
      return { errorCode: ErrorCode.NONE };
    }),
  ];

  private told(what: string): void {
    this.handled.push(what);
    this.waiting = this.waiting.filter(({ count, resolve }) => {
      if (this.handled.length >= count) resolve();
      return this.handled.length < count;
    });
  }

  untilHandled(count: number): Promise<void> {
    if (this.handled.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({ count, resolve }));
  }
}

describe("order", () => {
  test("Produces that follow each other wait together and are answered in order", async () => {
    const script = new Script();
    await using node = await startMinimalNode({ handlers: script.handlers });
    using client = await WireClient.open(node.address);
    client.send(produceRequest(1), produceRequest(2), produceRequest(3));
    await script.untilHandled(3);
    script.produces[2]?.complete({ responses: [] });
    script.produces[1]?.complete({ responses: [] });
    script.produces[0]?.complete({ responses: [] });
    expect(await client.correlationIds(3)).toEqual([1, 2, 3]);
  });

  test("another API waits until the Produces before it are answered", async () => {
    const script = new Script();
    await using node = await startMinimalNode({ handlers: script.handlers });
    using client = await WireClient.open(node.address);
    client.send(produceRequest(1), produceRequest(2), heartbeat(3), produceRequest(4));
    await script.untilHandled(2);
    script.produces[1]?.complete({ responses: [] });
    await probe(node.address);
    expect(script.handled).toEqual(["produce 1", "produce 2"]);
    script.produces[0]?.complete({ responses: [] });
    expect(await client.correlationIds(3)).toEqual([1, 2, 3]);
    await script.untilHandled(4);
    script.produces[2]?.complete({ responses: [] });
    expect(await client.correlationIds(1)).toEqual([4]);
  });

  test("nothing is handled behind an API that waits, not even a Produce", async () => {
    const script = new Script();
    await using node = await startMinimalNode({ handlers: script.handlers });
    using client = await WireClient.open(node.address);
    client.send(fetchRequest(1), produceRequest(2), heartbeat(3));
    await script.untilHandled(1);
    await probe(node.address);
    expect(script.handled).toEqual(["fetch 1"]);
    script.fetches[0]?.complete({ responses: [] });
    await script.untilHandled(2);
    script.produces[0]?.complete({ responses: [] });
    expect(await client.correlationIds(3)).toEqual([1, 2, 3]);
  });

  test("a Produce that holds its connection holds back the Produces behind it until it lets go", async () => {
    const script = new Script();
    script.holdProduces = true;
    await using node = await startMinimalNode({ handlers: script.handlers });
    using client = await WireClient.open(node.address);
    client.send(produceRequest(1), produceRequest(2));
    await script.untilHandled(1);
    await probe(node.address);
    expect(script.handled).toEqual(["produce 1"]);
    script.produces[0]?.releaseConnection();
    await script.untilHandled(2);
    script.produces[1]?.complete({ responses: [] });
    script.produces[0]?.complete({ responses: [] });
    expect(await client.correlationIds(2)).toEqual([1, 2]);
  });

  test("at most 16 requests are in flight", async () => {
    const script = new Script();
    await using node = await startMinimalNode({ handlers: script.handlers });
    using client = await WireClient.open(node.address);
    client.send(...Array.from({ length: 40 }, (_, i) => produceRequest(i)));
    await script.untilHandled(16);
    await probe(node.address);
    expect(script.handled.length).toBe(16);
    for (let i = 0; i < 40; i++) {
      await script.untilHandled(i + 1);
      script.produces[i]?.complete({ responses: [] });
    }
    expect(await client.correlationIds(40)).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  test("requests in flight have at most so many bytes, save one that has more alone", async () => {
    const script = new Script();
    await using node = await startMinimalNode({ handlers: script.handlers, limits: { maxBytesInFlight: 300_000 } });
    using client = await WireClient.open(node.address);
    const large = (id: number, sizeBytes: number): Buffer => {
      const partitionData = [{ index: 0, records: Buffer.alloc(sizeBytes) }];
      return request(Produce, 7, { acks: -1, timeoutMs: 1, topicData: [{ name: "t", partitionData }] }, id);
    };
    client.send(large(1, 140_000), large(2, 140_000), large(3, 140_000), large(4, 500_000));
    await script.untilHandled(2);
    await probe(node.address);
    expect(script.handled).toEqual(["produce 1", "produce 2"]);
    script.produces[0]?.complete({ responses: [] });
    await script.untilHandled(3);
    script.produces[1]?.complete({ responses: [] });
    script.produces[2]?.complete({ responses: [] });
    await script.untilHandled(4);
    script.produces[3]?.complete({ responses: [] });
    expect(await client.correlationIds(4)).toEqual([1, 2, 3, 4]);
    expect(node.environment.memory.usedBytes).toBe(0);
  });

  test("a Produce with acks=0 is not answered, what follows it is", async () => {
    const silent = serve(Produce, (_request, _context: RequestInfo) => NO_RESPONSE);
    await using node = await startMinimalNode({ handlers: [silent] });
    using client = await WireClient.open(node.address);
    client.send(produceRequest(1, 0), heartbeat(2), produceRequest(3, 0), heartbeat(4));
    expect(await client.correlationIds(2)).toEqual([2, 4]);
  });

  test("a handler may run while another connection's answer completes, never inside it", async () => {
    const depth: number[] = [];
    let running = 0;
    const parked: Later<ProduceResponse>[] = [];
    const produce = serve(Produce, (_request, _context: RequestInfo) => {
      const later = new Later<ProduceResponse>();
      parked.push(later);
      return later;
    });
    const beat = serve(Heartbeat, (_request, { correlationId }: RequestInfo) => {
      depth.push(++running);
      if (correlationId === 100) for (const later of parked.splice(0)) later.complete({ responses: [] });
      running--;
      return { errorCode: ErrorCode.NONE };
    });
    await using node = await startMinimalNode({ handlers: [produce, beat] });
    using first = await WireClient.open(node.address);
    using second = await WireClient.open(node.address);
    first.send(produceRequest(1), heartbeat(2), heartbeat(3));
    while (parked.length === 0) await probe(node.address);
    second.send(heartbeat(100));
    expect(await first.correlationIds(3)).toEqual([1, 2, 3]);
    expect(depth).toEqual([1, 1, 1]);
  });
});

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
