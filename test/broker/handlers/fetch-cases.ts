/** What Apache Kafka answers to Fetch without a session (B68): offsets, limits, waits, epochs. */
import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { batchOf, batchOfBytes } from "../../support/batches.ts";
import { type DataPlane, differs, newTopic } from "../../support/data-plane.ts";
import { WireAsker } from "../../support/wire-asker.ts";

type FetchRequest = Encode<(typeof Fetch)["request"]>;
type PartitionRequest = FetchRequest["topics"][number]["partitions"][number];
type FetchResponse = Decode<(typeof Fetch)["response"]>;
export type PartitionAnswer = FetchResponse["responses"][number]["partitions"][number];

const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAABAA";
const MEGABYTE = 1 << 20;

export interface Asked {
  readonly name: string;
  readonly topicId?: string;
  readonly partitions: readonly (Partial<PartitionRequest> & { readonly partition: number })[];
}

export function fetchRequest(
  version: number,
  topics: readonly Asked[],
  request: Partial<FetchRequest> = {},
): FetchRequest {
  return {
    ...{ maxWaitMs: 0, minBytes: 1, maxBytes: MEGABYTE, sessionId: 0, sessionEpoch: -1, forgottenTopicsData: [] },
    topics: topics.map(({ name, topicId = ZERO_UUID, partitions }) => ({
      ...(version >= 13 ? { topicId } : { topic: name }),
      partitions: partitions.map((partition) => ({ fetchOffset: 0, partitionMaxBytes: MEGABYTE, ...partition })),
    })),
    ...request,
  };
}

export function partitionsOf(response: FetchResponse): PartitionAnswer[] {
  return response.responses.flatMap(({ partitions }) => partitions);
}

/** Produces batches to one partition. */
export async function fill(plane: DataPlane, topic: string, batches: readonly Buffer[], partition = 0): Promise<void> {
  using asker = await WireAsker.open(plane.address);
  for (const records of batches) {
    const topicData = [{ name: topic, partitionData: [{ index: partition, records }] }];
    const { responses } = await asker.ask(Produce, 9, { acks: -1, timeoutMs: 5000, topicData });
    if (responses[0]?.partitionResponses[0]?.errorCode !== 0) throw new Error("not produced");
  }
}

