import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { ShareAcknowledge, ShareFetch } from "../../../protocol/messages/share-fetch.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { brokerImage } from "../../support/fixed-broker.ts";
import { WireAsker } from "../../support/wire-asker.ts";
import { shareFetchCases } from "./share-fetch-cases.ts";

const FEATURES = new Map([["share.version", 1]]);

let plane: DataPlane;
beforeAll(async () => {
  plane = await startDataPlane({ features: FEATURES });
});
afterAll(() => plane[Symbol.asyncDispose]());

describe("as Apache Kafka answers", () => shareFetchCases(() => plane));

const LIMITS = { minBytes: 1, maxBytes: 1 << 20, maxRecords: 10, batchSize: 10, forgottenTopicsData: [] };

function opening(memberId: string, topicId: string, maxWaitMs = 100) {
  const topics = [{ topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches: [] }] }];
  return { groupId: "g", memberId, shareSessionEpoch: 0, maxWaitMs, topics, ...LIMITS };
}

test("R187: who finds no room for a session waits as long as it would for records", async () => {
  await using full = await startDataPlane({
    features: FEATURES,
    configs: new Map([["group.share.max.share.sessions", "1"]]),
  });
  const topicId = await full.createTopic("t");
  using first = await WireAsker.open(full.address);
  using second = await WireAsker.open(full.address);
  await first.ask(ShareFetch, 2, opening("a", topicId));
  const startedMs = performance.now();
  const { errorCode } = await second.ask(ShareFetch, 2, opening("b", topicId, 300));
  expect(errorCode).toBe(ErrorCode.SHARE_SESSION_LIMIT_REACHED);
  expect(performance.now() - startedMs).toBeGreaterThan(290);
  // A member that begins anew is no further one.
  expect((await first.ask(ShareFetch, 2, opening("a", topicId))).errorCode).toBe(0);
});

test("R189: who asks another than the leader is told who leads, and where", async () => {
  await using elsewhere = await startDataPlane({ features: FEATURES });
  const { fixed } = elsewhere;
  fixed.apply([...fixed.brokers, brokerImage(2, { host: "127.0.0.1", port: 9 })], fixed.topics);
  const { id } = fixed.createTopic("t", 1, { replicas: [2, 1], leader: 2, leaderEpoch: 7 });
  using asker = await WireAsker.open(elsewhere.address);
  const { responses, nodeEndpoints } = await asker.ask(ShareFetch, 2, opening("a", id));
  expect(responses[0]?.partitions[0]).toMatchObject({
    errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
    currentLeader: { leaderId: 2, leaderEpoch: 7 },
  });
  expect(nodeEndpoints).toEqual([{ nodeId: 2, host: "127.0.0.1", port: 9, rack: null }]);
});

test("R187: where share groups are not switched on they are not served", async () => {
  await using without = await startDataPlane();
  const topicId = await without.createTopic("t");
  using asker = await WireAsker.open(without.address);
  expect((await asker.ask(ShareFetch, 2, opening("a", topicId))).errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
  const request = { groupId: "g", memberId: "a", shareSessionEpoch: 1, topics: [] };
  expect((await asker.ask(ShareAcknowledge, 2, request)).errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
});
