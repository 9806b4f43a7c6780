/** What Apache Kafka answers to Metadata. */
import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Metadata } from "../../../protocol/messages/metadata.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { type DataPlane, differs, newTopic } from "../../support/data-plane.ts";
import { WireAsker } from "../../support/wire-asker.ts";

type Request = Encode<(typeof Metadata)["request"]>;
type Topic = Decode<(typeof Metadata)["response"]>["topics"][number];

const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAABAA";
const TOPIC_OPERATIONS = 3576;
const CLUSTER_OPERATIONS = 8096;
const NOT_ASKED = -0x80000000;

export function metadataCases(planeOf: () => DataPlane): void {
  const ask = async (version: number, topics: Request["topics"], request: Partial<Request> = {}) => {
    using asker = await WireAsker.open(planeOf().address);
    return await asker.ask(Metadata, version, {
      topics,
      ...(version >= 4 ? { allowAutoTopicCreation: false } : {}),
      ...request,
    });
  };
  const askOne = async (name: string, request: Partial<Request> = {}, version = 9): Promise<Topic> => {
    const { topics } = await ask(version, [{ name }], request);
    const [topic, ...more] = topics;
    if (topic === undefined || more.length > 0) throw new Error("not one topic");
    return topic;
  };
  const names = (topics: readonly Topic[]) => topics.map(({ name }) => name);

  test("a topic, as each version tells it", async () => {
    const { name, topicId } = await newTopic(planeOf(), { partitionCount: 2 });
    for (let version = 0; version <= 13; version++) {
      const response = await ask(version, [{ name }]);
      const nodeId = response.brokers[0]?.nodeId ?? -1;
      expect(response.brokers).toMatchObject([{ nodeId, ...planeOf().address, rack: null }]);
      expect(response.controllerId).toBe(version >= 1 ? nodeId : -1);
      expect(response.clusterId === null).toBe(version < 2);
      const [topic] = response.topics;
      expect(topic).toMatchObject({
        ...{ errorCode: 0, name, topicId: version >= 10 ? topicId : ZERO_UUID, isInternal: false },
        topicAuthorizedOperations: NOT_ASKED,
      });
      const ordered = [...(topic?.partitions ?? [])].sort((a, b) => a.partitionIndex - b.partitionIndex);
      expect(ordered).toEqual(
        [0, 1].map((partitionIndex) => ({
          ...{ errorCode: 0, partitionIndex, leaderId: nodeId, leaderEpoch: version >= 7 ? 0 : -1 },
          ...{ replicaNodes: [nodeId], isrNodes: [nodeId], offlineReplicas: [] },
        })),
      );
    }
  });

  test("all topics, none, and some", async () => {
    const { name } = await newTopic(planeOf());
    for (const [version, topics] of [
      [0, []],
      [1, null],
      [13, null],
    ] as const) {
      expect(names((await ask(version, topics)).topics)).toContain(name);
    }
    for (const version of [1, 13]) expect((await ask(version, [])).topics).toEqual([]);
    expect(names((await ask(9, [{ name }, { name }])).topics)).toEqual([name]);
  });

  test("B32: topics that are not there, with whatever name", async () => {
    for (const name of ["no-such-topic", "__proto__", "constructor", "toString"]) {
      expect(await askOne(name, {}, 10)).toMatchObject({
        ...{
          errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
          name,
          topicId: ZERO_UUID,
          isInternal: false,
          partitions: [],
        },
      });
    }
    expect(await askOne("__share_group_state")).toMatchObject({
      ...{ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, isInternal: true },
    });
  });

  test("B31, B33: names that no topic may have", async () => {
    for (const name of ["", ".", "..", "a/b", "a b", "x".repeat(250), "é", "@metadata", "a\u0000b", "a\u202eb"]) {
      for (const allowAutoTopicCreation of [false, true]) {
        const topic = await askOne(name, { allowAutoTopicCreation });
        expect([topic.name, topic.errorCode]).toEqual([name, ErrorCode.INVALID_TOPIC_EXCEPTION]);
      }
    }
    expect((await askOne("x".repeat(249))).errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });

  test("a topic that is asked for comes into being, and the first answer is that it is not there", async () => {
    for (const [version, request] of [
      [1, {}],
      [3, {}],
      [4, { allowAutoTopicCreation: true }],
      [13, { allowAutoTopicCreation: true }],
    ] as const) {
      const name = `asked-for-${version}`;
      const first = await askOne(name, request, version);
      expect(first).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, partitions: [] });
      await expect.poll(async () => (await askOne(name)).errorCode, { timeout: 10_000 }).toBe(0);
    }
  });

  test("a name that collides with another does not come into being", async () => {
    await planeOf().createTopic("col.li.des");
    const request = { allowAutoTopicCreation: true };
    await askOne("col_li_des", request);
    await askOne("comes-later", request);
    await expect.poll(async () => (await askOne("comes-later")).errorCode, { timeout: 10_000 }).toBe(0);
    expect((await askOne("col_li_des")).errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });

  test("topics by id", async () => {
    const { name, topicId } = await newTopic(planeOf());
    const other = await newTopic(planeOf());
    expect((await ask(12, [{ name: null, topicId }])).topics).toMatchObject([{ errorCode: 0, name, topicId }]);
    const unknown = { errorCode: ErrorCode.UNKNOWN_TOPIC_ID, name: null, topicId: UNKNOWN_ID, partitions: [] };
    expect((await ask(12, [{ name: null, topicId: UNKNOWN_ID }])).topics).toMatchObject([unknown]);
    expect((await ask(12, [{ name, topicId: UNKNOWN_ID }])).topics).toMatchObject([unknown]); // the id counts
    const mixed = await ask(12, [{ name: other.name }, { name: null, topicId }]);
    expect(names(mixed.topics)).toEqual([name]);
    const neither = differs<number>(planeOf(), ErrorCode.UNKNOWN_SERVER_ERROR, ErrorCode.UNKNOWN_TOPIC_ID);
    expect((await ask(12, [{ name: null }])).topics.map(({ errorCode }) => errorCode)).toEqual([neither]);
  });

  test("before version 12 a topic has a name and nothing else", async () => {
    const { name, topicId } = await newTopic(planeOf());
    for (const topic of [{ name: null }, { name, topicId }]) {
      const { topics } = await ask(10, [topic]);
      expect(topics.map(({ errorCode }) => errorCode)).toEqual([ErrorCode.INVALID_REQUEST]);
    }
  });

  test("authorized operations, where they are asked for", async () => {
    const { name } = await newTopic(planeOf());
    const both = { includeTopicAuthorizedOperations: true, includeClusterAuthorizedOperations: true };
    const response = await ask(8, [{ name }, { name: "no-such-topic" }], both);
    expect(response.clusterAuthorizedOperations).toBe(CLUSTER_OPERATIONS);
    expect(response.topics.map((topic) => topic.topicAuthorizedOperations)).toEqual([
      TOPIC_OPERATIONS,
      TOPIC_OPERATIONS,
    ]);
    expect((await ask(10, [{ name }])).clusterAuthorizedOperations).toBe(NOT_ASKED);
    const later = await ask(13, [{ name }], { includeTopicAuthorizedOperations: true });
    expect(later.topics[0]?.topicAuthorizedOperations).toBe(TOPIC_OPERATIONS);
  });
}
