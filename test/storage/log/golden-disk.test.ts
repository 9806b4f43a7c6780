/** Data directories that Apache Kafka wrote, opened here; and what we write of the same batches, byte for byte Kafka's. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import { readPartitionMetadata } from "../../../storage/log/partition-metadata.ts";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import type { LogConfig } from "../../../storage/log-config.ts";
import { NodeDisk } from "../../../storage/node-disk.ts";
import { goldenFiles, unpackGolden } from "../../support/golden-disk.ts";
import { batchesIn, type Fixture, openLog, readAll, readBytes, recordsIn, surroundings } from "./log-fixture.ts";

const T = 1_700_000_000_000;
const CONFIGS: Record<string, Partial<LogConfig>> = {
  segments: { segmentMs: 60_000, indexIntervalBytes: 100 },
  "txn-segments": { segmentMs: 1000 },
  trimmed: { segmentMs: 60_000 },
  compacted: { segmentMs: 60_000, cleanupCompact: true, cleanupDelete: false },
};

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** Kafka's checkpoints: recovery points of rolled segments at most, and the log start of the topic that was trimmed. */
function open(around: Fixture, root: string, kind: "clean" | "unclean", partition: string): Promise<SegmentedLog> {
  const topic = partition.slice(0, partition.lastIndexOf("-"));
  const topicId = readPartitionMetadata(around.disk, `${root}/${partition}`);
  return openLog(around, {
    path: `${root}/${partition}`,
    topic,
    topicId,
    cleanShutdown: kind === "clean",
    recoveryPoint: { segments: 30, "txn-segments": 15, compacted: 18, trimmed: 10, txn: 2 }[topic] ?? 0,
    logStartOffset: topic === "trimmed" ? 7 : 0,
    config: { retentionMs: -1, segmentIndexBytes: 4096, ...CONFIGS[topic] },
  });
}

