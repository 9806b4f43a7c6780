/** Which fetch sessions there are, and who makes room for whom (R168). */
import { describe, expect, test } from "vitest";
import {
  type FetchPartition,
  type FetchPartitions,
  type FetchSession,
  FetchSessionCache,
  fetchPartitionKey,
} from "../../../broker/fetch/fetch-session.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const EVICTION_MS = 120_000;
const MAX_EPOCH = 0x7fffffff;

function partitions(count: number): FetchPartitions {
  return new Map(
    Array.from({ length: count }, (_, partition): [string, FetchPartition] => [
      fetchPartitionKey("t", ZERO_UUID, false, partition),
      {
        ...{ topic: "t", topicId: ZERO_UUID, partition, currentLeaderEpoch: -1, fetchOffset: 0, lastFetchedEpoch: -1 },
        ...{ logStartOffset: 0, maxBytes: 1, toldHighWatermark: -1, toldLogStartOffset: -1, isNamed: true },
      },
    ]),
  );
}

function cacheOf(slots: number, maxPartitions?: number) {
  const clock = new ManualClock();
  const cache = new FetchSessionCache(slots, clock, new SeededRandom(1), maxPartitions);
  const open = (count: number, fromFollower = false) => cache.open(partitions(count), false, fromFollower);
  const lives = (session: FetchSession | undefined): boolean => {
    try {
      return session !== undefined && cache.find(session.id, session.epoch, false) === session;
    } catch (error) {
      if (error instanceof KafkaError && error.code === ErrorCode.FETCH_SESSION_ID_NOT_FOUND) return false;
      throw error;
    }
  };
  return { clock, cache, open, lives };
}

describe("R168: room for sessions", () => {
  test("without slots there are none", () => {
    expect(cacheOf(0).open(1)).toBeUndefined();
  });

  test("a full cache takes no more of its like", () => {
    const { cache, open, lives } = cacheOf(2);
    const first = open(3);
    expect([open(3)?.epoch, open(9), open(3), cache.size]).toEqual([1, undefined, undefined, 2]);
    expect(lives(first)).toBe(true);
  });

  test("a session that nobody used for long goes first", () => {
    const { clock, cache, open, lives } = cacheOf(2);
    const old = open(9);
    clock.advance(1);
    const used = open(9);
    clock.advance(EVICTION_MS);
    if (used !== undefined) cache.advance(used);
    expect(open(1)).toBeDefined();
    expect([lives(old), cache.size]).toEqual([false, 2]);
  });

  test("a larger session displaces the smallest that is not new, never one of its size", () => {
    const { clock, cache, open, lives } = cacheOf(3);
    const sessions = [5, 3, 4].map((count) => open(count));
    clock.advance(EVICTION_MS);
    for (const session of sessions) if (session !== undefined) cache.advance(session);
    expect(open(9)).toBeUndefined(); // all are too new
    clock.advance(1);
    expect(open(3)).toBeUndefined();
    expect(open(4)).toBeDefined();
    expect(sessions.map(lives)).toEqual([true, false, true]);
  });

  test("a follower displaces a consumer of whatever size and age; a consumer never displaces a follower", () => {
    const { clock, open, lives } = cacheOf(2);
    const follower = open(1, true);
    const consumer = open(50);
    expect(open(2, true)).toBeDefined();
    expect([lives(follower), lives(consumer)]).toEqual([true, false]);
    clock.advance(EVICTION_MS - 1);
    expect(open(99)).toBeUndefined();
    expect(open(99, true)).toBeUndefined(); // nor do followers displace new ones of each other
  });
});

describe("B68: partitions of all sessions together", () => {
  const MANY = 40;

  test("have a limit: a session beyond it is not opened, and room comes back with those that close", () => {
    const { cache, open } = cacheOf(10, 100);
    const sessions = [open(MANY), open(MANY), open(MANY)];
    expect(sessions.map((session) => session !== undefined)).toEqual([true, true, false]);
    cache.close(sessions[0]?.id ?? 0);
    expect(open(MANY)).toBeDefined();
  });

  test("a session that grows beyond the limit is closed", () => {
    const { cache, open, lives } = cacheOf(10, 100);
    const [first, second] = [open(MANY), open(MANY)];
    if (first === undefined || second === undefined) throw new Error("no session");
    expect(cache.advance(first)).toBe(true);
    for (const [key, partition] of second.partitions) first.partitions.set(`more ${key}`, partition);
    expect(cache.advance(first)).toBe(false);
    expect([lives(first), lives(second)]).toEqual([false, true]);
    expect(open(MANY)).toBeDefined();
  });
});

describe("R168: epochs", () => {
  test("go up one by one and wrap to 1", () => {
    const { cache, open } = cacheOf(1);
    const session = open(1);
    if (session === undefined) throw new Error("no session");
    expect(session.epoch).toBe(1);
    cache.advance(session);
    expect(session.epoch).toBe(2);
    session.epoch = MAX_EPOCH;
    expect(cache.find(session.id, MAX_EPOCH, false)).toBe(session);
    cache.advance(session);
    expect(session.epoch).toBe(1);
  });

  test("a closed session is not found", () => {
    const { cache, open, lives } = cacheOf(1);
    const session = open(1);
    cache.close(session?.id ?? 0);
    expect([lives(session), cache.size]).toEqual([false, 0]);
    expect(open(1)?.id).not.toBe(session?.id);
  });
});
