/** Logs for tests: surroundings over a memory disk and a clock that stands still, batches, and reading back what is there. */

import { KafkaError } from "../../../protocol/kafka-error.ts";
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import { decompressRecords } from "../../../protocol/records/compression.ts";
import { buildEndTransactionBatch } from "../../../protocol/records/control-record.ts";
import type { RecordBatch } from "../../../protocol/records/record-batch.ts";
import {
  buildRecordBatch,
  type RecordBatchOptions,
  type RecordToWrite,
} from "../../../protocol/records/record-batch-builder.ts";
import { RecordIterator } from "../../../protocol/records/record-iterator.ts";
import type { Compute, ComputeTask } from "../../../storage/compute.ts";
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
import { type LogFields, type Logger, SILENT_LOGGER } from "../../../storage/logger.ts";
import type {
  AppendOptions,
  AppendResult,
  LogRead,
  PreparedAppend,
  ReadOptions,
} from "../../../storage/partition-log.ts";
import { BufferPool, type SharedBuffer } from "../../../storage/shared-buffer.ts";
import { ColdDisk } from "../../support/cold-disk.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

export const LOG_PATH = "/data/topic-0";
export const TOPIC_ID = "bG9nLXRlc3QtdG9waWMtaQ";

/** Runs tasks in a later turn, as a thread would, and counts them. */
export class LaterCompute implements Compute {
  ran = 0;

  async run<T>(task: ComputeTask<T>): Promise<T> {
    this.ran++;
    await Promise.resolve();
    return task.run();
  }

  async close(): Promise<void> {}
}

/** Keeps its lines. */
export class KeepingLogger implements Logger {
  readonly lines: string[] = [];
  debug = () => {};
  info = () => {};
  warn = (_fields: LogFields, message: string) => void this.lines.push(message);
  error = (_fields: LogFields, message: string) => void this.lines.push(message);
}

export interface Fixture extends LogSurroundings {
  readonly clock: ManualClock;
  readonly compute: LaterCompute;
  readonly pool: BufferPool;
}

export interface FixtureOptions {
  readonly disk?: Disk;
  readonly tailBytes?: number;
  readonly logger?: Logger;
  readonly clock?: ManualClock;
  readonly maxProducers?: number;
}

/** Surroundings in which a released buffer is overwritten, and large reads are done off the loop. */
export function surroundings(options: FixtureOptions = {}): Fixture {
  const pool = new BufferPool({ maxIdleBytes: 64 << 20, poison: true });
  return {
    disk: options.disk ?? new ColdDisk(),
    clock: options.clock ?? new ManualClock(),
    random: new SeededRandom(1),
    compute: new LaterCompute(),
    logger: options.logger ?? SILENT_LOGGER,
    pool,
    tailBudget: new TailBudget(options.tailBytes ?? 16 << 20, pool),
    producerLimits: {
      ...DEFAULT_PRODUCER_LIMITS,
      ...(options.maxProducers === undefined ? {} : { maxProducers: options.maxProducers }),
    },
    maxDecompressedBytes: DEFAULT_MAX_DECOMPRESSED_BYTES,
  };
}

export interface OpenOptions extends Partial<Omit<OpenLogOptions, "config">> {
  readonly config?: Partial<LogConfig>;
}

export function openLog(around: LogSurroundings, options: OpenOptions = {}): Promise<SegmentedLog> {
  return openPartitionLog(around, {
    path: LOG_PATH,
    topic: "topic",
    partition: 0,
    topicId: TOPIC_ID,
    directoryId: "directory",
    cleanShutdown: true,
    recoveryPoint: 0,
    logStartOffset: 0,
    highWatermark: Number.MAX_SAFE_INTEGER,
    ...options,
    config: { ...DEFAULT_LOG_CONFIG, ...options.config },
  });
}

/** As a node that was killed and started again: nothing was closed, the page cache survives. */
export function reopenAfterKill(
  around: LogSurroundings,
  log: SegmentedLog,
  options: OpenOptions = {},
): Promise<SegmentedLog> {
  const { recoveryPoint } = log;
  log.abandon();
  return openLog(around, { cleanShutdown: false, recoveryPoint, ...options });
}

export async function reopenAfterClose(
  around: LogSurroundings,
  log: SegmentedLog,
  options: OpenOptions = {},
): Promise<SegmentedLog> {
  await log.close();
  return openLog(around, { recoveryPoint: log.recoveryPoint, ...options });
}

/** A batch of records whose values are the words given. */
export function batchOf(values: readonly (string | RecordToWrite)[], options: RecordBatchOptions = {}): Buffer {
  const records = values.map((value) =>
    typeof value === "string" ? { key: `key of ${value}`, value, timestamp: 1_700_000_000_000 } : value,
  );
  return buildRecordBatch(records, options);
}

/** A batch of one record of about this size. */
export function batchOfSize(sizeBytes: number, options: RecordBatchOptions & { timestamp?: number } = {}): Buffer {
  const { timestamp = 1_700_000_000_000, ...rest } = options;
  return buildRecordBatch([{ value: Buffer.alloc(Math.max(0, sizeBytes - 75), "x"), timestamp }], rest);
}

/** A batch of a producer: `count` records from a sequence on. */
export function producerBatch(
  producerId: number,
  producerEpoch: number,
  baseSequence: number,
  count = 1,
  options: RecordBatchOptions = {},
): Buffer {
  const values = Array.from({ length: count }, (_, index) => `p${producerId} ${baseSequence + index}`);
  return batchOf(values, { producerId, producerEpoch, baseSequence, ...options });
}

