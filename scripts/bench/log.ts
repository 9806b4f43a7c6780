/**
 * What a log costs: appending, reading, recovering, and being one of ten thousand.
 *
 * Owns: that each figure stands beside the bare system calls of the same run, with fresh files for both: the memory of a virtual
 * machine and its disk are slow the first time. "Ratio" compares CPU seconds per GB with copying (in place of a socket), CRC-32C
 * and bare appends together. Buffers come from a pool, as a connection's frames do.
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BatchIterator } from "../../protocol/records/batch-iterator.ts";
import { crc32c } from "../../protocol/records/crc32c.ts";
import { buildRecordBatch } from "../../protocol/records/record-batch-builder.ts";
import type { Disk } from "../../storage/disk.ts";
import {
  DEFAULT_MAX_DECOMPRESSED_BYTES,
  DEFAULT_PRODUCER_LIMITS,
  type LogSurroundings,
} from "../../storage/log/log-surroundings.ts";
import { openPartitionLog } from "../../storage/log/open-partition-log.ts";
import type { SegmentedLog } from "../../storage/log/segmented-log.ts";
import { DEFAULT_TAIL_BYTES, TailBudget } from "../../storage/log/tail-budget.ts";
import { DEFAULT_LOG_CONFIG } from "../../storage/log-config.ts";
import { SILENT_LOGGER } from "../../storage/logger.ts";
import { MemoryDisk } from "../../storage/memory-disk.ts";
import { NodeClock } from "../../storage/node-clock.ts";
import { NodeCompute } from "../../storage/node-compute.ts";
import { NodeDisk } from "../../storage/node-disk.ts";
import { NodeRandom } from "../../storage/node-random.ts";
import type { PreparedAppend } from "../../storage/partition-log.ts";
import { BufferPool } from "../../storage/shared-buffer.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const APPEND_BYTES = 512 * MIB;
const ROUNDS = 3;
const RECORD_BYTES = KIB;
const EMPTY_PARTITIONS = 10_000;

interface Cost {
  readonly megabytesPerSecond: number;
  readonly cpuSecondsPerGigabyte: number;
}

/** Runs work that handles so many bytes; the CPU is that of the whole process. */
async function costOf(sizeBytes: number, work: () => unknown): Promise<Cost> {
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  await work();
  const elapsedMs = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(cpu);
  return {
    megabytesPerSecond: sizeBytes / 1e3 / elapsedMs,
    cpuSecondsPerGigabyte: (user + system) / 1e6 / (sizeBytes / 1e9),
  };
}

function median(costs: readonly Cost[]): Cost {
  const sorted = [...costs].sort((a, b) => a.cpuSecondsPerGigabyte - b.cpuSecondsPerGigabyte);
  return sorted[Math.floor(sorted.length / 2)] as Cost;
}

function print(what: string, ...figures: string[]): void {
  console.log(what.padEnd(58), ...figures.map((figure) => figure.padStart(16)));
}

function printCost(what: string, { megabytesPerSecond, cpuSecondsPerGigabyte }: Cost, ratio = ""): void {
  print(what, `${Math.round(megabytesPerSecond)} MB/s`, `${cpuSecondsPerGigabyte.toFixed(3)} s/GB`, ratio);
}

function surroundings(
  disk: Disk,
  compute: NodeCompute,
  tailBytes = DEFAULT_TAIL_BYTES,
): LogSurroundings & { pool: BufferPool } {
  const pool = new BufferPool({ maxIdleBytes: 64 * MIB });
  return {
    disk,
    compute,
    pool,
    clock: new NodeClock(),
    random: new NodeRandom(),
    logger: SILENT_LOGGER,
    tailBudget: new TailBudget(tailBytes, pool),
    producerLimits: DEFAULT_PRODUCER_LIMITS,
    maxDecompressedBytes: DEFAULT_MAX_DECOMPRESSED_BYTES,
  };
}

interface OpenOptions {
  readonly partition?: number;
  readonly cleanShutdown?: boolean;
  readonly recoveryPoint?: number;
}

