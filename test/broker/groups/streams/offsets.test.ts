/**
 * Offsets of streams groups: committed and fetched in the epochs of members and tasks; deleted and expired with the topology in mind.
 */
import { expect, it } from "vitest";
import { decideCommit } from "../../../../broker/groups/offsets/commit-offsets.ts";
import { Reply } from "../../../../broker/state-machine/reply.ts";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { ZERO_UUID } from "../../../../protocol/uuid.ts";
import type { GroupWorld } from "../group-world.ts";
import { codes, committing, fetched, fetching, offset } from "../offsets/offset-requests.ts";
import { StreamsClient, settle, subtopology, topology } from "./streams-client.ts";
import { startStreams } from "./streams-world.ts";

function commit(world: GroupWorld, memberId: string, epoch: number, partition = 0, version = 9) {
  const topics = committing(version, [offset(partition, 5)]);
  const { answer } = world.commit(version, { memberId, generationIdOrMemberEpoch: epoch, topics });
  return codes(answer)?.[0]?.[0];
}

/** In a transaction: by name, and answered for the whole. */
function commitInTransaction(world: GroupWorld, memberId: string, generationId: number, partition = 0) {
  const reply = new Reply<unknown>((code) => code);
  const order = {
    groupId: "g",
    memberId,
    groupInstanceId: null,
    generationId,
    transactional: true,
    knowsEpochs: true,
    retentionTimeMs: -1,
    unknownGroup: ErrorCode.ILLEGAL_GENERATION,
    topics: [{ name: "t1", topicId: ZERO_UUID, partitions: [{ ...offset(partition, 7), committedLeaderEpoch: -1 }] }],
    transaction: { producerId: 9, producerEpoch: 1 },
  };
  let told: unknown;
  reply.later.onComplete((answer) => {
    told = answer;
  });
  world.groups.write("g", reply, (m) => decideCommit(m.groups.get("g"), order, 4096, m.nowMs));
  return Array.isArray(told) ? told[0].partitions[0].errorCode : told;
}

it("R210: a member commits in its epoch, and in an older one what it has run since", async () => {
  const world = await startStreams();
  const [a, b] = [new StreamsClient(world, "a"), new StreamsClient(world, "b")];
  a.join();
  world.clock.advance(1000);
  b.join();
  settle([a, b]);
  expect([a.epoch, a.tasks, b.tasks]).toEqual([3, "0_0 0_1", "0_2 0_3"]);
  expect([2, 3, 4].map((epoch) => commit(world, "a", epoch))).toEqual([0, 0, ErrorCode.STALE_MEMBER_EPOCH]);
  // Another's, and one that it has had since epoch 3.
  expect(commit(world, "a", 2, 3)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
  expect(commit(world, "b", 2, 3)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
  expect(commit(world, "b", 3, 3, 10)).toBe(0);
  expect(commit(world, "c", 3)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(commit(world, "", -1)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(commit(world, "a", 3, 0, 8)).toBe(ErrorCode.UNSUPPORTED_VERSION);
  await world.failOver();
  expect([2, 3].map((epoch) => commit(world, "b", epoch, 3))).toEqual([ErrorCode.STALE_MEMBER_EPOCH, 0]);
  a.leave();
  b.leave();
  expect(commit(world, "", -1)).toBe(0);
});

it("R210: what a member still has to give up it may commit, and in transactions the same holds", async () => {
  const world = await startStreams();
  const [a, b] = [new StreamsClient(world, "a"), new StreamsClient(world, "b")];
  a.join();
  world.clock.advance(1000);
  b.join();
  a.heartbeat(a.taskIds);
  expect(a.tasks).toBe("0_0 0_1");
  expect(commit(world, "a", 2, 3)).toBe(0);
  expect(commitInTransaction(world, "a", 2, 3)).toBe(0);
  expect(commitInTransaction(world, "a", 1, 3)).toBe(ErrorCode.STALE_MEMBER_EPOCH);
  expect(commitInTransaction(world, "x", 2)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  // A producer of before KIP-447 says nothing of the group.
  expect(commitInTransaction(world, "", -1)).toBe(0);
});

it("R210: offsets are told to who is in its epoch, and to who says nothing of it", async () => {
  const world = await startStreams();
  const a = new StreamsClient(world, "a");
  a.join();
  commit(world, "a", 2);
  const fetch = (memberId: string | null, memberEpoch: number) =>
    world.fetch(9, { groups: [{ groupId: "g", memberId, memberEpoch, topics: fetching(9, [0]) }] }).answer?.groups[0];
  expect(fetch("a", 2)).toMatchObject({ errorCode: 0, topics: [{ partitions: [{ committedOffset: 5 }] }] });
  expect(fetch("a", 1)?.errorCode).toBe(ErrorCode.STALE_MEMBER_EPOCH);
  expect(fetch("b", 2)?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(fetch(null, -1)?.errorCode).toBe(0);
});

it("R210: offsets of topics that the topology reads stay while somebody is there", async () => {
  const world = await startStreams();
  const a = new StreamsClient(world, "a", { topology: topology(subtopology("0", ["t1"])) });
  a.join();
  commit(world, "a", 2);
  const deleted = () =>
    world.deleteOffsets({ groupId: "g", topics: [{ name: "t1", partitions: [{ partitionIndex: 0 }] }] });
  expect(codes(deleted().answer)).toEqual([[ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC]]);
  for (let i = 0; i < 8 * 24 * 6; i++) {
    for (let minute = 0; minute < 20; minute++) {
      world.clock.advance(30_000);
      a.heartbeat();
    }
  }
  expect(fetched(world, [0])).toEqual([5]);
  a.leave();
  expect(codes(deleted().answer)).toEqual([[0]]);
  expect(fetched(world, [0])).toEqual([-1]);
});

it("R210: a group that nobody is in goes when its last offset has expired", async () => {
  const world = await startStreams();
  const a = new StreamsClient(world, "a");
  a.join();
  commit(world, "a", 2);
  a.leave();
  world.clock.advance(7 * 24 * 3_600_000 - 3_600_000);
  expect(world.streamsGroup()).toBeDefined();
  world.clock.advance(2 * 3_600_000);
  expect(world.streamsGroup()).toBeUndefined();
  await world.failOver();
  expect(world.streamsGroup()).toBeUndefined();
});