export function fetchCases(planeOf: () => DataPlane): void {
  const fetch = async (version: number, topics: readonly Asked[], request: Partial<FetchRequest> = {}) => {
    using asker = await WireAsker.open(planeOf().address);
    return await asker.ask(Fetch, version, fetchRequest(version, topics, request));
  };
  /** One partition of one topic. */
  const fetchOne = async (
    name: string,
    partition: Partial<PartitionRequest> = {},
    request: Partial<FetchRequest> = {},
    version = 12,
  ): Promise<PartitionAnswer> => {
    const [answer] = partitionsOf(
      await fetch(version, [{ name, partitions: [{ partition: 0, ...partition }] }], request),
    );
    if (answer === undefined) throw new Error("no answer");
    return answer;
  };
  const filled = async (batches: readonly Buffer[], configs = {}): Promise<string> => {
    const { name } = await newTopic(planeOf(), { configs });
    await fill(planeOf(), name, batches);
    return name;
  };
  const took = async (run: () => Promise<unknown>): Promise<number> => {
    const startMs = performance.now();
    await run();
    return performance.now() - startMs;
  };
  const noMarks = { highWatermark: -1, lastStableOffset: -1, logStartOffset: -1 };

  test("every version answers", async () => {
    const { name, topicId } = await newTopic(planeOf());
    const batch = batchOf(["a", "b"]);
    await fill(planeOf(), name, [batch]);
    for (let version = 4; version <= 18; version++) {
      const response = await fetch(version, [{ name, topicId, partitions: [{ partition: 0 }] }]);
      const [topic] = response.responses;
      expect([response.errorCode, response.sessionId, topic?.topic, topic?.topicId]).toEqual(
        version >= 13 ? [0, 0, "", topicId] : [0, 0, name, ZERO_UUID],
      );
      const [answer] = partitionsOf(response);
      expect(answer).toMatchObject({
        ...{ partitionIndex: 0, errorCode: 0, highWatermark: 2, lastStableOffset: 2 },
        ...{ logStartOffset: version >= 5 ? 0 : -1, abortedTransactions: null, preferredReadReplica: -1 },
      });
      expect(answer?.records?.subarray(21)).toEqual(batch.subarray(21));
    }
  });

  test("B34: offsets outside the log, at once however long the client would wait", async () => {
    const name = await filled([batchOf(["a"])]);
    for (const fetchOffset of [-1, -2, 2, Number.MAX_SAFE_INTEGER]) {
      let answer: PartitionAnswer | undefined;
      const ms = await took(async () => {
        answer = await fetchOne(name, { fetchOffset }, { maxWaitMs: 20_000 });
      });
      expect(answer).toMatchObject({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, ...noMarks, abortedTransactions: null });
      expect(answer?.records).toEqual(Buffer.alloc(0));
      expect(ms).toBeLessThan(5000);
    }
  });

  test("the end of the log is empty, never null", async () => {
    const name = await filled([batchOf(["a"])]);
    for (let version = 4; version <= 12; version++) {
      const answer = await fetchOne(name, { fetchOffset: 1 }, {}, version);
      expect([answer.errorCode, answer.highWatermark, answer.records]).toEqual([0, 1, Buffer.alloc(0)]);
    }
  });

  test("an offset inside a batch gives the whole batch", async () => {
    const name = await filled([batchOf(["a", "b", "c"]), batchOf(["d"])]);
    const { records } = await fetchOne(name, { fetchOffset: 2 });
    expect(records?.readBigInt64BE(0)).toBe(0n);
    expect((await fetchOne(name, { fetchOffset: 3 })).records?.readBigInt64BE(0)).toBe(3n);
  });

  test("B68: limits below one batch give one whole batch, of the first partition with data only", async () => {
    const { name } = await newTopic(planeOf(), { partitionCount: 3 });
    const batch = batchOf(["x".repeat(100)]);
    await fill(planeOf(), name, [batch, batch], 1);
    await fill(planeOf(), name, [batch, batch], 2);
    const partitions = [{ partition: 0 }, { partition: 1 }, { partition: 2 }];
    for (const maxBytes of [0, 1, 10]) {
      const limited = partitionsOf(await fetch(12, [{ name, partitions }], { maxBytes }));
      expect(limited.map(({ records }) => records?.length)).toEqual([0, batch.length, 0]);
      const each = partitions.map((partition) => ({ ...partition, partitionMaxBytes: maxBytes }));
      const ofEach = partitionsOf(await fetch(12, [{ name, partitions: each }]));
      expect(ofEach.map(({ records }) => records?.length)).toEqual([0, batch.length, 0]);
    }
  });

  test("a limit cuts the last batch, but not the first of a later partition", async () => {
    const { name } = await newTopic(planeOf(), { partitionCount: 2 });
    const batch = batchOfBytes(90);
    await fill(planeOf(), name, [batch, batch, batch]);
    await fill(planeOf(), name, [batch, batch], 1);
    const sizes = async (request: Partial<FetchRequest>, partitionMaxBytes = MEGABYTE) => {
      const partitions = [0, 1].map((partition) => ({ partition, partitionMaxBytes }));
      return partitionsOf(await fetch(12, [{ name, partitions }], request)).map(({ records }) => records?.length);
    };
    expect(await sizes({ maxBytes: 100 })).toEqual([100, 0]);
    expect(await sizes({ maxBytes: 269 })).toEqual([269, 0]);
    expect(await sizes({ maxBytes: 359 })).toEqual([270, 0]);
    expect(await sizes({ maxBytes: 365 })).toEqual([270, 95]);
    expect(await sizes({}, 100)).toEqual([100, 100]);
    expect(await sizes({}, 89)).toEqual([90, 0]);
  });

  test("an answer ends with its segment, without a wait for more", async () => {
    const batch = batchOfBytes(500_000);
    const name = await filled([batch, batch, batch], { "segment.bytes": "1048576" });
    const answer = await fetchOne(name, { partitionMaxBytes: 4 * MEGABYTE }, { maxBytes: 4 * MEGABYTE });
    expect(answer.records?.length).toBe(1_000_000);
    const waits = { maxWaitMs: 20_000, minBytes: 2 * MEGABYTE, maxBytes: 4 * MEGABYTE };
    expect(await took(() => fetchOne(name, { partitionMaxBytes: 4 * MEGABYTE }, waits))).toBeLessThan(5000);
  });

  test("B68: limits below zero", async () => {
    const name = await filled([batchOf(["a"])]);
    const instead = (ours: number) => differs<number>(planeOf(), ErrorCode.UNKNOWN_SERVER_ERROR, ours);
    expect((await fetchOne(name, { partitionMaxBytes: -1 })).errorCode).toBe(instead(ErrorCode.INVALID_FETCH_SIZE));
    expect((await fetchOne(name, {}, { isolationLevel: 3 })).errorCode).toBe(instead(ErrorCode.INVALID_REQUEST));
    expect((await fetchOne(name, {}, { isolationLevel: 3 }, 4)).errorCode).toBe(instead(ErrorCode.INVALID_REQUEST));
    expect((await fetchOne(name, {}, { maxBytes: -1 })).errorCode).toBe(instead(ErrorCode.INVALID_REQUEST));
  });

  test("waits: for minBytes, as long as maxWaitMs, and not at all when there is nothing to wait for", async () => {
    const name = await filled([batchOf(["a"])]);
    const atEnd = { fetchOffset: 1 };
    const waited = await took(() => fetchOne(name, atEnd, { maxWaitMs: 400 }));
    expect(waited).toBeGreaterThanOrEqual(395);
    for (const request of [{ maxWaitMs: 20_000, minBytes: 0 }, { maxWaitMs: -1 }, { maxWaitMs: 0 }]) {
      expect(await took(() => fetchOne(name, atEnd, request))).toBeLessThan(5000);
    }
    expect(await took(() => fetch(12, [], { maxWaitMs: 20_000 }))).toBeLessThan(5000);
    // What there is reaches maxBytes, and more than that cannot be asked for.
    const tooMuch = { maxWaitMs: 20_000, minBytes: MEGABYTE, maxBytes: 10 };
    expect(await took(() => fetchOne(name, {}, tooMuch))).toBeLessThan(5000);
  });

  test("a fetch that waits is woken by what comes, once it is enough", async () => {
    const { name } = await newTopic(planeOf(), { partitionCount: 2 });
    const batch = batchOfBytes(400);
    using asker = await WireAsker.open(planeOf().address);
    const partitions = [{ partition: 0 }, { partition: 1 }];
    const request = { maxWaitMs: 30_000, minBytes: 1000 };
    asker.send(Fetch, 12, fetchRequest(12, [{ name, partitions }], request));
    await fill(planeOf(), name, [batch, batch]);
    await fill(planeOf(), name, [batch], 1);
    const answers = partitionsOf(await asker.answer(Fetch, 12));
    expect(answers.map(({ records }) => records?.length)).toEqual([800, 400]);
  });

  test("unknown topics and partitions hold nothing up and come last", async () => {
    const { name, topicId } = await newTopic(planeOf());
    const unknown = { ...noMarks, abortedTransactions: [] };
    const byName = [
      { name: "no-such-topic", partitions: [{ partition: 0 }] },
      { name, partitions: [{ partition: 9 }, { partition: 0 }] },
    ];
    const named = partitionsOf(await fetch(12, byName));
    expect(named.at(0)).toMatchObject({ partitionIndex: 0, errorCode: 0 });
    expect(named.slice(1)).toMatchObject([
      { partitionIndex: 0, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ...unknown },
      { partitionIndex: 9, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ...unknown },
    ]);
    const waited = await took(() => fetch(12, byName, { maxWaitMs: 400 }));
    expect(waited).toBeGreaterThanOrEqual(395);
    expect(await took(() => fetch(12, byName.slice(0, 1), { maxWaitMs: 20_000 }))).toBeLessThan(5000);
    for (const unknownId of [UNKNOWN_ID, ZERO_UUID]) {
      const response = await fetch(13, [
        { name: "", topicId: unknownId, partitions: [{ partition: 3 }] },
        { name, topicId, partitions: [{ partition: 0 }] },
      ]);
      expect(response.responses.map((topic) => topic.topicId)).toEqual([topicId, unknownId]);
      expect(partitionsOf(response)[1]).toMatchObject({
        partitionIndex: 3,
        errorCode: ErrorCode.UNKNOWN_TOPIC_ID,
        ...unknown,
      });
    }
  });

  test("aborted transactions are told to those who read committed data only", async () => {
    const name = await filled([batchOf(["a"])]);
    const readCommitted = { isolationLevel: 1 };
    expect((await fetchOne(name)).abortedTransactions).toBeNull();
    expect((await fetchOne(name, {}, readCommitted)).abortedTransactions).toEqual([]);
    expect((await fetchOne(name, { fetchOffset: 1 }, readCommitted)).abortedTransactions).toEqual([]);
    expect((await fetchOne(name, { fetchOffset: 9 }, readCommitted)).abortedTransactions).toBeNull();
    expect((await fetchOne(name, { partition: 9 }, readCommitted)).abortedTransactions).toEqual([]);
  });

  test("R11: leader epochs", async () => {
    const name = await filled([batchOf(["a"])]);
    const ahead = await fetchOne(name, { currentLeaderEpoch: 7 }, { maxWaitMs: 20_000 }, 16 - 4);
    expect(ahead).toMatchObject({ errorCode: ErrorCode.UNKNOWN_LEADER_EPOCH, ...noMarks });
    for (const currentLeaderEpoch of [0, -1, -2]) {
      expect((await fetchOne(name, { currentLeaderEpoch })).errorCode).toBe(0);
    }
  });

  test("a divergence is told with the marks and without records; unknown epochs are out of range", async () => {
    const name = await filled([batchOf(["a"]), batchOf(["b"])]);
    const waits = { maxWaitMs: 20_000 };
    expect((await fetchOne(name, { lastFetchedEpoch: 5 }, waits)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    const diverging = await fetchOne(name, { lastFetchedEpoch: 0, fetchOffset: 9 }, waits);
    expect(diverging).toMatchObject({
      ...{ errorCode: 0, divergingEpoch: { epoch: 0, endOffset: 2 }, highWatermark: 2, logStartOffset: 0 },
      abortedTransactions: null,
    });
    expect(diverging.records).toEqual(Buffer.alloc(0));
    expect(await fetchOne(name, { lastFetchedEpoch: 0, fetchOffset: 1 })).toMatchObject({
      ...{ errorCode: 0, divergingEpoch: { epoch: -1, endOffset: -1 } },
    });
  });

  test("B90: whoever says he is a replica and is none", async () => {
    const { name, topicId } = await newTopic(planeOf());
    await fill(planeOf(), name, [batchOf(["a"])]);
    for (const replicaId of [1, 99]) {
      expect((await fetchOne(name, { currentLeaderEpoch: -1 }, { replicaId })).errorCode).toBe(
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
      );
    }
    const state = { replicaState: { replicaId: 5, replicaEpoch: 3 } };
    const asked = [{ name, topicId, partitions: [{ partition: 0, currentLeaderEpoch: 0 }] }];
    expect(partitionsOf(await fetch(15, asked, state))[0]?.errorCode).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
    const debugging = { replicaState: { replicaId: -2, replicaEpoch: -1 } };
    expect(partitionsOf(await fetch(15, asked, debugging))[0]?.errorCode).toBe(0);
  });

  test("one partition twice is answered once, for the last", async () => {
    const name = await filled([batchOf(["a"]), batchOf(["b"])]);
    const partitions = [
      { partition: 0, fetchOffset: 0 },
      { partition: 0, fetchOffset: 1 },
    ];
    const answers = partitionsOf(await fetch(12, [{ name, partitions }]));
    expect(answers.map(({ records }) => records?.readBigInt64BE(0))).toEqual([1n]);
  });
}
