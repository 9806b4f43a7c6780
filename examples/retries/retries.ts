/**
 * A retry topic and a dead-letter queue: what fails is tried again later without holding up the rest, and what fails for good is put
 * aside with the reason. Run with `npm run example -- retries`.
 */
import type { IHeaders } from "kafkajs";
import { startCluster } from "../../index.ts";
import { clientOf, conclude, memberOf, readUntil, say, until } from "../story.ts";

const ORDERS = 30;
const MAX_ATTEMPTS = 3;
const RETRY_AFTER_MS = 50;

await using cluster = await startCluster();
for (const topic of ["orders", "orders-retry", "orders-dead"]) await cluster.createTopic(topic, { partitions: 2 });
const kafka = clientOf(cluster, "shop");
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
await producer.connect();

const attempts = new Map<number, number>();
const shipped: number[] = [];

/** Every third order fails once, every tenth always. */
function ship(order: number): void {
  const attempt = (attempts.get(order) ?? 0) + 1;
  attempts.set(order, attempt);
  if (order % 10 === 0) throw new Error("there is no such address");
  if (order % 3 === 0 && attempt === 1) throw new Error("the warehouse does not answer");
  shipped.push(order);
}

function attemptOf(headers: IHeaders | undefined): number {
  return Number(String(headers?.attempt ?? 0));
}

const worker = await memberOf(kafka, "shipping", ["orders", "orders-retry"]);
await worker.run({
  eachMessage: async ({ topic, message: { key, value, headers } }) => {
    const due = Number(String(headers?.due ?? 0));
    if (topic === "orders-retry") await until(() => Date.now() >= due);
    try {
      ship(Number(String(value)));
    } catch (error) {
      const attempt = attemptOf(headers) + 1;
      const isDead = attempt >= MAX_ATTEMPTS;
      const next = { attempt: String(attempt), due: String(Date.now() + RETRY_AFTER_MS), reason: String(error) };
      // Before the offset is committed: should this worker die in between, the order is tried again rather than lost.
      await producer.send({
        topic: isDead ? "orders-dead" : "orders-retry",
        messages: [{ key, value, headers: next }],
      });
    }
  },
});
const orders = Array.from({ length: ORDERS }, (_, order) => ({ key: String(order), value: String(order) }));
await producer.send({ topic: "orders", messages: orders });
say(`${ORDERS} orders are placed; every third fails at first, every tenth always`);

const dead: string[] = [];
const isSettled = () => shipped.length + dead.length >= ORDERS;
await readUntil(
  kafka,
  ["orders-dead"],
  ({ message }) => {
    dead.push(`order ${message.value} after ${message.headers?.attempt} attempts: ${message.headers?.reason}`);
  },
  isSettled,
);
for (const line of dead) say(`put aside: ${line}`);
await worker.disconnect();
await producer.disconnect();
const good = new Set(shipped).size === shipped.length && dead.length === ORDERS / 10;
conclude(good, `${shipped.length} orders are shipped, ${dead.length} wait for somebody to look at them, none is lost`);
