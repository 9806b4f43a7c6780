/**
 * Static members (KIP-345): they come back to what they had, and whoever pretends to be one is fenced.
 */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { GroupWorld } from "../group-world.ts";

describe("static members", () => {
  it("join without the detour, and come back under a new id to what they had", async () => {
    const world = await GroupWorld.start();
    const [leader, follower] = world.stableGroup(["i1", "i2"]) as [string, string];
    expect(leader).toMatch(/^i1-/);
    const back = world.join(5, { groupInstanceId: "i2" });
    expect(back.answer).toMatchObject({ errorCode: 0, generationId: 1, leader, members: [] });
    const newId = back.answer?.memberId ?? "";
    expect(newId).toMatch(/^i2-/);
    expect(newId).not.toBe(follower);
    expect(world.group()?.state).toBe("Stable");
    expect(world.sync(3, { memberId: newId, groupInstanceId: "i2" }).answer).toMatchObject({
      errorCode: 0,
      assignment: Buffer.from([1]),
    });
    expect(world.heartbeat(3, { memberId: newId, groupInstanceId: "i2" }).answer?.errorCode).toBe(0);
  });

  it("a leader that comes back: version 5 names its old id, version 9 itself with the order to skip the assignment", async () => {
    for (const version of [5, 8, 9]) {
      const world = await GroupWorld.start();
      const [leader, follower] = world.stableGroup(["i1", "i2"]) as [string, string];
      const { answer } = world.join(version, { groupInstanceId: "i1" });
      const skips = version >= 9;
      expect(answer).toMatchObject({ errorCode: 0, generationId: 1, skipAssignment: skips });
      expect(answer?.leader).toBe(skips ? answer?.memberId : leader);
      const members = answer?.members.map(({ memberId }) => memberId).sort();
      expect(members).toEqual(skips ? [answer?.memberId, follower].sort() : []);
    }
  });

  it("R144: the old id is fenced from then on, and so it stays after a failover", async () => {
    const world = await GroupWorld.start();
    const [old] = world.stableGroup(["i1", "i2"]) as [string];
    world.log.autoCommit = false;
    const back = world.join(5, { groupInstanceId: "i1" });
    expect(back.answer).toBeUndefined();
    world.log.commit();
    const newId = back.answer?.memberId ?? "";
    world.log.autoCommit = true;
    await world.failOver();
    const fenced = { memberId: old, groupInstanceId: "i1" };
    expect(world.heartbeat(3, fenced).answer?.errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
    expect(world.join(5, fenced).answer?.errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
    expect(world.sync(3, fenced).answer?.errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }];
    const commit = world.commit(7, { ...fenced, generationIdOrMemberEpoch: 1, topics: [{ name: "t1", partitions }] });
    expect(commit.answer?.topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
    expect(world.heartbeat(3, { memberId: old }).answer?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(world.heartbeat(3, { memberId: newId, groupInstanceId: "i1" }).answer?.errorCode).toBe(0);
  });

  it("R144: when its return cannot be stored, the old member stays", async () => {
    const world = await GroupWorld.start();
    const [old] = world.stableGroup(["i1", "i2"]) as [string];
    world.log.refusal = ErrorCode.NOT_ENOUGH_REPLICAS;
    const refused = world.join(5, { groupInstanceId: "i1" });
    expect(refused.answer).toMatchObject({ errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, memberId: "" });
    world.log.refusal = undefined;
    expect(world.heartbeat(3, { memberId: old, groupInstanceId: "i1" }).answer?.errorCode).toBe(0);
  });

  it("one that comes back while members join or before the leader assigned fences the request that waits", async () => {
    const world = await GroupWorld.start();
    const first = world.join(5, { groupInstanceId: "i1" });
    const second = world.join(5, { groupInstanceId: "i1" });
    expect(first.answer).toMatchObject({ errorCode: ErrorCode.FENCED_INSTANCE_ID });
    world.clock.advance(3000);
    expect(second.answer).toMatchObject({ errorCode: 0, generationId: 1 });
    const memberId = second.answer?.memberId ?? "";
    const third = world.join(5, { groupInstanceId: "i1" });
    expect(third.answer).toMatchObject({ errorCode: 0, generationId: 2 });
    expect(world.sync(3, { memberId, generationId: 2 }).answer?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("one that comes back with another protocol that must be chosen starts a rebalance", async () => {
    const world = await GroupWorld.start();
    const metadata = Buffer.alloc(0);
    const protocols = ["a", "b"].map((name) => ({ name, metadata }));
    const joins = ["i1", "i2"].map((groupInstanceId) => world.join(5, { groupInstanceId, protocols }));
    world.clock.advance(6000);
    world.sync(3, { memberId: joins[0]?.answer?.memberId ?? "" });
    expect(world.group()).toMatchObject({ state: "Stable", protocolName: "a" });
    const back = world.join(5, { groupInstanceId: "i2", protocols: protocols.slice(1) });
    expect([back.answer, world.group()?.state]).toEqual([undefined, "PreparingRebalance"]);
    const other = world.join(5, { memberId: joins[0]?.answer?.memberId ?? "", groupInstanceId: "i1", protocols });
    expect([back, other].map(({ answer }) => answer?.protocolName)).toEqual(["b", "b"]);
  });

  it("an unknown instance id with a member id is unknown", async () => {
    const world = await GroupWorld.start();
    const [memberId] = world.stableGroup(["i1"]) as [string];
    for (const groupInstanceId of ["i9", "__proto__"]) {
      expect(world.join(5, { memberId, groupInstanceId }).answer?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    }
  });

  it("R155: two hundred join within a second; restarted one after another they keep what they have", async () => {
    const world = await GroupWorld.start();
    const instances = Array.from({ length: 200 }, (_, i) => `i${i}`);
    world.stableGroup(instances);
    const { generationId } = world.group() as { generationId: number };
    for (const [i, groupInstanceId] of instances.entries()) {
      const { answer } = world.join(9, { groupInstanceId });
      expect(answer).toMatchObject({ errorCode: 0, generationId });
      const { assignment } =
        world.sync(3, { memberId: answer?.memberId ?? "", groupInstanceId, generationId }).answer ?? {};
      expect(assignment).toEqual(Buffer.from([i]));
    }
    expect(world.group()?.state).toBe("Stable");
  });
});
