/** A kafkajs producer as soak/clients.ts describes it: idempotent, acks=all, one send in flight for each partition. */
import { setTimeout as sleep } from "node:timers/promises";
import { Kafka, logLevel } from "kafkajs";

const PAUSE_MS = 5;
const KEYS = 16;

const [bootstrap = "", topic = "", partitions = "0"] = process.argv.slice(2);
const kafka = new Kafka({
  clientId: "soak",
  brokers: bootstrap.split(","),
  logLevel: logLevel.NOTHING,
  connectionTimeout: 1000,
  // It never gives up: a record that was given up may have been written, and kafkajs would reuse its sequence number.
  retry: { initialRetryTime: 20, maxRetryTime: 100, retries: 100_000 },
});
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
await producer.connect();

let stopped = false;
process.stdin.resume();
process.stdin.on("end", () => {
  stopped = true;
});

async function write(partition: number): Promise<void> {
  let sequence = 0;
  while (!stopped) {
    const key = `${partition}-${sequence % KEYS}`;
    const [answer] = await producer.send({
      topic,
      acks: -1,
      messages: [{ partition, key, value: String(sequence) }],
    });
    process.stdout.write(`ack ${partition} ${sequence} ${answer?.baseOffset ?? -1} ${Date.now()}\n`);
    sequence++;
    await sleep(PAUSE_MS);
  }
  process.stdout.write(`sent ${partition} ${sequence}\n`);
}

await Promise.all(Array.from({ length: Number(partitions) }, (_, partition) => write(partition)));
await producer.disconnect();
