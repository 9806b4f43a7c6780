/** Metadata of everything, asked without end: every request is answered, and others are served meanwhile. */
import { expect, test } from "vitest";
import { Metadata } from "../../protocol/messages/metadata.ts";
import { FixedBroker } from "../support/fixed-broker.ts";
import { probe, request, WireClient } from "./network/wire-client.ts";

const MIB = 1024 * 1024;
const CLIENTS = 10;
const REQUESTS_EACH = 1000;

test("B69: ten thousand requests for all topics at once", async () => {
  const broker = new FixedBroker();
  try {
    const address = await broker.start();
    for (let i = 0; i < 20; i++) broker.createTopic(`topic-${i}`, 5);
    await probe(address);
    const before = process.memoryUsage().rss;
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => WireClient.open(address)));
    let isOver = false;
    const answers = Promise.all(
      clients.map(async (client) => {
        const frames = Array.from({ length: REQUESTS_EACH }, (_, id) => request(Metadata, 1, { topics: null }, id));
        client.send(...frames);
        const ids: (number | undefined)[] = [];
        while (ids.length < REQUESTS_EACH) ids.push((await client.frame())?.readInt32BE(0));
        return ids;
      }),
    ).finally(() => {
      isOver = true;
    });
    let worstMs = 0;
    while (!isOver) worstMs = Math.max(worstMs, await probe(address));
    const inOrder = Array.from({ length: REQUESTS_EACH }, (_, id) => id);
    expect(await answers).toEqual(clients.map(() => inOrder));
    // Clients and broker share a process here, and the machine may be busy: what is told apart is a turn that serves one
    // connection to its end.
    expect(worstMs).toBeLessThan(2000);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * MIB);
    for (const client of clients) client[Symbol.dispose]();
  } finally {
    await broker.close();
  }
});
