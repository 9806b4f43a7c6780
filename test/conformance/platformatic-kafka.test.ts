/** @platformatic/kafka: only newer, flexible versions (Metadata 9, Fetch 12, JoinGroup 6 and up). */
import * as zlib from "node:zlib";
import {
  Admin,
  Consumer,
  type MessagesStream,
  Producer,
  stringDeserializers,
  stringSerializers,
} from "@platformatic/kafka";
import { afterAll, describe } from "vitest";
import { type ClientUnderTest, describeClient, type Received } from "../support/client-contract.ts";
import type { Codec } from "../support/cluster-probe.ts";

type Stream = MessagesStream<string, string, string, string>;

/** Its zstd is Node's own, which older releases lack. */
const CODECS: readonly Codec[] = [
  "none",
  "gzip",
  "snappy",
  "lz4",
  ...("zstdCompressSync" in zlib ? ["zstd" as const] : []),
];

/** What is open is closed, also when a test fails. */
const open = new Set<() => Promise<void>>();

function platformaticClient(bootstrapServers: string): ClientUnderTest {
  const connection = { clientId: "platformatic", bootstrapBrokers: bootstrapServers.split(",") };

  async function consume(
    topic: string,
    groupId: string,
    receive: (record: Received) => void,
  ): Promise<() => Promise<void>> {
    const consumer = new Consumer({
      ...connection,
      groupId,
      deserializers: stringDeserializers,
      heartbeatInterval: 300,
      maxWaitTime: 200,
      autocommit: false,
    });
    const stream: Stream = await consumer.consume({ topics: [topic], mode: "committed", fallbackMode: "earliest" });
    const commits = new Set<Promise<void>>();
    stream.on("data", (message) => {
      const { partition, offset, key, value } = message;
      receive({ partition, offset: Number(offset), key, value });
      // Its own automatic commit may lose the last one when it closes meanwhile. During a rebalance a commit is refused.
      const commit = Promise.resolve(message.commit()).catch(() => {});
      commits.add(commit);
      void commit.then(() => commits.delete(commit));
    });
    const close = async () => {
      open.delete(close);
      await Promise.all(commits);
      await stream.close();
      await consumer.close();
    };
    open.add(close);
    return close;
  }

  return {
    codecs: CODECS,
    createTopic: async (topic, partitions) => {
      const admin = new Admin(connection);
      await admin.createTopics({ topics: [topic], partitions, replicas: -1 });
      await admin.close();
    },
    produce: async (topic, codec, records) => {
      const producer = new Producer({ ...connection, serializers: stringSerializers });
      const messages = records.map((record) => ({ topic, ...record }));
      await producer.send({ messages, compression: codec, acks: -1 });
      await producer.close();
    },
    readAlone: async (topic, count) => {
      // It may deliver again what it fetched while it joined.
      const all = new Map<string, Received>();
      let done = () => {};
      const complete = new Promise<void>((resolve) => {
        done = resolve;
      });
      // It has no consumer without a group.
      const close = await consume(topic, `alone-${topic}`, (record) => {
        all.set(`${record.partition} ${record.offset}`, record);
        if (all.size === count) done();
      });
      await complete;
      await close();
      return [...all.values()];
    },
    join: async (topic, group, receive) => ({ leave: await consume(topic, group, receive) }),
  };
}

describe("@platformatic/kafka", () => {
  describeClient(platformaticClient, CODECS);
  afterAll(async () => {
    await Promise.all([...open].map((close) => close()));
  });
});
