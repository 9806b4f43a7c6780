/** gzip at its edges: what Java takes is taken, what it refuses is refused. */
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { decompress } from "../../../protocol/records/compression.ts";
import { decompressGzip } from "../../../protocol/records/gzip.ts";

const ROOM = 1_000_000;
const member = (text: string) => gzipSync(text);
const corrupt = expect.objectContaining({ name: "CompressionError", reason: "corrupt" });

describe("B50: several members, and bytes behind them", () => {
  test("several members are one", () => {
    const members = Buffer.concat([member("one, "), member(""), member("two")]);
    expect(decompressGzip(members, ROOM).toString()).toBe("one, two");
  });

  test.each([
    ["text", Buffer.from("some bytes that are no member at all, and more of them")],
    ["zeros", Buffer.alloc(64)],
    ["one byte", Buffer.from([1])],
    ["the first byte of a member", Buffer.from([0x1f])],
    ["the first two, then others", Buffer.concat([Buffer.from([0x1f, 0x8b, 0xff, 0xff]), Buffer.alloc(50)])],
    ["18 bytes of a member, which is too few for one", member("what is cut off").subarray(0, 18)],
    ["a member with a name that has no end", Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 8]), Buffer.alloc(60, 1)])],
  ])("%s behind the last member is ignored", (_, junk) => {
    expect(decompressGzip(Buffer.concat([member("all"), junk]), ROOM).toString()).toBe("all");
    expect(decompressGzip(Buffer.concat([member("a"), member("ll"), junk]), ROOM).toString()).toBe("all");
  });

  test("a member cut short behind a whole one is refused", () => {
    const second = member("a second member, longer than eighteen bytes");
    for (const cut of [19, 30, second.length - 1])
      expect(() => decompressGzip(Buffer.concat([member("one"), second.subarray(0, cut)]), ROOM)).toThrow(corrupt);
  });

  test("a second member whose bytes are wrong is refused, junk behind it or not", () => {
    const second = member("a second member, longer than eighteen bytes");
    second[second.length - 8] = (second[second.length - 8] as number) ^ 1;
    expect(() => decompressGzip(Buffer.concat([member("one"), second]), ROOM)).toThrow(corrupt);
    expect(() => decompressGzip(Buffer.concat([member("one"), second, Buffer.from("junk")]), ROOM)).toThrow(corrupt);
  });

  test("the cap is on all members together", () => {
    const members = Buffer.concat([member("12345"), member("67890"), Buffer.from("junk behind them")]);
    expect(decompress(1, members, 10).toString()).toBe("1234567890");
    expect(() => decompress(1, members, 9)).toThrow(expect.objectContaining({ reason: "tooLarge" }));
  });
});

describe("B50: a member that lies", () => {
  test.each([
    ["no trailer", (bytes: Buffer) => bytes.subarray(0, -8)],
    ["half a trailer", (bytes: Buffer) => bytes.subarray(0, -4)],
    ["no body", (bytes: Buffer) => bytes.subarray(0, 10)],
    ["a wrong CRC", (bytes: Buffer) => flip(bytes, bytes.length - 8)],
    ["a wrong size", (bytes: Buffer) => flip(bytes, bytes.length - 4)],
    ["a size of 4 GiB", (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -4), Buffer.alloc(4, 0xff)])],
    ["another method", (bytes: Buffer) => flip(bytes, 2)],
    ["another magic", (bytes: Buffer) => flip(bytes, 0)],
  ])("%s", (_, lie) => {
    expect(() => decompressGzip(lie(member("the quick brown fox")), ROOM)).toThrow(corrupt);
    expect(() => decompressGzip(Buffer.concat([lie(member("fox")), Buffer.from("junk")]), ROOM)).toThrow(corrupt);
  });
});

test("headers with extra field, name, comment and checksum are read over, junk behind or not", () => {
  const plain = member("with a header");
  const fields = Buffer.concat([Buffer.from([3, 0, 1, 2, 3]), Buffer.from("name\0"), Buffer.from("comment\0")]);
  const header = Buffer.from(plain.subarray(0, 10));
  header[3] = 0x04 | 0x08 | 0x10;
  const bytes = Buffer.concat([header, fields, plain.subarray(10)]);
  expect(decompressGzip(bytes, ROOM).toString()).toBe("with a header");
  expect(decompressGzip(Buffer.concat([bytes, Buffer.from("junk")]), ROOM).toString()).toBe("with a header");
});

function flip(bytes: Buffer, at: number): Buffer {
  bytes[at] = (bytes[at] as number) ^ 1;
  return bytes;
}
