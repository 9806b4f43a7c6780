import { expect, test } from "vitest";
import { Codec } from "../../../protocol/records/codec.ts";
import { decompressRecords } from "../../../protocol/records/compression.ts";
import { buildEndTransactionBatch } from "../../../protocol/records/control-record.ts";
import { RecordBatch } from "../../../protocol/records/record-batch.ts";
import {
  RecordBatchBuilder,
  type RecordBatchOptions,
  type RecordToWrite,
} from "../../../protocol/records/record-batch-builder.ts";
import { RecordIterator } from "../../../protocol/records/record-iterator.ts";
import { BatchRetention, type RetentionRound } from "../../../storage/log/batch-retention.ts";
import { CleanedTransactions } from "../../../storage/log/cleaned-transactions.ts";
import { OffsetMap } from "../../../storage/log/offset-map.ts";
import { TurnPacer } from "../../../storage/turn-pacer.ts";
import { Simulation } from "../../simulation/simulation.ts";

const NOW = 1_000_000;
const node = new Simulation({ seed: 1 }).boot("a");

function retention(round: Partial<RetentionRound>): BatchRetention {
  const whole: RetentionRound = {
    keys: new OffsetMap(1024 * 1024),
    lastMappedOffset: 1000,
    endOffset: 2000,
    transactions: new CleanedTransactions(),
    lastRecords: new Map(),
    wallMs: NOW,
    deleteRetentionMs: 500,
    maxDecompressedBytes: 1e8,
    ...round,
  };
  return new BatchRetention(whole, node.compute, new TurnPacer(node.clock));
}

function keysOf(newest: Record<string, number>): OffsetMap {
  const keys = new OffsetMap(1024 * 1024);
  for (const [key, offset] of Object.entries(newest)) keys.put(Buffer.from(key), offset);
  return keys;
}

function build(records: readonly RecordToWrite[], options: RecordBatchOptions, lastOffset?: number): RecordBatch {
  const builder = new RecordBatchBuilder(options);
  for (const record of records) builder.append(record);
  return new RecordBatch(builder.build(lastOffset === undefined ? {} : { lastOffset }));
}

/** A batch in words: header facts, then records as offset key=value@timestamp. */
function tell(bytes: Buffer | undefined): string {
  if (bytes === undefined) return "nothing";
  const batch = new RecordBatch(bytes);
  expect(batch.checkCrc()).toBe(true);
  const records = [...new RecordIterator(batch, decompressRecords(batch, 1_000_000))].map(
    ({ offset, key, value, timestamp }) => `${offset} ${key}=${value}@${timestamp}`,
  );
  const flags = [
    batch.isTransactional && "txn",
    batch.isControl && "control",
    batch.hasDeleteHorizon && `horizon ${batch.baseTimestamp}`,
  ];
  return [`[${batch.baseOffset}-${batch.lastOffset}]`, ...flags.filter(Boolean), ...records].join(" ");
}

const abc = [
  { key: "a", value: "1", timestamp: 10 },
  { key: "b", value: "2", timestamp: 20 },
  { key: "c", value: "3", timestamp: 30 },
];

test("of each key only the newest record stays; the batch keeps its ends, its producer and its codec", async () => {
  for (const compression of [Codec.NONE, Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD]) {
    const batch = build(abc, {
      baseOffset: 100,
      partitionLeaderEpoch: 7,
      compression,
      producerId: 9,
      producerEpoch: 3,
      baseSequence: 2 ** 31 - 2,
    });
    const left = await retention({ keys: keysOf({ a: 100, b: 500, c: 102 }) }).retain(batch);
    expect(tell(left)).toBe("[100-102] 100 a=1@10 102 c=3@30");
    const { partitionLeaderEpoch, producerId, producerEpoch, baseSequence, lastSequence } = new RecordBatch(left!);
    expect([partitionLeaderEpoch, producerId, producerEpoch, baseSequence, lastSequence]).toEqual([
      7,
      9,
      3,
      2 ** 31 - 2,
      0,
    ]);
    expect(new RecordBatch(left!).compression).toBe(compression);
    expect(new RecordBatch(left!).maxTimestamp).toBe(30);
  }
});

test("a batch that stays whole stays the same bytes", async () => {
  const batch = build(abc, { baseOffset: 100 });
  expect(await retention({ keys: keysOf({ a: 100 }) }).retain(batch)).toEqual(batch.bytes);
});

