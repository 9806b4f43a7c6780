/**
 * Our records against Apache Kafka's own reader and writer, which a Java program lends us: what we write it reads, what it writes
 * we read, and what is malformed both refuse.
 */
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import { CODEC_NAMES, Codec } from "../../../protocol/records/codec.ts";
import { compress, decompress, decompressRecords } from "../../../protocol/records/compression.ts";
import { buildEndTransactionBatch, buildQuorumControlBatch } from "../../../protocol/records/control-record.ts";
import { loadCodecs } from "../../../protocol/records/native-modules.ts";
import { addToSequence, RecordBatch } from "../../../protocol/records/record-batch.ts";
import { buildRecordBatch, RecordBatchBuilder } from "../../../protocol/records/record-batch-builder.ts";
import { checkRecords } from "../../../protocol/records/record-check.ts";
import { RecordIterator } from "../../../protocol/records/record-iterator.ts";
import type { Program } from "../../support/programs.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { describeWith } from "../support/toolchain.ts";

const JAVA_PROGRAM = fileURLToPath(new URL("KafkaRecords.java", import.meta.url));
const CODECS = [Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD] as const;
const ROOM = 64 << 20;
const MALFORMED_STREAMS = 2_000;
const MALFORMED_BATCHES = 3_000;
const NOW = 1_700_000_000_000;

const random = new SeededRandom(7);
const text = (sizeBytes: number) => {
  let all = "";
  while (all.length < sizeBytes) all += `${random.below(10_000)} the quick brown fox ${random.below(100)};`;
  return Buffer.from(all.slice(0, sizeBytes));
};
const CORPUS = [
  Buffer.alloc(0),
  Buffer.from("x"),
  text(100),
  random.bytes(3_000),
  text(32_768),
  text(65_537),
  random.bytes(70_000),
  Buffer.alloc(300_000),
  Buffer.concat([text(100_000), random.bytes(50_000), Buffer.alloc(200_000, "abc")]),
];

