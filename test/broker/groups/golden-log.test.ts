/**
 * A log of __consumer_offsets that Apache Kafka 4.3.1 wrote loads here, and what we write of the same is the same bytes.
 */
import { describe, expect, it } from "vitest";
import { GROUP_RECORD_TYPES } from "../../../broker/groups/group-record-types.ts";
import { batchesOf, endMarkerBatch } from "../../../broker/state-machine/coordinator-batch.ts";
import type { CoordinatorRecord } from "../../../broker/state-machine/coordinator-record.ts";
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import { ControlRecordType, controlRecordType, coordinatorEpochOf } from "../../../protocol/records/control-record.ts";
import { RecordBatch } from "../../../protocol/records/record-batch.ts";
import { RecordIterator } from "../../../protocol/records/record-iterator.ts";
import { goldenSegments } from "../../support/golden-batches.ts";
import { GroupWorld } from "./group-world.ts";

const segment = goldenSegments().find(({ file }) => file.startsWith("__consumer_offsets-0/"));
const bytes = segment?.bytes ?? Buffer.alloc(0);

async function loaded(): Promise<GroupWorld> {
  const world = new GroupWorld();
  for (const batch of new BatchIterator(bytes)) world.log.write(batch.bytes);
  await world.lead();
  return world;
}

describe("a log of Apache Kafka", () => {
  it("loads: groups, members, offsets, and what transactions made of them", async () => {
    const world = await loaded();
    const offsets = (groupId: string) =>
      world
        .fetch(9, { groups: [{ groupId, topics: null }] })
        .answer?.groups[0]?.topics.flatMap(({ name, partitions }) =>
          partitions.map(
            (p) => `${name}-${p.partitionIndex} ${p.committedOffset} ${p.committedLeaderEpoch} ${p.metadata}`,
          ),
        )
        .sort();
    // Committed by one transaction; what the next one said was aborted.
    expect(offsets("golden-txn-group")).toEqual(["codec-none-0 7 0 by txn"]);
    expect(offsets("golden-classic")).toEqual(["codec-none-0 12 0 note classic", "idempotent-0 5 -1 "]);
    expect(offsets("golden-consumer")).toEqual(["codec-none-0 13 0 note consumer", "idempotent-0 5 -1 "]);
    expect(offsets("golden-simple")).toEqual(["codec-gzip-0 3 -1 "]);
    const group = world.describe(6, ["golden-classic"]).answer?.groups[0];
    expect(group).toMatchObject({ groupState: "Stable", protocolType: "consumer", protocolData: "range" });
    expect(group?.members).toMatchObject([
      { groupInstanceId: "golden-static", clientId: "golden-classic", clientHost: "/127.0.0.1" },
    ]);
    expect([...(world.group("golden-classic")?.subscribedTopics ?? [])].sort()).toEqual(["codec-none", "idempotent"]);
    expect(world.group("golden-classic")?.generationId).toBe(1);
  });

  it("its consumer group is empty, and goes on from the epoch it had", async () => {
    const world = await loaded();
    const described = world.describeConsumers(["golden-consumer"]).answer?.groups[0];
    const empty = { errorCode: 0, groupState: "Empty", groupEpoch: 3, assignmentEpoch: 2, members: [] };
    expect(described).toMatchObject(empty);
    const join = { rebalanceTimeoutMs: 60_000, topicPartitions: [], subscribedTopicNames: ["t1"] };
    const { answer } = world.consumerHeartbeat({ groupId: "golden-consumer", ...join });
    expect(answer).toMatchObject({ errorCode: 0, memberEpoch: 4 });
  });

  it("its static member comes back to what it had", async () => {
    const world = await loaded();
    const protocols = [{ name: "range", metadata: Buffer.from("000000000001000a636f6465632d6e6f6e65ffffffff", "hex") }];
    const request = { groupId: "golden-classic", groupInstanceId: "golden-static", protocols };
    expect(world.join(9, request).answer).toMatchObject({ errorCode: 0, generationId: 1, skipAssignment: true });
  });

  it("is what we write ourselves, byte for byte", () => {
    let compared = 0;
    for (const batch of new BatchIterator(bytes)) {
      const timestampMs = batch.maxTimestamp;
      const { producerId, producerEpoch } = batch;
      let ours: Buffer | undefined;
      if (batch.isControl) {
        const [record] = [...new RecordIterator(batch, batch.records)];
        const committed = controlRecordType(record?.key ?? null) === ControlRecordType.COMMIT;
        const coordinatorEpoch = coordinatorEpochOf(record?.value ?? null);
        ours = endMarkerBatch(
          { producerId, producerEpoch, coordinatorEpoch, committed, transactionVersion: 2 },
          timestampMs,
        );
      } else {
        const records = [...new RecordIterator(batch, batch.records)].map(({ key, value }) => {
          const stored = GROUP_RECORD_TYPES.decode(key as Buffer, value);
          return stored === undefined ? undefined : { ...stored, version: value?.readInt16BE(0) ?? 0 };
        });
        if (records.includes(undefined)) continue; // of groups this release does not coordinate
        const write = { records: records as CoordinatorRecord[] };
        const transaction = batch.isTransactional ? { transaction: { producerId, producerEpoch } } : {};
        ours = batchesOf({ ...write, ...transaction }, timestampMs, 1_000_000)[0]?.bytes;
      }
      const placed = new RecordBatch(ours as Buffer);
      placed.baseOffset = batch.baseOffset;
      placed.partitionLeaderEpoch = batch.partitionLeaderEpoch;
      expect(placed.bytes.toString("hex")).toBe(batch.bytes.toString("hex"));
      compared++;
    }
    expect(compared).toBe(11);
  });
});
