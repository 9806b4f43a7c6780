/** Apache Kafka's reassign-partitions tool moves a topic of 1 GB between our nodes while clients write to it: nothing is lost. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Cluster, startCluster } from "../../../cluster/start-cluster.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { CreateTopics } from "../../../protocol/messages/topics.ts";
import { RawClient } from "../../support/raw-client.ts";
import { readableRecords } from "../../support/read-partition.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { describeWith } from "../support/toolchain.ts";

const TOOL = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand";
const TOPIC = "orders";
const PARTITIONS = 4;
const VALUE_BYTES = 1_000_000;
const VALUES_BEFORE = 1_000;
/** Faster than it could be told from none, slow enough that the move is seen while it goes on. */
const THROTTLE_BYTES_PER_SECOND = 200_000_000;
/** Where the marker of a value ends. */
const MARKER_LENGTH = 16;

/** What was acknowledged: the marker of the value at each offset of each partition. */
type Acknowledged = Map<number, string>[];

class Writer {
  readonly acknowledged: Acknowledged = Array.from({ length: PARTITIONS }, () => new Map());
  private readonly cluster: Cluster;
  private readonly clients = new Map<number, RawClient>();
  private sequence = 0;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  /** Writes one value to a partition, wherever that is led by now. */
  async write(partition: number, sizeBytes: number): Promise<void> {
    const marker = `value-${String(this.sequence++).padStart(9, "0")};`;
    const value = marker.padEnd(sizeBytes, "x");
    for (;;) {
      const leader = this.cluster.leaderOf(TOPIC, partition);
      const [answer] = await (await this.at(leader)).produce(TOPIC, [partition], value);
      if (answer?.errorCode === ErrorCode.NONE) {
        this.acknowledged[partition]?.set(answer.baseOffset, marker);
        return;
      }
      // Its metadata and ours are of different moments.
      expect([ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]).toContain(answer?.errorCode);
    }
  }

  private async at(node: number): Promise<RawClient> {
    const known = this.clients.get(node);
    if (known !== undefined) return known;
    const client = await RawClient.open(this.cluster.node(node).address);
    this.clients.set(node, client);
    return client;
  }

  close(): void {
    for (const client of this.clients.values()) client[Symbol.dispose]();
  }
}

/** Markers of all that a partition holds, by offset. */
async function readAll(cluster: Cluster, partition: number): Promise<Map<number, string>> {
  using client = await RawClient.open(cluster.node(cluster.leaderOf(TOPIC, partition)).address);
  const end = await client.latest(TOPIC, partition);
  const seen = new Map<number, string>();
  for (let offset = 0; offset < end; ) {
    const { responses } = await client.asker.ask(Fetch, 12, {
      ...{ maxWaitMs: 1000, minBytes: 1, maxBytes: 8_000_000 },
      topics: [{ topic: TOPIC, partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: 8_000_000 }] }],
    });
    const [answer] = responses[0]?.partitions ?? [];
    expect(answer?.errorCode).toBe(0);
    const [records, nextOffset] = readableRecords(answer?.records as Buffer, [], offset);
    for (const record of records) seen.set(record.offset, record.value.slice(0, MARKER_LENGTH));
    offset = nextOffset;
  }
  return seen;
}

describeWith("Apache Kafka's reassign-partitions", await findApacheKafka(), (kafka) => {
  test("moves 1 GB under load, throttled, and nothing acknowledged is lost or moved", async () => {
    const directory = mkdtempSync(join(tmpdir(), "odradek-reassign-"));
    try {
      await using cluster = await startCluster({ nodes: 4, dataDirectory: join(directory, "data") });
      using first = await RawClient.open(cluster.node(1).address);
      const assignments = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({
        ...{ partitionIndex, brokerIds: partitionIndex % 2 === 0 ? [1, 2] : [2, 1] },
      }));
      const created = await first.asker.ask(CreateTopics, 7, {
        topics: [{ name: TOPIC, numPartitions: -1, replicationFactor: -1, assignments, configs: [] }],
        ...{ timeoutMs: 10_000, validateOnly: false },
      });
      expect(created.topics[0]?.errorCode).toBe(0);
      await cluster.waitUntil.fullyReplicated(TOPIC);
      const writer = new Writer(cluster);
      for (let i = 0; i < VALUES_BEFORE; i++) await writer.write(i % PARTITIONS, VALUE_BYTES);

      const file = join(directory, "reassignment.json");
      const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({
        ...{ topic: TOPIC, partition, replicas: partition % 2 === 0 ? [3, 4] : [4, 3] },
      }));
      writeFileSync(file, JSON.stringify({ version: 1, partitions }));
      const tool = (...args: string[]): Promise<string> =>
        kafka.run(TOOL, ["--bootstrap-server", cluster.bootstrapServers, "--reassignment-json-file", file, ...args]);

      let isOver = false;
      const load = (async () => {
        for (let i = 0; !isOver; i++) await writer.write(i % PARTITIONS, 1000);
      })();
      const started = await tool("--execute", "--throttle", String(THROTTLE_BYTES_PER_SECOND));
      expect(started).toContain("Successfully started partition reassignments");
      let told = await tool("--verify");
      while (!told.includes("Clearing topic-level throttles")) told = await tool("--verify");
      for (let partition = 0; partition < PARTITIONS; partition++) {
        expect(told).toContain(`Reassignment of partition ${TOPIC}-${partition} is completed.`);
      }
      isOver = true;
      await load;
      for (let partition = 0; partition < PARTITIONS; partition++) {
        await cluster.waitUntil.inSyncReplicas(TOPIC, partition, [3, 4]);
        const seen = await readAll(cluster, partition);
        const expected = writer.acknowledged[partition] as Map<number, string>;
        expect(expected.size).toBeGreaterThan(VALUES_BEFORE / PARTITIONS);
        // Where it was acknowledged, each; and nothing else, but for what a writer that is not idempotent sent twice.
        for (const [offset, marker] of expected) expect(seen.get(offset)).toBe(marker);
        expect(new Set(seen.values())).toEqual(new Set(expected.values()));
      }
      writer.close();
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
