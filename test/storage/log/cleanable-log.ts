/**
 * Logs for tests: opened on whatever seams a test has, appended to and read back in a line each.
 */

import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import { decompressRecords } from "../../../protocol/records/compression.ts";
import { RecordBatch } from "../../../protocol/records/record-batch.ts";
import {
  buildRecordBatch,
  type RecordBatchOptions,
  type RecordToWrite,
} from "../../../protocol/records/record-batch-builder.ts";
import { RecordIterator } from "../../../protocol/records/record-iterator.ts";
import type { Clock } from "../../../storage/clock.ts";
import type { Compute } from "../../../storage/compute.ts";
import type { Disk } from "../../../storage/disk.ts";
import {
  DEFAULT_MAX_DECOMPRESSED_BYTES,
  DEFAULT_PRODUCER_LIMITS,
  type LogSurroundings,
  type OpenLogOptions,
} from "../../../storage/log/log-surroundings.ts";
import { openPartitionLog } from "../../../storage/log/open-partition-log.ts";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import { TailBudget } from "../../../storage/log/tail-budget.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../../storage/log-config.ts";
import { SILENT_LOGGER } from "../../../storage/logger.ts";
import type { Random } from "../../../storage/random.ts";
import { BufferPool } from "../../../storage/shared-buffer.ts";

interface Seams {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly compute: Compute;
}

export function surroundingsOf({ disk, clock, random, compute }: Seams, tailBytes = 0): LogSurroundings {
  return {
    disk,
    clock,
    random,
    compute,
    logger: SILENT_LOGGER,
    tailBudget: new TailBudget(tailBytes, new BufferPool({ maxIdleBytes: 0, poison: true })),
    producerLimits: { ...DEFAULT_PRODUCER_LIMITS },
    maxDecompressedBytes: DEFAULT_MAX_DECOMPRESSED_BYTES,
  };
}

export const TOPIC_ID = "E06ThbWK_bULAm2VVb5b-w";

export function openLog(
  around: LogSurroundings,
  config: Partial<LogConfig> = {},
  options: Partial<OpenLogOptions> = {},
): Promise<SegmentedLog> {
  return openPartitionLog(around, {
    path: "/data/t-0",
    topic: "t",
    partition: 0,
    topicId: TOPIC_ID,
    directoryId: TOPIC_ID,
    config: { ...DEFAULT_LOG_CONFIG, ...config },
    cleanShutdown: false,
    recoveryPoint: 0,
    logStartOffset: 0,
    highWatermark: 0,
    ...options,
  });
}

/** Appends one batch as its leader, and raises the high watermark over it. */
export function append(log: SegmentedLog, records: readonly RecordToWrite[], options: RecordBatchOptions = {}): number {
  return appendBatch(log, buildRecordBatch(records, options));
}

/** @param highWatermark where it stands afterwards; the log end when left out. */
export function appendBatch(log: SegmentedLog, batch: Buffer, highWatermark?: number): number {
  const origin = new RecordBatch(batch).isControl ? "coordinator" : "client";
  const prepared = log.prepare(batch, undefined, { origin });
  if (prepared instanceof Promise) throw new Error("the batch is too large for this helper");
  const { producerId, producerEpoch, baseSequence, isTransactional } = new RecordBatch(batch);
  const verification =
    isTransactional && origin === "client"
      ? log.startVerification(producerId, producerEpoch, baseSequence, false)
      : undefined;
  const { baseOffset } = log.append(prepared, {
    leaderEpoch: 0,
    ...(verification === undefined ? {} : { verification }),
  });
  log.setHighWatermark(highWatermark ?? log.logEndOffset);
  return baseOffset;
}

export interface StoredRecord {
  readonly offset: number;
  readonly key: string | undefined;
  readonly value: string | undefined;
  readonly timestamp: number;
}

/** Every batch from the log start to its end, as bytes of their own. */
export async function batchesOf(log: SegmentedLog): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = [];
  let offset = log.logStartOffset;
  while (offset < log.logEndOffset) {
    const read = await log.read(offset, {
      maxBytes: 1_000_000,
      upToOffset: log.logEndOffset,
      minOneBatch: true,
      abortedTransactions: false,
    });
    const bytes = Buffer.concat(read.pieces);
    read.release();
    if (bytes.length === 0) break;
    for (const batch of new BatchIterator(bytes)) {
      batches.push(batch);
      offset = batch.nextOffset;
    }
  }
  return batches;
}

/** Every record of data batches. */
export async function recordsOf(log: SegmentedLog): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for (const batch of await batchesOf(log)) {
    if (batch.isControl) continue;
    for (const { offset, key, value, timestamp } of new RecordIterator(batch, decompressRecords(batch, 1e8))) {
      records.push({ offset, key: key?.toString(), value: value?.toString(), timestamp });
    }
  }
  return records;
}
