/**
 * State that is nothing but a compacted topic: every change is a record, the newest of each key stays, and whoever starts reads the
 * topic and has the state. Run with `npm run example -- event-sourcing`.
 */
import kafkajs from "kafkajs";
import { startCluster } from "../../index.ts";
import { clientOf, conclude, readUntil, say, until } from "../story.ts";

const PRODUCTS = 50;
const ROUNDS = 40;
const REMOVED = 7;

await using cluster = await startCluster({ settings: { "log.cleaner.backoff.ms": 100 } });
const configs = { "cleanup.policy": "compact", "segment.ms": "200", "min.cleanable.dirty.ratio": "0.01" };
// Nothing is compacted in its first hour, until we say otherwise.
await cluster.createTopic("stock", { partitions: 1, configs: { ...configs, "min.compaction.lag.ms": "3600000" } });
const kafka = clientOf(cluster, "stock");
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
await producer.connect();

const stock = new Map<string, number>();
let written = 0;
for (let round = 0; round < ROUNDS; round++) {
  const messages = Array.from({ length: PRODUCTS }, (_, i) => {
    const product = `product-${i}`;
    // A record without a value removes what its key stands for.
    if (round === ROUNDS - 1 && i % REMOVED === 0) {
      stock.delete(product);
      return { key: product, value: null };
    }
    const count = round * 10 + i;
    stock.set(product, count);
    return { key: product, value: String(count) };
  });
  written += messages.length;
  await producer.send({ topic: "stock", messages });
}
say(`${written} changes of ${PRODUCTS} products are written; ${stock.size} products are left`);

/** Builds the state from the topic, up to the newest change. */
async function restore(): Promise<{ state: Map<string, number>; read: number }> {
  const state = new Map<string, number>();
  let read = 0;
  let end = false;
  const mark = `end-${Math.random()}`;
  await producer.send({ topic: "stock", messages: [{ key: "mark", value: mark }] });
  await readUntil(
    kafka,
    ["stock"],
    ({ message: { key, value } }) => {
      const name = String(key);
      if (name === "mark") end ||= String(value) === mark;
      else if (value === null) state.delete(name);
      else state.set(name, Number(String(value)));
      if (name !== "mark") read++;
    },
    () => end,
  );
  return { state, read };
}

const before = await restore();
say(`a service that starts now reads ${before.read} records to have the state`);
const admin = kafka.admin();
await admin.connect();
const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
await admin.alterConfigs({
  validateOnly: false,
  resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: "stock", configEntries }],
});
await admin.disconnect();
let after = before;
const deadline = performance.now() + 30_000;
while (after.read > 2 * PRODUCTS && performance.now() < deadline) {
  const next = performance.now() + 200;
  await until(() => performance.now() > next);
  after = await restore();
}
say(`after compaction it reads ${after.read}`);
await producer.disconnect();
const text = (state: Map<string, number>) => JSON.stringify([...state].sort());
const good = [before, after].every(({ state }) => text(state) === text(stock)) && after.read < before.read;
conclude(good, "both have the same state, the one that was written");
