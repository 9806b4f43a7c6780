/** Metadata logs and snapshots that Apache Kafka 4.3.1 wrote: read to the last field, and written again as the same records. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { emptyImage } from "../../../cluster/metadata/cluster-image.ts";
import { imageRecords } from "../../../cluster/metadata/image-records.ts";
import { encodeMetadataBatch, metadataBatches } from "../../../cluster/metadata/metadata-batch.ts";
import { MetadataLoader } from "../../../cluster/metadata/metadata-loader.ts";
import { type MetadataRecord, RECORD_TYPES } from "../../../cluster/metadata/metadata-record.ts";
import { decodeSnapshot } from "../../../cluster/metadata/snapshot-format.ts";
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import { defaultValue } from "../../../protocol/schema/message.ts";
import { sameImage } from "../support/images.ts";

const FOLDER = new URL("../../golden/metadata/", import.meta.url);
const golden = (name: string): Buffer => readFileSync(new URL(name, FOLDER));

interface DumpLine {
  offset: number;
  type: string;
  version: number;
  data: Record<string, unknown>;
}
const dump = (name: string): DumpLine[] =>
  golden(name)
    .toString()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as DumpLine);

const kafkaName = (type: MetadataRecord["type"]): string =>
  `${type.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase()}_RECORD`;

/** A record as Kafka's dump tool shows it: bytes in base64, tagged fields that have their default left out. */
function asDumped(record: MetadataRecord, like: Record<string, unknown>): unknown {
  const { fields } = RECORD_TYPES[record.type].message;
  const data = Object.entries(record.data).filter(([name, value]) => {
    if (name in like) return true;
    expect(value, `${record.type}.${name}`).toEqual(defaultValue((fields as Record<string, never>)[name] as never));
    return false;
  });
  return {
    type: kafkaName(record.type),
    version: record.version,
    data: Object.fromEntries(
      data.map(([name, value]) => [name, Buffer.isBuffer(value) ? value.toString("base64") : value]),
    ),
  };
}

test("a golden log holds the records that Kafka's own tool shows", () => {
  const expected = dump("metadata-log.jsonl");
  const found = [...metadataBatches(golden("clean.log"))].flatMap((batch) =>
    batch.records.map((record, index) => ({ offset: batch.baseOffset + index, record })),
  );
  expect(found.length).toBe(expected.length);
  found.forEach(({ offset, record }, index) => {
    const { offset: expectedOffset, ...line } = expected[index] as DumpLine;
    expect(offset).toBe(expectedOffset);
    expect(asDumped(record, line.data)).toEqual(line);
  });
});

test("its control records are the leader changes of the quorum", () => {
  const controls = [...metadataBatches(golden("clean.log"))].flatMap((batch) => batch.controls);
  expect(controls.map(({ type, data }) => [type, data])).toEqual([
    [
      "LeaderChange",
      {
        version: 0,
        leaderId: 1,
        voters: [{ voterId: 1, voterDirectoryId: "AAAAAAAAAAAAAAAAAAAAAA" }],
        grantingVoters: [{ voterId: 1, voterDirectoryId: "AAAAAAAAAAAAAAAAAAAAAA" }],
      },
    ],
  ]);
});

test("each data batch is written again byte for byte", () => {
  for (const name of ["clean.log", "unclean.log"]) {
    for (const batch of new BatchIterator(golden(name))) {
      if (batch.isControl) continue;
      const [decoded] = metadataBatches(batch.bytes);
      if (decoded === undefined) throw new Error("no batch");
      expect(encodeMetadataBatch(decoded, decoded.records)).toEqual(Buffer.from(batch.bytes));
    }
  }
});

test("a golden snapshot holds the records that Kafka's own tool shows", () => {
  const expected = dump("metadata-snapshot.jsonl");
  const { records, lastContainedLogTimestamp, controls } = decodeSnapshot(
    golden("00000000000000000102-0000000001.checkpoint"),
  );
  expect(lastContainedLogTimestamp).toBe(1795249942513);
  expect(controls).toEqual([]);
  expect(records.map((record, index) => asDumped(record, (expected[index] as DumpLine).data))).toEqual(
    expected.map(({ offset: _, ...line }) => line),
  );
});

describe("the image of a log equals that of the snapshot at its end", () => {
  for (const [name, upTo] of [
    ["00000000000000000102-0000000001.checkpoint", 102],
    ["00000000000000000057-0000000001.checkpoint", 57],
  ] as const) {
    test(name, () => {
      const fromLog = new MetadataLoader(emptyImage("c"));
      fromLog.load([...metadataBatches(golden("clean.log"))].filter((batch) => batch.lastOffset < upTo));
      const fromSnapshot = new MetadataLoader(emptyImage("c"));
      fromSnapshot.loadSnapshot(decodeSnapshot(golden(name)).records, upTo, 1);
      sameImage(fromLog.image, fromSnapshot.image);
      const again = new MetadataLoader(emptyImage("c"));
      again.loadSnapshot(imageRecords(fromLog.image), upTo, 1);
      sameImage(again.image, fromLog.image);
    });
  }
});

test("the image has what the cluster had", () => {
  const loader = new MetadataLoader(emptyImage("c"));
  loader.load(metadataBatches(golden("unclean.log")));
  const { image } = loader;
  expect([...image.features].sort()).toEqual([
    ["eligible.leader.replicas.version", 1],
    ["group.version", 1],
    ["metadata.version", 30],
    ["share.version", 1],
    ["streams.version", 1],
    ["transaction.version", 2],
  ]);
  expect(image.topics.get("empty")?.partitions.length).toBe(4);
  expect(image.topics.has("removed")).toBe(false);
  expect([...image.configsOf(2, "segments")].sort()).toEqual([
    ["index.interval.bytes", "100"],
    ["segment.ms", "60000"],
  ]);
  expect(image.nextProducerId).toBe(1000);
  expect(image.brokers.get(1)).toMatchObject({ fenced: false, brokerEpoch: 11, cordonedDirectories: [] });
  expect([...image.clientQuotas.values()].map(({ entity, values }) => [entity, [...values]])).toEqual([
    [[{ entityType: "user", entityName: "alice" }], [["producer_byte_rate", 1048576]]],
  ]);
  expect([...image.scramCredentials.values()]).toMatchObject([{ name: "alice", mechanism: 1, iterations: 4096 }]);
});

test("bootstrap.checkpoint holds the features of a new cluster", () => {
  const { records } = decodeSnapshot(golden("bootstrap.checkpoint"));
  expect(records.map((record) => record.type)).toEqual(new Array(6).fill("FeatureLevel"));
  expect(records[0]?.data).toEqual({ name: "metadata.version", featureLevel: 30 });
});
