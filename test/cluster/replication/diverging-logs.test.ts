/** Logs that parted come together again: what the follower asks, what its leader says, where it cuts (KIP-101, KIP-279, KIP-595). */
import { afterEach, describe, expect, test } from "vitest";
import { fitTo } from "../../../cluster/replication/follower-fetch.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { valuesOf } from "../../storage/log/log-fixture.ts";
import { type Stretch, TwoLogs } from "./two-logs.ts";

let logs: TwoLogs;
afterEach(() => logs.close());

interface Case {
  readonly name: string;
  readonly follower: readonly Stretch[];
  readonly leader: readonly Stretch[];
  readonly leaderEpoch: number;
  /** What the follower asks first. */
  readonly asks: [number, number];
  readonly divergences: [number, number][];
  readonly cuts: number[];
}

const CASES: readonly Case[] = [
  {
    ...{ name: "R1: behind, in the same epoch", follower: [[1, 0, 1]], leader: [[1, 0, 3]], leaderEpoch: 2 },
    ...{ asks: [2, 1], divergences: [], cuts: [] },
  },
  {
    name: "R2: behind, in an epoch before the leader's last",
    ...{ follower: [[1, 0, 1]], leaderEpoch: 3 },
    leader: [
      [1, 0, 1],
      [2, 2, 3],
    ],
    ...{ asks: [2, 1], divergences: [], cuts: [] },
  },
  {
    ...{ name: "R3: ahead, in the same epoch", follower: [[1, 0, 3]], leader: [[1, 0, 1]], leaderEpoch: 2 },
    ...{ asks: [4, 1], divergences: [[1, 2]], cuts: [2] },
  },
  {
    name: "R4: ahead, in a higher epoch",
    follower: [
      [1, 0, 1],
      [2, 2, 3],
    ],
    ...{ leader: [[1, 0, 1]], leaderEpoch: 3 },
    ...{ asks: [4, 2], divergences: [[1, 2]], cuts: [2] },
  },
  {
    name: "R5: a fork",
    follower: [
      [1, 0, 1],
      [2, 2, 3],
    ],
    leader: [
      [1, 0, 1],
      [3, 2, 3],
    ],
    ...{ leaderEpoch: 4, asks: [4, 2], divergences: [[1, 2]], cuts: [2] },
  },
  {
    name: "R6: a fork whose common epoch ends earlier on the follower",
    follower: [
      [1, 0, 0],
      [2, 1, 2],
    ],
    ...{ leader: [[1, 0, 1]], leaderEpoch: 3 },
    ...{ asks: [3, 2], divergences: [[1, 2]], cuts: [1] },
  },
  {
    name: "R7: a fork without a common epoch",
    follower: [[2, 0, 0]],
    leader: [
      [1, 0, 0],
      [3, 1, 1],
    ],
    ...{ leaderEpoch: 4, asks: [1, 2], divergences: [[1, 1]], cuts: [0] },
  },
  {
    name: "R8: a fork that takes two rounds",
    follower: [
      [1, 0, 0],
      [2, 1, 1],
      [4, 2, 2],
      [5, 3, 3],
    ],
    leader: [
      [1, 0, 0],
      [3, 1, 1],
      [6, 2, 2],
    ],
    leaderEpoch: 7,
    asks: [4, 5],
    divergences: [
      [3, 2],
      [1, 1],
    ],
    cuts: [2, 1],
  },
];

