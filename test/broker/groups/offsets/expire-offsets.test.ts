/**
 * Offsets and groups that grow old.
 */
import { describe, expect, it } from "vitest";
import { GroupWorld, T2 } from "../group-world.ts";
import { committing, fetched, fetching, offset } from "./offset-requests.ts";

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