describeWith("Apache Kafka's reader and writer of records", await findApacheKafka(), (kafka) => {
  let program: Program;
  const waiting: ((line: string) => void)[] = [];

  beforeAll(() => {
    program = kafka.start(JAVA_PROGRAM, []);
    program.onLine((line) => waiting.shift()?.(line));
    program.child.on("close", () => {
      for (const answer of waiting.splice(0)) answer(`error ended: ${program.errors}`);
    });
  });
  afterAll(async () => {
    program.child.stdin?.end();
    expect(await program.ended(10_000), program.errors).toBe(0);
  });
  afterEach(() => {
    loadCodecs({ native: true });
  });

  /** "ok" and what Kafka gave, or "error" and why. */
  function ask(...words: string[]): Promise<string> {
    const answer = new Promise<string>((resolve) => waiting.push(resolve));
    program.child.stdin?.write(`${words.join(" ")}\n`);
    return answer;
  }
  const unpackedByKafka = (codec: Codec, packed: Buffer) =>
    ask("decompress", CODEC_NAMES[codec], packed.toString("hex"));
  const ok = (bytes: Buffer) => `ok ${bytes.toString("hex")}`.trim();

  describe.each([
    ["with native code", true],
    ["without native code", false],
  ])("%s", (_, native) => {
    test.each(CODECS.map((codec) => [CODEC_NAMES[codec], codec] as const))("%s goes both ways", async (name, codec) => {
      for (const plain of CORPUS) {
        loadCodecs({ native });
        expect(await unpackedByKafka(codec, compress(codec, plain)), `${plain.length} bytes`).toBe(ok(plain));
        const packed = Buffer.from((await ask("compress", name, plain.toString("hex"))).slice(3), "hex");
        expect(decompress(codec, packed, ROOM).equals(plain), `${plain.length} bytes`).toBe(true);
      }
    });

    test.each(CODECS.map((codec) => [CODEC_NAMES[codec], codec] as const))(
      "malformed %s is refused by both",
      async (_, codec) => {
        loadCodecs({ native });
        const seeds = CORPUS.filter(({ length }) => length < 4_000).map((plain) => compress(codec, plain));
        for (let run = 0; run < MALFORMED_STREAMS; run++) {
          const packed = malformed(random.pick(seeds), random.pick(seeds));
          const ours = outcome(() => ok(decompress(codec, packed, ROOM)));
          const theirs = await unpackedByKafka(codec, packed);
          const where = `${packed.length} bytes, ${packed.subarray(0, 60).toString("hex")}: ${theirs.slice(0, 100)}`;
          if (ours !== "CompressionError") expect(ours, where).toBe(theirs);
          else if (!isStricterOnPurpose(codec, packed)) expect(theirs, where).toMatch(/^error/);
        }
      },
    );
  });

  test.each(CODEC_NAMES.map((name, codec) => [name, codec as Codec] as const))(
    "batches of %s are read by Kafka as by us",
    async (_, compression) => {
      const records = [
        { timestamp: NOW, key: null, value: "null key" },
        { timestamp: NOW - 5_000, key: "null value", value: null },
        { timestamp: NOW + 2 ** 40, key: "", value: "" },
        {
          timestamp: 0,
          key: "ünïcode-日本",
          value: text(200_000),
          headers: [
            { key: "h", value: "1" },
            { key: "h", value: null },
          ],
        },
        { timestamp: NOW, value: random.bytes(1_000), headers: [{ key: "", value: random.bytes(5) }] },
      ];
      const producer = { producerId: 4_000_000_000, producerEpoch: 7, baseSequence: 0x7ffffffe, isTransactional: true };
      const gaps = new RecordBatchBuilder({ baseOffset: 100, compression });
      gaps.appendAt(103, { timestamp: NOW, key: "a", value: "b" });
      gaps.appendAt(140, { timestamp: NOW, key: "a", value: "b" });
      for (const batch of [
        buildRecordBatch(records, { compression }),
        buildRecordBatch(records, { compression, baseOffset: 2 ** 40, ...producer }),
        buildRecordBatch(records, { compression, logAppendTimeMs: NOW + 1 }),
        buildRecordBatch(records, { compression, deleteHorizonMs: NOW + 86_400_000 }),
        gaps.build({ lastOffset: 150 }),
        new RecordBatchBuilder({ baseOffset: 5, compression }).build({ lastOffset: 9 }),
      ])
        expect(JSON.parse((await ask("read", batch.toString("hex"))).slice(3))).toEqual(asJson(batch));
    },
  );

  test("control records are read by Kafka", async () => {
    const marker = { producerId: 5, producerEpoch: 1, coordinatorEpoch: 77, timestampMs: NOW };
    const control = async (batch: Buffer) => {
      const records = JSON.parse((await ask("read", batch.toString("hex"))).slice(3)) as { control: string }[];
      return records.map((record) => record.control);
    };
    expect(await control(buildEndTransactionBatch({ ...marker, committed: true }))).toEqual(["COMMIT 77"]);
    expect(await control(buildEndTransactionBatch({ ...marker, committed: false }))).toEqual(["ABORT 77"]);
    const voter = {
      voterId: 3,
      voterDirectoryId: "AAAAAAAAAAAAAAAAAAAAZA",
      endpoints: [{ name: "CONTROLLER", host: "localhost", port: 9093 }],
      kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 },
    };
    const quorum = buildQuorumControlBatch(
      [
        { type: 2, value: { leaderId: 3, voters: [{ voterId: 3 }], grantingVoters: [{ voterId: 3 }] } },
        { type: 3, value: { lastContainedLogTimestamp: NOW } },
        { type: 4, value: {} },
        { type: 5, value: { kRaftVersion: 1 } },
        { type: 6, value: { voters: [voter] } },
      ],
      { baseOffset: 0, partitionLeaderEpoch: 1, timestampMs: NOW },
    );
    const [leader, header, footer, version, voters] = await control(quorum);
    expect(leader).toMatch(/^LEADER_CHANGE .*leaderId=3.*voterId=3/);
    expect(header).toMatch(new RegExp(`^SNAPSHOT_HEADER .*lastContainedLogTimestamp=${NOW}`));
    expect(footer).toMatch(/^SNAPSHOT_FOOTER .*version=0/);
    expect(version).toMatch(/^KRAFT_VERSION .*kRaftVersion=1/);
    expect(voters).toMatch(/^KRAFT_VOTERS .*voterId=3.*AAAAAAAAAAAAAAAAAAAAZA.*host='localhost', port=9093/);
  });

  test("malformed records are refused by both, and what one reads the other reads", async () => {
    const headers = [
      { key: "k", value: "v" },
      { key: "n", value: null },
    ];
    const seeds = [
      buildRecordBatch([{ timestamp: NOW, key: "key", value: "value", headers }]),
      buildRecordBatch([
        { timestamp: NOW, value: "a" },
        { timestamp: NOW + 500, key: "b" },
        { timestamp: NOW, headers },
      ]),
      buildRecordBatch([
        { timestamp: NOW, key: "key", value: text(300) },
        { timestamp: NOW, value: text(20) },
      ]),
    ];
    const outcomes = { read: 0, refused: 0 };
    for (let run = 0; run < MALFORMED_BATCHES; run++) {
      const bytes = withChangedRecords(random.pick(seeds));
      const batch = new RecordBatch(bytes);
      const walked = outcome(() => JSON.stringify(asJson(bytes)));
      const checked = outcome(() => void checkRecords(batch.records, batch.recordCount, batch.baseTimestamp));
      const theirs = await ask("read", bytes.toString("hex"));
      const where = `${bytes.subarray(61).toString("hex")}: ${theirs}`;
      expect(checked, where).toBe(walked === "InvalidRecordError" ? walked : undefined);
      if (walked === "InvalidRecordError") expect(theirs, where).toMatch(/^error InvalidRecordException/);
      else expect(withoutTimes(theirs.slice(3)), where).toEqual(withoutTimes(walked as string));
      outcomes[walked === "InvalidRecordError" ? "refused" : "read"]++;
    }
    expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(MALFORMED_BATCHES / 20);
  });
});

