/** What the leader of the quorum answers to those who ask for its log: checks, waits, snapshots. Codes are Kafka's. */
import { describe, expect, test } from "vitest";
import { metadataBatches } from "../../../cluster/metadata/metadata-batch.ts";
import { errorName } from "../../../protocol/error-codes.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { DescribeQuorum, FetchSnapshot } from "../../../protocol/messages/quorum.ts";
import { CreateTopics } from "../../../protocol/messages/topics.ts";
import type { Encode } from "../../../protocol/schema/message.ts";
import { METADATA_TOPIC_ID, ZERO_UUID } from "../../../protocol/uuid.ts";
import { ControllerBench } from "../support/controller-bench.ts";
import { CLUSTER_ID, uuid } from "../support/decision-bench.ts";

type FetchBody = Encode<typeof Fetch.request>;
type FetchPartition = FetchBody["topics"][number]["partitions"][number];

interface Asked {
  readonly partition?: Partial<FetchPartition>;
  readonly request?: Partial<FetchBody>;
  readonly version?: number;
}

function ask(bench: ControllerBench, { partition, request, version = 17 }: Asked = {}) {
  return bench.send(Fetch, version, {
    clusterId: CLUSTER_ID,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1 << 20,
    ...(version >= 15 ? { replicaState: { replicaId: 5, replicaEpoch: -1 } } : { replicaId: 5 }),
    topics: [
      {
        topicId: METADATA_TOPIC_ID,
        partitions: [
          {
            partition: 0,
            currentLeaderEpoch: 1,
            fetchOffset: 0,
            lastFetchedEpoch: 0,
            partitionMaxBytes: 0,
            replicaDirectoryId: uuid("observer"),
            ...partition,
          },
        ],
      },
    ],
    forgottenTopicsData: [],
    ...request,
  });
}

/** The error of the request, or of the partition. */
async function errorOf(bench: ControllerBench, asked: Asked): Promise<string | undefined> {
  const { errorCode, responses } = await ask(bench, asked);
  return errorName((errorCode || responses[0]?.partitions[0]?.errorCode) as number);
}

