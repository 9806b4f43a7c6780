/** LZ4 frames at their edges: what Kafka's reader takes is taken, what it refuses is refused. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decompress } from "../../../protocol/records/compression.ts";
import { compressLz4, decompressLz4 } from "../../../protocol/records/lz4.ts";
import { compressLz4Block } from "../../../protocol/records/lz4-block.ts";
import { loadCodecs } from "../../../protocol/records/native-modules.ts";
import { xxHash32 } from "../../../protocol/records/xx-hash32.ts";
import { lz4Frame, lz4Zeros } from "../../support/hand-made-frames.ts";

const ROOM = 10_000_000;
const corrupt = expect.objectContaining({ name: "CompressionError", reason: "corrupt" });
const unsupported = expect.objectContaining({ name: "CompressionError", reason: "unsupported" });
const tooLarge = expect.objectContaining({ name: "CompressionError", reason: "tooLarge" });

/** Long enough that native code is asked. */
const TEXT = "the quick brown fox jumps over the lazy dog; ".repeat(300);
const plain = Buffer.from(TEXT);

function block(bytes: Buffer): Buffer {
  const out = Buffer.alloc(bytes.length);
  const end = compressLz4Block(bytes, 0, bytes.length, out, 0);
  expect(end).toBeGreaterThan(0);
  return out.subarray(0, end);
}

const packed = block(plain);
const read = (frame: Buffer) => decompressLz4(frame, ROOM).toString();

afterEach(() => {
  loadCodecs({ native: true });
});

test("xxHash32 gives the published values", () => {
  const hash = (text: string) => xxHash32(Buffer.from(text));
  expect(hash("")).toBe(0x02cc5d05);
  expect(hash("a")).toBe(0x550d7456);
  expect(hash("abc")).toBe(0x32d153ff);
  expect(hash("Nobody inspects the spammish repetition")).toBe(0xe2293b2f);
  expect(xxHash32(Buffer.from("--abc--"), 2, 5)).toBe(0x32d153ff);
});