export interface MarkerOptions {
  readonly coordinatorEpoch?: number;
  readonly transactionVersion?: number;
}

export function appendMarker(
  log: SegmentedLog,
  committed: boolean,
  producerId: number,
  producerEpoch: number,
  { coordinatorEpoch = 0, transactionVersion = 0 }: MarkerOptions = {},
): AppendResult {
  const marker = buildEndTransactionBatch({
    committed,
    producerId,
    producerEpoch,
    coordinatorEpoch,
    timestampMs: 1_700_000_000_000,
  });
  const prepared = log.prepare(marker, undefined, { origin: "coordinator" }) as PreparedAppend;
  return log.append(prepared, { leaderEpoch: Math.max(0, log.latestLeaderEpoch), transactionVersion });
}

/** Appends a client's batch as the leader of the newest epoch. */
export function append(log: SegmentedLog, records: Buffer, options: Partial<AppendOptions> = {}): AppendResult {
  const prepared = log.prepare(records, undefined, { origin: "client" }) as PreparedAppend;
  return log.append(prepared, { leaderEpoch: Math.max(0, log.latestLeaderEpoch), ...options });
}

/** Appends a batch of a transaction, verified where that is due. */
export function appendTransactional(
  log: SegmentedLog,
  producerId: number,
  producerEpoch: number,
  baseSequence: number,
  count = 1,
): AppendResult {
  const verification = log.startVerification(producerId, producerEpoch, baseSequence, false);
  const batch = producerBatch(producerId, producerEpoch, baseSequence, count, { isTransactional: true });
  return append(log, batch, verification === undefined ? {} : { verification });
}

/** Appends what is over some size, in a buffer of the pool that is released as a connection releases its frame. */
export function appendShared(around: Fixture, log: SegmentedLog, records: Buffer): AppendResult {
  const owner: SharedBuffer = around.pool.acquire(records.length);
  records.copy(owner.buffer);
  const frame = owner.buffer.subarray(0, records.length);
  const prepared = log.prepare(frame, owner, { origin: "client" }) as PreparedAppend;
  const result = log.append(prepared, { leaderEpoch: Math.max(0, log.latestLeaderEpoch) });
  owner.release();
  return result;
}

export const READ_ALL: ReadOptions = {
  maxBytes: 1 << 20,
  upToOffset: Number.MAX_SAFE_INTEGER,
  minOneBatch: true,
  abortedTransactions: false,
};

/** The bytes of a read, copied; the read is released. */
export async function readBytes(
  log: SegmentedLog,
  offset: number,
  options: Partial<ReadOptions> = {},
): Promise<Buffer> {
  const read = await log.read(offset, { ...READ_ALL, ...options });
  const bytes = Buffer.concat(read.pieces);
  read.release();
  return bytes;
}

/** Whole batches of a read, with CRCs checked. */
export function batchesIn(bytes: Buffer): RecordBatch[] {
  const batches = [...new BatchIterator(bytes)];
  for (const batch of batches) if (!batch.checkCrc()) throw new Error(`the CRC at offset ${batch.baseOffset} is wrong`);
  return batches;
}

export interface ReadRecord {
  readonly offset: number;
  readonly value: string | null;
  readonly key: string | null;
  readonly timestamp: number;
  readonly leaderEpoch: number;
}

export function recordsIn(batch: RecordBatch): ReadRecord[] {
  const records = new RecordIterator(batch, decompressRecords(batch, DEFAULT_MAX_DECOMPRESSED_BYTES));
  return [...records].map((record) => ({
    offset: record.offset,
    value: record.value?.toString() ?? null,
    key: record.key?.toString() ?? null,
    timestamp: record.timestamp,
    leaderEpoch: batch.partitionLeaderEpoch,
  }));
}

/** Reads the log from its start to its end, in as many reads as it takes. */
export async function readAll(log: SegmentedLog, options: Partial<ReadOptions> = {}): Promise<ReadRecord[]> {
  const records: ReadRecord[] = [];
  for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
    const batches = batchesIn(await readBytes(log, offset, options));
    const last = batches.at(-1);
    if (last === undefined) break;
    for (const batch of batches) if (!batch.isControl) records.push(...recordsIn(batch));
    offset = last.nextOffset;
  }
  return records.filter((record) => record.offset >= log.logStartOffset);
}

/** The bytes of all batches, in as many reads as it takes. */
export async function allBytes(log: SegmentedLog): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
    const bytes = await readBytes(log, offset);
    pieces.push(bytes);
    offset = batchesIn(bytes).at(-1)?.nextOffset ?? log.logEndOffset;
  }
  return Buffer.concat(pieces);
}

/** "value@offset" of every record. */
export async function valuesOf(log: SegmentedLog): Promise<string[]> {
  return (await readAll(log)).map((record) => `${record.value}@${record.offset}`);
}

export function sizeOf(read: LogRead): number {
  return read.pieces.reduce((sum, piece) => sum + piece.length, 0);
}

/** Names of the files in the log's directory. */
export function fileNames(around: LogSurroundings, path = LOG_PATH): string[] {
  return around.disk.list(path).map((entry) => entry.name);
}

/** The code of the KafkaError that `run` throws, or rejects with; undefined when it does neither. */
export async function codeOf(run: () => unknown): Promise<number | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    if (error instanceof KafkaError) return error.code;
    throw error;
  }
}