/** A record as the Java program words it. */
function asJson(bytes: Buffer): object[] {
  const hex = (part: Buffer | null) => (part === null ? null : part.toString("hex"));
  return [...new BatchIterator(bytes)].flatMap((batch) =>
    [...new RecordIterator(batch, decompressRecords(batch, ROOM))].map((record) => ({
      offset: record.offset,
      timestamp: record.timestamp,
      sequence: batch.baseSequence < 0 ? -1 : addToSequence(batch.baseSequence, record.offsetDelta),
      key: hex(record.key),
      value: hex(record.value),
      headers: record.headers.map(({ key, value }) => [Buffer.from(key).toString("hex"), hex(value)]),
    })),
  );
}

/** Java's time wraps where ours saturates. */
function withoutTimes(json: string): unknown[] {
  return (JSON.parse(json) as { timestamp: number }[]).map(({ timestamp: _, ...rest }) => rest);
}

/** What came out, or the name of the refusal; any other error is thrown on. */
function outcome<T>(run: () => T): T | string {
  try {
    return run();
  } catch (error) {
    const { name } = error as Error;
    if (name === "CompressionError" || name === "InvalidRecordError") return name;
    throw error;
  }
}

function malformed(packed: Buffer, other: Buffer): Buffer {
  const bytes = Buffer.from(packed);
  switch (random.below(5)) {
    case 0:
      return bytes.subarray(0, random.below(bytes.length + 1));
    case 1:
      return Buffer.concat([bytes, random.bytes(random.below(40))]);
    case 2:
      return Buffer.concat([bytes, other.subarray(0, random.below(other.length + 1))]);
    case 3: {
      const at = random.below(Math.min(bytes.length, 24));
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
      return bytes;
    }
    default: {
      const at = random.below(bytes.length);
      bytes[at] = random.below(256);
      return bytes;
    }
  }
}

/** Streams that Kafka reads and we refuse, as other clients do: see the README of protocol/records. */
function isStricterOnPurpose(codec: Codec, packed: Buffer): boolean {
  if (codec === Codec.ZSTD) return true;
  if (codec !== Codec.GZIP) return false;
  for (let at = packed.indexOf("1f8b08", 0, "hex"); at >= 0; at = packed.indexOf("1f8b08", at + 1, "hex"))
    if (((packed[at + 3] as number) & 0xe0) !== 0) return true;
  return false;
}

function withChangedRecords(batch: Buffer): Buffer {
  let bytes = Buffer.from(batch);
  const at = 61 + random.below(bytes.length - 61);
  const kind = random.below(4);
  if (kind === 0) bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
  else if (kind === 1) bytes[at] = random.pick([0, 1, 2, 3, 0x7f, 0x80, 0xff]);
  else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(3))]);
  else bytes = Buffer.concat([bytes.subarray(0, at), random.bytes(1 + random.below(3)), bytes.subarray(at)]);
  bytes.writeInt32BE(bytes.length - 12, 8);
  new RecordBatch(bytes).updateCrc();
  return bytes;
}
