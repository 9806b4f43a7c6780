/** What a leader makes of a client's bytes before they reach the log: Kafka's answers, as Apache Kafka 4.3.1 gave them. */
import { deflateRawSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Codec } from "../../../protocol/records/codec.ts";
import { compress } from "../../../protocol/records/compression.ts";
import {
  ATTRIBUTES_AT,
  BATCH_LENGTH_AT,
  LAST_OFFSET_DELTA_AT,
  RECORD_COUNT_AT,
  RECORDS_AT,
  RecordBatch,
} from "../../../protocol/records/record-batch.ts";
import { ComputeRefused } from "../../../storage/compute.ts";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import type { LogConfig } from "../../../storage/log-config.ts";
import type { PreparedAppend } from "../../../storage/partition-log.ts";
import { RejectedRecords } from "../../../storage/rejected-records.ts";
import {
  append,
  batchesIn,
  batchOf,
  batchOfSize,
  codeOf,
  type Fixture,
  openLog,
  readAll,
  readBytes,
  recordsIn,
  surroundings,
} from "./log-fixture.ts";

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const { INVALID_RECORD, CORRUPT_MESSAGE, INVALID_TIMESTAMP, MESSAGE_TOO_LARGE } = ErrorCode;

async function withLog(check: (log: SegmentedLog, around: Fixture) => unknown, config: Partial<LogConfig> = {}) {
  const around = surroundings();
  const log = await openLog(around, { config });
  await check(log, around);
  await log.close();
}

/** Changes a batch and gives it the CRC that belongs to it. */
function changed(batch: Buffer, change: (batch: Buffer) => void): Buffer {
  change(batch);
  new RecordBatch(batch).updateCrc();
  return batch;
}

const prepare = (log: SegmentedLog, records: Buffer, requestVersion = 12) =>
  log.prepare(records, undefined, { origin: "client", requestVersion });

const three = () => batchOf(["a", "b", "c"]);

/** A batch whose records are these bytes. */
function batchWith(payload: Buffer, { codec = 0, count = 1 }: { codec?: number; count?: number } = {}): Buffer {
  const bytes = Buffer.concat([batchOf(["x"]).subarray(0, RECORDS_AT), payload]);
  bytes.writeInt32BE(bytes.length - 12, BATCH_LENGTH_AT);
  bytes.writeInt16BE(codec, ATTRIBUTES_AT);
  bytes.writeInt32BE(count, RECORD_COUNT_AT);
  bytes.writeInt32BE(count - 1, LAST_OFFSET_DELTA_AT);
  new RecordBatch(bytes).updateCrc();
  return bytes;
}

const payloadOf = (batch: Buffer): Buffer => batch.subarray(RECORDS_AT);

