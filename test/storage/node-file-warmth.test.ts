/** How much is read on the loop depends on how long it takes, and on what the turn has read already. */
import { expect, test } from "vitest";
import { FileWarmth } from "../../storage/node-file-warmth.ts";

const MIB = 1024 * 1024;
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Time that passes only while slices are read. */
let nowMs = 0;
const newWarmth = () => new FileWarmth(() => nowMs);

/** Reads slices that take so long each, and remembers them. */
function slices(takesMs: (slice: number) => number) {
  const sizes: number[] = [];
  const read = (offset: number, end: number): number => {
    nowMs += takesMs(sizes.length);
    sizes.push(end - offset);
    return end - offset;
  };
  return { sizes, read };
}

test("what comes quickly is read to its end, in slices that begin small", async () => {
  await nextTurn();
  const { sizes, read } = slices(() => 0);
  expect(newWarmth().read(MIB, read)).toBe(MIB);
  expect(sizes.slice(0, 2)).toEqual([64 * 1024, 256 * 1024]);
});

test("a file whose first slice is slow is left alone for a while, and longer when it is slow again", async () => {
  await nextTurn();
  const warmth = newWarmth();
  const { sizes, read } = slices(() => 2);
  let slow = 0;
  for (const coldMs of [8, 16, 32]) {
    expect(warmth.read(MIB, read)).toBe(64 * 1024);
    expect(sizes).toHaveLength(++slow);
    nowMs += coldMs - 1;
    expect(warmth.read(MIB, read)).toBe(0);
    expect(sizes).toHaveLength(slow);
    nowMs += 1;
  }
  // Quick again: it begins from the start.
  const quick = slices(() => 0);
  expect(warmth.read(3 * MIB, quick.read)).toBe(3 * MIB);
  expect(warmth.read(MIB, slices((slice) => (slice < 2 ? 2 : 0)).read)).toBeLessThan(MIB);
  nowMs += 8;
  expect(warmth.read(MIB, quick.read)).toBe(MIB);
});

test("one slow slice behind many quick ones is the machine's affair, two are the device's", async () => {
  await nextTurn();
  const warmth = newWarmth();
  const once = slices((slice) => (slice === 10 ? 2 : 0));
  expect(warmth.read(4 * MIB, once.read)).toBe(4 * MIB);
  const twice = slices((slice) => (slice === 1 || slice === 3 ? 2 : 0));
  expect(warmth.read(MIB, twice.read)).toBeLessThan(MIB);
  expect(warmth.read(MIB, twice.read)).toBe(0);
});

test("all files together have a share of a turn, and the next turn has its own", async () => {
  await nextTurn();
  const { read } = slices(() => 0);
  const inTurn = () => Array.from({ length: 6 }, () => newWarmth().read(3 * MIB, read)).reduce((a, b) => a + b);
  expect(inTurn()).toBe(8 * MIB);
  expect(inTurn()).toBe(0);
  await nextTurn();
  expect(inTurn()).toBe(8 * MIB);
});

test("the end of the file is the end of the read", async () => {
  await nextTurn();
  expect(newWarmth().read(MIB, (offset, end) => Math.min(end, 100_000) - offset)).toBe(100_000);
});
