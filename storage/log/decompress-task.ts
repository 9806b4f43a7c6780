/**
 * Decompression of a batch's records: on the loop as long as little comes out, else in another thread.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { Codec } from "../../protocol/records/codec.ts";
import { decompress } from "../../protocol/records/compression.ts";
import { CompressionError } from "../../protocol/records/compression-error.ts";
import type { RecordBatch } from "../../protocol/records/record-batch.ts";
import type { Compute } from "../compute.ts";

/** What is larger, before or after, leaves the loop: more would take a noticeable part of 10 ms. */
export const MAX_INLINE_BYTES = 256 * 1024;

export const DECOMPRESS = "decompress-records";

export interface DecompressInput {
  readonly codec: number;
  readonly payload: Buffer;
  readonly maxBytes: number;
}

/** @throws KafkaError CORRUPT_MESSAGE */
export function runDecompress({ codec, payload, maxBytes }: DecompressInput): Buffer {
  try {
    return decompress(codec, payload, maxBytes);
  } catch (error) {
    if (error instanceof CompressionError) throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, error.message);
    throw error;
  }
}

/** The records of a stored batch. @throws KafkaError CORRUPT_MESSAGE */
export async function decompressStored(batch: RecordBatch, compute: Compute, maxBytes: number): Promise<Buffer> {
  const codec = batch.compression;
  const payload = batch.records;
  if (codec === Codec.NONE) return payload;
  const small = runInline(codec, payload);
  if (small !== undefined) return small;
  const input = { codec, payload, maxBytes };
  return compute.run({ kind: DECOMPRESS, input, run: () => runDecompress(input) });
}

function runInline(codec: number, payload: Buffer): Buffer | undefined {
  try {
    return decompressInline(codec, payload);
  } catch (error) {
    if (error instanceof CompressionError) throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, error.message);
    throw error;
  }
}

/** Undefined when it is too much for the loop. @throws CompressionError corrupt, unsupported. */
export function decompressInline(codec: number, payload: Buffer): Buffer | undefined {
  if (payload.length > MAX_INLINE_BYTES) return undefined;
  try {
    return decompress(codec, payload, MAX_INLINE_BYTES);
  } catch (error) {
    if (error instanceof CompressionError && error.reason === "tooLarge") return undefined;
    throw error;
  }
}
