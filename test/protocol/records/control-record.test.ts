/** Control records: Kafka's own are read and built again to the byte; what is none is refused. */
import { describe, expect, test } from "vitest";
import {
  buildEndTransactionBatch,
  buildQuorumControlBatch,
  ControlRecordType,
  controlRecordType,
  coordinatorEpochOf,
  decodeQuorumControlValue,
  encodeControlKey,
  type QuorumControlRecord,
  type QuorumControlType,
} from "../../../protocol/records/control-record.ts";
import type { Record } from "../../../protocol/records/record.ts";
import { RecordBatch } from "../../../protocol/records/record-batch.ts";
import { RecordIterator } from "../../../protocol/records/record-iterator.ts";
import { goldenSegments } from "../../support/golden-batches.ts";

const controls = goldenSegments().flatMap(({ file, bytes, batches }) =>
  batches
    .filter(({ isControl }) => isControl)
    .map((dumped) => ({ file, dumped, batch: new RecordBatch(bytes, dumped.position) })),
);
const recordOf = (batch: RecordBatch) => [...new RecordIterator(batch, batch.records)][0] as Record;

test("Kafka's transaction markers are read, and built again to the byte", () => {
  const markers = controls.filter(({ batch }) => batch.isTransactional);
  for (const { file, dumped, batch } of markers) {
    const record = recordOf(batch);
    const committed = controlRecordType(record.key) === ControlRecordType.COMMIT;
    const coordinatorEpoch = coordinatorEpochOf(record.value);
    expect(`endTxnMarker: ${committed ? "COMMIT" : "ABORT"} coordinatorEpoch: ${coordinatorEpoch}`).toBe(
      dumped.records[0]?.control,
    );
    const { producerId, producerEpoch } = batch;
    const timestampMs = record.timestamp;
    const bytes = buildEndTransactionBatch({ committed, producerId, producerEpoch, coordinatorEpoch, timestampMs });
    const built = new RecordBatch(bytes);
    built.baseOffset = batch.baseOffset;
    built.partitionLeaderEpoch = batch.partitionLeaderEpoch;
    expect(bytes.equals(batch.bytes), `${file} at ${dumped.position}`).toBe(true);
  }
  expect(markers).toHaveLength(6);
});

test("Kafka's quorum records are read, and built again to the byte", () => {
  const quorum = controls.filter(({ batch }) => !batch.isTransactional);
  for (const { file, dumped, batch } of quorum) {
    const record = recordOf(batch);
    const type = controlRecordType(record.key) as QuorumControlType;
    const value = decodeQuorumControlValue(type, record.value as Buffer);
    const { baseOffset, partitionLeaderEpoch } = batch;
    const bytes = buildQuorumControlBatch([{ type, value } as QuorumControlRecord], {
      baseOffset,
      partitionLeaderEpoch,
      timestampMs: record.timestamp,
    });
    expect(bytes.equals(batch.bytes), `${file} at ${dumped.position}`).toBe(true);
    // The dump tool words it as JSON behind the type's name.
    const json = dumped.records[0]?.control?.replace(/^\w+:? /, "") ?? "";
    expect(value).toMatchObject(JSON.parse(json) as object);
  }
  expect(quorum.map(({ batch }) => controlRecordType(recordOf(batch).key))).toEqual([
    ControlRecordType.LEADER_CHANGE,
    ControlRecordType.SNAPSHOT_HEADER,
    ControlRecordType.SNAPSHOT_FOOTER,
  ]);
});

test("several control records make one batch, as at the head of a snapshot", () => {
  const directory = "AAAAAAAAAAAAAAAAAAAAZA";
  const voter = {
    voterId: 1,
    voterDirectoryId: directory,
    endpoints: [{ name: "CONTROLLER", host: "localhost", port: 9093 }],
    kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 },
  };
  const records: QuorumControlRecord[] = [
    { type: ControlRecordType.KRAFT_VERSION, value: { kRaftVersion: 1 } },
    { type: ControlRecordType.KRAFT_VOTERS, value: { voters: [voter] } },
  ];
  const bytes = buildQuorumControlBatch(records, { baseOffset: 1, partitionLeaderEpoch: 2, timestampMs: 3 });
  const batch = new RecordBatch(bytes);
  expect(batch).toMatchObject({
    isControl: true,
    isTransactional: false,
    producerId: -1,
    baseOffset: 1,
    lastOffset: 2,
  });
  const [version, voters] = [...new RecordIterator(batch, batch.records)];
  expect(controlRecordType(version?.key ?? null)).toBe(5);
  expect(decodeQuorumControlValue(5, version?.value as Buffer)).toMatchObject({ version: 0, kRaftVersion: 1 });
  expect(controlRecordType(voters?.key ?? null)).toBe(6);
  expect(decodeQuorumControlValue(6, voters?.value as Buffer)).toMatchObject({ version: 0, voters: [voter] });
});

describe("keys and markers that are none", () => {
  test.each([
    ["null", null],
    ["empty", Buffer.alloc(0)],
    ["of three bytes", Buffer.alloc(3)],
    ["of a negative version", Buffer.from([0xff, 0xff, 0, 1])],
  ])("a key that is %s", (_, key) => {
    expect(() => controlRecordType(key)).toThrow(expect.objectContaining({ name: "InvalidRecordError" }));
  });

  test("a type no one knows, and a higher version, are told", () => {
    expect(controlRecordType(Buffer.from([0, 9, 0, 1, 5]))).toBe(ControlRecordType.COMMIT);
    expect(controlRecordType(Buffer.from([0, 0, 0x7f, 0xff]))).toBe(32_767);
    expect(encodeControlKey(ControlRecordType.KRAFT_VOTERS)).toEqual(Buffer.from([0, 0, 0, 6]));
  });

  test.each([
    ["null", null],
    ["too short", Buffer.alloc(5)],
    ["of a negative version", Buffer.from([0x80, 0, 0, 0, 0, 1])],
  ])("a marker that is %s", (_, value) => {
    expect(() => coordinatorEpochOf(value)).toThrow(expect.objectContaining({ name: "InvalidRecordError" }));
  });

  test("a marker of a higher version is read as the one known", () => {
    expect(coordinatorEpochOf(Buffer.from([0, 3, 0, 0, 1, 0, 9, 9]))).toBe(256);
  });
});
