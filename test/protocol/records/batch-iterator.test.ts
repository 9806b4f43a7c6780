/** The walk over batches: whole ones only, and the reason it stops. */
import { describe, expect, test } from "vitest";
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import { buildRecordBatch } from "../../../protocol/records/record-batch-builder.ts";
import { goldenSegments } from "../../support/golden-batches.ts";

const batch = (value: string) => buildRecordBatch([{ value }]);

function walk(buffer: Buffer, start?: number, end?: number) {
  const iterator = new BatchIterator(buffer, start, end);
  const positions = [...iterator].map(({ position }) => position);
  return { positions, stoppedBy: iterator.stoppedBy, position: iterator.position };
}

test.each(goldenSegments())("$file: all batches, then the end", ({ bytes, batches }) => {
  const positions = batches.map(({ position }) => position);
  expect(walk(bytes)).toEqual({ positions, stoppedBy: "end", position: bytes.length });
});

test("nothing at all is an end", () => {
  expect(walk(Buffer.alloc(0))).toEqual({ positions: [], stoppedBy: "end", position: 0 });
});

test("B41, B47: two batches are two; cut at any byte, the tail is truncated and not given", () => {
  const first = batch("first");
  const both = Buffer.concat([first, batch("second one")]);
  expect(walk(both).positions).toEqual([0, first.length]);
  for (let cut = 1; cut < both.length; cut++) {
    if (cut === first.length) continue;
    const whole = cut > first.length ? [0] : [];
    const position = whole.length * first.length;
    expect(walk(both.subarray(0, cut)), `${cut}`).toEqual({ positions: whole, stoppedBy: "truncated", position });
    expect(walk(both, 0, cut), `${cut} as a range`).toEqual({ positions: whole, stoppedBy: "truncated", position });
  }
});

test("a range starts where it says", () => {
  const first = batch("first");
  const both = Buffer.concat([first, batch("second")]);
  expect(walk(both, first.length)).toEqual({ positions: [first.length], stoppedBy: "end", position: both.length });
});

describe("B35: lengths that lie", () => {
  test.each([
    [-1, "invalidLength"],
    [-0x80000000, "invalidLength"],
    [0, "invalidLength"],
    [10, "invalidLength"],
    [13, "invalidLength"],
    [14, "invalidLength"],
    [48, "invalidLength"],
    [0x7fffffff, "truncated"],
    [1000, "truncated"],
  ])("%i: %s", (length, stoppedBy) => {
    const bytes = Buffer.concat([batch("good"), batch("bad")]);
    const position = batch("good").length;
    bytes.writeInt32BE(length, position + 8);
    expect(walk(bytes)).toEqual({ positions: [0], stoppedBy, position });
  });

  test("49, a header and no record, is a batch", () => {
    const bytes = batch("x").subarray(0, 61);
    bytes.writeInt32BE(49, 8);
    expect(walk(bytes)).toEqual({ positions: [0], stoppedBy: "end", position: 61 });
  });
});

describe("B38: magics", () => {
  test.each([3, 4, 127, -1, -128])("%i is no batch", (magic) => {
    const bytes = batch("x");
    bytes.writeInt8(magic, 16);
    expect(walk(bytes)).toEqual({ positions: [], stoppedBy: "unknownMagic", position: 0 });
  });

  test.each([0, 1])("%i is recognised, from 14 bytes on", (magic) => {
    const entry = Buffer.alloc(12 + 14);
    entry.writeInt32BE(14, 8);
    entry.writeInt8(magic, 16);
    const mixed = Buffer.concat([entry, batch("x")]);
    expect([...new BatchIterator(mixed)].map((found) => found.magic)).toEqual([magic, 2]);
    expect([...new BatchIterator(mixed)][0]?.sizeBytes).toBe(26);
  });
});
