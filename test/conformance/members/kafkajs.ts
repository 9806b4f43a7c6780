/** A member of a group with kafkajs, in a process of its own so that it can be killed: `join BOOTSTRAP TOPIC GROUP`. */
import { Kafka, logLevel } from "kafkajs";
import { leaveWhenInputEnds, show } from "./lines.ts";

const [, bootstrapServers = "", topic = "", groupId = ""] = process.argv.slice(2);
const sessionTimeout = Number(process.env.SESSION_TIMEOUT_MS);
const kafka = new Kafka({
  brokers: bootstrapServers.split(","),
  logLevel: logLevel.ERROR,
  retry: { initialRetryTime: 50, maxRetryTime: 300, retries: 50 },
});
const consumer = kafka.consumer({ groupId, sessionTimeout, heartbeatInterval: 200, maxWaitTimeInMs: 100 });
await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
await consumer.run({
  autoCommitInterval: 100,
  eachMessage: async ({ partition, message: { offset, key, value } }) => show(partition, offset, key, value),
});
leaveWhenInputEnds(() => consumer.disconnect());
