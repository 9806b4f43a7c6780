/** Topics that come into being because somebody asked for them. */
import { expect, test } from "vitest";
import { AutoTopicCreation, type InternalTopicSettings } from "../../../broker/metadata/auto-topic-creation.ts";
import type { ControllerPort } from "../../../broker/ports.ts";
import { CreateTopics, type CreateTopicsRequest } from "../../../protocol/messages/topics.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { endOfTurn } from "../partition/partition-world.ts";

type Request = Decode<typeof CreateTopicsRequest>;

const SETTINGS: InternalTopicSettings = {
  ...{ offsetsTopicNumPartitions: 50, offsetsTopicReplicationFactor: 3, offsetsTopicSegmentBytes: 104_857_600 },
  ...{ transactionStateLogNumPartitions: 50, transactionStateLogReplicationFactor: 3, transactionStateLogMinIsr: 2 },
  ...{
    transactionStateLogSegmentBytes: 104_857_600,
    shareStateTopicNumPartitions: 50,
    shareStateTopicReplicationFactor: 3,
  },
  ...{ shareStateTopicMinIsr: 2, shareStateTopicSegmentBytes: 104_857_600 },
};

function world() {
  const asked: { readonly version: number; readonly request: Request; readonly settle: (failed?: Error) => void }[] =
    [];
  const controller: ControllerPort = {
    forward: (api, version, request) =>
      new Promise((resolve, reject) => {
        expect(api.key).toBe(CreateTopics.key);
        const settle = (failed?: Error) => (failed === undefined ? resolve({ topics: [] } as never) : reject(failed));
        asked.push({ version, request: request as unknown as Request, settle });
      }),
    allocateProducerIds: () => Promise.reject(new Error("not asked for here")),
  };
  const warned: string[] = [];
  const log = { warn: (_fields: unknown, message: string) => void warned.push(message) };
  return { asked, warned, topics: new AutoTopicCreation(controller, SETTINGS, new ManualClock(), log) };
}

const ANYBODY = { principalType: "User", principalName: "ANONYMOUS", clientId: "", clientHost: "127.0.0.1" };

const names = (request: Request | undefined) => request?.topics.map(({ name }) => name);

test("each topic is asked for once at a time, and again after an answer or a failure", async () => {
  const { asked, topics } = world();
  topics.request(["a", "b"]);
  topics.request(["b", "c"]);
  topics.request(["a"]);
  expect(asked.map(({ request }) => names(request))).toEqual([["a", "b"], ["c"]]);
  asked[0]?.settle();
  asked[1]?.settle(new Error("no controller"));
  await endOfTurn();
  topics.request(["a", "c"]);
  expect(names(asked[2]?.request)).toEqual(["a", "c"]);
});

test("more than the controller takes at once are not asked for, which is said, internal ones always", async () => {
  const { asked, warned, topics } = world();
  const many = Array.from({ length: 10_001 }, (_, i) => `topic-${i}`);
  topics.request(many);
  expect(asked).toHaveLength(0);
  topics.request(many.slice(1));
  topics.request(["one-more", "__consumer_offsets"]);
  const reason = "no more than 10000 topics are created at once";
  expect(warned).toEqual([`topics are not created: ${reason}`, `topics are not created: ${reason}`]);
  topics.requestAs([topics.newTopic("mine")], ANYBODY, 1000);
  expect([topics.refusals.of("mine"), topics.refusals.of("one-more"), warned.length]).toEqual([reason, undefined, 2]);
  expect(asked.map(({ request }) => names(request)?.length)).toEqual([10_000, 1]);
  asked[0]?.settle();
  await endOfTurn();
  topics.request(["one-more"]);
  expect(names(asked[2]?.request)).toEqual(["one-more"]);
});

test("why an internal topic cannot be created is said once", async () => {
  const { asked, warned, topics } = world();
  for (const reason of ["segment.bytes is too small", "segment.bytes is too small", "no brokers"]) {
    topics.request(["__consumer_offsets", "a"]);
    asked.at(-1)?.settle(new Error(reason));
    await endOfTurn();
  }
  expect(warned).toEqual(["an internal topic cannot be created", "an internal topic cannot be created"]);
});

test("an ordinary topic has the controller's defaults, internal ones the broker's settings", () => {
  const { asked, topics } = world();
  topics.request(["a", "__consumer_offsets", "__transaction_state", "__share_group_state"]);
  const [plain, offsets, transactions, share] = asked[0]?.request.topics ?? [];
  const configs = (topic: typeof plain) =>
    Object.fromEntries(topic?.configs.map(({ name, value }) => [name, value]) ?? []);
  expect(plain).toMatchObject({ numPartitions: -1, replicationFactor: -1, configs: [], assignments: [] });
  expect(offsets).toMatchObject({ numPartitions: 50, replicationFactor: 3 });
  expect(configs(offsets)).toMatchObject({ "cleanup.policy": "compact", "segment.bytes": "104857600" });
  expect(configs(transactions)).toMatchObject({
    "cleanup.policy": "compact",
    "min.insync.replicas": "2",
    "compression.type": "uncompressed",
  });
  expect(configs(share)).toMatchObject({ "cleanup.policy": "delete", "retention.ms": "-1" });
});
