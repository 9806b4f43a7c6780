import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { OffsetMap } from "../../../storage/log/offset-map.ts";
import { SeededRandom } from "../../simulation/seeded-random.ts";

test("gives of each key the newest offset, exactly as a plain map would", () => {
  const random = new SeededRandom("keys");
  const map = new OffsetMap(64 * 1024 * 1024, random.below(2 ** 32));
  const model = new Map<string, number>();
  for (let offset = 0; offset < 60_000; offset++) {
    const key = random.bytes(random.pick([0, 1, 2, 3, 8, 63, 64, 65, 200]));
    expect(map.put(key, offset)).toBe(true);
    model.set(key.toString("latin1"), offset);
  }
  expect(map.size).toBe(model.size);
  const wrong = [...model].filter(([key, offset]) => map.get(Buffer.from(key, "latin1")) !== offset);
  expect(wrong).toEqual([]);
  expect(map.get(Buffer.from("not there"))).toBeUndefined();
});

test("a short key that is the digest of a long one is another key", () => {
  const map = new OffsetMap(1024 * 1024);
  const long = Buffer.alloc(100, 7);
  const digest = createHash("sha256").update(long).digest();
  map.put(long, 1);
  expect(map.get(digest)).toBeUndefined();
  map.put(digest, 2);
  expect([map.get(long), map.get(digest)]).toEqual([1, 2]);
});

test("takes no more memory than it may, and still renews the keys it has", () => {
  const map = new OffsetMap(10_000);
  let count = 0;
  while (map.put(Buffer.from(`key-${count}`), count)) count++;
  expect(count).toBeGreaterThan(200);
  expect(count).toBeLessThan(400);
  expect(map.size).toBe(count);
  expect(map.put(Buffer.from("key-0"), 5000)).toBe(true);
  expect(map.get(Buffer.from("key-0"))).toBe(5000);
  expect(map.get(Buffer.from(`key-${count}`))).toBeUndefined();
});
