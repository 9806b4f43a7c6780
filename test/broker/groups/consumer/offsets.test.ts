/**
 * Offsets of consumer groups: committed and fetched in the member's epoch.
 */
import { describe, expect, it } from "vitest";
import type { GroupSettings } from "../../../../broker/groups/group-settings.ts";
import { decideCommit } from "../../../../broker/groups/offsets/commit-offsets.ts";
import { Reply } from "../../../../broker/state-machine/reply.ts";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { GroupWorld, T1, topicImage } from "../group-world.ts";
import { Consumer, settle } from "./consumer.ts";

function commit(world: GroupWorld, memberId: string, epoch: number, partition = 0, version = 9): number | undefined {
  const partitions = [{ partitionIndex: partition, committedOffset: 5, committedMetadata: "" }];
  const request = { memberId, generationIdOrMemberEpoch: epoch, topics: [{ name: "t1", partitions }] };
  return world.commit(version, request).answer?.topics[0]?.partitions[0]?.errorCode;
}

function fetch(world: GroupWorld, memberId: string | null, memberEpoch: number, requireStable = false) {
  const groups = [{ groupId: "g", memberId, memberEpoch, topics: null }];
  return world.fetch(9, { groups, requireStable }).answer?.groups[0];
}

async function pair(settings: Partial<GroupSettings> = {}): Promise<[GroupWorld, Consumer, Consumer]> {
  const world = await GroupWorld.start(settings);
  return [world, new Consumer(world, "a"), new Consumer(world, "b")];
}

describe("a member of a consumer group", () => {
  it("R152: commits in its epoch and in no other", async () => {
    const [world, a] = await pair();
    a.join();
    expect(commit(world, "a", 2)).toBe(0);
    expect(commit(world, "a", 3)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
    expect(commit(world, "a", 1)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
    expect(commit(world, "b", 2)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(commit(world, "", -1)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(commit(world, "a", 2, 0, 8)).toBe(ErrorCode.UNSUPPORTED_VERSION);
    a.leave();
    expect(commit(world, "", -1)).toBe(0);
    expect(commit(world, "a", 2)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("commits in an older epoch what it has had since then (KIP-1251), partition by partition", async () => {
    const [world, a, b] = await pair();
    a.join();
    world.clock.advance(1000);
    b.join();
    settle([a, b]);
    expect([a.epoch, a.partitions]).toEqual([3, "t1-0 t1-1"]);
    expect(commit(world, "a", 2, 0)).toBe(0);
    expect(commit(world, "a", 2, 3)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
    b.leave();
    settle([a]);
    expect([a.epoch, a.partitions]).toEqual([4, "t1-0 t1-1 t1-2 t1-3"]);
    // It has had this one again since epoch 4.
    expect(commit(world, "a", 3, 3)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
    expect(commit(world, "a", 4, 3)).toBe(0);
    expect(commit(world, "a", 2, 0)).toBe(0);
    await world.failOver();
    expect(commit(world, "a", 3, 3)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
    expect(commit(world, "a", 2, 0)).toBe(0);
  });

  it("commits what it is giving up until it has", async () => {
    const [world, a, b] = await pair();
    a.join();
    world.clock.advance(1000);
    b.join();
    a.heartbeat();
    expect(commit(world, "a", 2, 3)).toBe(0);
    a.heartbeat();
    expect(commit(world, "a", 2, 3)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
  });

  it("commits in transactions as outside of them, and producers that name no member may", async () => {
    const [world, a] = await pair();
    a.join();
    const code = (memberId: string, generationId: number): unknown => {
      const reply = new Reply<unknown>((errorCode) => errorCode);
      const partitions = [{ partitionIndex: 0, committedOffset: 5, committedLeaderEpoch: -1, committedMetadata: "" }];
      const order = {
        ...{ groupId: "g", memberId, groupInstanceId: null, generationId, transactional: true, knowsEpochs: true },
        ...{ retentionTimeMs: -1, unknownGroup: ErrorCode.ILLEGAL_GENERATION },
        topics: [{ name: "t1", topicId: T1.id, partitions }],
        transaction: { producerId: 9, producerEpoch: 1 },
      };
      let answer: unknown;
      reply.later.onComplete((value) => {
        answer = value;
      });
      world.groups.write("g", reply, (m) => decideCommit(m.groups.get("g"), order, 4096, m.nowMs));
      return answer;
    };
    const done = [{ name: "t1", topicId: T1.id, partitions: [{ partitionIndex: 0, errorCode: 0 }] }];
    expect(code("a", 2)).toEqual(done);
    expect(code("", -1)).toEqual(done);
    expect(code("a", 3)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
    expect(code("b", 2)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("fetches in its epoch; who names no member sees all", async () => {
    const [world, a] = await pair();
    a.join();
    commit(world, "a", 2);
    for (const stable of [false, true]) {
      expect(fetch(world, null, -1, stable)).toMatchObject({ errorCode: 0, topics: [{ name: "t1" }] });
      expect(fetch(world, "a", 2, stable)).toMatchObject({ errorCode: 0, topics: [{ name: "t1" }] });
      expect(fetch(world, "a", 1, stable)?.errorCode).toBe(ErrorCode.STALE_MEMBER_EPOCH);
      expect(fetch(world, "b", 2, stable)?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    }
    world.stableGroup([null], "classic");
    const groups = [{ groupId: "classic", memberId: "nobody", memberEpoch: 9, topics: null }];
    expect(world.fetch(9, { groups }).answer?.groups[0]?.errorCode).toBe(0);
  });

  it("keeps offsets of topics it reads: neither deleted nor expired", async () => {
    const [world, a] = await pair({ offsetsRetentionMs: 3_600_000 });
    a.join();
    commit(world, "a", 2);
    const partitions = [{ partitionIndex: 0 }];
    const request = { groupId: "g", topics: [{ name: "t1", partitions }] };
    const deleted = () => world.deleteOffsets(request).answer?.topics[0]?.partitions[0]?.errorCode;
    expect(deleted()).toBe(ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC);
    for (let i = 0; i < 120; i++) {
      world.clock.advance(40_000);
      a.heartbeat();
    }
    expect(fetch(world, null, -1)?.topics).toHaveLength(1);
    a.leave();
    world.clock.advance(600_000);
    // Old as they are, they go now, and with the last one the group.
    expect(fetch(world, null, -1)?.topics).toHaveLength(0);
    expect(world.consumerGroup()).toBeUndefined();
    await world.failOver();
    expect(world.consumerGroup()).toBeUndefined();
  });
});

describe("a group that has offsets only", () => {
  it("becomes a consumer group with the first member, and keeps them", async () => {
    const [world, a] = await pair();
    world.setTopics(topicImage(T1.name, T1.id, 4));
    expect(commit(world, "", -1)).toBe(0);
    expect(a.join()).toMatchObject({ errorCode: 0, memberEpoch: 2 });
    expect(fetch(world, "a", 2)?.topics).toHaveLength(1);
    await world.failOver();
    expect(a.heartbeat()).toMatchObject({ errorCode: 0, memberEpoch: 2 });
    expect(fetch(world, "a", 2)?.topics).toHaveLength(1);
  });
});