const words = (log: SegmentedLog) =>
  readAll(log).then((records) => records.map((r) => `${r.offset} ${r.key} ${r.value}`));
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe.each(["memory", "real"] as const)("Kafka's directories on a %s disk", (diskKind) => {
  describe.each(["clean", "unclean"] as const)("%s", (kind) => {
    /** Opens one partition twice: as Kafka left it, and as we left it. */
    async function withLog(partition: string, check: (log: SegmentedLog) => Promise<void>): Promise<void> {
      let root = "/data";
      let around = surroundings();
      if (diskKind === "real") {
        root = mkdtempSync(join(tmpdir(), "golden-"));
        directories.push(root);
        around = surroundings({ disk: new NodeDisk(), tailBytes: 0 });
      }
      unpackGolden(around.disk, root, kind, [partition]);
      const log = await open(around, root, kind, partition);
      await check(log);
      await log.close();
      const again = await open(around, root, "clean", partition);
      await check(again);
      await again.close();
    }

    it.each(["none", "gzip", "snappy", "lz4", "zstd"])("codec %s", async (codec) => {
      await withLog(`codec-${codec}-0`, async (log) => {
        expect(log.logEndOffset).toBe(20);
        const two = (i: number) => String(i).padStart(2, "0");
        expect(await readAll(log)).toEqual(
          range(0, 19).map((i) => ({
            offset: i,
            key: `k${two(i)}`,
            value: `value-${two(i)}-${"x".repeat(50)}`,
            timestamp: T + 1000 * i,
            leaderEpoch: 0,
          })),
        );
        expect(await log.offsetForTimestamp(T + 12_500, 20)).toEqual({
          timestamp: T + 13_000,
          offset: 13,
          leaderEpoch: 0,
        });
        expect(await log.offsetOfMaxTimestamp()).toEqual({ timestamp: T + 19_000, offset: 19, leaderEpoch: 0 });
      });
    });

    it("shapes", async () => {
      await withLog("shapes-0", async (log) => {
        const records = await readAll(log);
        expect(records.map((record) => record.key)).toEqual([
          null,
          "null value",
          null,
          "",
          "headers",
          "ünïcode-日本",
          "binary",
          "big",
        ]);
        expect(records.map((record) => record.value?.length ?? null)).toEqual([8, null, null, 0, 1, 2, 5, 20_000]);
      });
    });

    it("idempotent: the producer's last batch is known", async () => {
      await withLog("idempotent-0", async (log) => {
        expect(await words(log)).toEqual(range(0, 14).map((i) => `${i} k${i} v${i}`));
        expect(log.producers()).toEqual([
          {
            producerId: 0,
            producerEpoch: 0,
            lastSequence: 14,
            lastTimestamp: T + 14,
            coordinatorEpoch: -1,
            currentTransactionFirstOffset: -1,
          },
        ]);
      });
    });

    it("transactions: aborted ones are listed for what is read", async () => {
      await withLog("txn-0", async (log) => {
        expect(log.lastStableOffset).toBe(11);
        const read = await log.read(4, {
          maxBytes: 1 << 20,
          upToOffset: 11,
          minOneBatch: true,
          abortedTransactions: true,
        });
        expect(read.abortedTransactions).toEqual([{ producerId: 1, firstOffset: 4 }]);
        const batches = batchesIn(Buffer.concat(read.pieces));
        expect(batches.map((batch) => [batch.baseOffset, batch.lastOffset])).toEqual([
          [4, 5],
          [6, 6],
          [7, 9],
          [10, 10],
        ]);
        read.release();
        expect(log.producers()[0]).toMatchObject({ producerEpoch: 3, coordinatorEpoch: 0 });
      });
      await withLog("txn-1", async (log) => {
        expect((await words(log)).filter((word) => word.includes("aborted"))).toEqual(["3 a1 aborted", "4 a3 aborted"]);
      });
    });

    it("transactions over segments: each read has its own list", async () => {
      await withLog("txn-segments-0", async (log) => {
        expect(log.segments.map((segment) => segment.baseOffset)).toEqual([0, 3, 7, 11, 15]);
        const lists = await Promise.all(
          [0, 3, 4, 7, 8, 12, 15].map(async (offset) => {
            const read = await log.read(offset, {
              maxBytes: 1 << 20,
              upToOffset: 16,
              minOneBatch: true,
              abortedTransactions: true,
            });
            read.release();
            return read.abortedTransactions?.map((transaction) => transaction.firstOffset);
          }),
        );
        expect(lists).toEqual([[0], [0], [], [8], [8], [], []]);
      });
    });

    it("an open transaction holds the last stable offset", async () => {
      await withLog("txn-open-0", async (log) => {
        expect([log.lastStableOffset, log.highWatermark, log.logEndOffset]).toEqual([0, 5, 5]);
        expect(log.hasOpenTransaction(3, 0)).toBe(true);
      });
    });

    it("segments: found by offset and by time", async () => {
      await withLog("segments-0", async (log) => {
        expect(await words(log)).toEqual(
          range(0, 39).map((i) => `${i} s${Math.floor(i / 10)} segment ${Math.floor(i / 10)} record ${i % 10}`),
        );
        for (const offset of range(0, 39)) {
          const first = batchesIn(await readBytes(log, offset, { maxBytes: 1 }))[0];
          expect(first?.baseOffset).toBe(offset - (offset % 2));
          const timestamp = T + 3_600_000 * Math.floor(offset / 10) + 1000 * (offset % 10);
          expect((await log.offsetForTimestamp(timestamp, 40))?.offset).toBe(offset);
        }
      });
    });

    it("compacted: the hole is read over", async () => {
      await withLog("compacted-0", async (log) => {
        expect([log.logStartOffset, log.logEndOffset]).toEqual([0, 24]);
        for (const offset of [0, 5, 12]) {
          const [batch] = batchesIn(await readBytes(log, offset));
          expect([batch?.baseOffset, batch?.lastOffset, batch?.hasDeleteHorizon]).toEqual([12, 17, true]);
        }
        const values = (await readAll(log)).map((record) => record.value);
        expect(values).toEqual([
          ...range(0, 4).map((i) => `round 2 value ${i}`),
          null,
          ...range(0, 5).map((i) => `round 3 value ${i}`),
        ]);
      });
    });

    it("trimmed: the log start is not where a batch starts", async () => {
      await withLog("trimmed-0", async (log) => {
        expect(log.logStartOffset).toBe(7);
        const [batch] = batchesIn(await readBytes(log, 7));
        expect(batch?.baseOffset).toBe(5);
        expect(() =>
          log.read(6, { maxBytes: 1, upToOffset: 15, minOneBatch: true, abortedTransactions: false }),
        ).toThrow(expect.objectContaining({ code: 1 }));
        expect(await words(log)).toEqual(range(7, 14).map((i) => `${i} t${i} v`));
      });
    });

    it("append-time and empty", async () => {
      await withLog("append-time-0", async (log) => {
        const batches = batchesIn(await readBytes(log, 0));
        expect(batches.map((batch) => batch.timestampType)).toEqual(Array(3).fill("LogAppendTime"));
        expect(batches.flatMap(recordsIn).map((record) => record.key)).toEqual(["lat0", "lat1", "lat2"]);
      });
      await withLog("empty-3", async (log) => {
        expect([log.logStartOffset, log.logEndOffset, log.sizeBytes]).toEqual([0, 0, 0]);
      });
    });

    it("the internal topics and the metadata log", async () => {
      const ends = { "__consumer_offsets-0": 20, "__transaction_state-0": 14, "__transaction_state-1": 13 };
      for (const [partition, end] of Object.entries(ends)) {
        await withLog(partition, async (log) => expect(log.logEndOffset).toBe(end));
      }
      await withLog("__cluster_metadata-0", async (log) => {
        expect(log.logEndOffset).toBe(kind === "clean" ? 102 : 77);
        expect(log.leaderEpochs).toEqual([{ leaderEpoch: 1, startOffset: 0 }]);
      });
    });
  });
});

