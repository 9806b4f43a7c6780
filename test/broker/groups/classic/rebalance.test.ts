/**
 * How generations come about: who is waited for, for how long, and who is left out.
 */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { GroupWorld, subscription } from "../group-world.ts";

describe("the first rebalance of a group", () => {
  it("waits for the initial delay, and longer while members come, but no longer than a rebalance may take", async () => {
    const world = await GroupWorld.start();
    const joins = [world.join(3, { rebalanceTimeoutMs: 8000 })];
    for (let i = 0; i < 10; i++) {
      world.clock.advance(1000);
      if (joins[0]?.answer === undefined) joins.push(world.join(3, { rebalanceTimeoutMs: 8000 }));
    }
    expect(joins.every(({ answer }) => answer?.generationId === 1)).toBe(true);
    expect(joins).toHaveLength(8);
  });

  it("is over at once when nothing is to be waited for", async () => {
    const world = await GroupWorld.start({ initialRebalanceDelayMs: 0 });
    const join = world.join(3, {});
    world.clock.advance(0);
    expect(join.answer).toMatchObject({ errorCode: 0, generationId: 1 });
  });

  it("ends when everyone left, with an empty group", async () => {
    const world = await GroupWorld.start();
    const memberId = world.join(5, {}).answer?.memberId ?? "";
    const join = world.join(5, { memberId });
    world.leave(3, { members: [{ memberId, groupInstanceId: null }] });
    expect(join.answer?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    world.clock.advance(3000);
    expect(world.group()).toMatchObject({ state: "Empty", generationId: 1 });
  });
});

describe("a rebalance", () => {
  it("makes everyone join again: the leader learns of all, the others of none", async () => {
    const world = await GroupWorld.start();
    const [leader, follower] = world.stableGroup([null, null]) as [string, string];
    const joining = world.join(3, {});
    expect(world.heartbeat(3, { memberId: leader }).answer?.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    const joins = [world.join(5, { memberId: follower }), world.join(5, { memberId: leader }), joining];
    const [second, first, third] = joins.map(({ answer }) => answer);
    expect(first?.members.map(({ memberId }) => memberId).sort()).toEqual([leader, follower, third?.memberId].sort());
    expect([second, third].map((answer) => answer?.members)).toEqual([[], []]);
    expect([first, second, third].map((answer) => [answer?.generationId, answer?.leader])).toEqual(
      Array(3).fill([2, leader]),
    );
  });

  it("drops dynamic members that do not join again in time, and elects another leader; static ones stay", async () => {
    const world = await GroupWorld.start();
    const [leader, follower, fixed] = world.stableGroup([null, null, "i1"]) as [string, string, string];
    const rejoin = world.join(5, { memberId: follower, protocols: [{ name: "range", metadata: subscription("t2") }] });
    for (let i = 0; i < 12; i++) {
      world.clock.advance(5000);
      world.heartbeat(3, { memberId: leader });
      world.heartbeat(3, { memberId: fixed });
    }
    expect(rejoin.answer).toMatchObject({ errorCode: 0, generationId: 2, leader: follower });
    expect(rejoin.answer?.members.map(({ memberId }) => memberId).sort()).toEqual([fixed, follower].sort());
    expect(world.heartbeat(3, { memberId: leader }).answer?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("R141: members that joined and never synced are dropped after the rebalance timeout", async () => {
    const world = await GroupWorld.start();
    const joins = [world.join(3, {}), world.join(3, {}), world.join(3, {})];
    world.clock.advance(6000);
    const [leader, follower, silent] = joins.map(({ answer }) => answer?.memberId) as [string, string, string];
    world.sync(3, { memberId: leader });
    world.sync(3, { memberId: follower });
    expect(world.group()?.state).toBe("Stable");
    for (let i = 0; i < 6; i++) {
      for (const memberId of [leader, follower, silent]) world.heartbeat(3, { memberId });
      world.clock.advance(9999);
    }
    expect(world.group()?.state).toBe("Stable");
    for (const memberId of [leader, follower, silent]) world.heartbeat(3, { memberId });
    world.clock.advance(6);
    expect(world.group()?.state).toBe("PreparingRebalance");
    expect(world.heartbeat(3, { memberId: silent }).answer?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("V21: when the assignment cannot be stored everyone joins again, and nobody is dropped for it", async () => {
    const world = await GroupWorld.start();
    const rebalanceTimeoutMs = 5000;
    const joins = [world.join(3, { rebalanceTimeoutMs }), world.join(3, { rebalanceTimeoutMs })];
    world.clock.advance(5000);
    const [leader, follower] = joins.map(({ answer }) => answer?.memberId) as [string, string];
    for (let generationId = 1; generationId <= 4; generationId++) {
      world.clock.advance(2000);
      world.log.refusal = ErrorCode.NOT_ENOUGH_REPLICAS;
      const syncs = [
        world.sync(3, { generationId, memberId: follower }),
        world.sync(3, { generationId, memberId: leader }),
      ];
      expect(syncs.map(({ answer }) => answer?.errorCode)).toEqual(Array(2).fill(ErrorCode.COORDINATOR_NOT_AVAILABLE));
      expect(world.group()).toMatchObject({ state: "PreparingRebalance", generationId });
      const again = [leader, follower].map((memberId) => world.join(5, { memberId, rebalanceTimeoutMs }));
      expect(again.map(({ answer }) => answer?.generationId)).toEqual(Array(2).fill(generationId + 1));
    }
    world.log.refusal = undefined;
    const assignments = [{ memberId: follower, assignment: Buffer.from([1]) }];
    const followers = world.sync(3, { generationId: 5, memberId: follower });
    expect(world.sync(3, { generationId: 5, memberId: leader, assignments }).answer?.errorCode).toBe(0);
    expect(followers.answer?.assignment).toEqual(Buffer.from([1]));
    world.clock.advance(6000);
    expect(world.group()).toMatchObject({ state: "Stable", generationId: 5 });
  });

  it("R142: a new member whose join is parked for too long is dropped, and told so", async () => {
    const world = await GroupWorld.start();
    const [leader] = world.stableGroup([null]) as [string];
    world.join(5, { memberId: leader, rebalanceTimeoutMs: 2 ** 31 - 1 });
    world.sync(3, { memberId: leader, generationId: 2 });
    const join = world.join(3, { rebalanceTimeoutMs: 1000 });
    for (let i = 0; i < 60; i++) {
      world.heartbeat(3, { memberId: leader, generationId: 2 });
      world.clock.advance(4999);
    }
    expect(join.answer).toBeUndefined();
    world.heartbeat(3, { memberId: leader, generationId: 2 });
    world.clock.advance(60);
    expect(join.answer).toMatchObject({ errorCode: ErrorCode.UNKNOWN_MEMBER_ID, memberId: "" });
  });

  it("does not wait for new members whose connection is gone and who never learned their id", async () => {
    const world = await GroupWorld.start();
    const [leader] = world.stableGroup([null]) as [string];
    const gone = world.join(3, {});
    const here = world.join(3, {});
    const known = world.join(4, { memberId: world.join(4, {}).answer?.memberId ?? "" });
    gone.hangUp();
    known.hangUp(); // it knows its id, and may come back on another connection
    const rejoin = world.join(5, { memberId: leader });
    expect(rejoin.answer?.members).toHaveLength(3);
    expect([gone.answer, here.answer?.generationId]).toEqual([undefined, 2]);
    here.hangUp();
    expect(world.group()?.members.size).toBe(3);
  });

  it("a group that everyone hung up on is empty", async () => {
    const world = await GroupWorld.start();
    const joins = [world.join(3, {}), world.join(0, {})];
    for (const join of joins) join.hangUp();
    world.clock.advance(10_000);
    expect(world.group()).toMatchObject({ state: "Empty", generationId: 1 });
  });

  it("answers a member that asks twice: the first request at once, the second when its time comes", async () => {
    const world = await GroupWorld.start();
    const memberId = world.join(5, {}).answer?.memberId ?? "";
    const [first, second] = [world.join(5, { memberId }), world.join(5, { memberId })];
    expect(first.answer?.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    world.clock.advance(3000);
    expect(second.answer).toMatchObject({ errorCode: 0, generationId: 1 });
  });
});

describe("joining again", () => {
  it("a follower that is as it was gets the same generation, a leader a new one", async () => {
    const world = await GroupWorld.start();
    const [leader, follower] = world.stableGroup([null, null]) as [string, string];
    expect(world.join(9, { memberId: follower }).answer).toMatchObject({
      errorCode: 0,
      generationId: 1,
      members: [],
      leader,
      protocolType: "consumer",
      skipAssignment: false,
    });
    expect(world.group()?.state).toBe("Stable");
    expect(world.join(9, { memberId: leader }).answer).toBeUndefined();
    expect(world.group()?.state).toBe("PreparingRebalance");
  });

  it("a follower that changed starts a rebalance", async () => {
    const world = await GroupWorld.start();
    const [, follower] = world.stableGroup([null, null]) as [string, string];
    world.join(5, { memberId: follower, protocols: [{ name: "range", metadata: subscription("t2") }] });
    expect(world.group()?.state).toBe("PreparingRebalance");
  });

  it("before the leader has assigned, whoever is as it was gets its answer again", async () => {
    const world = await GroupWorld.start();
    const joins = [world.join(3, {}), world.join(3, {})];
    world.clock.advance(6000);
    const [leader, follower] = joins.map(({ answer }) => answer?.memberId) as [string, string];
    const again = [world.join(5, { memberId: leader }).answer, world.join(5, { memberId: follower }).answer];
    expect(again.map((answer) => answer?.generationId)).toEqual([1, 1]);
    expect(again.map((answer) => answer?.members.length)).toEqual([2, 0]);
    const changed = world.join(5, { memberId: follower, protocols: [{ name: "range", metadata: subscription("t2") }] });
    expect([changed.answer, world.group()?.state]).toEqual([undefined, "PreparingRebalance"]);
  });
});

describe("group.max.size", () => {
  it("R148: as many members as there is room for, however they come", async () => {
    const world = await GroupWorld.start({ maxGroupSize: 3 });
    const joins = Array.from({ length: 5 }, () => world.join(3, {}));
    world.clock.advance(9000);
    const codes = joins.map(({ answer }) => answer?.errorCode);
    expect(codes).toEqual([0, 0, 0, ErrorCode.GROUP_MAX_SIZE_REACHED, ErrorCode.GROUP_MAX_SIZE_REACHED]);
    const [leader] = joins.map(({ answer }) => answer?.memberId) as [string];
    world.sync(3, { memberId: leader });
    expect(world.join(5, {}).answer?.errorCode).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
    expect(world.join(5, { memberId: leader }).answer).toBeUndefined();
  });

  it("B71: ids that nobody joins with are given out up to a limit, and again when their sessions have ended", async () => {
    const world = await GroupWorld.start();
    const codes = Array.from({ length: 10_001 }, () => world.join(4, {}).answer?.errorCode);
    expect(new Set(codes.slice(0, -1))).toEqual(new Set([ErrorCode.MEMBER_ID_REQUIRED]));
    expect(codes.at(-1)).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
    // Members with ids are not kept out by it.
    expect(world.join(5, { groupInstanceId: "i1" }).answer).toBeUndefined();
    world.clock.advance(60_000);
    expect(world.join(4, {}).answer?.errorCode).toBe(ErrorCode.MEMBER_ID_REQUIRED);
  });

  it("R148: a limit that was lowered meanwhile turns away the last to join again", async () => {
    const world = await GroupWorld.start();
    const members = world.stableGroup([null, null, null]);
    Object.assign(world.settings, { maxGroupSize: 2 });
    await world.failOver();
    expect(world.group()?.state).toBe("PreparingRebalance");
    const joins = members.map((memberId) => world.join(5, { memberId }));
    expect(joins.map(({ answer }) => answer?.errorCode)).toEqual([0, 0, ErrorCode.GROUP_MAX_SIZE_REACHED]);
    expect(joins[0]?.answer).toMatchObject({ generationId: 2 });
  });
});
