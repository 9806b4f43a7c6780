/** Metadata of everything, asked without end: every request is answered, and others are served meanwhile. */
import { expect, test } from "vitest";
import { Metadata } from "../../protocol/messages/metadata.ts";
import { FixedBroker } from "../support/fixed-broker.ts";
import { ping, request, WireClient } from "./network/wire-client.ts";

const MIB = 1024 * 1024;
const CLIENTS = 5;
const REQUESTS_EACH = 2000;

test("B69: ten thousand requests for all topics at once", async () => {
  const broker = new FixedBroker();
  try {
    const address = await broker.start();
    for (let i = 0; i < 20; i++) broker.createTopic(`topic-${i}`, 5);
    using friend = await WireClient.open(address);
    const before = process.memoryUsage().rss;
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => WireClient.open(address)));
    let isOver = false;
    const answers = Promise.all(
      clients.map(async (client) => {
        const frames = Array.from({ length: REQUESTS_EACH }, (_, id) => request(Metadata, 1, { topics: null }, id));
        client.send(...frames);
        const ids: (number | undefined)[] = [];
        while (ids.length < REQUESTS_EACH) ids.push((await client.frame(60_000))?.readInt32BE(0));
        return ids;
      }),
    ).finally(() => {
      isOver = true;
    });
    // A turn serves each connection for a while, not to its end: whoever asks now comes in between.
    friend.send(ping());
    expect(await friend.frame(60_000)).toBeDefined();
    expect(isOver).toBe(false);
    const inOrder = Array.from({ length: REQUESTS_EACH }, (_, id) => id);
    expect(await answers).toEqual(clients.map(() => inOrder));
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * MIB);
    for (const client of clients) client[Symbol.dispose]();
  } finally {
    await broker.close();
  }
});
