/**
 * Offsets of groups, request by request: what Apache Kafka 4.3.1 answers, at every version.
 */
import { describe, expect, it } from "vitest";
import { Reply } from "../../../broker/state-machine/reply.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { clusterImage, GroupWorld, OFFSETS_TOPIC, subscription, T1, T2, topicImage } from "../groups/group-world.ts";

const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAA_w";

function offset(partitionIndex: number, committedOffset: number, committedMetadata: string | null = "") {
  return { partitionIndex, committedOffset, committedMetadata };
}

/** Topics of a commit as the version names them. */
function committing(version: number, partitions: ReturnType<typeof offset>[], topic = T1) {
  return [version >= 10 ? { topicId: topic.id, partitions } : { name: topic.name, partitions }];
}

function fetching(version: number, partitionIndexes: number[], topic = T1) {
  return [version >= 10 ? { topicId: topic.id, partitionIndexes } : { name: topic.name, partitionIndexes }];
}

/** What a group has committed for partitions of t1: offsets, or error codes where there are any. */
function fetched(world: GroupWorld, partitionIndexes: number[], requireStable = false, groupId = "g") {
  const { answer } = world.fetch(9, { groups: [{ groupId, topics: fetching(9, partitionIndexes) }], requireStable });
  const group = answer?.groups[0];
  if (group === undefined) return undefined;
  if (group.errorCode !== 0) return { error: group.errorCode };
  return group.topics[0]?.partitions.map((p) => (p.errorCode === 0 ? p.committedOffset : { error: p.errorCode }));
}

function codes(answer: { topics: { partitions: { errorCode: number }[] }[] } | undefined) {
  return answer?.topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
}

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
    // What was appended and not committed is not told before it is.
    expect(fetched(world, [0])).toEqual([2]);
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

describe("topics that come and go", () => {
  it("R151: a topic id nobody knows any more is told as such, and so is none at all", async () => {
    const world = await GroupWorld.start();
    world.commit(10, { topics: committing(10, [offset(0, 1)]) });
    const asked = [
      { topicId: UNKNOWN_ID, partitionIndexes: [0, 1] },
      { topicId: ZERO_UUID, partitionIndexes: [0] },
      ...fetching(10, [0]),
    ];
    const { answer } = world.fetch(10, { groups: [{ groupId: "g", topics: asked }] });
    const unknown = ErrorCode.UNKNOWN_TOPIC_ID;
    const byId = new Map(answer?.groups[0]?.topics.map((topic) => [topic.topicId, topic.partitions]));
    expect(byId.get(UNKNOWN_ID)?.map((p) => [p.errorCode, p.committedOffset])).toEqual([
      [unknown, -1],
      [unknown, -1],
    ]);
    expect(byId.get(ZERO_UUID)?.map((p) => p.errorCode)).toEqual([unknown]);
    expect(byId.get(T1.id)?.map((p) => p.committedOffset)).toEqual([1]);
  });

  it("R47: offsets go with their topic; those of one that has its name now stay", async () => {
    const world = await GroupWorld.start();
    world.commit(9, { topics: [...committing(9, [offset(0, 1), offset(1, 1)]), ...committing(9, [offset(0, 2)], T2)] });
    world.commit(9, { groupId: "other", topics: committing(9, [offset(3, 9)]) });
    const renewed = topicImage(T1.name, UNKNOWN_ID, 4);
    world.image = clusterImage([
      topicImage(OFFSETS_TOPIC, "AAAAAAAAAAAAAAAAAAAA_A", 1),
      renewed,
      topicImage(T2.name, T2.id, 4),
    ]);
    world.commit(9, { topics: committing(9, [offset(1, 7)]) });
    // By id, what another topic of this name had is not told.
    const byNewId = world.fetch(10, {
      groups: [{ groupId: "g", topics: [{ topicId: UNKNOWN_ID, partitionIndexes: [0, 1] }] }],
    });
    expect(byNewId.answer?.groups[0]?.topics[0]?.partitions.map((p) => p.committedOffset)).toEqual([-1, 7]);
    world.groups.topicsDeleted([{ name: "t1", id: T1.id }]);
    expect([fetched(world, [0, 1]), fetched(world, [3], false, "other")]).toEqual([[-1, 7], [-1]]);
    await world.failOver();
    expect([fetched(world, [0, 1]), fetched(world, [3], false, "other")]).toEqual([[-1, 7], [-1]]);
    expect(
      world.fetch(9, { groups: [{ groupId: "g", topics: fetching(9, [0], T2) }] }).answer?.groups[0]?.topics[0]
        ?.partitions[0]?.committedOffset,
    ).toBe(2);
  });
});

