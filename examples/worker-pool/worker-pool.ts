/**
 * Many workers for one partition, and still everything of a key in order: a queue for each key, and the committed offset stops before
 * the first message that is not done. Run with `npm run example -- worker-pool`.
 */
import { startCluster } from "../../index.ts";
import { clientOf, conclude, memberOf, say, until } from "../story.ts";

const KEYS = 8;
const MESSAGES = 160;
const WORK_MS = 10;

await using cluster = await startCluster();
await cluster.createTopic("events", { partitions: 1 });
const kafka = clientOf(cluster, "pool");

/** Runs what belongs to one key one after the other, and different keys side by side. */
class WorkerPool {
  busy = 0;
  mostBusy = 0;
  private readonly tails = new Map<string, Promise<void>>();

  submit(key: string, work: () => Promise<void>): Promise<void> {
    const run = async (): Promise<void> => {
      this.mostBusy = Math.max(this.mostBusy, ++this.busy);
      await work();
      this.busy--;
    };
    const done = (this.tails.get(key) ?? Promise.resolve()).then(run);
    this.tails.set(key, done);
    return done;
  }
}

const producer = kafka.producer({ idempotent: true });
await producer.connect();
const messages = Array.from({ length: MESSAGES }, (_, i) => ({ key: `key-${i % KEYS}`, value: String(i) }));
await producer.send({ topic: "events", messages });
await producer.disconnect();

const pool = new WorkerPool();
const handled = new Map<string, number[]>();
const started = performance.now();
const consumer = await memberOf(kafka, "pool", ["events"]);
let committed = 0;
await consumer.run({
  eachBatchAutoResolve: false,
  eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary, heartbeat }) => {
    const done = batch.messages.map((message) => {
      const key = String(message.key);
      return pool.submit(key, async () => {
        await new Promise((resolve) => setTimeout(resolve, WORK_MS));
        handled.set(key, [...(handled.get(key) ?? []), Number(String(message.value))]);
      });
    });
    // In the order of the log: an offset counts once everything before it is done.
    for (const [i, message] of batch.messages.entries()) {
      await done[i];
      resolveOffset(message.offset);
      committed = Number(message.offset) + 1;
      await heartbeat();
    }
    await commitOffsetsIfNecessary();
  },
});
await until(() => committed === MESSAGES);
const tookMs = Math.round(performance.now() - started);
await consumer.disconnect();

const inOrder = [...handled.values()].every((values) =>
  values.every((value, i) => i === 0 || value > (values[i - 1] ?? -1)),
);
const all = [...handled.values()].flat().length;
say(`${all} messages of ${WORK_MS} ms each took ${tookMs} ms, with up to ${pool.mostBusy} at the same time`);
conclude(inOrder && all === MESSAGES && pool.mostBusy > 1, `each of ${handled.size} keys was handled in its order`);
