/**
 * OffsetCommit and OffsetFetch, request by request: what Apache Kafka 4.3.1 answers, at every version.
 */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Codec } from "../../../protocol/records/codec.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { clusterImage, GroupWorld, OFFSETS_TOPIC, T1, T2, topicImage } from "../groups/group-world.ts";
import { codes, committing, fetched, fetching, offset } from "../groups/offsets/offset-requests.ts";

const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAA_w";

describe("OffsetCommit and OffsetFetch", () => {
  it("what is committed is told, at every version of both", async () => {
    for (let version = 2; version <= 10; version++) {
      const world = await GroupWorld.start();
      const epochs = version >= 6 ? { committedLeaderEpoch: 5 } : {};
      const topics = committing(version, [
        { ...offset(0, 17, "note"), ...epochs },
        { ...offset(3, 2 ** 53 - 1), ...epochs },
      ]);
      const commit = world.commit(version, { topics });
      expect(codes(commit.answer)).toEqual([[0, 0]]);
      expect(commit.answer?.topics[0]).toMatchObject(version >= 10 ? { topicId: T1.id } : { name: "t1" });
      for (let fetch = 1; fetch <= 10; fetch++) {
        const asked = fetching(fetch, [0, 1, 3]);
        const { answer } = world.fetch(
          fetch,
          fetch >= 8 ? { groups: [{ groupId: "g", topics: asked }] } : { groupId: "g", topics: asked as never },
        );
        const told = fetch >= 8 ? answer?.groups[0] : answer;
        const leaderEpoch = version >= 6 && fetch >= 5 ? 5 : -1;
        expect([told?.errorCode, told?.topics[0]?.partitions]).toEqual([
          0,
          [
            {
              partitionIndex: 0,
              committedOffset: 17,
              committedLeaderEpoch: leaderEpoch,
              metadata: "note",
              errorCode: 0,
            },
            { partitionIndex: 1, committedOffset: -1, committedLeaderEpoch: -1, metadata: "", errorCode: 0 },
            {
              partitionIndex: 3,
              committedOffset: 2 ** 53 - 1,
              committedLeaderEpoch: leaderEpoch,
              metadata: "",
              errorCode: 0,
            },
          ],
        ]);
      }
    }
  });

  it("B74: odd offsets, metadata and retention are taken, metadata that is too long is not", async () => {
    const world = await GroupWorld.start();
    const partitions = [
      offset(0, -7),
      offset(1, 1, null),
      offset(2, 1, "x".repeat(4096)),
      offset(3, 1, "x".repeat(4097)),
    ];
    const { answer } = world.commit(2, { retentionTimeMs: -2, topics: committing(2, partitions) });
    expect(codes(answer)).toEqual([[0, 0, 0, ErrorCode.OFFSET_METADATA_TOO_LARGE]]);
    const told = world.fetch(1, { groupId: "g", topics: fetching(1, [0, 1, 2, 3]) as never }).answer;
    expect(told?.topics[0]?.partitions.map((p) => [p.committedOffset, p.metadata?.length])).toEqual([
      [-7, 0],
      [1, 0],
      [1, 4096],
      [-1, 0],
    ]);
  });

  it("B74: topics and partitions there are not are refused one by one", async () => {
    const world = await GroupWorld.start();
    const topics = [
      { name: "t1", partitions: [offset(0, 1), offset(4, 1), offset(-1, 1)] },
      { name: "none", partitions: [offset(0, 1)] },
      { name: "__proto__", partitions: [offset(0, 1)] },
    ];
    const { answer } = world.commit(9, { topics });
    const unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    expect(
      answer?.topics.map(({ name, partitions }) => [name, partitions.map((p) => [p.partitionIndex, p.errorCode])]),
    ).toEqual([
      [
        "t1",
        [
          [4, unknown],
          [-1, unknown],
          [0, 0],
        ],
      ],
      ["none", [[0, unknown]]],
      ["__proto__", [[0, unknown]]],
    ]);
    const byId = [
      { topicId: UNKNOWN_ID, partitions: [offset(0, 1)] },
      { topicId: ZERO_UUID, partitions: [offset(0, 1)] },
    ];
    expect(codes(world.commit(10, { topics: byId }).answer)).toEqual([
      [ErrorCode.UNKNOWN_TOPIC_ID],
      [ErrorCode.UNKNOWN_TOPIC_ID],
    ]);
    expect(world.log.logEndOffset).toBe(1);
  });

  it("B30, B74: one unknown topic, named a hundred thousand times, is refused in one entry, and soon", async () => {
    const world = await GroupWorld.start();
    const topic = { name: "unknown", partitions: [offset(0, 1)] };
    const startMs = performance.now();
    const { answer } = world.commit(8, { topics: new Array(100_000).fill(topic) });
    expect(answer?.topics).toHaveLength(1);
    expect(answer?.topics[0]?.partitions).toHaveLength(100_000);
    expect(performance.now() - startMs).toBeLessThan(5000);
  });

  it("stores compressed what offsets.topic.compression.codec wants so, and reads it back", async () => {
    for (const compression of [Codec.NONE, Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD]) {
      const world = await GroupWorld.start({ compression });
      world.commit(9, { topics: committing(9, [offset(0, 1), offset(1, 2)]) });
      expect([...world.log.written()].map((batch) => batch.compression)).toEqual([compression]);
      await world.failOver();
      expect(fetched(world, [0, 1])).toEqual([1, 2]);
    }
  });

  it("B74: a hundred thousand partitions in one request are stored", async () => {
    const world = await GroupWorld.start();
    const partitionCount = 100_000;
    world.image = clusterImage([
      topicImage(OFFSETS_TOPIC, "AAAAAAAAAAAAAAAAAAAA_A", 1),
      topicImage(T1.name, T1.id, partitionCount),
    ]);
    const partitions = Array.from({ length: partitionCount }, (_, i) => offset(i, i));
    const { answer } = world.commit(8, { topics: committing(8, partitions) });
    expect(answer?.topics[0]?.partitions.every(({ errorCode }) => errorCode === 0)).toBe(true);
    expect([...world.log.written()].every((batch) => batch.sizeBytes <= world.log.maxBatchBytes)).toBe(true);
    await world.failOver();
    const all = fetched(
      world,
      partitions.map(({ partitionIndex }) => partitionIndex),
    );
    expect(all).toEqual(partitions.map(({ committedOffset }) => committedOffset));
  });

  it("R152: members of the generation may commit, nobody else while there are members", async () => {
    const world = await GroupWorld.start();
    const [memberId] = world.stableGroup([null]) as [string];
    const code = (version: number, request: Parameters<GroupWorld["commit"]>[1]) =>
      codes(world.commit(version, { topics: committing(version, [offset(0, 1)]), ...request }).answer)?.[0]?.[0];
    expect(code(9, { memberId, generationIdOrMemberEpoch: 1 })).toBe(0);
    expect(code(9, { memberId, generationIdOrMemberEpoch: 2 })).toBe(ErrorCode.ILLEGAL_GENERATION);
    expect(code(9, { memberId: "other", generationIdOrMemberEpoch: 1 })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(code(9, { memberId: "", generationIdOrMemberEpoch: -1 })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(code(9, { memberId, generationIdOrMemberEpoch: -1 })).toBe(ErrorCode.ILLEGAL_GENERATION);
    world.join(3, {});
    expect(world.group()?.state).toBe("PreparingRebalance");
    expect(code(9, { memberId, generationIdOrMemberEpoch: 1 })).toBe(0);
    const join = world.join(5, { memberId });
    expect([join.answer?.generationId, world.group()?.state]).toEqual([2, "CompletingRebalance"]);
    expect(code(9, { memberId, generationIdOrMemberEpoch: 2 })).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  });

  it("R152: of an empty or unknown group those may commit who claim no generation", async () => {
    const world = await GroupWorld.start();
    const code = (version: number, request: Parameters<GroupWorld["commit"]>[1]) =>
      codes(world.commit(version, { topics: committing(version, [offset(0, 1)]), ...request }).answer)?.[0]?.[0];
    for (let version = 2; version <= 10; version++) {
      const expected = version >= 9 ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION;
      expect(code(version, { groupId: "unknown", generationIdOrMemberEpoch: 0 })).toBe(expected);
      expect(code(version, { groupId: `g${version}`, memberId: "whoever" })).toBe(0);
      expect(code(version, { groupId: `g${version}`, generationIdOrMemberEpoch: 0 })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    }
    expect(code(9, { groupId: "" })).toBe(0);
    expect(fetched(world, [0], false, "")).toEqual([1]);
    expect(world.describe(6, ["g9"]).answer?.groups[0]).toMatchObject({ groupState: "Empty", protocolType: "" });
  });

  it("R152: what was acknowledged is there after the coordinator is gone", async () => {
    const world = await GroupWorld.start();
    world.log.autoCommit = false;
    const commits = [1, 2, 3].map((at) => world.commit(9, { topics: committing(9, [offset(0, at)]) }));
    world.log.commit(2);
    expect(commits.map(({ answer }) => codes(answer)?.[0]?.[0])).toEqual([0, 0, undefined]);
    expect(fetched(world, [0])).toEqual([2]);
    await world.failOver();
    expect(codes(commits[2]?.answer)).toEqual([[ErrorCode.NOT_COORDINATOR]]);
    // The third may have been acknowledged for all the new coordinator knows: the second is not told any more.
    expect(fetched(world, [0])).toEqual({ error: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS });
    world.log.commit();
    expect(fetched(world, [0])).toEqual([3]);
  });

  it("R153: without a coordinator that knows, there is an error, never an offset that is not there", async () => {
    const world = await GroupWorld.start();
    world.commit(9, { topics: committing(9, [offset(0, 5)]) });
    world.log.slowReads = true;
    const failover = world.failOver();
    for (const requireStable of [false, true]) {
      expect(fetched(world, [0], requireStable)).toEqual({ error: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS });
    }
    expect(codes(world.commit(9, { topics: committing(9, [offset(0, 6)]) }).answer)).toEqual([
      [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS],
    ]);
    await failover;
    expect(fetched(world, [0])).toEqual([5]);
    world.groups.resign(0);
    for (let version = 2; version <= 10; version++) {
      const topics = fetching(version, [0]);
      const { answer } = world.fetch(
        version,
        version >= 8 ? { groups: [{ groupId: "g", topics }] } : { groupId: "g", topics: topics as never },
      );
      const told = version >= 8 ? answer?.groups[0] : answer;
      expect([told?.errorCode, told?.topics]).toEqual([ErrorCode.NOT_COORDINATOR, []]);
    }
    const old = world.fetch(1, { groupId: "g", topics: fetching(1, [0, 1]) as never }).answer;
    expect(codes(old)).toEqual([[ErrorCode.NOT_COORDINATOR, ErrorCode.NOT_COORDINATOR]]);
  });

  it("R153: when too few replicas are left commits are refused and offsets still told", async () => {
    const world = await GroupWorld.start();
    world.commit(9, { topics: committing(9, [offset(0, 5)]) });
    world.log.refusal = ErrorCode.NOT_ENOUGH_REPLICAS;
    const refused = world.commit(9, { topics: [...committing(9, [offset(0, 6), offset(9, 6)])] });
    expect(refused.answer?.topics[0]?.partitions).toEqual([
      { partitionIndex: 9, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION },
      { partitionIndex: 0, errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE },
    ]);
    expect([fetched(world, [0]), fetched(world, [0], true)]).toEqual([[5], [5]]);
  });

  it("V11: nobody sees an offset go back: what is told is committed", async () => {
    const world = await GroupWorld.start();
    world.log.autoCommit = false;
    let highest = -1;
    for (let at = 0; at < 50; at++) {
      world.commit(9, { topics: committing(9, [offset(0, at)]) });
      if (at % 3 === 0) world.log.commit(world.log.logEndOffset - (at % 2));
      const [told] = fetched(world, [0]) as [number];
      expect(told).toBeGreaterThanOrEqual(highest);
      expect(told).toBeLessThan(world.log.highWatermark);
      highest = told;
    }
    expect(highest).toBeGreaterThan(40);
  });

  it("a stable answer waits until what it tells is committed, and times out as no answer that ends a consumer", async () => {
    const world = await GroupWorld.start();
    world.log.autoCommit = false;
    world.commit(9, { topics: committing(9, [offset(0, 5)]) });
    const request = { groups: [{ groupId: "g", topics: fetching(9, [0]) }], requireStable: true };
    const waiting = world.fetch(9, request);
    const timesOut = world.fetch(9, request);
    expect([waiting.answer, fetched(world, [0])]).toEqual([undefined, [-1]]);
    world.clock.advance(5000);
    expect(timesOut.answer?.groups[0]?.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    const again = world.fetch(9, request);
    world.log.commit();
    expect(again.answer?.groups[0]?.topics[0]?.partitions[0]?.committedOffset).toBe(5);
  });

  it("all topics of a group: null from version 2 on", async () => {
    const world = await GroupWorld.start();
    world.commit(9, { topics: [...committing(9, [offset(0, 1), offset(1, 2)]), ...committing(9, [offset(2, 3)], T2)] });
    for (let version = 2; version <= 10; version++) {
      const { answer } = world.fetch(
        version,
        version >= 8 ? { groups: [{ groupId: "g", topics: null }] } : { groupId: "g", topics: null },
      );
      const told = version >= 8 ? answer?.groups[0] : answer;
      const topics = told?.topics as {
        name: string;
        topicId?: string;
        partitions: { partitionIndex: number; committedOffset: number }[];
      }[];
      const named = topics.map((topic) => (version >= 10 ? (topic.topicId === T1.id ? "t1" : "t2") : topic.name));
      expect(named).toEqual(["t1", "t2"]);
      expect(topics.map(({ partitions }) => partitions.map((p) => [p.partitionIndex, p.committedOffset]))).toEqual([
        [
          [0, 1],
          [1, 2],
        ],
        [[2, 3]],
      ]);
    }
    expect(world.fetch(9, { groups: [{ groupId: "unknown", topics: null }] }).answer?.groups).toEqual([
      { groupId: "unknown", topics: [], errorCode: 0 },
    ]);
  });

  it("several groups at once: each its own", async () => {
    const world = await GroupWorld.start();
    world.commit(9, { groupId: "a", topics: committing(9, [offset(0, 1)]) });
    world.commit(9, { groupId: "b", topics: committing(9, [offset(0, 2)]) });
    const groups = ["a", "unknown", "b"].map((groupId) => ({ groupId, topics: fetching(9, [0]) }));
    const { answer } = world.fetch(9, { groups });
    expect(answer?.groups.map((g) => [g.groupId, g.topics[0]?.partitions[0]?.committedOffset])).toEqual([
      ["a", 1],
      ["unknown", -1],
      ["b", 2],
    ]);
    expect(world.fetch(9, { groups: [] }).answer?.groups).toEqual([]);
  });

  it("a fetch of ten thousand partitions is one pass", async () => {
    const world = await GroupWorld.start();
    world.image = clusterImage([
      topicImage(OFFSETS_TOPIC, "AAAAAAAAAAAAAAAAAAAA_A", 1),
      topicImage(T1.name, T1.id, 10_000),
    ]);
    const partitions = Array.from({ length: 10_000 }, (_, i) => offset(i, i));
    world.commit(10, { topics: committing(10, partitions) });
    const asked = partitions.map(({ partitionIndex }) => partitionIndex);
    const { answer } = world.fetch(10, { groups: [{ groupId: "g", topics: fetching(10, asked) }] });
    expect(answer?.groups[0]?.topics[0]?.partitions.map((p) => p.committedOffset)).toEqual(asked);
  });
});