describe("OffsetDelete", () => {
  const asked = (groupId: string, name: string, ...partitions: number[]) => ({
    groupId,
    topics: [{ name, partitions: partitions.map((partitionIndex) => ({ partitionIndex })) }],
  });

  it("forgets offsets of topics nobody reads", async () => {
    const world = await GroupWorld.start();
    world.commit(9, { topics: committing(9, [offset(0, 1), offset(1, 1)]) });
    const { answer } = world.deleteOffsets(asked("g", "t1", 0, 3, 99));
    expect([answer?.errorCode, codes(answer)]).toEqual([0, [[ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 0, 0]]]);
    expect(fetched(world, [0, 1])).toEqual([-1, 1]);
    await world.failOver();
    expect(fetched(world, [0, 1])).toEqual([-1, 1]);
  });

  it("refuses topics a group reads, groups of others with members, and groups there are not", async () => {
    const world = await GroupWorld.start();
    const [memberId] = world.stableGroup([null]) as [string];
    world.commit(9, {
      memberId,
      generationIdOrMemberEpoch: 1,
      topics: [...committing(9, [offset(0, 1)]), ...committing(9, [offset(0, 2)], T2)],
    });
    expect(codes(world.deleteOffsets(asked("g", "t1", 0)).answer)).toEqual([[ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC]]);
    expect(codes(world.deleteOffsets(asked("g", "t2", 0)).answer)).toEqual([[0]]);
    expect(world.deleteOffsets(asked("unknown", "t1", 0)).answer).toMatchObject({
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      topics: [],
    });
    expect(world.deleteOffsets(asked("", "t1", 0)).answer?.errorCode).toBe(ErrorCode.INVALID_GROUP_ID);
    world.join(3, { groupId: "connect", protocolType: "connect" });
    expect(world.deleteOffsets(asked("connect", "t1", 0)).answer?.errorCode).toBe(ErrorCode.NON_EMPTY_GROUP);
  });

  it("B75: of a group whose subscriptions cannot be read, every topic counts as read", async () => {
    for (const metadata of [
      Buffer.alloc(0),
      Buffer.from([0]),
      Buffer.from("0000ffffffff", "hex"),
      Buffer.from("00007fffffff", "hex"),
      Buffer.from("7fff00000001", "hex"),
      Buffer.from("00000000000200027431", "hex"),
      Buffer.from("0000000000010005", "hex"),
    ]) {
      const world = await GroupWorld.start();
      const join = world.join(3, { protocols: [{ name: "range", metadata }] });
      world.clock.advance(3000);
      const memberId = join.answer?.memberId ?? "";
      expect(
        world.sync(3, { memberId, assignments: [{ memberId, assignment: Buffer.from("ff", "hex") }] }).answer
          ?.errorCode,
      ).toBe(0);
      expect(codes(world.deleteOffsets(asked("g", "t1", 0)).answer)).toEqual([[ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC]]);
      await world.failOver();
      expect(world.group()).toMatchObject({ state: "Stable", subscribedTopics: null });
    }
  });

  it("R150: a subscription of a version to come is read as far as all versions agree", async () => {
    const world = await GroupWorld.start();
    const metadata = Buffer.concat([Buffer.from([0x7f, 0xff]), subscription("t2").subarray(2), Buffer.from("more")]);
    const join = world.join(3, { protocols: [{ name: "range", metadata }] });
    world.clock.advance(3000);
    world.sync(3, { memberId: join.answer?.memberId ?? "" });
    expect([...(world.group()?.subscribedTopics ?? [])]).toEqual(["t2"]);
    expect(codes(world.deleteOffsets(asked("g", "t1", 0)).answer)).toEqual([[0]]);
  });
});

