/**
 * A node's whole directory changes hands: Odradek writes it, stops or is killed, Apache Kafka serves it and writes on, and Odradek
 * takes it back. Nothing is lost or different on the way, and producers and groups go on where they were.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import type { Address } from "../../../broker/network/network.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { FindCoordinator } from "../../../protocol/messages/find-coordinator.ts";
import { OffsetCommit, OffsetFetch } from "../../../protocol/messages/group-offsets.ts";
import { InitProducerId } from "../../../protocol/messages/init-producer-id.ts";
import { ListOffsets } from "../../../protocol/messages/list-offsets.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import { CreateTopics } from "../../../protocol/messages/topics.ts";
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import { Codec } from "../../../protocol/records/codec.ts";
import { recordsIn } from "../../storage/log/log-fixture.ts";
import { batchOf } from "../../support/batches.ts";
import { removeBuiltPackage } from "../../support/odradek-command.ts";
import { WireAsker } from "../../support/wire-asker.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { apacheKafkaOver, odradekOver } from "../support/node-over-directory.ts";
import { describeWith } from "../support/toolchain.ts";

const PATIENCE_MS = 30_000;
const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
const CODEC_IDS = [Codec.NONE, Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD] as const;
const GROUP = "group";
/** Of the compacted topic: each key many times, over many segments. */
const KEYS = 5;
const ROUNDS = 20;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
afterAll(removeBuiltPackage);

/** One client over one connection. */
class Client implements Disposable {
  private readonly asker: WireAsker;

  private constructor(asker: WireAsker) {
    this.asker = asker;
  }

  static async open(address: Address): Promise<Client> {
    return new Client(await WireAsker.open(address));
  }

  [Symbol.dispose](): void {
    this.asker[Symbol.dispose]();
  }

  async createTopic(name: string, configs: Record<string, string> = {}): Promise<void> {
    const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [] };
    const made = await this.asker.ask(CreateTopics, 7, {
      topics: [{ ...topic, configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })) }],
      timeoutMs: PATIENCE_MS,
      validateOnly: false,
    });
    expect(made.topics[0]?.errorCode).toBe(0);
  }

  async produce(topic: string, records: Buffer): Promise<number> {
    const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
    const answer = await untilServed(() => this.asker.ask(Produce, 9, { acks: -1, timeoutMs: PATIENCE_MS, topicData }));
    const partition = answer.responses[0]?.partitionResponses[0];
    expect([topic, partition?.errorCode, partition?.errorMessage]).toEqual([topic, 0, null]);
    return partition?.baseOffset ?? -1;
  }

  /** "offset key value" of every record of a topic. */
  async read(topic: string): Promise<string[]> {
    const words: string[] = [];
    const end = await this.offset(topic, -1);
    for (let offset = await this.offset(topic, -2); offset < end; ) {
      const partitions = [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 1 << 20 }];
      const request = { maxWaitMs: 100, minBytes: 1, maxBytes: 1 << 20, sessionId: 0, sessionEpoch: -1 };
      const answer = await this.asker.ask(Fetch, 12, {
        ...request,
        topics: [{ topic, partitions }],
        forgottenTopicsData: [],
      });
      const fetched = answer.responses[0]?.partitions[0];
      expect([topic, fetched?.errorCode]).toEqual([topic, 0]);
      for (const batch of new BatchIterator(fetched?.records ?? Buffer.alloc(0))) {
        expect(batch.checkCrc()).toBe(true);
        for (const record of recordsIn(batch)) {
          if (record.offset >= offset) words.push(`${record.offset} ${record.key} ${record.value}`);
        }
        offset = Math.max(offset, batch.nextOffset);
      }
    }
    return words;
  }

  async offset(topic: string, timestamp: number): Promise<number> {
    const partitions = [{ partitionIndex: 0, timestamp }];
    const answer = await untilServed(() =>
      this.asker.ask(ListOffsets, 6, { replicaId: -1, topics: [{ name: topic, partitions }] }),
    );
    return answer.topics[0]?.partitions[0]?.offset ?? -1;
  }

  async newProducer(): Promise<{ producerId: number; producerEpoch: number }> {
    const { producerId, producerEpoch } = await untilServed(() =>
      this.asker.ask(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1000 }),
    );
    return { producerId, producerEpoch };
  }

  /** The coordinator is this node, once it has loaded the group. */
  async commit(topic: string, committedOffset: number): Promise<void> {
    await untilServed(() => this.asker.ask(FindCoordinator, 4, { keyType: 0, coordinatorKeys: [GROUP] }));
    const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: "here" }];
    await untilServed(() =>
      this.asker.ask(OffsetCommit, 8, { groupId: GROUP, memberId: "", topics: [{ name: topic, partitions }] }),
    );
  }

  async committed(topic: string): Promise<number> {
    const topics = [{ name: topic, partitionIndexes: [0] }];
    const answer = await untilServed(() =>
      this.asker.ask(OffsetFetch, 7, { groupId: GROUP, topics, requireStable: true }),
    );
    return answer.topics[0]?.partitions[0]?.committedOffset ?? -1;
  }
}

