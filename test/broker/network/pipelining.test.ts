/**
 * The order of requests and answers on one connection.
 */
import { describe, expect, test } from "vitest";
import { Later, NO_RESPONSE } from "../../../broker/dispatch/answer.ts";
import type { RequestInfo } from "../../../broker/dispatch/handler.ts";
import { serve } from "../../../broker/dispatch/handler-table.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Heartbeat } from "../../../protocol/messages/classic-group.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import { startMinimalNode } from "./minimal-node.ts";
import { fetchRequest, heartbeat, type ProduceResponse, produceRequest, Script } from "./script.ts";
import { probe, request, WireClient } from "./wire-client.ts";

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
