/** Partitions of a follower's session of which there is nothing to tell. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { FetchPartition } from "../../../broker/fetch/fetch-session.ts";
import { type FetchParameters, fetchPartition, isQuiet } from "../../../broker/fetch/partition-fetch.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { batchOf } from "../../support/batches.ts";
import { FixedBroker } from "../../support/fixed-broker.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { WireAsker } from "../../support/wire-asker.ts";

const FOLLOWER: FetchParameters = {
  ...{ replicaId: 2, replicaEpoch: -1, readCommitted: false, mayReadFromFollower: true, rackId: "" },
};

let clock: ManualClock;
let fixed: FixedBroker;
let request: FetchPartition;
beforeEach(() => {
  clock = new ManualClock();
  fixed = new FixedBroker({ clock });
  const { id } = fixed.createTopic("t", 1, { replicas: [1, 2] });
  request = {
    ...{ topic: "t", topicId: id, partition: 0, currentLeaderEpoch: 0, fetchOffset: 0, lastFetchedEpoch: -1 },
    ...{ logStartOffset: 0, maxBytes: 1 << 20, toldHighWatermark: -1, toldLogStartOffset: -1, isNamed: true },
  };
});
afterEach(() => fixed.close());

const partition = () => {
  const held = fixed.broker.partitions.get("t", 0);
  if (held === undefined) throw new Error("no such partition");
  return held;
};
const quiet = (arrives: boolean, parameters = FOLLOWER) => isQuiet(fixed.broker, request, parameters, arrives);
/** Answers the follower, as a session does. */
function told(): void {
  const result = fetchPartition(fixed.broker, request, FOLLOWER, 1 << 20, true, true);
  if (result instanceof Promise) throw new Error("read from the disk");
  result.read?.release();
  request.toldHighWatermark = result.highWatermark;
  request.toldLogStartOffset = result.logStartOffset;
  request.isNamed = false;
}
function append(): void {
  const prepared = partition().log.prepare(batchOf([{ value: "a", timestamp: clock.wallMs() }]), undefined, {
    origin: "client",
  });
  if (prepared instanceof Promise) throw new Error("prepared elsewhere");
  partition().append(prepared, false);
}

test("one that was told and has not changed is, and its arrival counts", () => {
  expect(quiet(true)).toBe(false);
  told();
  clock.advance(1000);
  expect([quiet(false), quiet(true)]).toEqual([true, true]);
  expect(partition().leader?.follower(2)).toMatchObject({ logEndOffset: 0, lastCaughtUpMs: 1000 });
  expect(quiet(true, { ...FOLLOWER, replicaId: -1 })).toBe(false); // a consumer
  request.isNamed = true;
  expect([quiet(true), quiet(false)]).toEqual([false, true]);
});

test("records, marks, epochs, a stranger and an end of the partition are news", () => {
  told();
  append();
  expect([quiet(true), quiet(false)]).toEqual([false, false]);
  request.fetchOffset = 1;
  expect(quiet(true)).toBe(false); // the high watermark moves with this very fetch
  told();
  expect(quiet(true)).toBe(true);
  expect(quiet(true, { ...FOLLOWER, replicaId: 9 })).toBe(false);
  partition().log.raiseLogStartOffset(1);
  expect(quiet(false)).toBe(false);
  told();
  fixed.changePartition("t", 0, { leaderEpoch: 1, partitionEpoch: 1 });
  expect(quiet(false)).toBe(false);
  request.currentLeaderEpoch = 1;
  told();
  expect(quiet(false)).toBe(true);
  fixed.deleteTopic("t");
  expect([quiet(true), quiet(false)]).toEqual([false, false]);
});

test("what a follower was told in an epoch before it is told again: it drops answers that come too late for that epoch", async () => {
  using asker = await WireAsker.open(await fixed.start());
  append();
  const { topicId } = request;
  const fetch = async (session: { sessionId: number; sessionEpoch: number }, currentLeaderEpoch?: number) => {
    const named = { partition: 0, fetchOffset: 1, logStartOffset: 0, partitionMaxBytes: 1 << 20 };
    const topics =
      currentLeaderEpoch === undefined ? [] : [{ topicId, partitions: [{ ...named, currentLeaderEpoch }] }];
    const limits = { maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 20, isolationLevel: 0, rackId: "" };
    const replicaState = { replicaId: 2, replicaEpoch: -1 };
    const answer = await asker.ask(Fetch, 17, { replicaState, ...limits, ...session, topics, forgottenTopicsData: [] });
    return { ...answer, told: answer.responses.flatMap(({ partitions }) => partitions.map((p) => p.highWatermark)) };
  };
  const { sessionId, told: first } = await fetch({ sessionId: 0, sessionEpoch: 0 }, -1);
  expect(first).toEqual([1]);
  expect((await fetch({ sessionId, sessionEpoch: 1 })).told).toEqual([]);
  expect((await fetch({ sessionId, sessionEpoch: 2 }, 0)).told).toEqual([1]);
  expect((await fetch({ sessionId, sessionEpoch: 3 }, 0)).told).toEqual([]);
});
