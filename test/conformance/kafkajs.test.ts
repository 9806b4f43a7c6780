/** kafkajs: old versions of every API (Produce 7, Fetch 11, JoinGroup 5), gzip as the only codec it carries. */
import { CompressionTypes, type Consumer, Kafka, logLevel, type Message } from "kafkajs";
import { afterAll, describe } from "vitest";
import { type ClientUnderTest, describeClient, type Received } from "../support/client-contract.ts";
import type { Codec } from "../support/cluster-probe.ts";

const CODECS: readonly Codec[] = ["none", "gzip"];

/** What is connected is disconnected, also when a test fails. */
const open = new Set<Consumer>();

function kafkajsClient(bootstrapServers: string): ClientUnderTest {
  const kafka = new Kafka({ brokers: bootstrapServers.split(","), logLevel: logLevel.NOTHING });

  async function consume(topic: string, groupId: string, receive: (record: Received) => void): Promise<Consumer> {
    const consumer = kafka.consumer({ groupId, heartbeatInterval: 300, maxWaitTimeInMs: 200 });
    open.add(consumer);
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ eachMessage: async ({ partition, message }) => receive(received(partition, message)) });
    return consumer;
  }

  async function disconnect(consumer: Consumer): Promise<void> {
    await consumer.disconnect();
    open.delete(consumer);
  }

  return {
    codecs: CODECS,
    createTopic: async (topic, numPartitions) => {
      const admin = kafka.admin();
      await admin.connect();
      await admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true });
      await admin.disconnect();
    },
    produce: async (topic, codec, records) => {
      const producer = kafka.producer();
      await producer.connect();
      const compression = codec === "gzip" ? CompressionTypes.GZIP : CompressionTypes.None;
      await producer.send({ topic, compression, messages: [...records], acks: -1 });
      await producer.disconnect();
    },
    readAlone: async (topic, count) => {
      const all: Received[] = [];
      let done = () => {};
      const complete = new Promise<void>((resolve) => {
        done = resolve;
      });
      // It has no consumer without a group.
      const consumer = await consume(topic, `alone-${topic}`, (record) => {
        all.push(record);
        if (all.length === count) done();
      });
      await complete;
      await disconnect(consumer);
      return all;
    },
    join: async (topic, group, receive) => {
      const consumer = await consume(topic, group, receive);
      return { leave: () => disconnect(consumer) };
    },
  };
}

function received(partition: number, message: Message & { offset: string }): Received {
  const { key, value, offset } = message;
  return { partition, offset: Number(offset), key: String(key), value: String(value) };
}

describe("kafkajs", () => {
  describeClient(kafkajsClient, CODECS);
  afterAll(async () => {
    await Promise.all([...open].map((consumer) => consumer.disconnect()));
  });
});
