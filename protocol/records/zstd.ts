/**
 * zstd: plain frames, one behind another, as Java reads them.
 *
 * Owns: the walk over frames, which says before anything is allocated what they can hold, that they are whole, and that none needs
 * a dictionary or a window beyond MAX_WINDOW_BYTES. Leaves their contents to node:zlib where it has zstd, else to
 * node-zstd-wasm.ts.
 * Differs from Kafka: a zstd frame cut short behind a whole one is refused, as most clients refuse it; Kafka takes what is there
 * of it.
 */
import * as zlib from "node:zlib";
import { CompressionError, corrupt, tooLarge } from "./compression-error.ts";
import { nativeAllowed } from "./native-modules.ts";
import { compressZstdWasm, decompressZstdWasm } from "./node-zstd-wasm.ts";

/** What node:zlib has from Node.js 22.15 on. */
interface ZlibZstd {
  zstdCompressSync(input: Uint8Array, options: object): Buffer;
  zstdDecompressSync(input: Uint8Array, options: object): Buffer;
  readonly constants: { readonly ZSTD_c_compressionLevel: number; readonly ZSTD_d_windowLogMax: number };
}

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const SKIPPABLE_MASK = 0xfffffff0;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const MAX_BLOCK_BYTES = 131_072;
/** Java's limit, and zstd's own default. */
const MAX_WINDOW_LOG = 27;
const MAX_WINDOW_BYTES = 2 ** MAX_WINDOW_LOG + 1;
/**
 * Each frame costs microseconds, however little it holds.
 * Differs from Kafka: a batch of more than 10,000 zstd frames is refused; no client writes more than one.
 */
const MAX_FRAMES = 10_000;

interface Frame {
  readonly start: number;
  readonly end: number;
  /** What its blocks can hold at most. */
  readonly maxContentBytes: number;
}

/** @param level as zstd counts them, negative ones included. */
export function compressZstd(input: Buffer, level: number): Buffer {
  const zstd = zlibZstd();
  if (zstd === undefined) return compressZstdWasm(input, level);
  return zstd.zstdCompressSync(input, { params: { [zstd.constants.ZSTD_c_compressionLevel]: level } });
}

/** Decompresses every frame. @throws CompressionError */
export function decompressZstd(input: Buffer, maxBytes: number): Buffer {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for (const frame of framesOf(input, maxBytes)) {
    const left = maxBytes - sizeBytes;
    const piece = decompressFrame(input.subarray(frame.start, frame.end), frame.maxContentBytes, left, maxBytes);
    sizeBytes += piece.length;
    if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
    pieces.push(piece);
  }
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
}

/** @param left how many bytes may still come, of `maxBytes` for all. */
function decompressFrame(frame: Buffer, maxContentBytes: number, left: number, maxBytes: number): Buffer {
  const room = Math.min(maxContentBytes, left);
  const zstd = zlibZstd();
  try {
    if (zstd === undefined) return decompressZstdWasm(frame, room);
    return zstd.zstdDecompressSync(frame, {
      maxOutputLength: Math.max(1, room),
      // A byte more than there can be, or the output would be gathered from pieces.
      chunkSize: Math.max(64, room + 1),
      params: { [zstd.constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG },
    });
  } catch (error) {
    if (error instanceof CompressionError && error.reason === "unsupported") throw error;
    // What does not fit in the room that its own blocks need is not what its header says.
    if (isTooLarge(error) && room < maxContentBytes) throw tooLarge(maxBytes);
    throw corrupt("zstd: not a frame", { cause: error });
  }
}

function isTooLarge(error: unknown): boolean {
  if (error instanceof CompressionError) return error.reason === "tooLarge";
  return (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
}

function zlibZstd(): ZlibZstd | undefined {
  const found = zlib as unknown as ZlibZstd;
  return nativeAllowed() && typeof found.zstdDecompressSync === "function" ? found : undefined;
}

/** The frames that hold something. @throws CompressionError for anything else than whole frames. */
function framesOf(input: Buffer, maxBytes: number): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < input.length; ) {
    if (input.length - at < 8) throw corrupt("zstd: a frame cut short");
    const magic = input.readUInt32LE(at);
    if ((magic & SKIPPABLE_MASK) === SKIPPABLE_MAGIC) {
      at += 8 + input.readUInt32LE(at + 4);
      if (at > input.length) throw corrupt("zstd: a skippable frame cut short");
      continue;
    }
    if (magic !== FRAME_MAGIC) throw corrupt("zstd: no frame");
    const frame = readFrame(input, at, maxBytes);
    if (frames.push(frame) > MAX_FRAMES) throw corrupt(`zstd: more than ${MAX_FRAMES} frames`);
    at = frame.end;
  }
  return frames;
}

