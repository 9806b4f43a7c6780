/**
 * How members come from what they have to what they are to have: given up before it is given, and in time.
 */
import { describe, expect, it } from "vitest";
import { MemberState } from "../../../../broker/groups/consumer/consumer-member.ts";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { GroupWorld, T1, T2, topicImage } from "../group-world.ts";
import { Consumer, settle } from "./consumer.ts";

const T3 = { name: "t3", id: "AAAAAAAAAAAAAAAAAAAA_w" };

async function three(): Promise<[GroupWorld, Consumer, Consumer, Consumer]> {
  const world = await GroupWorld.start();
  return [world, new Consumer(world, "a"), new Consumer(world, "b"), new Consumer(world, "c")];
}

describe("a partition changes hands", () => {
  it("R147: it is given to the next member only when the one that has it says that it has not any more", async () => {
    const [world, a, b] = await three();
    a.join();
    world.clock.advance(1000);
    expect(b.join()).toMatchObject({ memberEpoch: 3, assignment: { topicPartitions: [] } });
    const told = a.heartbeat();
    // a stays in its epoch and is told less.
    expect(told).toMatchObject({ memberEpoch: 2 });
    expect(a.partitions).toBe("t1-0 t1-1");
    expect(world.consumerGroup()?.members.get("a")?.state).toBe(MemberState.UNREVOKED_PARTITIONS);
    expect(b.heartbeat().assignment).toBeNull();
    expect(world.list(5).answer?.groups[0]?.groupState).toBe("Reconciling");
    // It says what it has: not what it gave up.
    expect(a.heartbeat()).toMatchObject({ memberEpoch: 3, assignment: null });
    expect(b.heartbeat()).toMatchObject({ memberEpoch: 3 });
    expect(b.partitions).toBe("t1-2 t1-3");
    expect(world.list(5).answer?.groups[0]?.groupState).toBe("Stable");
  });

  it("R147: it stays where it is while its member says nothing of what it has, or that it has it still", async () => {
    const [world, a, b] = await three();
    a.join();
    world.clock.advance(1000);
    b.join();
    a.heartbeat();
    expect(a.heartbeat({ topicPartitions: null })).toMatchObject({ memberEpoch: 2, assignment: null });
    const all = [{ topicId: T1.id, partitions: [0, 1, 2, 3] }];
    expect(a.heartbeat({ topicPartitions: all })).toMatchObject({ memberEpoch: 2, assignment: null });
    b.heartbeat();
    expect(b.partitions).toBe("");
  });

  it("a member that does not give it up in its rebalance timeout is fenced, and joins anew", async () => {
    const world = await GroupWorld.start();
    const a = new Consumer(world, "a", { rebalanceTimeoutMs: 10_000 });
    const b = new Consumer(world, "b");
    a.join();
    world.clock.advance(1000);
    b.join();
    a.heartbeat();
    for (let i = 0; i < 3; i++) {
      world.clock.advance(3000);
      expect(a.heartbeat({ topicPartitions: null }).errorCode).toBe(0);
    }
    world.clock.advance(1001);
    expect(a.heartbeat().errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    b.heartbeat();
    expect(b.partitions).toBe("t1-0 t1-1 t1-2 t1-3");
    expect(a.join().errorCode).toBe(0);
    settle([a, b]);
    expect(a.partitions.split(" ")).toHaveLength(2);
  });

  it("a member that is silent for its session goes, and the others get what it had", async () => {
    const [world, a, b, c] = await three();
    for (const consumer of [a, b, c]) consumer.join();
    settle([a, b, c]);
    expect([a, b, c].map(({ owned }) => owned.get(T1.id)?.length).sort()).toEqual([1, 1, 2]);
    for (let i = 0; i < 10; i++) {
      world.clock.advance(4600);
      for (const consumer of [a, b]) expect(consumer.heartbeat().errorCode).toBe(0);
    }
    expect(world.consumerGroup()?.members.has("c")).toBe(false);
    settle([a, b]);
    expect([a, b].map(({ owned }) => owned.get(T1.id)?.length)).toEqual([2, 2]);
    expect(c.heartbeat().errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("R158: sessions survive a stall of the coordinator", async () => {
    const [world, a, b] = await three();
    a.join();
    b.join();
    world.clock.stall(100_000);
    expect(world.consumerGroup()?.members.size).toBe(2);
    world.clock.advance(45_001);
    expect(world.consumerGroup()?.members.size).toBe(0);
  });

  it("who leaves, leaves at once", async () => {
    const [world, a, b] = await three();
    a.join();
    b.join();
    settle([a, b]);
    expect(b.leave()).toMatchObject({ errorCode: 0, memberId: "b", memberEpoch: -1 });
    world.clock.advance(1000);
    a.heartbeat();
    expect(a.partitions).toBe("t1-0 t1-1 t1-2 t1-3");
    expect(b.heartbeat().errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("several that come within the assignment interval are one change", async () => {
    const [world, a, b, c] = await three();
    a.join();
    expect(b.join()).toMatchObject({ memberEpoch: 2, assignment: { topicPartitions: [] } });
    expect(c.join()).toMatchObject({ memberEpoch: 2, assignment: { topicPartitions: [] } });
    expect(world.consumerGroup()).toMatchObject({ groupEpoch: 4, assignmentEpoch: 2 });
    expect(world.list(5).answer?.groups[0]?.groupState).toBe("Assigning");
    world.clock.advance(999);
    b.heartbeat();
    expect(world.consumerGroup()?.assignmentEpoch).toBe(2);
    world.clock.advance(1);
    b.heartbeat();
    expect(world.consumerGroup()?.assignmentEpoch).toBe(4);
    settle([a, b, c]);
    expect([a.epoch, b.epoch, c.epoch]).toEqual([4, 4, 4]);
  });
});

describe("what moves the group's epoch", () => {
  it("topics that come, grow and go", async () => {
    const [world, a] = await three();
    a.topics = ["t1", "t3"];
    a.join();
    expect([a.epoch, a.partitions]).toEqual([2, "t1-0 t1-1 t1-2 t1-3"]);
    const t1 = topicImage(T1.name, T1.id, 4);
    const step = (...topics: Parameters<GroupWorld["setTopics"]>) => {
      world.setTopics(...topics);
      world.clock.advance(1000);
      a.heartbeat();
      a.heartbeat();
      return [a.epoch, a.partitions];
    };
    expect(step(t1, topicImage("other", T2.id, 9))).toEqual([2, "t1-0 t1-1 t1-2 t1-3"]);
    expect(step(t1, topicImage(T3.name, T3.id, 1))).toEqual([3, "t1-0 t1-1 t1-2 t1-3 t3-0"]);
    expect(step(t1, topicImage(T3.name, T3.id, 2))).toEqual([4, "t1-0 t1-1 t1-2 t1-3 t3-0 t3-1"]);
    expect(step(topicImage(T3.name, T3.id, 2))).toEqual([5, "t3-0 t3-1"]);
    // A topic of the same name is another one.
    expect(step(topicImage(T3.name, T2.id, 1))).toEqual([6, "t3-0"]);
    expect(a.owned.get(T2.id)).toEqual([0]);
    // Leaders and replicas in sync change no assignment.
    expect(step(topicImage(T3.name, T2.id, 1))).toEqual([6, "t3-0"]);
  });

  it("a subscription that changes: what is not read any more is given up at once, even before there is a new target", async () => {
    const [world, a] = await three();
    a.topics = ["t1", "t2"];
    a.join();
    expect(a.partitions.split(" ")).toHaveLength(8);
    const answer = a.heartbeat({ subscribedTopicNames: ["t2"] });
    expect(answer).toMatchObject({ errorCode: 0, memberEpoch: 2 });
    expect(world.consumerGroup()).toMatchObject({ groupEpoch: 3, assignmentEpoch: 2 });
    expect(a.partitions).toBe("t2-0 t2-1 t2-2 t2-3");
    world.clock.advance(1000);
    a.heartbeat();
    expect([a.epoch, a.partitions]).toEqual([3, "t2-0 t2-1 t2-2 t2-3"]);
  });
});

describe("assignors", () => {
  it("the one most members ask for is used, the first of the broker's where none does", async () => {
    const [world, a] = await three();
    const ranged = ["r1", "r2"].map((id) => new Consumer(world, id, { assignor: "range", topics: ["t1", "t2"] }));
    a.topics = ["t1", "t2"];
    a.join();
    expect(world.describeConsumers(["g"]).answer?.groups[0]?.assignorName).toBe("uniform");
    for (const consumer of ranged) consumer.join();
    expect(world.describeConsumers(["g"]).answer?.groups[0]?.assignorName).toBe("range");
    settle([a, ...ranged]);
    // Topics with equally many partitions are cut alike.
    expect([a, ...ranged].map(({ partitions }) => partitions)).toEqual([
      "t1-0 t1-1 t2-0 t2-1",
      "t1-2 t2-2",
      "t1-3 t2-3",
    ]);
  });

  it("R155: two hundred members join within a second; each has its share, and after rolling restarts the same", async () => {
    const world = await GroupWorld.start();
    world.setTopics(topicImage(T1.name, T1.id, 400));
    const members = Array.from({ length: 200 }, (_, i) => new Consumer(world, `m${i}`, { instanceId: `i${i}` }));
    for (const member of members) {
      member.join();
      world.clock.advance(5);
    }
    settle(members);
    expect(new Set(members.map(({ owned }) => owned.get(T1.id)?.length))).toEqual(new Set([2]));
    const before = members.map(({ partitions }) => partitions);
    const epoch = world.consumerGroup()?.groupEpoch;
    members.forEach((member, i) => {
      member.leave(-2);
      world.clock.advance(100);
      const back = new Consumer(world, `n${i}`, { instanceId: `i${i}` });
      expect(back.join().errorCode).toBe(0);
      members[i] = back;
    });
    settle(members);
    expect(members.map(({ partitions }) => partitions)).toEqual(before);
    expect(world.consumerGroup()?.groupEpoch).toBe(epoch);
  });
});
