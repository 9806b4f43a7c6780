/** A leader is killed, another takes over, and a real client goes on. */
import { Kafka, logLevel } from "kafkajs";
import { expect, test } from "vitest";
import { startCluster } from "../../cluster/start-cluster.ts";

test("a killed leader is replaced, nothing acknowledged is lost, and the node comes back in sync", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic("payments", { partitions: 3, configs: { "min.insync.replicas": "2" } });
  const kafka = new Kafka({
    brokers: cluster.bootstrapServers.split(","),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 20, retries: 50, maxRetryTime: 100 },
  });
  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  await producer.send({ topic: "payments", acks: -1, messages: [{ value: "before", partition: 0 }] });
  const leader = cluster.leaderOf("payments", 0);
  await cluster.node(leader).kill();
  const next = await cluster.waitUntil.leaderChanged("payments", 0, { from: leader });
  expect(next).not.toBe(leader);
  await producer.send({ topic: "payments", acks: -1, messages: [{ value: "after", partition: 0 }] });
  await cluster.node(leader).restart();
  await cluster.waitUntil.fullyReplicated("payments");
  const consumer = kafka.consumer({ groupId: "g", maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic: "payments", fromBeginning: true });
  const seen: string[] = [];
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: ({ message }) => {
        seen.push(String(message.value));
        if (seen.length === 2) resolve();
        return Promise.resolve();
      },
    });
  });
  expect(seen).toEqual(["before", "after"]);
  await consumer.disconnect();
  await producer.disconnect();
});