test("records behind what was mapped stay, and records without a key do not", async () => {
  const batch = build([{ key: null, value: "x" }, ...abc], { baseOffset: 100 });
  const keys = keysOf({ a: 999, b: 999, c: 999 });
  expect(tell(await retention({ keys, lastMappedOffset: 101 }).retain(batch))).toBe("[100-103] 102 b=2@20 103 c=3@30");
  expect(tell(await retention({ keys }).retain(batch))).toBe("nothing");
});

test("a LogAppendTime batch keeps its time", async () => {
  const batch = build(abc, { baseOffset: 0, logAppendTimeMs: 777 });
  const left = await retention({ keys: keysOf({ a: 5 }) }).retain(batch);
  expect(tell(left)).toBe("[0-2] 1 b=2@777 2 c=3@777");
  expect(new RecordBatch(left!).timestampType).toBe("LogAppendTime");
});

test("headers stay as they are", async () => {
  const headers = [
    { key: "h", value: "v" },
    { key: "", value: null },
  ];
  const batch = build([{ key: "a", value: "1", headers }, ...abc], { baseOffset: 0 });
  const left = await retention({ keys: keysOf({ b: 9 }) }).retain(batch);
  const [first] = [...new RecordIterator(new RecordBatch(left!), new RecordBatch(left!).records)];
  expect(first?.headers).toEqual([
    { key: "h", value: Buffer.from("v") },
    { key: "", value: null },
  ]);
});

test("R88: a tombstone first gets a delete horizon, and goes at that time", async () => {
  const batch = build([...abc, { key: "d", value: null, timestamp: 40 }], { baseOffset: 100 });
  const marked = await retention({ keys: keysOf({ a: 999 }) }).retain(batch);
  expect(tell(marked)).toBe("[100-103] horizon 1000500 101 b=2@20 102 c=3@30 103 d=null@40");
  // Before its time nothing changes, not even the horizon.
  const waiting = await retention({ wallMs: NOW + 499 }).retain(new RecordBatch(marked!));
  expect(waiting).toEqual(marked);
  const shrunk = await retention({ wallMs: NOW + 499, keys: keysOf({ b: 999 }) }).retain(new RecordBatch(marked!));
  expect(tell(shrunk)).toBe("[100-103] horizon 1000500 102 c=3@30 103 d=null@40");
  const gone = await retention({ wallMs: NOW + 500 }).retain(new RecordBatch(marked!));
  expect(tell(gone)).toBe("[100-103] horizon 1000500 101 b=2@20 102 c=3@30");
});

test("R86: the last batch of a producer stays, empty if need be, and so does the last one of the round", async () => {
  const options = { baseOffset: 100, producerId: 9, producerEpoch: 3, baseSequence: 50, partitionLeaderEpoch: 4 };
  const keys = keysOf({ a: 999, b: 999, c: 999 });
  const lastRecords = new Map([[9, { lastDataOffset: 102, producerEpoch: 3 }]]);
  const left = await retention({ keys, lastRecords }).retain(build(abc, options));
  expect(tell(left)).toBe("[100-102]");
  const empty = new RecordBatch(left!);
  expect([empty.sizeBytes, empty.recordCount, empty.producerId, empty.producerEpoch, empty.lastSequence]).toEqual([
    61, 0, 9, 3, 52,
  ]);
  expect([empty.maxTimestamp, empty.partitionLeaderEpoch, empty.compression]).toEqual([30, 4, 0]);
  // An empty batch stays empty, as long as it is the last.
  expect(await retention({ keys, lastRecords }).retain(empty)).toEqual(left);
  const moved = new Map([[9, { lastDataOffset: 500, producerEpoch: 3 }]]);
  expect(tell(await retention({ keys, lastRecords: moved }).retain(empty))).toBe("nothing");
  expect(tell(await retention({ keys, endOffset: 103 }).retain(build(abc, options)))).toBe("[100-102]");
});

