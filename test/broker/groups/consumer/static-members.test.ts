/**
 * Static members of consumer groups: they go for a while and come back to what they had, and nobody takes their place unasked.
 */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { GroupWorld } from "../group-world.ts";
import { Consumer, settle } from "./consumer.ts";

async function pair(): Promise<[GroupWorld, Consumer, Consumer]> {
  const world = await GroupWorld.start();
  const consumers = ["a", "b"].map((id) => new Consumer(world, id, { instanceId: `i-${id}` })) as [Consumer, Consumer];
  for (const consumer of consumers) consumer.join();
  settle(consumers);
  return [world, ...consumers];
}

describe("a static member", () => {
  it("that leaves for a while keeps what it had, and comes back under another id without a rebalance", async () => {
    const [world, a, b] = await pair();
    const had = b.partitions;
    const epoch = world.consumerGroup()?.groupEpoch;
    expect(b.leave(-2)).toMatchObject({ errorCode: 0, memberEpoch: -2 });
    world.clock.advance(10_000);
    a.heartbeat();
    expect(a.partitions.split(" ")).toHaveLength(2);
    const back = new Consumer(world, "b2", { instanceId: "i-b" });
    expect(back.join()).toMatchObject({ errorCode: 0, memberEpoch: epoch });
    expect(back.partitions).toBe(had);
    expect(world.consumerGroup()).toMatchObject({ groupEpoch: epoch, assignmentEpoch: epoch });
    expect([...(world.consumerGroup()?.members.keys() ?? [])].sort()).toEqual(["a", "b2"]);
    expect(b.heartbeat().errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
    await world.failOver();
    expect(back.heartbeat()).toMatchObject({ errorCode: 0, memberEpoch: epoch });
  });

  it("comes back under the same id too", async () => {
    const [, , b] = await pair();
    const had = b.partitions;
    b.leave(-2);
    expect(b.join().errorCode).toBe(0);
    expect(b.partitions).toBe(had);
  });

  it("that does not come back in its session is gone for good", async () => {
    const [world, a, b] = await pair();
    b.leave(-2);
    for (let i = 0; i < 5; i++) {
      world.clock.advance(9500);
      a.heartbeat();
    }
    expect(world.consumerGroup()?.members.has("b")).toBe(false);
    settle([a]);
    expect(a.partitions.split(" ")).toHaveLength(4);
  });

  it("R144: nobody takes its instance while it is there", async () => {
    const [world] = await pair();
    const thief = new Consumer(world, "c", { instanceId: "i-b" });
    expect(thief.join()).toMatchObject({
      errorCode: ErrorCode.UNRELEASED_INSTANCE_ID,
      errorMessage:
        "Static member c with instance id i-b cannot join the group because the instance id is owned by b member.",
    });
    expect(thief.heartbeat({ memberEpoch: 3 }).errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
    expect(thief.leave().errorCode).toBe(ErrorCode.FENCED_INSTANCE_ID);
    const unknown = new Consumer(world, "c", { instanceId: "i-c" });
    expect(unknown.heartbeat({ memberEpoch: 3 }).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(unknown.leave().errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("R144: an instance id that is given up is free, and its old owner does not take it along (KAFKA-20747)", async () => {
    const [world, a] = await pair();
    a.request({ memberEpoch: a.epoch, instanceId: "i-a" });
    // The same member under another instance: it joins anew.
    const renamed = new Consumer(world, "a", { instanceId: "i-new" });
    expect(renamed.join().errorCode).toBe(0);
    expect([...(world.consumerGroup()?.staticMembers.entries() ?? [])]).toEqual([
      ["i-b", "b"],
      ["i-new", "a"],
    ]);
    const other = new Consumer(world, "d", { instanceId: "i-a" });
    expect(other.join().errorCode).toBe(0);
  });

  it("is removed by an administrator, by its instance id", async () => {
    const [world, a] = await pair();
    const { answer } = world.leave(4, { members: [{ memberId: "", groupInstanceId: "i-b" }] });
    expect(answer?.members).toMatchObject([{ memberId: "", groupInstanceId: "i-b", errorCode: 0 }]);
    settle([a]);
    expect(a.partitions.split(" ")).toHaveLength(4);
  });
});
