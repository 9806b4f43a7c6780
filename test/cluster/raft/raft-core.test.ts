/** The quorum's state machine, step by step, without a log or a network. */
import { describe, expect, test } from "vitest";
import { RaftCore, type RaftInput, type ReplicaKey } from "../../../cluster/raft/raft-core.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";

function key(id: number): ReplicaKey {
  return { id, directoryId: ZERO_UUID };
}

function started(changes: Partial<Extract<RaftInput, { type: "started" }>> = {}): RaftInput {
  return { type: "started", voters: [key(1)], stored: undefined, logEpoch: 0, nowMs: 0, ...changes };
}

function fetched(id: number, fetchOffset: number, nowMs = 0): RaftInput {
  return { type: "fetched", replica: key(id), fetchOffset, nowMs, wallMs: 1000 + nowMs };
}

/** Leader of epoch 1 whose epoch starts at offset 0. */
function leader(): RaftCore {
  const core = new RaftCore({ nodeId: 1, fetchTimeoutMs: 2000 });
  core.step(started());
  core.step({ type: "epochStarted", offset: 0 });
  return core;
}

describe("a voter that is alone", () => {
  test("R69: it elects itself: what it must not forget comes first, then the start of the epoch", () => {
    const core = new RaftCore({ nodeId: 1, fetchTimeoutMs: 2000 });
    expect(core.step(started())).toEqual({
      persist: { leaderId: 1, leaderEpoch: 1, votedId: -1 },
      startEpoch: 1,
      send: [],
      apply: undefined,
    });
    expect(core).toMatchObject({ role: "leader", leaderId: 1, leaderEpoch: 1, highWatermark: -1 });
  });

  test("each start is a new epoch, above both the file and the log", () => {
    for (const [fileEpoch, logEpoch] of [
      [7, 3],
      [3, 7],
    ] as const) {
      const core = new RaftCore({ nodeId: 1, fetchTimeoutMs: 2000 });
      const stored = { leaderId: 1, leaderEpoch: fileEpoch, votedId: -1 };
      expect(core.step(started({ stored, logEpoch })).startEpoch).toBe(8);
    }
  });

  test("R68: nothing is committed before the start of the epoch is, whatever is older and on the device", () => {
    const core = new RaftCore({ nodeId: 1, fetchTimeoutMs: 2000 });
    core.step({ type: "appended", endOffset: 10 });
    core.step({ type: "synced", endOffset: 10 });
    core.step(started({ logEpoch: 3 }));
    core.step({ type: "epochStarted", offset: 10 });
    expect(core.step({ type: "appended", endOffset: 11 }).apply).toBeUndefined();
    expect(core.step({ type: "synced", endOffset: 10 }).apply).toBeUndefined();
    expect(core.step({ type: "synced", endOffset: 11 }).apply).toBe(11);
    expect(core.highWatermark).toBe(11);
  });

  test("committed is what is on the device, and never goes back", () => {
    const core = leader();
    core.step({ type: "appended", endOffset: 5 });
    expect(core.step({ type: "synced", endOffset: 3 }).apply).toBe(3);
    expect(core.step({ type: "synced", endOffset: 2 }).apply).toBeUndefined();
    expect(core.step({ type: "synced", endOffset: 5 }).apply).toBe(5);
    expect(core.highWatermark).toBe(5);
  });

  test("observers that fetch commit nothing; they are shown while they come, with when they were last up to date", () => {
    const core = leader();
    core.step({ type: "appended", endOffset: 5 });
    expect(core.step(fetched(2, 3, 10)).apply).toBeUndefined();
    core.step(fetched(3, 5, 20));
    core.step(fetched(-1, 5, 20));
    core.step(fetched(1, 5, 20));
    core.step({ type: "appended", endOffset: 9 });
    // Up to date with what there was when it last came.
    core.step(fetched(3, 5, 40));
    const { voters, observers } = core.progress(50, 1050);
    expect(voters).toMatchObject([{ key: { id: 1 }, endOffset: 9, lastCaughtUpWallMs: 1050, lastFetchWallMs: 1050 }]);
    expect(observers).toMatchObject([
      { key: { id: 2 }, endOffset: 3, lastFetchWallMs: 1010, lastCaughtUpWallMs: -1 },
      { key: { id: 3 }, endOffset: 5, lastFetchWallMs: 1040, lastCaughtUpWallMs: 1020 },
    ]);
    expect(core.progress(300_010, 0).observers.map(({ key: { id } }) => id)).toEqual([3]);
  });

  test("ids from outside do not fill the memory", () => {
    const core = leader();
    for (let id = 2; id < 30_000; id++) {
      core.step(fetched(id, 0, id));
      core.step(fetched(2, 0, id));
    }
    expect(core.progress(30_000, 30_000).observers[0]?.key.id).toBe(2);
    expect(core.progress(30_000, 30_000).observers.length).toBe(1000);
  });

  test("nobody takes leadership from it", () => {
    const core = leader();
    core.step({ type: "leaderLearned", leaderId: 2, leaderEpoch: 9, nowMs: 0 });
    expect(core).toMatchObject({ role: "leader", leaderEpoch: 1 });
  });
});

