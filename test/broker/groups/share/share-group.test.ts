/** Share groups as their members and administrators see them. */
import { beforeEach, describe, expect, test } from "vitest";
import { DEFAULT_SHARE_GROUP_SETTINGS } from "../../../../broker/groups/share/share-rules.ts";
import { ResourceType } from "../../../../broker/metadata/metadata-image.ts";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { T1, T2, topicImage } from "../group-world.ts";
import { ShareWorld } from "./share-world.ts";

let world: ShareWorld;
beforeEach(async () => {
  world = await ShareWorld.start();
});

describe("R178: membership", () => {
  test("the first member of a new group is in epoch 2; what it reads it is told once that is initialized", () => {
    expect(world.joinShare("a", "t1")).toMatchObject({
      ...{ errorCode: 0, memberId: "a", memberEpoch: 2, heartbeatIntervalMs: 5000 },
      assignment: { topicPartitions: [] },
    });
    world.clock.advance(1000);
    expect(world.beat("a", 2)).toMatchObject({
      memberEpoch: 3,
      assignment: { topicPartitions: [{ topicId: T1.id, partitions: [0, 1, 2, 3] }] },
    });
    expect(world.beat("a", 3)).toMatchObject({ errorCode: 0, memberEpoch: 3, assignment: null });
  });

  test("a heartbeat from which nothing follows writes nothing", () => {
    world.joinShare("a", "t1");
    world.settleMembers("a");
    const end = world.log.logEndOffset;
    world.beat("a", world.shareGroup.members.get("a")?.memberEpoch as number);
    expect(world.log.logEndOffset).toBe(end);
  });

  test("an assignment is told in full to whoever joins again, or says what it reads", () => {
    world.joinShare("a", "t1");
    world.settleMembers("a");
    const { memberEpoch } = world.joinShare("a", "t1");
    expect(world.joinShare("a", "t1").assignment?.topicPartitions).toHaveLength(1);
    expect(world.beat("a", memberEpoch, { subscribedTopicNames: ["t1"] }).assignment?.topicPartitions).toHaveLength(1);
  });

  test("an assignment is computed once in its interval", () => {
    world.joinShare("a", "t1");
    expect(world.beat("a", 2)).toMatchObject({ memberEpoch: 2, assignment: null });
    expect(world.shareGroup).toMatchObject({ groupEpoch: 3, assignmentEpoch: 2 });
    world.clock.advance(999);
    expect(world.beat("a", 2).memberEpoch).toBe(2);
    expect(world.shareGroup.groupEpoch).toBe(3);
    world.clock.advance(1);
    expect(world.beat("a", 2).memberEpoch).toBe(3);
  });

  test("partitions are shared by many members, and spread when members are few", () => {
    for (const id of ["a", "b"]) world.joinShare(id, "t1");
    const two = world.settleMembers("a", "b");
    expect(Object.values(two).map((own) => own.length)).toEqual([2, 2]);
    for (const id of ["c", "d", "e", "f"]) world.joinShare(id, "t1");
    const six = world.settleMembers("a", "b", "c", "d", "e", "f");
    expect(new Set(Object.values(six).flat()).size).toBe(4);
    for (const own of Object.values(six)) expect(own.length).toBeGreaterThanOrEqual(1);
  });

  test("epochs: the one before is fine, others are fenced; strangers are unknown", () => {
    world.joinShare("a", "t1");
    world.clock.advance(1000);
    world.beat("a", 2);
    expect(world.beat("a", 2)).toMatchObject({ errorCode: 0, memberEpoch: 3 });
    expect(world.beat("a", 4).errorCode).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    expect(world.beat("a", 1).errorCode).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    expect(world.beat("b", 1).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(world.beat("b", -1).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(world.beat("a", 1, { groupId: "other" }).errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect(world.beat("a", -1, { groupId: "other" }).errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  });

  test("a member that leaves is gone, and what it read goes to others", () => {
    for (const id of ["a", "b"]) world.joinShare(id, "t1");
    world.settleMembers("a", "b");
    const { groupEpoch } = world.shareGroup;
    expect(world.beat("a", -1)).toMatchObject({ errorCode: 0, memberId: "a", memberEpoch: -1 });
    expect(world.shareGroup.groupEpoch).toBe(groupEpoch + 1);
    expect(world.settleMembers("b")).toEqual({ b: ["t1:0", "t1:1", "t1:2", "t1:3"] });
    world.beat("b", -1);
    expect(world.describeGroup()).toMatchObject({ groupState: "Empty", members: [] });
  });

  test("one that is not heard of for its session is dropped; one that is stays", () => {
    for (const id of ["a", "b"]) world.joinShare(id, "t1");
    world.settleMembers("a", "b");
    for (let passed = 0; passed < 45; passed += 5) {
      world.clock.advance(5000);
      world.beat("b", world.shareGroup.members.get("b")?.memberEpoch as number);
    }
    expect([...world.shareGroup.members.keys()]).toEqual(["b"]);
  });

  test("members, epochs and assignments survive a failover, and have their session anew", async () => {
    for (const id of ["a", "b"]) world.joinShare(id, "t1");
    const before = world.settleMembers("a", "b");
    const described = world.describeGroup();
    world.clock.advance(40_000);
    await world.failOver();
    expect(world.describeGroup()).toEqual(described);
    expect(world.settleMembers("a", "b")).toEqual(before);
    world.clock.advance(44_000 - 4000);
    expect(world.shareGroup.members.size).toBe(2);
    world.clock.advance(46_000);
    expect(world.shareGroup.members.size).toBe(0);
  });

  test("topics that come, grow and go change what members read", () => {
    world.setTopics(topicImage(T1.name, T1.id, 2));
    world.joinShare("a", "t1", "t2");
    expect(world.settleMembers("a")).toEqual({ a: ["t1:0", "t1:1"] });
    world.setTopics(topicImage(T1.name, T1.id, 3), topicImage(T2.name, T2.id, 1));
    expect(world.settleMembers("a").a?.sort()).toEqual(["t1:0", "t1:1", "t1:2", "t2:0"]);
    world.setTopics(topicImage(T2.name, T2.id, 1));
    world.groups.topicsDeleted([T1]);
    expect(world.settleMembers("a")).toEqual({ a: ["t2:0"] });
    expect([...world.shareGroup.sharePartitions.initialized.keys()]).toEqual([T2.id]);
  });

  test("topics that go while nobody coordinates the group, and come back as others, are begun anew", async () => {
    world.joinShare("a", "t1");
    world.settleMembers("a");
    world.groups.close();
    const again = { name: T1.name, id: T2.id };
    world.setTopics(topicImage(again.name, again.id, 2));
    await world.failOver();
    expect(world.settleMembers("a")).toEqual({ a: ["t1:0", "t1:1"] });
    expect([...world.shareGroup.sharePartitions.initialized.keys()]).toEqual([again.id]);
    const { groupEpoch } = world.shareGroup;
    world.settleMembers("a");
    expect(world.shareGroup.groupEpoch).toBe(groupEpoch);
  });

  test("other topics: what is read no more is given up at once", () => {
    world.joinShare("a", "t1", "t2");
    world.settleMembers("a");
    const { memberEpoch } = world.shareGroup.members.get("a") as { memberEpoch: number };
    const answer = world.beat("a", memberEpoch, { subscribedTopicNames: ["t2"] });
    expect(answer.assignment?.topicPartitions.map(({ topicId }) => topicId)).toEqual([T2.id]);
  });

  test.each([
    ["no member id", { memberId: "" }],
    ["no group id", { groupId: "" }],
    ["an empty rack", { rackId: "" }],
    ["nothing to read", { memberEpoch: 0, subscribedTopicNames: [] }],
    ["no word of what to read", { memberEpoch: 0 }],
    ["an epoch there is not", { memberEpoch: -2 }],
  ])("a heartbeat with %s is no request", (_, wrong) => {
    expect(world.beat("a", 1, wrong).errorCode).toBe(ErrorCode.INVALID_REQUEST);
  });
});

describe("R180: initializing share partitions", () => {
  test("each is initialized with its keeper, to begin where its leader finds", () => {
    world.joinShare("a", "t1");
    expect(world.shareGroup.sharePartitions.initialized.get(T1.id)?.partitions).toEqual([0, 1, 2, 3]);
    expect(world.shareGroup.sharePartitions.initializing.size).toBe(0);
    const machine = world.shareState.shard(0)?.machine;
    expect(machine?.stateOf({ groupId: "g", topicId: T1.id, partition: 3 })).toMatchObject({
      stateEpoch: 2,
      startOffset: -1,
    });
  });

  test("while the keeper refuses nobody reads; the next heartbeat tries again", async () => {
    world.shareState.resign(0);
    world.joinShare("a", "t1");
    expect(world.shareGroup.sharePartitions.initialized.size).toBe(0);
    expect(world.settleMembers("a")).toEqual({ a: [] });
    await world.leadShareState();
    expect(world.settleMembers("a").a).toHaveLength(4);
  });

  test("a coordinator that moves in between begins anew at once", async () => {
    world.shareLog.autoCommit = false;
    world.joinShare("a", "t1");
    expect(world.shareGroup.sharePartitions.initializing.size).toBe(1);
    await world.failOver();
    world.shareLog.autoCommit = true;
    world.shareLog.commit();
    expect(world.settleMembers("a").a).toHaveLength(4);
  });

  test("what was begun is not begun twice, and is after its time", () => {
    world.shareLog.autoCommit = false;
    world.joinShare("a", "t1");
    const end = world.shareLog.logEndOffset;
    world.beat("a", 2);
    expect(world.shareLog.logEndOffset).toBe(end);
    world.clock.advance(4900);
    world.beat("a", 2);
    expect(world.shareLog.logEndOffset).toBe(end);
  });

  test("beginning twice in one epoch does not take back what has been read meanwhile", () => {
    world.joinShare("a", "t1");
    const key = { groupId: "g", topicId: T1.id, partition: 0 };
    world.shareState.write(key, {
      stateEpoch: 2,
      leaderEpoch: 0,
      startOffset: 7,
      deliveryCompleteCount: 0,
      stateBatches: [],
    });
    world.shareState.initialize(key, { stateEpoch: 2, startOffset: -1 });
    expect(world.shareState.shard(0)?.machine.stateOf(key)?.startOffset).toBe(7);
  });

  test("a group that is deleted takes the state along", () => {
    world.joinShare("a", "t1");
    expect(world.dropGroups("g")).toEqual([["g", ErrorCode.NON_EMPTY_GROUP]]);
    expect(world.shareState.shard(0)?.machine.size).toBe(4);
    world.beat("a", -1);
    expect(world.dropGroups("g", "none")).toEqual([
      ["g", 0],
      ["none", ErrorCode.GROUP_ID_NOT_FOUND],
    ]);
    expect(world.shareState.shard(0)?.machine.size).toBe(0);
    expect(world.listed()).toEqual([]);
  });

  test("a group whose state cannot be deleted stays, and can be deleted later, by another coordinator too", async () => {
    world.joinShare("a", "t1");
    world.beat("a", -1);
    world.shareState.resign(0);
    expect(world.dropGroups("g")).toEqual([["g", ErrorCode.NOT_COORDINATOR]]);
    expect(world.shareGroup.sharePartitions.deleting.size).toBe(1);
    await world.failOver();
    await world.leadShareState();
    expect(world.dropGroups("g")).toEqual([["g", 0]]);
    expect(world.shareState.shard(0)?.machine.size).toBe(0);
  });
});

describe("R181: offsets of share groups", () => {
  test("are told with how far behind they are", () => {
    world.joinShare("a", "t1");
    world.beat("a", -1);
    expect(world.alterOffsets("t1", { 0: 5 })).toMatchObject({ errorCode: 0 });
    world.endOffset = 9;
    const [topic] = world.describeOffsets(null)?.topics ?? [];
    expect(topic).toMatchObject({ topicName: "t1", topicId: T1.id });
    expect(topic?.partitions.find(({ partitionIndex }) => partitionIndex === 0)).toMatchObject({
      startOffset: 5,
      lag: 4,
      errorCode: 0,
    });
    expect(topic?.partitions.find(({ partitionIndex }) => partitionIndex === 1)).toMatchObject({
      startOffset: -1,
      lag: -1,
    });
  });

  test("of what nobody reads, and of what there is not", () => {
    expect(
      world.describeOffsets([
        { topicName: "t1", partitions: [0, 9] },
        { topicName: "none", partitions: [0] },
      ]),
    ).toMatchObject({
      errorCode: 0,
      topics: [
        {
          topicName: "t1",
          partitions: [
            { partitionIndex: 0, startOffset: -1, errorCode: 0 },
            { partitionIndex: 9, startOffset: -1, errorCode: 0 },
          ],
        },
        { topicName: "none", partitions: [{ startOffset: -1, lag: -1, errorCode: 0 }] },
      ],
    });
    expect(world.describeOffsets(null, "none")).toMatchObject({ errorCode: 0, topics: [] });
  });

  test("are told at once however often a topic is named", () => {
    const asked = Array.from({ length: 20_000 }, (_, partition) => ({ topicName: "t1", partitions: [partition] }));
    const startedMs = performance.now();
    expect(world.describeOffsets(asked)?.topics[0]?.partitions).toHaveLength(asked.length);
    expect(performance.now() - startedMs).toBeLessThan(12_000);
  });

  test("are changed and deleted only while nobody reads", () => {
    world.joinShare("a", "t1");
    expect(world.alterOffsets("t1", { 0: 5 })?.errorCode).toBe(ErrorCode.NON_EMPTY_GROUP);
    expect(world.deleteShareOffsets(["t1"])?.errorCode).toBe(ErrorCode.NON_EMPTY_GROUP);
    expect(world.deleteShareOffsets(["t1"], "none")?.errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect(world.alterOffsets("t1", { 0: 5 }, "")?.errorCode).toBe(ErrorCode.INVALID_GROUP_ID);
    expect(world.deleteShareOffsets(["t1"], "")?.errorCode).toBe(ErrorCode.INVALID_GROUP_ID);
  });

  test("of a group that does not exist are set: it is there then, empty", () => {
    expect(world.alterOffsets("t1", { 0: 5, 7: 1 }, "new")).toMatchObject({
      errorCode: 0,
      responses: [
        {
          topicName: "t1",
          topicId: T1.id,
          partitions: [
            { partitionIndex: 0, errorCode: 0 },
            { partitionIndex: 7, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION },
          ],
        },
      ],
    });
    expect(world.listed(["share"])).toMatchObject([
      { groupId: "new", groupState: "Empty", groupType: "share", protocolType: "share" },
    ]);
    expect(
      world.describeOffsets([{ topicName: "t1", partitions: [0] }], "new")?.topics[0]?.partitions[0]?.startOffset,
    ).toBe(5);
  });

  test("that were set are what members then begin with", () => {
    world.alterOffsets("t1", { 0: 5 });
    world.joinShare("a", "t1");
    world.settleMembers("a");
    const machine = world.shareState.shard(0)?.machine;
    expect(machine?.stateOf({ groupId: "g", topicId: T1.id, partition: 0 })?.startOffset).toBe(5);
    expect(machine?.stateOf({ groupId: "g", topicId: T1.id, partition: 1 })?.startOffset).toBe(-1);
  });

  test("are told as set once the group's log says so, and are kept by the next coordinator", async () => {
    world.shareLog.autoCommit = false;
    const asked = world.askToAlterOffsets("t1", { 0: 5 });
    world.log.autoCommit = false;
    world.shareLog.commit();
    world.shareLog.autoCommit = true;
    expect(asked.answer).toBeUndefined();
    world.log.commit();
    expect(asked.answer?.responses[0]?.partitions[0]?.errorCode).toBe(0);
    world.log.autoCommit = true;
    await world.failOver();
    world.joinShare("a", "t1");
    world.settleMembers("a");
    const machine = world.shareState.shard(0)?.machine;
    expect(machine?.stateOf({ groupId: "g", topicId: T1.id, partition: 0 })?.startOffset).toBe(5);
  });

  test("are deleted by topic; a topic without any is told so", () => {
    world.joinShare("a", "t1");
    world.beat("a", -1);
    expect(world.deleteShareOffsets(["t1", "t2", "none"])).toMatchObject({
      errorCode: 0,
      responses: [
        { topicName: "t2", errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION },
        { topicName: "none", errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION },
        { topicName: "t1", topicId: T1.id, errorCode: 0 },
      ],
    });
    expect(world.shareState.shard(0)?.machine.size).toBe(0);
    expect(world.shareGroup.sharePartitions).toMatchObject({ initialized: new Map(), deleting: new Map() });
    expect(world.deleteShareOffsets(["t1"])?.responses[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });

  test("a member that joins again after that begins anew", () => {
    world.alterOffsets("t1", { 0: 5 });
    world.deleteShareOffsets(["t1"]);
    world.joinShare("a", "t1");
    expect(world.settleMembers("a").a).toHaveLength(4);
    const machine = world.shareState.shard(0)?.machine;
    expect(machine?.stateOf({ groupId: "g", topicId: T1.id, partition: 0 })?.startOffset).toBe(-1);
  });
});

describe("R182: limits, settings, kinds", () => {
  test("a full group takes nobody more, and keeps who is in it", async () => {
    world = await ShareWorld.start({ share: { ...DEFAULT_SHARE_GROUP_SETTINGS, maxGroupSize: 2 } });
    for (const id of ["a", "b"]) expect(world.joinShare(id, "t1").errorCode).toBe(0);
    expect(world.joinShare("c", "t1").errorCode).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
    expect(world.joinShare("a", "t1").errorCode).toBe(0);
  });

  test("what is set for the group counts, within the broker's bounds", () => {
    const texts = new Map([
      ["share.heartbeat.interval.ms", "7000"],
      ["share.session.timeout.ms", "1000000"],
    ]);
    world.image = { ...world.image, configsOf: (type) => (type === ResourceType.GROUP ? texts : new Map()) };
    expect(world.joinShare("a", "t1").heartbeatIntervalMs).toBe(7000);
    world.clock.advance(59_999);
    expect(world.shareGroup.members.size).toBe(1);
    world.clock.advance(1);
    expect(world.shareGroup.members.size).toBe(0);
  });

  test("without the feature there are no share groups", () => {
    world.image = { ...world.image, features: new Map() };
    expect(world.joinShare("a", "t1").errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
    expect(world.describeGroup()?.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
    expect(world.describeOffsets(null)?.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
    expect(world.alterOffsets("t1", { 0: 1 })?.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
    expect(world.deleteShareOffsets(["t1"])?.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
  });

  test("a name has one kind: classic and consumer members do not get into a share group, nor the other way", () => {
    world.joinShare("a", "t1");
    const joining = { rebalanceTimeoutMs: 60_000, topicPartitions: [], subscribedTopicNames: ["t1"] };
    expect(world.join(5, { groupId: "g" }).answer?.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect(world.consumerHeartbeat({ ...joining, groupId: "g" }).answer?.errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    const topics = [{ name: "t1", partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }] }];
    const committed = world.commit(9, { groupId: "g", memberId: "", generationIdOrMemberEpoch: -1, topics }).answer;
    expect(committed?.topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect(world.consumerHeartbeat({ ...joining, groupId: "c" }).answer?.errorCode).toBe(0);
    expect(world.beat("a", 0, { groupId: "c", subscribedTopicNames: ["t1"] }).errorCode).toBe(
      ErrorCode.GROUP_ID_NOT_FOUND,
    );
    expect(world.describeGroup("c")).toMatchObject({ errorCode: ErrorCode.GROUP_ID_NOT_FOUND });
  });

  test("are described and listed as what they are", () => {
    world.joinShare("a", "t1");
    world.settleMembers("a");
    expect(world.describeGroup()).toMatchObject({
      ...{ groupId: "g", groupState: "Stable", assignorName: "simple" },
      members: [
        {
          memberId: "a",
          clientId: "client",
          subscribedTopicNames: ["t1"],
          assignment: { topicPartitions: [{ topicName: "t1" }] },
        },
      ],
    });
    expect(world.listed(["consumer"])).toEqual([]);
    expect(world.listed(["share"])).toMatchObject([{ groupId: "g", groupState: "Stable" }]);
    expect(world.describeGroup("none")).toMatchObject({ errorCode: ErrorCode.GROUP_ID_NOT_FOUND, groupState: "" });
    expect(world.describeGroup("")?.errorCode).toBe(ErrorCode.INVALID_GROUP_ID);
  });

  test("an empty share group is not forgotten in time", () => {
    world.joinShare("a", "t1");
    world.beat("a", -1);
    world.clock.advance(world.settings.offsetsRetentionMs + 2 * world.settings.offsetsRetentionCheckIntervalMs);
    expect(world.listed()).toHaveLength(1);
  });
});
