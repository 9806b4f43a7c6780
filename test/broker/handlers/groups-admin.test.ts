/** Groups seen from outside: what is committed is told, and nothing waits. */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { clusterImage, GroupWorld, OFFSETS_TOPIC, subscription, topicImage } from "../groups/group-world.ts";
import { MemoryCoordinatorLog } from "../state-machine/memory-coordinator-log.ts";

const NOT_ASKED = -0x80000000;

describe("DescribeGroups", () => {
  it("tells of a stable group everything, at every version", async () => {
    const world = await GroupWorld.start();
    const [leader, fixed] = world.stableGroup([null, "i1"]) as [string, string];
    for (let version = 0; version <= 6; version++) {
      const group = world.describe(version, ["g"], true).answer?.groups[0];
      expect(group).toMatchObject({
        errorCode: 0,
        groupId: "g",
        groupState: "Stable",
        protocolType: "consumer",
        protocolData: "range",
        authorizedOperations: version >= 3 ? 3400 : NOT_ASKED,
      });
      const members = [...(group?.members ?? [])].sort((a, b) =>
        a.memberId === leader ? -1 : b.memberId === leader ? 1 : 0,
      );
      expect(members).toEqual(
        [leader, fixed].map((memberId, i) => ({
          memberId,
          groupInstanceId: version >= 4 && i === 1 ? "i1" : null,
          clientId: "client",
          clientHost: "/127.0.0.1",
          memberMetadata: subscription("t1"),
          memberAssignment: Buffer.from([i]),
        })),
      );
    }
  });

  it("tells no metadata while no protocol is chosen, and no operations unless asked", async () => {
    const world = await GroupWorld.start();
    const [memberId] = world.stableGroup([null]) as [string];
    world.join(5, { memberId });
    world.join(3, {});
    const group = world.describe(6, ["g"]).answer?.groups[0];
    expect(group).toMatchObject({
      groupState: "PreparingRebalance",
      protocolData: "",
      authorizedOperations: NOT_ASKED,
    });
    expect(group?.members.map(({ memberMetadata }) => memberMetadata.length)).toEqual([0, 0]);
  });

  it("tells of groups there are not: dead before version 6, then not found", async () => {
    const world = await GroupWorld.start();
    for (let version = 0; version <= 6; version++) {
      const groups = world.describe(version, ["gnone", "", "__proto__"], true).answer?.groups ?? [];
      expect(groups.map(({ groupId }) => groupId)).toEqual(["gnone", "", "__proto__"]);
      expect(groups[0]).toMatchObject({
        errorCode: version >= 6 ? ErrorCode.GROUP_ID_NOT_FOUND : 0,
        errorMessage: version >= 6 ? "Group gnone not found." : null,
        groupState: "Dead",
        members: [],
      });
    }
  });

  it("B89: a hundred thousand of them", async () => {
    const world = await GroupWorld.start();
    const ids = Array.from({ length: 100_000 }, (_, i) => `g${i}`);
    expect(world.describe(6, ids).answer?.groups).toHaveLength(100_000);
  });

  it("is not for brokers that do not coordinate the group", async () => {
    const world = new GroupWorld();
    expect(world.describe(6, ["g"]).answer?.groups[0]).toMatchObject({
      errorCode: ErrorCode.NOT_COORDINATOR,
      groupState: "",
    });
  });

  it("never waits for a write that is stuck: it tells what is committed", async () => {
    const world = await GroupWorld.start();
    const [memberId] = world.stableGroup([null]) as [string];
    world.log.autoCommit = false;
    world.leave(1, { memberId });
    expect(world.group()?.state).toBe("Empty");
    expect(world.describe(6, ["g"]).answer?.groups[0]?.groupState).toBe("Stable");
    world.log.commit();
    expect(world.describe(6, ["g"]).answer?.groups[0]?.groupState).toBe("Empty");
  });
});

