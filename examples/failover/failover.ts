/**
 * A leader is killed, another takes over, a client goes on: run with `npm run example -- failover`.
 */
import { Kafka, logLevel } from "kafkajs";
import { startCluster } from "../../index.ts";

const started = performance.now();
const say = (line: string): void => {
  const seconds = ((performance.now() - started) / 1000).toFixed(2);
  process.stdout.write(`${seconds.padStart(6)} s  ${line}\n`);
};

await using cluster = await startCluster({ nodes: 3 });
say(`three nodes serve at ${cluster.bootstrapServers}`);
await cluster.createTopic("payments", { partitions: 1, replicationFactor: 3, configs: { "min.insync.replicas": "2" } });
const first = cluster.leaderOf("payments", 0);
say(`the topic "payments" lies on all three; node ${first} leads it`);

const kafka = new Kafka({
  clientId: "shop",
  brokers: cluster.bootstrapServers.split(","),
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 20, maxRetryTime: 100, retries: 100 },
});
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
await producer.connect();

let acknowledged = 0;
let stopped = false;
let longestGapMs = 0;
const shopping = (async () => {
  let last = performance.now();
  while (!stopped) {
    await producer.send({ topic: "payments", acks: -1, messages: [{ value: `payment ${acknowledged}` }] });
    longestGapMs = Math.max(longestGapMs, performance.now() - last);
    last = performance.now();
    acknowledged++;
  }
})();
const reached = async (count: number): Promise<void> => {
  while (acknowledged < count) await new Promise((resolve) => setImmediate(resolve));
};

await reached(200);
say(`a client has ${acknowledged} payments acknowledged by every in-sync replica`);
longestGapMs = 0;
const killedAt = performance.now();
await cluster.node(first).kill();
say(`node ${first} is killed: no goodbye, its sockets are reset`);
const second = await cluster.waitUntil.leaderChanged("payments", 0, { from: first });
say(`node ${second} leads now, ${Math.round(performance.now() - killedAt)} ms after the kill`);
await reached(acknowledged + 200);
say(`the client went on; its longest wait for an acknowledgement was ${Math.round(longestGapMs)} ms`);
await cluster.node(first).restart();
await cluster.waitUntil.inSyncReplicas("payments", 0, [1, 2, 3]);
say(`node ${first} is back, has caught up and is in sync again`);
stopped = true;
await shopping;
await producer.disconnect();

const consumer = kafka.consumer({ groupId: "audit", maxWaitTimeInMs: 100 });
await consumer.connect();
await consumer.subscribe({ topic: "payments", fromBeginning: true });
const seen: string[] = [];
await new Promise<void>((resolve, reject) => {
  consumer
    .run({
      eachMessage: ({ message }) => {
        seen.push(String(message.value));
        if (seen.length === acknowledged) resolve();
        return Promise.resolve();
      },
    })
    .catch(reject);
});
const expected = Array.from({ length: acknowledged }, (_, i) => `payment ${i}`);
const intact = seen.every((value, i) => value === expected[i]);
say(
  `all ${acknowledged} acknowledged payments are there, ${intact ? "in order, each once" : "BUT NOT IN ORDER OR NOT ONCE"}`,
);
await consumer.disconnect();
process.exitCode = intact ? 0 : 1;
