/**
 * At most once, at least once, exactly once, side by side: three copies of a topic, each by a program that crashes on its way. Run with
 * `npm run example -- delivery-guarantees`.
 */
import type { Consumer, EachMessagePayload, Kafka, Producer } from "kafkajs";
import { startCluster } from "../../index.ts";
import { clientOf, conclude, memberOf, readUntil, say, until } from "../story.ts";

const RECORDS = 60;
const CRASHES_AT = [15, 40];

class Crash extends Error {}

/** Copies one record, and crashes in the middle of it when it is told to. */
type CopyOne = (payload: EachMessagePayload, around: Around, crash: () => void) => Promise<void>;

interface Around {
  readonly consumer: Consumer;
  readonly producer: Producer;
  readonly to: string;
  readonly group: string;
}

const next = ({ message }: EachMessagePayload) => String(Number(message.offset) + 1);

/** The place is committed first: what was not copied yet when it crashes is lost. */
const atMostOnce: CopyOne = async (payload, { consumer, producer, to }, crash) => {
  const { topic, partition, message } = payload;
  await consumer.commitOffsets([{ topic, partition, offset: next(payload) }]);
  crash();
  await producer.send({ topic: to, messages: [{ value: message.value }] });
};

/** The place is committed last: what was copied already when it crashes is copied again. */
const atLeastOnce: CopyOne = async (payload, { consumer, producer, to }, crash) => {
  const { topic, partition, message } = payload;
  await producer.send({ topic: to, messages: [{ value: message.value }] });
  crash();
  await consumer.commitOffsets([{ topic, partition, offset: next(payload) }]);
};

/** Copy and place are one transaction: neither is there without the other. */
const exactlyOnce: CopyOne = async (payload, { producer, to, group }, crash) => {
  const { topic, partition, message } = payload;
  const transaction = await producer.transaction();
  await transaction.send({ topic: to, messages: [{ value: message.value }] });
  crash();
  const topics = [{ topic, partitions: [{ partition, offset: next(payload) }] }];
  await transaction.sendOffsets({ consumerGroupId: group, topics });
  await transaction.commit();
};

/** Runs a copying program, and starts it again whenever it has crashed; how often each record is in the copy. */
async function copy(kafka: Kafka, name: string, copyOne: CopyOne): Promise<number[]> {
  const [to, group] = [`copy-${name}`, `copiers-${name}`];
  let last = -1;
  let handled = 0;
  for (const crashesAt of [...CRASHES_AT, Number.POSITIVE_INFINITY]) {
    const transactional = copyOne === exactlyOnce ? { transactionalId: group } : {};
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, ...transactional });
    await producer.connect();
    const consumer = await memberOf(kafka, group, ["source"]);
    let crashed = false;
    const crash = (): void => {
      if (++handled !== crashesAt) return;
      crashed = true;
      throw new Crash();
    };
    await consumer.run({
      autoCommit: false,
      eachMessage: async (payload) => {
        if (crashed) throw new Crash();
        await copyOne(payload, { consumer, producer, to, group }, crash);
        last = Number(payload.message.offset);
      },
    });
    await until(() => crashed || last === RECORDS - 1);
    await consumer.disconnect();
    // A dead program commits nothing and aborts nothing.
    await producer.disconnect();
  }
  const counts = new Array<number>(RECORDS).fill(0);
  await readUntil(
    kafka,
    [to],
    ({ message }) => {
      const record = Number(String(message.value));
      counts[record] = (counts[record] ?? 0) + 1;
    },
    () => (counts[RECORDS - 1] ?? 0) > 0,
  );
  return counts;
}

await using cluster = await startCluster();
await cluster.createTopic("source");
for (const name of ["most", "least", "exactly"]) await cluster.createTopic(`copy-${name}`);
const kafka = clientOf(cluster, "copies");
const producer = kafka.producer({ idempotent: true });
await producer.connect();
const messages = Array.from({ length: RECORDS }, (_, i) => ({ value: String(i) }));
await producer.send({ topic: "source", messages });
await producer.disconnect();
say(`${RECORDS} records; three programs copy them, and each crashes ${CRASHES_AT.length} times in the middle of one`);

const told: { lost: number; twice: number }[] = [];
for (const [name, title, copyOne] of [
  ["most", "at most once", atMostOnce],
  ["least", "at least once", atLeastOnce],
  ["exactly", "exactly once", exactlyOnce],
] as const) {
  const counts = await copy(kafka, name, copyOne);
  const [lost, twice] = [counts.filter((count) => count === 0).length, counts.filter((count) => count > 1).length];
  told.push({ lost, twice });
  say(`${title.padEnd(13)}: ${lost} lost, ${twice} twice`);
}
const [most, least, exactly] = told;
const good =
  most?.twice === 0 &&
  most.lost > 0 &&
  least?.lost === 0 &&
  least.twice > 0 &&
  exactly?.lost === 0 &&
  exactly.twice === 0;
conclude(good, "each keeps its promise, and no more");
