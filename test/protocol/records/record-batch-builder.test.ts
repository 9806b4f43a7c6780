/** Built batches: what Kafka's own would be to the byte, and what is read back from any records at all. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import { Codec } from "../../../protocol/records/codec.ts";
import { decompressRecords } from "../../../protocol/records/compression.ts";
import { RecordBatch } from "../../../protocol/records/record-batch.ts";
import {
  buildRecordBatch,
  RecordBatchBuilder,
  type RecordBatchOptions,
  type RecordToWrite,
} from "../../../protocol/records/record-batch-builder.ts";
import { checkRecords } from "../../../protocol/records/record-check.ts";
import { RecordIterator } from "../../../protocol/records/record-iterator.ts";
import { goldenRecords, goldenSegments } from "../../support/golden-batches.ts";

const SEED = 4_711;

/** What a batch was built from, as far as it shows. */
function optionsOf(batch: RecordBatch): RecordBatchOptions {
  const { baseOffset, partitionLeaderEpoch, producerId, producerEpoch, baseSequence, isTransactional, isControl } =
    batch;
  return {
    baseOffset,
    partitionLeaderEpoch,
    producerId,
    producerEpoch,
    baseSequence,
    isTransactional,
    isControl,
    ...(batch.timestampType === "LogAppendTime" && { logAppendTimeMs: batch.maxTimestamp }),
    ...(batch.hasDeleteHorizon && { deleteHorizonMs: batch.baseTimestamp }),
  };
}

function rebuild(batch: RecordBatch, headers: "encoded" | "decoded"): Buffer {
  const builder = new RecordBatchBuilder(optionsOf(batch));
  for (const record of new RecordIterator(batch, batch.records)) {
    const { key, value, timestampDelta } = record;
    const timestamp = batch.baseTimestamp + timestampDelta;
    builder.appendAt(record.offset, {
      timestamp,
      key,
      value,
      ...(headers === "encoded" ? { encodedHeaders: record.encodedHeaders } : { headers: record.headers }),
    });
  }
  return builder.build();
}

test.each(["encoded", "decoded"] as const)(
  "uncompressed batches of Kafka are built again to the byte, headers %s",
  (headers) => {
    let built = 0;
    for (const { file, bytes, batches } of goldenSegments())
      for (const { position, codec } of batches.filter(({ codec }) => codec === "none")) {
        const batch = new RecordBatch(bytes, position);
        expect(rebuild(batch, headers).equals(batch.bytes), `${file} at ${position}, ${codec}`).toBe(true);
        built++;
      }
    expect(built).toBe(81);
  },
);

test("uncompressed batches of every client are built again to the byte", () => {
  const clients = new Set<string>();
  for (const { client, records } of goldenRecords())
    for (const batch of new BatchIterator(records)) {
      if (batch.compression !== Codec.NONE) continue;
      // kafkajs takes the time of sending for its base timestamp, not that of the first record.
      if (new RecordIterator(batch, batch.records).next()?.timestampDelta !== 0) {
        expect(client).toBe("kafkajs-2.2.4");
        continue;
      }
      expect(rebuild(batch, "decoded").equals(batch.bytes), client).toBe(true);
      clients.add(client);
    }
  expect(clients.size).toBe(14);
});

