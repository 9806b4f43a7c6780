/** Records inside batches: Kafka's own are read, any lie is an InvalidRecordError at its record, from both ways to walk them. */
import { describe, expect, test } from "vitest";
import { decompressRecords } from "../../../protocol/records/compression.ts";
import { InvalidRecordError } from "../../../protocol/records/invalid-record-error.ts";
import { addToSequence, RecordBatch } from "../../../protocol/records/record-batch.ts";
import { buildRecordBatch } from "../../../protocol/records/record-batch-builder.ts";
import { checkRecords } from "../../../protocol/records/record-check.ts";
import { RecordIterator } from "../../../protocol/records/record-iterator.ts";
import { writeVarint, writeVarlong } from "../../../protocol/records/varint.ts";
import { goldenSegments } from "../../support/golden-batches.ts";

const varint = (value: number) => {
  const bytes = Buffer.alloc(10);
  return bytes.subarray(0, writeVarint(bytes, 0, value));
};
const varlong = (value: number) => {
  const bytes = Buffer.alloc(10);
  return bytes.subarray(0, writeVarlong(bytes, 0, value));
};
const join = (...parts: Uint8Array[]) => Buffer.concat(parts);

/** The parts of a record, each to be replaced by a lie. */
function record(
  lies: Partial<Record<"attributes" | "timestamp" | "offset" | "key" | "value" | "headers", Buffer>> = {},
) {
  return join(
    lies.attributes ?? Buffer.from([0]),
    lies.timestamp ?? varlong(0),
    lies.offset ?? varint(0),
    lies.key ?? join(varint(1), Buffer.from("k")),
    lies.value ?? join(varint(5), Buffer.from("value")),
    lies.headers ?? varint(0),
  );
}
const sized = (body: Buffer, length = body.length) => join(varint(length), body);

/** A batch around any payload, its count as told. */
function batchOf(payload: Buffer, recordCount: number): RecordBatch {
  const bytes = join(buildRecordBatch([]), payload);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt32BE(recordCount, 57);
  const batch = new RecordBatch(bytes);
  batch.updateCrc();
  return batch;
}

function walk(payload: Buffer, recordCount: number) {
  const batch = batchOf(payload, recordCount);
  return [...new RecordIterator(batch, batch.records)];
}

/** Both ways to walk must refuse the payload, at the same record. */
function expectRefused(payload: Buffer, recordCount: number, recordIndex: number, what?: string): void {
  const refusal = { name: "InvalidRecordError", recordIndex };
  expect(() => walk(payload, recordCount), what).toThrow(expect.objectContaining(refusal));
  expect(() => checkRecords(payload, recordCount, 0), what).toThrow(expect.objectContaining(refusal));
}

function expectAccepted(payload: Buffer, recordCount: number): void {
  expect(walk(payload, recordCount)).toHaveLength(recordCount);
  checkRecords(payload, recordCount, 0);
}

describe("what Kafka wrote", () => {
  test.each(goldenSegments())("$file", ({ bytes, batches }) => {
    for (const dumped of batches) {
      const batch = new RecordBatch(bytes, dumped.position);
      const payload = decompressRecords(batch, 1_000_000);
      const records = [...new RecordIterator(batch, payload)];
      const facts = records.map((found) => ({
        offset: found.offset,
        timestamp: found.timestamp,
        keySize: found.key?.length ?? -1,
        valueSize: found.value?.length ?? -1,
        sequence: batch.baseSequence < 0 ? -1 : addToSequence(batch.baseSequence, found.offsetDelta),
        headerKeys: found.headers.map(({ key }) => key),
      }));
      expect(records).toHaveLength(dumped.recordCount);
      if (dumped.records.length > 0) expect(facts).toEqual(dumped.records.map(({ control: _, ...rest }) => rest));
      const summary = checkRecords(payload, batch.recordCount, batch.baseTimestamp);
      const timestamps = records.map(({ timestampDelta }) => batch.baseTimestamp + timestampDelta);
      expect(summary).toEqual({
        sequentialOffsets: records.every(({ offsetDelta }, i) => offsetDelta === i),
        firstNullKey: records.findIndex(({ key }) => key === null),
        minTimestamp: Math.min(...timestamps),
        maxTimestamp: Math.max(...timestamps),
      });
    }
  });

  test("keys, values and headers of every shape", () => {
    const { bytes, batches } = goldenSegments().find(({ file }) => file.startsWith("shapes")) as ReturnType<
      typeof goldenSegments
    >[number];
    const records = batches.flatMap(({ position }) => {
      const batch = new RecordBatch(bytes, position);
      return [...new RecordIterator(batch, batch.records)];
    });
    const text = (bytes: Buffer | null) => bytes?.toString() ?? null;
    expect(records.slice(0, 6).map(({ key, value }) => [text(key), text(value)])).toEqual([
      [null, "null key"],
      ["null value", null],
      [null, null],
      ["", ""],
      ["headers", "4"],
      ["ünïcode-日本", "😀"],
    ]);
    expect(records[4]?.headers.map(({ key, value }) => [key, text(value)])).toEqual([
      ["h1", "a"],
      ["h1", "b"],
      ["nullvalue", null],
      ["", "empty key"],
      ["empty", ""],
    ]);
    expect(records[6]?.value).toEqual(Buffer.from([0, 1, 2, 255, 128]));
    expect(text(records[7]?.value ?? null)).toBe("y".repeat(20_000));
    expect(records.map(({ hasKey, hasValue }) => [hasKey, hasValue])[1]).toEqual([true, false]);
  });
});

