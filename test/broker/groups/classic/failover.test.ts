/**
 * What is left of a classic group when its coordinator moves.
 */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { GroupWorld, subscription } from "../group-world.ts";

describe("failover", () => {
  it("the generation, its members and their assignment are there; their sessions begin anew", async () => {
    const world = await GroupWorld.start();
    const [leader, follower] = world.stableGroup([null, "i2"]) as [string, string];
    world.clock.advance(9000);
    await world.failOver();
    world.clock.advance(9000);
    expect(world.heartbeat(3, { memberId: leader }).answer?.errorCode).toBe(0);
    expect(world.heartbeat(3, { memberId: follower }).answer?.errorCode).toBe(0);
    expect(world.sync(3, { memberId: follower, groupInstanceId: "i2" }).answer?.assignment).toEqual(Buffer.from([1]));
    world.clock.advance(1001);
    expect(world.group()?.state).toBe("Stable");
    // Loaded members support only the protocol that was chosen; the leader may still change its metadata.
    const join = world.join(5, { memberId: leader, protocols: [{ name: "range", metadata: subscription("t2") }] });
    expect([join.answer, world.group()?.state]).toEqual([undefined, "PreparingRebalance"]);
  });

  it("R157: in the middle of a join phase: who waits is sent away, the last generation is what remains", async () => {
    const world = await GroupWorld.start();
    const [leader, follower] = world.stableGroup([null, null]) as [string, string];
    const joins = [world.join(5, { memberId: leader }), world.join(3, {})];
    await world.failOver();
    expect(joins.map(({ answer }) => answer?.errorCode)).toEqual(Array(2).fill(ErrorCode.NOT_COORDINATOR));
    expect(world.group()).toMatchObject({ state: "Stable", generationId: 1 });
    const again = [world.join(5, { memberId: leader }), world.join(5, { memberId: follower })];
    expect(again.map(({ answer }) => answer?.generationId)).toEqual([2, 2]);
  });

  it("R157: before the leader assigned: members of the lost generation join again", async () => {
    const world = await GroupWorld.start();
    const joins = [world.join(3, {}), world.join(3, {})];
    world.clock.advance(6000);
    const [leader, follower] = joins.map(({ answer }) => answer?.memberId) as [string, string];
    const sync = world.sync(3, { memberId: follower });
    await world.failOver();
    expect(sync.answer?.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    expect(world.group()?.state).toBe("Empty");
    expect(world.heartbeat(3, { memberId: leader }).answer?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("while the groups are loaded, members are told to wait, and heartbeats are taken", async () => {
    const world = await GroupWorld.start();
    const [memberId] = world.stableGroup([null]) as [string];
    world.log.slowReads = true;
    const failover = world.failOver();
    expect(world.join(5, {}).answer?.errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    expect(world.sync(3, { memberId }).answer?.errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    expect(world.leave(1, { memberId }).answer?.errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    expect(world.heartbeat(3, { memberId }).answer?.errorCode).toBe(0);
    await failover;
    expect(world.heartbeat(3, { memberId }).answer?.errorCode).toBe(0);
  });

  it("where nobody coordinates, everyone is sent on", async () => {
    const world = new GroupWorld();
    for (const answer of [world.join(5, {}), world.sync(3, {}), world.heartbeat(3, {}), world.leave(1, {})]) {
      expect(answer.answer?.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    }
    world.image = { ...world.image, topics: new Map() };
    expect(world.join(5, {}).answer?.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
  });
});
