/** The rules by which logs that parted find where (KIP-101, KIP-279), on histories alone and through a log. */
import { describe, expect, it } from "vitest";
import { LeaderEpochs } from "../../../storage/log/leader-epochs.ts";
import { append, batchOf, openLog, reopenAfterClose, reopenAfterKill, surroundings, valuesOf } from "./log-fixture.ts";

const history = (...entries: [leaderEpoch: number, startOffset: number][]) =>
  new LeaderEpochs(entries.map(([leaderEpoch, startOffset]) => ({ leaderEpoch, startOffset })));

/**
 * What a follower does with its leader's answer until both agree (KIP-595): returns the offsets it cuts to, in turn.
 * @param end of the follower's log.
 */
function reconcile(follower: LeaderEpochs, end: number, leader: LeaderEpochs, leaderEnd: number): number[] {
  const cuts: number[] = [];
  for (let round = 0; round < 10; round++) {
    const lastFetched = follower.latestEpoch;
    if (lastFetched < 0) return cuts;
    const answer = leader.endOffsetFor(lastFetched, leaderEnd);
    if (answer.leaderEpoch === lastFetched && answer.endOffset >= end) return cuts;
    const own = follower.endOffsetFor(answer.leaderEpoch, end);
    end = Math.min(answer.endOffset, own.endOffset < 0 ? answer.endOffset : own.endOffset, end);
    cuts.push(end);
    follower.truncateFromEnd(end);
  }
  throw new Error("they do not agree");
}

describe("logs that parted", () => {
  it("R1: behind in the same epoch, nothing is cut", () => {
    expect(reconcile(history([1, 0]), 2, history([1, 0], [2, 4]), 4)).toEqual([]);
  });

  it("R2: behind a newer epoch, nothing is cut", () => {
    expect(reconcile(history([1, 0]), 2, history([1, 0], [2, 2], [3, 4]), 4)).toEqual([]);
  });

  it("R3: ahead in the same epoch, what is ahead is cut", () => {
    expect(reconcile(history([1, 0]), 4, history([1, 0], [2, 2]), 2)).toEqual([2]);
  });

  it("R4: ahead with a higher epoch, that epoch is cut", () => {
    expect(reconcile(history([1, 0], [2, 2]), 4, history([1, 0], [3, 2]), 2)).toEqual([2]);
  });

  it("R5: a fork is cut where the common epoch ends", () => {
    expect(reconcile(history([1, 0], [2, 2]), 4, history([1, 0], [3, 2], [4, 4]), 4)).toEqual([2]);
  });

  it("R6: a fork whose common epoch ends earlier here is cut here", () => {
    expect(reconcile(history([1, 0], [2, 1]), 3, history([1, 0], [3, 2]), 2)).toEqual([1]);
  });

  it("R7: a fork without a common epoch is cut whole", () => {
    expect(reconcile(history([2, 0]), 1, history([1, 0], [3, 1], [4, 2]), 2)).toEqual([0]);
  });

  it("R8: several rounds, never below the common part", () => {
    const follower = history([1, 0], [2, 1], [4, 2], [5, 3]);
    expect(reconcile(follower, 4, history([1, 0], [3, 1], [6, 2], [7, 3]), 3)).toEqual([2, 1]);
  });

  it("R13: the end of an epoch that was overtaken is where the next one starts", () => {
    const log = history([1, 0], [2, 5]);
    expect(log.endOffsetFor(1, 12)).toEqual({ leaderEpoch: 1, endOffset: 5 });
    expect(log.endOffsetFor(2, 12)).toEqual({ leaderEpoch: 2, endOffset: 12 });
  });

  it("an epoch above the newest, -1, and any of an empty history are unknown", () => {
    const unknown = { leaderEpoch: -1, endOffset: -1 };
    expect(history([1, 0]).endOffsetFor(2, 5)).toEqual(unknown);
    expect(history([1, 0]).endOffsetFor(-1, 5)).toEqual(unknown);
    expect(history().endOffsetFor(0, 5)).toEqual(unknown);
  });

  it("a gap in the epochs is answered with the largest below, and below the first with the first's start", () => {
    const log = history([2, 10], [5, 20]);
    expect(log.endOffsetFor(4, 30)).toEqual({ leaderEpoch: 2, endOffset: 20 });
    expect(log.endOffsetFor(1, 30)).toEqual({ leaderEpoch: 1, endOffset: 10 });
  });

  it("tells who wrote an offset", () => {
    const log = history([2, 10], [5, 20]);
    expect([9, 10, 19, 20, 99].map((offset) => log.epochFor(offset))).toEqual([-1, 2, 2, 5, 5]);
  });

  it("an entry that contradicts older ones drops them", () => {
    const log = history([1, 0], [3, 10], [4, 12]);
    expect(log.assign(5, 10)).toBe(true);
    expect(log.all).toEqual([
      { leaderEpoch: 1, startOffset: 0 },
      { leaderEpoch: 5, startOffset: 10 },
    ]);
    expect(log.assign(5, 11)).toBe(false);
  });

  it("the log start moves the epoch it lies in", () => {
    const log = history([1, 0], [3, 10], [4, 20]);
    expect(log.truncateFromStart(15)).toBe(true);
    expect(log.all).toEqual([
      { leaderEpoch: 3, startOffset: 15 },
      { leaderEpoch: 4, startOffset: 20 },
    ]);
    expect(log.truncateFromStart(15)).toBe(false);
    expect(history([4, 20]).truncateFromStart(5)).toBe(false);
  });
});