describe("what we write of Kafka's batches", () => {
  const files = goldenFiles("clean");

  it.each([
    "segments-0",
    "txn-segments-0",
    "txn-0",
    "txn-1",
    "txn-open-0",
    "idempotent-0",
    "codec-zstd-0",
    "shapes-0",
    "append-time-0",
    "empty-0",
    "__consumer_offsets-0",
    "__transaction_state-0",
  ])("%s has the same files as Kafka's, byte for byte", async (partition) => {
    const expected = new Map(
      files
        .filter(({ path }) => path.startsWith(`${partition}/`))
        .map(({ path, content }) => [path.split("/")[1], content]),
    );
    const around = surroundings();
    const topic = partition.slice(0, partition.lastIndexOf("-"));
    const topicId = /topic_id: (.*)/.exec(String(expected.get("partition.metadata")))?.[1];
    const log = await openLog(around, {
      path: `/data/${partition}`,
      topic,
      topicId,
      config: { segmentIndexBytes: 4096, ...CONFIGS[topic] },
    });
    log.startLeaderEpoch(0);
    const logs = [...expected.keys()].filter((name) => name?.endsWith(".log")).sort();
    for (const name of logs) {
      for (const batch of new BatchIterator(Buffer.from(expected.get(name) as Buffer))) {
        log.appendAsFollower(batch.bytes, undefined, 0);
      }
    }
    await log.close();
    const written = new Map(
      around.disk
        .list(`/data/${partition}`)
        .map(({ name }) => [name, around.disk.readFile(`/data/${partition}/${name}`)]),
    );
    expect([...written.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [name, content] of written) {
      expect(content.toString("hex"), name).toBe(expected.get(name as string)?.toString("hex"));
    }
  });
});
