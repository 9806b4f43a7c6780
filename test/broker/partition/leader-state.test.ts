/** A leader's arithmetic: who is in sync, and how far everybody is. */
import { describe, expect, test } from "vitest";
import { InSyncReplicas } from "../../../broker/partition/in-sync-replicas.ts";
import { LeaderState, type ReplicaEligibility } from "../../../broker/partition/leader-state.ts";
import { partitionImage } from "../../support/fixed-broker.ts";

const LAG_MS = 30_000;
const ANYONE: ReplicaEligibility = { isEligible: () => true };
const NOBODY: ReplicaEligibility = { isEligible: () => false };

/** Broker 1 leads replicas 1 to 3 from offset `start` on, at time 0. */
function leading(inSyncReplicas: readonly number[], start = 0): LeaderState {
  return new LeaderState(1, partitionImage(0, [1, 2, 3], { inSyncReplicas }), start, 0);
}

function fetched(
  state: LeaderState,
  id: number,
  offset: number,
  leaderEnd: number,
  nowMs: number,
  brokerEpoch = 7,
): void {
  state.follower(id)?.fetched(offset, 0, brokerEpoch, leaderEnd, nowMs);
}

const candidate = (state: LeaderState, end: number, nowMs = 0, eligibility = ANYONE, minInSync = 1) =>
  state.highWatermarkCandidate(end, minInSync, nowMs, LAG_MS, eligibility);

describe("the high watermark", () => {
  test("is the least end of the in-sync replicas; who has not fetched yet has nothing", () => {
    const state = leading([1, 2, 3]);
    expect(candidate(state, 10)).toBe(-1);
    fetched(state, 2, 8, 10, 1);
    fetched(state, 3, 6, 10, 1);
    expect(candidate(state, 10)).toBe(6);
    fetched(state, 3, 10, 10, 2);
    expect(candidate(state, 10)).toBe(8);
    expect(candidate(leading([1]), 10)).toBe(10);
  });

  test("R35: stands still while the committed ISR is too small, which is never larger than the replicas", () => {
    const state = leading([1, 2]);
    fetched(state, 2, 10, 10, 0);
    expect(candidate(state, 10, 0, ANYONE, 2)).toBe(10);
    expect(candidate(state, 10, 0, ANYONE, 3)).toBeUndefined();
    const alone = new LeaderState(1, partitionImage(0, [1]), 0, 0);
    expect(candidate(alone, 10, 0, ANYONE, 3)).toBe(10);
  });

  test("R33: an ISR that grows counts at once, the larger one", () => {
    const state = leading([1, 2]);
    fetched(state, 2, 10, 10, 0);
    fetched(state, 3, 4, 10, 0);
    expect(candidate(state, 10)).toBe(10);
    state.inSync.proposal = state.inSync.expandedBy(3);
    expect(candidate(state, 10)).toBe(4);
    // Proposed is not committed: too small an ISR stays too small.
    expect(candidate(state, 10, 0, ANYONE, 3)).toBeUndefined();
  });

  test("R34: an ISR that shrinks counts only once the controller says so", () => {
    const state = leading([1, 2, 3]);
    fetched(state, 2, 10, 10, 0);
    fetched(state, 3, 4, 10, 0);
    const later = LAG_MS + 1;
    state.inSync.proposal = state.inSync.shrunkBy(new Set([3]));
    expect(candidate(state, 10, later)).toBe(4);
    state.inSync.committed = [1, 2];
    state.inSync.proposal = undefined;
    expect(candidate(state, 10, later)).toBe(10);
  });

  test("R41: waits for a replica that is caught up and may join, and for no other", () => {
    const state = leading([1]);
    fetched(state, 2, 10, 10, 1000);
    expect(candidate(state, 12, 1000)).toBe(10);
    expect(candidate(state, 12, 1000, NOBODY)).toBe(12);
    expect(candidate(state, 12, 1000 + LAG_MS)).toBe(10);
    expect(candidate(state, 12, 1001 + LAG_MS)).toBe(12);
  });

  test("does not wait for a replica that has not fetched, however short the time since the start", () => {
    const state = leading([1]);
    expect(candidate(state, 10, 5)).toBe(10);
    // Its first fetch is far behind: that it asks at all is not being caught up.
    fetched(state, 3, 2, 10, 6);
    expect(candidate(state, 10, 6)).toBe(10);
    // It was a member when the epoch began, and is none any more: nobody knows which of its incarnations will come.
    const dropped = leading([1, 2]);
    dropped.inSync.committed = [1];
    expect(candidate(dropped, 10, 5)).toBe(10);
  });
});

