/**
 * The LZ4 block format, without native code: sequences of literals and a copy.
 *
 * Owns: the format, and that no length in it reaches past input or output. Leaves frames and the cap on output to lz4.ts.
 */
import { corrupt } from "./compression-error.ts";

const MIN_MATCH = 4;
/** The format ends with five literals at least, and no copy starts in the last twelve bytes. */
const LAST_LITERALS = 5;
const MATCH_FREE_BYTES = 12;
const MAX_OFFSET = 65_535;
const HASH_BITS = 14;
const HASH_MULTIPLIER = 0x9e3779b1;
const NATIVE_COPY_BYTES = 48;
/** Token, offset, and a first byte more for each of the two lengths. */
const MAX_SEQUENCE_OVERHEAD = 5;

const hashTable = new Int32Array(1 << HASH_BITS);

/**
 * Decompresses the block from `start` to `end` into `out` at `outStart`; copies reach back no further than that. Returns the
 * position behind what was written, at most `outEnd`, or -1 when there is no room for all of it.
 * @throws CompressionError
 */
export function decompressLz4Block(
  input: Buffer,
  start: number,
  end: number,
  out: Buffer,
  outStart: number,
  outEnd: number,
): number {
  let at = start;
  let to = outStart;
  while (at < end) {
    const token = input[at++] as number;
    let length = token >>> 4;
    if (length === 15) {
      let more = 255;
      while (more === 255) {
        if (at >= end) throw corrupt("lz4: a literal without its length");
        more = input[at++] as number;
        length += more;
      }
    }
    if (length > end - at) throw corrupt("lz4: a literal ends behind the block");
    if (length > outEnd - to) return -1;
    if (length > NATIVE_COPY_BYTES) {
      input.copy(out, to, at, at + length);
      at += length;
      to += length;
    } else {
      for (const stop = at + length; at < stop; ) out[to++] = input[at++] as number;
    }
    // The last sequence has no copy.
    if (at === end) return to;

    if (end - at < 2) throw corrupt("lz4: a copy without its offset");
    const offset = (input[at] as number) | ((input[at + 1] as number) << 8);
    at += 2;
    if (offset === 0 || offset > to - outStart) throw corrupt("lz4: a copy of what is not there");
    length = (token & 15) + MIN_MATCH;
    if (length === 15 + MIN_MATCH) {
      let more = 255;
      while (more === 255) {
        if (at >= end) throw corrupt("lz4: a copy without its length");
        more = input[at++] as number;
        length += more;
      }
    }
    if (length > outEnd - to) return -1;
    // Byte by byte: the source may overlap what is written.
    if (offset < length || length <= NATIVE_COPY_BYTES)
      for (const stop = to + length; to < stop; to++) out[to] = out[to - offset] as number;
    else {
      out.copyWithin(to, to - offset, to - offset + length);
      to += length;
    }
  }
  throw corrupt("lz4: the block does not end with literals");
}

/**
 * Compresses `input` from `start` to `end` into `out` at `outStart`. Returns the position behind the block, or -1 when it is not
 * smaller than what went in. `out` must have room for as much as goes in.
 */
export function compressLz4Block(input: Buffer, start: number, end: number, out: Buffer, outStart: number): number {
  const outEnd = outStart + (end - start);
  const lastMatch = end - MATCH_FREE_BYTES;
  const matchEnd = end - LAST_LITERALS;
  hashTable.fill(-1);
  let to = outStart;
  let literalFrom = start;
  let at = start;
  let misses = 64;
  while (at < lastMatch) {
    const four = read32(input, at);
    const hash = Math.imul(four, HASH_MULTIPLIER) >>> (32 - HASH_BITS);
    const candidate = hashTable[hash] as number;
    hashTable[hash] = at;
    if (candidate < 0 || at - candidate > MAX_OFFSET || read32(input, candidate) !== four) {
      // The longer nothing is found, the longer the steps.
      at += misses++ >>> 6;
      continue;
    }
    let matched = at + MIN_MATCH;
    for (let from = candidate + MIN_MATCH; matched < matchEnd && input[matched] === input[from]; from++) matched++;
    to = writeSequence(input, literalFrom, at, matched - at - MIN_MATCH, out, to, outEnd);
    if (to < 0) return -1;
    out[to++] = at - candidate;
    out[to++] = (at - candidate) >> 8;
    if (matched - at - MIN_MATCH >= 15) to = writeLength(matched - at - MIN_MATCH - 15, out, to);
    at = matched;
    literalFrom = matched;
    misses = 64;
    if (at < lastMatch) hashTable[Math.imul(read32(input, at - 2), HASH_MULTIPLIER) >>> (32 - HASH_BITS)] = at - 2;
  }
  to = writeSequence(input, literalFrom, end, 0, out, to, outEnd);
  return to < outEnd ? to : -1;
}

/** Token, literal length and literals; -1 when they, and the copy behind them, might pass the end. */
function writeSequence(
  input: Buffer,
  from: number,
  end: number,
  matchLength: number,
  out: Buffer,
  start: number,
  outEnd: number,
): number {
  const length = end - from;
  if (start + MAX_SEQUENCE_OVERHEAD + length + Math.floor(length / 255) + Math.floor(matchLength / 255) > outEnd)
    return -1;
  let to = start + 1;
  out[start] = (Math.min(length, 15) << 4) | Math.min(matchLength, 15);
  if (length >= 15) to = writeLength(length - 15, out, to);
  if (length > NATIVE_COPY_BYTES) return to + input.copy(out, to, from, end);
  for (let at = from; at < end; ) out[to++] = input[at++] as number;
  return to;
}

function writeLength(length: number, out: Buffer, start: number): number {
  let to = start;
  let left = length;
  for (; left >= 255; left -= 255) out[to++] = 255;
  out[to++] = left;
  return to;
}

function read32(b: Buffer, at: number): number {
  return (
    (b[at] as number) | ((b[at + 1] as number) << 8) | ((b[at + 2] as number) << 16) | ((b[at + 3] as number) << 24)
  );
}
