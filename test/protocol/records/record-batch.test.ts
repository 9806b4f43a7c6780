/** Headers of batches: read as Kafka's dump tool reads them, rewritten in place. */
import { describe, expect, test } from "vitest";
import { CODEC_NAMES } from "../../../protocol/records/codec.ts";
import { addToSequence, RecordBatch } from "../../../protocol/records/record-batch.ts";
import { buildRecordBatch } from "../../../protocol/records/record-batch-builder.ts";
import { goldenSegments } from "../../support/golden-batches.ts";

const RECORDS = [{ timestamp: 1_700_000_000_000, key: "k", value: "v" }];

test.each(goldenSegments())("$file: every header field is what Kafka's dump tool says", ({ bytes, batches }) => {
  let position = 0;
  for (const dumped of batches) {
    const batch = new RecordBatch(bytes, position);
    expect({
      position,
      baseOffset: batch.baseOffset,
      lastOffset: batch.lastOffset,
      recordCount: batch.recordCount,
      baseSequence: batch.baseSequence,
      lastSequence: batch.lastSequence,
      producerId: batch.producerId,
      producerEpoch: batch.producerEpoch,
      partitionLeaderEpoch: batch.partitionLeaderEpoch,
      isTransactional: batch.isTransactional,
      isControl: batch.isControl,
      deleteHorizonMs: batch.hasDeleteHorizon ? batch.baseTimestamp : null,
      timestampType: batch.timestampType,
      maxTimestamp: batch.maxTimestamp,
      sizeBytes: batch.sizeBytes,
      magic: batch.magic,
      codec: CODEC_NAMES[batch.compression],
      crc: batch.crc,
    }).toEqual({ ...dumped, records: undefined });
    expect(batch.checkCrc()).toBe(true);
    expect(batch.nextOffset).toBe(dumped.lastOffset + 1);
    expect(batch.bytes.length).toBe(dumped.sizeBytes);
    expect(batch.records.length).toBe(dumped.sizeBytes - 61);
    position += dumped.sizeBytes;
  }
  expect(position).toBe(bytes.length);
});

describe("rewriting in place", () => {
  test("base offset and leader epoch lie outside the CRC", () => {
    const batch = new RecordBatch(buildRecordBatch(RECORDS));
    const crc = batch.crc;
    batch.baseOffset = 5_000_000_000_123;
    batch.partitionLeaderEpoch = 0x7fffffff;
    expect(batch).toMatchObject({ baseOffset: 5_000_000_000_123, lastOffset: 5_000_000_000_123, crc });
    expect(batch.partitionLeaderEpoch).toBe(0x7fffffff);
    batch.partitionLeaderEpoch = -1;
    expect(batch.partitionLeaderEpoch).toBe(-1);
    expect(batch.checkCrc()).toBe(true);
  });

  test("timestamp type and maximum bring their CRC; bits no one knows go, the others stay", () => {
    const bytes = buildRecordBatch(RECORDS, {
      isTransactional: true,
      producerId: 1,
      producerEpoch: 0,
      baseSequence: 0,
    });
    const batch = new RecordBatch(bytes);
    batch.setAttributes(batch.attributes | 0x7f80);
    batch.updateCrc();
    const before = Buffer.from(bytes);
    batch.setMaxTimestamp("CreateTime", batch.maxTimestamp);
    expect(bytes.equals(before)).toBe(true);
    batch.setMaxTimestamp("LogAppendTime", 1_800_000_000_000);
    expect(batch).toMatchObject({ attributes: 0x18, timestampType: "LogAppendTime", maxTimestamp: 1_800_000_000_000 });
    expect(batch.checkCrc()).toBe(true);
    batch.setMaxTimestamp("CreateTime", -1);
    expect(batch).toMatchObject({ attributes: 0x10, timestampType: "CreateTime", maxTimestamp: -1 });
    expect(batch.checkCrc()).toBe(true);
  });

  test("B49: the delete horizon bit of a client is seen and stays", () => {
    const batch = new RecordBatch(buildRecordBatch(RECORDS));
    batch.setAttributes(0x40);
    batch.setMaxTimestamp("LogAppendTime", 1);
    expect(batch.hasDeleteHorizon).toBe(true);
    expect(batch.attributes).toBe(0x48);
  });
});

