/** Apache Kafka as the broker whose answers are looked at: what the expectations of our own tests are tried on. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ListOffsets } from "../../../protocol/messages/list-offsets.ts";
import { CreateTopics } from "../../../protocol/messages/topics.ts";
import type { DataPlane } from "../../support/data-plane.ts";
import { WireAsker } from "../../support/wire-asker.ts";
import type { ApacheKafka } from "./apache-kafka.ts";
import { type ApacheKafkaOptions, startApacheKafka } from "./apache-kafka-cluster.ts";

const READY_TIMEOUT_MS = 20_000;

/** Starts one node of it. */
export async function startApacheKafkaPlane(kafka: ApacheKafka, options: ApacheKafkaOptions = {}): Promise<DataPlane> {
  const folder = await mkdtemp(join(tmpdir(), "apache-kafka-plane-"));
  const broker = await startApacheKafka(kafka, folder, options);
  const [host = "", port = ""] = broker.bootstrapServers.split(":");
  const address = { host, port: Number(port) };
  return {
    address,
    isApacheKafka: true,
    createTopic: async (name, partitionCount = 1, configs = {}) => {
      using asker = await WireAsker.open(address);
      const answer = await asker.ask(CreateTopics, 7, {
        topics: [
          {
            ...{ name, numPartitions: partitionCount, replicationFactor: 1, assignments: [] },
            configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
          },
        ],
        timeoutMs: 10_000,
        validateOnly: false,
      });
      const [topic] = answer.topics;
      if (topic === undefined || topic.errorCode !== 0) throw new Error(`${name}: ${topic?.errorMessage}`);
      await whenLed(asker, name, partitionCount);
      return topic.topicId;
    },
    [Symbol.asyncDispose]: async () => {
      await broker.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Until the broker answers for each partition: what Metadata says comes first. */
async function whenLed(asker: WireAsker, name: string, partitionCount: number): Promise<void> {
  const partitions = Array.from({ length: partitionCount }, (_, partitionIndex) => ({ partitionIndex, timestamp: -2 }));
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const { topics } = await asker.ask(ListOffsets, 2, { replicaId: -1, topics: [{ name, partitions }] });
    if (topics[0]?.partitions.every(({ errorCode }) => errorCode === 0) === true) return;
    if (performance.now() > deadline) throw new Error(`${name} has no leaders`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
