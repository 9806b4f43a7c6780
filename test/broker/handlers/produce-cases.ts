/** What Apache Kafka answers to Produce: good, odd and damaged (B35 to B55). Tried on Apache Kafka itself, and on ours. */
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import { Codec } from "../../../protocol/records/codec.ts";
import { compress } from "../../../protocol/records/compression.ts";
import { RECORDS_AT, RecordBatch } from "../../../protocol/records/record-batch.ts";
import { buildRecordBatch } from "../../../protocol/records/record-batch-builder.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { batchOf, batchOfBytes, changed, withPayload } from "../../support/batches.ts";
import { type DataPlane, differs, newTopic } from "../../support/data-plane.ts";
import { XERIAL_HEADER, xerialChunk } from "../../support/hand-made-frames.ts";
import { WireAsker } from "../../support/wire-asker.ts";

type PartitionAnswer = Decode<(typeof Produce)["response"]>["responses"][number]["partitionResponses"][number];

const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAABAA";
const HOUR_MS = 3_600_000;

interface Sent {
  readonly topic?: string;
  readonly topicId?: string;
  readonly partition?: number;
  readonly records: Buffer | null;
  readonly acks?: number;
  readonly version?: number;
  readonly transactionalId?: string | null;
  readonly clientId?: string;
}

function requestOf(sent: Sent): Encode<(typeof Produce)["request"]> {
  const { topic = "", topicId, partition = 0, records, acks = -1, transactionalId = null } = sent;
  const partitionData = [{ index: partition, records }];
  const named = topicId === undefined ? { name: topic } : { topicId };
  return { transactionalId, acks, timeoutMs: 5000, topicData: [{ ...named, partitionData }] };
}

export async function produce(plane: DataPlane, sent: Sent): Promise<PartitionAnswer> {
  using asker = await WireAsker.open(plane.address);
  const options = sent.clientId === undefined ? {} : { clientId: sent.clientId };
  const { responses } = await asker.ask(Produce, sent.version ?? 9, requestOf(sent), options);
  const [answer, ...more] = responses.flatMap((topic) => topic.partitionResponses);
  if (answer === undefined || more.length > 0) throw new Error("not one answer");
  return answer;
}

/** The stored bytes from an offset on. */
export async function stored(plane: DataPlane, topic: string, fetchOffset = 0): Promise<RecordBatch[]> {
  using asker = await WireAsker.open(plane.address);
  const answer = await asker.ask(Fetch, 11, {
    ...{ maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 24, forgottenTopicsData: [] },
    topics: [{ topic, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 24 }] }],
  });
  const bytes = answer.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0);
  const batches: RecordBatch[] = [];
  for (let at = 0; at < bytes.length; ) {
    const batch = new RecordBatch(Buffer.from(bytes.subarray(at, at + new RecordBatch(bytes, at).sizeBytes)));
    batches.push(batch);
    at += batch.sizeBytes;
  }
  return batches;
}

