import { describe, expect, test } from "vitest";
import { emptyImage } from "../../../cluster/metadata/cluster-image.ts";
import { imageRecords } from "../../../cluster/metadata/image-records.ts";
import type { MetadataBatch } from "../../../cluster/metadata/metadata-batch.ts";
import { MetadataLoader } from "../../../cluster/metadata/metadata-loader.ts";
import { type MetadataRecord, record } from "../../../cluster/metadata/metadata-record.ts";
import { sameImage } from "../support/images.ts";

const TOPIC_ID = "JIAcUGZ7SYSr9pnj1-T7lA";
const topic = record("Topic", 0, { name: "t", topicId: TOPIC_ID });
const partition = (partitionId: number, isr = [1, 2]): MetadataRecord =>
  record("Partition", 2, {
    partitionId,
    topicId: TOPIC_ID,
    replicas: [1, 2, 3],
    isr,
    removingReplicas: [],
    addingReplicas: [],
    leader: 1,
    leaderEpoch: 4,
    partitionEpoch: 7,
    directories: [],
  });

/** Batches one behind the other, from offset 0 on. */
function batches(...groups: MetadataRecord[][]): MetadataBatch[] {
  let baseOffset = 0;
  return groups.map((records) => {
    const batch: MetadataBatch = {
      baseOffset,
      lastOffset: baseOffset + records.length - 1,
      leaderEpoch: 1,
      timestamp: 0,
      sizeBytes: 0,
      records,
      controls: [],
    };
    baseOffset += records.length;
    return batch;
  });
}

const begin = record("BeginTransaction", 0, {});
const end = record("EndTransaction", 0, {});
const abort = record("AbortTransaction", 0, {});

describe("transactions over several batches", () => {
  test("nothing of one shows before its end, then all of it at once", () => {
    const loader = new MetadataLoader(emptyImage("c"));
    const [first, second, third] = batches([begin, topic], [partition(0)], [partition(1), end]);
    expect(loader.load([first as MetadataBatch])).toBeUndefined();
    expect(loader.transactionStartOffset).toBe(0);
    expect(loader.load([second as MetadataBatch])).toBeUndefined();
    expect(loader.image.topics.size).toBe(0);
    const delta = loader.load([third as MetadataBatch]);
    expect(delta?.image.topics.get("t")?.partitions.length).toBe(2);
    expect([...(delta?.changedTopicIds ?? [])]).toEqual([TOPIC_ID]);
    expect(delta?.image.offset).toBe(4);
  });

  test("an aborted one leaves no trace, what came before it in the same batch stays", () => {
    const loader = new MetadataLoader(emptyImage("c"));
    const config = record("Config", 0, { resourceType: 4, resourceName: "", name: "a", value: "1" });
    const delta = loader.load(batches([config, begin, topic], [partition(0)], [abort]));
    expect(delta?.image.topics.size).toBe(0);
    expect([...(delta?.image.configsOf(4, "") ?? [])]).toEqual([["a", "1"]]);
    expect(delta?.image.offset).toBe(4);
    expect(loader.transactionStartOffset).toBeUndefined();
  });

  test("what came before a transaction that goes on is published up to it", () => {
    const loader = new MetadataLoader(emptyImage("c"));
    const config = record("Config", 0, { resourceType: 4, resourceName: "", name: "a", value: "1" });
    const delta = loader.load(batches([config, begin, topic]));
    expect(delta?.image.offset).toBe(0);
    expect(delta?.image.topics.size).toBe(0);
  });
});

