/** Snappy at its edges: both forms, and every length that lies. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadCodecs } from "../../../protocol/records/native-modules.ts";
import { compressSnappy, decompressSnappy } from "../../../protocol/records/snappy.ts";
import { compressSnappyBlock, maxSnappyBlockBytes, snappyBlockSize } from "../../../protocol/records/snappy-block.ts";
import { snappyZeros, uvarint, XERIAL_HEADER, xerialChunk } from "../../support/hand-made-frames.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const ROOM = 1_000_000;
const corrupt = expect.objectContaining({ name: "CompressionError", reason: "corrupt" });
const tooLarge = expect.objectContaining({ name: "CompressionError", reason: "tooLarge" });

/** One raw block, as librdkafka sends it. */
function block(plain: Buffer): Buffer {
  const out = Buffer.alloc(maxSnappyBlockBytes(plain.length));
  return out.subarray(0, compressSnappyBlock(plain, out, 0));
}
const literal = (text: string) =>
  Buffer.concat([uvarint(text.length), Buffer.from([(text.length - 1) << 2]), Buffer.from(text)]);

afterEach(() => {
  loadCodecs({ native: true });
});

describe.each([
  ["with native code", true],
  ["without native code", false],
])("%s", (_, native) => {
  beforeEach(() => {
    loadCodecs({ native });
  });

  test("is written in Java's framing, a chunk for each 32 KiB", () => {
    const packed = compressSnappy(Buffer.alloc(70_000, "abc"));
    expect(packed.subarray(0, 16)).toEqual(XERIAL_HEADER);
    const sizes: number[] = [];
    for (let at = 16; at < packed.length; at += 4 + packed.readInt32BE(at))
      sizes.push(snappyBlockSize(packed.subarray(at + 4)));
    expect(sizes).toEqual([32_768, 32_768, 4_464]);
  });

  test("raw blocks of every size are read", () => {
    const random = new SeededRandom(5);
    for (const size of [0, 1, 3, 4, 15, 16, 60, 61, 62, 256, 257, 300, 4_000, 65_536, 65_537, 200_000]) {
      const plain = Buffer.concat([random.bytes(size >> 1), Buffer.alloc(size - (size >> 1), "ab")]);
      expect(decompressSnappy(block(plain), ROOM).equals(plain), `${size}`).toBe(true);
    }
  });

  test("streams one behind another are one; other versions and odd bytes at the end do not matter", () => {
    const stream = (text: string) => Buffer.concat([XERIAL_HEADER, xerialChunk(literal(text))]);
    expect(decompressSnappy(Buffer.concat([stream("one, "), stream("two")]), ROOM).toString()).toBe("one, two");
    for (const odd of [1, 2, 3])
      expect(decompressSnappy(Buffer.concat([stream("one"), Buffer.alloc(odd, 9)]), ROOM).toString()).toBe("one");
    const versions = stream("one");
    versions.fill(0xff, 8, 16);
    expect(decompressSnappy(versions, ROOM).toString()).toBe("one");
    expect(decompressSnappy(XERIAL_HEADER, ROOM)).toHaveLength(0);
  });

  test.each([-1, -0x80000000, 0x7fffffff, 100, 2])("B52: a chunk that says it has %i bytes", (length) => {
    const stream = Buffer.concat([XERIAL_HEADER, xerialChunk(literal("hello"), length)]);
    expect(() => decompressSnappy(stream, ROOM)).toThrow(corrupt);
  });

  test("B52: a chunk of no bytes has not even a length", () => {
    expect(() => decompressSnappy(Buffer.concat([XERIAL_HEADER, xerialChunk(Buffer.alloc(0))]), ROOM)).toThrow(corrupt);
  });

  test("B52: a header cut short behind the magic, or a magic that is not whole behind a chunk", () => {
    for (let cut = 8; cut < 16; cut++)
      expect(() => decompressSnappy(XERIAL_HEADER.subarray(0, cut), ROOM), `${cut}`).toThrow(corrupt);
    const stream = Buffer.concat([XERIAL_HEADER, xerialChunk(literal("x"))]);
    const wrong = Buffer.from(XERIAL_HEADER);
    wrong[7] = 1;
    expect(() => decompressSnappy(Buffer.concat([stream, wrong]), ROOM)).toThrow(corrupt);
    expect(() => decompressSnappy(Buffer.concat([stream, XERIAL_HEADER.subarray(0, 15)]), ROOM)).toThrow(corrupt);
  });

  test.each([
    ["of 2^31-1 bytes", uvarint(0x7fffffff)],
    ["of 2^32-1 bytes", uvarint(0xffffffff)],
    ["of 2^35-1 bytes", uvarint(2 ** 35 - 1)],
    ["of six bytes", Buffer.alloc(6, 0x80)],
    ["of none", Buffer.alloc(0)],
    ["that has no end", Buffer.alloc(3, 0xff)],
  ])("B52: a length %s", (_, length) => {
    for (const raw of [length, Buffer.concat([length, Buffer.from("\u0004ab")])])
      for (const payload of [raw, Buffer.concat([XERIAL_HEADER, xerialChunk(raw)])])
        expect(() => decompressSnappy(payload, ROOM)).toThrow(corrupt);
  });

  test.each([
    ["one byte too many is announced", Buffer.concat([uvarint(6), Buffer.from([4 << 2]), Buffer.from("hello")])],
    ["one byte too few is announced", Buffer.concat([uvarint(4), Buffer.from([4 << 2]), Buffer.from("hello")])],
    ["a literal past the end", Buffer.concat([uvarint(9), Buffer.from([8 << 2]), Buffer.from("hello")])],
    ["a literal of 2^32 bytes", Buffer.from([5, 63 << 2, 0xff, 0xff, 0xff, 0xff, 1, 2])],
    ["a literal of 2^31 bytes", Buffer.from([5, 63 << 2, 0xff, 0xff, 0xff, 0x7f, 1, 2])],
    ["a literal without its length", Buffer.from([5, 62 << 2, 1])],
    ["a copy before anything", Buffer.from([4, 0x01, 0x01])],
    ["a copy from before the start", Buffer.from([5, 0, 0x61, 0x01, 0x02])],
    ["a copy of offset 0", Buffer.from([5, 0, 0x61, 0x01, 0x00])],
    ["a copy of a far offset", Buffer.from([5, 0, 0x61, 0x0f, 0xff, 0xff, 0xff, 0xff])],
    ["a copy without its offset", Buffer.from([5, 0, 0x61, 0x0e, 0x01])],
    ["a copy past the end", Buffer.from([5, 0, 0x61, 0x0d, 0x01])],
  ])("B52: %s", (_, raw) => {
    expect(() => decompressSnappy(raw, ROOM)).toThrow(corrupt);
    expect(() => decompressSnappy(Buffer.concat([XERIAL_HEADER, xerialChunk(raw)]), ROOM)).toThrow(corrupt);
  });

  test("B52: the cap is on all chunks together, before any is unpacked", () => {
    const zeros = snappyZeros(64 * 100 + 1);
    expect(decompressSnappy(zeros, ROOM).equals(Buffer.alloc(6_401))).toBe(true);
    const chunks = Buffer.concat([XERIAL_HEADER, xerialChunk(zeros), xerialChunk(zeros)]);
    expect(decompressSnappy(chunks, 12_802)).toHaveLength(12_802);
    expect(() => decompressSnappy(chunks, 12_801)).toThrow(tooLarge);
    expect(() => decompressSnappy(zeros, 6_400)).toThrow(tooLarge);
  });
});
