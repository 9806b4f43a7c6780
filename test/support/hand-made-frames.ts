/** Compressed payloads put together byte by byte: what libraries do not write, some clients do, and attackers may. */
import { xxHash32 } from "../../protocol/records/xx-hash32.ts";

export const XERIAL_HEADER = Buffer.from("82534e41505059000000000100000001", "hex");

const int32BE = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

const uint32LE = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

export const xerialChunk = (block: Buffer, length = block.length) => Buffer.concat([int32BE(length), block]);

export function uvarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** A Snappy block of zeros, as small as one can be: one literal, then copies of 64 bytes each. */
export function snappyZeros(sizeBytes: number, announced = sizeBytes): Buffer {
  const copies = Buffer.from([0xfe, 0x01, 0x00]);
  const body = Buffer.alloc(Math.floor((sizeBytes - 1) / 64) * copies.length, copies);
  return Buffer.concat([uvarint(announced), Buffer.from([0x00, 0x00]), body]);
}

/** What of an LZ4 frame can be had otherwise than Java writes it. */
export interface Lz4FrameOptions {
  readonly version?: number;
  readonly independent?: boolean;
  readonly blockChecksum?: "right" | "wrong";
  readonly contentSize?: bigint;
  /** Written as it is given. */
  readonly contentChecksum?: number;
  readonly dictionaryId?: number;
  readonly blockCode?: number;
  readonly headerChecksum?: number;
  readonly endMark?: boolean;
}

export interface Lz4Block {
  readonly bytes: Buffer;
  readonly stored?: boolean;
  /** Said instead of the number of bytes. */
  readonly length?: number;
}

export function lz4Frame(blocks: readonly Lz4Block[], options: Lz4FrameOptions = {}): Buffer {
  const { version = 1, independent = true, blockChecksum, contentSize, contentChecksum, dictionaryId } = options;
  const flags =
    (version << 6) |
    (independent ? 0x20 : 0) |
    (blockChecksum === undefined ? 0 : 0x10) |
    (contentSize === undefined ? 0 : 0x08) |
    (contentChecksum === undefined ? 0 : 0x04) |
    (dictionaryId === undefined ? 0 : 0x01);
  const descriptor: Buffer[] = [Buffer.from([flags, (options.blockCode ?? 4) << 4])];
  if (contentSize !== undefined) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(contentSize);
    descriptor.push(bytes);
  }
  if (dictionaryId !== undefined) descriptor.push(uint32LE(dictionaryId));
  const described = Buffer.concat(descriptor);
  const headerChecksum = options.headerChecksum ?? (xxHash32(described) >>> 8) & 0xff;
  const parts: Buffer[] = [uint32LE(0x184d2204), described, Buffer.from([headerChecksum])];
  for (const { bytes, stored, length } of blocks) {
    parts.push(uint32LE(((length ?? bytes.length) | (stored ? 0x80000000 : 0)) >>> 0), bytes);
    if (blockChecksum !== undefined)
      parts.push(uint32LE((xxHash32(bytes) ^ (blockChecksum === "wrong" ? 1 : 0)) >>> 0));
  }
  if (options.endMark ?? true) parts.push(uint32LE(0));
  if (contentChecksum !== undefined) parts.push(uint32LE(contentChecksum));
  return Buffer.concat(parts);
}

/** An LZ4 block of zeros, as small as one can be: one literal, one copy, five literals. */
export function lz4Zeros(sizeBytes: number): Buffer {
  const copied = sizeBytes - 1 - 5;
  let rest = copied - 4 - 15;
  const lengths: number[] = [];
  for (; rest >= 255; rest -= 255) lengths.push(255);
  return Buffer.from([0x1f, 0x00, 0x01, 0x00, ...lengths, rest, 0x50, 0, 0, 0, 0, 0]);
}

/** What of a zstd frame can be said in its header. */
export interface ZstdFrameOptions {
  /** exponent << 3 | mantissa; 0x58 is 2 MiB, which Java writes. */
  readonly windowDescriptor?: number;
  readonly contentSize?: bigint;
  readonly dictionaryId?: number;
  readonly reservedBit?: boolean;
  readonly checksum?: number;
}

export interface ZstdBlock {
  readonly type: "raw" | "repeated" | "compressed" | "reserved";
  readonly size: number;
  readonly bytes: Buffer;
}

export function zstdFrame(blocks: readonly ZstdBlock[], options: ZstdFrameOptions = {}): Buffer {
  const { contentSize, dictionaryId, checksum } = options;
  const descriptor =
    (contentSize === undefined ? 0 : 0xc0) |
    (options.reservedBit ? 0x08 : 0) |
    (checksum === undefined ? 0 : 0x04) |
    (dictionaryId === undefined ? 0 : 0x03);
  const parts: Buffer[] = [uint32LE(0xfd2fb528), Buffer.from([descriptor, options.windowDescriptor ?? 0x58])];
  if (dictionaryId !== undefined) parts.push(uint32LE(dictionaryId));
  if (contentSize !== undefined) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(contentSize);
    parts.push(bytes);
  }
  blocks.forEach(({ type, size, bytes }, i) => {
    const kind = ["raw", "repeated", "compressed", "reserved"].indexOf(type);
    const header = Buffer.alloc(3);
    header.writeUIntLE((size << 3) | (kind << 1) | (i === blocks.length - 1 ? 1 : 0), 0, 3);
    parts.push(header, bytes);
  });
  if (checksum !== undefined) parts.push(uint32LE(checksum));
  return Buffer.concat(parts);
}

/** Blocks that each repeat one byte 128 KiB times. */
export function zstdZeros(blocks: number): ZstdBlock[] {
  return Array.from({ length: blocks }, () => ({ type: "repeated", size: 131_072, bytes: Buffer.alloc(1) }));
}

export function zstdSkippable(content: Buffer, announced = content.length): Buffer {
  return Buffer.concat([uint32LE(0x184d2a53), uint32LE(announced), content]);
}
