/**
 * What is measured on every broker, and what we aim at. A row's figures are the medians of its rounds.
 *
 * Owns: the loads. Leaves to load.ts: how they are made; to ../kafka.ts: on which servers, in which turn.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { createTopic, deleteTopic, leaderOf } from "./admin.ts";
import { bareCost } from "./bare.ts";
import { consume, type ProduceLoad, produce, produceForever, produceRoundTrips, secondsToServing } from "./load.ts";
import type { Server } from "./servers.ts";

/** Figures of one measurement, by what they say. */
export type Figures = Readonly<Record<string, number>>;

export interface Course {
  readonly tool: string;
  /** Of the load; 1 is the whole. */
  readonly scale: number;
  readonly replicas: number;
  /** A topic nobody has used yet. */
  topic(): string;
}

export interface Row {
  readonly name: string;
  readonly title: string;
  readonly nodes: 1 | 3;
  /** For the table. */
  readonly aim: string;
  /** On a server of its own, which is not started yet, instead of one that serves all rows. */
  readonly alone?: boolean;
  measure(server: Server, course: Course): Promise<Figures>;
  /** The same without a broker: what the machine itself takes in this run. */
  bare?(scale: number): Promise<Figures>;
}

const PARTITIONS = 4;
const ROUND_TRIPS = 20_000;
const BARE_BYTES = 512e6;
/** Long enough for what is put off until after the start. */
const IDLE_MS = 2000;
/** How long a broker is under load before it is killed. */
const LOADED_MS = 4000;
const KIB = 1024;

const PLAIN_100: ProduceLoad = { valueBytes: 100, acks: 1, settings: {} };
const LARGE_BATCHES: ProduceLoad = { valueBytes: KIB, acks: 1, settings: { "batch.size": "1000000" } };
const SMALL_BATCHES: ProduceLoad = { valueBytes: KIB, acks: 1, settings: { "batch.size": "16384" } };
const IDEMPOTENT: ProduceLoad = { valueBytes: KIB, acks: -1, settings: { "enable.idempotence": "true" } };

/** Runs a load of so many bytes of values and puts the CPU the server used for it beside its speed. */
async function costOf(server: Server, valueBytes: number, run: () => Promise<number>): Promise<Figures> {
  const before = server.cpuSeconds();
  const megabytesPerSecond = await run();
  const cpuSeconds = server.cpuSeconds() - before;
  return { "MB/s": megabytesPerSecond, "CPU s/GB": cpuSeconds / (valueBytes / 1e9) };
}

async function inTopic<T>(server: Server, course: Course, work: (topic: string) => Promise<T>): Promise<T> {
  const topic = course.topic();
  await createTopic(server.bootstrap, topic, PARTITIONS, course.replicas);
  try {
    return await work(topic);
  } finally {
    await deleteTopic(server.bootstrap, topic);
  }
}

const producing =
  (load: ProduceLoad, megabytes: number): Row["measure"] =>
  (server, course) =>
    inTopic(server, course, (topic) => {
      const count = Math.round((megabytes * 1e6 * course.scale) / load.valueBytes);
      return costOf(server, count * load.valueBytes, () => produce(course.tool, server.bootstrap, topic, count, load));
    });

const consuming =
  (load: ProduceLoad, megabytes: number): Row["measure"] =>
  (server, course) =>
    inTopic(server, course, async (topic) => {
      const count = Math.round((megabytes * 1e6 * course.scale) / load.valueBytes);
      await produce(course.tool, server.bootstrap, topic, count, load);
      return costOf(server, count * load.valueBytes, () =>
        consume(course.tool, server.bootstrap, topic, PARTITIONS, count),
      );
    });

const roundTripping: Row["measure"] = (server, course) =>
  inTopic(server, course, async (topic) => {
    const address = await leaderOf(server.bootstrap, topic);
    const count = Math.round(ROUND_TRIPS * course.scale);
    const { medianMicros, p99Micros } = await produceRoundTrips(address, topic, count);
    return { "p50 µs": medianMicros, "p99 µs": p99Micros };
  });

const floor = (frameBytes: number) => async (scale: number) => {
  const one = await bareCost(1, frameBytes, BARE_BYTES * scale);
  const three = await bareCost(3, frameBytes, BARE_BYTES * scale);
  return { "CPU s/GB": one.cpuSecondsPerGigabyte, "CPU s/GB, three files": three.cpuSecondsPerGigabyte };
};