describe("what a hostile header says", () => {
  test("B34: int64 beyond the safe range saturates", () => {
    const bytes = buildRecordBatch(RECORDS);
    const batch = new RecordBatch(bytes);
    bytes.writeBigInt64BE(2n ** 63n - 1n, 0);
    bytes.writeBigInt64BE(-(2n ** 63n), 35);
    bytes.writeBigInt64BE(2n ** 53n, 43);
    bytes.writeBigInt64BE(-(2n ** 53n) + 1n, 27);
    expect(batch.baseOffset).toBe(Number.MAX_SAFE_INTEGER);
    expect(batch.maxTimestamp).toBe(Number.MIN_SAFE_INTEGER);
    expect(batch.producerId).toBe(Number.MAX_SAFE_INTEGER);
    expect(batch.baseTimestamp).toBe(Number.MIN_SAFE_INTEGER);
  });

  test("saturated values are written as the ends of int64", () => {
    const bytes = buildRecordBatch(RECORDS);
    const batch = new RecordBatch(bytes);
    batch.baseOffset = Number.MAX_SAFE_INTEGER;
    expect(bytes.readBigInt64BE(0)).toBe(2n ** 63n - 1n);
    batch.baseOffset = Number.MIN_SAFE_INTEGER;
    expect(bytes.readBigInt64BE(0)).toBe(-(2n ** 63n));
    for (const offset of [0, 1, -1, 2 ** 32, -(2 ** 32) - 1, 2 ** 53 - 2]) {
      batch.baseOffset = offset;
      expect(bytes.readBigInt64BE(0)).toBe(BigInt(offset));
      expect(batch.baseOffset).toBe(offset);
    }
  });

  test("B37: a wrong CRC is noticed, whichever bit behind it is wrong", () => {
    const bytes = buildRecordBatch(RECORDS);
    for (let at = 17; at < bytes.length; at++) {
      bytes[at] = (bytes[at] as number) ^ 0x10;
      expect(new RecordBatch(bytes).checkCrc(), `byte ${at}`).toBe(false);
      bytes[at] = (bytes[at] as number) ^ 0x10;
    }
    expect(new RecordBatch(bytes).checkCrc()).toBe(true);
  });

  test("B35: a length below a header's or past the buffer has no right CRC", () => {
    const bytes = buildRecordBatch(RECORDS);
    const length = new RecordBatch(bytes).batchLength;
    for (const lie of [-1, 0, 10, 48, length + 1, 0x7fffffff, -0x80000000]) {
      bytes.writeInt32BE(lie, 8);
      expect(new RecordBatch(bytes).checkCrc(), `${lie}`).toBe(false);
    }
  });

  test("B39: codecs 5 to 7 and unknown bits are told as they are", () => {
    const batch = new RecordBatch(buildRecordBatch(RECORDS));
    batch.setAttributes(-1);
    expect(batch.compression).toBe(7);
    expect(batch.attributes).toBe(-1);
    expect(batch.isControl && batch.isTransactional && batch.hasDeleteHorizon).toBe(true);
  });
});

test("sequences wrap behind 2^31-1", () => {
  expect(addToSequence(0x7fffffff, 0)).toBe(0x7fffffff);
  expect(addToSequence(0x7fffffff, 1)).toBe(0);
  expect(addToSequence(0x7ffffffe, 5)).toBe(3);
  const batch = buildRecordBatch([...RECORDS, ...RECORDS, ...RECORDS], { producerId: 1, baseSequence: 0x7ffffffe });
  expect(new RecordBatch(batch).lastSequence).toBe(0);
  expect(new RecordBatch(buildRecordBatch(RECORDS)).lastSequence).toBe(-1);
});