describe("the epochs of a log", () => {
  it("R14: a leader without a record in its epoch answers with the log end, and below the first epoch with the log start", async () => {
    const log = await openLog(surroundings());
    log.startLeaderEpoch(3);
    append(log, batchOf(["a", "b"]));
    log.startLeaderEpoch(7);
    expect(log.endOffsetForEpoch(7)).toEqual({ leaderEpoch: 7, endOffset: 2 });
    expect(log.endOffsetForEpoch(3)).toEqual({ leaderEpoch: 3, endOffset: 2 });
    expect(log.endOffsetForEpoch(1)).toEqual({ leaderEpoch: 1, endOffset: 0 });
    await log.close();
  });

  it("R15: cutting at the end drops the epoch of a leader that wrote nothing", async () => {
    const log = await openLog(surroundings());
    log.startLeaderEpoch(1);
    append(log, batchOf(["a", "b"]));
    log.startLeaderEpoch(2);
    log.truncateTo(2);
    expect(log.latestLeaderEpoch).toBe(1);
    log.startLeaderEpoch(3);
    log.truncateTo(99);
    expect(log.leaderEpochs).toEqual([{ leaderEpoch: 1, startOffset: 0 }]);
    expect(await valuesOf(log)).toEqual(["a@0", "b@1"]);
    await log.close();
  });

  it("R16: epochs, 0 too, are found in the batches when the checkpoint is gone", async () => {
    for (const stop of [reopenAfterClose, reopenAfterKill]) {
      const around = surroundings();
      const log = await openLog(around, { config: { segmentBytes: 200 } });
      for (const leaderEpoch of [0, 2, 2, 5]) {
        log.startLeaderEpoch(leaderEpoch);
        append(log, batchOf(["a", "b"]), { leaderEpoch });
      }
      const epochs = log.leaderEpochs;
      await log.flush();
      around.disk.remove("/data/topic-0/leader-epoch-checkpoint");
      const again = await stop(around, log);
      expect(again.leaderEpochs).toEqual(epochs);
      await again.close();
    }
  });

  it("R79: the checkpoint is on the device before the recovery point passes the epoch", async () => {
    const around = surroundings();
    const log = await openLog(around);
    log.startLeaderEpoch(4);
    append(log, batchOf(["a"]), { leaderEpoch: 4 });
    await log.flush();
    expect(log.recoveryPoint).toBe(1);
    expect(around.disk.readFile("/data/topic-0/leader-epoch-checkpoint").toString()).toBe("0\n1\n4 0\n");
    await log.close();
  });

  it("an epoch that a crash kept from the checkpoint is found in the batches behind the recovery point", async () => {
    const around = surroundings();
    const log = await openLog(around);
    append(log, batchOf(["a"]), { leaderEpoch: 1 });
    await log.flush();
    append(log, batchOf(["b"]), { leaderEpoch: 2 });
    // Abandoned before the checkpoint's turn came.
    const again = await reopenAfterKill(around, log);
    expect(again.leaderEpochs).toEqual([
      { leaderEpoch: 1, startOffset: 0 },
      { leaderEpoch: 2, startOffset: 1 },
    ]);
    await again.close();
  });

  it("a checkpoint from before a truncation gives way to the batches", async () => {
    const around = surroundings();
    const log = await openLog(around);
    append(log, batchOf(["a", "b", "c"]), { leaderEpoch: 1 });
    append(log, batchOf(["d"]), { leaderEpoch: 9 });
    await log.flush();
    log.truncateTo(0);
    log.appendAsFollower(batchOf(["a", "b", "c", "x"], { partitionLeaderEpoch: 7 }), undefined, 10);
    const again = await reopenAfterKill(around, log);
    expect(again.leaderEpochs).toEqual([{ leaderEpoch: 7, startOffset: 0 }]);
    await again.close();
  });

  it("B93: a checkpoint with odd lines is as good as none", async () => {
    for (const content of [
      "",
      "0\n",
      "0\n1\nx y\n",
      "0\n1\n-1 0\n",
      "0\n2\n1 0\n",
      "7\n1\n1 0\n",
      "0\n2\n3 0\n1 5\n",
      "0\r\n1\r\n1 0\r\n",
    ]) {
      const around = surroundings();
      const log = await openLog(around);
      append(log, batchOf(["a"]), { leaderEpoch: 1 });
      await log.close();
      around.disk.writeFile("/data/topic-0/leader-epoch-checkpoint", content);
      const again = await openLog(around);
      expect(again.leaderEpochs, JSON.stringify(content)).toEqual([{ leaderEpoch: 1, startOffset: 0 }]);
      await again.close();
    }
  });
});