describe("partition changes", () => {
  const load = (...records: MetadataRecord[]) => {
    const loader = new MetadataLoader(emptyImage("c"));
    loader.load(batches([topic, partition(0)], records));
    return loader.image.topics.get("t")?.partitions[0];
  };

  test("R27: each change raises the partition epoch, only one that names a leader the leader epoch", () => {
    const shrink = record("PartitionChange", 2, { partitionId: 0, topicId: TOPIC_ID, isr: [1] });
    expect(load(shrink)).toMatchObject({ inSyncReplicas: [1], leader: 1, leaderEpoch: 4, partitionEpoch: 8 });
    const sameLeader = record("PartitionChange", 2, { partitionId: 0, topicId: TOPIC_ID, leader: 1 });
    expect(load(sameLeader)).toMatchObject({ inSyncReplicas: [1, 2], leader: 1, leaderEpoch: 5, partitionEpoch: 8 });
    const noLeader = record("PartitionChange", 2, { partitionId: 0, topicId: TOPIC_ID, leader: -1 });
    expect(load(noLeader)).toMatchObject({ leader: -1, leaderEpoch: 5 });
  });

  test("eligible leaders are cleared of a topic or of all, once", () => {
    const eligible = record("PartitionChange", 2, {
      partitionId: 0,
      topicId: TOPIC_ID,
      eligibleLeaderReplicas: [2],
      lastKnownElr: [3],
    });
    for (const topicName of ["t", ""]) {
      const clear = record("ClearElr", 0, { topicName });
      expect(load(eligible, clear, clear)).toMatchObject({
        eligibleLeaderReplicas: [],
        lastKnownEligibleLeaderReplicas: [],
        partitionEpoch: 9,
      });
    }
  });
});

test("a topic that goes takes its configs with it, and its name may come back with another id", () => {
  const loader = new MetadataLoader(emptyImage("c"));
  const config = record("Config", 0, { resourceType: 2, resourceName: "t", name: "segment.ms", value: "1" });
  loader.load(batches([topic, config, partition(0)]));
  const before = loader.image;
  const again = record("Topic", 0, { name: "t", topicId: "9QNSJu7gSluacbZv4pE7JA" });
  const delta = loader.load(batches([record("RemoveTopic", 0, { topicId: TOPIC_ID }), again]));
  expect([...(delta?.deletedTopicIds ?? [])]).toEqual([TOPIC_ID]);
  expect(delta?.changedConfigs).toEqual([{ type: 2, name: "t" }]);
  expect(delta?.image.topics.get("t")?.id).toBe("9QNSJu7gSluacbZv4pE7JA");
  expect(delta?.image.configsOf(2, "t").size).toBe(0);
  expect(before.topics.get("t")?.id).toBe(TOPIC_ID);
  expect(before.configsOf(2, "t").size).toBe(1);
});

test("names such as __proto__ are names", () => {
  const loader = new MetadataLoader(emptyImage("c"));
  const config = (name: string) => record("Config", 0, { resourceType: 4, resourceName: name, name, value: "1" });
  const delta = loader.load(
    batches([
      record("Topic", 0, { name: "__proto__", topicId: TOPIC_ID }),
      config("__proto__"),
      config("constructor"),
      record("FeatureLevel", 0, { name: "toString", featureLevel: 1 }),
    ]),
  );
  expect(delta?.image.topics.get("__proto__")?.id).toBe(TOPIC_ID);
  expect(delta?.image.topics.has("constructor")).toBe(false);
  expect(delta?.image.configsOf(4, "__proto__").get("__proto__")).toBe("1");
  expect(delta?.image.configsOf(4, "toString").size).toBe(0);
});

test("a thousand topics and ten thousand partitions, one topic at a time, cost little", () => {
  const loader = new MetadataLoader(emptyImage("c"));
  const started = performance.now();
  for (let i = 0; i < 1000; i++) {
    const topicId = Buffer.from(`topic-id-${String(i).padStart(7, "0")}`).toString("base64url");
    const records: MetadataRecord[] = [record("Topic", 0, { name: `topic-${i}`, topicId })];
    for (let p = 0; p < 10; p++) {
      const { data } = partition(p) as MetadataRecord<"Partition">;
      records.push({ type: "Partition", version: 2, data: { ...data, topicId } });
    }
    loader.load(batches(records));
  }
  expect(performance.now() - started).toBeLessThan(1000);
  expect(loader.image.topics.size).toBe(1000);
  const copy = new MetadataLoader(emptyImage("c"));
  copy.loadSnapshot(imageRecords(loader.image), 11, 1);
  sameImage(copy.image, loader.image);
});