describe("the batch as a whole", () => {
  const refused: [string, () => Buffer, number][] = [
    ["B47: no bytes", () => Buffer.alloc(0), INVALID_RECORD],
    ["B47: one byte", () => Buffer.alloc(1), INVALID_RECORD],
    ["B47: a batch cut short", () => three().subarray(0, -1), INVALID_RECORD],
    ["B41: two batches", () => Buffer.concat([three(), three()]), INVALID_RECORD],
    ["B35: length beyond the data", () => withLength(1000), INVALID_RECORD],
    ["B35: length INT_MAX", () => withLength(2 ** 31 - 1), INVALID_RECORD],
    ...[-1, 0, 10, 48, 49].map((length): [string, () => Buffer, number] => [
      `B35: length ${length}`,
      () => withLength(length),
      CORRUPT_MESSAGE,
    ]),
    ["B37: a wrong CRC", () => flipped(three(), 70), CORRUPT_MESSAGE],
    ["B38: magic 0", () => withMagic(0), INVALID_RECORD],
    ["B38: magic 1", () => withMagic(1), INVALID_RECORD],
    ["B38: magic 3", () => withMagic(3), CORRUPT_MESSAGE],
    ["B38: magic -1", () => withMagic(-1), CORRUPT_MESSAGE],
    ["B36: base offset 5", () => batchOf(["a"], { baseOffset: 5 }), INVALID_RECORD],
    [
      "B36: last offset delta 1 of 3",
      () => changed(three(), (b) => b.writeInt32BE(1, LAST_OFFSET_DELTA_AT)),
      INVALID_RECORD,
    ],
    ...[0, -1, 2, 4, 2 ** 31 - 1].map((count): [string, () => Buffer, number] => [
      `B36: count ${count} of 3`,
      () => changed(three(), (b) => b.writeInt32BE(count, RECORD_COUNT_AT)),
      INVALID_RECORD,
    ]),
    [
      "B36: count and delta say 4 of 3",
      () =>
        changed(three(), (b) => {
          b.writeInt32BE(4, RECORD_COUNT_AT);
          b.writeInt32BE(3, LAST_OFFSET_DELTA_AT);
        }),
      INVALID_RECORD,
    ],
    ["B39: the control bit", () => batchOf(["a"], { isControl: true }), INVALID_RECORD],
    ["B39: codec 5", () => changed(three(), (b) => b.writeInt16BE(5, ATTRIBUTES_AT)), INVALID_RECORD],
    ["B39: codec 7", () => changed(three(), (b) => b.writeInt16BE(7, ATTRIBUTES_AT)), INVALID_RECORD],
    [
      "B40: a producer id without a sequence",
      () => batchOf(["a"], { producerId: 1, producerEpoch: 0 }),
      INVALID_RECORD,
    ],
    ["B42: a record length that is no varint", () => batchWith(Buffer.alloc(20, 0xff)), INVALID_RECORD],
    [
      "B42: bytes behind the records",
      () => batchWith(Buffer.concat([payloadOf(batchOf(["x"])), Buffer.alloc(3)])),
      INVALID_RECORD,
    ],
    ["B42: a key length beyond the record", () => batchWith(Buffer.from([14, 0, 0, 0, 100, 1, 0])), INVALID_RECORD],
    [
      "B42: header count INT_MAX",
      () => batchWith(Buffer.from([24, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0])),
      INVALID_RECORD,
    ],
    ["B42: a header without a key", () => batchWith(Buffer.from([16, 0, 0, 0, 1, 1, 2, 1, 1])), INVALID_RECORD],
  ];

  it.each(refused)("%s", async (_, records, code) => {
    await withLog(async (log) => {
      expect(await codeOf(() => prepare(log, records()))).toBe(code);
      expect(log.logEndOffset).toBe(0);
    });
  });

  function withLength(length: number): Buffer {
    return changed(three(), (b) => b.writeInt32BE(length, BATCH_LENGTH_AT));
  }

  function withMagic(magic: number): Buffer {
    const batch = three();
    batch.writeInt8(magic, 16);
    return batch;
  }

  function flipped(batch: Buffer, at: number): Buffer {
    batch[at] = (batch[at] as number) ^ 1;
    return batch;
  }

  it("B36, B42: offsets within an open batch are stored as they were sent, within a compressed one refused", async () => {
    const odd = () => {
      const batch = batchOf(["a", "b"]);
      // The second record's offset delta: its length, attributes and timestamp delta stand before it.
      const second = RECORDS_AT + 1 + ((batch[RECORDS_AT] as number) >> 1);
      return changed(batch, (b) => b.writeUInt8(0, second + 3));
    };
    await withLog(async (log) => {
      append(log, odd());
      const [batch] = batchesIn(await readBytes(log, 0));
      expect(batch === undefined ? [] : recordsIn(batch).map((record) => record.offset)).toEqual([0, 0]);
      expect(log.logEndOffset).toBe(2);
      const gzipped = batchWith(gzipSync(payloadOf(odd())), { codec: Codec.GZIP, count: 2 });
      expect(await codeOf(() => prepare(log, gzipped))).toBe(INVALID_RECORD);
    });
  });

  it("B39, B49: reserved bits, the horizon bit and record attributes are stored as they were sent", async () => {
    await withLog(async (log) => {
      append(
        log,
        changed(three(), (b) => b.writeUInt16BE(0xff40, ATTRIBUTES_AT)),
      );
      expect((await readBytes(log, 0)).readUInt16BE(ATTRIBUTES_AT)).toBe(0xff40);
      append(
        log,
        changed(batchOf(["a"]), (b) => b.writeUInt8(1, RECORDS_AT + 1)),
      );
      expect((await readBytes(log, 3)).readUInt8(RECORDS_AT + 1)).toBe(1);
    });
  });

  it("B45: leader epoch and offset are the log's, the CRC stays the client's", async () => {
    await withLog(async (log) => {
      log.startLeaderEpoch(6);
      append(log, three());
      append(log, batchOf(["d"], { partitionLeaderEpoch: 99 }), { leaderEpoch: 6 });
      const batches = batchesIn(await readBytes(log, 0));
      expect(batches.map((batch) => [batch.baseOffset, batch.partitionLeaderEpoch])).toEqual([
        [0, 6],
        [3, 6],
      ]);
    });
  });

  it("B44: the size as it was sent counts", async () => {
    await withLog(
      async (log) => {
        expect(await codeOf(() => prepare(log, batchOfSize(2000)))).toBe(MESSAGE_TOO_LARGE);
        const packed = batchOf([{ value: Buffer.alloc(100_000, "x"), timestamp: NOW }], { compression: Codec.GZIP });
        expect(packed.length).toBeLessThan(1000);
        append(log, packed);
        log.updateConfig({ ...log.config, compressionType: "uncompressed" });
        expect(await codeOf(() => prepare(log, Buffer.from(packed)))).toBe(MESSAGE_TOO_LARGE);
      },
      { maxMessageBytes: 1000 },
    );
  });

  it("an append larger than a segment is refused", async () => {
    await withLog(
      async (log) => expect(await codeOf(() => append(log, batchOfSize(2000)))).toBe(ErrorCode.RECORD_LIST_TOO_LARGE),
      { segmentBytes: 1000 },
    );
  });

  it("zstd needs Produce 7", async () => {
    await withLog(async (log) => {
      const batch = () => batchOf(["a"], { compression: Codec.ZSTD });
      expect(await codeOf(() => prepare(log, batch(), 6))).toBe(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);
      expect(await codeOf(() => prepare(log, batch(), 7))).toBeUndefined();
    });
  });
});

