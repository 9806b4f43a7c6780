/** Decisions about classic groups are pure: a group and a request in, data out, and the group stays as it was. */
import { describe, expect, it } from "vitest";
import type { ClassicGroup } from "../../../../broker/groups/classic/classic-group.ts";
import { decideDeadline } from "../../../../broker/groups/classic/deadlines.ts";
import { decideHeartbeat } from "../../../../broker/groups/classic/heartbeat.ts";
import { decideJoin } from "../../../../broker/groups/classic/join.ts";
import { decideLeave } from "../../../../broker/groups/classic/leave.ts";
import { decideSync } from "../../../../broker/groups/classic/sync.ts";
import type { GroupDecision } from "../../../../broker/groups/group-decision.ts";
import { PersistentMap } from "../../../../broker/state-machine/persistent-map.ts";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { subscription } from "../group-world.ts";
import { group, joinReply, NOW_MS, syncReply } from "./group-literal.ts";

const RULES = { initialRebalanceDelayMs: 3000, maxGroupSize: 100, maxMemberBytes: 1_000_000 };

/** The group a decision makes, whether or not a record says so. */
function next(decision: GroupDecision<unknown>): ClassicGroup {
  return (decision.changes?.[0]?.group ?? decision.records?.[0]?.memory) as ClassicGroup;
}

function joining(memberId: string, groupInstanceId: string | null = null) {
  return {
    groupId: "g",
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    memberId,
    groupInstanceId,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: subscription("t1") }],
    reason: null,
  };
}

function client(apiVersion: number, newMemberId = "new") {
  return { clientId: "client", clientHost: "/127.0.0.1", apiVersion, newMemberId, reply: joinReply() };
}

describe("join", () => {
  it("into nothing: a group that is written empty, and a member that waits in memory", () => {
    const who = client(3);
    const decision = decideJoin(undefined, joining(""), who, RULES, NOW_MS);
    expect(decision.response).toBeUndefined();
    expect(decision.records?.map(({ value }) => value)).toEqual([
      { protocolType: "", generation: 0, protocol: null, leader: null, currentStateTimestamp: NOW_MS, members: [] },
    ]);
    const made = next(decision);
    expect(made).toMatchObject({
      state: "PreparingRebalance",
      leaderId: "new",
      joinedCount: 1,
      initialRebalance: true,
    });
    expect(made.members.get("new")).toMatchObject({ isNew: true, join: who.reply });
    expect(
      decision.timers?.map((timer) => ("event" in timer ? [timer.event.kind, timer.delayMs, timer.liveness] : timer)),
    ).toEqual([
      ["session", 300_000, true],
      ["initialJoin", 3000, undefined],
    ]);
  });

  it("leaves the group it was asked about as it was", () => {
    const before = group("Stable", [{ memberId: "a" }, { memberId: "b" }]);
    const members = [...before.members.entries()];
    const decision = decideJoin(before, joining("a"), client(5), RULES, NOW_MS);
    expect(next(decision)).toMatchObject({ state: "PreparingRebalance", joinedCount: 1 });
    expect([before.state, before.joinedCount, [...before.members.entries()]]).toEqual(["Stable", 0, members]);
  });

  it("the last to come ends the join phase, and all are answered, the leader first", () => {
    const [first, second, last] = [joinReply(), joinReply(), client(5)];
    const before = group(
      "PreparingRebalance",
      [{ memberId: "b", join: second }, { memberId: "a", join: first }, { memberId: "c" }],
      { leaderId: "b" },
    );
    const decision = decideJoin(before, joining("c"), last, RULES, NOW_MS);
    expect(decision.answers?.map(({ reply }) => reply)).toEqual([second, first, last.reply]);
    expect(decision.answers?.map(({ response }) => (response as { members: unknown[] }).members.length)).toEqual([
      3, 0, 0,
    ]);
    expect(next(decision)).toMatchObject({
      state: "CompletingRebalance",
      generationId: 4,
      joinedCount: 0,
      stateTimestampMs: NOW_MS,
    });
    expect([...next(decision).pendingSyncs.keys()]).toEqual(["a", "b", "c"]);
    expect(decision.records).toBeUndefined();
  });

  it("a static member's return is one record, and its answer waits for it", () => {
    const before = group("Stable", [{ memberId: "a", groupInstanceId: "i", assignment: Buffer.from("part") }]);
    const decision = decideJoin(before, joining("", "i"), client(9, "i-2"), RULES, NOW_MS);
    expect(decision.response).toMatchObject({ errorCode: 0, generationId: 3, leader: "i-2", skipAssignment: true });
    expect(decision.records).toMatchObject([
      {
        value: { leader: "i-2", members: [{ memberId: "i-2", groupInstanceId: "i", assignment: Buffer.from("part") }] },
      },
    ]);
    expect(next(decision).members.get("i-2")).toMatchObject({ join: undefined, assignment: Buffer.from("part") });
  });

  it("a member that syncs late is waited for under its new id", () => {
    const before = group("Stable", [{ memberId: "a" }, { memberId: "old", groupInstanceId: "i" }], {
      pendingSyncs: PersistentMap.of([["old", true]]),
    });
    const made = next(decideJoin(before, joining("", "i"), client(5, "i-2"), RULES, NOW_MS));
    expect([...made.pendingSyncs.keys()]).toEqual(["i-2"]);
  });
});

