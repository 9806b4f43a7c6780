/** The answers of a node share its memory: one alone gets all it asks for, many get little, and nothing is lost of the sum. */
import { expect, test } from "vitest";
import { FetchMemory } from "../../../broker/fetch/fetch-memory.ts";
import { Reader } from "../../../protocol/bytes/reader.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import { decode } from "../../../protocol/schema/codec.ts";
import { batchOfBytes } from "../../support/batches.ts";
import { FixedBroker } from "../../support/fixed-broker.ts";
import { probe, request, WireClient } from "../network/wire-client.ts";

const MIB = 1024 * 1024;
const ALL = 0x7fffffff;

test("one answer has what it asks for, up to Kafka's largest", () => {
  const memory = new FetchMemory();
  const granted = memory.grant(55 * MIB);
  expect(granted).toBe(55 * MIB);
  memory.settle(granted, 7);
  expect(memory.usedBytes).toBe(7);
  memory.give(7);
  expect(memory.usedBytes).toBe(0);
  expect(memory.grant(-1)).toBe(-1);
  memory.settle(-1, 0);
  expect(memory.usedBytes).toBe(0);
});

test("many have less and less, and always something", () => {
  const memory = new FetchMemory();
  const granted = Array.from({ length: 100 }, () => memory.grant(ALL));
  expect(granted).toEqual([...granted].sort((a, b) => b - a));
  expect(granted[0]).toBe(64 * MIB);
  expect(granted[16]).toBe(MIB);
  expect(granted[99]).toBe(64 * 1024);
  expect(memory.usedBytes).toBeLessThan(265 * MIB);
});

test("a follower is not slowed down to the least by clients that hold all there is", () => {
  const memory = new FetchMemory();
  for (let i = 0; i < 100; i++) memory.grant(ALL);
  expect(memory.grant(10 * MIB, true)).toBe(MIB);
  expect(memory.grant(10 * MIB)).toBe(64 * 1024);
});

test("B11: thirty clients that ask for all there is and read nothing hold what the node has for them, and no more", async () => {
  const broker = new FixedBroker({ tailBytes: 0, poison: false });
  const clients: WireClient[] = [];
  try {
    const address = await broker.start();
    broker.createTopic("t");
    const partition = broker.broker.partitions.require("t", 0, broker.broker.image);
    for (let i = 0; i < 30; i++) {
      const prepared = partition.log.prepare(batchOfBytes(900_000), undefined, { origin: "client" });
      if (prepared instanceof Promise) throw new Error("prepared elsewhere");
      partition.append(prepared, false);
    }
    const topics = [{ topic: "t", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: ALL }] }];
    const fetch = { replicaId: -1, maxWaitMs: 0, minBytes: 1, maxBytes: ALL, topics, forgottenTopicsData: [] };
    for (let i = 0; i < 30; i++) {
      const client = await WireClient.open(address);
      clients.push(client);
      client.stopReading();
      client.send(request(Fetch, 11, fetch));
    }
    await probe(address);
    await expect.poll(() => broker.pool.usedBytes, { timeout: 10_000 }).toBeGreaterThan(200 * MIB);
    expect(broker.pool.usedBytes).toBeLessThan(500 * MIB); // buffers have sizes of powers of two
    for (const client of clients.splice(0, 27)) client.reset();
    for (const client of clients) {
      client.goOnReading();
      expect((await client.frame())?.length).toBeGreaterThan(64 * 1024);
    }
    await expect.poll(() => broker.broker.fetchMemory.usedBytes).toBe(0);
  } finally {
    for (const client of clients) client[Symbol.dispose]();
    await broker.close();
  }
});

test("B11: what a client is slow to read stays as it was, however many others are answered meanwhile", async () => {
  const broker = new FixedBroker({ tailBytes: 0 });
  const slow: WireClient[] = [];
  try {
    const address = await broker.start();
    broker.createTopic("t");
    const partition = broker.broker.partitions.require("t", 0, broker.broker.image);
    for (let i = 0; i < 16; i++) {
      const prepared = partition.log.prepare(batchOfBytes(900_000), undefined, { origin: "client" });
      if (prepared instanceof Promise) throw new Error("prepared elsewhere");
      partition.append(prepared, false);
    }
    const topics = [{ topic: "t", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: ALL }] }];
    const fetch = { replicaId: -1, maxWaitMs: 0, minBytes: 1, maxBytes: ALL, topics, forgottenTopicsData: [] };
    for (let i = 0; i < 2; i++) {
      const client = await WireClient.open(address);
      slow.push(client);
      client.stopReading();
      client.send(request(Fetch, 11, fetch));
    }
    await expect.poll(() => broker.broker.fetchMemory.usedBytes).toBeGreaterThan(25 * MIB);
    // Buffers that are given back are overwritten, and these use them again.
    using quick = await WireClient.open(address);
    const answers: (Buffer | undefined)[] = [];
    for (let i = 0; i < 5; i++) {
      quick.send(request(Fetch, 11, fetch));
      answers.push(await quick.frame());
    }
    for (const client of slow) {
      client.goOnReading();
      answers.push(await client.frame());
    }
    for (const answer of answers) {
      const body = decode(Fetch.response, 11, new Reader(answer as Buffer, 4, (answer as Buffer).length));
      const [data] = body.responses[0]?.partitions ?? [];
      const batches = [...new BatchIterator(data?.records as Buffer)];
      expect(batches.length).toBe(16);
      for (const batch of batches) expect(batch.checkCrc()).toBe(true);
    }
    await expect.poll(() => broker.broker.fetchMemory.usedBytes).toBe(0);
  } finally {
    for (const client of slow) client[Symbol.dispose]();
    await broker.close();
  }
});
