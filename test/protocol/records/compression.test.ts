/** Every codec both ways, with native code and without: the same corpus, the same refusals. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import { CODEC_NAMES, Codec, codecOfName, isCodec } from "../../../protocol/records/codec.ts";
import { compress, decompress, decompressRecords } from "../../../protocol/records/compression.ts";
import { loadCodecs, OptionalPackage } from "../../../protocol/records/native-modules.ts";
import { RecordBatch } from "../../../protocol/records/record-batch.ts";
import { checkRecords } from "../../../protocol/records/record-check.ts";
import { RecordIterator } from "../../../protocol/records/record-iterator.ts";
import { goldenRecords, goldenSegments } from "../../support/golden-batches.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const CODECS = [Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD] as const;
const ROOM = 4 * 1024 * 1024;
const random = new SeededRandom(20_261_121);

function jsonLines(sizeBytes: number): Buffer {
  let text = "";
  while (text.length < sizeBytes) {
    const id = random.below(1_000_000);
    text += `{"id":${id},"user":"user-${id % 997}","active":${random.oneIn(2)},"note":"the quick brown fox"}\n`;
  }
  return Buffer.from(text.slice(0, sizeBytes));
}

/** Sizes around the chunks of Snappy (32 KiB), the blocks of LZ4 (64 KiB) and of zstd (128 KiB); data that packs well and not at all. */
const CORPUS: readonly (readonly [string, Buffer])[] = [
  ["nothing", Buffer.alloc(0)],
  ["one byte", Buffer.from("x")],
  ["four bytes", Buffer.from("aaaa")],
  ["thirteen bytes", Buffer.from("aaaaaaaaaaaaa")],
  ["a sentence", Buffer.from("the quick brown fox jumps over the lazy dog, the quick brown fox")],
  ["100 zeros", Buffer.alloc(100)],
  ["5 kB of JSON", jsonLines(5_000)],
  ["3 kB at random", random.bytes(3_000)],
  ["one chunk", jsonLines(32_768)],
  ["one chunk and a byte", jsonLines(32_769)],
  ["one block", jsonLines(65_536)],
  ["one block and a byte", jsonLines(65_537)],
  ["70 kB at random", random.bytes(70_000)],
  ["one large block and some", jsonLines(140_000)],
  ["1 MiB of zeros", Buffer.alloc(1 << 20)],
  ["long repeats far apart", Buffer.concat([random.bytes(40_000), Buffer.alloc(200_000, "ab"), jsonLines(40_000)])],
  ["300 kB of JSON", jsonLines(300_000)],
];

const MODES = [
  ["with native code", { native: true }],
  ["without native code", { native: false }],
] as const;

afterEach(() => {
  loadCodecs({ native: true });
});

test("the native packages are there, so that both ways are tested", () => {
  expect(loadCodecs({ native: true })).toEqual({ crc32: true, snappy: true, lz4: true });
  expect(loadCodecs({ native: false })).toEqual({ crc32: false, snappy: false, lz4: false });
});

