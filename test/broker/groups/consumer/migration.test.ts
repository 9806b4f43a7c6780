/**
 * R156: groups with members of both protocols, and groups that change from one protocol to the other while they are used.
 */
import { describe, expect, it } from "vitest";
import { readAssignment } from "../../../../broker/groups/consumer/embedded-protocol.ts";
import { DEFAULT_GROUP_SETTINGS } from "../../../../broker/groups/group-settings.ts";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { GroupWorld, subscription, T1 } from "../group-world.ts";
import { Consumer, settle } from "./consumer.ts";

/** What classic members of t1 have, as their clients write it. */
function assignment(...partitions: number[]): Buffer {
  const bytes = Buffer.alloc(2 + 4 + 2 + 2 + 4 + 4 * partitions.length + 4);
  bytes.writeInt32BE(1, 2);
  bytes.writeInt16BE(2, 6);
  bytes.write("t1", 8);
  bytes.writeInt32BE(partitions.length, 10);
  for (const [i, partition] of partitions.entries()) bytes.writeInt32BE(partition, 14 + 4 * i);
  bytes.writeInt32BE(-1, bytes.length - 4);
  return bytes;
}

/** A member of the classic protocol in a group of either kind. */
class ClassicConsumer {
  memberId = "";
  generationId = -1;
  partitions: readonly number[] = [];
  private readonly world: GroupWorld;
  private readonly groupInstanceId: string | null;

  constructor(world: GroupWorld, groupInstanceId: string | null = null) {
    this.world = world;
    this.groupInstanceId = groupInstanceId;
  }

  private get metadata(): Buffer {
    // Version 1: with the partitions it has.
    const v0 = subscription("t1");
    v0.writeInt16BE(1, 0);
    const owned = Buffer.alloc(4 + (this.partitions.length === 0 ? 0 : 4 + 4 + 4 * this.partitions.length));
    if (this.partitions.length > 0) {
      owned.writeInt32BE(1, 0);
      owned.writeInt16BE(2, 4);
      owned.write("t1", 6);
      owned.writeInt32BE(this.partitions.length, 8);
      for (const [i, partition] of this.partitions.entries()) owned.writeInt32BE(partition, 12 + 4 * i);
    }
    return Buffer.concat([v0, owned]);
  }

  join(): ReturnType<GroupWorld["join"]> {
    const { groupInstanceId, memberId } = this;
    const protocols = [{ name: "range", metadata: this.metadata }];
    const joined = this.world.join(7, { memberId, groupInstanceId, protocols });
    const { answer } = joined;
    if (answer?.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      this.memberId = answer.memberId;
      return this.join();
    }
    if (answer?.errorCode === 0) [this.memberId, this.generationId] = [answer.memberId, answer.generationId];
    return joined;
  }

  sync() {
    const { memberId, groupInstanceId, generationId } = this;
    const { answer } = this.world.sync(5, { memberId, groupInstanceId, generationId });
    if (answer?.errorCode === 0) {
      this.partitions = readAssignment(answer.assignment, this.world.image)?.assigned.get(T1.id) ?? [];
    }
    return answer;
  }

  heartbeat(): number | undefined {
    const { memberId, groupInstanceId, generationId } = this;
    return this.world.heartbeat(4, { memberId, groupInstanceId, generationId }).answer?.errorCode;
  }

  /** One round, as clients do it. */
  poll(): void {
    if (this.heartbeat() !== ErrorCode.REBALANCE_IN_PROGRESS) return;
    this.join();
    this.sync();
  }
}