describe("what no record can hold", () => {
  // As bytes that are no UTF-8 come in: one replacement character each.
  const long = "\ufffd".repeat(20_000);

  it("B18, B71: is refused by name, or cut where only people read it", () => {
    const code = (request: object) =>
      decideJoin(undefined, { ...joining(""), ...request }, client(3), RULES, NOW_MS).response?.errorCode;
    expect(code({ groupId: long })).toBe(ErrorCode.INVALID_GROUP_ID);
    expect(code({ groupInstanceId: long })).toBe(ErrorCode.INVALID_REQUEST);
    expect(code({ protocolType: long })).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect(code({ protocols: [{ name: long, metadata: Buffer.alloc(0) }] })).toBe(
      ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    );
    const made = next(decideJoin(undefined, joining(""), { ...client(3), clientId: long }, RULES, NOW_MS));
    const [stored] = [...made.members.values()];
    expect(Buffer.byteLength(stored?.clientId ?? "")).toBeLessThanOrEqual(32_767);
  });
});

describe("sync", () => {
  const sync = (memberId: string, assignments: { memberId: string; assignment: Buffer }[] = []) => ({
    groupId: "g",
    generationId: 3,
    memberId,
    groupInstanceId: null,
    protocolType: null,
    protocolName: null,
    assignments,
  });

  it("of a follower parks it", () => {
    const before = group("CompletingRebalance", [{ memberId: "a" }, { memberId: "b" }], {
      pendingSyncs: PersistentMap.of([["a", true] as const, ["b", true] as const]),
    });
    const reply = syncReply();
    const decision = decideSync(before, sync("b"), reply, NOW_MS);
    expect([decision.response, decision.records, decision.answers]).toEqual([undefined, undefined, []]);
    expect(next(decision).members.get("b")?.sync).toBe(reply);
    expect([...next(decision).pendingSyncs.keys()]).toEqual(["a"]);
  });

  it("of the leader is one record with everyone's part, and the answers of all who wait", () => {
    const waiting = syncReply();
    const before = group(
      "CompletingRebalance",
      [{ memberId: "a" }, { memberId: "b", sync: waiting }, { memberId: "c" }],
      {
        stateTimestampMs: 77,
      },
    );
    const reply = syncReply();
    const decision = decideSync(before, sync("a", [{ memberId: "b", assignment: Buffer.from("b's") }]), reply, NOW_MS);
    const value = decision.records?.[0]?.value as { members: { memberId: string; assignment: Buffer }[] };
    expect(value).toMatchObject({
      protocolType: "consumer",
      generation: 3,
      protocol: "range",
      leader: "a",
      currentStateTimestamp: 77,
    });
    expect(value.members.map((m) => [m.memberId, m.assignment.toString()])).toEqual([
      ["a", ""],
      ["b", "b's"],
      ["c", ""],
    ]);
    expect(
      decision.answers?.map((a) => [a.reply, (a.response as { assignment: Buffer }).assignment.toString()]),
    ).toEqual([
      [reply, ""],
      [waiting, "b's"],
    ]);
    expect(next(decision)).toMatchObject({ state: "Stable", stateTimestampMs: NOW_MS });
  });
});