test("R88: aborted data goes at once, its marker a horizon after the data is gone", async () => {
  const data = build(abc, { baseOffset: 0, producerId: 9, producerEpoch: 0, baseSequence: 0, isTransactional: true });
  const markerBytes = buildEndTransactionBatch({
    committed: false,
    producerId: 9,
    producerEpoch: 0,
    coordinatorEpoch: 5,
    timestampMs: 60,
  });
  const marker = new RecordBatch(markerBytes);
  marker.baseOffset = 3;
  const aborted = { producerId: 9, firstOffset: 0, lastOffset: 3, lastStableOffset: 4 };

  const first = new CleanedTransactions();
  first.expect([aborted]);
  const kept: unknown[] = [];
  first.onAbortKept = (entry) => kept.push(entry);
  const round = retention({ transactions: first });
  expect(tell(await round.retain(data))).toBe("nothing");
  expect(await round.retain(marker)).toEqual(marker.bytes);
  expect(kept).toEqual([aborted]);

  // The next pass sees no data: the marker may go, after its time.
  const second = new CleanedTransactions();
  second.expect([aborted]);
  second.onAbortKept = (entry) => kept.push(entry);
  const marked = await retention({ transactions: second }).retain(marker);
  const horizon = new RecordBatch(marked!);
  expect([horizon.hasDeleteHorizon, horizon.baseTimestamp, horizon.recordCount]).toEqual([true, NOW + 500, 1]);
  expect([horizon.isControl, horizon.isTransactional, horizon.maxTimestamp]).toEqual([true, true, 60]);
  expect(kept.length).toBe(1);
  expect(await retention({ wallMs: NOW + 499 }).retain(horizon)).toEqual(marked);
  expect(tell(await retention({ wallMs: NOW + 500 }).retain(horizon))).toBe("nothing");
  // As the last thing its producer did it stays, empty.
  const lastRecords = new Map([[9, { lastDataOffset: -1, producerEpoch: 0 }]]);
  const emptied = await retention({ wallMs: NOW + 500, lastRecords }).retain(horizon);
  expect(tell(emptied)).toBe("[3-3] txn control");
  expect(tell(await retention({}).retain(new RecordBatch(emptied!)))).toBe("nothing");
});

test("R88: a commit marker stays as long as data of its transaction does", async () => {
  const options = { producerId: 9, producerEpoch: 0, baseSequence: 0, isTransactional: true };
  const data = build(abc, { ...options, baseOffset: 0 });
  const marker = new RecordBatch(
    buildEndTransactionBatch({
      committed: true,
      producerId: 9,
      producerEpoch: 0,
      coordinatorEpoch: 5,
      timestampMs: 60,
    }),
  );
  marker.baseOffset = 3;
  const transactions = new CleanedTransactions();
  const round = retention({ transactions, keys: keysOf({ a: 99, b: 99, c: 99 }) });
  expect(tell(await round.retain(data))).toBe("nothing");
  // The data was still there in this pass.
  expect(await round.retain(marker)).toEqual(marker.bytes);
  const later = retention({ transactions });
  expect(new RecordBatch((await later.retain(marker))!).hasDeleteHorizon).toBe(true);
});

test("large batches are worked on off the loop, with the same result", async () => {
  const simulation = new Simulation({ seed: 2, latencyMs: [1, 5] });
  await simulation.run(async () => {
    const { clock, compute } = simulation.boot("b");
    const records = Array.from({ length: 20_000 }, (_, i) => ({
      key: `key-${i % 5000}`,
      value: `${i}`.padStart(100, "x"),
    }));
    const batch = build(records, { baseOffset: 0, compression: Codec.LZ4 });
    const keys = new OffsetMap(10_000_000);
    for (let i = 0; i < 20_000; i++) keys.put(Buffer.from(`key-${i % 5000}`), i);
    const round: RetentionRound = {
      keys,
      lastMappedOffset: 20_000,
      endOffset: 30_000,
      transactions: new CleanedTransactions(),
      lastRecords: new Map(),
      wallMs: NOW,
      deleteRetentionMs: 0,
      maxDecompressedBytes: 1e8,
    };
    const left = await new BatchRetention(round, compute, new TurnPacer(clock)).retain(batch);
    const offsets = [...new RecordIterator(new RecordBatch(left!), decompressRecords(new RecordBatch(left!), 1e8))].map(
      (record) => record.offset,
    );
    expect(offsets).toEqual(Array.from({ length: 5000 }, (_, i) => 15_000 + i));
    expect(new RecordBatch(left!).lastOffset).toBe(19_999);
  });
  expect(simulation.scheduler.eventCount).toBeGreaterThanOrEqual(5);
});
