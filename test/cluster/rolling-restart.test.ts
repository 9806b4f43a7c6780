/** R164: every node is stopped and started in turn while an idempotent producer goes on. */
import { Kafka, logLevel } from "kafkajs";
import { expect, test } from "vitest";
import { startCluster } from "../../cluster/start-cluster.ts";
import { readBack } from "../../scripts/soak/read-back.ts";

test("R164: a rolling restart loses nothing, doubles nothing, and nobody waits for long", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic("t", { configs: { "min.insync.replicas": "2" } });
  const kafka = new Kafka({
    brokers: cluster.bootstrapServers.split(","),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 20, retries: 100, maxRetryTime: 100 },
  });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  let acknowledged = 0;
  let longestMs = 0;
  let isOver = false;
  const producing = (async () => {
    while (!isOver) {
      const startedMs = performance.now();
      await producer.send({ topic: "t", acks: -1, messages: [{ key: "k", value: String(acknowledged) }] });
      longestMs = Math.max(longestMs, performance.now() - startedMs);
      acknowledged++;
    }
  })();
  for (const { id } of cluster.nodes) {
    const before = acknowledged;
    await cluster.node(id).stop();
    await cluster.node(id).restart();
    await cluster.waitUntil.fullyReplicated("t");
    while (acknowledged < before + 20) await new Promise((resolve) => setImmediate(resolve));
  }
  isOver = true;
  await producing;
  await producer.disconnect();
  const [records] = await readBack("t", [cluster.node(cluster.leaderOf("t", 0)).address]);
  expect(records?.map(({ sequence }) => sequence)).toEqual(Array.from({ length: acknowledged }, (_, i) => i));
  expect(longestMs).toBeLessThan(5000);
});
