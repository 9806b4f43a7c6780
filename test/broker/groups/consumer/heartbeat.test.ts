/**
 * ConsumerGroupHeartbeat, request by request: who may join, what is refused and how, what an answer holds.
 */
import { describe, expect, it } from "vitest";
import { DEFAULT_GROUP_SETTINGS } from "../../../../broker/groups/group-settings.ts";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { GroupWorld, T1, topicImage } from "../group-world.ts";
import { Consumer } from "./consumer.ts";

const JOIN = { rebalanceTimeoutMs: 60_000, topicPartitions: [], subscribedTopicNames: ["t1"] };
const ALL = [{ topicId: T1.id, partitions: [0, 1, 2, 3] }];

describe("a member joins", () => {
  it("a new group: epoch 2 and its assignment in one answer", async () => {
    const world = await GroupWorld.start();
    expect(world.consumerHeartbeat(JOIN).answer).toEqual({
      throttleTimeMs: 0,
      errorCode: 0,
      errorMessage: null,
      memberId: "m",
      memberEpoch: 2,
      heartbeatIntervalMs: 5000,
      assignment: { topicPartitions: ALL },
    });
  });

  it("version 0: the coordinator makes the id of a member that has none", async () => {
    const world = await GroupWorld.start();
    const { answer } = world.consumerHeartbeat({ ...JOIN, memberId: "" }, 0);
    expect(answer).toMatchObject({ errorCode: 0, memberEpoch: 2 });
    expect(answer?.memberId).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
    expect(world.consumerHeartbeat({ ...JOIN, memberId: "" }, 1).answer?.errorCode).toBe(ErrorCode.INVALID_REQUEST);
  });

  it("R147: with epoch 0 again: the same epoch and the whole assignment, in every state", async () => {
    const world = await GroupWorld.start();
    const a = new Consumer(world, "a");
    const first = a.join();
    expect(a.join()).toEqual(first);
    const b = new Consumer(world, "b");
    world.clock.advance(1000);
    b.join();
    // a has to give up half; b waits for it.
    a.heartbeat();
    expect(world.consumerGroup()?.members.get("a")?.state).toBe(1);
    expect(world.consumerGroup()?.members.get("b")?.state).toBe(2);
    const waiting = b.join();
    expect(waiting).toMatchObject({ errorCode: 0, memberEpoch: 3, assignment: { topicPartitions: [] } });
    expect(b.join()).toEqual(waiting);
    // Who comes back has nothing, so it has given up what it had to.
    expect(a.join()).toMatchObject({ errorCode: 0, memberEpoch: 3 });
    expect(a.partitions.split(" ")).toHaveLength(2);
    expect(b.heartbeat()).toMatchObject({ errorCode: 0, memberEpoch: 3 });
    expect(`${a.partitions} ${b.partitions}`.split(" ").sort()).toEqual(["t1-0", "t1-1", "t1-2", "t1-3"]);
  });

  it("R147: a whole heartbeat is answered with the whole assignment and changes nothing, however often it comes", async () => {
    const world = await GroupWorld.start();
    const a = new Consumer(world, "a");
    a.join();
    const end = world.log.logEndOffset;
    const whole = { ...JOIN, memberEpoch: 2, topicPartitions: ALL };
    for (let i = 0; i < 3; i++) {
      expect(a.request(whole)).toMatchObject({ errorCode: 0, memberEpoch: 2, assignment: { topicPartitions: ALL } });
    }
    expect(a.heartbeat().assignment).toBeNull();
    expect(world.log.logEndOffset).toBe(end);
  });

  it("R148: not when the group is full, and whoever is in it stays", async () => {
    const consumer = { ...DEFAULT_GROUP_SETTINGS.consumer, maxGroupSize: 2 };
    const world = await GroupWorld.start({ consumer });
    const [a, b, c] = ["a", "b", "c"].map((id) => new Consumer(world, id)) as [Consumer, Consumer, Consumer];
    expect([a.join().errorCode, b.join().errorCode]).toEqual([0, 0]);
    expect(c.join()).toMatchObject({
      errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED,
      errorMessage: "The consumer group has reached its maximum capacity of 2 members.",
    });
    expect(b.join().errorCode).toBe(0);
    a.leave();
    expect(c.join().errorCode).toBe(0);
  });
});