describe.each(MODES)("%s", (_, mode) => {
  beforeEach(() => {
    loadCodecs(mode);
  });

  describe.each(CODECS.map((codec) => [CODEC_NAMES[codec], codec] as const))("%s", (name, codec) => {
    test("packs and unpacks the corpus, also what the other way packed", () => {
      for (const [title, plain] of CORPUS) {
        const packed = compress(codec, plain);
        expect(decompress(codec, packed, ROOM).equals(plain), title).toBe(true);
        loadCodecs({ native: !mode.native });
        expect(decompress(codec, packed, ROOM).equals(plain), `${title}, read the other way`).toBe(true);
        loadCodecs(mode);
      }
    });

    test("packs and unpacks whatever is repeated however far away", () => {
      for (let run = 0; run < 80; run++) {
        let plain = random.bytes(random.below(300));
        for (let pieces = random.below(30); pieces > 0; pieces--) {
          const start = random.below(plain.length + 1);
          const again = plain.subarray(start, start + random.below(random.pick([8, 80, 800, 8_000])));
          plain = Buffer.concat([plain, random.pick([again, again, random.bytes(random.below(100))])]);
        }
        const packed = compress(codec, plain);
        expect(decompress(codec, packed, ROOM).equals(plain), `run ${run}`).toBe(true);
        loadCodecs({ native: !mode.native });
        expect(decompress(codec, packed, ROOM).equals(plain), `run ${run}, read the other way`).toBe(true);
        loadCodecs(mode);
      }
    });

    test("makes repeats small", () => {
      const plain = jsonLines(100_000);
      expect(compress(codec, plain).length).toBeLessThan(plain.length / 2);
    });

    test("does not make random bytes much larger", () => {
      const plain = random.bytes(100_000);
      expect(compress(codec, plain).length).toBeLessThan(plain.length + 200);
    });

    test("takes pieces as if they were one", () => {
      const [first, second] = [jsonLines(1_000), jsonLines(2_000)];
      const packed = compress(codec, [first, second]);
      expect(decompress(codec, packed, ROOM)).toEqual(Buffer.concat([first, second]));
      expect(compress(codec, [first])).toEqual(compress(codec, first));
      expect(decompress(codec, compress(codec, []), ROOM)).toEqual(Buffer.alloc(0));
    });

    test("gives no byte more than allowed", () => {
      for (const [title, plain] of CORPUS.filter(([, bytes]) => bytes.length > 0)) {
        const packed = compress(codec, plain);
        expect(decompress(codec, packed, plain.length).length, title).toBe(plain.length);
        const refusal = expect.objectContaining({ name: "CompressionError", reason: "tooLarge" });
        expect(() => decompress(codec, packed, plain.length - 1), title).toThrow(refusal);
        expect(() => decompress(codec, packed, 0), title).toThrow(refusal);
      }
    });

    test("B55: cut at any byte it is refused, or gives less", () => {
      const plain = jsonLines(400);
      const packed = compress(codec, plain);
      for (let cut = 0; cut < packed.length; cut++) {
        const unpacked = outcome(codec, packed.subarray(0, cut));
        // A Snappy stream of a header and no whole chunk, and a zstd payload of no frame, hold nothing.
        const holdsNothing = codec === Codec.SNAPPY ? cut >= 16 && cut < 20 : codec === Codec.ZSTD && cut === 0;
        expect(unpacked, `${cut} of ${packed.length}`).toEqual(holdsNothing ? Buffer.alloc(0) : "corrupt");
      }
    });

    test("any bit flipped it is refused, or gives some other bytes; gzip never gives wrong ones", () => {
      const plain = jsonLines(150);
      const packed = compress(codec, plain);
      for (let bit = 0; bit < packed.length * 8; bit++) {
        const flipped = Buffer.from(packed);
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
        const unpacked = outcome(codec, flipped);
        if (codec === Codec.GZIP && Buffer.isBuffer(unpacked)) expect(unpacked.equals(plain), `bit ${bit}`).toBe(true);
      }
    });

    test("B54: what another codec wrote is refused", () => {
      const plain = jsonLines(2_000);
      for (const other of CODECS.filter((id) => id !== codec)) {
        expect(outcome(codec, compress(other, plain)), CODEC_NAMES[other]).toBe("corrupt");
      }
      expect(outcome(codec, plain)).toBe("corrupt");
      for (let i = 0; i < 200; i++) expect(outcome(codec, random.bytes(random.below(300)))).toBeDefined();
    });

    test("reads what Kafka's Java client wrote", () => {
      const { bytes, batches } = goldenSegments().find(({ file }) => file.startsWith(`codec-${name}`)) as ReturnType<
        typeof goldenSegments
      >[number];
      const values = batches.flatMap(({ position }) => {
        const batch = new RecordBatch(bytes, position);
        const records = new RecordIterator(batch, decompressRecords(batch, ROOM));
        return [...records].map(({ key, value }) => `${key} ${value}`);
      });
      const number = (i: number) => `${i}`.padStart(2, "0");
      expect(values).toEqual(
        Array.from({ length: 20 }, (_, i) => `k${number(i)} value-${number(i)}-${"x".repeat(50)}`),
      );
    });
  });

  test("reads every batch that every client sent or was sent, and packs it again", () => {
    const seen = new Set<string>();
    for (const { client, apiName, records } of goldenRecords())
      for (const batch of new BatchIterator(records)) {
        const codec = batch.compression;
        if (codec === Codec.NONE || !isCodec(codec)) continue;
        expect(batch.checkCrc()).toBe(true);
        const payload = decompressRecords(batch, ROOM);
        checkRecords(payload, batch.recordCount, batch.baseTimestamp);
        expect([...new RecordIterator(batch, payload)]).toHaveLength(batch.recordCount);
        expect(decompress(codec, compress(codec, payload), ROOM).equals(payload)).toBe(true);
        if (apiName === "Produce") seen.add(`${client.replace("-three-nodes", "")} ${CODEC_NAMES[codec]}`);
      }
    expect([...seen].sort()).toEqual(CLIENT_CODECS);
  });

  test("levels of gzip and zstd change the size, not what is read", () => {
    const plain = jsonLines(50_000);
    const sizes = (codec: Codec, levels: readonly number[]) =>
      levels.map((level) => {
        const packed = compress(codec, plain, level);
        expect(decompress(codec, packed, ROOM).equals(plain), `${level}`).toBe(true);
        return packed.length;
      });
    const [fast = 0, usual = 0, best = 0] = sizes(Codec.GZIP, [1, -1, 9]);
    expect(fast).toBeGreaterThan(usual);
    expect(fast).toBeGreaterThan(best);
    const [fastest = 0, default3 = 0, slow = 0] = sizes(Codec.ZSTD, [-131_072, 3, 19]);
    expect(fastest).toBeGreaterThan(default3);
    expect(default3).toBeGreaterThan(slow);
    expect(compress(Codec.ZSTD, plain).length).toBe(default3);
    expect(compress(Codec.GZIP, plain).length).toBe(usual);
    expect(sizes(Codec.LZ4, [1, 17])).toHaveLength(2);
  });
});