describe("expiry", () => {
  const DAY_MS = 24 * 3_600_000;
  const CHECK_MS = 600_000;

  it("an empty group's offsets go a week after it became empty, and the group with them", async () => {
    const world = await GroupWorld.start();
    const [memberId] = world.stableGroup([null]) as [string];
    world.commit(9, { memberId, generationIdOrMemberEpoch: 1, topics: committing(9, [offset(0, 1)]) });
    world.leave(1, { memberId });
    world.clock.advance(7 * DAY_MS - CHECK_MS);
    expect(fetched(world, [0])).toEqual([1]);
    world.clock.advance(2 * CHECK_MS);
    expect([fetched(world, [0]), world.group()]).toEqual([[-1], undefined]);
    await world.failOver();
    expect([fetched(world, [0]), world.group()]).toEqual([[-1], undefined]);
  });

  it("offsets that nobody's membership keeps go a week after they were committed", async () => {
    const world = await GroupWorld.start();
    world.commit(9, { topics: committing(9, [offset(0, 1), offset(1, 1)]) });
    world.clock.advance(3 * DAY_MS);
    world.commit(9, { topics: committing(9, [offset(1, 2)]) });
    world.clock.advance(4 * DAY_MS + CHECK_MS);
    expect(fetched(world, [0, 1])).toEqual([-1, 2]);
    expect(world.group()?.state).toBe("Empty");
    world.clock.advance(3 * DAY_MS);
    expect(world.group()).toBeUndefined();
  });

  it("a stable consumer group keeps what it reads, whatever its age; R149: a rebalancing one keeps all", async () => {
    const world = await GroupWorld.start({ offsetsRetentionMs: 1_200_000 });
    const [memberId] = world.stableGroup([null]) as [string];
    const topics = [...committing(9, [offset(0, 1)]), ...committing(9, [offset(0, 2)], T2)];
    world.commit(9, { memberId, generationIdOrMemberEpoch: 1, topics });
    const ofT2 = () =>
      world.fetch(9, { groups: [{ groupId: "g", topics: fetching(9, [0], T2) }] }).answer?.groups[0]?.topics[0]
        ?.partitions[0]?.committedOffset;
    world.join(3, { rebalanceTimeoutMs: 2 ** 31 - 1 });
    for (let i = 0; i < 400; i++) {
      if (world.group()?.state === "PreparingRebalance" && i % 20 === 19)
        world.join(3, { rebalanceTimeoutMs: 2 ** 31 - 1 });
      world.heartbeat(3, { memberId });
      world.clock.advance(5000);
    }
    expect([world.group()?.state, fetched(world, [0]), ofT2()]).toEqual(["PreparingRebalance", [1], 2]);
    const again = await GroupWorld.start({ offsetsRetentionMs: 1_200_000 });
    const [stable] = again.stableGroup([null]) as [string];
    again.commit(9, { memberId: stable, generationIdOrMemberEpoch: 1, topics });
    for (let i = 0; i < 400; i++) {
      again.heartbeat(3, { memberId: stable });
      again.clock.advance(5000);
    }
    const told = again.fetch(9, { groups: [{ groupId: "g", topics: null }] }).answer?.groups[0]?.topics;
    expect(told?.map(({ name }) => name)).toEqual(["t1"]);
  });

  it("clients of old may say how long; then the settings do not matter", async () => {
    const world = await GroupWorld.start();
    world.commit(2, { retentionTimeMs: CHECK_MS, topics: committing(2, [offset(0, 1)]) });
    world.commit(2, { groupId: "long", retentionTimeMs: 20 * DAY_MS, topics: committing(2, [offset(0, 1)]) });
    world.clock.advance(2 * CHECK_MS);
    expect([fetched(world, [0]), fetched(world, [0], false, "long")]).toEqual([[-1], [1]]);
    await world.failOver();
    world.clock.advance(10 * DAY_MS);
    expect(fetched(world, [0], false, "long")).toEqual([1]);
  });

  it("thousands of groups are looked at a few at a time", async () => {
    const world = await GroupWorld.start({ offsetsRetentionMs: 1 });
    for (let i = 0; i < 1000; i++) world.commit(9, { groupId: `g${i}`, topics: committing(9, [offset(0, 1)]) });
    world.clock.advance(CHECK_MS);
    expect(world.list(5).answer?.groups).toEqual([]);
    expect(world.log.logEndOffset).toBe(3000);
  });
});

