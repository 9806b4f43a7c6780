/**
 * What the examples share: lines with the time in front, a client that is patient with a cluster whose nodes come and go, waiting.
 */
import { type Consumer, type EachMessagePayload, Kafka, logLevel } from "kafkajs";
import type { Cluster } from "../index.ts";

const started = performance.now();

export function say(line: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(2);
  process.stdout.write(`${seconds.padStart(6)} s  ${line}\n`);
}

/** Ends the story: whether it ended as it should. */
export function conclude(good: boolean, line: string): void {
  say(`${good ? "" : "WRONG: "}${line}`);
  process.exitCode = good ? 0 : 1;
}

export function clientOf(cluster: Cluster, clientId: string): Kafka {
  return new Kafka({
    clientId,
    brokers: cluster.bootstrapServers.split(","),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 20, maxRetryTime: 100, retries: 500 },
  });
}

/** Waits for a condition, a turn of the loop at a time. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

/** A member of a group that reads a topic from its beginning. */
export async function memberOf(kafka: Kafka, groupId: string, topics: string[]): Promise<Consumer> {
  const consumer = kafka.consumer({ groupId, heartbeatInterval: 300, maxWaitTimeInMs: 50, readUncommitted: false });
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning: true });
  return consumer;
}

/** Reads topics until there was enough, in a group of its own. */
export async function readUntil(
  kafka: Kafka,
  topics: string[],
  receive: (payload: EachMessagePayload) => void,
  isEnough: () => boolean,
): Promise<void> {
  const consumer = await memberOf(kafka, `reader-of-${topics.join("-")}-${++readers}`, topics);
  const eachMessage = (payload: EachMessagePayload): Promise<void> => {
    receive(payload);
    return Promise.resolve();
  };
  await consumer.run({ eachMessage });
  await until(isEnough);
  await consumer.disconnect();
}

let readers = 0;
