/** A fetcher before a leader that says what the test says, over sockets: answers that come when the world has moved on. */
import { afterEach, describe, expect, test } from "vitest";
import { followedFrom } from "../../../cluster/replication/follower-fetch.ts";
import { ReplicaFetcher } from "../../../cluster/replication/replica-fetcher.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { PartitionWorld, TOPIC_ID } from "../../broker/partition/partition-world.ts";
import { batchOf } from "../../storage/log/log-fixture.ts";
import { fetcherOptions, ScriptedLeader } from "./scripted-leader.ts";

let leader: ScriptedLeader;
let fetcher: ReplicaFetcher;
let world: PartitionWorld;

async function start(values: readonly string[], leaderEpoch: number): Promise<void> {
  leader = new ScriptedLeader();
  await leader.start();
  world = new PartitionWorld({ leader: 2, replicas: [1, 2] });
  values.forEach((value, baseOffset) => {
    world.log.appendAsFollower(batchOf([value], { baseOffset, partitionLeaderEpoch: 1 }), undefined, 1);
  });
  world.apply({ leader: 2, leaderEpoch });
  fetcher = new ReplicaFetcher(fetcherOptions(leader.node.address));
  fetcher.follow(followedFrom(world.partition, leaderEpoch));
}

afterEach(async () => {
  fetcher.close();
  await leader.node[Symbol.asyncDispose]();
});

const DIVERGES = { divergingEpoch: { epoch: 1, endOffset: 1 } };

describe("an answer that comes late", () => {
  test("R18: of a partition that was given up and taken up again meanwhile cuts nothing", async () => {
    await start(["a", "b", "c"], 2);
    expect(await leader.fetch(1)).toMatchObject({ fetchOffset: 3, lastFetchedEpoch: 1, currentLeaderEpoch: 2 });
    fetcher.forget(TOPIC_ID, 0);
    fetcher.follow(followedFrom(world.partition, 2));
    leader.answer(1, DIVERGES);
    expect(await leader.fetch(2)).toMatchObject({ fetchOffset: 3, currentLeaderEpoch: 2 });
    expect(world.log.logEndOffset).toBe(3);
    // An answer to what it asks now does.
    leader.answer(2, DIVERGES);
    expect(await leader.fetch(3)).toMatchObject({ fetchOffset: 1 });
    expect(world.log.logEndOffset).toBe(1);
  });

  test("R21: of the epoch before neither cuts nor appends, and what it asks for next is of the new epoch", async () => {
    await start(["a", "b", "c"], 2);
    await leader.fetch(1);
    world.apply({ leader: 2, leaderEpoch: 3 });
    fetcher.follow(followedFrom(world.partition, 3));
    const late = batchOf(["late"], { baseOffset: 3, partitionLeaderEpoch: 2 });
    leader.answer(1, { records: late, highWatermark: 4 });
    expect(await leader.fetch(2)).toMatchObject({ fetchOffset: 3, lastFetchedEpoch: 1, currentLeaderEpoch: 3 });
    expect([world.log.logEndOffset, world.highWatermark]).toEqual([3, 0]);
  });

  test("R23: FENCED, of the epoch before, does not end fetching in the new one", async () => {
    await start(["a"], 2);
    await leader.fetch(1);
    world.apply({ leader: 2, leaderEpoch: 3 });
    fetcher.follow(followedFrom(world.partition, 3));
    leader.answer(1, { errorCode: ErrorCode.FENCED_LEADER_EPOCH });
    expect(await leader.fetch(2)).toMatchObject({ fetchOffset: 1, currentLeaderEpoch: 3 });
    leader.answer(2, { records: batchOf(["b"], { baseOffset: 1, partitionLeaderEpoch: 3 }), highWatermark: 2 });
    expect(await leader.fetch(3)).toMatchObject({ fetchOffset: 2, lastFetchedEpoch: 3 });
    expect([world.log.logEndOffset, world.highWatermark]).toEqual([2, 2]);
  });

  test("R22: an answer without records leaves the epoch of what was fetched last, also in a new epoch", async () => {
    await start(["a", "b"], 2);
    await leader.fetch(1);
    leader.answer(1, {});
    expect(await leader.fetch(2)).toMatchObject({ fetchOffset: 2, lastFetchedEpoch: 1, currentLeaderEpoch: 2 });
    world.apply({ leader: 2, leaderEpoch: 5 });
    fetcher.follow(followedFrom(world.partition, 5));
    leader.answer(2, {});
    expect(await leader.fetch(3)).toMatchObject({ fetchOffset: 2, lastFetchedEpoch: 1, currentLeaderEpoch: 5 });
  });
});

test("R19: out of range below the leader's start, the log is dropped and begun where the leader's begins", async () => {
  await start(["a", "b"], 2);
  await leader.fetch(1);
  leader.bounds = { logStartOffset: 50, logEndOffset: 60 };
  leader.answer(1, { errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, ...DIVERGES });
  expect(await leader.fetch(2)).toMatchObject({ fetchOffset: 50, lastFetchedEpoch: -1, logStartOffset: 50 });
  expect([world.log.logStartOffset, world.log.logEndOffset, world.highWatermark]).toEqual([50, 50, 50]);
});
