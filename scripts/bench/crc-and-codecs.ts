/**
 * What a batch costs before any log sees it: its checksum by size, the pass over its records, and each codec both ways.
 *
 * Owns: data like that of real topics (64 KiB of JSON lines; records of 100 bytes and 1 KiB). Everything is measured with the
 * native packages and with the fallbacks, in turn and in one run, so that the two columns compare.
 */
import { fileURLToPath } from "node:url";
import { CODEC_NAMES, type Codec } from "../../protocol/records/codec.ts";
import { compress, decompress } from "../../protocol/records/compression.ts";
import { crc32c } from "../../protocol/records/crc32c.ts";
import { loadCodecs } from "../../protocol/records/native-modules.ts";
import { RecordBatch } from "../../protocol/records/record-batch.ts";
import { buildRecordBatch } from "../../protocol/records/record-batch-builder.ts";
import { checkRecords } from "../../protocol/records/record-check.ts";
import { RecordIterator } from "../../protocol/records/record-iterator.ts";

const ROUND_MS = 40;
const ROUNDS = 5;
const CRC_SIZES = [100, 200, 300, 500, 1024, 16_384, 1 << 20];
const RECORD_SHAPES = [
  { valueBytes: 100, batchBytes: 16_384 },
  { valueBytes: 100, batchBytes: 1 << 20 },
  { valueBytes: 1024, batchBytes: 16_384 },
  { valueBytes: 1024, batchBytes: 1 << 20 },
];
const CODEC_BYTES = 65_536;
const GIGA = 1e9;
const MEGA = 1e6;

export async function benchCrcAndCodecs(): Promise<void> {
  print(["CRC-32C", "native GB/s", "fallback GB/s"], crcRows());
  print(["records", "checked M/s", "GB/s", "iterated M/s"], recordRows());
  print(["codec (64 KiB of JSON)", "ratio", "native MB/s in", "out", "fallback MB/s in", "out"], codecRows());
}

function crcRows(): string[][] {
  const bytes = Buffer.alloc(CRC_SIZES.at(-1) as number, 0x5a);
  return CRC_SIZES.map((size) => {
    const rates = bothWays(() => (size / nanosecondsOf(() => crc32c(bytes, 0, size))).toFixed(2));
    return [`${size} bytes`, ...rates];
  });
}

function recordRows(): string[][] {
  return RECORD_SHAPES.map(({ valueBytes, batchBytes }) => {
    const count = Math.floor(batchBytes / (valueBytes + 8));
    const records = Array.from({ length: count }, (_, i) => ({
      timestamp: 1_700_000_000_000 + i,
      value: Buffer.alloc(valueBytes, 120),
    }));
    const batch = new RecordBatch(buildRecordBatch(records));
    const payload = batch.records;
    const checked = nanosecondsOf(() => checkRecords(payload, count, batch.baseTimestamp));
    const iterated = nanosecondsOf(() => {
      const iterator = new RecordIterator(batch, payload);
      while (iterator.next() !== undefined);
    });
    const perSecond = (nanoseconds: number) => ((count / nanoseconds) * (GIGA / MEGA)).toFixed(1);
    const title = `${count} of ${valueBytes} bytes`;
    return [title, perSecond(checked), (payload.length / checked).toFixed(1), perSecond(iterated)];
  });
}

function codecRows(): string[][] {
  const plain = jsonLines(CODEC_BYTES);
  return CODEC_NAMES.slice(1).map((name, i) => {
    const codec = (i + 1) as Codec;
    const ratio = (plain.length / compress(codec, plain).length).toFixed(1);
    const rates = bothWays(() => {
      const packed = compress(codec, plain);
      const megabytes = (run: () => void) => ((plain.length / nanosecondsOf(run)) * (GIGA / MEGA)).toFixed(0);
      return [megabytes(() => compress(codec, plain)), megabytes(() => decompress(codec, packed, plain.length))];
    });
    return [name, ratio, ...rates.flat()];
  });
}

/** First with the native packages that are there, then without any. */
function bothWays<T>(measure: () => T): [T, T] {
  try {
    const withNative = measure();
    loadCodecs({ native: false });
    return [withNative, measure()];
  } finally {
    loadCodecs({ native: true });
  }
}

/** Median of several rounds, per call. */
function nanosecondsOf(run: () => unknown): number {
  const rounds = Array.from({ length: ROUNDS + 1 }, () => {
    let calls = 0;
    const started = performance.now();
    let spentMs = 0;
    for (let step = 1; spentMs < ROUND_MS; step = Math.min(step * 2, 1024)) {
      for (let i = 0; i < step; i++) run();
      calls += step;
      spentMs = performance.now() - started;
    }
    return (spentMs * MEGA) / calls;
  });
  // The first round is the warm-up.
  return rounds.slice(1).sort((a, b) => a - b)[ROUNDS >> 1] as number;
}

function jsonLines(sizeBytes: number): Buffer {
  let text = "";
  for (let i = 0; text.length < sizeBytes; i++) {
    const id = (i * 2_654_435_761) % 1_000_003;
    text += `{"id":${id},"user":"user-${id % 997}","at":"2026-11-${10 + (i % 20)}T10:${10 + (id % 50)}:00Z","amount":${id / 100}}\n`;
  }
  return Buffer.from(text.slice(0, sizeBytes));
}

function print(head: string[], rows: string[][]): void {
  const table = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...table.map((row) => (row[column] ?? "").length)));
  for (const row of table)
    console.log(
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  "),
    );
  console.log();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await benchCrcAndCodecs();
