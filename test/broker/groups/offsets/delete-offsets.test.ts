/**
 * Offsets that are deleted: one by one, and with their topic.
 */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { ZERO_UUID } from "../../../../protocol/uuid.ts";
import { clusterImage, GroupWorld, OFFSETS_TOPIC, subscription, T1, T2, topicImage } from "../group-world.ts";
import { codes, committing, fetched, fetching, offset } from "./offset-requests.ts";

const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAA_w";

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