function readFrame(input: Buffer, start: number, maxBytes: number): Frame {
  const descriptor = input[start + 4] as number;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const contentSizeFlag = descriptor >> 6;
  const dictionaryIdBytes = DICTIONARY_ID_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3];
  const contentSizeBytes =
    isSingleSegment && contentSizeFlag === 0 ? 1 : CONTENT_SIZE_BYTES[contentSizeFlag as 0 | 1 | 2 | 3];
  const dictionaryIdAt = start + 5 + (isSingleSegment ? 0 : 1);
  const contentSizeAt = dictionaryIdAt + dictionaryIdBytes;
  const firstBlockAt = contentSizeAt + contentSizeBytes;
  if (firstBlockAt > input.length) throw corrupt("zstd: a frame header cut short");
  if ((descriptor & 0x08) !== 0) throw corrupt("zstd: a reserved bit");
  if (dictionaryIdBytes > 0 && input.readUIntLE(dictionaryIdAt, dictionaryIdBytes) !== 0)
    throw new CompressionError("unsupported", "zstd: a dictionary");
  const contentSize = readContentSize(input, contentSizeAt, contentSizeBytes);
  const windowBytes = isSingleSegment ? (contentSize ?? 0) : windowOf(input[start + 5] as number);
  if (windowBytes > MAX_WINDOW_BYTES)
    throw new CompressionError("unsupported", `zstd: a window of ${windowBytes} bytes`);

  const maxBlockBytes = Math.min(windowBytes, MAX_BLOCK_BYTES);
  let maxContentBytes = 0;
  let at = firstBlockAt;
  for (let isLast = false; !isLast; ) {
    if (input.length - at < 3) throw corrupt("zstd: the frame has no end");
    const header = input.readUIntLE(at, 3);
    isLast = (header & 1) !== 0;
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (type === 3 || size > maxBlockBytes) throw corrupt("zstd: no such block");
    maxContentBytes += type === 2 ? maxBlockBytes : size;
    at += 3 + (type === 1 ? 1 : size);
  }
  if ((descriptor & 0x04) !== 0) at += 4;
  if (at > input.length) throw corrupt("zstd: the frame is cut short");
  if (contentSize !== undefined && contentSize > maxContentBytes)
    throw corrupt(`zstd: ${contentSize} bytes are promised, ${maxContentBytes} can be there`);
  if (contentSize !== undefined && contentSize > maxBytes) throw tooLarge(maxBytes);
  return { start, end: at, maxContentBytes: contentSize ?? maxContentBytes };
}

/** Undefined when the frame does not say it. */
function readContentSize(input: Buffer, at: number, sizeBytes: 0 | 1 | 2 | 4 | 8): number | undefined {
  switch (sizeBytes) {
    case 0:
      return undefined;
    case 1:
      return input[at] as number;
    case 2:
      return input.readUInt16LE(at) + 256;
    case 4:
      return input.readUInt32LE(at);
    case 8:
      return input.readUInt32LE(at) + input.readUInt32LE(at + 4) * 2 ** 32;
  }
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}
