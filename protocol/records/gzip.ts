/**
 * gzip as Kafka reads and writes it, over node:zlib.
 *
 * Owns: what is made of several members and of bytes behind the last one, which is what Java does: a further member is looked for
 * only where more than MIN_NEXT_MEMBER bytes are left and they start as one, else they are ignored. Leaves RFC 1952 to zlib.
 * Differs from Kafka: a gzip header with reserved flags is refused, as zlib refuses it in most clients that would have to read it.
 */
import { constants, gunzipSync, gzipSync, inflateRawSync } from "node:zlib";
import { corrupt, tooLarge } from "./compression-error.ts";

/** A header and a trailer; Java takes fewer bytes, or as many, for junk. */
const MIN_NEXT_MEMBER = 18;
const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;
const FLAG_HEADER_CRC = 0x02;
const FLAG_EXTRA = 0x04;
const FLAG_NAME = 0x08;
const FLAG_COMMENT = 0x10;
/** Deflate makes at most 1032 bytes of one; what a trailer promises beyond this ratio is not reserved in advance. */
const RESERVED_RATIO = 8;
const MIN_CHUNK_BYTES = 1024;

/** @param level 1 to 9, or -1 for zlib's default. */
export function compressGzip(input: Buffer, level: number): Buffer {
  return gzipSync(input, { level });
}

/** @throws CompressionError */
export function decompressGzip(input: Buffer, maxBytes: number): Buffer {
  try {
    return gunzipSync(input, { maxOutputLength: Math.max(1, maxBytes), chunkSize: chunkBytes(input, maxBytes) });
  } catch (error) {
    if (isTooLarge(error)) throw tooLarge(maxBytes);
    // zlib refuses anything behind a member that is no member; what Java makes of it takes a closer look.
    return decompressMembers(input, maxBytes);
  }
}

/** Member by member, as Java does. */
function decompressMembers(input: Buffer, maxBytes: number): Buffer {
  const members: Buffer[] = [];
  let sizeBytes = 0;
  let at = 0;
  while (members.length === 0 || (input.length - at > MIN_NEXT_MEMBER && deflatedAt(input, at) !== undefined)) {
    const start = deflatedAt(input, at);
    if (start === undefined) throw corrupt("gzip: no header");
    const end = start + deflatedBytes(input.subarray(start), maxBytes - sizeBytes) + TRAILER_BYTES;
    if (end > input.length) throw corrupt("gzip: no trailer");
    // Once more with header and trailer, for their checksums.
    const member = inflate(
      () => gunzipSync(input.subarray(at, end), { maxOutputLength: Math.max(1, maxBytes) }),
      maxBytes,
    );
    sizeBytes += member.length;
    if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
    members.push(member);
    at = end;
  }
  return members.length === 1 ? (members[0] as Buffer) : Buffer.concat(members);
}

/** How many bytes a deflate stream takes of what is there. */
function deflatedBytes(input: Buffer, maxBytes: number): number {
  const options = { maxOutputLength: Math.max(1, maxBytes), info: true, finishFlush: constants.Z_FINISH };
  const { engine } = inflate(() => inflateRawSync(input, options), maxBytes) as unknown as {
    engine: { bytesWritten: number };
  };
  return engine.bytesWritten;
}

function inflate<T>(run: () => T, maxBytes: number): T {
  try {
    return run();
  } catch (error) {
    throw isTooLarge(error) ? tooLarge(maxBytes) : corrupt("gzip: not a gzip stream", { cause: error });
  }
}

/** Where the deflate stream of the member at a position starts; undefined when no header is there. */
function deflatedAt(input: Buffer, start: number): number | undefined {
  if (input.length - start < HEADER_BYTES) return undefined;
  if (input[start] !== 0x1f || input[start + 1] !== 0x8b || input[start + 2] !== 8) return undefined;
  const flags = input[start + 3] as number;
  let at = start + HEADER_BYTES;
  if ((flags & FLAG_EXTRA) !== 0) {
    if (input.length - at < 2) return undefined;
    at += 2 + input.readUInt16LE(at);
  }
  for (const flag of [FLAG_NAME, FLAG_COMMENT]) {
    if ((flags & flag) === 0) continue;
    const zero = input.indexOf(0, at);
    if (zero < 0) return undefined;
    at = zero + 1;
  }
  if ((flags & FLAG_HEADER_CRC) !== 0) at += 2;
  return at > input.length ? undefined : at;
}

/** Room for the whole output in one piece, if the trailer says its size and that is believable. */
function chunkBytes(input: Buffer, maxBytes: number): number {
  const promised = input.length < TRAILER_BYTES ? 0 : input.readUInt32LE(input.length - 4);
  return Math.max(MIN_CHUNK_BYTES, Math.min(promised + 1, input.length * RESERVED_RATIO, maxBytes + 1));
}

function isTooLarge(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
}
