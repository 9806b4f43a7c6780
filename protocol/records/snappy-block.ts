/**
 * The Snappy block format, without native code: one length, then literals and copies.
 *
 * Owns: the format, and that no length in it reaches past input or output. Leaves the framing and the cap on output to snappy.ts.
 */
import { corrupt } from "./compression-error.ts";

/** A copy of 64 bytes takes 3: no block grows more than this. */
const MAX_EXPANSION = 22;
const HASH_BITS = 14;
const HASH_MULTIPLIER = 0x1e35a7bd;
/** Blocks are compressed in pieces, so that every offset fits two bytes. */
const FRAGMENT_BYTES = 65_536;
/** Longer literals are copied by the runtime, shorter ones in a loop. */
const NATIVE_COPY_BYTES = 48;

const hashTable = new Uint16Array(1 << HASH_BITS);

/** The uncompressed size a block announces. @throws CompressionError when it announces none, or more than it can hold. */
export function snappyBlockSize(block: Uint8Array): number {
  let size = 0;
  for (let at = 0; at < 5 && at < block.length; at++) {
    const byte = block[at] as number;
    size += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) {
      if (size > block.length * MAX_EXPANSION) throw corrupt(`snappy: ${block.length} bytes cannot hold ${size}`);
      return size;
    }
  }
  throw corrupt("snappy: no block length");
}

/**
 * Decompresses a block into `out` at `outStart`; the room that snappyBlockSize says must be there.
 * @throws CompressionError
 */
export function decompressSnappyBlock(block: Buffer, out: Buffer, outStart: number): void {
  const outEnd = outStart + snappyBlockSize(block);
  const end = block.length;
  let at = 0;
  while ((block[at++] as number) >= 0x80);
  let to = outStart;
  while (at < end) {
    const tag = block[at++] as number;
    let length: number;
    let offset: number;
    if ((tag & 3) === 0) {
      length = (tag >>> 2) + 1;
      if (length > 60) {
        const lengthBytes = length - 60;
        if (at + lengthBytes > end) throw corrupt("snappy: a literal without its length");
        // In int32 arithmetic, which is what keeps this loop fast: 2^31 and more come out negative.
        length = 0;
        for (let i = 0; i < lengthBytes; i++) length |= (block[at++] as number) << (8 * i);
        length = (length + 1) | 0;
      }
      if (length <= 0 || length > end - at || length > outEnd - to)
        throw corrupt("snappy: a literal of too many bytes");
      if (length > NATIVE_COPY_BYTES) {
        block.copy(out, to, at, at + length);
        at += length;
        to += length;
      } else {
        for (const stop = at + length; at < stop; ) out[to++] = block[at++] as number;
      }
      continue;
    }
    if ((tag & 3) === 1) {
      length = ((tag >>> 2) & 7) + 4;
      offset = ((tag >>> 5) << 8) | (block[at++] as number);
    } else if ((tag & 3) === 2) {
      length = (tag >>> 2) + 1;
      offset = (block[at] as number) | ((block[at + 1] as number) << 8);
      at += 2;
    } else {
      length = (tag >>> 2) + 1;
      offset = read32(block, at);
      at += 4;
    }
    if (at > end || offset <= 0 || offset > to - outStart || length > outEnd - to)
      throw corrupt("snappy: a copy of what is not there");
    // Byte by byte: the source may overlap what is written.
    for (const stop = to + length; to < stop; to++) out[to] = out[to - offset] as number;
  }
  if (to !== outEnd) throw corrupt(`snappy: ${outEnd - to} bytes are missing`);
}

/** Bytes that compressing `sizeBytes` may take at most. */
export function maxSnappyBlockBytes(sizeBytes: number): number {
  return 32 + sizeBytes + Math.ceil(sizeBytes / 6);
}

/** Compresses into `out` at `outStart`, where maxSnappyBlockBytes must be free; returns the position behind the block. */
export function compressSnappyBlock(input: Buffer, out: Buffer, outStart: number): number {
  let to = outStart;
  let size = input.length;
  for (; size >= 0x80; size >>>= 7) out[to++] = (size & 0x7f) | 0x80;
  out[to++] = size;
  for (let start = 0; start < input.length; start += FRAGMENT_BYTES)
    to = compressFragment(input, start, Math.min(input.length, start + FRAGMENT_BYTES), out, to);
  return to;
}

function compressFragment(input: Buffer, start: number, end: number, out: Buffer, outStart: number): number {
  let to = outStart;
  let literalFrom = start;
  hashTable.fill(0);
  // The last bytes are never the start of a copy, so that four may be read everywhere before.
  const lastMatch = end - 8;
  let at = start + 1;
  let misses = 32;
  while (at < lastMatch) {
    const four = read32(input, at);
    const hash = Math.imul(four, HASH_MULTIPLIER) >>> (32 - HASH_BITS);
    const candidate = start + (hashTable[hash] as number);
    hashTable[hash] = at - start;
    if (read32(input, candidate) !== four || candidate >= at) {
      // The longer nothing is found, the longer the steps.
      at += misses++ >>> 5;
      continue;
    }
    if (at > literalFrom) to = writeLiteral(input, literalFrom, at, out, to);
    let matched = at + 4;
    for (let from = candidate + 4; matched < end && input[matched] === input[from]; from++) matched++;
    to = writeCopy(out, to, at - candidate, matched - at);
    at = matched;
    literalFrom = matched;
    misses = 32;
    if (at < lastMatch)
      hashTable[Math.imul(read32(input, at - 1), HASH_MULTIPLIER) >>> (32 - HASH_BITS)] = at - 1 - start;
  }
  return literalFrom < end ? writeLiteral(input, literalFrom, end, out, to) : to;
}

function writeLiteral(input: Buffer, from: number, end: number, out: Buffer, start: number): number {
  let to = start;
  const length = end - from - 1;
  if (length < 60) out[to++] = length << 2;
  else if (length < 0x100) {
    out[to++] = 60 << 2;
    out[to++] = length;
  } else {
    out[to++] = 61 << 2;
    out[to++] = length;
    out[to++] = length >> 8;
  }
  if (length > NATIVE_COPY_BYTES) return to + input.copy(out, to, from, end);
  for (let at = from; at < end; ) out[to++] = input[at++] as number;
  return to;
}

function writeCopy(out: Buffer, start: number, offset: number, length: number): number {
  let to = start;
  let left = length;
  while (left > 0) {
    // A copy takes at most 64 bytes, and its rest should be one of four at least, which may be short.
    const take = left >= 68 ? 64 : left > 64 ? 60 : left;
    if (take >= 4 && take < 12 && offset < 2048) {
      out[to++] = ((offset >> 8) << 5) | ((take - 4) << 2) | 1;
      out[to++] = offset;
    } else {
      out[to++] = ((take - 1) << 2) | 2;
      out[to++] = offset;
      out[to++] = offset >> 8;
    }
    left -= take;
  }
  return to;
}

function read32(b: Buffer, at: number): number {
  return (
    (b[at] as number) | ((b[at + 1] as number) << 8) | ((b[at + 2] as number) << 16) | ((b[at + 3] as number) << 24)
  );
}