describe("timestamps", () => {
  const at = (timestamp: number) => batchOf([{ value: "v", timestamp }]);

  it("B43: more than an hour ahead is refused, with the record named", async () => {
    await withLog(async (log) => {
      expect(await codeOf(() => prepare(log, at(NOW + HOUR)))).toBeUndefined();
      for (const timestamp of [NOW + HOUR + 1, Number.MAX_SAFE_INTEGER]) {
        expect(await codeOf(() => prepare(log, at(timestamp)))).toBe(INVALID_TIMESTAMP);
      }
      try {
        await prepare(
          log,
          batchOf([
            { value: "a", timestamp: NOW },
            { value: "b", timestamp: NOW + HOUR + 1 },
          ]),
        );
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(RejectedRecords);
        const { code, message, recordErrors } = error as RejectedRecords;
        expect(code).toBe(INVALID_TIMESTAMP);
        expect(message).toBe("One or more records have been rejected due to invalid timestamp");
        expect(recordErrors).toEqual([
          {
            batchIndex: 1,
            message: `Timestamp ${NOW + HOUR + 1} of message with offset 1 is out of range. The timestamp should be within [${BigInt(NOW) - 9223372036854775807n}, ${NOW + HOUR}]`,
          },
        ]);
      }
    });
  });

  it("B43: 0, -1 and -2 are taken; the largest timestamp is at least -1", async () => {
    await withLog(async (log) => {
      for (const timestamp of [-2, -1, 0]) append(log, at(timestamp));
      const batches = batchesIn(await readBytes(log, 0));
      expect(batches.map((batch) => batch.maxTimestamp)).toEqual([-1, -1, 0]);
    });
  });

  it("message.timestamp.before.max.ms bounds the past, but not records without a timestamp", async () => {
    await withLog(
      async (log) => {
        expect(await codeOf(() => prepare(log, at(NOW - 1001)))).toBe(INVALID_TIMESTAMP);
        expect(await codeOf(() => prepare(log, at(NOW - 1000)))).toBeUndefined();
        expect(await codeOf(() => prepare(log, at(-1)))).toBeUndefined();
        expect(await codeOf(() => prepare(log, at(-2)))).toBe(INVALID_TIMESTAMP);
      },
      { messageTimestampBeforeMaxMs: 1000 },
    );
  });

  it("B43: a lie about the largest timestamp is corrected", async () => {
    await withLog(async (log) => {
      for (const lie of [0, NOW + 99 * HOUR]) {
        append(
          log,
          changed(three(), (b) => b.writeBigInt64BE(BigInt(lie), 35)),
        );
      }
      const batches = batchesIn(await readBytes(log, 0));
      expect(batches.map((batch) => batch.maxTimestamp)).toEqual([NOW, NOW]);
    });
  });

  it("a client's LogAppendTime: cleared on a CreateTime topic, refused without a time and on a LogAppendTime topic", async () => {
    await withLog(async (log) => {
      append(log, batchOf(["a"], { logAppendTimeMs: NOW - 5 }));
      const [batch] = batchesIn(await readBytes(log, 0));
      expect([batch?.timestampType, batch?.maxTimestamp]).toEqual(["CreateTime", NOW - 5]);
      expect(await codeOf(() => prepare(log, batchOf(["a"], { logAppendTimeMs: -1 })))).toBe(INVALID_TIMESTAMP);
      log.updateConfig({ ...log.config, messageTimestampType: "LogAppendTime" });
      expect(await codeOf(() => prepare(log, batchOf(["a"], { logAppendTimeMs: NOW })))).toBe(INVALID_TIMESTAMP);
    });
  });

  it("a LogAppendTime topic gives its own time, and answers it", async () => {
    await withLog(
      async (log, around) => {
        around.clock.advance(77);
        expect(append(log, at(NOW + 99 * HOUR)).logAppendTimeMs).toBe(NOW + 77);
        expect(await readAll(log)).toMatchObject([{ timestamp: NOW + 77 }]);
        const [batch] = batchesIn(await readBytes(log, 0));
        expect([batch?.timestampType, batch?.maxTimestamp]).toEqual(["LogAppendTime", NOW + 77]);
      },
      { messageTimestampType: "LogAppendTime" },
    );
    await withLog((log) => expect(append(log, at(NOW)).logAppendTimeMs).toBe(-1));
  });
});

