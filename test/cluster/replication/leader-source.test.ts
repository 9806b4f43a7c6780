/** A leader's second connection, for what is followed while the first waits at the leader: what passes from one to the other. */
import { afterEach, expect, test, vi } from "vitest";
import { LeaderSource } from "../../../cluster/replication/leader-source.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { PartitionWorld } from "../../broker/partition/partition-world.ts";
import { fetcherOptions, ScriptedLeader } from "./scripted-leader.ts";

let leader: ScriptedLeader;
let source: LeaderSource;
afterEach(async () => {
  source.close();
  await leader.node[Symbol.asyncDispose]();
});

test.each([
  { error: "UNKNOWN_LEADER_EPOCH", errorCode: ErrorCode.UNKNOWN_LEADER_EPOCH },
  { error: "OFFSET_OUT_OF_RANGE", errorCode: ErrorCode.OFFSET_OUT_OF_RANGE },
])("a partition that passes to the first connection after $error is asked for there", async ({ errorCode }) => {
  leader = new ScriptedLeader();
  await leader.start();
  const world = new PartitionWorld({ leader: 2, replicas: [1, 2] });
  source = new LeaderSource(leader.node.address, () => fetcherOptions(leader.node.address));
  source.follow(world.partition, world.partition.state.leaderEpoch);
  await leader.fetch(1);
  world.apply({ leader: 2, leaderEpoch: 3 });
  source.follow(world.partition, 3);
  expect(await leader.fetch(2)).toMatchObject({ currentLeaderEpoch: 3 });
  leader.answer(1, {}); // the first is back, and waits for the second
  leader.answer(2, { errorCode });
  expect(await leader.fetch(3)).toMatchObject({ currentLeaderEpoch: 3, fetchOffset: 0 });
});

test("a partition whose epoch changes while the first connection waits for the second is followed in the new one", async () => {
  leader = new ScriptedLeader();
  await leader.start();
  const world = new PartitionWorld({ leader: 2, replicas: [1, 2] });
  source = new LeaderSource(leader.node.address, () => fetcherOptions(leader.node.address));
  source.follow(world.partition, world.partition.state.leaderEpoch);
  await leader.fetch(1);
  world.apply({ leader: 2, leaderEpoch: 3 });
  source.follow(world.partition, 3);
  await leader.fetch(2);
  leader.answer(1, {});
  await vi.waitFor(() => expect((source as unknown as { readonly isHeld: boolean }).isHeld).toBe(true));
  world.apply({ leader: 2, leaderEpoch: 4 });
  source.follow(world.partition, 4);
  leader.answer(2, { errorCode: ErrorCode.FENCED_LEADER_EPOCH });
  expect(await leader.fetch(3)).toMatchObject({ currentLeaderEpoch: 4, fetchOffset: 0 });
});