describe("ListGroups", () => {
  it("lists the groups of all partitions led here, filtered by state and type", async () => {
    const world = await GroupWorld.start();
    world.image = clusterImage([
      topicImage(OFFSETS_TOPIC, "AAAAAAAAAAAAAAAAAAAA_A", 2),
      topicImage("t1", "AAAAAAAAAAAAAAAAAAAA_Q", 4),
    ]);
    world.groups.lead(1, 1, new MemoryCoordinatorLog());
    await world.settle();
    world.stableGroup([null], "a");
    world.join(3, { groupId: "b" });
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }];
    world.commit(9, { groupId: "c", topics: [{ name: "t1", partitions }] });
    expect(new Set(["a", "b", "c"].map((id) => world.groups.partitionOf(id)))).toEqual(new Set([0, 1]));
    const listed = (request: Parameters<GroupWorld["list"]>[1]) =>
      world
        .list(5, request)
        .answer?.groups.map((g) => [g.groupId, g.protocolType, g.groupState, g.groupType])
        .sort();
    const a = ["a", "consumer", "Stable", "classic"];
    const b = ["b", "consumer", "PreparingRebalance", "classic"];
    const c = ["c", "", "Empty", "classic"];
    expect(listed({})).toEqual([a, b, c]);
    expect(listed({ statesFilter: ["stable", " PREPARINGREBALANCE "] })).toEqual([a, b]);
    expect(listed({ statesFilter: ["nonsense"] })).toEqual([]);
    expect(listed({ typesFilter: ["Classic"] })).toEqual([a, b, c]);
    expect(listed({ typesFilter: ["consumer", "nonsense"] })).toEqual([]);
    expect(listed({ typesFilter: ["classic"], statesFilter: ["Empty"] })).toEqual([c]);
    for (let version = 0; version <= 5; version++) {
      expect(
        world
          .list(version)
          .answer?.groups.map(({ groupId }) => groupId)
          .sort(),
      ).toEqual(["a", "b", "c"]);
    }
  });

  it("is empty where nothing is led, and an error while something is loaded", async () => {
    const world = new GroupWorld();
    expect(world.list(5).answer).toMatchObject({ errorCode: 0, groups: [] });
    world.log.write(Buffer.from(await emptyGroupBatch()));
    world.log.slowReads = true;
    const loading = world.lead();
    expect(world.list(5).answer).toMatchObject({ errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, groups: [] });
    await loading;
    expect(world.list(5).answer?.groups).toHaveLength(1);
  });
});

async function emptyGroupBatch(): Promise<Buffer> {
  const world = await GroupWorld.start();
  world.join(5, {});
  const [batch] = [...world.log.written()];
  return Buffer.from(batch?.bytes ?? []);
}

describe("DeleteGroups", () => {
  it("R159: deletes groups that are empty, with their offsets, and says why it does not delete others", async () => {
    const world = await GroupWorld.start();
    world.stableGroup([null], "full");
    world.join(5, { groupId: "pending" });
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }];
    for (const groupId of ["a", ""]) world.commit(9, { groupId, topics: [{ name: "t1", partitions }] });
    const { answer } = world.deleteGroups(["a", "full", "none", "a", "pending", ""]);
    expect(answer?.results).toEqual([
      { groupId: "a", errorCode: 0 },
      { groupId: "full", errorCode: ErrorCode.NON_EMPTY_GROUP },
      { groupId: "none", errorCode: ErrorCode.GROUP_ID_NOT_FOUND },
      { groupId: "pending", errorCode: 0 },
      { groupId: "", errorCode: 0 },
    ]);
    await world.failOver();
    expect(world.list(5).answer?.groups.map(({ groupId }) => groupId)).toEqual(["full"]);
    const fetched = world.fetch(9, { groups: [{ groupId: "a", topics: null }] }).answer?.groups[0];
    expect(fetched).toMatchObject({ errorCode: 0, topics: [] });
  });

  it("is answered by each group's coordinator", async () => {
    const world = new GroupWorld();
    expect(world.deleteGroups(["a", "b"]).answer?.results).toEqual(
      ["a", "b"].map((groupId) => ({ groupId, errorCode: ErrorCode.NOT_COORDINATOR })),
    );
    expect(world.deleteGroups([]).answer?.results).toEqual([]);
  });

  it("a group that is deleted can be made again", async () => {
    const world = await GroupWorld.start();
    const [memberId] = world.stableGroup([null]) as [string];
    world.leave(1, { memberId });
    expect(world.deleteGroups(["g"]).answer?.results).toEqual([{ groupId: "g", errorCode: 0 }]);
    world.stableGroup([null]);
    await world.failOver();
    expect(world.group()).toMatchObject({ state: "Stable", generationId: 1 });
  });
});
