/** What a broker answers that does not lead a partition, or not for long: errors, and hints where to go (KIP-951). */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { DeleteRecords } from "../../../protocol/messages/delete-records.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { ListOffsets } from "../../../protocol/messages/list-offsets.ts";
import { Metadata } from "../../../protocol/messages/metadata.ts";
import { OffsetForLeaderEpoch } from "../../../protocol/messages/offset-for-leader-epoch.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import { DirectoryId } from "../../../protocol/uuid.ts";
import { batchOf } from "../../support/batches.ts";
import { brokerImage, FixedBroker, partitionImage } from "../../support/fixed-broker.ts";
import { WireAsker } from "../../support/wire-asker.ts";
import { fetchRequest, partitionsOf } from "./fetch-cases.ts";

const { NOT_LEADER_OR_FOLLOWER, UNKNOWN_LEADER_EPOCH, FENCED_LEADER_EPOCH } = ErrorCode;
const LEADER = { host: "127.0.0.2", port: 9292 };
/** Partition 0 is followed here, 1 lies elsewhere, 2 is led here. */
const FOLLOWED = 0;
const ELSEWHERE = 1;
const LED = 2;

let fixed: FixedBroker;
let asker: WireAsker;
let topicId: string;
beforeEach(async () => {
  fixed = new FixedBroker();
  const address = await fixed.start();
  ({ id: topicId } = fixed.createTopic("t", 3));
  const brokers = [brokerImage(1, address), brokerImage(2, LEADER), brokerImage(3, { ...LEADER, port: 9393 })];
  const partitions = [
    partitionImage(FOLLOWED, [2, 1], { leader: 2, leaderEpoch: 4 }),
    partitionImage(ELSEWHERE, [2, 3], { leader: 3, leaderEpoch: 6 }),
    partitionImage(LED, [1, 2], { leader: 1, leaderEpoch: 2 }),
  ];
  fixed.apply(brokers, [{ name: "t", id: topicId, partitions }]);
  asker = await WireAsker.open(address);
});
afterEach(async () => {
  asker[Symbol.dispose]();
  await fixed.close();
});

describe("R54: Produce", () => {
  const produce = async (version: number, index: number, acks = -1) => {
    const topicData = [
      { ...(version >= 13 ? { topicId } : { name: "t" }), partitionData: [{ index, records: batchOf(["a"]) }] },
    ];
    const response = await asker.ask(Produce, version, { acks, timeoutMs: 50, topicData });
    return { ...response, answer: response.responses[0]?.partitionResponses[0] };
  };

  test("names the leader from version 10 on", async () => {
    for (const version of [3, 9]) {
      const { answer, nodeEndpoints } = await produce(version, FOLLOWED);
      expect(answer).toMatchObject({
        errorCode: NOT_LEADER_OR_FOLLOWER,
        currentLeader: { leaderId: -1, leaderEpoch: -1 },
      });
      expect(nodeEndpoints).toEqual([]);
    }
    for (const version of [10, 13]) {
      const followed = await produce(version, FOLLOWED);
      expect(followed.answer).toMatchObject({
        ...{ errorCode: NOT_LEADER_OR_FOLLOWER, baseOffset: -1, logStartOffset: -1, errorMessage: null },
        currentLeader: { leaderId: 2, leaderEpoch: 4 },
      });
      expect(followed.nodeEndpoints).toMatchObject([{ nodeId: 2, ...LEADER, rack: null }]);
      const elsewhere = await produce(version, ELSEWHERE);
      expect(elsewhere.answer?.currentLeader).toMatchObject({ leaderId: 3, leaderEpoch: 6 });
      expect(elsewhere.nodeEndpoints).toMatchObject([{ nodeId: 3 }]);
    }
  });

  test("acks=0 closes the connection: nobody could be told", async () => {
    const topicData = [{ name: "t", partitionData: [{ index: FOLLOWED, records: batchOf(["a"]) }] }];
    asker.send(Produce, 9, { acks: 0, timeoutMs: 0, topicData });
    expect(await asker.closed()).toEqual({ unreadBytes: 0 });
  });

  test("R52: what was not replicated in time is told with its offset", async () => {
    const { answer } = await produce(9, LED);
    expect(answer).toMatchObject({ errorCode: ErrorCode.REQUEST_TIMED_OUT, baseOffset: 0, logStartOffset: 0 });
  });

  test("R162: a wait ends when the topic goes", async () => {
    const topicData = [{ name: "t", partitionData: [{ index: LED, records: batchOf(["a"]) }] }];
    asker.send(Produce, 9, { acks: -1, timeoutMs: 60_000, topicData });
    await expect.poll(() => fixed.broker.partitions.get("t", LED)?.log.logEndOffset).toBe(1);
    fixed.deleteTopic("t");
    const { responses } = await asker.answer(Produce, 9);
    expect(responses[0]?.partitionResponses[0]).toMatchObject({
      errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      baseOffset: 0,
    });
  });

  test("R54: a wait ends when another broker leads, and says which", async () => {
    const topicData = [{ name: "t", partitionData: [{ index: LED, records: batchOf(["a"]) }] }];
    asker.send(Produce, 10, { acks: -1, timeoutMs: 60_000, topicData });
    await expect.poll(() => fixed.broker.partitions.get("t", LED)?.log.logEndOffset).toBe(1);
    fixed.changePartition("t", LED, { leader: 2, leaderEpoch: 3, partitionEpoch: 1 });
    const { responses } = await asker.answer(Produce, 10);
    expect(responses[0]?.partitionResponses[0]).toMatchObject({
      ...{ errorCode: NOT_LEADER_OR_FOLLOWER, currentLeader: { leaderId: 2, leaderEpoch: 3 } },
    });
  });
});