describe("who may join", () => {
  const mayJoin = (state: LeaderState, id: number, highWatermark: number, eligibility = ANYONE) => {
    const follower = state.follower(id);
    return follower !== undefined && state.mayJoin(follower, highWatermark, eligibility);
  };

  test("a replica that has what is committed", () => {
    const state = leading([1, 2]);
    expect(mayJoin(state, 3, 0)).toBe(false);
    fetched(state, 3, 4, 10, 0);
    expect(mayJoin(state, 3, 5)).toBe(false);
    expect(mayJoin(state, 3, 4)).toBe(true);
    expect(mayJoin(state, 2, 0)).toBe(false);
  });

  test("R31: a replica that has reached the start of the leader's epoch", () => {
    const state = leading([1, 2], 6);
    fetched(state, 3, 5, 10, 0);
    expect(mayJoin(state, 3, 2)).toBe(false);
    fetched(state, 3, 6, 10, 0);
    expect(mayJoin(state, 3, 2)).toBe(true);
  });

  test("R39, R40: a replica whose broker lives, in the incarnation that fetched; and nobody while a change is in flight", () => {
    const state = leading([1, 2]);
    fetched(state, 3, 10, 10, 0, 41);
    const alive: ReplicaEligibility = { isEligible: (id, brokerEpoch) => id === 3 && brokerEpoch === 41 };
    expect(mayJoin(state, 3, 10, alive)).toBe(true);
    expect(mayJoin(state, 3, 10, { isEligible: (_, brokerEpoch) => brokerEpoch === 42 })).toBe(false);
    state.inSync.proposal = state.inSync.shrunkBy(new Set([2]));
    expect(mayJoin(state, 3, 10, alive)).toBe(false);
  });
});

describe("who lags", () => {
  test("R48: a member that has not been caught up for too long", () => {
    const state = leading([1, 2, 3]);
    fetched(state, 2, 10, 10, 1000);
    fetched(state, 3, 4, 10, 1000);
    const lagging = (nowMs: number) => [...state.lagging(12, nowMs, LAG_MS)];
    expect(lagging(LAG_MS)).toEqual([]);
    expect(lagging(LAG_MS + 1)).toEqual([3]); // caught up as a member of the ISR at time 0, and never since
    expect(lagging(LAG_MS + 1000)).toEqual([3]);
    expect(lagging(LAG_MS + 1001)).toEqual([2, 3]);
    expect([...state.lagging(10, LAG_MS * 9, LAG_MS)]).toEqual([3]); // who has everything does not lag
  });

  test("a replica that asks for what was there when it asked before was caught up then", () => {
    const state = leading([1, 2]);
    for (let round = 1; round <= 5; round++) fetched(state, 2, 10 * (round - 1), 10 * round, 10_000 * round);
    // It never has all, but is one fetch behind: caught up when it asked before.
    expect(state.lagging(60, 40_000 + LAG_MS, LAG_MS).size).toBe(0);
    expect(state.lagging(60, 40_001 + LAG_MS, LAG_MS).size).toBe(1);
  });
});

describe("assignment", () => {
  test("R27: replicas that stay keep their progress; new ones begin anew, in the ISR with time to show up", () => {
    const state = leading([1, 2]);
    fetched(state, 2, 10, 10, 1000);
    state.assign(partitionImage(0, [1, 2, 4, 5], { inSyncReplicas: [1, 2, 4] }), 50_000);
    expect(state.follower(2)?.logEndOffset).toBe(10);
    expect(state.follower(3)).toBeUndefined();
    expect(state.follower(4)).toMatchObject({ logEndOffset: -1, lastCaughtUpMs: 50_000 });
    expect(state.follower(5)).toMatchObject({ logEndOffset: -1, lastCaughtUpMs: Number.NEGATIVE_INFINITY });
  });

  test("R38, R39: a restarted broker has nothing until it fetches again", () => {
    const state = leading([1, 2]);
    fetched(state, 2, 10, 10, 1000);
    fetched(state, 3, 10, 10, 1000);
    state.replicaRestarted(2, 8, 2000);
    state.replicaRestarted(3, 8, 2000);
    state.replicaRestarted(9, 8, 2000);
    expect(state.follower(2)).toMatchObject({ logEndOffset: -1, brokerEpoch: undefined, lastCaughtUpMs: 2000 });
    expect(state.follower(3)).toMatchObject({ logEndOffset: -1, lastCaughtUpMs: Number.NEGATIVE_INFINITY });
    expect(candidate(state, 10, 2000)).toBe(-1);
    fetched(state, 3, 0, 10, 2001); // it comes back empty: nobody waits for it
    fetched(state, 2, 10, 10, 2001);
    expect(candidate(state, 10, 2001)).toBe(10);
  });

  test("R38: a new incarnation may fetch before its registration is heard of here: that counts", () => {
    const state = leading([1, 2]);
    fetched(state, 2, 10, 10, 1000, 8);
    state.replicaRestarted(2, 8, 2000);
    expect(state.follower(2)).toMatchObject({ logEndOffset: 10, brokerEpoch: 8 });
    state.replicaRestarted(2, undefined, 2000); // unregistered
    expect(state.follower(2)).toMatchObject({ logEndOffset: -1, brokerEpoch: undefined });
  });
});

test("the maximal ISR is what a change may still turn out to be", () => {
  const inSync = new InSyncReplicas([1, 2]);
  expect(inSync.maximal).toEqual([1, 2]);
  inSync.proposal = inSync.expandedBy(3);
  expect([inSync.maximal, inSync.committed]).toEqual([
    [1, 2, 3],
    [1, 2],
  ]);
  inSync.proposal = inSync.shrunkBy(new Set([2]));
  expect([inSync.maximal, inSync.proposal.replicas]).toEqual([[1, 2], [1]]);
});
