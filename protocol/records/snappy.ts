/**
 * Snappy as Kafka's clients write it: in the framing of snappy-java (xerial), or one raw block with none.
 *
 * Owns: the framing and the cap on output. Leaves blocks to the native package or snappy-block.ts.
 * The framing: a magic and two int32 versions, then chunks of an int32 length and a block. Read as Java reads it: the header may
 * come again behind a chunk (streams put one behind another), and up to three bytes too many at the end are ignored.
 */
import { corrupt, tooLarge } from "./compression-error.ts";
import { nativeSnappy } from "./native-modules.ts";
import { compressSnappyBlock, decompressSnappyBlock, maxSnappyBlockBytes, snappyBlockSize } from "./snappy-block.ts";

const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const VERSION = 1;
const HEADER_BYTES = 16;
/** What Java's output stream gathers into a chunk. */
const CHUNK_BYTES = 32_768;
/** What the native package returns is copied once more: it pays for blocks from here on. */
const NATIVE_MIN_BYTES = 1024;

/** Compresses with xerial framing. */
export function compressSnappy(input: Buffer): Buffer {
  const chunks = Math.ceil(input.length / CHUNK_BYTES);
  const out = Buffer.allocUnsafe(HEADER_BYTES + chunks * (4 + maxSnappyBlockBytes(CHUNK_BYTES)));
  MAGIC.copy(out);
  out.writeInt32BE(VERSION, 8);
  out.writeInt32BE(VERSION, 12);
  let to = HEADER_BYTES;
  const native = nativeSnappy.module;
  for (let at = 0; at < input.length; at += CHUNK_BYTES) {
    const chunk = input.subarray(at, at + CHUNK_BYTES);
    const start = to + 4;
    if (native !== undefined && chunk.length >= NATIVE_MIN_BYTES)
      to = start + native.compressSync(chunk, { copyOutputData: true }).copy(out, start);
    else to = compressSnappyBlock(chunk, out, start);
    out.writeInt32BE(to - start, start - 4);
  }
  return out.subarray(0, to);
}

/** Decompresses either form. @throws CompressionError */
export function decompressSnappy(input: Buffer, maxBytes: number): Buffer {
  const blocks = startsWithMagic(input, 0) ? chunksOf(input) : [input];
  let sizeBytes = 0;
  for (const block of blocks) sizeBytes += snappyBlockSize(block);
  if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
  const out = Buffer.allocUnsafe(sizeBytes);
  let to = 0;
  for (const block of blocks) to += decompressBlock(block, out, to);
  return out;
}

/** Returns how many bytes were written. */
function decompressBlock(block: Buffer, out: Buffer, to: number): number {
  const sizeBytes = snappyBlockSize(block);
  const native = nativeSnappy.module;
  if (native === undefined || sizeBytes < NATIVE_MIN_BYTES) {
    decompressSnappyBlock(block, out, to);
    return sizeBytes;
  }
  let plain: Buffer;
  try {
    plain = native.uncompressSync(block, { copyOutputData: true, asBuffer: true });
  } catch (error) {
    throw corrupt("snappy: not a block", { cause: error });
  }
  if (plain.length !== sizeBytes) throw corrupt(`snappy: ${plain.length} bytes instead of ${sizeBytes}`);
  return plain.copy(out, to);
}

/** The blocks of a framed stream, as views. */
function chunksOf(input: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  while (input.length - at >= 4) {
    if (input.readInt32BE(at) === MAGIC.readInt32BE(0)) {
      at = behindHeader(input, at);
      continue;
    }
    const length = input.readInt32BE(at);
    at += 4;
    if (length < 0 || length > input.length - at)
      throw corrupt(`snappy: a chunk of ${length} bytes in ${input.length - at}`);
    chunks.push(input.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

function behindHeader(input: Buffer, at: number): number {
  if (input.length - at < HEADER_BYTES || !startsWithMagic(input, at)) throw corrupt("snappy: no header");
  return at + HEADER_BYTES;
}

function startsWithMagic(input: Buffer, at: number): boolean {
  return input.length - at >= MAGIC.length && input.compare(MAGIC, 0, MAGIC.length, at, at + MAGIC.length) === 0;
}