function openLog(around: LogSurroundings, root: string, options: OpenOptions = {}): Promise<SegmentedLog> {
  const { partition = 0, cleanShutdown = true, recoveryPoint = 0 } = options;
  return openPartitionLog(around, {
    path: `${root}/bench-${partition}`,
    topic: "bench",
    partition,
    topicId: "YmVuY2gtdG9waWMtaWQteA",
    directoryId: "bench",
    config: { ...DEFAULT_LOG_CONFIG, maxMessageBytes: 2 * MIB },
    cleanShutdown,
    recoveryPoint,
    logStartOffset: 0,
    highWatermark: 0,
  });
}

/** A batch of 1-KiB records of about this size. */
function batchOf(sizeBytes: number): Buffer {
  const count = Math.max(1, Math.floor(sizeBytes / RECORD_BYTES) - (sizeBytes > 64 * KIB ? 10 : 1));
  const value = Buffer.alloc(RECORD_BYTES - 10, "v");
  return buildRecordBatch(Array.from({ length: count }, () => ({ value, timestamp: Date.now() })));
}

/** Appends as a connection hands batches over: copied into a frame first, large frames from the pool, small ones in place. */
function appendMany(around: { pool: BufferPool }, log: SegmentedLog, batch: Buffer, totalBytes: number): number {
  const scratch = Buffer.allocUnsafeSlow(64 * KIB);
  let written = 0;
  for (; written < totalBytes; written += batch.length) {
    const owner = batch.length > scratch.length ? around.pool.acquire(batch.length) : undefined;
    const frame = owner?.buffer ?? scratch;
    batch.copy(frame);
    const prepared = log.prepare(frame.subarray(0, batch.length), owner, { origin: "client" }) as PreparedAppend;
    log.append(prepared, { leaderEpoch: 0 });
    owner?.release();
  }
  return written;
}

/** The same with nothing but the copy, the CRC and the system calls. */
function appendBare(root: string, batch: Buffer, totalBytes: number, files: number): void {
  const frames = Array.from({ length: 4 }, () => Buffer.allocUnsafeSlow(batch.length));
  const descriptors = Array.from({ length: files }, (_, index) => openSync(`${root}/bare-${index}`, "w"));
  for (let i = 0, written = 0; written < totalBytes; i++, written += batch.length) {
    const frame = frames[i & 3] as Buffer;
    batch.copy(frame);
    crc32c(frame, 21, batch.length);
    writeSync(descriptors[i % files] as number, frame);
  }
  for (const descriptor of descriptors) closeSync(descriptor);
}

