/** CRC-32C: the published vectors, and the same value whichever way it is computed. */
import { afterEach, describe, expect, test } from "vitest";
import { crc32c } from "../../../protocol/records/crc32c.ts";
import { loadCodecs } from "../../../protocol/records/native-modules.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

afterEach(() => {
  loadCodecs({ native: true });
});

/** RFC 3720, B.4. */
const VECTORS: readonly (readonly [string, Buffer, number])[] = [
  ["nothing", Buffer.alloc(0), 0],
  ["the digits", Buffer.from("123456789"), 0xe3069283],
  ["32 zeros", Buffer.alloc(32), 0x8a9136aa],
  ["32 ones", Buffer.alloc(32, 0xff), 0x62a8ab43],
  ["32 rising", Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
  ["32 falling", Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c],
];

test.each(VECTORS)("of %s", (_, bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected);
});

/** The definition: a bit at a time. */
function bitByBit(bytes: Uint8Array): number {
  let c = ~0;
  for (const byte of bytes) {
    c ^= byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  }
  return ~c >>> 0;
}

describe.each([
  ["with native code", true],
  ["without", false],
])("%s", (_, native) => {
  test("any size at any alignment is what the definition gives", () => {
    loadCodecs({ native });
    const random = new SeededRandom(1);
    const bytes = random.bytes(9000);
    for (const size of [1, 7, 8, 15, 16, 100, 255, 256, 257, 511, 512, 513, 1000, 5000])
      for (const start of [0, 1, 2, 3, 21]) {
        const end = start + size;
        expect(crc32c(bytes, start, end), `${size} at ${start}`).toBe(bitByBit(bytes.subarray(start, end)));
      }
  });

  test("goes on over pieces", () => {
    loadCodecs({ native });
    const bytes = new SeededRandom(2).bytes(4000);
    const whole = crc32c(bytes);
    for (const cut of [0, 1, 10, 300, 2000, 3999, 4000])
      expect(crc32c(bytes, cut, bytes.length, crc32c(bytes, 0, cut))).toBe(whole);
  });
});
