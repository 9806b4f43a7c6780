/**
 * Rewrites a batch with some of its records: what the cleaner leaves of it.
 *
 * Owns: that first and last offset, sequences, producer, timestamp type, leader epoch and codec stay, so that producers and
 * followers see the batch they knew; and the task that does it off the loop.
 */
import type { Codec } from "../../protocol/records/codec.ts";
import { decompressRecords } from "../../protocol/records/compression.ts";
import { RecordBatch } from "../../protocol/records/record-batch.ts";
import { RecordBatchBuilder, type RecordBatchOptions } from "../../protocol/records/record-batch-builder.ts";
import { RecordIterator } from "../../protocol/records/record-iterator.ts";
import type { ComputeTask } from "../compute.ts";

export const REWRITE_BATCH = "rewrite-batch";

export interface RewriteInput {
  readonly batch: Buffer;
  /** A byte for each record, 1 when it stays. */
  readonly kept: Uint8Array;
  /** The time from which tombstones and markers in it may go; undefined when the batch has none and gets none. */
  readonly deleteHorizonMs: number | undefined;
  readonly maxDecompressedBytes: number;
}

/** @throws InvalidRecordError, CompressionError. */
export function rewriteBatch({ batch: bytes, kept, deleteHorizonMs, maxDecompressedBytes }: RewriteInput): Buffer {
  const batch = new RecordBatch(bytes);
  const builder = new RecordBatchBuilder({
    ...sameAs(batch),
    compression: batch.compression as Codec,
    ...(deleteHorizonMs === undefined ? {} : { deleteHorizonMs }),
  });
  let index = 0;
  for (const record of new RecordIterator(batch, decompressRecords(batch, maxDecompressedBytes))) {
    if (kept[index++] !== 1) continue;
    const { timestamp, key, value, encodedHeaders } = record;
    builder.appendAt(record.offset, { timestamp, key, value, encodedHeaders });
  }
  return builder.build({ lastOffset: batch.lastOffset });
}

/** The batch without records: its offsets, producer and sequences are still told. */
export function emptyBatch(batch: RecordBatch): Buffer {
  return new RecordBatchBuilder(sameAs(batch)).build({
    lastOffset: batch.lastOffset,
    maxTimestamp: batch.maxTimestamp,
  });
}

export function rewriteBatchTask(input: RewriteInput): ComputeTask<Buffer> {
  return { kind: REWRITE_BATCH, input, run: () => rewriteBatch(input) };
}

function sameAs(batch: RecordBatch): RecordBatchOptions {
  return {
    baseOffset: batch.baseOffset,
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    isTransactional: batch.isTransactional,
    isControl: batch.isControl,
    ...(batch.timestampType === "LogAppendTime" ? { logAppendTimeMs: batch.maxTimestamp } : {}),
  };
}