/** A classic group of two, each with half of the partitions. */
async function classicGroup(settings: Parameters<typeof GroupWorld.start>[0] = {}) {
  const world = await GroupWorld.start({ initialRebalanceDelayMs: 0, ...settings });
  const [x, y] = [new ClassicConsumer(world, "x"), new ClassicConsumer(world, "y")];
  const joins = [x.join(), y.join()];
  world.clock.advance(1);
  for (const [i, consumer] of [x, y].entries()) {
    const again = joins[i]?.answer;
    consumer.memberId = again?.memberId ?? "";
    consumer.generationId = again?.generationId ?? -1;
  }
  const rejoins = [x, y]
    .filter((c) => c.heartbeat() === ErrorCode.REBALANCE_IN_PROGRESS)
    .map((c) => [c, c.join()] as const);
  for (const [consumer, { answer }] of rejoins) consumer.generationId = answer?.generationId ?? -1;
  const generationId = world.group()?.generationId ?? -1;
  for (const consumer of [x, y]) consumer.generationId = generationId;
  const leader = world.group()?.leaderId;
  const assignments = [x, y].map(({ memberId }, i) => ({ memberId, assignment: assignment(2 * i, 2 * i + 1) }));
  for (const consumer of [x, y].sort((a) => (a.memberId === leader ? -1 : 1))) {
    const { memberId } = consumer;
    const named = memberId === leader ? assignments : [];
    const groupInstanceId = consumer === x ? "x" : "y";
    world.sync(5, { memberId, groupInstanceId, generationId, assignments: named });
  }
  [x.partitions, y.partitions] = [
    [0, 1],
    [2, 3],
  ];
  expect(world.group()?.state).toBe("Stable");
  return { world, x, y, generationId };
}

function owners(consumers: readonly (Consumer | ClassicConsumer)[]): number[] {
  return consumers
    .flatMap((consumer) => (consumer instanceof Consumer ? (consumer.owned.get(T1.id) ?? []) : consumer.partitions))
    .sort((a, b) => a - b);
}

