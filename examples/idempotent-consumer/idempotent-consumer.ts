/**
 * A consumer that may see a message twice and acts once: it keeps the ids it has handled together with what it did. Run with
 * `npm run example -- idempotent-consumer`.
 */
import { startCluster } from "../../index.ts";
import { clientOf, conclude, memberOf, say, until } from "../story.ts";

const PAYMENTS = 100;
const CRASHES_AT = [25, 60];

await using cluster = await startCluster();
await cluster.createTopic("payments", { partitions: 2 });
const kafka = clientOf(cluster, "ledger");

/** Stands for a database: both lines are one transaction of it. */
class Database {
  total = 0;
  private readonly handled = new Set<string>();

  /** False when this payment was booked before. */
  book(id: string, amount: number): boolean {
    if (this.handled.has(id)) return false;
    this.handled.add(id);
    this.total += amount;
    return true;
  }
}

const database = new Database();
let deliveries = 0;
let again = 0;

/** Works until it crashes, after so many deliveries: what it did since the last commit is done and not committed. */
async function work(crashesAt: number): Promise<void> {
  const consumer = await memberOf(kafka, "ledger", ["payments"]);
  let crashed = false;
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ topic, partition, message }) => {
      if (crashed) throw new Error("crashed");
      deliveries++;
      if (!database.book(String(message.key), Number(String(message.value)))) again++;
      if (deliveries === crashesAt) {
        crashed = true;
        throw new Error("crashed");
      }
      // Every tenth: what comes between is delivered again after a crash.
      if (deliveries % 10 === 0) {
        await consumer.commitOffsets([{ topic, partition, offset: String(Number(message.offset) + 1) }]);
      }
    },
  });
  await until(() => crashed || deliveries - again >= PAYMENTS);
  await consumer.disconnect();
  if (crashed) say(`the consumer crashes after ${deliveries} deliveries`);
}

const producer = kafka.producer({ idempotent: true });
await producer.connect();
const payments = Array.from({ length: PAYMENTS }, (_, i) => ({ key: `payment-${i}`, value: String(i) }));
await producer.send({ topic: "payments", messages: payments });
await producer.disconnect();
for (const crashesAt of [...CRASHES_AT, Number.POSITIVE_INFINITY]) await work(crashesAt);
const expected = (PAYMENTS * (PAYMENTS - 1)) / 2;
say(`${deliveries} deliveries of ${PAYMENTS} payments; ${again} came again and were known`);
conclude(database.total === expected && again > 0, `booked ${database.total}, as was paid: each payment once`);
