/** Apache Kafka's own dump tool reads every kind of file of a log that we write, record by record, without complaint. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Codec } from "../../../protocol/records/codec.ts";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import type { LogConfig } from "../../../storage/log-config.ts";
import { NodeDisk } from "../../../storage/node-disk.ts";
import {
  append,
  appendMarker,
  appendTransactional,
  batchOf,
  batchOfSize,
  openLog,
  producerBatch,
  readAll,
  surroundings,
} from "../../storage/log/log-fixture.ts";
import { type ApacheKafka, findApacheKafka } from "../support/apache-kafka.ts";
import { describeWith } from "../support/toolchain.ts";

const T = 1_700_000_000_000;
const COMPLAINT =
  /mismatch|corrupt|out of order|non consecutive|isvalid: false|exception|error|invalid bytes|could not/i;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Writes a log on a real disk; returns its directory. `write` may close it by itself, or leave it as a crash would. */
async function written(
  config: Partial<LogConfig>,
  write: (log: SegmentedLog, open: (clean: boolean) => Promise<SegmentedLog>) => Promise<SegmentedLog>,
): Promise<{ path: string; log: SegmentedLog }> {
  const folder = mkdtempSync(join(tmpdir(), "dump-log-"));
  folders.push(folder);
  const path = join(folder, "topic-0");
  const around = surroundings({ disk: new NodeDisk() });
  const open = (cleanShutdown: boolean) => openLog(around, { path, cleanShutdown, config });
  const log = await write(await open(true), open);
  await log.close();
  return { path, log: await open(true) };
}

/** What the tool prints of every file; fails on any complaint. */
async function dump(kafka: ApacheKafka, path: string): Promise<string> {
  const files = readdirSync(path).filter((name) => /\.(log|index|timeindex|txnindex|snapshot)$/.test(name));
  const names = files.sort().map((name) => join(path, name));
  const output = await kafka.run("org.apache.kafka.tools.DumpLogSegments", [
    "--deep-iteration",
    "--print-data-log",
    "--files",
    names.join(","),
  ]);
  const complaints = output.split("\n").filter((line) => COMPLAINT.test(line));
  expect(complaints).toEqual([]);
  for (const name of names) expect(output).toContain(`Dumping ${name}`);
  return output;
}

/** "offset value" of each record the tool printed. */
function recordsIn(output: string): string[] {
  return [...output.matchAll(/^\| offset: (\d+) .*? payload: (.*)$/gm)].map((line) => `${line[1]} ${line[2]}`);
}

describeWith("Apache Kafka's dump tool", await findApacheKafka(), (kafka) => {
  test("records of every codec, over segments with many index entries", async () => {
    const { path, log } = await written({ segmentBytes: 3000, indexIntervalBytes: 200 }, async (log) => {
      for (let i = 0; i < 60; i++) {
        if (i % 20 === 0) log.startLeaderEpoch(i);
        const compression = [Codec.NONE, Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD][i % 5] as Codec;
        const values = Array.from({ length: 5 }, (_, j) => ({
          key: "k",
          value: `value ${i}.${j}`,
          timestamp: T + i * 1000 + j,
        }));
        append(log, batchOf(values, { compression }));
      }
      return log;
    });
    expect(log.segments.length).toBeGreaterThan(2);
    expect(recordsIn(await dump(kafka, path))).toEqual(
      (await readAll(log)).map(({ offset, value }) => `${offset} ${value}`),
    );
    await log.close();
  });

  test("transactions, aborted and committed and open, with their indexes and snapshots", async () => {
    const { path, log } = await written({ segmentBytes: 700 }, async (log) => {
      for (let i = 0; i < 12; i++) {
        appendTransactional(log, 1, 0, i * 2, 2);
        appendTransactional(log, 2, 0, i, 1);
        appendMarker(log, i % 2 === 0, 1, 0);
        if (i < 11) appendMarker(log, i % 3 === 0, 2, 0, { coordinatorEpoch: 4 });
      }
      append(log, producerBatch(3, 5, 0, 3));
      return log;
    });
    const output = await dump(kafka, path);
    expect(output.match(/endTxnMarker: ABORT coordinatorEpoch: \d/g)?.length).toBe(13);
    expect(
      output.match(/^version: 0 producerId: \d firstOffset: \d+ lastOffset: \d+ lastStableOffset: \d+$/gm)?.length,
    ).toBe(13);
    expect(output).toMatch(
      /producerId: 2 producerEpoch: 0 coordinatorEpoch: 4 currentTxnFirstOffset: OptionalLong\[\d+\]/,
    );
    expect(output).toMatch(/producerId: 3 producerEpoch: 5 .* firstSequence: 0 lastSequence: 2/);
    await log.close();
  });

  test("append times, conversions, large batches, records without timestamps and a log that does not start at 0", async () => {
    const config = {
      messageTimestampType: "LogAppendTime",
      compressionType: "zstd",
      maxMessageBytes: 4 << 20,
    } as const;
    const { path, log } = await written(config, async (log) => {
      log.truncateFullyAndStartAt(5_000_000_000);
      append(log, batchOf(["a", "b"]));
      log.append(await log.prepare(batchOfSize(2_000_000), undefined, { origin: "client" }), { leaderEpoch: 0 });
      log.updateConfig({ ...log.config, messageTimestampType: "CreateTime", compressionType: "producer" });
      append(log, batchOf([{ value: "no time", timestamp: -1 }]));
      append(log, batchOfSize(1_000_000));
      return log;
    });
    const output = await dump(kafka, path);
    expect(output).toContain("baseOffset: 5000000000 lastOffset: 5000000001");
    expect(output).toMatch(/LogAppendTime: \d+ size: \d+ magic: 2 compresscodec: zstd/);
    expect(recordsIn(output).length).toBe((await readAll(log)).length);
    await log.close();
  });

  test("what is left after cuts, kills and restarts", async () => {
    const { path, log } = await written({ segmentBytes: 2000, indexIntervalBytes: 100 }, async (first, open) => {
      let log = first;
      for (let round = 0; round < 6; round++) {
        for (let i = 0; i < 25; i++)
          append(log, batchOf([{ value: `${round}.${i}`, timestamp: T + round * 1000 + i }]));
        log.truncateTo(log.logEndOffset - 7);
        if (round % 2 === 0) await log.close();
        else log.abandon();
        log = await open(round % 2 === 0);
      }
      return log;
    });
    expect(recordsIn(await dump(kafka, path))).toEqual(
      (await readAll(log)).map(({ offset, value }) => `${offset} ${value}`),
    );
    await log.close();
  });
});
