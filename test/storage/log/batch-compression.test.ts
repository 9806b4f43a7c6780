/** Compressed batches: stored as they are, converted, refused; on the loop or off it. */
import { deflateRawSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Codec } from "../../../protocol/records/codec.ts";
import { compress } from "../../../protocol/records/compression.ts";
import { RECORDS_AT } from "../../../protocol/records/record-batch.ts";
import { ComputeRefused } from "../../../storage/compute.ts";
import type { PreparedAppend } from "../../../storage/partition-log.ts";
import {
  append,
  batchesIn,
  batchOf,
  batchOfSize,
  codeOf,
  openLog,
  readAll,
  readBytes,
  surroundings,
} from "./log-fixture.ts";
import { batchWith, changed, payloadOf, prepare, three, withLog } from "./odd-batches.ts";

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const { INVALID_RECORD, INVALID_TIMESTAMP, MESSAGE_TOO_LARGE } = ErrorCode;

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