/** What a broker that has only just come up may say. */
const NOT_YET = [3, 5, 6, 14, 15, 16, 78];

function codesIn(value: unknown): number[] {
  if (Array.isArray(value)) return value.flatMap(codesIn);
  if (typeof value !== "object" || value === null || Buffer.isBuffer(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => (name === "errorCode" ? [inner] : codesIn(inner)));
}

async function untilServed<T>(ask: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    const codes = codesIn(answer).filter((code) => code !== 0);
    if (codes.length === 0) return answer;
    if (!codes.every((code) => NOT_YET.includes(code)) || performance.now() > deadline) {
      throw new Error(`refused: ${JSON.stringify(answer)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const producerBatch = (producer: { producerId: number; producerEpoch: number }, baseSequence: number) =>
  batchOf([`sequence ${baseSequence}`], { ...producer, baseSequence });

/** Topics in every codec, one that is compacted, offsets of a group, a producer with sequences. */
async function writeEverything(client: Client) {
  for (const [i, codec] of CODECS.entries()) {
    await client.createTopic(codec, { "segment.bytes": "1048576" });
    for (let round = 0; round < 3; round++) {
      const values = Array.from({ length: 50 }, (_, j) => `${codec} ${round}.${j} ${"x".repeat(50)}`);
      await client.produce(codec, batchOf(values, { compression: CODEC_IDS[i] as Codec }));
    }
  }
  await client.createTopic("compacted", {
    ...{ "cleanup.policy": "compact", "segment.bytes": "1048576", "min.cleanable.dirty.ratio": "0.01" },
    "segment.ms": "1",
  });
  for (let round = 0; round < ROUNDS; round++) {
    const records = Array.from({ length: KEYS }, (_, key) => ({
      ...{ key: `key ${key}`, value: `round ${round}`, timestamp: Date.now() + round * 10 },
    }));
    await client.produce("compacted", batchOf(records));
  }
  await client.createTopic("sequences");
  const producer = await client.newProducer();
  for (let sequence = 0; sequence < 3; sequence++) {
    expect(await client.produce("sequences", producerBatch(producer, sequence))).toBe(sequence);
  }
  await client.commit("gzip", 42);
  // The cleaner has been there: what is left are the newest values, and what lies in the active segment.
  const deadline = performance.now() + PATIENCE_MS;
  while ((await client.read("compacted")).length > 3 * KEYS) {
    if (performance.now() > deadline) throw new Error("nothing is compacted");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return producer;
}

async function readEverything(client: Client): Promise<Map<string, string[]>> {
  const all = new Map<string, string[]>();
  for (const topic of [...CODECS, "compacted", "sequences"]) all.set(topic, await client.read(topic));
  return all;
}

describeWith("Apache Kafka and a whole directory of ours", await findApacheKafka(), (kafka) => {
  test.each(["SIGTERM", "SIGKILL"] as const)(
    "it serves what we left after %s, and we what it leaves",
    async (signal) => {
      const folder = mkdtempSync(join(tmpdir(), "taken-over-"));
      folders.push(folder);
      const first = await odradekOver(folder);
      const ours = await Client.open(first.address);
      const producer = await writeEverything(ours);
      const written = await readEverything(ours);
      for (const codec of CODECS) expect(written.get(codec)?.length).toBe(150);
      ours[Symbol.dispose]();
      await first.end(signal);

      const second = await apacheKafkaOver(kafka, join(folder, "1"), folder);
      const theirs = await Client.open(second.address);
      expect(await readEverything(theirs)).toEqual(written);
      expect(await theirs.committed("gzip")).toBe(42);
      // The producer's window is there: what comes again is known, what comes next is taken.
      expect(await theirs.produce("sequences", producerBatch(producer, 2))).toBe(2);
      expect(await theirs.produce("sequences", producerBatch(producer, 3))).toBe(3);
      for (const [i, codec] of CODECS.entries()) {
        await theirs.produce(codec, batchOf([`${codec} by the other`], { compression: CODEC_IDS[i] as Codec }));
      }
      await theirs.createTopic("new");
      await theirs.produce("new", batchOf(["new"]));
      await theirs.commit("gzip", 43);
      expect((await theirs.newProducer()).producerId).toBeGreaterThan(producer.producerId);
      const writtenOn = await readEverything(theirs);
      theirs[Symbol.dispose]();
      await second.end(signal);

      const third = await odradekOver(folder);
      const again = await Client.open(third.address);
      expect(await readEverything(again)).toEqual(writtenOn);
      expect(await again.read("new")).toEqual(["0 k new"]);
      expect(await again.committed("gzip")).toBe(43);
      expect(await again.produce("sequences", producerBatch(producer, 3))).toBe(3);
      expect(await again.produce("sequences", producerBatch(producer, 4))).toBe(4);
      again[Symbol.dispose]();
      await third.end("SIGTERM");
    },
  );
});