describe("R156: a classic group and a member of the consumer protocol", () => {
  it("become one group: classic members stay, give up what is due, and nobody has what another has", async () => {
    const { world, x, y, generationId } = await classicGroup();
    const a = new Consumer(world, "a");
    world.clock.advance(1000);
    const joined = a.join();
    expect(joined).toMatchObject({ errorCode: 0, memberEpoch: generationId + 1, assignment: { topicPartitions: [] } });
    expect(world.list(5).answer?.groups).toMatchObject([{ groupType: "consumer", protocolType: "consumer" }]);
    const types = world.describeConsumers(["g"]).answer?.groups[0]?.members.map(({ memberType }) => memberType);
    expect(types?.sort()).toEqual([0, 0, 1]);
    for (let round = 0; round < 8; round++) {
      world.clock.advance(1000);
      for (const classic of [x, y]) classic.poll();
      a.heartbeat();
      const all = owners([x, y, a]);
      expect(new Set(all).size).toBe(all.length);
    }
    expect(owners([x, y, a])).toEqual([0, 1, 2, 3]);
    expect(a.partitions).not.toBe("");
    expect([x.heartbeat(), y.heartbeat()]).toEqual([0, 0]);
    await world.failOver();
    expect([x.heartbeat(), y.heartbeat(), a.heartbeat().errorCode]).toEqual([0, 0, 0]);
  });

  it("separate again when the last one leaves: the classic members rebalance among themselves", async () => {
    const { world, x, y } = await classicGroup();
    const a = new Consumer(world, "a");
    world.clock.advance(1000);
    a.join();
    for (let round = 0; round < 8; round++) {
      world.clock.advance(1000);
      for (const classic of [x, y]) classic.poll();
      a.heartbeat();
    }
    const epoch = world.consumerGroup()?.groupEpoch;
    a.leave();
    expect(world.group()).toMatchObject({ type: "classic", state: "PreparingRebalance", generationId: epoch });
    expect([x.heartbeat(), y.heartbeat()]).toEqual([27, 27]);
    const joins = [x.join(), y.join()];
    expect(joins.map(({ answer }) => answer?.errorCode)).toEqual([0, 0]);
    expect(world.group()?.state).toBe("CompletingRebalance");
    await world.failOver();
    // What was written is what they had when they were told to join again.
    expect(world.group()).toMatchObject({ type: "classic", state: "Stable", protocolName: "range" });
    expect(world.group()?.members.size).toBe(2);
  });

  it("a rebalance that is under way is called off: whoever waits is to join again", async () => {
    const world = await GroupWorld.start();
    const pending = world.join(3, { memberId: "" });
    expect(pending.answer).toBeUndefined();
    const a = new Consumer(world, "a");
    expect(a.join().errorCode).toBe(0);
    expect(pending.answer).toMatchObject({ errorCode: ErrorCode.REBALANCE_IN_PROGRESS });
    expect(world.consumerGroup()?.classicMemberCount).toBe(1);
    world.clock.advance(10_001);
    expect(world.consumerGroup()?.classicMemberCount).toBe(0);
  });

  it.each([
    ["the policy forbids it", { upgrade: false, downgrade: true }, 100, assignment(0)],
    ["it is too large", { upgrade: true, downgrade: true }, 1, assignment(0)],
  ])("stay apart when %s", async (_, migration, maxGroupSize) => {
    const consumer = { ...DEFAULT_GROUP_SETTINGS.consumer, migration, maxGroupSize };
    const { world, x } = await classicGroup({ consumer });
    expect(new Consumer(world, "a").join()).toMatchObject({ errorCode: ErrorCode.GROUP_ID_NOT_FOUND });
    expect(world.group()?.state).toBe("Stable");
    expect(x.heartbeat()).toBe(0);
  });

  it("stay apart when the group is of another protocol, malformed, or of an assignor of its own", async () => {
    const blobs: [string, Buffer, Buffer][] = [
      ["connect", subscription("t1"), assignment(0)],
      ["consumer", Buffer.from([0]), assignment(0)],
      ["consumer", subscription("t1"), Buffer.from([0, 0, 0])],
      ["consumer", subscription("t1"), Buffer.concat([assignment(0).subarray(0, -4), Buffer.from([0, 0, 0, 1, 7])])],
    ];
    for (const [protocolType, metadata, assigned] of blobs) {
      const world = await GroupWorld.start({ initialRebalanceDelayMs: 0 });
      const join = world.join(3, { protocolType, protocols: [{ name: "range", metadata }] });
      world.clock.advance(1);
      const memberId = join.answer?.memberId as string;
      const sync = { protocolType, memberId, generationId: 1, assignments: [{ memberId, assignment: assigned }] };
      expect(world.sync(5, sync).answer?.errorCode).toBe(0);
      expect(new Consumer(world, "a").join().errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
      expect(world.group()?.state).toBe("Stable");
    }
  });

  it("stay together where the policy forbids to separate", async () => {
    const consumer = { ...DEFAULT_GROUP_SETTINGS.consumer, migration: { upgrade: true, downgrade: false } };
    const { world, x } = await classicGroup({ consumer });
    const a = new Consumer(world, "a");
    a.join();
    a.leave();
    expect(world.consumerGroup()?.members.size).toBe(2);
    expect(x.heartbeat()).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  });
});

describe("R156: a consumer group and a member of the classic protocol", () => {
  it("it joins, syncs and heartbeats as in any classic group", async () => {
    const world = await GroupWorld.start();
    const a = new Consumer(world, "a");
    a.join();
    world.clock.advance(1000);
    const x = new ClassicConsumer(world);
    expect(x.join().answer).toMatchObject({
      errorCode: 0,
      generationId: 3,
      protocolType: "consumer",
      protocolName: "range",
      leader: "",
      members: [],
    });
    expect(x.memberId).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(x.sync()).toMatchObject({ errorCode: 0, protocolType: "consumer", protocolName: "range" });
    settle([a], 4);
    expect(x.heartbeat()).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    x.poll();
    expect(owners([a, x])).toEqual([0, 1, 2, 3]);
    expect(x.heartbeat()).toBe(0);
    expect(world.leave(4, { members: [{ memberId: x.memberId }] }).answer?.members[0]?.errorCode).toBe(0);
    settle([a], 4);
    expect(owners([a])).toEqual([0, 1, 2, 3]);
  });

  it("is refused what does not fit", async () => {
    const world = await GroupWorld.start();
    const a = new Consumer(world, "a");
    a.join();
    const code = (request: Parameters<GroupWorld["join"]>[1]) => world.join(3, request).answer?.errorCode;
    const metadata = subscription("t1");
    expect(code({ protocolType: "connect" })).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect(code({ protocols: [] })).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    // R150: a blob that cannot be read.
    expect(code({ protocols: [{ name: "range", metadata: Buffer.from([0, 0, 0x7f]) }] })).toBe(
      ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    );
    expect(code({ protocols: [{ name: "range", metadata }] })).toBe(0);
    expect(code({ protocols: [{ name: "sticky", metadata }] })).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    const heartbeat = (memberId: string, generationId: number) =>
      world.heartbeat(4, { memberId, generationId }).answer?.errorCode;
    expect(heartbeat("a", 2)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(heartbeat("nobody", 2)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    const [x] = [...(world.consumerGroup()?.members.keys() ?? [])].filter((id) => id !== "a") as [string];
    expect(heartbeat(x, 9)).toBe(ErrorCode.ILLEGAL_GENERATION);
    expect(world.sync(5, { memberId: x, generationId: 2, protocolName: "sticky" }).answer?.errorCode).toBe(
      ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    );
  });

  it("that never syncs, or never joins again, is removed after its rebalance timeout", async () => {
    const world = await GroupWorld.start();
    const a = new Consumer(world, "a");
    a.join();
    world.clock.advance(1000);
    const [x, y] = [new ClassicConsumer(world), new ClassicConsumer(world)];
    x.join();
    y.join();
    y.sync();
    for (let i = 0; i < 15; i++) {
      world.clock.advance(4200);
      x.heartbeat();
      y.heartbeat();
      a.heartbeat();
    }
    const { members } = world.consumerGroup() ?? {};
    expect([members?.has(x.memberId), members?.has(y.memberId), members?.size]).toEqual([false, false, 1]);
  });

  it("a static member of the classic protocol takes the place of the last of the consumer protocol: the group is classic", async () => {
    const world = await GroupWorld.start();
    const a = new Consumer(world, "a", { instanceId: "i" });
    a.join();
    const x = new ClassicConsumer(world, "i");
    const joined = x.join().answer;
    expect(joined).toMatchObject({ errorCode: 0, protocolName: "range" });
    expect(world.group()).toMatchObject({ type: "classic", state: "Stable", generationId: 2 });
    x.sync();
    expect(x.partitions).toEqual([0, 1, 2, 3]);
    expect(x.heartbeat()).toBe(0);
    expect(a.heartbeat().errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    await world.failOver();
    expect(world.group()).toMatchObject({ type: "classic", state: "Stable", generationId: 2 });
    expect(x.heartbeat()).toBe(0);
  });
});

describe("R156: an empty group becomes what the next member makes of it", () => {
  it("consumer, classic, consumer, with its offsets all along", async () => {
    const world = await GroupWorld.start({ initialRebalanceDelayMs: 0 });
    const partitions = [{ partitionIndex: 0, committedOffset: 5, committedMetadata: "" }];
    expect(world.commit(9, { topics: [{ name: "t1", partitions }] }).answer?.topics[0]?.partitions[0]?.errorCode).toBe(
      0,
    );
    const a = new Consumer(world, "a");
    expect(a.join().errorCode).toBe(0);
    a.leave();
    const x = new ClassicConsumer(world, "x");
    const join = x.join();
    world.clock.advance(1);
    expect(join.answer).toMatchObject({ errorCode: 0, generationId: 1 });
    const memberId = join.answer?.memberId as string;
    world.leave(4, { members: [{ memberId, groupInstanceId: "x" }] });
    expect(world.group()?.state).toBe("Empty");
    expect(a.join()).toMatchObject({ errorCode: 0, memberEpoch: 2 });
    await world.failOver();
    expect(world.consumerGroup()?.members.size).toBe(1);
    const groups = [{ groupId: "g", topics: null }];
    expect(world.fetch(8, { groups }).answer?.groups[0]?.topics).toHaveLength(1);
  });
});
