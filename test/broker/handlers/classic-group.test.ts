/**
 * The classic group protocol, request by request: what Apache Kafka 4.3.1 answers, at every version.
 */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { GroupWorld, subscription } from "../groups/group-world.ts";

const NOBODY = "nobody-4a9b";

describe("JoinGroup", () => {
  it("refuses what no group can take, before any group is asked", async () => {
    const world = await GroupWorld.start();
    const code = (version: number, request: Parameters<GroupWorld["join"]>[1]) =>
      world.join(version, request).answer?.errorCode;
    expect(code(5, { groupId: "" })).toBe(ErrorCode.INVALID_GROUP_ID);
    expect([0, -1, 5999, 1_800_001, 2 ** 31 - 1].map((sessionTimeoutMs) => code(5, { sessionTimeoutMs }))).toEqual(
      Array(5).fill(ErrorCode.INVALID_SESSION_TIMEOUT),
    );
    expect(code(5, { protocols: [] })).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect(code(5, { protocolType: "" })).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect(code(5, { memberId: NOBODY })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(world.log.logEndOffset).toBe(0);
  });

  it("names no protocol in errors: empty up to version 6, null from version 7 on", async () => {
    const world = await GroupWorld.start();
    for (let version = 0; version <= 9; version++) {
      const { answer } = world.join(version, { memberId: NOBODY });
      expect(answer).toMatchObject({
        errorCode: ErrorCode.UNKNOWN_MEMBER_ID,
        memberId: NOBODY,
        generationId: -1,
        protocolName: version < 7 ? "" : null,
        leader: "",
        members: [],
      });
    }
  });

  it("lets a member without an id in at once before version 4", async () => {
    for (let version = 0; version <= 3; version++) {
      const world = await GroupWorld.start();
      const join = world.join(version, {}, "me");
      expect(join.answer).toBeUndefined();
      world.clock.advance(3000);
      const memberId = join.answer?.memberId ?? "";
      expect(memberId).toMatch(/^me-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(join.answer).toMatchObject({ errorCode: 0, generationId: 1, protocolName: "range", leader: memberId });
      expect(join.answer?.members).toEqual([{ memberId, groupInstanceId: null, metadata: subscription("t1") }]);
    }
  });

  it("version 0 has no rebalance timeout: the session's counts", async () => {
    const world = await GroupWorld.start();
    world.join(0, { sessionTimeoutMs: 7000 });
    const [member] = [...(world.group()?.members.values() ?? [])];
    expect(member?.rebalanceTimeoutMs).toBe(7000);
  });

  it("R143: gives a member its id first from version 4 on, and lets it in when it comes with it", async () => {
    for (let version = 4; version <= 9; version++) {
      const world = await GroupWorld.start();
      const first = world.join(version, {}, "").answer;
      expect(first).toMatchObject({ errorCode: ErrorCode.MEMBER_ID_REQUIRED, generationId: -1 });
      const memberId = first?.memberId ?? "";
      expect(memberId).toMatch(/^-[0-9a-f-]{36}$/);
      expect(world.group()?.state).toBe("Empty");
      const join = world.join(version, { memberId });
      world.clock.advance(3000);
      expect(join.answer).toMatchObject({ errorCode: 0, generationId: 1, memberId, leader: memberId });
    }
  });

  it("R143: two joins of one client, and a crash between them, hold nobody up longer than a session", async () => {
    const world = await GroupWorld.start();
    const lost = world.join(4, {}).answer?.memberId ?? "";
    const kept = world.join(4, {}).answer?.memberId ?? "";
    expect(lost).not.toBe(kept);
    const join = world.join(4, { memberId: kept });
    world.clock.advance(3000);
    // The delay ends the first rebalance; the id that never came is only forgotten.
    expect(join.answer?.generationId).toBe(1);
    expect(world.group()?.pendingJoins.has(lost)).toBe(true);
    world.clock.advance(7000);
    expect(world.group()?.pendingJoins.has(lost)).toBe(false);
    expect(world.join(4, { memberId: lost }).answer?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("a member that waits to come back with its id holds up later rebalances, until its session ends", async () => {
    const world = await GroupWorld.start();
    const [leader] = world.stableGroup([null]) as [string];
    world.join(5, {});
    expect(world.group()?.state).toBe("Stable");
    const rejoin = world.join(5, { memberId: leader });
    expect(rejoin.answer).toBeUndefined();
    world.clock.advance(10_000);
    expect(rejoin.answer).toMatchObject({ errorCode: 0, generationId: 2 });
  });

  it("refuses another protocol type, and members without a protocol in common", async () => {
    const world = await GroupWorld.start();
    world.stableGroup([null, null]);
    const metadata = Buffer.alloc(0);
    for (const request of [
      { protocolType: "connect" },
      { protocols: [{ name: "roundrobin", metadata }] },
      { protocols: [] },
    ]) {
      expect(world.join(3, request).answer?.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    }
    const both = [
      { name: "roundrobin", metadata },
      { name: "range", metadata },
    ];
    world.join(3, { protocols: both });
    expect(world.group()?.members.size).toBe(3);
  });

  it("chooses the protocol most members prefer among those all support", async () => {
    const world = await GroupWorld.start();
    const metadata = Buffer.alloc(0);
    const named = (...names: string[]) => ({ protocols: names.map((name) => ({ name, metadata })) });
    const joins = [named("a", "b", "c"), named("b", "a"), named("x", "b", "a")].map((protocols) =>
      world.join(3, protocols),
    );
    world.clock.advance(9000);
    expect(joins.map(({ answer }) => answer?.protocolName)).toEqual(["b", "b", "b"]);
  });

  it("B71: a great many protocols, long times and long names are taken; what no record can hold is not", async () => {
    const world = await GroupWorld.start();
    const metadata = Buffer.alloc(1);
    const protocols = Array.from({ length: 10_000 }, (_, i) => ({ name: `p${i}`, metadata }));
    const many = world.join(3, { protocols, groupId: "g".repeat(32_767), rebalanceTimeoutMs: 2 ** 31 - 1 });
    world.clock.advance(3000);
    expect(many.answer).toMatchObject({ errorCode: 0, protocolName: "p0" });
    const huge = world.join(3, { protocols: [{ name: "range", metadata: Buffer.alloc(2 * 1024 * 1024) }] });
    expect(huge.answer?.errorCode).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect(world.group()).toBeUndefined();
    const negative = world.join(3, { rebalanceTimeoutMs: -1 });
    world.clock.advance(3000);
    expect(negative.answer?.errorCode).toBe(0);
  });

  it("B18: a client whose name is as long as names can be is a member like any other", async () => {
    const world = await GroupWorld.start();
    for (const [groupId, name] of [
      ["ascii", "x".repeat(32_767)],
      ["wide", "€".repeat(10_922)],
    ] as const) {
      const join = world.join(3, { groupId }, name);
      world.clock.advance(6000);
      const memberId = join.answer?.memberId ?? "";
      expect(memberId.length).toBe(10_037);
      expect(world.sync(3, { groupId, memberId }).answer?.errorCode).toBe(0);
      expect(world.leave(1, { groupId, memberId }).answer?.errorCode).toBe(0);
    }
  });

  it("B32: ids that JavaScript's objects know are ids like any other", async () => {
    const world = await GroupWorld.start();
    for (const name of ["__proto__", "constructor", "toString"]) {
      const join = world.join(5, {
        groupId: name,
        groupInstanceId: name,
        protocols: [{ name, metadata: Buffer.alloc(0) }],
      });
      world.clock.advance(3000);
      expect(join.answer).toMatchObject({ errorCode: 0, protocolName: name });
      expect(world.describe(5, [name]).answer?.groups[0]?.groupState).toBe("CompletingRebalance");
    }
  });
});

describe("SyncGroup", () => {
  async function completing(): Promise<{ world: GroupWorld; leader: string; follower: string }> {
    const world = await GroupWorld.start();
    const joins = [world.join(3, {}), world.join(3, {})];
    world.clock.advance(6000);
    const [leader, follower] = joins.map(({ answer }) => answer?.memberId) as [string, string];
    return { world, leader, follower };
  }

  it("gives everyone its part once the leader's is committed", async () => {
    const { world, leader, follower } = await completing();
    world.log.autoCommit = false;
    const waiting = world.sync(5, { memberId: follower });
    const assignments = [
      { memberId: follower, assignment: Buffer.from("follower's") },
      { memberId: leader, assignment: Buffer.from("leader's") },
      { memberId: "a stranger", assignment: Buffer.from("nobody's") },
    ];
    const leading = world.sync(5, { memberId: leader, assignments });
    expect([waiting.answer, leading.answer]).toEqual([undefined, undefined]);
    world.log.commit();
    expect([waiting.answer, leading.answer]).toMatchObject([
      { errorCode: 0, assignment: Buffer.from("follower's"), protocolType: "consumer", protocolName: "range" },
      { errorCode: 0, assignment: Buffer.from("leader's"), protocolType: "consumer", protocolName: "range" },
    ]);
    expect(world.sync(0, { memberId: follower }).answer?.assignment).toEqual(Buffer.from("follower's"));
  });

  it("B72: strangers are ignored, who is left out gets nothing", async () => {
    const { world, leader, follower } = await completing();
    const assignments = Array.from({ length: 1000 }, (_, i) => ({ memberId: `m${i}`, assignment: Buffer.from("x") }));
    expect(world.sync(3, { memberId: leader, assignments }).answer).toMatchObject({
      errorCode: 0,
      assignment: Buffer.alloc(0),
    });
    expect(world.sync(3, { memberId: follower }).answer).toMatchObject({ errorCode: 0, assignment: Buffer.alloc(0) });
  });

  it("B72: an assignment that no record can hold is refused, and everyone joins again", async () => {
    const { world, leader, follower } = await completing();
    const waiting = world.sync(3, { memberId: follower });
    const huge = [{ memberId: follower, assignment: Buffer.alloc(2 * 1024 * 1024) }];
    expect(world.sync(3, { memberId: leader, assignments: huge }).answer?.errorCode).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect([waiting.answer?.errorCode, world.group()?.state]).toEqual([
      ErrorCode.MESSAGE_TOO_LARGE,
      "PreparingRebalance",
    ]);
  });

  it("refuses strangers, other generations and other protocols", async () => {
    const { world, leader } = await completing();
    const code = (version: number, request: Parameters<GroupWorld["sync"]>[1]) =>
      world.sync(version, request).answer?.errorCode;
    expect(code(5, { memberId: NOBODY })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(code(5, { memberId: leader, groupId: "unknown" })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(code(5, { memberId: leader, groupId: "" })).toBe(ErrorCode.INVALID_GROUP_ID);
    expect(code(5, { memberId: leader, generationId: 2 })).toBe(ErrorCode.ILLEGAL_GENERATION);
    const wrong = [
      { protocolType: "connect" },
      { protocolName: "roundrobin" },
      { protocolType: null },
      { protocolName: null },
    ];
    expect(wrong.map((request) => code(5, { memberId: leader, ...request }))).toEqual(
      Array(4).fill(ErrorCode.INCONSISTENT_GROUP_PROTOCOL),
    );
    world.join(3, {});
    expect(code(5, { memberId: leader })).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  });

  it("when the log refuses the assignment all who wait are told, and everyone joins again", async () => {
    const { world, leader, follower } = await completing();
    const waiting = world.sync(3, { memberId: follower });
    const offset = world.log.logEndOffset;
    world.log.refusal = ErrorCode.NOT_ENOUGH_REPLICAS;
    const refused = world.sync(3, { memberId: leader });
    expect(refused.answer?.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect([waiting.answer?.errorCode, world.group()?.state, world.log.logEndOffset]).toEqual([
      ErrorCode.COORDINATOR_NOT_AVAILABLE,
      "PreparingRebalance",
      offset,
    ]);
    world.log.refusal = undefined;
    expect(world.sync(3, { memberId: leader }).answer?.errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
  });

  it("when the assignment is not committed in time everyone is told to look for the coordinator", async () => {
    const { world, leader, follower } = await completing();
    world.log.autoCommit = false;
    const syncs = [world.sync(3, { memberId: follower }), world.sync(3, { memberId: leader })];
    world.clock.advance(5000);
    expect(syncs.map(({ answer }) => answer?.errorCode)).toEqual(Array(2).fill(ErrorCode.COORDINATOR_NOT_AVAILABLE));
    world.log.commit();
    expect(world.sync(3, { memberId: follower }).answer?.errorCode).toBe(0);
  });
});

describe("Heartbeat", () => {
  it("B73: tells members how things stand, and strangers that they are", async () => {
    const world = await GroupWorld.start();
    const code = (request: Parameters<GroupWorld["heartbeat"]>[1]) => world.heartbeat(4, request).answer?.errorCode;
    expect(code({ memberId: NOBODY })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(code({ groupId: "" })).toBe(ErrorCode.INVALID_GROUP_ID);
    const join = world.join(3, {});
    world.clock.advance(3000);
    const memberId = join.answer?.memberId ?? "";
    expect([world.group()?.state, code({ memberId })]).toEqual(["CompletingRebalance", ErrorCode.NONE]);
    expect([0, 2, -1, 2 ** 31 - 1].map((generationId) => code({ memberId, generationId }))).toEqual(
      Array(4).fill(ErrorCode.ILLEGAL_GENERATION),
    );
    world.sync(3, { memberId });
    expect([world.group()?.state, code({ memberId })]).toEqual(["Stable", ErrorCode.NONE]);
    world.join(3, {});
    expect([world.group()?.state, code({ memberId })]).toEqual(["PreparingRebalance", ErrorCode.REBALANCE_IN_PROGRESS]);
    for (let i = 0; i < 1000; i++) expect(code({ memberId: `${NOBODY}${i}` })).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("keeps a member; without it the member is dropped after its session", async () => {
    const world = await GroupWorld.start();
    const [kept, lost] = world.stableGroup([null, null]) as [string, string];
    world.clock.advance(5000);
    world.heartbeat(3, { memberId: kept });
    world.clock.advance(4999);
    expect(world.group()?.state).toBe("Stable");
    world.clock.advance(1);
    expect(world.group()?.state).toBe("PreparingRebalance");
    expect([...(world.group()?.members.keys() ?? [])]).toEqual([kept]);
    expect(world.heartbeat(3, { memberId: lost }).answer?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("a commit is a sign of life too", async () => {
    const world = await GroupWorld.start();
    const [memberId] = world.stableGroup([null]) as [string];
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }];
    for (let i = 0; i < 5; i++) {
      world.clock.advance(8000);
      const commit = world.commit(5, { memberId, generationIdOrMemberEpoch: 1, topics: [{ name: "t1", partitions }] });
      expect(commit.answer?.topics[0]?.partitions[0]?.errorCode).toBe(0);
    }
    expect(world.group()?.state).toBe("Stable");
  });

  it("the last member's session ends with an empty group, in the log too", async () => {
    const world = await GroupWorld.start();
    world.stableGroup([null]);
    world.clock.advance(10_000);
    expect(world.group()).toMatchObject({ state: "Empty", generationId: 2, leaderId: null, protocolName: null });
    await world.failOver();
    expect(world.group()).toMatchObject({ state: "Empty", generationId: 2, protocolType: "consumer" });
  });

  it("when the log refuses that, it is tried again", async () => {
    const world = await GroupWorld.start();
    world.stableGroup([null]);
    world.log.refusal = ErrorCode.NOT_ENOUGH_REPLICAS;
    world.clock.advance(12_000);
    expect(world.group()?.state).toBe("Stable");
    world.log.refusal = undefined;
    world.clock.advance(500);
    expect(world.group()?.state).toBe("Empty");
  });

  it("R158: a coordinator that stood still drops nobody who speaks up", async () => {
    const world = await GroupWorld.start();
    const members = world.stableGroup(Array(20).fill(null));
    world.clock.stall(60_000);
    world.clock.advance(9999);
    for (const memberId of members) expect(world.heartbeat(3, { memberId }).answer?.errorCode).toBe(0);
    world.clock.advance(9999);
    expect([world.group()?.state, world.group()?.members.size]).toEqual(["Stable", 20]);
  });
});

describe("LeaveGroup", () => {
  it("one member, before version 3: its code is the answer's", async () => {
    for (let version = 0; version <= 2; version++) {
      const world = await GroupWorld.start();
      const [first] = world.stableGroup([null, null]) as [string];
      expect(world.leave(version, { memberId: NOBODY }).answer?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
      expect(world.leave(version, { groupId: "none", memberId: first }).answer?.errorCode).toBe(
        ErrorCode.UNKNOWN_MEMBER_ID,
      );
      expect(world.leave(version, { memberId: first }).answer?.errorCode).toBe(0);
      expect(world.group()).toMatchObject({ state: "PreparingRebalance" });
      expect(world.group()?.members.size).toBe(1);
    }
  });

  it("R159: several members, each with its own code, and one rebalance", async () => {
    for (let version = 3; version <= 5; version++) {
      const world = await GroupWorld.start();
      const [first, second, fixed] = world.stableGroup([null, null, "i1", "i2"]) as [string, string, string];
      const pending = world.join(5, {}).answer?.memberId ?? "";
      const members = [
        { memberId: first, groupInstanceId: null },
        { memberId: NOBODY, groupInstanceId: null },
        { memberId: pending, groupInstanceId: null },
        { memberId: second, groupInstanceId: "i1" },
        { memberId: second, groupInstanceId: "i9" },
        { memberId: "", groupInstanceId: "i1" },
        { memberId: "", groupInstanceId: "i1" },
        { memberId: "", groupInstanceId: null },
      ];
      const { answer } = world.leave(version, { members });
      expect(answer?.errorCode).toBe(0);
      expect(answer?.members.map(({ errorCode }) => errorCode)).toEqual([
        0,
        ErrorCode.UNKNOWN_MEMBER_ID,
        0,
        ErrorCode.FENCED_INSTANCE_ID,
        ErrorCode.UNKNOWN_MEMBER_ID,
        0,
        ErrorCode.UNKNOWN_MEMBER_ID,
        ErrorCode.UNKNOWN_MEMBER_ID,
      ]);
      expect(answer?.members.map(({ memberId }) => memberId)).toEqual(members.map(({ memberId }) => memberId));
      expect(world.group()?.members.has(fixed)).toBe(false);
      expect(world.group()).toMatchObject({ state: "PreparingRebalance" });
    }
  });

  it("nobody: fine; an unknown group: each member is unknown; no group: refused", async () => {
    const world = await GroupWorld.start();
    world.stableGroup([null]);
    expect(world.leave(5, { members: [] }).answer).toMatchObject({ errorCode: 0, members: [] });
    const members = [{ memberId: NOBODY, groupInstanceId: null }];
    expect(world.leave(5, { groupId: "none", members }).answer).toMatchObject({
      errorCode: 0,
      members: [{ memberId: NOBODY, errorCode: ErrorCode.UNKNOWN_MEMBER_ID }],
    });
    expect(world.leave(5, { groupId: "", members }).answer?.errorCode).toBe(ErrorCode.INVALID_GROUP_ID);
  });

  it("a member that waits is told, whatever it waits for", async () => {
    const world = await GroupWorld.start();
    const joins = [world.join(3, {}), world.join(3, {})];
    world.clock.advance(6000);
    const [, follower] = joins.map(({ answer }) => answer?.memberId) as [string, string];
    const sync = world.sync(3, { memberId: follower });
    world.leave(0, { memberId: follower });
    expect(sync.answer?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  });

  it("the last one out empties the group at once, and is told when that is committed", async () => {
    const world = await GroupWorld.start();
    const [memberId] = world.stableGroup([null]) as [string];
    world.log.autoCommit = false;
    const leave = world.leave(1, { memberId });
    expect([leave.answer, world.group()?.state]).toEqual([undefined, "Empty"]);
    expect(world.describe(5, ["g"]).answer?.groups[0]?.groupState).toBe("Stable");
    world.log.commit();
    expect(leave.answer?.errorCode).toBe(0);
    expect(world.describe(5, ["g"]).answer?.groups[0]?.groupState).toBe("Empty");
  });
});