test("a package that is not there, or not what it was, is none", () => {
  expect(new OptionalPackage("a-package-no-one-has", "crc32c").module).toBeUndefined();
  expect(new OptionalPackage<{ noSuchFunction(): void }>("@node-rs/crc32", "noSuchFunction").module).toBeUndefined();
});

test("B39: codecs 5 to 7 are none", () => {
  for (const codec of [5, 6, 7])
    expect(() => decompress(codec, Buffer.alloc(10), ROOM)).toThrow(
      expect.objectContaining({ name: "CompressionError", reason: "unsupported" }),
    );
});

test("without a codec the payload is what it is", () => {
  const payload = random.bytes(100);
  expect(decompress(Codec.NONE, payload, 10)).toBe(payload);
  expect(compress(Codec.NONE, payload)).toBe(payload);
});

test("names of codecs are Kafka's", () => {
  expect(CODEC_NAMES.map(codecOfName)).toEqual([0, 1, 2, 3, 4]);
  expect(codecOfName("producer")).toBeUndefined();
  expect(codecOfName("constructor")).toBeUndefined();
});

/** What came out, or why nothing did; anything but a CompressionError is a bug. */
function outcome(codec: Codec, packed: Buffer): Buffer | string {
  try {
    return decompress(codec, packed, ROOM);
  } catch (error) {
    expect(error).toMatchObject({ name: "CompressionError" });
    const { reason } = error as { reason: string };
    return reason === "unsupported" ? "corrupt" : reason;
  }
}

/** Which client sent which codec, of those recorded. */
const CLIENT_CODECS = [
  "aiokafka-0.14.0 gzip",
  "aiokafka-0.14.0 lz4",
  "aiokafka-0.14.0 snappy",
  "aiokafka-0.14.0 zstd",
  "apache-kafka-java-4.3.1 gzip",
  "apache-kafka-java-4.3.1 lz4",
  "apache-kafka-java-4.3.1 snappy",
  "apache-kafka-java-4.3.1 zstd",
  "confluent-kafka-python-2.16.1 gzip",
  "confluent-kafka-python-2.16.1 lz4",
  "confluent-kafka-python-2.16.1 snappy",
  "confluent-kafka-python-2.16.1 zstd",
  "franz-go-1.22.2 gzip",
  "franz-go-1.22.2 lz4",
  "franz-go-1.22.2 snappy",
  "franz-go-1.22.2 zstd",
  "kafka-go-0.4.51 gzip",
  "kafka-go-0.4.51 lz4",
  "kafka-go-0.4.51 snappy",
  "kafka-go-0.4.51 zstd",
  "kafka-python-3.0.12 gzip",
  "kafka-python-3.0.12 lz4",
  "kafka-python-3.0.12 snappy",
  "kafka-python-3.0.12 zstd",
  "kafkajs-2.2.4 gzip",
  "kcat-1.7.1 gzip",
  "kcat-1.7.1 lz4",
  "kcat-1.7.1 snappy",
  "kcat-1.7.1 zstd",
  "platformatic-kafka-1.35.0 gzip",
  "platformatic-kafka-1.35.0 lz4",
  "platformatic-kafka-1.35.0 snappy",
  "sarama-1.61.1 gzip",
  "sarama-1.61.1 lz4",
  "sarama-1.61.1 snappy",
  "sarama-1.61.1 zstd",
];