describe("what is refused", () => {
  it.each([
    ["no group id", { groupId: "" }, ErrorCode.INVALID_REQUEST],
    ["no member id", { memberId: "" }, ErrorCode.INVALID_REQUEST],
    ["an empty instance id", { instanceId: "" }, ErrorCode.INVALID_REQUEST],
    ["an empty rack", { rackId: "" }, ErrorCode.INVALID_REQUEST],
    ["no rebalance timeout", { rebalanceTimeoutMs: -1 }, ErrorCode.INVALID_REQUEST],
    ["no partitions", { topicPartitions: null }, ErrorCode.INVALID_REQUEST],
    ["partitions of a member that joins", { topicPartitions: ALL }, ErrorCode.INVALID_REQUEST],
    ["no subscription", { subscribedTopicNames: null }, ErrorCode.INVALID_REQUEST],
    ["epoch -3", { memberEpoch: -3 }, ErrorCode.INVALID_REQUEST],
    ["leaving for a while without an instance", { memberEpoch: -2 }, ErrorCode.INVALID_REQUEST],
    ["an unknown assignor", { serverAssignor: "fair" }, ErrorCode.UNSUPPORTED_ASSIGNOR],
    ["a bad expression", { subscribedTopicRegex: "(" }, ErrorCode.INVALID_REGULAR_EXPRESSION],
    ["an unknown group, epoch 1", { memberEpoch: 1 }, ErrorCode.GROUP_ID_NOT_FOUND],
    ["an unknown group, epoch -1", { memberEpoch: -1 }, ErrorCode.GROUP_ID_NOT_FOUND],
    ["topics no record holds", { subscribedTopicNames: Array(20_000).fill("t".repeat(60)) }, -1],
  ])("%s", async (_, request, errorCode) => {
    const world = await GroupWorld.start();
    const { answer } = world.consumerHeartbeat({ ...JOIN, ...request });
    expect(answer).toMatchObject({ memberId: null, memberEpoch: 0, assignment: null });
    expect(answer?.errorCode === errorCode || (errorCode === -1 && answer?.errorCode !== 0)).toBe(true);
    expect(world.consumerGroup()).toBeUndefined();
    expect(world.log.logEndOffset).toBe(0);
  });

  it("an epoch that is not the member's, save the one before where the answer may have been lost", async () => {
    const world = await GroupWorld.start();
    const a = new Consumer(world, "a");
    a.join();
    const refusal = (request: Parameters<Consumer["request"]>[0]) => a.request(request).errorCode;
    expect(refusal({ memberEpoch: 3 })).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    expect(refusal({ memberEpoch: 1 })).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    world.consumerHeartbeat({ ...JOIN, memberId: "b", memberEpoch: 1 });
    expect(world.consumerHeartbeat({ memberId: "b", memberEpoch: 2 }).answer?.errorCode).toBe(
      ErrorCode.UNKNOWN_MEMBER_ID,
    );
    // The topic grows: a gets epoch 3, and says 2 again.
    world.setTopics(topicImage(T1.name, T1.id, 6));
    world.clock.advance(1000);
    expect(a.heartbeat()).toMatchObject({ memberEpoch: 3 });
    expect(refusal({ memberEpoch: 2 })).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    expect(refusal({ memberEpoch: 2, topicPartitions: ALL })).toBe(0);
    expect(refusal({ memberEpoch: 2, topicPartitions: [{ topicId: T1.id, partitions: [6] }] })).toBe(
      ErrorCode.FENCED_MEMBER_EPOCH,
    );
  });

  it("everything, where the protocol is not finalized or switched off", async () => {
    const off = await GroupWorld.start({ protocols: new Set(["classic"]) });
    const notYet = await GroupWorld.start();
    notYet.image = { ...notYet.image, features: new Map() };
    for (const world of [off, notYet]) {
      expect(world.consumerHeartbeat(JOIN).answer?.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
      expect(world.describeConsumers(["g"]).answer?.groups[0]?.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
    }
  });
});

describe("a group seen from outside", () => {
  it("is described with what members have, are to have, and what they are", async () => {
    const world = await GroupWorld.start();
    new Consumer(world, "a", { instanceId: "i", assignor: "range" }).join({ rackId: "r" });
    const members = [
      {
        memberId: "a",
        instanceId: "i",
        rackId: "r",
        memberEpoch: 2,
        clientId: "client",
        clientHost: "/127.0.0.1",
        subscribedTopicNames: ["t1"],
        subscribedTopicRegex: "",
        assignment: { topicPartitions: [{ ...ALL[0], topicName: "t1" }] },
        targetAssignment: { topicPartitions: [{ ...ALL[0], topicName: "t1" }] },
        memberType: 1,
      },
    ];
    expect(world.describeConsumers(["g"]).answer?.groups).toEqual([
      {
        errorCode: 0,
        errorMessage: null,
        groupId: "g",
        groupState: "Stable",
        groupEpoch: 2,
        assignmentEpoch: 2,
        assignorName: "range",
        members,
        authorizedOperations: -0x80000000,
      },
    ]);
    expect(world.list(5).answer?.groups).toEqual([
      { groupId: "g", protocolType: "consumer", groupState: "Stable", groupType: "consumer" },
    ]);
    expect(world.list(5, { typesFilter: ["classic"] }).answer?.groups).toEqual([]);
    expect(world.list(5, { statesFilter: ["stable"], typesFilter: ["Consumer"] }).answer?.groups).toHaveLength(1);
    expect(world.describe(6, ["g"]).answer?.groups[0]).toMatchObject({
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      errorMessage: "Group g is not a classic group.",
      groupState: "Dead",
    });
  });

  it("unknown, classic and nameless ones are refused", async () => {
    const world = await GroupWorld.start();
    world.stableGroup([null], "classic");
    const codes = world.describeConsumers(["", "none", "classic"]).answer?.groups.map((group) => group.errorCode);
    expect(codes).toEqual([ErrorCode.INVALID_GROUP_ID, ErrorCode.GROUP_ID_NOT_FOUND, ErrorCode.GROUP_ID_NOT_FOUND]);
  });

  it("R159: is deleted when it is empty, and nothing of it is left", async () => {
    const world = await GroupWorld.start();
    const a = new Consumer(world, "a", { regex: "t.*" });
    a.join();
    world.clock.advance(1000);
    expect(world.deleteGroups(["g"]).answer?.results).toEqual([{ groupId: "g", errorCode: ErrorCode.NON_EMPTY_GROUP }]);
    a.leave();
    expect(world.list(5).answer?.groups[0]?.groupState).toBe("Empty");
    expect(world.deleteGroups(["g"]).answer?.results).toEqual([{ groupId: "g", errorCode: 0 }]);
    expect(world.list(5).answer?.groups).toEqual([]);
    await world.failOver();
    expect(world.consumerGroup()).toBeUndefined();
  });
});

describe("settings of one group", () => {
  it("hold for it, within the broker's bounds", async () => {
    const world = await GroupWorld.start();
    const configs = new Map([
      ["consumer.heartbeat.interval.ms", "7000"],
      ["consumer.session.timeout.ms", "50000"],
      ["consumer.assignment.interval.ms", "99999"],
    ]);
    const { image } = world;
    world.image = { ...image, configsOf: (_, name) => (name === "g" ? configs : new Map()) };
    expect(world.consumerHeartbeat(JOIN).answer?.heartbeatIntervalMs).toBe(7000);
    expect(world.consumerHeartbeat({ ...JOIN, groupId: "h" }).answer?.heartbeatIntervalMs).toBe(5000);
    world.clock.advance(46_000);
    expect(world.consumerGroup("g")?.members.size).toBe(1);
    expect(world.consumerGroup("h")?.members.size).toBe(0);
    world.clock.advance(5000);
    expect(world.consumerGroup("g")?.members.size).toBe(0);
  });
});
