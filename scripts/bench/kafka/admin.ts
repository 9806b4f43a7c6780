/** Topics and leaders of the broker that is measured, asked for over the wire. */
import type { Address } from "../../../broker/network/network.ts";
import { Metadata } from "../../../protocol/messages/metadata.ts";
import { CreateTopics, DeleteTopics } from "../../../protocol/messages/topics.ts";
import { WireAsker } from "../../../test/support/wire-asker.ts";

const TIMEOUT_MS = 30_000;
const POLL_MS = 20;

export function addressOf(bootstrap: string): Address {
  const [host = "", port = ""] = (bootstrap.split(",")[0] ?? "").split(":");
  return { host, port: Number(port) };
}

/** Makes a topic, and resolves when every partition of it has a leader and all its replicas in sync. */
export async function createTopic(
  bootstrap: string,
  name: string,
  numPartitions: number,
  replicationFactor: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  using asker = await WireAsker.open(addressOf(bootstrap));
  const all = { ...(replicationFactor > 1 ? { "min.insync.replicas": "2" } : {}), ...settings };
  const configs = Object.entries(all).map(([key, value]) => ({ name: key, value }));
  const made = await asker.ask(
    CreateTopics,
    7,
    {
      topics: [{ name, numPartitions, replicationFactor, assignments: [], configs }],
      timeoutMs: TIMEOUT_MS,
      validateOnly: false,
    },
    { patienceMs: TIMEOUT_MS },
  );
  const errorCode = made.topics[0]?.errorCode;
  if (errorCode !== 0) throw new Error(`topic ${name} is not made: error ${errorCode}`);
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const { partitions } = await topicOf(asker, name);
    const ready = partitions.filter((one) => one.leaderId >= 0 && one.isrNodes.length === replicationFactor);
    if (ready.length === numPartitions) return;
    if (performance.now() > deadline) throw new Error(`topic ${name} has no leaders`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export async function deleteTopic(bootstrap: string, name: string): Promise<void> {
  using asker = await WireAsker.open(addressOf(bootstrap));
  await asker.ask(DeleteTopics, 5, { topicNames: [name], timeoutMs: TIMEOUT_MS }, { patienceMs: TIMEOUT_MS });
}

/** Where partition 0 is led. */
export async function leaderOf(bootstrap: string, name: string): Promise<Address> {
  using asker = await WireAsker.open(addressOf(bootstrap));
  const { partitions, brokers } = await topicOf(asker, name);
  const leader = partitions.find(({ partitionIndex }) => partitionIndex === 0)?.leaderId;
  const broker = brokers.find(({ nodeId }) => nodeId === leader);
  if (broker === undefined) throw new Error(`nobody leads ${name}`);
  return { host: broker.host, port: broker.port };
}

async function topicOf(asker: WireAsker, name: string) {
  const { topics, brokers } = await asker.ask(Metadata, 9, { topics: [{ name }], allowAutoTopicCreation: false });
  return { partitions: topics[0]?.partitions ?? [], brokers };
}