describe("offsets of transactions", () => {
  const producer = { producerId: 9, producerEpoch: 1 };

  async function pending(world: GroupWorld, at: number): Promise<void> {
    const { decideCommit } = await import("../../../broker/groups/offsets/commit-offsets.ts");
    const reply = new Reply<unknown>((code) => code);
    const order = {
      groupId: "g",
      memberId: "",
      groupInstanceId: null,
      generationId: -1,
      transactional: true,
      retentionTimeMs: -1,
      unknownGroup: ErrorCode.ILLEGAL_GENERATION,
      topics: [{ name: "t1", topicId: ZERO_UUID, partitions: [{ ...offset(0, at), committedLeaderEpoch: -1 }] }],
      transaction: producer,
    };
    world.groups.write("g", reply, (m) => decideCommit(m.groups.get("g"), order, 4096, m.nowMs));
  }

  function end(world: GroupWorld, committed: boolean): void {
    const reply = new Reply<ErrorCode>((code) => code);
    world.groups.endTransaction(0, { ...producer, coordinatorEpoch: 0, committed, transactionVersion: 2 }, reply);
  }

  it("count when the transaction commits; until then stable answers say that they cannot", async () => {
    const world = await GroupWorld.start();
    world.commit(9, { topics: committing(9, [offset(0, 1)]) });
    await pending(world, 5);
    for (const round of ["before", "after"]) {
      expect([round, fetched(world, [0]), fetched(world, [0, 1], true)]).toEqual([
        round,
        [1],
        [{ error: ErrorCode.UNSTABLE_OFFSET_COMMIT }, -1],
      ]);
      await world.failOver();
    }
    end(world, true);
    expect([fetched(world, [0]), fetched(world, [0], true)]).toEqual([[5], [5]]);
    await world.failOver();
    expect([fetched(world, [0]), fetched(world, [0], true)]).toEqual([[5], [5]]);
  });

  it("never count when it aborts", async () => {
    const world = await GroupWorld.start();
    await pending(world, 5);
    expect(world.group()?.state).toBe("Empty");
    end(world, false);
    expect([fetched(world, [0]), fetched(world, [0], true)]).toEqual([[-1], [-1]]);
    await world.failOver();
    expect(fetched(world, [0], true)).toEqual([-1]);
  });

  it("do not replace what was committed after them", async () => {
    const world = await GroupWorld.start();
    await pending(world, 5);
    world.commit(9, { topics: committing(9, [offset(0, 7)]) });
    end(world, true);
    expect(fetched(world, [0])).toEqual([7]);
    await world.failOver();
    expect(fetched(world, [0])).toEqual([7]);
  });

  it("are seen by queries when the marker is committed, not before", async () => {
    const world = await GroupWorld.start();
    await pending(world, 5);
    world.log.autoCommit = false;
    end(world, true);
    expect(fetched(world, [0])).toEqual([-1]);
    world.log.commit();
    expect(fetched(world, [0])).toEqual([5]);
  });

  it("keep their group and its offsets from expiring, and go when the group is deleted", async () => {
    const world = await GroupWorld.start({ offsetsRetentionMs: 1 });
    world.commit(9, { topics: committing(9, [offset(0, 1)]) });
    await pending(world, 5);
    world.clock.advance(600_000);
    expect(fetched(world, [0])).toEqual([1]);
    expect(world.deleteGroups(["g"]).answer?.results).toEqual([{ groupId: "g", errorCode: 0 }]);
    end(world, true);
    expect(fetched(world, [0])).toEqual([-1]);
  });
});