/** A directory of its own for one measurement. */
async function inDirectory<T>(work: (root: string) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), "bench-log-"));
  try {
    return await work(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function benchAppend(compute: NodeCompute): Promise<void> {
  for (const sizeBytes of [16 * KIB, MIB]) {
    const batch = batchOf(sizeBytes);
    const name = `1-KiB records in ${sizeBytes / KIB}-KiB batches`;
    const memory: Cost[] = [];
    const node: Cost[] = [];
    const bare: Cost[] = [];
    const bareThree: Cost[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const inMemory = surroundings(new MemoryDisk(), compute);
      const memoryLog = await openLog(inMemory, "/bench");
      memory.push(await costOf(APPEND_BYTES, () => appendMany(inMemory, memoryLog, batch, APPEND_BYTES)));
      memoryLog.abandon();
      bare.push(await inDirectory((root) => costOf(APPEND_BYTES, () => appendBare(root, batch, APPEND_BYTES, 1))));
      await inDirectory(async (root) => {
        const around = surroundings(new NodeDisk(), compute);
        const log = await openLog(around, root);
        node.push(await costOf(APPEND_BYTES, () => appendMany(around, log, batch, APPEND_BYTES)));
        log.abandon();
      });
      bareThree.push(await inDirectory((root) => costOf(APPEND_BYTES, () => appendBare(root, batch, APPEND_BYTES, 3))));
    }
    const floor = median(bare).cpuSecondsPerGigabyte;
    const ratio = median(node).cpuSecondsPerGigabyte / floor;
    printCost(`append, memory disk, ${name}`, median(memory));
    printCost(`append, node disk, ${name}`, median(node), `ratio ${ratio.toFixed(2)}`);
    printCost("  copy + CRC + writeSync, one new file", median(bare));
    printCost("  copy + CRC + writeSync, three new files in turn", median(bareThree));
  }
}

async function readThrough(log: SegmentedLog, maxBytes: number): Promise<number> {
  let sizeBytes = 0;
  for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
    const read = await log.read(offset, {
      maxBytes,
      upToOffset: log.logEndOffset,
      minOneBatch: true,
      abortedTransactions: false,
    });
    for (const piece of read.pieces) {
      for (const batch of new BatchIterator(piece)) offset = batch.nextOffset;
    }
    sizeBytes += read.sizeBytes;
    read.release();
  }
  return sizeBytes;
}

async function benchRead(compute: NodeCompute): Promise<void> {
  await inDirectory(async (root) => {
    const around = surroundings(new NodeDisk(), compute);
    const log = await openLog(around, root);
    appendMany(around, log, batchOf(16 * KIB), APPEND_BYTES);
    await log.close();
    const cold = await openLog(surroundings(new NodeDisk(), compute, 0), root);
    for (const maxBytes of [64 * KIB, MIB]) {
      const cost = await costOf(cold.sizeBytes, () => readThrough(cold, maxBytes));
      printCost(`sequential read from disk, ${maxBytes / KIB} KiB at a time`, cost);
    }
    const reads = 20_000;
    const startedMs = performance.now();
    for (let i = 0; i < reads; i++) {
      const offset = (i * 7_919) % cold.logEndOffset;
      const options = { maxBytes: 1, upToOffset: cold.logEndOffset, minOneBatch: true, abortedTransactions: false };
      (await cold.read(offset, options)).release();
    }
    const perSecond = Math.round((reads / (performance.now() - startedMs)) * 1000);
    print("random read of one 16-KiB batch by offset", `${perSecond.toLocaleString("en")}/s`);
    cold.abandon();
  });
}

async function benchRecovery(compute: NodeCompute): Promise<void> {
  for (const sizeBytes of [KIB, 16 * KIB, MIB]) {
    await inDirectory(async (root) => {
      const around = surroundings(new NodeDisk(), compute, 0);
      const log = await openLog(around, root);
      const total = 256 * MIB;
      appendMany(around, log, batchOf(sizeBytes), total);
      log.abandon();
      const startedMs = performance.now();
      let again: SegmentedLog | undefined;
      const cost = await costOf(total, async () => {
        again = await openLog(around, root, { cleanShutdown: false });
      });
      printCost(
        `recovery, ${sizeBytes / KIB}-KiB batches`,
        cost,
        `${Math.round(performance.now() - startedMs)} ms/256 MiB`,
      );
      again?.abandon();
    });
  }
}

async function benchEmptyPartitions(compute: NodeCompute): Promise<void> {
  await inDirectory(async (root) => {
    const around = surroundings(new NodeDisk(), compute);
    const logs: SegmentedLog[] = [];
    const openAll = async (cleanShutdown: boolean) => {
      const startedMs = performance.now();
      for (let partition = 0; partition < EMPTY_PARTITIONS; partition++) {
        logs.push(await openLog(around, root, { partition, cleanShutdown }));
      }
      return Math.round(performance.now() - startedMs);
    };
    const createMs = await openAll(true);
    for (const log of logs) log.startLeaderEpoch(0);
    for (const log of logs.splice(0)) await log.close();
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    const cleanMs = await openAll(true);
    globalThis.gc?.();
    const bytesEach = (process.memoryUsage().heapUsed - before) / EMPTY_PARTITIONS;
    for (const log of logs.splice(0)) log.abandon();
    const killedMs = await openAll(false);
    for (const log of logs.splice(0)) log.abandon();
    const figures = [`made ${createMs} ms`, `clean ${cleanMs} ms`, `killed ${killedMs} ms`];
    print(`${EMPTY_PARTITIONS.toLocaleString("en")} empty partitions`, ...figures);
    print("  heap for each", `${Math.round(bytesEach)} B`);
  });
}

export async function benchLog(): Promise<void> {
  const compute = new NodeCompute();
  await benchAppend(compute);
  await benchRead(compute);
  await benchRecovery(compute);
  await benchEmptyPartitions(compute);
  await compute.close();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await benchLog();
