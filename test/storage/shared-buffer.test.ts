/** A pool keeps the sizes that are asked for, whatever was asked for before. */
import { expect, test } from "vitest";
import { BufferPool } from "../../storage/shared-buffer.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

test("a buffer that is given back is used again, and never while somebody holds it", () => {
  const pool = new BufferPool({ maxIdleBytes: MIB });
  const first = pool.acquire(100 * KIB);
  first.retain();
  first.release();
  const second = pool.acquire(100 * KIB);
  expect(second.buffer).not.toBe(first.buffer);
  first.release();
  expect(pool.acquire(100 * KIB).buffer).toBe(first.buffer);
  expect(() => first.release()).toThrow(/released twice/);
  expect(() => first.retain()).toThrow(/released buffer/);
});

test("what is kept is limited, and a size that is asked for takes the place of those that are not", () => {
  const pool = new BufferPool({ maxIdleBytes: 4 * MIB });
  for (const buffer of Array.from({ length: 8 }, () => pool.acquire(MIB))) buffer.release();
  expect(pool.idleBytes).toBe(4 * MIB);
  const frame = pool.acquire(1200 * KIB);
  frame.release();
  expect(pool.acquire(1200 * KIB).buffer).toBe(frame.buffer);
  expect(pool.idleBytes).toBeLessThanOrEqual(3 * MIB);
  expect(pool.idleBytes).toBeGreaterThan(0);
  expect(pool.usedBytes).toBe(1536 * KIB);
});

test("a buffer larger than all that may be kept is not kept, and costs the others nothing", () => {
  const pool = new BufferPool({ maxIdleBytes: MIB });
  pool.acquire(512 * KIB).release();
  pool.acquire(2 * MIB).release();
  expect(pool.idleBytes).toBe(512 * KIB);
  expect(pool.usedBytes).toBe(0);
});