describe("compacted topics", () => {
  it("B46: a record without a key is refused and named; an empty key and a null value are fine", async () => {
    await withLog(
      async (log) => {
        append(log, batchOf([{ key: "", value: null, timestamp: NOW }]));
        const records = [{ key: "k", value: "v" }, { key: null, value: "v" }, { value: "w" }];
        for (const compression of [Codec.NONE, Codec.GZIP, Codec.ZSTD]) {
          try {
            await prepare(log, batchOf(records, { compression }));
            expect.unreachable();
          } catch (error) {
            const { code, recordErrors } = error as RejectedRecords;
            expect(code).toBe(INVALID_RECORD);
            expect(recordErrors).toEqual(
              [1, 2].map((batchIndex) => ({
                batchIndex,
                message: "Compacted topic cannot accept message without key in topic partition topic-0",
              })),
            );
          }
        }
        const many = batchOf(Array.from({ length: 5000 }, () => ({ value: "v" })));
        expect(() => prepare(log, many)).toThrow(/5000 record errors/);
      },
      { cleanupCompact: true },
    );
  });
});

describe("compression", () => {
  const values = Array.from({ length: 50 }, (_, index) => `value ${index} `.repeat(20));

  it.each([Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD])(
    "codec %i is stored as it was sent",
    async (compression) => {
      await withLog(async (log) => {
        const batch = batchOf(values, { compression });
        const payload = Buffer.from(payloadOf(batch));
        append(log, batch);
        expect(payloadOf(await readBytes(log, 0)).equals(payload)).toBe(true);
        expect((await readAll(log)).map((record) => record.value)).toEqual(values);
      });
    },
  );

  it.each(["uncompressed", "gzip", "snappy", "lz4", "zstd"] as const)(
    "compression.type=%s converts what is not in it",
    async (compressionType) => {
      await withLog(
        async (log) => {
          const codecs = [Codec.NONE, Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD];
          for (const compression of codecs) {
            const producer = { producerId: compression, producerEpoch: 3, baseSequence: 7 };
            append(log, batchOf(values, { compression, ...producer }));
          }
          const batches = batchesIn(await readBytes(log, 0, { maxBytes: 1 << 22 }));
          const wanted = codecs[["uncompressed", "gzip", "snappy", "lz4", "zstd"].indexOf(compressionType)];
          expect(batches.map((batch) => batch.compression)).toEqual(codecs.map(() => wanted));
          expect(batches.map((batch) => [batch.producerId, batch.producerEpoch, batch.baseSequence])).toEqual(
            codecs.map((codec) => [codec, 3, 7]),
          );
          expect(batches.map((batch) => batch.baseOffset)).toEqual([0, 50, 100, 150, 200]);
          const records = await readAll(log);
          expect(records.map((record) => record.value)).toEqual(codecs.flatMap(() => values));
          expect(records.every((record) => record.timestamp === NOW)).toBe(true);
        },
        { compressionType },
      );
    },
  );

  it("a conversion keeps headers, keys, null values and the transaction, and gives append times", async () => {
    await withLog(
      async (log) => {
        const record = {
          key: null,
          value: null,
          timestamp: NOW,
          headers: [
            { key: "h", value: "1" },
            { key: "h", value: null },
          ],
        };
        const verification = log.startVerification(4, 0, 0, false);
        const batch = batchOf([record], { producerId: 4, producerEpoch: 0, baseSequence: 0, isTransactional: true });
        append(log, batch, verification ? { verification } : {});
        const [stored] = batchesIn(await readBytes(log, 0));
        expect([stored?.isTransactional, stored?.timestampType]).toEqual([true, "LogAppendTime"]);
        expect(await readAll(log)).toMatchObject([{ key: null, value: null, timestamp: NOW }]);
        expect(log.hasOpenTransaction(4, 0)).toBe(true);
      },
      { compressionType: "zstd", messageTimestampType: "LogAppendTime" },
    );
  });

  const bad: [string, number, () => Buffer][] = [
    ["B50: not gzip", Codec.GZIP, () => Buffer.from("nothing of the kind")],
    ["B50: gzip cut short", Codec.GZIP, () => gzipSync(payloadOf(three())).subarray(0, 20)],
    ["B50: gzip without a trailer", Codec.GZIP, () => gzipSync(payloadOf(three())).subarray(0, -8)],
    [
      "B50: gzip with a wrong size",
      Codec.GZIP,
      () => {
        const b = gzipSync(payloadOf(three()));
        b.writeUInt32LE(7, b.length - 4);
        return b;
      },
    ],
    ["B51: zstd junk", Codec.ZSTD, () => Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff, 0xff, 0xff])],
    [
      "B52: a snappy chunk length that lies",
      Codec.SNAPPY,
      () => {
        const b = compress(Codec.SNAPPY, payloadOf(three()));
        b.writeInt32BE(2 ** 31 - 1, 16);
        return b;
      },
    ],
    ["B53: lz4 junk", Codec.LZ4, () => Buffer.alloc(30, 7)],
    ["B54: gzip that is zstd", Codec.GZIP, () => compress(Codec.ZSTD, payloadOf(three()))],
    ["B55: a deflate stream without its end", Codec.GZIP, () => deflateRawSync(payloadOf(three())).subarray(0, 5)],
    ["nothing at all", Codec.LZ4, () => Buffer.alloc(0)],
  ];
  it.each(bad)("%s", async (_, codec, payload) => {
    await withLog(async (log) => {
      expect(await codeOf(() => prepare(log, batchWith(payload(), { codec, count: 3 })))).toBe(INVALID_RECORD);
    });
  });

  it("B50: several gzip members, and junk behind the last, are taken as they are", async () => {
    await withLog(async (log) => {
      const payload = payloadOf(three());
      const members = Buffer.concat([
        gzipSync(payload.subarray(0, 9)),
        gzipSync(payload.subarray(9)),
        Buffer.from("junk"),
      ]);
      append(log, batchWith(members, { codec: Codec.GZIP, count: 3 }));
      expect((await readAll(log)).map((record) => record.value)).toEqual(["a", "b", "c"]);
    });
  });

  it("B50: a bomb is refused without taking its size", async () => {
    await withLog(async (log, around) => {
      const bomb = batchOf([{ value: Buffer.alloc(200 << 20), timestamp: NOW }], { compression: Codec.ZSTD });
      const answer = prepare(log, bomb);
      expect(answer).toBeInstanceOf(Promise);
      expect(await codeOf(() => answer)).toBe(MESSAGE_TOO_LARGE);
      expect(around.compute.ran).toBe(1);
    });
  });

  it("what decompresses to little is examined in the turn, what to much elsewhere, with the same answers", async () => {
    await withLog(async (log, around) => {
      const small = batchOf([{ value: Buffer.alloc(200_000), timestamp: NOW }], { compression: Codec.GZIP });
      expect(prepare(log, small)).not.toBeInstanceOf(Promise);
      const large = () => batchOf([{ value: Buffer.alloc(300_000, "l"), timestamp: NOW }], { compression: Codec.GZIP });
      const frame = large();
      const pending = prepare(log, frame);
      expect(pending).toBeInstanceOf(Promise);
      // The frame's memory may be used for the next request meanwhile.
      frame.fill(0xdd);
      log.append((await pending) as PreparedAppend, { leaderEpoch: 0 });
      expect((await readAll(log))[0]?.value).toBe("l".repeat(300_000));
      const broken = changed(large(), (b) => b.fill(0xff, RECORDS_AT + 20, RECORDS_AT + 60));
      expect(await codeOf(() => prepare(log, broken))).toBe(INVALID_RECORD);
      const late = batchOf([{ value: Buffer.alloc(300_000), timestamp: NOW + 99 * HOUR }], { compression: Codec.GZIP });
      await expect(prepare(log, late)).rejects.toMatchObject({
        code: INVALID_TIMESTAMP,
        recordErrors: [{ batchIndex: 0 }],
      });
      expect(around.compute.ran).toBe(2);
    });
  });

  it("a large batch that lies open is examined in the turn, and converted elsewhere", async () => {
    await withLog(async (log, around) => {
      const batch = batchOfSize(900_000);
      expect(prepare(log, batch)).not.toBeInstanceOf(Promise);
      log.updateConfig({ ...log.config, compressionType: "lz4" });
      const prepared = await prepare(log, batch);
      expect(around.compute.ran).toBe(1);
      expect(prepared.records.length).toBeLessThan(10_000);
      log.append(prepared, { leaderEpoch: 0 });
      expect((await readAll(log))[0]?.value?.length).toBe(900_000 - 75);
    });
  });
});

