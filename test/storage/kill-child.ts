/**
 * A process to be killed: appends to the logs of a directory as fast as it can and says what was acknowledged, a line a batch:
 * "topic firstOffset firstValue count", and once "cleaned" when half of the compacted log is gone. Flushes, checkpoints, cleaning and
 * retention run all the time.
 */
import { writeSync } from "node:fs";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../storage/log-config.ts";
import { LogDirectories } from "../../storage/log-directories.ts";
import { NodeClock } from "../../storage/node-clock.ts";
import { NodeCompute } from "../../storage/node-compute.ts";
import { NodeDisk } from "../../storage/node-disk.ts";
import { NodeRandom } from "../../storage/node-random.ts";
import { append, surroundingsOf } from "./log/cleanable-log.ts";

export const KILLED_TOPICS: Record<string, Partial<LogConfig>> = {
  small: { segmentBytes: 20_000, retentionMs: -1 },
  large: { segmentBytes: 3_000_000, retentionMs: -1 },
  compacted: {
    segmentBytes: 8_000,
    cleanupCompact: true,
    cleanupDelete: false,
    minCleanableDirtyRatio: 0.1,
    fileDeleteDelayMs: 20,
  },
};
export const TOPIC_ID = "E06ThbWK_bULAm2VVb5b-w";
/** Keys of the compacted topic. */
export const KEYS = 40;

export function openKilled(directory: string): Promise<LogDirectories> {
  const around = surroundingsOf(
    {
      disk: new NodeDisk({ maxOpenFiles: 50 }),
      clock: new NodeClock(),
      random: new NodeRandom(),
      compute: new NodeCompute(),
    },
    1_000_000,
  );
  return LogDirectories.open({
    around,
    paths: [directory],
    clusterId: TOPIC_ID,
    nodeId: 1,
    configOf: (topic) => ({ ...DEFAULT_LOG_CONFIG, ...KILLED_TOPICS[topic] }),
    settings: {
      retentionCheckIntervalMs: 30,
      initialTaskDelayMs: 10,
      checkpoints: { recoveryPointMs: 25, logStartMs: 35, highWatermarkMs: 15 },
      flush: { logBytes: 100_000, logMs: 20, nodeBytes: 1_000_000 },
      cleaner: {
        enabled: true,
        backoffMs: 10,
        dedupeBufferBytes: 1_000_000,
        ioMaxBytesPerSecond: Number.POSITIVE_INFINITY,
      },
    },
  });
}

/** Says it before anything else happens, however slowly the parent reads: the pipe does not block by itself. */
function say(text: string): void {
  for (let line = Buffer.from(text); line.length > 0; ) {
    try {
      line = line.subarray(writeSync(1, line));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
  }
}

async function run(directory: string, firstValue: number): Promise<void> {
  const logs = await openKilled(directory);
  await logs.load();
  const topics = Object.keys(KILLED_TOPICS).map((topic) => ({ topic, log: logs.obtain(topic, 0, TOPIC_ID) }));
  let compactedBytes = 0;
  let cleaned = false;
  for (let value = firstValue; ; ) {
    for (const { topic, log } of topics) {
      const count = topic === "large" ? 50 : 3;
      const padding = "x".repeat(topic === "large" ? 1000 : 20);
      const records = Array.from({ length: count }, (_, i) => ({
        key: `key ${(value + i) % KEYS}`,
        value: `${value + i} ${padding}`,
      }));
      const sizeBefore = log.sizeBytes;
      const offset = append(log, records);
      if (topic === "compacted") {
        compactedBytes += log.sizeBytes - sizeBefore;
        if (!cleaned && log.sizeBytes < compactedBytes / 2) {
          cleaned = true;
          say("cleaned\n");
        }
      }
      // The answer leaves only now.
      say(`${topic} ${offset} ${value} ${count}\n`);
      value += count;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const [directory, firstValue] = process.argv.slice(2);
if (directory !== undefined && process.argv[1]?.endsWith("kill-child.ts")) await run(directory, Number(firstValue));