describe.each([
  ["with native code", true],
  ["without native code", false],
])("%s", (_, native) => {
  beforeEach(() => {
    loadCodecs({ native });
  });

  test("is written as Java writes it: independent blocks of 64 KiB, no checksums, no content size", () => {
    const frame = compressLz4(Buffer.alloc(150_000, "abc"));
    expect(frame.subarray(0, 7).toString("hex")).toBe("04224d18604082");
    let blocks = 0;
    let at = 7;
    for (; frame.readUInt32LE(at) !== 0; at += 4 + frame.readUInt32LE(at)) blocks++;
    expect(blocks).toBe(3);
    expect(at + 4).toBe(frame.length);
    expect(compressLz4(Buffer.alloc(0)).toString("hex")).toBe("04224d1860408200000000");
  });

  test("blocks that would grow are stored", () => {
    const bytes = Buffer.from("0123456789abcdef");
    const frame = compressLz4(bytes);
    expect(frame.readUInt32LE(7)).toBe(0x80000000 + 16);
    expect(decompressLz4(frame, 16)).toEqual(bytes);
  });

  test.each([
    ["one block", {}],
    ["block checksums", { blockChecksum: "right" }],
    ["a content size", { contentSize: BigInt(plain.length) }],
    ["a content checksum", { contentChecksum: xxHash32(plain) }],
    ["blocks of up to 4 MiB", { blockCode: 7 }],
    [
      "everything",
      { blockChecksum: "right", contentSize: BigInt(plain.length), contentChecksum: xxHash32(plain), blockCode: 5 },
    ],
  ] as const)("B53: read: %s", (_, options) => {
    expect(read(lz4Frame([{ bytes: packed }], options))).toBe(TEXT);
  });

  test("B53: a content size or content checksum that lies is stepped over, as in Kafka", () => {
    for (const contentSize of [0n, 1n, BigInt(plain.length) + 1n, 2n ** 64n - 1n])
      expect(read(lz4Frame([{ bytes: packed }], { contentSize }))).toBe(TEXT);
    expect(read(lz4Frame([{ bytes: packed }], { contentChecksum: 0 }))).toBe(TEXT);
  });

  test("B53: what lies behind the frame is not looked at, a second frame neither", () => {
    const frame = lz4Frame([{ bytes: packed }]);
    expect(read(Buffer.concat([frame, Buffer.from("junk")]))).toBe(TEXT);
    expect(read(Buffer.concat([frame, frame]))).toBe(TEXT);
    expect(read(Buffer.concat([frame, frame.subarray(0, 9)]))).toBe(TEXT);
  });

  test("B53: blocks that depend on each other, dictionaries, versions and reserved bits are refused", () => {
    expect(() => read(lz4Frame([{ bytes: packed }], { independent: false }))).toThrow(unsupported);
    expect(() => read(lz4Frame([{ bytes: packed }], { dictionaryId: 7 }))).toThrow(unsupported);
    for (const version of [0, 2, 3])
      expect(() => read(lz4Frame([{ bytes: packed }], { version }))).toThrow(unsupported);
    const reserved = lz4Frame([{ bytes: packed }]);
    reserved[4] = 0x62;
    expect(() => read(reserved)).toThrow(unsupported);
  });

  test.each([0, 1, 2, 3, 8, 15])("B53: block size code %i is none", (blockCode) => {
    expect(() => read(lz4Frame([{ bytes: packed }], { blockCode }))).toThrow(corrupt);
  });

  test("B53: a wrong header checksum is refused, that of old clients too", () => {
    expect(() => read(lz4Frame([{ bytes: packed }], { headerChecksum: 0x83 }))).toThrow(corrupt);
    const overMagicToo = (xxHash32(Buffer.from("04224d186040", "hex")) >>> 8) & 0xff;
    expect(() => read(lz4Frame([{ bytes: packed }], { headerChecksum: overMagicToo }))).toThrow(corrupt);
  });

  test("B53: a wrong block checksum, a frame without end, a block past the end are refused", () => {
    expect(() => read(lz4Frame([{ bytes: packed }], { blockChecksum: "wrong" }))).toThrow(corrupt);
    expect(() => read(lz4Frame([{ bytes: packed }], { endMark: false }))).toThrow(corrupt);
    expect(() => read(lz4Frame([{ bytes: packed, length: packed.length + 100 }]))).toThrow(corrupt);
    expect(() => read(lz4Frame([{ bytes: packed, length: 0x7fffffff }]))).toThrow(corrupt);
    expect(() => read(lz4Frame([{ bytes: packed, length: 65_537 }]))).toThrow(corrupt);
    const cut = lz4Frame([{ bytes: packed }], { contentChecksum: 1 });
    expect(() => read(cut.subarray(0, -1))).toThrow(corrupt);
  });

  test("B53: a block may not hold more than the frame allows", () => {
    const zeros = lz4Zeros(65_536);
    expect(decompressLz4(lz4Frame([{ bytes: zeros }]), ROOM).equals(Buffer.alloc(65_536))).toBe(true);
    expect(() => read(lz4Frame([{ bytes: lz4Zeros(65_537) }]))).toThrow(corrupt);
    expect(decompressLz4(lz4Frame([{ bytes: lz4Zeros(65_537) }], { blockCode: 5 }), ROOM)).toHaveLength(65_537);
  });

  test.each([
    ["a literal past the end", [0x50, 1, 2]],
    ["a literal whose length has no end", [0xf0, 255, 255]],
    ["a literal of 2^31 bytes", [0xf0, ...Array.from({ length: 60 }, () => 255), 0]],
    ["a copy before anything", [0x00, 1, 0, 0x10, 1]],
    ["a copy of offset 0", [0x10, 1, 0, 0, 0x50, 1, 2, 3, 4, 5]],
    ["a copy from before the start", [0x10, 1, 2, 0, 0x50, 1, 2, 3, 4, 5]],
    ["a copy without its offset", [0x10, 1, 1]],
    ["a copy whose length has no end", [0x1f, 1, 1, 0, 255]],
    ["a copy at the very end", [0x10, 1, 1, 0]],
  ])("B53: %s", (_, bytes) => {
    expect(() => read(lz4Frame([{ bytes: Buffer.from(bytes) }]))).toThrow(corrupt);
  });

  test("B53: the cap is on all blocks together, stored ones too", () => {
    const zeros = { bytes: lz4Zeros(65_536) };
    const frame = lz4Frame([zeros, zeros, { bytes: Buffer.alloc(1_000, 1), stored: true }]);
    expect(decompressLz4(frame, 132_072)).toHaveLength(132_072);
    for (const cap of [132_071, 131_072, 131_071, 65_536, 1, 0])
      expect(() => decompressLz4(frame, cap), `${cap}`).toThrow(tooLarge);
  });

  test("a frame of many short blocks does not keep the room that was made for longer ones", () => {
    const short = { bytes: lz4Zeros(60) };
    const frame = lz4Frame(Array.from({ length: 2_000 }, () => short));
    const unpacked = decompress(3, frame, ROOM);
    expect(unpacked.equals(Buffer.alloc(120_000))).toBe(true);
    expect(unpacked.buffer.byteLength).toBeLessThanOrEqual(2 * unpacked.length);
  });
});
