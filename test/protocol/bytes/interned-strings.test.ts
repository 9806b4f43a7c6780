/** Names that come again: found or made, a text is always that of its bytes. */
import { expect, test } from "vitest";
import { Reader } from "../../../protocol/bytes/reader.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const textOf = (bytes: Buffer) => new Reader(bytes).text(bytes.length);

test("random bytes of every length are read as Node reads them, again and again", () => {
  const random = new SeededRandom(1);
  const all = Array.from({ length: 4000 }, (_, i) => {
    const bytes = random.bytes(i % 70);
    return random.oneIn(2) ? bytes : Buffer.from(bytes.map((byte) => 97 + (byte % 3)));
  });
  for (let again = 0; again < 3; again++) {
    for (const bytes of all) {
      const text = textOf(bytes);
      if (text !== bytes.toString("utf8")) expect(text).toBe(bytes.toString("utf8"));
    }
  }
});

test("texts that differ in one byte, or end alike, are told apart", () => {
  const name = Buffer.from("service-orders.events.v1");
  for (let i = 0; i < name.length; i++) {
    const other = Buffer.from(name);
    other[i] = (other[i] as number) ^ 1;
    expect(textOf(name)).toBe(name.toString());
    expect(textOf(other)).toBe(other.toString());
    expect(textOf(name.subarray(i))).toBe(name.toString("utf8", i));
  }
});

test("a text is that of its bytes wherever they lie in the buffer", () => {
  const buffer = Buffer.from("..topic-name....topic-name");
  for (const at of [2, 16]) expect(new Reader(buffer, at).text(10)).toBe("topic-name");
  expect(() => new Reader(buffer, 20).text(10)).toThrow("10 bytes expected");
});

test("uuids are those of their bytes, again and again", () => {
  const random = new SeededRandom(2);
  const all = [Buffer.alloc(16), Buffer.alloc(16, 0xff), ...Array.from({ length: 5000 }, () => random.bytes(16))];
  for (let again = 0; again < 2; again++)
    for (const bytes of all) expect(new Reader(bytes).uuid()).toBe(bytes.toString("base64url"));
});