describe("other origins", () => {
  it("a coordinator may write control batches; they are never compressed", async () => {
    await withLog(
      (log) => {
        const batch = batchOf([{ key: Buffer.from([0, 0, 0, 1]), value: Buffer.alloc(6) }], {
          isControl: true,
          isTransactional: true,
          producerId: 1,
          producerEpoch: 0,
        });
        const prepared = log.prepare(batch, undefined, { origin: "coordinator" }) as PreparedAppend;
        expect(log.append(prepared, { leaderEpoch: 0 }).baseOffset).toBe(0);
      },
      { compressionType: "gzip" },
    );
  });

  it("the quorum's leader gives offsets and epoch itself; anything else is refused", async () => {
    await withLog(async (log) => {
      const batches = (baseOffset: number, partitionLeaderEpoch: number) =>
        Buffer.concat([
          batchOf(["a", "b"], { baseOffset, partitionLeaderEpoch }),
          batchOf(["c"], { baseOffset: baseOffset + 2, partitionLeaderEpoch }),
        ]);
      const lead = (records: Buffer) =>
        log.append(log.prepare(records, undefined, { origin: "raftLeader" }) as PreparedAppend, { leaderEpoch: 4 });
      expect(lead(batches(0, 4))).toMatchObject({ baseOffset: 0, lastOffset: 2 });
      expect(await codeOf(() => lead(batches(0, 4)))).toBe(INVALID_RECORD);
      expect(await codeOf(() => lead(batches(3, 3)))).toBe(INVALID_RECORD);
      expect(lead(batches(3, 4))).toMatchObject({ baseOffset: 3, lastOffset: 5 });
      expect(log.leaderEpochs).toEqual([{ leaderEpoch: 4, startOffset: 0 }]);
    });
  });
});

describe("too much work", () => {
  it("when no thread takes the work the producer is told to try again", async () => {
    const compute = {
      run: () => Promise.reject(new ComputeRefused("too much work is waiting")),
      close: async () => {},
    };
    const log = await openLog({ ...surroundings(), compute });
    const batch = batchOf([{ value: Buffer.alloc(300_000), timestamp: NOW }], { compression: Codec.GZIP });
    expect(await codeOf(() => prepare(log, batch))).toBe(ErrorCode.REQUEST_TIMED_OUT);
    expect(log.logEndOffset).toBe(0);
    await log.close();
  });
});
