/** `odradek start`, killed with producers at work: what they were told is written is there, in order, once, and they go on. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Address } from "../../broker/network/network.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { InitProducerId } from "../../protocol/messages/init-producer-id.ts";
import { ListOffsets } from "../../protocol/messages/list-offsets.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { CreateTopics } from "../../protocol/messages/topics.ts";
import { BatchIterator } from "../../protocol/records/batch-iterator.ts";
import { recordsIn } from "../storage/log/log-fixture.ts";
import { batchOf } from "../support/batches.ts";
import { removeBuiltPackage, startCommand } from "../support/odradek-command.ts";
import { WireAsker } from "../support/wire-asker.ts";

const TOPICS = ["first", "second"];
/** As many as a producer of Kafka has under way, and as many batches as a log knows again. */
const WINDOW = 5;
const RECORDS = 10;
const BATCHES_PER_LIFE = 100;
const LIVES = 2;

const directory = mkdtempSync(join(tmpdir(), "odradek-killed-"));
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await removeBuiltPackage();
});

async function start() {
  // Small segments, so that there is always one that has just begun.
  const settings = ["--set", "log.segment.bytes=1048576"];
  const command = await startCommand(["start", "--port", "0", "--data-dir", directory, ...settings]);
  const [host = "", port = ""] = ((await command.ready)[0] ?? "").split(":");
  const kill = async () => {
    command.process.kill("SIGKILL");
    expect((await command.ended).signal).toBe("SIGKILL");
  };
  return { address: { host, port: Number(port) }, kill };
}

/** A producer with sequences to a topic of its own; what was not acknowledged it sends again. */
class Producer {
  readonly topic: string;
  /** Offsets that were told, by the number of the batch. */
  readonly acknowledged: number[] = [];
  private identity: { readonly producerId: number; readonly producerEpoch: number } | undefined;

  constructor(topic: string) {
    this.topic = topic;
  }

  /** Produces until the connection ends. @param acknowledged told of each answer. */
  async produce(address: Address, acknowledged: () => void): Promise<void> {
    using asker = await WireAsker.open(address);
    try {
      this.identity ??= await asker.ask(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1000 });
      for (let sent = this.acknowledged.length; ; ) {
        while (sent < this.acknowledged.length + WINDOW) this.send(asker, sent++);
        const { responses } = await asker.answer(Produce, 9);
        const { errorCode = -1, baseOffset = -1 } = responses[0]?.partitionResponses[0] ?? {};
        expect([this.topic, this.acknowledged.length, errorCode]).toEqual([this.topic, this.acknowledged.length, 0]);
        this.acknowledged.push(baseOffset);
        acknowledged();
      }
    } catch (error) {
      if (!String(error).includes("the connection ended")) throw error;
    }
  }

  private send(asker: WireAsker, batch: number): void {
    const values = Array.from({ length: RECORDS }, (_, i) => `${batch * RECORDS + i} ${"x".repeat(5_000)}`);
    const records = batchOf(values, { ...this.identity, baseSequence: batch * RECORDS });
    const topicData = [{ name: this.topic, partitionData: [{ index: 0, records }] }];
    asker.send(Produce, 9, { acks: -1, timeoutMs: 10_000, topicData });
  }
}

async function createTopics(address: Address): Promise<void> {
  using asker = await WireAsker.open(address);
  const topics = TOPICS.map((name) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }));
  const made = await asker.ask(CreateTopics, 7, { topics, timeoutMs: 10_000, validateOnly: false });
  expect(made.topics.map(({ errorCode }) => errorCode)).toEqual(TOPICS.map(() => 0));
}

/** The numbers in a topic, in order, by their offsets. */
async function numbersIn(address: Address, topic: string): Promise<number[]> {
  using asker = await WireAsker.open(address);
  const latest = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }];
  const { topics } = await asker.ask(ListOffsets, 6, { replicaId: -1, topics: latest });
  const numbers: number[] = [];
  while (numbers.length < (topics[0]?.partitions[0]?.offset ?? 0)) {
    const partitions = [{ partition: 0, fetchOffset: numbers.length, partitionMaxBytes: 1 << 20 }];
    const { responses } = await asker.ask(Fetch, 12, { maxWaitMs: 100, minBytes: 1, topics: [{ topic, partitions }] });
    for (const batch of new BatchIterator(responses[0]?.partitions[0]?.records ?? Buffer.alloc(0))) {
      for (const { offset, value } of recordsIn(batch))
        if (offset === numbers.length) numbers.push(Number.parseInt(value ?? "", 10));
    }
  }
  return numbers;
}

test("R166: whatever odradek start acknowledged before SIGKILL is there, in order, once", {
  timeout: 60_000,
}, async () => {
  const producers = TOPICS.map((topic) => new Producer(topic));
  for (let life = 1; life <= LIVES; life++) {
    const { address, kill } = await start();
    if (life === 1) await createTopics(address);
    let left = BATCHES_PER_LIFE;
    const killed = new Promise<void>((resolve) => {
      const acknowledged = () => {
        if (--left === 0) void kill().then(resolve);
      };
      void Promise.all(producers.map((producer) => producer.produce(address, acknowledged)));
    });
    await killed;
    const again = await start();
    for (const { topic, acknowledged } of producers) {
      const numbers = await numbersIn(again.address, topic);
      expect(numbers).toEqual(numbers.map((_, i) => i));
      expect(acknowledged).toEqual(acknowledged.map((_, batch) => batch * RECORDS));
      expect(numbers.length).toBeGreaterThanOrEqual(acknowledged.length * RECORDS);
      expect(numbers.length).toBeLessThanOrEqual((acknowledged.length + WINDOW) * RECORDS);
    }
    await again.kill();
  }
});
