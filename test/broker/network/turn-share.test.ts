/** Large requests of one client do not follow each other for as long as it can send them: others are heard in between. */
import { expect, test } from "vitest";
import type { RequestInfo } from "../../../broker/dispatch/handler.ts";
import { serve } from "../../../broker/dispatch/handler-table.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import { startMinimalNode } from "./minimal-node.ts";
import { request, WireClient } from "./wire-client.ts";

const REQUESTS = 60;
const EACH_MS = 3;
/** A turn's share is 4 ms: with the second it is used up. */
const PER_TURN = 2;

/** Handles each Produce for a while, and counts those of each turn of the loop. */
function slowProduces() {
  const perTurn: number[] = [];
  let turnIsNew = true;
  const handler = serve(Produce, (_request, _context: RequestInfo) => {
    if (turnIsNew) {
      perTurn.push(0);
      // Behind whatever is to happen at the end of the poll that is under way.
      setImmediate(() => {
        turnIsNew = true;
      });
    }
    turnIsNew = false;
    perTurn[perTurn.length - 1] = (perTurn.at(-1) ?? 0) + 1;
    const untilMs = performance.now() + EACH_MS;
    while (performance.now() < untilMs);
    return { responses: [] };
  });
  return { perTurn, handler };
}

test.each([1, 3])(
  "the large requests of %s clients have their share of a turn, and all are answered",
  async (clients) => {
    const { perTurn, handler } = slowProduces();
    await using node = await startMinimalNode({ handlers: [handler] });
    const all = await Promise.all(Array.from({ length: clients }, () => WireClient.open(node.address)));
    try {
      const records = Buffer.alloc(100_000);
      const topicData = [{ name: "t", partitionData: [{ index: 0, records }] }];
      for (const client of all) {
        for (let id = 0; id < REQUESTS / clients; id++)
          client.send(request(Produce, 7, { acks: -1, timeoutMs: 1, topicData }, id));
      }
      for (const client of all)
        expect(await client.correlationIds(REQUESTS / clients)).toEqual([...Array(REQUESTS / clients).keys()]);
    } finally {
      for (const client of all) client[Symbol.dispose]();
    }
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(PER_TURN);
    expect(perTurn.reduce((a, b) => a + b)).toBe(REQUESTS);
  },
);
