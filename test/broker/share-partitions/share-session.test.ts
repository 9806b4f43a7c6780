import { describe, expect, test } from "vitest";
import { ConnectedClient } from "../../../broker/network/connected-client.ts";
import { type ShareSession, ShareSessionCache } from "../../../broker/share-partitions/share-session.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";

const TOPIC = "AAAAAAAAAAAAAAAAAAABAA";

function codeOf(run: () => unknown): number {
  try {
    run();
    return 0;
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return error.code;
  }
}

function connection(): ConnectedClient {
  return new ConnectedClient("PLAINTEXT", { host: "127.0.0.1", port: 1 }, true);
}

function named(...partitions: number[]): { topicId: string; partition: number }[] {
  return partitions.map((partition) => ({ topicId: TOPIC, partition }));
}

describe("R187: share sessions", () => {
  test("there are no more than may be, whoever asks; one that ends makes room", () => {
    const lost: ShareSession[] = [];
    const cache = new ShareSessionCache({ maxSessions: 2, lost: (session) => lost.push(session) });
    const first = cache.open("g", "a", named(0, 1), connection());
    cache.open("g", "b", named(0), connection());
    expect(codeOf(() => cache.open("h", "c", [], connection()))).toBe(ErrorCode.SHARE_SESSION_LIMIT_REACHED);
    expect([cache.size, cache.partitionTotal]).toEqual([2, 3]);
    expect(cache.remove(first)).toBe(true);
    expect(cache.remove(first)).toBe(false);
    cache.open("h", "c", [], connection());
    expect([cache.size, cache.partitionTotal, cache.hasGroup("g"), cache.hasGroup("h")]).toEqual([2, 1, true, true]);
    expect(lost).toEqual([]);
  });

  test("all of them together have no more partitions than may be", () => {
    const cache = new ShareSessionCache({ maxSessions: 10, maxPartitions: 3, lost: () => {} });
    const first = cache.open("g", "a", named(0, 1), connection());
    expect(codeOf(() => cache.open("g", "b", named(0, 1), connection()))).toBe(ErrorCode.SHARE_SESSION_LIMIT_REACHED);
    cache.update(first, named(1, 2, 3), []);
    expect([...first.partitions.values()].map(({ partition, isDue }) => [partition, isDue])).toEqual([
      [0, false],
      [1, false],
      [2, true],
    ]);
    cache.update(first, [], named(0, 9));
    expect(cache.partitionTotal).toBe(2);
  });

  test("epochs go up by one, and begin again with 1 behind the largest", () => {
    const cache = new ShareSessionCache({ maxSessions: 1, lost: () => {} });
    expect(codeOf(() => cache.advance("g", "a", 1))).toBe(ErrorCode.SHARE_SESSION_NOT_FOUND);
    const session = cache.open("g", "a", [], connection());
    expect(cache.advance("g", "a", 1).epoch).toBe(2);
    expect(codeOf(() => cache.advance("g", "a", 1))).toBe(ErrorCode.INVALID_SHARE_SESSION_EPOCH);
    session.epoch = 0x7fffffff;
    expect(cache.advance("g", "a", 0x7fffffff).epoch).toBe(1);
  });

  test("a connection that ends loses the session that was opened on it last", () => {
    const lost: string[] = [];
    const cache = new ShareSessionCache({ maxSessions: 10, lost: ({ memberId }) => lost.push(memberId) });
    const client = connection();
    cache.open("g", "a", [], client);
    cache.open("g", "b", [], client);
    client.close();
    expect(lost).toEqual(["b"]);
  });
});