describe("a follower whose log differs", () => {
  test.each(CASES)("$name", async ({ follower, leader, leaderEpoch, asks, divergences, cuts }) => {
    logs = new TwoLogs(follower, leader, leaderEpoch);
    await logs.settle();
    expect(logs.asked[0]).toEqual(asks);
    expect(logs.divergences).toEqual(divergences);
    expect(logs.cuts).toEqual(cuts);
    expect(await logs.isSame()).toBe(true);
    logs.append(["after"]);
    await logs.settle();
    expect((await valuesOf(logs.follower.log)).at(-1)).toBe(`after@${logs.leaderLog.logEndOffset - 1}`);
    expect(logs.follower.log.leaderEpochs).toEqual(logs.leaderLog.leaderEpochs);
  });

  test("R15: an epoch in which its old leader wrote nothing goes too, or it would ask about it for ever", async () => {
    logs = new TwoLogs([[1, 0, 1]], [[1, 0, 1]], 3);
    logs.follower.log.startLeaderEpoch(2);
    expect(await logs.round()).toBe("go-on");
    expect(logs.asked[0]).toEqual([2, 2]);
    expect(logs.divergences).toEqual([[1, 2]]);
    await logs.round();
    expect(logs.asked.at(-1)).toEqual([2, 1]);
    expect(logs.divergences).toHaveLength(1);
  });

  test("R17: the fetch that is answered with a divergence says nothing of how far the follower is", async () => {
    logs = new TwoLogs([[1, 0, 3]], [[1, 0, 1]], 2);
    logs.append(["a", "b", "c"]);
    await logs.round();
    const leader = logs.leader.broker.partitions.get("t", 0);
    expect(logs.divergences).toEqual([[1, 2]]);
    expect([leader?.leader?.follower(2)?.logEndOffset, leader?.log.highWatermark]).toEqual([-1, 0]);
    await logs.settle();
    await logs.round();
    expect(leader?.log.highWatermark).toBe(5);
  });

  test("R19: below the leader's start it is out of range, whatever the epochs say", async () => {
    logs = new TwoLogs([[2, 0, 1]], [[1, 0, 9]], 3);
    logs.leaderLog.setHighWatermark(10);
    logs.leaderLog.raiseLogStartOffset(5);
    expect(await logs.round()).toBe("out-of-range");
    expect(logs.errors).toEqual([ErrorCode.OFFSET_OUT_OF_RANGE]);
    expect([logs.divergences, logs.cuts]).toEqual([[], []]);
  });

  test("R19: a batch whose epoch the disk has changed to one that nobody led in is cut, and what follows it", async () => {
    logs = new TwoLogs(
      [
        [1, 0, 3],
        [99, 4, 5],
      ],
      [[1, 0, 9]],
      2,
    );
    expect(await logs.round()).toBe("out-of-range");
    expect(fitTo(logs.follower.partition, { logStartOffset: 0, logEndOffset: 10 })).toBe("go-on");
    expect(logs.follower.log.logEndOffset).toBe(4);
    expect(fitTo(logs.follower.partition, { logStartOffset: 0, logEndOffset: 10 })).toBe("back-off");
    await logs.settle();
    expect(await logs.isSame()).toBe(true);
  });

  test("R20: what is cut is cut before the high watermark of the same answer is taken", async () => {
    logs = new TwoLogs([[1, 0, 5]], [[1, 0, 1]], 2);
    logs.append(["a", "b"]);
    const answer = await logs.ask();
    logs.give({ ...answer, highWatermark: 4 });
    expect(logs.follower.log.logEndOffset).toBe(2);
    expect(logs.follower.highWatermark).toBeLessThanOrEqual(2);
  });

  test("R21: an answer of the epoch before cuts and appends nothing", async () => {
    logs = new TwoLogs([[1, 0, 3]], [[1, 0, 3]], 2);
    logs.append(["a", "b"]);
    const late = await logs.ask();
    expect(late.records?.length).toBeGreaterThan(0);
    logs.followIn(3);
    for (const answer of [late, { ...late, divergingEpoch: { epoch: 1, endOffset: 1 } }]) {
      expect(logs.give(answer)).not.toBe("stop");
      expect(logs.follower.log.logEndOffset).toBe(4);
    }
  });

  test("R22: an answer without records leaves the epoch of what was fetched last", async () => {
    logs = new TwoLogs([[1, 0, 1]], [[1, 0, 1]], 2);
    for (let round = 0; round < 3; round++) expect(await logs.round()).toBe("go-on");
    expect(logs.asked).toEqual([
      [2, 1],
      [2, 1],
      [2, 1],
    ]);
  });
});