async function createTopic(bench: ControllerBench, name: string): Promise<void> {
  const topics = [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
  await bench.send(CreateTopics, 7, { topics, timeoutMs: 1000 });
}

async function started(): Promise<ControllerBench> {
  const bench = await ControllerBench.started();
  await bench.brokers(1);
  return bench;
}

describe("Fetch", () => {
  test("checks in Kafka's order", async () => {
    const bench = await started();
    expect(await errorOf(bench, { request: { clusterId: "other" } })).toBe("INCONSISTENT_CLUSTER_ID");
    expect(await errorOf(bench, { request: { clusterId: null } })).toBe("NONE");
    expect(await errorOf(bench, { request: { topics: [] } })).toBe("INVALID_REQUEST");
    expect(await errorOf(bench, { request: { topics: [{ topicId: uuid("other"), partitions: [] }] } })).toBe(
      "INVALID_REQUEST",
    );
    expect(await errorOf(bench, { partition: { partition: 1 } })).toBe("INVALID_REQUEST");
    expect(await errorOf(bench, { request: { maxWaitMs: -1 } })).toBe("INVALID_REQUEST");
    expect(await errorOf(bench, { partition: { fetchOffset: -1 } })).toBe("INVALID_REQUEST");
    expect(await errorOf(bench, { partition: { lastFetchedEpoch: -1 } })).toBe("INVALID_REQUEST");
    expect(await errorOf(bench, { partition: { lastFetchedEpoch: 2 } })).toBe("INVALID_REQUEST");
    expect(await errorOf(bench, { partition: { currentLeaderEpoch: 0 } })).toBe("FENCED_LEADER_EPOCH");
    expect(await errorOf(bench, { partition: { currentLeaderEpoch: 2 } })).toBe("UNKNOWN_LEADER_EPOCH");
    // An older broker, which names the topic.
    const topics = [
      {
        topic: "__cluster_metadata",
        topicId: ZERO_UUID,
        partitions: [
          { partition: 0, currentLeaderEpoch: 1, fetchOffset: 0, lastFetchedEpoch: 0, partitionMaxBytes: 0 },
        ],
      },
    ];
    expect(await errorOf(bench, { version: 12, request: { topics } })).toBe("NONE");
  });

  test("whoever asks wrongly is told who leads, and where", async () => {
    const bench = await started();
    const answer = await ask(bench, { partition: { currentLeaderEpoch: 0 } });
    expect(answer.responses[0]?.partitions[0]?.currentLeader).toEqual({ leaderId: 100, leaderEpoch: 1 });
    expect(answer.nodeEndpoints).toMatchObject([{ nodeId: 100, host: "127.0.0.1", port: 9093 }]);
  });

  test("records from the batch that holds the offset, as many as fit, at least one batch", async () => {
    const bench = await started();
    const whole = await ask(bench);
    const all = [...metadataBatches(whole.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0))];
    const { offset } = bench.controller.image;
    expect(all.at(-1)?.lastOffset).toBe(offset);
    expect(whole.responses[0]?.partitions[0]).toMatchObject({ highWatermark: offset + 1, logStartOffset: 0 });
    const one = await ask(bench, { request: { maxBytes: 1 } });
    expect([...metadataBatches(one.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0))].length).toBe(1);
    const fromTwo = await ask(bench, { partition: { fetchOffset: 2, lastFetchedEpoch: 1 } });
    const [first] = metadataBatches(fromTwo.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0));
    expect(first?.baseOffset).toBe(1);
  });

  test("with nothing new it waits, at most maxWaitMs, and not past the first news", async () => {
    const bench = await started();
    const atTheEnd = (maxWaitMs: number, changes: Partial<FetchPartition> = {}) =>
      ask(bench, {
        version: 18,
        request: { maxWaitMs },
        partition: {
          fetchOffset: bench.controller.image.offset + 1,
          lastFetchedEpoch: 1,
          highWatermark: bench.controller.image.offset + 1,
          ...changes,
        },
      });
    let answered = 0;
    const waiting = atTheEnd(500).then((answer) => {
      answered++;
      return answer;
    });
    bench.machine.clock.advance(499);
    await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(0);
    bench.machine.clock.advance(1);
    expect((await waiting).responses[0]?.partitions[0]?.records?.length ?? 0).toBe(0);
    const news = atTheEnd(500);
    await createTopic(bench, "t");
    expect((await news).responses[0]?.partitions[0]?.records?.length).toBeGreaterThan(0);
    // KIP-1166: one who does not know what is committed is told at once; so is one who may not wait.
    await atTheEnd(500, { highWatermark: 3 });
    await atTheEnd(0);
  });

  test("one who hangs up is forgotten", async () => {
    const bench = await started();
    const { clock } = bench.machine;
    const before = clock.pending;
    const end = bench.controller.image.offset + 1;
    const answer = bench.controller.quorum?.fetch(
      {
        clusterId: null,
        replicaId: -1,
        replicaState: { replicaId: 5, replicaEpoch: -1 },
        maxWaitMs: 500,
        minBytes: 0,
        maxBytes: 1,
        isolationLevel: 0,
        sessionId: 0,
        sessionEpoch: -1,
        rackId: "",
        topics: [
          {
            topic: "",
            topicId: METADATA_TOPIC_ID,
            partitions: [
              {
                partition: 0,
                currentLeaderEpoch: 1,
                fetchOffset: end,
                lastFetchedEpoch: 1,
                logStartOffset: -1,
                partitionMaxBytes: 0,
                replicaDirectoryId: ZERO_UUID,
                highWatermark: end,
              },
            ],
          },
        ],
        forgottenTopicsData: [],
      },
      { apiVersion: 18, listenerName: "CONTROLLER" },
    );
    expect(clock.pending).toBe(before + 1);
    (answer as { cancel(): void }).cancel();
    expect(clock.pending).toBe(before);
  });

  test("logs that part are told where; ends of epochs as they were", async () => {
    let bench = await started();
    const ends = [bench.controller.image.offset + 1];
    bench = await bench.restarted();
    await createTopic(bench, "t");
    ends.push(bench.controller.image.offset + 1);
    bench = await bench.restarted();
    const [first, second] = ends as [number, number];
    const diverging = async (fetchOffset: number, lastFetchedEpoch: number) => {
      const answer = await ask(bench, { partition: { currentLeaderEpoch: 3, fetchOffset, lastFetchedEpoch } });
      const partition = answer.responses[0]?.partitions[0];
      expect(partition?.errorCode).toBe(0);
      return partition?.divergingEpoch.epoch === -1 ? undefined : partition?.divergingEpoch;
    };
    expect(await diverging(first, 1)).toBeUndefined();
    expect(await diverging(first + 5, 1)).toEqual({ epoch: 1, endOffset: first });
    expect(await diverging(second + 5, 2)).toEqual({ epoch: 2, endOffset: second });
    expect(await diverging(first, 2)).toBeUndefined();
  });
});

