/** What Apache Kafka answers to DeleteRecords (B82), OffsetForLeaderEpoch, DescribeCluster and DescribeTopicPartitions. */
import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { DeleteRecords } from "../../../protocol/messages/delete-records.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { DescribeCluster, DescribeTopicPartitions } from "../../../protocol/messages/metadata.ts";
import { OffsetForLeaderEpoch } from "../../../protocol/messages/offset-for-leader-epoch.ts";
import type { Encode } from "../../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { batchOf } from "../../support/batches.ts";
import { type DataPlane, newTopic } from "../../support/data-plane.ts";
import { WireAsker } from "../../support/wire-asker.ts";
import { fetchRequest, fill, partitionsOf } from "./fetch-cases.ts";

export function adminCases(planeOf: () => DataPlane): void {
  deleteRecordsCases(planeOf);
  epochCases(planeOf);
  describeCases(planeOf);
}

function deleteRecordsCases(planeOf: () => DataPlane): void {
  const deleteRecords = async (name: string, offset: number, partitionIndex = 0, version = 2) => {
    using asker = await WireAsker.open(planeOf().address);
    const topics = [{ name, partitions: [{ partitionIndex, offset }] }];
    const answer = await asker.ask(DeleteRecords, version, { topics, timeoutMs: 5000 });
    const [partition] = answer.topics.flatMap(({ partitions }) => partitions);
    return partition;
  };

  test("B82: DeleteRecords moves the log start, up to the high watermark and never back", async () => {
    const { name } = await newTopic(planeOf());
    await fill(planeOf(), name, [batchOf(["a", "b", "c"]), batchOf(["d"])]);
    for (const [offset, lowWatermark, version] of [
      [1, 1, 0],
      [0, 1, 1],
      [1, 1, 2],
      [3, 3, 2],
      [-1, 4, 2],
      [-1, 4, 2],
    ] as const) {
      expect(await deleteRecords(name, offset, 0, version)).toEqual({ partitionIndex: 0, errorCode: 0, lowWatermark });
    }
    using asker = await WireAsker.open(planeOf().address);
    const read = await asker.ask(
      Fetch,
      12,
      fetchRequest(12, [{ name, partitions: [{ partition: 0, fetchOffset: 3 }] }]),
    );
    expect(partitionsOf(read)[0]?.errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  });

  test("B82: what DeleteRecords refuses", async () => {
    const { name } = await newTopic(planeOf());
    await fill(planeOf(), name, [batchOf(["a"])]);
    const compacted = await newTopic(planeOf(), { configs: { "cleanup.policy": "compact" } });
    const both = await newTopic(planeOf(), { configs: { "cleanup.policy": "compact,delete" } });
    const refused = (errorCode: number, partitionIndex = 0) => ({ partitionIndex, errorCode, lowWatermark: -1 });
    expect(await deleteRecords(name, -2)).toEqual(refused(ErrorCode.OFFSET_OUT_OF_RANGE));
    expect(await deleteRecords(name, 2)).toEqual(refused(ErrorCode.OFFSET_OUT_OF_RANGE));
    expect(await deleteRecords(compacted.name, -1)).toEqual(refused(ErrorCode.POLICY_VIOLATION));
    expect(await deleteRecords(both.name, -1)).toMatchObject({ errorCode: 0, lowWatermark: 0 });
    expect(await deleteRecords("no-such-topic", 0)).toEqual(refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
    expect(await deleteRecords(name, 0, 4)).toEqual(refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 4));
  });

  test("DeleteRecords answers a partition that is named twice once, for the last", async () => {
    const { name } = await newTopic(planeOf());
    await fill(planeOf(), name, [batchOf(["a", "b", "c"])]);
    using asker = await WireAsker.open(planeOf().address);
    const partitions = [2, 1].map((offset) => ({ partitionIndex: 0, offset }));
    const { topics } = await asker.ask(DeleteRecords, 2, { topics: [{ name, partitions }], timeoutMs: 5000 });
    expect(topics).toMatchObject([{ name, partitions: [{ partitionIndex: 0, errorCode: 0, lowWatermark: 1 }] }]);
  });
}

function epochCases(planeOf: () => DataPlane): void {
  test("R14: where a leader epoch ends", async () => {
    const { name } = await newTopic(planeOf());
    await fill(planeOf(), name, [batchOf(["a", "b"])]);
    using asker = await WireAsker.open(planeOf().address);
    const ask = async (version: number, leaderEpoch: number, currentLeaderEpoch = -1, partition = 0, topic = name) => {
      const asked = { topics: [{ topic, partitions: [{ partition, leaderEpoch, currentLeaderEpoch }] }] };
      const { topics } = await asker.ask(OffsetForLeaderEpoch, version, asked);
      return topics[0]?.partitions[0];
    };
    const none = { leaderEpoch: -1, endOffset: -1 };
    for (const version of [2, 3, 4]) {
      expect(await ask(version, 0)).toEqual({ partition: 0, errorCode: 0, leaderEpoch: 0, endOffset: 2 });
      for (const unknown of [1, 99, -1])
        expect(await ask(version, unknown)).toEqual({ partition: 0, errorCode: 0, ...none });
    }
    expect(await ask(4, 0, 7)).toEqual({ partition: 0, errorCode: ErrorCode.UNKNOWN_LEADER_EPOCH, ...none });
    const { UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode;
    expect(await ask(4, 0, -1, 9)).toEqual({ partition: 9, errorCode: UNKNOWN_TOPIC_OR_PARTITION, ...none });
    expect(await ask(4, 0, -1, 0, "no-such-topic")).toEqual({
      partition: 0,
      errorCode: UNKNOWN_TOPIC_OR_PARTITION,
      ...none,
    });
  });
}

function describeCases(planeOf: () => DataPlane): void {
  const ask = async (request: Encode<(typeof DescribeTopicPartitions)["request"]>) => {
    using asker = await WireAsker.open(planeOf().address);
    return await asker.ask(DescribeTopicPartitions, 0, request);
  };
  /** Names with the partitions told of each. */
  const told = ({ topics }: Awaited<ReturnType<typeof ask>>) =>
    topics.map(({ name, errorCode, partitions }) => [name, errorCode, partitions.map((p) => p.partitionIndex)]);

  test("DescribeCluster names the brokers, and no controllers", async () => {
    using asker = await WireAsker.open(planeOf().address);
    for (const version of [0, 1, 2]) {
      const cluster = await asker.ask(DescribeCluster, version, { includeClusterAuthorizedOperations: version === 1 });
      const brokerId = cluster.brokers[0]?.brokerId ?? -1;
      expect(cluster).toMatchObject({
        ...{ errorCode: 0, errorMessage: null, endpointType: 1, controllerId: brokerId },
        brokers: [{ brokerId, ...planeOf().address, rack: null, isFenced: false }],
        clusterAuthorizedOperations: version === 1 ? 8096 : -0x80000000,
      });
      expect(cluster.clusterId).not.toBe("");
    }
    for (const [endpointType, errorCode, errorMessage] of [
      [
        2,
        ErrorCode.MISMATCHED_ENDPOINT_TYPE,
        "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER",
      ],
      [9, ErrorCode.UNSUPPORTED_ENDPOINT_TYPE, "Unsupported endpoint type 9"],
    ] as const) {
      const refused = await asker.ask(DescribeCluster, 1, { endpointType, includeClusterAuthorizedOperations: false });
      expect(refused).toMatchObject({
        errorCode,
        errorMessage,
        endpointType: 1,
        clusterId: "",
        controllerId: -1,
        brokers: [],
      });
    }
  });

  test("DescribeTopicPartitions goes through topics in order, page by page", async () => {
    await planeOf().createTopic("pages-b", 3);
    await planeOf().createTopic("pages-a", 2);
    const topics = ["pages-b", "pages-x", "pages-a", "pages-b", "pages/"].map((name) => ({ name }));
    const { UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION } = ErrorCode;
    const all = await ask({ topics, responsePartitionLimit: 2000 });
    expect(told(all)).toEqual([
      ["pages-a", 0, [0, 1]],
      ["pages-b", 0, [0, 1, 2]],
      ["pages-x", UNKNOWN_TOPIC_OR_PARTITION, []],
      ["pages/", INVALID_TOPIC_EXCEPTION, []],
    ]);
    expect(all.nextCursor).toBeNull();
    const [first] = all.topics;
    expect(first?.partitions[0]).toMatchObject({
      errorCode: 0,
      leaderEpoch: 0,
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
    });
    expect(first?.topicAuthorizedOperations).toBe(3576);
    expect(all.topics[2]).toMatchObject({ topicId: ZERO_UUID, topicAuthorizedOperations: 3576 });
    const pages = [];
    let cursor: { topicName: string; partitionIndex: number } | null = null;
    for (let i = 0; i < 10 && (i === 0 || cursor !== null); i++) {
      const page: Awaited<ReturnType<typeof ask>> = await ask({ topics, responsePartitionLimit: 2, cursor });
      cursor = page.nextCursor;
      pages.push([...told(page), cursor === null ? "end" : `${cursor.topicName} ${cursor.partitionIndex}`]);
    }
    expect(pages).toEqual([
      [["pages-a", 0, [0, 1]], "pages-b 0"],
      [["pages-b", 0, [0, 1]], "pages-b 2"],
      [
        ["pages-b", 0, [2]],
        ["pages-x", UNKNOWN_TOPIC_OR_PARTITION, []],
        ["pages/", INVALID_TOPIC_EXCEPTION, []],
        "end",
      ],
    ]);
  });

  test("DescribeTopicPartitions: limits and cursors", async () => {
    await planeOf().createTopic("limits", 2);
    const topics = [{ name: "limits" }];
    for (const responsePartitionLimit of [0, -1, 1]) {
      const page = await ask({ topics, responsePartitionLimit });
      expect(told(page)).toEqual([["limits", 0, [0]]]);
      expect(page.nextCursor).toMatchObject({ topicName: "limits", partitionIndex: 1 });
    }
    const everything = await ask({
      topics: [],
      responsePartitionLimit: 1,
      cursor: { topicName: "limits", partitionIndex: 1 },
    });
    expect(told(everything)).toEqual([["limits", 0, [1]]]);
    const past = await ask({ topics, responsePartitionLimit: 5, cursor: { topicName: "limits", partitionIndex: 9 } });
    expect(told(past)).toEqual([["limits", 0, []]]);
    for (const cursor of [
      { topicName: "elsewhere", partitionIndex: 0 },
      { topicName: "limits", partitionIndex: -1 },
    ]) {
      expect(told(await ask({ topics, responsePartitionLimit: 5, cursor }))).toEqual([
        ["limits", ErrorCode.INVALID_REQUEST, []],
      ]);
    }
  });
}
