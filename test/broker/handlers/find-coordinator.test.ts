/** Which broker coordinates what, in every form of the question. */
import { describe, expect, it } from "vitest";
import type { Broker } from "../../../broker/broker.ts";
import { handleFindCoordinator } from "../../../broker/handlers/find-coordinator.ts";
import type { BrokerImage, MetadataImage } from "../../../broker/metadata/metadata-image.ts";
import { partitionOfKey } from "../../../broker/state-machine/key-partition.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { FindCoordinator } from "../../../protocol/messages/find-coordinator.ts";
import { decode, encodeToBuffer } from "../../../protocol/schema/codec.ts";
import { clusterImage, OFFSETS_TOPIC, topicImage } from "../groups/group-world.ts";

const TOPIC_IDS = ["AAAAAAAAAAAAAAAAAAAA_A", "AAAAAAAAAAAAAAAAAAAA_Q", "AAAAAAAAAAAAAAAAAAAA_g"] as const;
const SHARE_KEY = "sg:x8DTCXZCTEiQYiW8CDSqIQ:0";

function broker(id: number, fenced = false): BrokerImage {
  return {
    id,
    brokerEpoch: 1,
    incarnationId: TOPIC_IDS[0],
    endpoints: [{ name: "PLAINTEXT", host: `host${id}`, port: 9000 + id, securityProtocol: 0 }],
    rack: null,
    fenced,
    inControlledShutdown: false,
    directories: [],
    features: new Map(),
  };
}

const everyTopic = [
  topicImage(OFFSETS_TOPIC, TOPIC_IDS[0], 50, 1),
  topicImage("__transaction_state", TOPIC_IDS[1], 50, 2),
  topicImage("__share_group_state", TOPIC_IDS[2], 50, 3),
];

/** What is answered, having passed through the bytes of the version, and which topics were asked for. */
function ask(image: MetadataImage, version: number, keyType: number, keys: string[], listenerName = "PLAINTEXT") {
  const requested: string[] = [];
  const autoTopics = { request: (names: readonly string[]) => requested.push(...names) };
  const request = {
    ...(version < 4 ? { key: keys[0] as string } : { coordinatorKeys: keys }),
    ...(version >= 1 ? { keyType } : {}),
  };
  const sent = decode(FindCoordinator.request, version, encodeToBuffer(FindCoordinator.request, version, request));
  const context = {
    broker: { image, autoTopics } as unknown as Broker,
    connection: { listenerName },
    apiVersion: version,
  };
  const response = handleFindCoordinator(sent, context as never) as never;
  const answer = decode(FindCoordinator.response, version, encodeToBuffer(FindCoordinator.response, version, response));
  return { answer, requested };
}

describe("FindCoordinator", () => {
  const image = clusterImage(everyTopic, [broker(1), broker(2), broker(3)]);

  it("one key before version 4, several from then on", () => {
    for (let version = 0; version <= 3; version++) {
      expect(ask(image, version, 0, ["g"]).answer).toMatchObject({
        errorCode: 0,
        errorMessage: version === 0 ? "" : "NONE",
        nodeId: 1,
        host: "host1",
        port: 9001,
      });
    }
    for (let version = 4; version <= 6; version++) {
      const { coordinators } = ask(image, version, 0, ["a", "", "a"]).answer;
      const found = { nodeId: 1, host: "host1", port: 9001, errorCode: 0, errorMessage: "" };
      expect(coordinators).toEqual(["a", "", "a"].map((key) => ({ key, ...found })));
      expect(ask(image, version, 0, []).answer.coordinators).toEqual([]);
    }
  });

  it("groups, transactional ids and share partitions each have their topic", () => {
    const nodeOf = (keyType: number, key: string) => ask(image, 6, keyType, [key]).answer.coordinators[0]?.nodeId;
    expect([nodeOf(0, "g"), nodeOf(1, "t"), nodeOf(2, SHARE_KEY)]).toEqual([1, 2, 3]);
    expect(ask(image, 1, 1, ["t"]).answer.nodeId).toBe(2);
  });

  it("refuses kinds there are not, and share partitions that are none or come too early", () => {
    for (const keyType of [3, 5, 9, -1, 127]) {
      expect(ask(image, 1, keyType, ["g"]).answer).toMatchObject({
        errorCode: ErrorCode.INVALID_REQUEST,
        nodeId: -1,
        host: "",
        port: -1,
      });
      const [found] = ask(image, 6, keyType, ["g"]).answer.coordinators;
      expect(found).toMatchObject({ key: "g", errorCode: ErrorCode.INVALID_REQUEST, nodeId: -1 });
      expect(found?.errorMessage).not.toBe("");
    }
    for (const version of [1, 3])
      expect(ask(image, version, 2, [SHARE_KEY]).answer.errorCode).toBe(ErrorCode.INVALID_REQUEST);
    for (const version of [4, 5]) {
      expect(ask(image, version, 2, [SHARE_KEY]).answer.coordinators[0]?.errorCode).toBe(ErrorCode.INVALID_REQUEST);
    }
    const bad = [
      "",
      "g",
      "a:b:c",
      ":x8DTCXZCTEiQYiW8CDSqIQ:0",
      "sg:x8DTCXZCTEiQYiW8CDSqIQ:x",
      `${SHARE_KEY}:0`,
      "__proto__",
    ];
    for (const { errorCode } of ask(image, 6, 2, bad).answer.coordinators)
      expect(errorCode).toBe(ErrorCode.INVALID_REQUEST);
  });

  it("R154: asks for a topic that is not there, and says that it is not available yet", () => {
    const empty = clusterImage([], [broker(1)]);
    const topics = [OFFSETS_TOPIC, "__transaction_state", "__share_group_state"];
    for (const [keyType, topic] of topics.entries()) {
      const { answer, requested } = ask(empty, 6, keyType, [SHARE_KEY, SHARE_KEY]);
      expect(answer.coordinators[0]).toMatchObject({
        errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE,
        nodeId: -1,
        errorMessage: "",
      });
      expect(new Set(requested)).toEqual(new Set([topic]));
    }
    expect(ask(empty, 2, 0, ["g"]).answer.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(ask(empty, 6, 2, ["bad"]).requested).toEqual([]);
  });

  it("a partition without a leader, or led by a broker that cannot be reached, has no coordinator", () => {
    const found = (brokers: BrokerImage[], leader: number, listenerName?: string) =>
      ask(clusterImage([topicImage(OFFSETS_TOPIC, TOPIC_IDS[0], 50, leader)], brokers), 6, 0, ["g"], listenerName)
        .answer.coordinators[0]?.errorCode;
    expect(found([broker(1)], 1)).toBe(0);
    expect(found([broker(1)], -1)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(found([broker(1)], 2)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(found([broker(1, true)], 1)).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    expect(found([broker(1)], 1, "SSL")).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  });

  it("keys are spread as Java hashes strings", () => {
    const hashes: [string, number][] = [
      ["", 0],
      ["a", 97],
      ["golden-classic", 1_059_780_558],
      ["polygenelubricants", 0], // hashes to the least int32, which has no positive counterpart
      ["é€😀", 16_752_006],
      ["my-group", 1_906_497_762], // of a negative hash the amount counts
    ];
    for (const [key, hash] of hashes) expect(partitionOfKey(key, 0x7fffffff)).toBe(hash % 0x7fffffff);
    expect(partitionOfKey("golden-classic", 50)).toBe(1_059_780_558 % 50);
  });
});