describe("FetchSnapshot", () => {
  const SMALL = { "metadata.log.max.record.bytes.between.snapshots": "2000" };

  async function withSnapshot() {
    const bench = await ControllerBench.started({ configs: SMALL });
    await bench.brokers(1);
    for (let index = 0; index < 30; index++) await createTopic(bench, `t${index}`);
    const id = bench.controller.quorum?.metadataLog.latestSnapshot;
    if (id === undefined) throw new Error("no snapshot");
    return { bench, id };
  }

  function piece(
    bench: ControllerBench,
    snapshotId: { endOffset: number; epoch: number },
    changes: { position?: number; epoch?: number; name?: string; maxBytes?: number; clusterId?: string } = {},
  ) {
    const {
      position = 0,
      epoch = 1,
      name = "__cluster_metadata",
      maxBytes = 1 << 20,
      clusterId = CLUSTER_ID,
    } = changes;
    const partition = { partition: 0, currentLeaderEpoch: epoch, snapshotId, position, replicaDirectoryId: ZERO_UUID };
    return bench.send(FetchSnapshot, 1, {
      clusterId,
      replicaId: 5,
      maxBytes,
      topics: [{ name, partitions: [partition] }],
    });
  }

  test("the checks, and pieces cut anywhere", async () => {
    const { bench, id } = await withSnapshot();
    const snapshotId = { endOffset: id.endOffset, epoch: id.leaderEpoch };
    const errorOfPiece = async (changes: Parameters<typeof piece>[2], of = snapshotId) => {
      const { errorCode, topics } = await piece(bench, of, changes);
      return errorName((errorCode || topics[0]?.partitions[0]?.errorCode) as number);
    };
    expect(await errorOfPiece({ clusterId: "other" })).toBe("INCONSISTENT_CLUSTER_ID");
    expect(await errorOfPiece({ name: "other" })).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(await errorOfPiece({ epoch: 0 })).toBe("FENCED_LEADER_EPOCH");
    expect(await errorOfPiece({ epoch: 7 })).toBe("UNKNOWN_LEADER_EPOCH");
    expect(await errorOfPiece({}, { endOffset: 3, epoch: 1 })).toBe("SNAPSHOT_NOT_FOUND");
    expect(await errorOfPiece({ position: -1 })).toBe("POSITION_OUT_OF_RANGE");
    expect(await errorOfPiece({ position: 1 << 30 })).toBe("POSITION_OUT_OF_RANGE");
    const whole = (await piece(bench, snapshotId)).topics[0]?.partitions[0];
    const size = Number(whole?.size);
    expect(whole?.unalignedRecords?.length).toBe(size);
    expect(await errorOfPiece({ position: size })).toBe("POSITION_OUT_OF_RANGE");
    const part = (await piece(bench, snapshotId, { position: 7, maxBytes: 11 })).topics[0]?.partitions[0];
    expect(part).toMatchObject({ size, position: 7 });
    expect(part?.unalignedRecords).toEqual(whole?.unalignedRecords?.subarray(7, 18));
  });

  test("who fetches from the beginning, or from below the log's start, is told to take it", async () => {
    const { bench, id } = await withSnapshot();
    const answer = await ask(bench);
    expect(answer.responses[0]?.partitions[0]).toMatchObject({
      errorCode: 0,
      snapshotId: { endOffset: id.endOffset, epoch: id.leaderEpoch },
    });
  });
});

describe("DescribeQuorum", () => {
  test("only the metadata's own partition", async () => {
    const bench = await started();
    const describeTopic = (topicName: string, partitionIndex = 0) =>
      bench.send(DescribeQuorum, 2, { topics: [{ topicName, partitions: [{ partitionIndex }] }] });
    expect((await describeTopic("other")).topics[0]?.partitions[0]?.errorCode).toBe(3);
    expect((await describeTopic("__cluster_metadata", 1)).topics[0]?.partitions[0]?.errorCode).toBe(3);
    expect((await describeTopic("__cluster_metadata")).topics[0]?.partitions[0]).toMatchObject({
      errorCode: 0,
      leaderId: 100,
      leaderEpoch: 1,
      highWatermark: bench.controller.image.offset + 1,
    });
  });
});
