/**
 * LZ4 as Kafka writes it: one frame of independent blocks.
 *
 * Owns: the frame, read as strictly and as leniently as Kafka's own reader: blocks that depend on each other, dictionaries and
 * reserved bits are refused, block checksums are held against the bytes, content size and content checksum are stepped over, and
 * what lies behind the first frame is not looked at. Leaves blocks to the native package or lz4-block.ts.
 */
import { CompressionError, corrupt, tooLarge } from "./compression-error.ts";
import { compressLz4Block, decompressLz4Block } from "./lz4-block.ts";
import { nativeLz4 } from "./native-modules.ts";
import { xxHash32 } from "./xx-hash32.ts";

const MAGIC = 0x184d2204;
const VERSION = 1;
const INDEPENDENT_BIT = 0x20;
const BLOCK_CHECKSUM_BIT = 0x10;
const CONTENT_SIZE_BIT = 0x08;
const CONTENT_CHECKSUM_BIT = 0x04;
const RESERVED_BITS = 0x03;
const STORED_BIT = 0x80000000;
/** Code 4, 64 KiB, is what Java writes; 7 is 4 MiB. */
const MIN_BLOCK_CODE = 4;
const MAX_BLOCK_CODE = 7;
const BLOCK_BYTES = 65_536;
/** The header of every frame written here: its last byte is the checksum of the two before. */
const HEADER = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
/** A byte of a length adds 255 bytes: no block grows more than this. */
const MAX_EXPANSION = 255;
/** Below this a native call costs more than it saves. */
const NATIVE_MIN_BYTES = 1024;

interface Frame {
  readonly firstBlockAt: number;
  /** Exclusive, checksums included. */
  readonly end: number;
  readonly maxBlockBytes: number;
  readonly hasBlockChecksums: boolean;
  /** What its blocks can hold at most. */
  readonly maxContentBytes: number;
}

/**
 * Compresses into a frame as Java writes it.
 * Differs from Kafka: a broker compresses lz4 at its fast level whatever `compression.lz4.level` says, which makes larger batches.
 */
export function compressLz4(input: Buffer): Buffer {
  const blocks = Math.ceil(input.length / BLOCK_BYTES);
  const out = Buffer.allocUnsafe(HEADER.length + input.length + blocks * 4 + 4);
  let to = HEADER.copy(out);
  for (let at = 0; at < input.length; at += BLOCK_BYTES) {
    const end = Math.min(input.length, at + BLOCK_BYTES);
    const start = to + 4;
    to = compressBlock(input, at, end, out, start);
    let header = to - start;
    if (to < 0) {
      to = start + input.copy(out, start, at, end);
      header = (end - at) | STORED_BIT;
    }
    out.writeInt32LE(header, start - 4);
  }
  out.writeInt32LE(0, to);
  return out.subarray(0, to + 4);
}

/** As compressLz4Block. */
function compressBlock(input: Buffer, start: number, end: number, out: Buffer, outStart: number): number {
  const native = nativeLz4.module;
  if (native === undefined || end - start < NATIVE_MIN_BYTES) return compressLz4Block(input, start, end, out, outStart);
  const block = native.compressSync(input.subarray(start, end));
  if (block.length - 4 >= end - start) return -1;
  return outStart + block.copy(out, outStart, 4);
}

/** Decompresses the first frame. @throws CompressionError */
export function decompressLz4(input: Buffer, maxBytes: number): Buffer {
  const frame = readFrame(input);
  const native = nativeLz4.module;
  // What the blocks can hold bounds what the native package, which knows no cap, can allocate.
  if (native !== undefined && input.length >= NATIVE_MIN_BYTES && frame.maxContentBytes <= maxBytes) {
    try {
      return native.decompressFrameSync(input.subarray(0, frame.end));
    } catch {
      // It is stricter than Kafka (content size, content checksum): what is right is decided below.
    }
  }
  return decompressBlocks(input, frame, maxBytes);
}

function decompressBlocks(input: Buffer, frame: Frame, maxBytes: number): Buffer {
  const out = Buffer.allocUnsafe(Math.min(frame.maxContentBytes, maxBytes));
  let to = 0;
  let at = frame.firstBlockAt;
  for (let size = input.readInt32LE(at); (size & ~STORED_BIT) !== 0; size = input.readInt32LE(at)) {
    const start = at + 4;
    const end = start + (size & ~STORED_BIT);
    const outEnd = Math.min(out.length, to + frame.maxBlockBytes);
    let behind: number;
    if ((size & STORED_BIT) === 0) behind = decompressLz4Block(input, start, end, out, to, outEnd);
    else behind = end - start > outEnd - to ? -1 : to + input.copy(out, to, start, end);
    if (behind < 0)
      throw outEnd < to + frame.maxBlockBytes ? tooLarge(maxBytes) : corrupt("lz4: a block of too many bytes");
    to = behind;
    at = end;
    if (frame.hasBlockChecksums) {
      if (input.readUInt32LE(at) !== xxHash32(input, start, end)) throw corrupt("lz4: a block's checksum");
      at += 4;
    }
  }
  return out.subarray(0, to);
}

/** Walks a frame from header to end mark. @throws CompressionError when that is not all there, or not for us. */
function readFrame(input: Buffer): Frame {
  if (input.length < HEADER.length || input.readUInt32LE(0) !== MAGIC) throw corrupt("lz4: no frame");
  const flags = input[4] as number;
  const blockDescriptor = input[5] as number;
  const blockCode = blockDescriptor >> 4;
  if (flags >> 6 !== VERSION) throw new CompressionError("unsupported", `lz4: frame version ${flags >> 6}`);
  if ((flags & RESERVED_BITS) !== 0) throw new CompressionError("unsupported", "lz4: a dictionary or reserved flags");
  if ((flags & INDEPENDENT_BIT) === 0)
    throw new CompressionError("unsupported", "lz4: blocks that depend on each other");
  if ((blockDescriptor & 0x0f) !== 0 || blockCode < MIN_BLOCK_CODE || blockCode > MAX_BLOCK_CODE)
    throw corrupt("lz4: no such block size");
  const checksumAt = (flags & CONTENT_SIZE_BIT) === 0 ? 6 : 14;
  if (input.length <= checksumAt || input[checksumAt] !== ((xxHash32(input, 4, checksumAt) >>> 8) & 0xff))
    throw corrupt("lz4: the frame header's checksum");

  const maxBlockBytes = 1 << (2 * blockCode + 8);
  const hasBlockChecksums = (flags & BLOCK_CHECKSUM_BIT) !== 0;
  const firstBlockAt = checksumAt + 1;
  let maxContentBytes = 0;
  let at = firstBlockAt;
  for (;;) {
    if (input.length - at < 4) throw corrupt("lz4: the frame has no end");
    const header = input.readInt32LE(at);
    const sizeBytes = header & ~STORED_BIT;
    at += 4;
    if (sizeBytes === 0) break;
    if (sizeBytes > maxBlockBytes) throw corrupt(`lz4: a block of ${sizeBytes} bytes`);
    maxContentBytes += (header & STORED_BIT) !== 0 ? sizeBytes : Math.min(maxBlockBytes, sizeBytes * MAX_EXPANSION);
    at += sizeBytes + (hasBlockChecksums ? 4 : 0);
  }
  if ((flags & CONTENT_CHECKSUM_BIT) !== 0) at += 4;
  if (at > input.length) throw corrupt("lz4: the frame is cut short");
  return { firstBlockAt, end: at, maxBlockBytes, hasBlockChecksums, maxContentBytes };
}