test("a LogAppendTime batch gives its time to every record", () => {
  const bytes = buildRecordBatch([{ timestamp: 5 }, { timestamp: 9 }], { logAppendTimeMs: 1_800_000_000_000 });
  const batch = new RecordBatch(bytes);
  const times = [...new RecordIterator(batch, batch.records)].map(({ timestamp }) => timestamp);
  expect(times).toEqual([1_800_000_000_000, 1_800_000_000_000]);
});

describe("B42: lies inside a record", () => {
  const good = sized(record());

  test("a good one passes", () => {
    expectAccepted(good, 1);
    expectAccepted(join(good, sized(record({ offset: varint(1) }))), 2);
  });

  test.each([
    ["negative", -1],
    ["the least", -0x80000000],
    ["zero", 0],
    ["one too few", record().length - 1],
    ["one too many", record().length + 1],
    ["the largest", 0x7fffffff],
  ])("a length: %s", (_, length) => {
    expectRefused(sized(record(), length), 1, 0);
    expectRefused(join(good, sized(record(), length)), 2, 1);
    expectRefused(join(sized(record(), length), good), 2, 0);
  });

  test.each([
    ["key", 2],
    ["key", 100],
    ["key", 0x7fffffff],
    ["value", 6],
    ["value", 100],
    ["value", 0x7fffffff],
    ["value", 4],
    ["key", 0],
  ] as const)("a %s of %i bytes", (part, length) => {
    const bytes = Buffer.from(part === "key" ? "k" : "value");
    expectRefused(sized(record({ [part]: join(varint(length), bytes) })), 1, 0);
  });

  test("a negative length of key or value is null, as Kafka reads it", () => {
    for (const length of [-1, -2, -0x80000000]) {
      const payload = sized(record({ key: varint(length), value: varint(length) }));
      expectAccepted(payload, 1);
      expect(walk(payload, 1)[0]).toMatchObject({ key: null, value: null });
      expect(checkRecords(payload, 1, 0).firstNullKey).toBe(0);
    }
  });

  test.each([-1, 1, 2, 1000, 0x7fffffff, -0x80000000])("%i headers where there are none", (count) => {
    expectRefused(sized(record({ headers: varint(count) })), 1, 0);
  });

  test.each([
    ["a null key", join(varint(1), varint(-1), varint(0))],
    ["a key past the end", join(varint(1), varint(5), Buffer.from("abc"))],
    ["a key of 2^31-1 bytes", join(varint(1), varint(0x7fffffff), Buffer.from("abc"))],
    ["a value past the end", join(varint(1), varint(1), Buffer.from("a"), varint(2), Buffer.from("b"))],
    ["a value of 2^31-1 bytes", join(varint(1), varint(1), Buffer.from("a"), varint(0x7fffffff))],
    ["no value", join(varint(1), varint(1), Buffer.from("a"))],
    ["one fewer than there are", join(varint(1), varint(0), varint(0), varint(0), varint(0))],
    ["one more than there are", join(varint(2), varint(0), varint(0))],
    ["bytes behind them", join(varint(0), Buffer.from([0]))],
  ])("headers: %s", (_, headers) => {
    expectRefused(sized(record({ headers })), 1, 0);
    expectRefused(join(good, sized(record({ headers }))), 2, 1);
  });

  test("a header's value may be null, its key empty or no UTF-8", () => {
    const headers = join(varint(2), varint(0), varint(-1), varint(2), Buffer.from([0xff, 0xfe]), varint(-5));
    expectAccepted(sized(record({ headers })), 1);
    const [found] = walk(sized(record({ headers })), 1);
    expect(found?.headers).toEqual([
      { key: "", value: null },
      { key: "\ufffd\ufffd", value: null },
    ]);
    expect(found?.encodedHeaders).toEqual(headers);
  });

  test.each(["timestamp", "offset", "key", "value", "headers"] as const)("a %s that is no varint", (part) => {
    expectRefused(sized(record({ [part]: Buffer.alloc(12, 0x80) })), 1, 0);
  });

  test("a length that is no varint", () => {
    expectRefused(Buffer.alloc(20, 0x80), 1, 0);
    expectRefused(join(good, Buffer.alloc(20, 0xff)), 2, 1);
  });

  test("cut at every byte", () => {
    const payload = join(good, sized(record({ headers: join(varint(1), varint(1), Buffer.from("h"), varint(-1)) })));
    for (let cut = 0; cut < payload.length; cut++)
      expectRefused(payload.subarray(0, cut), 2, cut < good.length ? 0 : 1, `${cut}`);
  });

  test("what lies behind the payload in its buffer is not read", () => {
    const behind = join(good, good);
    expectRefused(behind.subarray(0, good.length), 2, 1);
    expectRefused(behind.subarray(0, good.length - 3), 1, 0);
  });
});

