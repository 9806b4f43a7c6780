/** Varints inside records: what is written is read, their sizes are known, and what is cut short ends beyond. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BEYOND,
  readVarint,
  readVarlong,
  scan,
  sizeOfVarint,
  sizeOfVarlong,
  writeVarint,
  writeVarlong,
} from "../../../protocol/records/varint.ts";

const SEED = 20_261_121;
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const safe = fc.oneof(int32, fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }));

/** An unsigned LEB128, by definition. */
function leb128(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

const zigZag64 = (value: bigint): bigint => BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));

test("int32: written as zig-zag LEB128, of the size foretold, and read back", () => {
  fc.assert(
    fc.property(int32, fc.integer({ min: 0, max: 3 }), (value, start) => {
      const buffer = Buffer.alloc(12, 0xff);
      const end = writeVarint(buffer, start, value);
      expect(buffer.subarray(start, end)).toEqual(leb128(zigZag64(BigInt(value)) & 0xffffffffn));
      expect(sizeOfVarint(value)).toBe(end - start);
      expect(readVarint(buffer, start, end)).toBe(value);
      expect(scan.at).toBe(end);
      readVarint(buffer, start, end - 1);
      expect(scan.at).toBe(BEYOND);
    }),
    { seed: SEED, numRuns: 500 },
  );
});

test("int64 within the safe range: written, of the size foretold, and read back", () => {
  fc.assert(
    fc.property(safe, (value) => {
      const buffer = Buffer.alloc(12, 0xff);
      const end = writeVarlong(buffer, 1, value);
      expect(buffer.subarray(1, end)).toEqual(leb128(zigZag64(BigInt(value))));
      expect(sizeOfVarlong(value)).toBe(end - 1);
      expect(readVarlong(buffer, 1, end)).toBe(value);
      expect(scan.at).toBe(end);
      readVarlong(buffer, 1, end - 1);
      expect(scan.at).toBe(BEYOND);
    }),
    { seed: SEED, numRuns: 500 },
  );
});

test("int64 outside the safe range saturates", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      const bytes = leb128(zigZag64(value));
      const expected =
        value > BigInt(Number.MAX_SAFE_INTEGER)
          ? Number.MAX_SAFE_INTEGER
          : value < BigInt(Number.MIN_SAFE_INTEGER)
            ? Number.MIN_SAFE_INTEGER
            : Number(value);
      expect(readVarlong(bytes, 0, bytes.length)).toBe(expected);
    }),
    { seed: SEED, numRuns: 500 },
  );
});

describe("encodings no writer makes", () => {
  test("a longer one than needed is read", () => {
    expect(readVarint(Buffer.from([0x86, 0x80, 0x80, 0x80, 0x00]), 0, 5)).toBe(3);
    expect(scan.at).toBe(5);
  });

  test("bits past the 32nd are dropped, as in Kafka", () => {
    expect(readVarint(Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x7f]), 0, 5)).toBe(0x7fffffff);
  });

  test("more than 5 or 10 bytes are no varint", () => {
    readVarint(Buffer.alloc(12, 0x80), 0, 12);
    expect(scan.at).toBe(BEYOND);
    readVarlong(Buffer.alloc(12, 0x80), 0, 12);
    expect(scan.at).toBe(BEYOND);
  });

  test("what is read from beyond is beyond", () => {
    expect(readVarint(Buffer.alloc(4), BEYOND, 4)).toBe(0);
    expect(scan.at).toBe(BEYOND);
  });
});
