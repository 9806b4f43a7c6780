/** What a leader makes of a client's bytes before they reach the log: Kafka's answers, as Apache Kafka 4.3.1 gave them. */
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Codec } from "../../../protocol/records/codec.ts";
import {
  ATTRIBUTES_AT,
  BATCH_LENGTH_AT,
  LAST_OFFSET_DELTA_AT,
  RECORD_COUNT_AT,
  RECORDS_AT,
} from "../../../protocol/records/record-batch.ts";
import type { PreparedAppend } from "../../../storage/partition-log.ts";
import { RejectedRecords } from "../../../storage/rejected-records.ts";
import { append, batchesIn, batchOf, batchOfSize, codeOf, readAll, readBytes, recordsIn } from "./log-fixture.ts";
import { batchWith, changed, payloadOf, prepare, three, withLog } from "./odd-batches.ts";

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const { INVALID_RECORD, CORRUPT_MESSAGE, INVALID_TIMESTAMP, MESSAGE_TOO_LARGE } = ErrorCode;

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