describe("B36: counts that lie", () => {
  const good = sized(record());

  test.each([
    [0, 0],
    [1, 0],
    [3, 2],
    [0x7fffffff, 2],
    [-1, 0],
    [-0x80000000, 0],
  ])("%i of two", (count, index) => {
    const payload = join(good, good);
    expect(() => checkRecords(payload, count, 0)).toThrow(expect.objectContaining({ recordIndex: index }));
    if (count !== 0) expect(() => walk(payload, count)).toThrow(InvalidRecordError);
  });

  test("a batch the cleaner left empty has none", () => {
    expectAccepted(Buffer.alloc(0), 0);
    expect(checkRecords(Buffer.alloc(0), 0, 5)).toMatchObject({ minTimestamp: -1, maxTimestamp: -1, firstNullKey: -1 });
  });
});

describe("the summary", () => {
  const withDeltas = (...deltas: number[]) => join(...deltas.map((delta) => sized(record({ offset: varint(delta) }))));

  test.each([
    [[0, 1, 2], true],
    [[0, 2], false],
    [[1, 0], false],
    [[0, 0], false],
    [[0, -1], false],
  ])("B42: offset deltas %j are sequential: %s", (deltas, sequential) => {
    expect(checkRecords(withDeltas(...deltas), deltas.length, 0).sequentialOffsets).toBe(sequential);
  });

  test("ten thousand records, whose deltas take up to three bytes", () => {
    const batch = new RecordBatch(buildRecordBatch(Array.from({ length: 10_000 }, () => ({ value: "x" }))));
    expect(checkRecords(batch.records, 10_000, 0).sequentialOffsets).toBe(true);
    expect([...new RecordIterator(batch, batch.records)].at(-1)?.offset).toBe(9_999);
  });

  test("B43: the smallest and the largest timestamp, saturated", () => {
    const times = (...deltas: number[]) => join(...deltas.map((delta) => sized(record({ timestamp: varlong(delta) }))));
    const base = 1_700_000_000_000;
    expect(checkRecords(times(5, -7, 3), 3, base)).toMatchObject({ minTimestamp: base - 7, maxTimestamp: base + 5 });
    expect(checkRecords(times(-base - 1), 1, base)).toMatchObject({ minTimestamp: -1, maxTimestamp: -1 });
    expect(checkRecords(times(2 ** 53 - 1, -(2 ** 53) + 1), 2, base)).toMatchObject({
      maxTimestamp: Number.MAX_SAFE_INTEGER,
      minTimestamp: -(2 ** 53) + 1 + base,
    });
    const wide = sized(record({ timestamp: Buffer.from("feffffffffffffffff01", "hex") }));
    expect(checkRecords(wide, 1, base).maxTimestamp).toBe(Number.MAX_SAFE_INTEGER);
  });

  test("B46: the first record without a key", () => {
    const keyless = sized(record({ key: varint(-1) }));
    const empty = sized(record({ key: varint(0) }));
    expect(checkRecords(join(empty, keyless, keyless), 3, 0).firstNullKey).toBe(1);
    expect(checkRecords(empty, 1, 0).firstNullKey).toBe(-1);
  });

  test("B39: attributes of a record are given as sent", () => {
    const [found] = walk(sized(record({ attributes: Buffer.from([0xff]) })), 1);
    expect(found?.attributes).toBe(-1);
  });
});
