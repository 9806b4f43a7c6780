/**
 * Zig-zag varints, the integers inside records.
 *
 * Owns: reading and writing them at a position, without an object per call: `scan.at` is where the one read last ended. Leaves
 * throwing to the callers, who know the record: a varint that is cut short or too long ends at BEYOND, and so does every one that
 * is read from behind an end, so that one check at the end of a record finds whatever went wrong in it.
 * Bits past the 32nd or the 64th are dropped, as in Kafka; a varlong outside ±(2^53-1) saturates.
 */

export const BEYOND = Number.MAX_SAFE_INTEGER;

/** Position behind the varint read last. */
export const scan = { at: 0 };

const TWO_POW_27 = 0x8000000;
const TWO_POW_55 = 2 ** 55;

/** An int32 of at most 5 bytes, all of them before `end`. */
export function readVarint(b: Uint8Array, at: number, end: number): number {
  // Nearly all take one or two bytes.
  if (at + 1 < end) {
    const first = b[at] as number;
    if (first < 0x80) {
      scan.at = at + 1;
      return (first >>> 1) ^ -(first & 1);
    }
    const second = b[at + 1] as number;
    if (second < 0x80) {
      scan.at = at + 2;
      const raw = (first & 0x7f) | (second << 7);
      return (raw >>> 1) ^ -(raw & 1);
    }
  }
  return readAnyVarint(b, at, end);
}

function readAnyVarint(b: Uint8Array, start: number, end: number): number {
  let raw = 0;
  let at = start;
  for (let shift = 0; shift <= 28 && at < end; shift += 7) {
    const byte = b[at++] as number;
    raw |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      scan.at = at;
      return (raw >>> 1) ^ -(raw & 1);
    }
  }
  scan.at = BEYOND;
  return 0;
}

/** An int64 of at most 10 bytes, all of them before `end`. */
export function readVarlong(b: Uint8Array, at: number, end: number): number {
  if (at + 1 < end && ((b[at] as number) < 0x80 || (b[at + 1] as number) < 0x80)) return readVarint(b, at, end);
  return readAnyVarlong(b, at, end);
}

function readAnyVarlong(b: Uint8Array, start: number, end: number): number {
  // Three words of 28, 28 and 8 bits: what fits in the first two is exact without a bigint.
  let low = 0;
  let middle = 0;
  let high = 0;
  let at = start;
  for (let shift = 0; shift <= 63 && at < end; shift += 7) {
    const byte = b[at++] as number;
    if (shift < 28) low |= (byte & 0x7f) << shift;
    else if (shift < 56) middle |= (byte & 0x7f) << (shift - 28);
    else high |= (byte & 0x7f) << (shift - 56);
    if (byte < 0x80) {
      scan.at = at;
      const half = (low >>> 1) + middle * TWO_POW_27 + (high & 0xff) * TWO_POW_55;
      const magnitude = Math.min(half, Number.MAX_SAFE_INTEGER);
      if ((low & 1) === 0) return magnitude;
      return magnitude === Number.MAX_SAFE_INTEGER ? Number.MIN_SAFE_INTEGER : -magnitude - 1;
    }
  }
  scan.at = BEYOND;
  return 0;
}

export function sizeOfVarint(value: number): number {
  const raw = ((value << 1) ^ (value >> 31)) >>> 0;
  if (raw < 0x80) return 1;
  if (raw < 0x4000) return 2;
  if (raw < 0x200000) return 3;
  return raw < 0x10000000 ? 4 : 5;
}

/** Within ±(2^53-1). */
export function sizeOfVarlong(value: number): number {
  if (fitsInt31(value)) return sizeOfVarint(value);
  let size = 0;
  for (let rest = value < 0 ? -value * 2 - 1 : value * 2; rest >= 1; rest /= 128) size++;
  return size;
}

/** Writes an int32 and returns the position behind it; the room must be there. */
export function writeVarint(b: Uint8Array, start: number, value: number): number {
  let raw = ((value << 1) ^ (value >> 31)) >>> 0;
  let at = start;
  while (raw >= 0x80) {
    b[at++] = (raw & 0x7f) | 0x80;
    raw >>>= 7;
  }
  b[at++] = raw;
  return at;
}

/** Writes an int64 within ±(2^53-1) and returns the position behind it; the room must be there. */
export function writeVarlong(b: Uint8Array, start: number, value: number): number {
  if (fitsInt31(value)) return writeVarint(b, start, value);
  let raw = BigInt(value) * 2n;
  if (raw < 0n) raw = -raw - 1n;
  let at = start;
  while (raw >= 0x80n) {
    b[at++] = Number(raw & 0x7fn) | 0x80;
    raw >>= 7n;
  }
  b[at++] = Number(raw);
  return at;
}

function fitsInt31(value: number): boolean {
  return value >= -0x40000000 && value < 0x40000000;
}
