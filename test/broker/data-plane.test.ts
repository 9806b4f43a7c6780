/** Produce and Fetch through a real client, against one broker whose metadata stands still. */
import { CompressionTypes, Kafka, logLevel } from "kafkajs";
import { afterEach, expect, test } from "vitest";
import { FixedBroker } from "../support/fixed-broker.ts";

let fixed: FixedBroker;
afterEach(() => fixed.close());

test("kafkajs produces and reads back, plain and with gzip, and a consumer that waits is woken", async () => {
  fixed = new FixedBroker();
  const address = await fixed.start();
  fixed.createTopic("__consumer_offsets", 1);
  fixed.createTopic("t", 2);
  const kafka = new Kafka({ brokers: [`${address.host}:${address.port}`], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  const consumer = kafka.consumer({ groupId: "g", maxWaitTimeInMs: 500 });
  await consumer.connect();
  await consumer.subscribe({ topic: "t", fromBeginning: true });
  const seen: string[] = [];
  const all = new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: ({ partition, message }) => {
        seen.push(`${partition}:${message.offset}:${message.value}`);
        if (seen.length === 6) resolve();
        return Promise.resolve();
      },
    });
  });
  await producer.send({
    topic: "t",
    acks: -1,
    messages: [
      { value: "a", partition: 0 },
      { value: "b", partition: 1 },
    ],
  });
  await producer.send({
    topic: "t",
    acks: -1,
    compression: CompressionTypes.GZIP,
    messages: ["c", "d", "e", "f"].map((value) => ({ value, partition: 0 })),
  });
  await all;
  expect(seen.sort()).toEqual(["0:0:a", "0:1:c", "0:2:d", "0:3:e", "0:4:f", "1:0:b"]);
  await producer.disconnect();
  await consumer.disconnect();
});