const startsAndRests: Row["measure"] = async (server, course) => {
  await server.start();
  const { readyMs } = server;
  await sleep(IDLE_MS);
  const idle = server.residentMegabytes();
  const loaded = await inTopic(server, course, async (topic) => {
    const count = Math.round((512e6 * course.scale) / KIB);
    await produce(course.tool, server.bootstrap, topic, count, LARGE_BATCHES);
    await consume(course.tool, server.bootstrap, topic, PARTITIONS, count);
    return server.residentMegabytes();
  });
  return { "ready ms": readyMs, "idle MB": idle, "loaded MB": loaded };
};

const comesBack: Row["measure"] = async (server, course) => {
  await server.start();
  const topic = course.topic();
  await createTopic(server.bootstrap, topic, PARTITIONS, course.replicas);
  const address = await leaderOf(server.bootstrap, topic);
  const load = produceForever(course.tool, server.bootstrap, topic, LARGE_BATCHES);
  await sleep(LOADED_MS);
  await server.kill();
  await load.kill();
  const started = server.start();
  const seconds = await secondsToServing(address, topic);
  await started;
  return { s: seconds };
};

export const ROWS: readonly Row[] = [
  {
    ...{ name: "start", title: "start to ready; resident idle and after 0.5 GB in and out", nodes: 1, alone: true },
    aim: "120 ms; 60 and 150 MB",
    measure: startsAndRests,
  },
  {
    ...{ name: "produce-100", title: "produce 100 B", nodes: 1, aim: "270 MB/s, 1.4 s/GB" },
    measure: producing(PLAIN_100, 300),
  },
  {
    ...{ name: "produce-1k", title: "produce 1 KiB, batches up to 1 MB", nodes: 1, aim: "1000 MB/s, 0.7 s/GB" },
    measure: producing(LARGE_BATCHES, 1000),
    bare: floor(1_000_000),
  },
  {
    ...{ name: "produce-16k", title: "produce 1 KiB, batches of 16 KiB", nodes: 1, aim: "400 MB/s, 2.0 s/GB" },
    measure: producing(SMALL_BATCHES, 500),
    bare: floor(16_384),
  },
  {
    ...{ name: "produce-idempotent", title: "produce 1 KiB, acks=all, idempotent", nodes: 1 },
    aim: "450 MB/s, 1.2 s/GB",
    measure: producing(IDEMPOTENT, 500),
  },
  {
    ...{ name: "consume-100", title: "consume 100 B", nodes: 1, aim: "300 MB/s, 1.0 s/GB" },
    measure: consuming(PLAIN_100, 300),
  },
  {
    ...{ name: "consume-1k", title: "consume 1 KiB", nodes: 1, aim: "1300 MB/s, 0.45 s/GB" },
    measure: consuming(LARGE_BATCHES, 1000),
  },
  {
    ...{
      name: "round-trip",
      title: "Produce round trip, acks=all",
      nodes: 1,
      aim: "45 µs; p99 1.5 times the bare loop's",
    },
    measure: roundTripping,
    bare: async (scale) => {
      const { medianMicros, p99Micros } = await bareCost(1, 200, 200 * ROUND_TRIPS * scale);
      return { "p50 µs": medianMicros, "p99 µs": p99Micros };
    },
  },
  {
    ...{ name: "recovery", title: "kill -9 under load, then serving again", nodes: 1, aim: "0.5 s", alone: true },
    measure: comesBack,
  },
  {
    ...{
      name: "start-3",
      title: "three nodes: start to ready; resident idle and after the load",
      nodes: 3,
      alone: true,
    },
    aim: "200 ms; 90 MB idle",
    measure: startsAndRests,
  },
  {
    ...{ name: "produce-100-rf3", title: "RF 3: produce 100 B", nodes: 3, aim: "200 MB/s, 5 s/GB" },
    measure: producing(PLAIN_100, 200),
  },
  {
    ...{ name: "produce-1k-rf3", title: "RF 3: produce 1 KiB, acks=1", nodes: 3, aim: "500 MB/s, 2 s/GB" },
    measure: producing({ ...LARGE_BATCHES, settings: {} }, 300),
  },
  {
    ...{ name: "produce-idempotent-rf3", title: "RF 3: produce 1 KiB, acks=all, idempotent", nodes: 3 },
    aim: "350 MB/s, 2.5 s/GB",
    measure: producing(IDEMPOTENT, 300),
  },
  {
    ...{ name: "round-trip-rf3", title: "RF 3: Produce round trip, acks=all", nodes: 3, aim: "200 µs; p99 1 ms" },
    measure: roundTripping,
  },
];