describe("R54: Fetch", () => {
  const fetch = async (version: number, partition: number, currentLeaderEpoch = -1) => {
    const request = fetchRequest(version, [{ name: "t", topicId, partitions: [{ partition, currentLeaderEpoch }] }]);
    const response = await asker.ask(Fetch, version, request);
    return { ...response, answer: partitionsOf(response)[0] };
  };

  test("consumers read from a follower from version 11 on, from a stranger never", async () => {
    for (const version of [4, 10])
      expect((await fetch(version, FOLLOWED)).answer?.errorCode).toBe(NOT_LEADER_OR_FOLLOWER);
    for (const version of [11, 18]) expect((await fetch(version, FOLLOWED)).answer?.errorCode).toBe(0);
    for (const version of [4, 11, 18])
      expect((await fetch(version, ELSEWHERE)).answer?.errorCode).toBe(NOT_LEADER_OR_FOLLOWER);
  });

  test("the leader is named from version 16 on, also to whoever has an old epoch, never to whoever has a newer one", async () => {
    const none = { leaderId: -1, leaderEpoch: -1 };
    for (const [version, partition, epoch, errorCode, currentLeader, nodes] of [
      [15, ELSEWHERE, -1, NOT_LEADER_OR_FOLLOWER, none, []],
      [16, ELSEWHERE, -1, NOT_LEADER_OR_FOLLOWER, { leaderId: 3, leaderEpoch: 6 }, [3]],
      [16, FOLLOWED, 3, FENCED_LEADER_EPOCH, { leaderId: 2, leaderEpoch: 4 }, [2]],
      [16, FOLLOWED, 5, UNKNOWN_LEADER_EPOCH, none, []],
      [16, LED, 1, FENCED_LEADER_EPOCH, { leaderId: 1, leaderEpoch: 2 }, [1]],
    ] as const) {
      const { answer, nodeEndpoints } = await fetch(version, partition, epoch);
      expect(answer).toMatchObject({
        errorCode,
        currentLeader,
        highWatermark: -1,
        lastStableOffset: -1,
        logStartOffset: -1,
      });
      expect(nodeEndpoints.map(({ nodeId }) => nodeId)).toEqual(nodes);
    }
  });

  test("a leader whose broker is gone is named without an address", async () => {
    const fenced = fixed.brokers.map((broker) => (broker.id === 3 ? { ...broker, fenced: true } : broker));
    fixed.apply(fenced, fixed.topics);
    const { answer, nodeEndpoints } = await fetch(16, ELSEWHERE);
    expect([answer?.currentLeader.leaderId, nodeEndpoints]).toEqual([3, []]);
  });
});

test("R11, R54: what only leaders answer", async () => {
  for (const partition of [FOLLOWED, ELSEWHERE]) {
    const ask = (replicaId: number) =>
      asker.ask(ListOffsets, 8, {
        replicaId,
        topics: [{ name: "t", partitions: [{ partitionIndex: partition, timestamp: -1 }] }],
      });
    expect((await ask(-1)).topics[0]?.partitions[0]).toMatchObject({ errorCode: NOT_LEADER_OR_FOLLOWER, offset: -1 });
    const debugging = partition === FOLLOWED ? 0 : NOT_LEADER_OR_FOLLOWER;
    expect((await ask(-2)).topics[0]?.partitions[0]?.errorCode).toBe(debugging);
    const deleted = await asker.ask(DeleteRecords, 2, {
      ...{ timeoutMs: 1000, topics: [{ name: "t", partitions: [{ partitionIndex: partition, offset: -1 }] }] },
    });
    expect(deleted.topics[0]?.partitions[0]).toMatchObject({ errorCode: NOT_LEADER_OR_FOLLOWER, lowWatermark: -1 });
    const epochs = await asker.ask(OffsetForLeaderEpoch, 4, {
      topics: [{ topic: "t", partitions: [{ partition, leaderEpoch: 0 }] }],
    });
    expect(epochs.topics[0]?.partitions[0]).toMatchObject({
      errorCode: NOT_LEADER_OR_FOLLOWER,
      leaderEpoch: -1,
      endOffset: -1,
    });
  }
  const fenced = await asker.ask(OffsetForLeaderEpoch, 4, {
    topics: [{ topic: "t", partitions: [{ partition: LED, leaderEpoch: 0, currentLeaderEpoch: 1 }] }],
  });
  expect(fenced.topics[0]?.partitions[0]?.errorCode).toBe(FENCED_LEADER_EPOCH);
});

