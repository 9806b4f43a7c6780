/**
 * int64 fields inside record batches, as numbers.
 *
 * Owns: the saturation outside ±(2^53-1), the same as that of bytes/reader.ts and bytes/writer.ts: the ends of the safe range
 * stand for the extremes of int64. Leaves bounds to the caller, who knows that the eight bytes are there.
 */

const TWO_POW_32 = 4_294_967_296;
const MAX_SAFE_HIGH = 0x1fffff;
const MIN_SAFE_HIGH = -0x200000;

export function readInt64(b: Uint8Array, at: number): number {
  const high =
    ((b[at] as number) << 24) | ((b[at + 1] as number) << 16) | ((b[at + 2] as number) << 8) | (b[at + 3] as number);
  const low =
    (((b[at + 4] as number) << 24) |
      ((b[at + 5] as number) << 16) |
      ((b[at + 6] as number) << 8) |
      (b[at + 7] as number)) >>>
    0;
  if (high > MAX_SAFE_HIGH) return Number.MAX_SAFE_INTEGER;
  if (high < MIN_SAFE_HIGH || (high === MIN_SAFE_HIGH && low === 0)) return Number.MIN_SAFE_INTEGER;
  return high * TWO_POW_32 + low;
}

export function writeInt64(b: Uint8Array, at: number, value: number): void {
  let high: number;
  let low: number;
  if (value >= Number.MAX_SAFE_INTEGER) {
    high = 0x7fffffff;
    low = -1;
  } else if (value <= Number.MIN_SAFE_INTEGER) {
    high = -0x80000000;
    low = 0;
  } else {
    high = Math.floor(value / TWO_POW_32);
    low = (value - high * TWO_POW_32) | 0;
  }
  b[at] = high >> 24;
  b[at + 1] = high >> 16;
  b[at + 2] = high >> 8;
  b[at + 3] = high;
  b[at + 4] = low >> 24;
  b[at + 5] = low >> 16;
  b[at + 6] = low >> 8;
  b[at + 7] = low;
}

/** A sum or difference of two saturated values, saturated again. */
export function saturate(value: number): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
}
