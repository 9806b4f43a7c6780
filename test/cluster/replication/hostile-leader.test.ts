/** B91: a leader that says what no leader says. The follower's log stays whole, and the leader is asked again, ever more slowly. */
import { describe, expect, test } from "vitest";
import { fitTo, followedFrom, type LeaderAnswer, takeIn } from "../../../cluster/replication/follower-fetch.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { RecordBatch } from "../../../protocol/records/record-batch.ts";
import { endOfTurn, PartitionWorld } from "../../broker/partition/partition-world.ts";
import { batchOf } from "../../support/batches.ts";

const EPOCH = 3;
const NO_DIVERGENCE = { epoch: -1, endOffset: -1 };

/** As a leader of `leaderEpoch` has it in its log. */
function stored(values: readonly string[], baseOffset: number, leaderEpoch = EPOCH): Buffer {
  const batch = batchOf([...values]);
  const view = new RecordBatch(batch);
  view.baseOffset = baseOffset;
  view.partitionLeaderEpoch = leaderEpoch;
  return batch;
}

/** Follows node 2, and holds offsets 0 to 3 of epoch 3, of which 0 and 1 are committed. */
function following() {
  const world = new PartitionWorld({ leader: 2 });
  world.apply({ leaderEpoch: EPOCH });
  const followed = followedFrom(world.partition, EPOCH);
  const take = (answer: Partial<LeaderAnswer>) => {
    followed.askedOffset = world.log.logEndOffset;
    const whole = {
      ...{
        errorCode: ErrorCode.NONE,
        highWatermark: 0,
        logStartOffset: 0,
        divergingEpoch: NO_DIVERGENCE,
        records: null,
      },
      ...answer,
    };
    return takeIn(followed, whole, undefined);
  };
  expect(take({ records: Buffer.concat([stored(["a", "b"], 0), stored(["c", "d"], 2)]), highWatermark: 2 })).toBe(
    "go-on",
  );
  return { world, take, followed };
}

function isWhole({ log }: PartitionWorld, end = 4): boolean {
  return log.logEndOffset === end && log.highWatermark <= end && log.logStartOffset === 0 && !log.offline;
}

describe("B91: records", () => {
  const cases: readonly (readonly [string, () => Buffer])[] = [
    ["that are there already", () => stored(["c", "d"], 2)],
    ["that overlap the end", () => stored(["d", "e"], 3)],
    ["at a negative offset", () => stored(["e"], -1)],
    ["of an epoch that was not asked for", () => stored(["e"], 4, EPOCH + 1)],
    ["that end in the middle", () => stored(["e"], 4).subarray(0, 40)],
    ["that are no batch", () => Buffer.alloc(80, 0xff)],
    [
      "that were damaged on the way",
      () => {
        const batch = stored(["e"], 4);
        batch.writeUInt8(batch.readUInt8(batch.length - 1) ^ 1, batch.length - 1);
        return batch;
      },
    ],
    [
      "that claim to be longer than they are",
      () => {
        const batch = stored(["e"], 4);
        batch.writeInt32BE(0x7fffffff, 8);
        return batch;
      },
    ],
    [
      "of an old format",
      () => {
        const batch = stored(["e"], 4);
        batch.writeUInt8(1, 16);
        return batch;
      },
    ],
  ];
  for (const [name, records] of cases) {
    test(name, async () => {
      const { world, take } = following();
      expect(take({ records: records(), highWatermark: 4 })).toBe("back-off");
      await endOfTurn();
      expect(isWhole(world)).toBe(true);
      // A sane answer afterwards is taken.
      expect(take({ records: stored(["e"], 4), highWatermark: 5 })).toBe("go-on");
      expect(world.log.highWatermark).toBe(5);
    });
  }

  test("a gap is what compaction leaves, and taken", () => {
    const { world, take } = following();
    expect(take({ records: stored(["e"], 9), highWatermark: 10 })).toBe("go-on");
    expect([world.log.logEndOffset, world.log.highWatermark]).toEqual([10, 10]);
  });

  test("a good batch before a bad one is kept, or left to the next answer", () => {
    const { world, take } = following();
    take({ records: Buffer.concat([stored(["e"], 4), stored(["d"], 3)]), highWatermark: 9 });
    expect(isWhole(world) || isWhole(world, 5)).toBe(true);
    take({ records: stored(["e"], world.log.logEndOffset), highWatermark: 9 });
    expect(world.log.highWatermark).toBe(world.log.logEndOffset);
  });
});

describe("B91: marks", () => {
  test("a high watermark past the follower's end counts up to the end; a negative or lower one counts nothing", () => {
    const { world, take } = following();
    expect(take({ highWatermark: -7 })).toBe("go-on");
    expect(take({ highWatermark: 1 })).toBe("go-on");
    expect(world.log.highWatermark).toBe(2);
    expect(take({ highWatermark: Number.MAX_SAFE_INTEGER })).toBe("go-on");
    expect(world.log.highWatermark).toBe(4);
  });

  test("a log start past the end deletes no further than the end; a negative one nothing", () => {
    const { world, take } = following();
    expect(take({ highWatermark: 4, logStartOffset: -9 })).toBe("go-on");
    expect(world.log.logStartOffset).toBe(0);
    take({ highWatermark: 4, logStartOffset: Number.MAX_SAFE_INTEGER });
    expect(world.log.logStartOffset).toBeLessThanOrEqual(4);
    expect(world.log.logEndOffset).toBe(4);
  });
});

describe("B91: epochs", () => {
  test("a divergence behind everything cuts nothing, and is no reason to ask without a pause", () => {
    const { world, take } = following();
    for (const divergingEpoch of [
      { epoch: EPOCH, endOffset: 4 },
      { epoch: EPOCH, endOffset: Number.MAX_SAFE_INTEGER },
      { epoch: EPOCH + 9, endOffset: 99 },
    ]) {
      expect(take({ divergingEpoch })).toBe("back-off");
      expect(isWhole(world)).toBe(true);
    }
  });

  test("an answer for another epoch, for another end, or while this replica leads is dropped", () => {
    const { world, take, followed } = following();
    followed.askedOffset = 2;
    const answer = { errorCode: 0, highWatermark: 9, logStartOffset: 0, divergingEpoch: NO_DIVERGENCE };
    expect(takeIn(followed, { ...answer, records: stored(["c"], 2) }, undefined)).toBe("go-on");
    expect([world.log.logEndOffset, world.log.highWatermark]).toEqual([4, 2]);
    world.apply({ leaderEpoch: EPOCH + 1 });
    expect(take({ records: stored(["e"], 4) })).toBe("wait-for-metadata");
    expect(isWhole(world)).toBe(true);
  });
});

test("B91: bounds that cannot be change nothing", () => {
  const { world } = following();
  for (const bounds of [
    { logStartOffset: -1, logEndOffset: 9 },
    { logStartOffset: 9, logEndOffset: 3 },
    { logStartOffset: 0, logEndOffset: 4 },
  ]) {
    expect(fitTo(world.partition, bounds)).toBe("back-off");
    expect(isWhole(world)).toBe(true);
  }
});

test("B91: errors that no Fetch knows are asked about again", () => {
  const { world, take } = following();
  for (const errorCode of [-1, 6, 56, 76, 100, 9999, -9]) expect(take({ errorCode })).toBe("back-off");
  expect(isWhole(world)).toBe(true);
});
