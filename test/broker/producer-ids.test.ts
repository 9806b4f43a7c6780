/** Producer ids from blocks: none twice, the next block in time, and no id while there is none. */
import { expect, test } from "vitest";
import type { ControllerPort } from "../../broker/ports.ts";
import { ProducerIds } from "../../broker/producer-ids.ts";
import { endOfTurn } from "./partition/partition-world.ts";

function world(count = 10) {
  let asked = 0;
  let waiting: ((block: { firstProducerId: number; count: number } | undefined) => void)[] = [];
  const controller: ControllerPort = {
    forward: () => Promise.reject(new Error("not asked for here")),
    allocateProducerIds: () =>
      new Promise((resolve, reject) => {
        asked++;
        waiting.push((block) => (block === undefined ? reject(new Error("no controller")) : resolve(block)));
      }),
  };
  let first = 1000;
  return {
    ids: new ProducerIds(controller),
    asked: () => asked,
    /** The controller answers all who wait, or fails them. */
    answer: async (fails = false): Promise<void> => {
      for (const settle of waiting.splice(0)) settle(fails ? undefined : { firstProducerId: first, count });
      waiting = [];
      first += count;
      await endOfTurn();
    },
  };
}

test("R108: ids follow each other within a block and are never given twice", async () => {
  const { ids, answer } = world();
  ids.prefetch();
  await answer();
  const given = [];
  for (let i = 0; i < 10; i++) given.push(ids.next());
  await answer();
  for (let i = 0; i < 5; i++) given.push(ids.next());
  expect(given).toEqual(Array.from({ length: 15 }, (_, i) => 1000 + i));
});

test("there is none before the first block has come, nor while the next one is on its way", async () => {
  const { ids, asked, answer } = world(2);
  expect([ids.next(), ids.next(), asked()]).toEqual([undefined, undefined, 1]);
  await answer();
  expect([ids.next(), asked()]).toEqual([1000, 1]);
  expect([ids.next(), asked()]).toEqual([1001, 2]);
  expect([ids.next(), ids.next()]).toEqual([undefined, undefined]);
  await answer();
  expect(ids.next()).toBe(1002);
});

test("the next block is asked for at nine tenths, once; a failure is tried again with the next id", async () => {
  const { ids, asked, answer } = world(10);
  ids.prefetch();
  await answer();
  for (let i = 0; i < 9; i++) ids.next();
  expect(asked()).toBe(1);
  ids.next();
  expect(asked()).toBe(2);
  expect(ids.next()).toBeUndefined();
  expect(asked()).toBe(2);
  await answer(true);
  expect([ids.next(), asked()]).toEqual([undefined, 3]);
  await answer();
  expect(ids.next()).toBe(1020);
});