describe("leave", () => {
  it("the last one out empties the group, and that is a record", () => {
    const before = group("Stable", [{ memberId: "a" }]);
    const decision = decideLeave(before, [{ memberId: "a", groupInstanceId: null }], 3000, NOW_MS);
    expect(decision.response).toEqual([{ memberId: "a", groupInstanceId: null, errorCode: 0 }]);
    expect(decision.records).toMatchObject([
      {
        value: {
          protocolType: "consumer",
          generation: 4,
          protocol: null,
          leader: null,
          members: [],
          currentStateTimestamp: NOW_MS,
        },
      },
    ]);
    expect(next(decision)).toMatchObject({ state: "Empty", leaderId: null, subscribedTopics: new Set() });
  });

  it("who waits for nothing changes nothing", () => {
    const before = group("Stable", [{ memberId: "a" }]);
    expect(decideLeave(before, [{ memberId: "x", groupInstanceId: null }], 3000, NOW_MS)).toEqual({
      response: [{ memberId: "x", groupInstanceId: null, errorCode: ErrorCode.UNKNOWN_MEMBER_ID }],
    });
  });
});

describe("heartbeat", () => {
  it("moves a deadline and changes nothing else", () => {
    const before = group("Stable", [{ memberId: "a", sessionTimeoutMs: 12_345 }]);
    const request = { groupId: "g", generationId: 3, memberId: "a", groupInstanceId: null };
    const decision = decideHeartbeat(before, request);
    expect(Object.keys(decision).sort()).toEqual(["response", "timers"]);
    expect(decision.timers).toMatchObject([
      { delayMs: 12_345, liveness: true, event: { kind: "session", memberId: "a" } },
    ]);
  });
});

describe("deadlines", () => {
  const session = (memberId: string) => ({ kind: "session", groupId: "g", memberId }) as const;

  it("of nobody, or of a group that is gone, mean nothing", () => {
    const before = group("Stable", [{ memberId: "a" }]);
    expect(decideDeadline(undefined, session("a"), 3000, NOW_MS)).toEqual({});
    expect(decideDeadline(before, session("x"), 3000, NOW_MS)).toEqual({});
    expect(decideDeadline(before, { kind: "join", groupId: "g" }, 3000, NOW_MS)).toEqual({});
    expect(decideDeadline(before, { kind: "sync", groupId: "g", generationId: 2 }, 3000, NOW_MS)).toEqual({});
    expect(decideDeadline(before, { kind: "sync", groupId: "g", generationId: 3 }, 3000, NOW_MS)).toEqual({});
  });

  it("do not end the session of a member whose request waits here, unless it is new (KAFKA-9752)", () => {
    const before = group("PreparingRebalance", [
      { memberId: "a", join: joinReply() },
      { memberId: "b", join: joinReply(), isNew: true },
      { memberId: "c" },
    ]);
    expect(decideDeadline(before, session("a"), 3000, NOW_MS)).toEqual({});
    const decision = decideDeadline(before, session("b"), 3000, NOW_MS);
    expect(decision.answers).toMatchObject([{ response: { errorCode: ErrorCode.UNKNOWN_MEMBER_ID } }]);
    expect(next(decision).joinedCount).toBe(1);
    // The last one that was missing is gone: the phase ends.
    expect(next(decideDeadline(before, session("c"), 3000, NOW_MS))).toMatchObject({
      state: "CompletingRebalance",
      generationId: 4,
    });
  });

  it("with only static members left, none of whom joined, give them until their sessions end", () => {
    const before = group("PreparingRebalance", [{ memberId: "a", groupInstanceId: "i" }, { memberId: "b" }]);
    const decision = decideDeadline(before, { kind: "join", groupId: "g" }, 3000, NOW_MS);
    expect(next(decision)).toMatchObject({ state: "PreparingRebalance", generationId: 3 });
    expect([...next(decision).members.keys()]).toEqual(["a"]);
    expect(decision.timers?.at(-1)).toMatchObject({ delayMs: 60_000, event: { kind: "join" } });
  });
});
