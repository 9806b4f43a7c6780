/**
 * Compressing and decompressing the records of a batch, in one piece and at once.
 *
 * Owns: the codec's choice, and the cap: no decompression returns, or allocates for its output, more than the caller allows.
 * Leaves each format to its file. What is malformed, cut short or too large is a CompressionError, never anything else.
 */
import { CODEC_LEVELS, Codec, isCodec } from "./codec.ts";
import { CompressionError, tooLarge } from "./compression-error.ts";
import { compressGzip, decompressGzip } from "./gzip.ts";
import { compressLz4, decompressLz4 } from "./lz4.ts";
import type { RecordBatch } from "./record-batch.ts";
import { compressSnappy, decompressSnappy } from "./snappy.ts";
import { compressZstd, decompressZstd } from "./zstd.ts";

/** No Buffer is longer on every runtime, nor a byte array in Java. */
const MAX_BUFFER_BYTES = 0x7fffffff;
/** Outputs up to this size are kept as they came, whatever memory they lie in. */
const SMALL_BYTES = 65_536;

/**
 * Compresses one buffer, or several as if they were one.
 * @param level of gzip and zstd, as in `compression.<codec>.level`; lz4's is taken for its default, which changes the ratio only.
 */
export function compress(codec: Codec, input: Buffer | readonly Buffer[], level?: number): Buffer {
  const plain = Buffer.isBuffer(input) ? input : input.length === 1 ? (input[0] as Buffer) : Buffer.concat(input);
  switch (codec) {
    case Codec.NONE:
      return plain;
    case Codec.GZIP:
      return compressGzip(plain, level ?? CODEC_LEVELS.gzip.default);
    case Codec.SNAPPY:
      return compressSnappy(plain);
    case Codec.LZ4:
      return compressLz4(plain);
    case Codec.ZSTD:
      return compressZstd(plain, level ?? CODEC_LEVELS.zstd.default);
  }
}

/**
 * Decompresses a whole payload; without a codec the payload itself is returned.
 * @param codec as a batch's attributes give it: 5 to 7 are `unsupported`.
 * @throws CompressionError
 */
export function decompress(codec: number, payload: Buffer, maxBytes: number): Buffer {
  if (!isCodec(codec)) throw new CompressionError("unsupported", `there is no codec ${codec}`);
  if (codec === Codec.NONE) return payload;
  const plain = decompressWith(codec, payload, Math.min(maxBytes, MAX_BUFFER_BYTES));
  if (plain.length > maxBytes) throw tooLarge(maxBytes);
  // Room was made for what the payload might hold; when it holds far less, do not keep that much.
  const roomBytes = plain.buffer.byteLength;
  return roomBytes > SMALL_BYTES && roomBytes > 2 * plain.length ? Buffer.from(plain) : plain;
}

/** The records of a batch, decompressed; a view when they are not compressed. @throws CompressionError */
export function decompressRecords(batch: RecordBatch, maxBytes: number): Buffer {
  const codec = batch.compression;
  return codec === Codec.NONE ? batch.records : decompress(codec, batch.records, maxBytes);
}

function decompressWith(codec: Exclude<Codec, typeof Codec.NONE>, payload: Buffer, maxBytes: number): Buffer {
  switch (codec) {
    case Codec.GZIP:
      return decompressGzip(payload, maxBytes);
    case Codec.SNAPPY:
      return decompressSnappy(payload, maxBytes);
    case Codec.LZ4:
      return decompressLz4(payload, maxBytes);
    case Codec.ZSTD:
      return decompressZstd(payload, maxBytes);
  }
}