/** Rows about one topic: what is sent, and the code it gets. */
export function produceCases(planeOf: () => DataPlane): void {
  const topicOf = async (configs: Readonly<Record<string, string>> = {}, partitionCount = 1): Promise<string> =>
    (await newTopic(planeOf(), { configs, partitionCount })).name;
  /** One topic for all who only look at codes. */
  let shared: Promise<string> | undefined;
  const code = async (records: Buffer | null, sent: Partial<Sent> = {}): Promise<number> => {
    shared ??= topicOf();
    return (await produce(planeOf(), { topic: await shared, records, ...sent })).errorCode;
  };
  const ours = <T>(apacheKafka: T, instead: T): T => differs(planeOf(), apacheKafka, instead);

  test("every version answers with what it has room for", async () => {
    const { name, topicId } = await newTopic(planeOf());
    for (let version = 3; version <= 13; version++) {
      const named = version >= 13 ? { topicId } : { topic: name };
      const answer = await produce(planeOf(), { ...named, records: batchOf(["a", "b"]), version });
      const logStartOffset = version >= 5 ? 0 : -1;
      expect(answer).toMatchObject({
        ...{ index: 0, errorCode: ErrorCode.NONE, baseOffset: 2 * (version - 3), logAppendTimeMs: -1, logStartOffset },
        ...{ recordErrors: [], errorMessage: null, currentLeader: { leaderId: -1, leaderEpoch: -1 } },
      });
    }
  });

  test("unknown topics and partitions", async () => {
    const records = batchOf(["a"]);
    const nowhere = { baseOffset: -1, logStartOffset: -1, logAppendTimeMs: -1, errorMessage: null };
    for (const sent of [{ topic: "no-such-topic" }, { partition: 7 }, { partition: -1 }, { topic: "a/b" }]) {
      const answer = await produce(planeOf(), { topic: await topicOf(), records, ...sent });
      expect(answer).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ...nowhere });
    }
    for (const topicId of [UNKNOWN_ID, ZERO_UUID]) {
      const answer = await produce(planeOf(), { topicId, records, version: 13 });
      expect(answer).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_ID, ...nowhere });
    }
  });

  test("B48: acks that there are not; a partition that there is not comes first", async () => {
    for (const acks of [2, -2, 127]) expect(await code(batchOf(["a"]), { acks })).toBe(ErrorCode.INVALID_REQUIRED_ACKS);
    expect(await code(batchOf(["a"]), { acks: 2, partition: 7 })).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });

  test("B48: acks=0 is not answered, and an error closes the connection", async () => {
    const topic = await topicOf();
    using asker = await WireAsker.open(planeOf().address);
    asker.send(Produce, 9, requestOf({ topic, records: batchOf(["unanswered"]), acks: 0 }));
    const { responses } = await asker.ask(Produce, 9, requestOf({ topic, records: batchOf(["b"]), acks: 1 }));
    expect(responses[0]?.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: 1 });
    asker.send(Produce, 9, requestOf({ topic, partition: 3, records: batchOf(["c"]), acks: 0 }));
    expect(await asker.closed()).toEqual({ unreadBytes: 0 });
  });

  test("B47, B41: not one whole batch", async () => {
    const batch = batchOf(["a"]);
    const legacy = changed(batchOf(["b"]), (bytes) => bytes.writeInt8(1, 16));
    for (const records of [
      Buffer.alloc(0),
      Buffer.alloc(1),
      batch.subarray(0, 60),
      batch.subarray(0, batch.length - 1),
      Buffer.concat([batch, batchOf(["b"])]),
      Buffer.concat([batch, legacy]),
    ]) {
      expect(await code(records)).toBe(ErrorCode.INVALID_RECORD);
    }
  });

  test("B38: other formats", async () => {
    for (const [magic, expected] of [
      [0, ErrorCode.INVALID_RECORD],
      [1, ErrorCode.INVALID_RECORD],
      [3, ErrorCode.CORRUPT_MESSAGE],
      [-1, ErrorCode.CORRUPT_MESSAGE],
    ] as const) {
      expect(await code(changed(batchOf(["a"]), (bytes) => bytes.writeInt8(magic, 16)))).toBe(expected);
    }
  });

  test("B37: a wrong CRC", async () => {
    const records = Buffer.from(batchOf(["a"]));
    records[records.length - 1] = 0x7f;
    const answer = await produce(planeOf(), { topic: await topicOf(), records });
    expect(answer).toMatchObject({ errorCode: ErrorCode.CORRUPT_MESSAGE, baseOffset: -1, logStartOffset: -1 });
  });

  test("B35: lengths that are none", async () => {
    const length = (batchLength: number) => changed(batchOf(["a"]), (bytes) => bytes.writeInt32BE(batchLength, 8));
    for (const batchLength of [-1, 0, 10, 48]) expect(await code(length(batchLength))).toBe(ErrorCode.CORRUPT_MESSAGE);
    const headerAlone = Buffer.from(batchOf(["a"]));
    headerAlone.writeInt32BE(49, 8);
    expect(await code(headerAlone)).toBe(ErrorCode.CORRUPT_MESSAGE); // its CRC is of more
    expect(await code(length(49))).toBe(ErrorCode.INVALID_RECORD);
    expect(await code(length(10_000))).toBe(ErrorCode.INVALID_RECORD);
    expect(await code(length(0x7fffffff))).toBe(ours(ErrorCode.UNKNOWN_SERVER_ERROR, ErrorCode.INVALID_RECORD));
  });

  test("B36: offsets and counts that do not fit", async () => {
    const batch = batchOf(["a", "b"]);
    const counted = (count: number, delta: number) =>
      changed(batch, (bytes) => {
        bytes.writeInt32BE(delta, 23);
        bytes.writeInt32BE(count, 57);
      });
    for (const records of [
      changed(batch, (_, view) => {
        view.baseOffset = 5;
      }),
      counted(2, 5),
      counted(2, 0),
      counted(0, -1),
      counted(0, 0),
      counted(-1, -2),
      counted(0x7fffffff, 0x7ffffffe),
      counted(3, 2),
      counted(1, 0),
    ]) {
      expect(await code(records)).toBe(ErrorCode.INVALID_RECORD);
    }
  });

  test("B42: records that are damaged inside", async () => {
    const record = (...bytes: number[]) => withPayload(Buffer.from(bytes));
    for (const records of [
      record(200, 200, 1, 0, 0, 0, 1, 1, 0), // longer than the batch
      record(1, 0, 0, 0, 1, 1, 0), // a negative length
      record(12, 0, 0, 0, 60, 1, 0), // a key longer than the record
      record(12, 0, 0, 0, 1, 1, 60), // more headers than there is room for
      record(16, 0, 0, 0, 1, 1, 2, 1, 1), // a header without a key
      record(14, 0, 0, 0, 1, 1, 0, 0), // a byte left in the record
      record(12, 0, 0, 0, 1, 1, 0, 9), // a byte left behind the records
    ]) {
      expect(await code(records)).toBe(ErrorCode.INVALID_RECORD);
    }
  });

  test("B42: inner offsets that are not 0, 1, ...: stored as sent when they lie open", async () => {
    const plane = planeOf();
    for (const [first, second] of [
      [0, 2],
      [1, 0],
      [0, 0],
    ] as const) {
      const records = withPayload(Buffer.from([12, 0, 0, 2 * first, 1, 1, 0, 12, 0, 0, 2 * second, 1, 1, 0]), 0, 2);
      const topic = await topicOf();
      expect(await produce(plane, { topic, records })).toMatchObject({ errorCode: 0, baseOffset: 0 });
      expect(await produce(plane, { topic, records: batchOf(["next"]) })).toMatchObject({
        errorCode: 0,
        baseOffset: 2,
      });
      expect((await stored(plane, topic))[0]?.buffer.subarray(RECORDS_AT)).toEqual(records.subarray(RECORDS_AT));
    }
    const hidden = gzipSync(Buffer.from([12, 0, 0, 0, 1, 1, 0, 12, 0, 0, 4, 1, 1, 0]));
    const refused = ours(ErrorCode.UNKNOWN_SERVER_ERROR, ErrorCode.INVALID_RECORD);
    expect(await code(withPayload(hidden, Codec.GZIP, 2))).toBe(refused);
  });

  test("B39, B49: bits without a meaning are stored as sent", async () => {
    const plane = planeOf();
    const topic = await topicOf();
    for (const bit of [0x80, 0x100, 0x4000, 0x40]) {
      const records = changed(batchOf(["a"]), (bytes) => bytes.writeInt16BE(bit, 21));
      const { errorCode, baseOffset } = await produce(plane, { topic, records });
      expect(errorCode).toBe(0);
      expect((await stored(plane, topic, baseOffset))[0]?.buffer.readInt16BE(21)).toBe(bit);
    }
    expect(await code(withPayload(Buffer.from([12, 1, 0, 0, 1, 1, 0])))).toBe(0);
  });

  test("B39: codecs that there are not, and control batches", async () => {
    for (const codec of [5, 6, 7]) {
      const records = changed(batchOf(["a"]), (bytes) => bytes.writeInt16BE(codec, 21));
      expect(await code(records)).toBe(ours(ErrorCode.UNKNOWN_SERVER_ERROR, ErrorCode.INVALID_RECORD));
    }
    expect(await code(batchOf(["a"], { isControl: true }))).toBe(ErrorCode.INVALID_RECORD);
    const marker = batchOf(["a"], { isControl: true, isTransactional: true });
    expect(await code(marker)).toBe(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
  });

  test("B40: producers that lack something", async () => {
    const transactional = { producerId: 1, producerEpoch: 0, baseSequence: 0, isTransactional: true };
    expect(await code(batchOf(["a"], transactional))).toBe(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    const producer = (producerId: number, producerEpoch: number, baseSequence: number) =>
      batchOf(["a"], { producerId, producerEpoch, baseSequence });
    expect(await code(producer(9_000_001, 0, -1))).toBe(ErrorCode.INVALID_RECORD);
    expect(await code(producer(9_000_002, -1, 0))).toBe(0);
    expect(await code(producer(-1, 0, 5))).toBe(0);
    expect(await code(producer(-2, 0, 0))).toBe(0);
  });

  test("B43: timestamps", async () => {
    const plane = planeOf();
    const topic = await topicOf();
    for (const timestamp of [-2, -1, 0]) {
      const { errorCode, baseOffset } = await produce(plane, { topic, records: batchOf([{ value: "a", timestamp }]) });
      expect(errorCode).toBe(0);
      expect((await stored(plane, topic, baseOffset))[0]?.maxTimestamp).toBe(timestamp === -2 ? -1 : timestamp);
    }
    const records = batchOf([{ value: "good" }, { value: "late", timestamp: Date.now() + 2 * HOUR_MS }]);
    const answer = await produce(plane, { topic, records, version: 9 });
    expect(answer).toMatchObject({
      ...{ errorCode: ErrorCode.INVALID_TIMESTAMP, baseOffset: -1, logStartOffset: 0 },
      recordErrors: [{ batchIndex: 1 }],
      errorMessage: "One or more records have been rejected due to invalid timestamp",
    });
    expect(answer.recordErrors[0]?.batchIndexErrorMessage).toContain("is out of range");
    const { recordErrors, errorMessage } = await produce(plane, { topic, records, version: 7 });
    expect([recordErrors, errorMessage]).toEqual([[], null]);
    const farthest = changed(batchOf(["a"]), (bytes) => {
      bytes.writeBigInt64BE(0x7fffffffffffffffn, 27);
      bytes.writeBigInt64BE(0x7fffffffffffffffn, 35);
    });
    expect(await code(farthest)).toBe(ErrorCode.INVALID_TIMESTAMP);
  });

  test("B43: a lie about the largest timestamp is corrected", async () => {
    const plane = planeOf();
    const topic = await topicOf();
    const timestamp = Date.now();
    for (const lie of [timestamp - 5000, timestamp + 5000]) {
      const records = changed(batchOf([{ value: "a", timestamp }]), (bytes) => bytes.writeBigInt64BE(BigInt(lie), 35));
      const { baseOffset } = await produce(plane, { topic, records });
      expect((await stored(plane, topic, baseOffset))[0]?.maxTimestamp).toBe(timestamp);
    }
  });

  test("the time of the append", async () => {
    const plane = planeOf();
    const createTime = await topicOf();
    const claims = buildRecordBatch([{ value: "a", timestamp: Date.now() }], { logAppendTimeMs: Date.now() });
    expect(await produce(plane, { topic: createTime, records: claims })).toMatchObject({
      errorCode: 0,
      logAppendTimeMs: -1,
    });
    expect((await stored(plane, createTime))[0]?.buffer.readInt16BE(21)).toBe(0);
    const claimsNothing = changed(batchOf([{ value: "a", timestamp: -1 }]), (bytes) => bytes.writeInt16BE(8, 21));
    expect(await code(claimsNothing)).toBe(ErrorCode.INVALID_TIMESTAMP);
    const topic = await topicOf({ "message.timestamp.type": "LogAppendTime" });
    expect((await produce(plane, { topic, records: claims })).errorCode).toBe(ErrorCode.INVALID_TIMESTAMP);
    const before = Date.now();
    const { errorCode, logAppendTimeMs } = await produce(plane, { topic, records: batchOf(["a"]) });
    expect(errorCode).toBe(0);
    expect(logAppendTimeMs).toBeGreaterThanOrEqual(before - 1000);
    const [batch] = await stored(plane, topic);
    expect([batch?.buffer.readInt16BE(21), batch?.maxTimestamp]).toEqual([8, logAppendTimeMs]);
  });

  test("B44: larger than max.message.bytes, as sent and as stored", async () => {
    const plane = planeOf();
    const topic = await topicOf({ "max.message.bytes": "1000" });
    expect(await produce(plane, { topic, records: batchOfBytes(1001) })).toMatchObject({
      ...{ errorCode: ErrorCode.MESSAGE_TOO_LARGE, logStartOffset: -1, errorMessage: null },
    });
    expect((await produce(plane, { topic, records: batchOfBytes(1000) })).errorCode).toBe(0);
    const packed = batchOf(["x".repeat(100_000)], { compression: Codec.GZIP });
    expect(packed.length).toBeLessThan(1000);
    expect((await produce(plane, { topic, records: packed })).errorCode).toBe(0);
    const unpacking = await topicOf({ "max.message.bytes": "1000", "compression.type": "uncompressed" });
    expect((await produce(plane, { topic: unpacking, records: packed })).errorCode).toBe(ErrorCode.MESSAGE_TOO_LARGE);
  });

  test("B45: a leader epoch from the client is overwritten", async () => {
    const plane = planeOf();
    const topic = await topicOf();
    await produce(plane, { topic, records: batchOf(["a"], { partitionLeaderEpoch: 77 }) });
    expect((await stored(plane, topic))[0]?.partitionLeaderEpoch).toBe(0);
  });

  test("B46: a compacted topic takes no record without a key", async () => {
    const plane = planeOf();
    const topic = await topicOf({ "cleanup.policy": "compact" });
    const records = batchOf([
      { key: "k", value: "v" },
      { key: null, value: "v" },
      { key: null, value: null },
    ]);
    for (const version of [3, 8, 9]) {
      const answer = await produce(plane, { topic, records, version });
      expect(answer.errorCode).toBe(ErrorCode.INVALID_RECORD);
      expect(answer.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual(version >= 8 ? [1, 2] : []);
      if (version >= 8) expect(answer.errorMessage).toMatch(/^One or more records have been rejected/);
    }
    const good = batchOf([
      { key: "", value: "v" },
      { key: "k", value: null },
    ]);
    expect((await produce(plane, { topic, records: good })).errorCode).toBe(0);
  });

  test("zstd needs version 7", async () => {
    const records = batchOf(["a"], { compression: Codec.ZSTD });
    expect(await code(records, { version: 6 })).toBe(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);
    expect(await code(records, { version: 7 })).toBe(0);
  });

  test("B50 to B55: streams that do not decompress", async () => {
    const one = Buffer.from([12, 0, 0, 0, 1, 1, 0]);
    const gzip = gzipSync(one);
    const damaged = (at: number) => {
      const copy = Buffer.from(gzip);
      copy[copy.length + at] = (copy[copy.length + at] as number) ^ 0xff;
      return copy;
    };
    const bad: readonly (readonly [string, Codec, Buffer])[] = [
      ["gzip: none", Codec.GZIP, Buffer.from("this is no gzip stream")],
      ["gzip: zstd inside", Codec.GZIP, compress(Codec.ZSTD, one)],
      ["gzip: cut", Codec.GZIP, gzip.subarray(0, 12)],
      ["gzip: no trailer", Codec.GZIP, gzip.subarray(0, gzip.length - 8)],
      ["gzip: wrong CRC", Codec.GZIP, damaged(-8)],
      ["gzip: wrong size", Codec.GZIP, damaged(-4)],
      [
        "snappy: a chunk longer than what is there",
        Codec.SNAPPY,
        Buffer.concat([XERIAL_HEADER, xerialChunk(one, 0x7fffffff)]),
      ],
      ["snappy: a lie about the length", Codec.SNAPPY, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0])],
      ["lz4: junk", Codec.LZ4, Buffer.from("this is no lz4 frame at all")],
      ["lz4: nothing", Codec.LZ4, Buffer.alloc(0)],
      ["zstd: junk", Codec.ZSTD, Buffer.from("this is no zstd frame")],
      ["zstd: a window of 2 GiB", Codec.ZSTD, Buffer.from("28b52ffd00a801000061", "hex")],
    ];
    for (const [name, codec, payload] of bad) {
      const got = await code(withPayload(payload, codec));
      // Which of the fitting codes it is, is for the reader of the codec to say.
      const fitting: readonly number[] = planeOf().isApacheKafka
        ? [ErrorCode.UNKNOWN_SERVER_ERROR]
        : [ErrorCode.INVALID_RECORD, ErrorCode.CORRUPT_MESSAGE];
      expect([name, fitting.includes(got)]).toEqual([name, true]);
    }
    const members = Buffer.concat([gzipSync(one.subarray(0, 3)), gzipSync(one.subarray(3))]);
    expect(await code(withPayload(members, Codec.GZIP))).toBe(0);
    expect(await code(withPayload(Buffer.concat([gzip, Buffer.from("junk")]), Codec.GZIP))).toBe(0);
    expect(await code(withPayload(gzipSync(Buffer.concat([one, one])), Codec.GZIP))).toBe(ErrorCode.INVALID_RECORD);
    expect(await code(withPayload(compress(Codec.SNAPPY, one), Codec.SNAPPY))).toBe(0);
  });

  test("B88: internal topics are written by Kafka's own tools only", async () => {
    await planeOf().createTopic("__transaction_state", 1, { "cleanup.policy": "compact" });
    const sent = { topic: "__transaction_state", records: batchOf(["a"]) };
    expect(await produce(planeOf(), sent)).toMatchObject({
      ...{ errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION, logStartOffset: -1, errorMessage: null },
    });
    expect((await produce(planeOf(), { ...sent, clientId: "__admin_client" })).errorCode).toBe(0);
  });

  test("each partition has its own answer, and one named twice has one", async () => {
    const plane = planeOf();
    const topic = await topicOf({}, 3);
    using asker = await WireAsker.open(plane.address);
    const bad = Buffer.from(batchOf(["bad"]));
    bad[bad.length - 1] = 0x7f;
    const partitionData = [
      { index: 0, records: batchOf(["a"]) },
      { index: 1, records: bad },
      { index: 9, records: batchOf(["nowhere"]) },
      { index: 2, records: batchOf(["first"]) },
      { index: 2, records: batchOf(["second", "third"]) },
    ];
    const { responses } = await asker.ask(Produce, 9, {
      ...{ transactionalId: null, acks: -1, timeoutMs: 5000 },
      topicData: [{ name: topic, partitionData }],
    });
    const answers = responses.flatMap(({ partitionResponses }) => partitionResponses);
    const codes = answers.map(({ index, errorCode }) => [index, errorCode] as const).sort(([a], [b]) => a - b);
    expect(codes).toEqual([
      [0, ErrorCode.NONE],
      [1, ErrorCode.CORRUPT_MESSAGE],
      [2, ErrorCode.NONE],
      [9, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ]);
    const next = await asker.ask(Produce, 9, requestOf({ topic, partition: 2, records: batchOf(["next"]) }));
    expect(next.responses[0]?.partitionResponses[0]?.baseOffset).toBe(2); // the last mention was appended, once
  });
}
