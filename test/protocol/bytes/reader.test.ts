/** The reader: every primitive at its extremes, and no step beyond the end. */
import { describe, expect, test } from "vitest";
import { DecodeError } from "../../../protocol/bytes/decode-error.ts";
import { Reader } from "../../../protocol/bytes/reader.ts";
import { Writer } from "../../../protocol/bytes/writer.ts";

const of = (hex: string) => new Reader(Buffer.from(hex, "hex"));

describe("numbers", () => {
  const cases: [
    name: "bool" | "int8" | "int16" | "uint16" | "int32" | "uint32" | "int64" | "float64",
    hex: string,
    value: number | boolean,
  ][] = [
    ["bool", "00", false],
    ["bool", "02", true],
    ["bool", "ff", true],
    ["int8", "80", -128],
    ["int16", "8000", -32768],
    ["int16", "7fff", 32767],
    ["uint16", "ffff", 65535],
    ["int32", "80000000", -(2 ** 31)],
    ["int32", "ffffffff", -1],
    ["uint32", "ffffffff", 2 ** 32 - 1],
    ["int64", "0000000000000000", 0],
    ["int64", "ffffffffffffffff", -1],
    ["int64", "00000000ffffffff", 2 ** 32 - 1],
    ["int64", "ffffffff00000000", -(2 ** 32)],
    ["int64", "001fffffffffffff", 2 ** 53 - 1],
    ["int64", "0020000000000000", 2 ** 53 - 1],
    ["int64", "7fffffffffffffff", 2 ** 53 - 1],
    ["int64", "ffe0000000000001", -(2 ** 53) + 1],
    ["int64", "ffe0000000000000", -(2 ** 53) + 1],
    ["int64", "ffdfffffffffffff", -(2 ** 53) + 1],
    ["int64", "8000000000000000", -(2 ** 53) + 1],
    ["float64", "3ff8000000000000", 1.5],
  ];

  test.each(cases)("%s of %s", (name, hex, value) => {
    const reader = of(hex);
    expect(reader[name]()).toBe(value);
    expect(reader.remaining).toBe(0);
    for (let short = 0; short < hex.length / 2; short++)
      expect(() => new Reader(Buffer.from(hex, "hex"), 0, short)[name]()).toThrow(DecodeError);
  });

  test("int64Exact keeps all 64 bits", () => {
    for (const hex of ["7fffffffffffffff", "8000000000000000", "ffffffffffffffff", "0123456789abcdef"]) {
      const value = of(hex).int64Exact();
      expect(value).toBe(BigInt.asIntN(64, BigInt(`0x${hex}`)));
      const writer = new Writer();
      writer.int64Exact(value);
      expect(writer.finishOne().toString("hex")).toBe(hex);
    }
  });
});

describe("B24: uvarint", () => {
  const cases: [hex: string, value: number][] = [
    ["00", 0],
    ["7f", 127],
    ["8001", 128],
    ["ffff03", 65535],
    ["ffffffff07", 2 ** 31 - 1],
    ["8080808008", -(2 ** 31)],
    ["ffffffff0f", -1],
    ["8000", 0],
    ["ffffffff7f", -1],
  ];

  test.each(cases)("%s", (hex, value) => {
    expect(of(hex).uvarint()).toBe(value);
    for (let short = 0; short < hex.length / 2; short++)
      expect(() => new Reader(Buffer.from(`${hex}00`, "hex"), 0, short).uvarint()).toThrow(DecodeError);
  });

  test.each(["8080808080", "ffffffffffff01", "ff".repeat(10), "80808080808001"])("%s is too long", (hex) => {
    expect(() => of(hex).uvarint()).toThrow("more than 5 bytes");
  });

  test("what the writer writes comes back", () => {
    for (const value of [0, 1, 127, 128, 16_383, 16_384, 2 ** 21, 2 ** 28, 2 ** 31 - 1, -1, -(2 ** 31)]) {
      const writer = new Writer();
      writer.uvarint(value);
      expect(new Reader(writer.finishOne()).uvarint()).toBe(value);
    }
  });
});

describe("bounds", () => {
  test("a reader of a part of a buffer never leaves it", () => {
    const buffer = Buffer.from("000000010000000200000003", "hex");
    const reader = new Reader(buffer, 4, 8);
    expect(reader.int32()).toBe(2);
    for (const read of ["bool", "int8", "int16", "int32", "int64", "uuid", "uvarint"] as const)
      expect(() => reader[read]()).toThrow(DecodeError);
    expect(reader.offset).toBe(8);
  });

  test("readers of different buffers in turn read their own", () => {
    const [one, other] = [of("0000000000000001".repeat(2)), of("0000000000000002".repeat(2))];
    expect([one.int64(), other.int64(), one.int64(), other.int64()]).toEqual([1, 2, 1, 2]);
  });

  test("bytes are copied, records are not", () => {
    const buffer = Buffer.from("aabb", "hex");
    const copy = new Reader(buffer).copy(2);
    const view = new Reader(buffer).view(2);
    buffer[0] = 0;
    expect([copy.toString("hex"), view.toString("hex")]).toEqual(["aabb", "00bb"]);
  });
});