describe("any records", () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
  const record = fc.record({
    timestamp: fc.oneof(
      fc.integer({ min: -1, max: 2 ** 45 }),
      fc.constantFrom(0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
    ),
    key: fc.option(bytes),
    value: fc.option(bytes),
    headers: fc.array(fc.record({ key: fc.string({ unit: "grapheme" }), value: fc.option(bytes) }), { maxLength: 4 }),
  });
  const options = fc.record(
    {
      baseOffset: fc.integer({ min: 0, max: 2 ** 50 }),
      partitionLeaderEpoch: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
      compression: fc.constantFrom(...Object.values(Codec)),
      producerId: fc.integer({ min: -1, max: 2 ** 50 }),
      producerEpoch: fc.integer({ min: -1, max: 32_767 }),
      baseSequence: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
      isTransactional: fc.boolean(),
      isControl: fc.boolean(),
    },
    { requiredKeys: [] },
  );

  test("come back as they went in, through every codec", () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), options, (records, chosen) => {
        const batch = new RecordBatch(buildRecordBatch(records, chosen));
        expect(batch.checkCrc()).toBe(true);
        expect(batch).toMatchObject({
          baseOffset: chosen.baseOffset ?? 0,
          partitionLeaderEpoch: chosen.partitionLeaderEpoch ?? -1,
          compression: chosen.compression ?? 0,
          producerId: chosen.producerId ?? -1,
          producerEpoch: chosen.producerEpoch ?? -1,
          baseSequence: chosen.baseSequence ?? -1,
          isTransactional: chosen.isTransactional ?? false,
          isControl: chosen.isControl ?? false,
          recordCount: records.length,
          lastOffsetDelta: records.length - 1,
        });
        const payload = decompressRecords(batch, 1_000_000);
        const read = [...new RecordIterator(batch, payload)];
        expect(read.map(({ key, value, headers }) => ({ key, value, headers }))).toEqual(
          records.map(({ key, value, headers }) => ({ key, value, headers })),
        );
        expect(read.map(({ offset }) => offset - batch.baseOffset)).toEqual(records.map((_, i) => i));
        const reachable = records.every(({ timestamp }) => Math.abs(timestamp) < 2 ** 51);
        if (reachable)
          expect(read.map(({ timestamp }) => timestamp)).toEqual(records.map(({ timestamp }) => timestamp));
        expect(checkRecords(payload, batch.recordCount, batch.baseTimestamp).sequentialOffsets).toBe(true);
      }),
      { seed: SEED, numRuns: 150 },
    );
  });
});

describe("what the cleaner writes", () => {
  const records: RecordToWrite[] = [{ timestamp: 1_000, key: "a", value: null }];

  test("gaps, and a last offset without its record", () => {
    const builder = new RecordBatchBuilder({ baseOffset: 100, baseSequence: 7, producerId: 1, producerEpoch: 0 });
    builder.appendAt(103, { timestamp: 5, key: "k", value: "v" });
    expect(builder.append({ timestamp: 6, key: "k", value: "v" })).toBe(104);
    expect(builder).toMatchObject({ recordCount: 2, nextOffset: 105 });
    const batch = new RecordBatch(builder.build({ lastOffset: 109 }));
    expect(batch).toMatchObject({
      baseOffset: 100,
      lastOffset: 109,
      recordCount: 2,
      baseSequence: 7,
      lastSequence: 16,
    });
    const read = [...new RecordIterator(batch, batch.records)];
    expect(read.map(({ offset, timestamp }) => [offset, timestamp])).toEqual([
      [103, 5],
      [104, 6],
    ]);
    expect(checkRecords(batch.records, 2, batch.baseTimestamp).sequentialOffsets).toBe(false);
  });

  test("a delete horizon, which timestamps are relative to", () => {
    const batch = new RecordBatch(buildRecordBatch(records, { deleteHorizonMs: 1_800_000_000_000 }));
    expect(batch).toMatchObject({ hasDeleteHorizon: true, baseTimestamp: 1_800_000_000_000, maxTimestamp: 1_000 });
    expect([...new RecordIterator(batch, batch.records)][0]?.timestamp).toBe(1_000);
  });

  test("an empty batch, never compressed", () => {
    const builder = new RecordBatchBuilder({ baseOffset: 10, producerId: 3, baseSequence: 4, compression: Codec.GZIP });
    const batch = new RecordBatch(builder.build({ lastOffset: 19, maxTimestamp: 77 }));
    expect(batch).toMatchObject({ sizeBytes: 61, recordCount: 0, lastOffset: 19, lastSequence: 13, compression: 0 });
    expect(batch).toMatchObject({ baseTimestamp: -1, maxTimestamp: 77 });
    expect(batch.checkCrc()).toBe(true);
    expect([...new RecordIterator(batch, batch.records)]).toEqual([]);
  });
});

test("a LogAppendTime batch carries its time and keeps the records' own deltas", () => {
  const batch = new RecordBatch(buildRecordBatch([{ timestamp: 3 }, { timestamp: 8 }], { logAppendTimeMs: 500 }));
  expect(batch).toMatchObject({ timestampType: "LogAppendTime", maxTimestamp: 500, baseTimestamp: 3 });
});

test("sizeBytes is the batch's size before compression", () => {
  const builder = new RecordBatchBuilder();
  for (let i = 0; i < 100; i++) builder.append({ value: Buffer.alloc(i * 10) });
  const { sizeBytes } = builder;
  expect(builder.build().length).toBe(sizeBytes);
});
