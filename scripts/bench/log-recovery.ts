/**
 * What a crash costs a large log: a node's logs are written with everything running that runs in a node (flushes, checkpoints), are
 * left as a kill leaves them, and opened again. Beside it: reading every byte, as where nothing is known of what was flushed.
 *
 * BENCH_RECOVERY_GB says how large, 10 when left out; so much room is needed where temporary files lie.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { buildRecordBatch } from "../../protocol/records/record-batch-builder.ts";
import {
  DEFAULT_MAX_DECOMPRESSED_BYTES,
  DEFAULT_PRODUCER_LIMITS,
  type LogSurroundings,
} from "../../storage/log/log-surroundings.ts";
import { openPartitionLog } from "../../storage/log/open-partition-log.ts";
import { DEFAULT_TAIL_BYTES, TailBudget } from "../../storage/log/tail-budget.ts";
import { DEFAULT_LOG_CONFIG } from "../../storage/log-config.ts";
import { LogDirectories } from "../../storage/log-directories.ts";
import { SILENT_LOGGER } from "../../storage/logger.ts";
import { NodeClock } from "../../storage/node-clock.ts";
import { NodeCompute } from "../../storage/node-compute.ts";
import { NodeDisk } from "../../storage/node-disk.ts";
import { NodeRandom } from "../../storage/node-random.ts";
import type { PreparedAppend } from "../../storage/partition-log.ts";
import { BufferPool } from "../../storage/shared-buffer.ts";

const RECORD_BYTES = 1024;
const RECORDS_IN_BATCH = 900;
const BATCHES_IN_TURN = 4;
const TOPIC_ID = "YmVuY2gtdG9waWMtaWQteA";

export interface RecoveryRow {
  readonly recovery: string;
  readonly seconds: number;
  readonly "CPU s": number;
}

export async function benchLogRecovery(): Promise<RecoveryRow[]> {
  const gigabytes = Number(process.env.BENCH_RECOVERY_GB ?? 10);
  const root = mkdtempSync(join(tmpdir(), "bench-recovery-"));
  const compute = new NodeCompute();
  const pool = new BufferPool({ maxIdleBytes: 64 << 20 });
  const around: LogSurroundings = {
    ...{ disk: new NodeDisk(), clock: new NodeClock(), random: new NodeRandom(), compute, logger: SILENT_LOGGER },
    tailBudget: new TailBudget(DEFAULT_TAIL_BYTES, pool),
    producerLimits: DEFAULT_PRODUCER_LIMITS,
    maxDecompressedBytes: DEFAULT_MAX_DECOMPRESSED_BYTES,
  };
  const config = { ...DEFAULT_LOG_CONFIG, retentionMs: -1 };
  const open = () =>
    LogDirectories.open({ around, paths: [root], clusterId: TOPIC_ID, nodeId: 1, configOf: () => config });
  try {
    const logs = await open();
    await logs.load();
    const written = await write(logs, gigabytes * 1e9);
    // What is in memory here, a process that is killed loses; what the operating system has stays.
    logs.abandon();
    const rows: RecoveryRow[] = [];
    let again: LogDirectories | undefined;
    rows.push(
      await timed(`${gigabytes} GB, killed under load`, async () => {
        again = await open();
        await again.load();
      }),
    );
    const endOffset = again?.obtain("bench", 0, TOPIC_ID).logEndOffset;
    if (endOffset !== written) throw new Error(`${written} records were written, ${endOffset} are there`);
    again?.abandon();
    rows.push(
      await timed(`${gigabytes} GB, every byte`, async () => {
        const log = await openPartitionLog(around, {
          ...{ path: `${root}/bench-0`, topic: "bench", partition: 0, topicId: TOPIC_ID, directoryId: "bench", config },
          ...{ cleanShutdown: false, recoveryPoint: 0, logStartOffset: 0, highWatermark: 0 },
        });
        log.abandon();
      }),
    );
    return rows;
  } finally {
    await compute.close();
    rmSync(root, { recursive: true, force: true });
  }
}

/** Appends until the log has so many bytes; returns its end offset. */
async function write(logs: LogDirectories, totalBytes: number): Promise<number> {
  const log = logs.obtain("bench", 0, TOPIC_ID, { isNew: true });
  const value = Buffer.alloc(RECORD_BYTES - 10, "v");
  const batch = buildRecordBatch(Array.from({ length: RECORDS_IN_BATCH }, () => ({ value, timestamp: Date.now() })));
  while (log.sizeBytes < totalBytes) {
    for (let i = 0; i < BATCHES_IN_TURN; i++) {
      batch.fill(0, 0, 8); // the offset of the append before
      const prepared = log.prepare(batch, undefined, { origin: "client" }) as PreparedAppend;
      log.append(prepared, { leaderEpoch: 0 });
    }
    log.setHighWatermark(log.logEndOffset); // as a leader without followers does
    await nextTurn();
  }
  return log.logEndOffset;
}

async function timed(recovery: string, work: () => Promise<void>): Promise<RecoveryRow> {
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { recovery, seconds: (performance.now() - startedMs) / 1000, "CPU s": (user + system) / 1e6 };
}