test("of several voters a majority decides what is committed", () => {
  const core = leader();
  core.voters = [key(1), key(2), key(3)];
  core.step({ type: "appended", endOffset: 5 });
  expect(core.step({ type: "synced", endOffset: 5 }).apply).toBeUndefined();
  expect(core.step(fetched(2, 3)).apply).toBe(3);
  expect(core.step(fetched(3, 4)).apply).toBe(4);
  expect(core.step(fetched(9, 5)).apply).toBeUndefined();
  expect(core.step(fetched(3, 5)).apply).toBe(5);
});

describe("an observer", () => {
  function observer(stored?: { leaderId: number; leaderEpoch: number; votedId: number }, logEpoch = 0) {
    const core = new RaftCore({ nodeId: 5, fetchTimeoutMs: 2000 });
    return { core, output: core.step(started({ voters: [], stored, logEpoch })) };
  }

  test("looks for the leader, or goes to the one it knew", () => {
    expect(observer().output.send).toEqual([{ type: "findLeader" }]);
    const known = { leaderId: 1, leaderEpoch: 4, votedId: -1 };
    expect(observer(known, 4).output.send).toEqual([{ type: "fetchFromLeader", leaderId: 1 }]);
    // A newer epoch in the log: that leader leads no more.
    expect(observer(known, 5).output.send).toEqual([{ type: "findLeader" }]);
  });

  test("learns leaders of newer epochs only, and keeps them", () => {
    const { core } = observer();
    const learn = (leaderId: number, leaderEpoch: number) =>
      core.step({ type: "leaderLearned", leaderId, leaderEpoch, nowMs: 0 });
    expect(learn(1, 3)).toMatchObject({
      persist: { leaderId: 1, leaderEpoch: 3, votedId: -1 },
      send: [{ type: "fetchFromLeader", leaderId: 1 }],
    });
    expect(learn(1, 3)).toMatchObject({ persist: undefined, send: [] });
    expect(learn(2, 2)).toMatchObject({ persist: undefined, send: [] });
    expect(learn(-1, 3)).toMatchObject({ persist: undefined, send: [] });
    expect(core.leaderId).toBe(1);
    expect(learn(-1, 4)).toMatchObject({ persist: { leaderId: -1, leaderEpoch: 4 }, send: [{ type: "findLeader" }] });
    expect(learn(2, 4)).toMatchObject({ persist: { leaderId: 2, leaderEpoch: 4 } });
  });

  test("applies what the leader has committed and what is here, whichever is less", () => {
    const { core } = observer();
    core.step({ type: "leaderLearned", leaderId: 1, leaderEpoch: 1, nowMs: 0 });
    core.step({ type: "appended", endOffset: 5 });
    const answer = (highWatermark: number) => core.step({ type: "leaderAnswered", highWatermark, nowMs: 0 }).apply;
    expect(answer(3)).toBe(3);
    expect(answer(9)).toBe(5);
    expect(answer(2)).toBeUndefined();
    core.step({ type: "appended", endOffset: 9 });
    expect(answer(9)).toBe(9);
  });

  test("without an answer for controller.quorum.fetch.timeout.ms it looks for the leader anew", () => {
    const { core } = observer();
    core.step({ type: "leaderLearned", leaderId: 1, leaderEpoch: 1, nowMs: 0 });
    const tick = (nowMs: number) => core.step({ type: "tick", nowMs }).send;
    expect(tick(1999)).toEqual([]);
    core.step({ type: "leaderAnswered", highWatermark: 0, nowMs: 1999 });
    expect(tick(3998)).toEqual([]);
    expect(tick(3999)).toEqual([{ type: "findLeader" }]);
    expect(tick(4000)).toEqual([]);
  });
});
