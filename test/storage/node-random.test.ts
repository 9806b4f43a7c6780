import { expect, test } from "vitest";
import { isUuid } from "../../protocol/uuid.ts";
import { NodeRandom } from "../../storage/node-random.ts";
import { randomUuid } from "../../storage/random.ts";

test("numbers lie below their limit, up to 2^48", () => {
  const random = new NodeRandom();
  const seen = new Set<number>();
  for (let i = 0; i < 200; i++) {
    seen.add(random.below(3));
    const large = random.below(2 ** 48);
    expect(Number.isInteger(large) && large >= 0 && large < 2 ** 48).toBe(true);
  }
  expect([...seen].sort()).toEqual([0, 1, 2]);
  expect(random.below(1)).toBe(0);
});

test("uuids are Kafka's and do not repeat", () => {
  const random = new NodeRandom();
  const uuids = Array.from({ length: 100 }, () => randomUuid(random));
  expect(new Set(uuids).size).toBe(100);
  expect(uuids.every(isUuid)).toBe(true);
});