test("R30: a leader that does not know yet what was committed says so to consumers who ask for it", async () => {
  const partition = fixed.broker.partitions.get("t", LED);
  fixed.changePartition("t", LED, { leader: 2, leaderEpoch: 3, partitionEpoch: 1 });
  const batch = batchOf(["a", "b"]);
  batch.writeInt32BE(3, 12);
  partition?.appendAsFollower(batch, undefined, 3);
  partition?.followLeaderMarks(1, 0);
  fixed.changePartition("t", LED, { leader: 1, leaderEpoch: 4, partitionEpoch: 2 });
  const ask = async (version: number, timestamp: number, replicaId = -1) => {
    const partitions = [{ partitionIndex: LED, timestamp }];
    const { topics } = await asker.ask(ListOffsets, version, { replicaId, topics: [{ name: "t", partitions }] });
    return topics[0]?.partitions[0];
  };
  const later = Date.now() + 60_000;
  for (const timestamp of [-1, later]) {
    expect((await ask(5, timestamp))?.errorCode).toBe(ErrorCode.OFFSET_NOT_AVAILABLE);
    expect((await ask(4, timestamp))?.errorCode).toBe(ErrorCode.LEADER_NOT_AVAILABLE);
  }
  // Only the second record has the largest time, and nobody knows whether that one is committed.
  expect((await ask(7, -3))?.errorCode).toBe(0);
  expect(await ask(5, -2)).toMatchObject({ errorCode: 0, offset: 0 });
  expect(await ask(5, -1, 2)).toMatchObject({ errorCode: 0, offset: 2, leaderEpoch: 4 });
  const behind = fetchRequest(12, [{ name: "t", partitions: [{ partition: LED, fetchOffset: 2 }] }]);
  const [atEnd] = partitionsOf(await asker.ask(Fetch, 12, behind));
  expect([atEnd?.errorCode, atEnd?.highWatermark, atEnd?.records?.length]).toEqual([0, 1, 0]);
  partition?.followerFetched(2, 2, 0, 1);
  expect(await ask(5, -1)).toMatchObject({ errorCode: 0, offset: 2 });
});

describe("Metadata of a cluster in which not all is well", () => {
  const partitionsAt = async (version: number) => {
    const { topics } = await asker.ask(Metadata, version, { topics: [{ name: "t" }] });
    return topics[0]?.partitions ?? [];
  };

  test("a leader that is gone, fenced, or not on this listener", async () => {
    const [self, second, third] = fixed.brokers;
    if (self === undefined || second === undefined || third === undefined) throw new Error("three brokers");
    const elsewhere = { ...second, endpoints: [{ name: "OTHER", host: "h", port: 1, securityProtocol: 0 }] };
    fixed.apply([self, elsewhere, { ...third, fenced: true }], fixed.topics);
    const { LISTENER_NOT_FOUND, LEADER_NOT_AVAILABLE, REPLICA_NOT_AVAILABLE } = ErrorCode;
    for (const [version, codes] of [
      [0, [LEADER_NOT_AVAILABLE, LEADER_NOT_AVAILABLE, REPLICA_NOT_AVAILABLE]],
      [5, [LEADER_NOT_AVAILABLE, LEADER_NOT_AVAILABLE, 0]],
      [6, [LISTENER_NOT_FOUND, LEADER_NOT_AVAILABLE, 0]],
    ] as const) {
      const partitions = await partitionsAt(version);
      expect(partitions.map(({ errorCode }) => errorCode)).toEqual(codes);
      expect(partitions.map(({ leaderId }) => leaderId)).toEqual([-1, -1, 1]);
    }
    expect((await partitionsAt(9)).map(({ offlineReplicas }) => offlineReplicas)).toEqual([[2], [2, 3], [2]]);
    expect((await partitionsAt(9)).map(({ replicaNodes, isrNodes }) => [replicaNodes, isrNodes])[2]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect((await partitionsAt(0)).map(({ replicaNodes }) => replicaNodes)).toEqual([[1], [], [1]]);
  });

  test("R170: a replica in a directory that failed is offline", async () => {
    const directory = "ZGlyZWN0b3J5LWlkLW9uZQ";
    const other = "ZGlyZWN0b3J5LWlkLXR3bw";
    fixed.apply(
      fixed.brokers.map((broker) => ({ ...broker, directories: [directory] })),
      fixed.topics,
    );
    const offline = async (directories: string[]) => {
      fixed.changePartition("t", LED, { directories });
      return (await partitionsAt(9))[LED]?.offlineReplicas;
    };
    expect(await offline([directory, other])).toEqual([2]);
    expect(await offline([DirectoryId.LOST, DirectoryId.UNASSIGNED])).toEqual([1]);
    expect(await offline([directory, DirectoryId.MIGRATING])).toEqual([]);
  });
});
