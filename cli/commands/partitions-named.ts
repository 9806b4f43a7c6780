/**
 * Partitions as options name them: TOPIC for all of a topic, TOPIC:0,2 for some.
 */
import type { ClusterClient } from "../client/cluster-client.ts";
import type { TopicPartition } from "../client/offset-lookup.ts";
import { CommandError } from "../command-error.ts";
import { inWords } from "./with-cluster.ts";

/** @throws CommandError a topic or partition is not there. */
export async function partitionsNamed(cluster: ClusterClient, names: readonly string[]): Promise<TopicPartition[]> {
  const found: TopicPartition[] = [];
  for (const name of names) {
    const [, topic = name, list] = /^([^:]+):([\d,]+)$/.exec(name) ?? [];
    const there = await partitionsOf(cluster, topic);
    const wanted = list === undefined ? there : list.split(",").map(Number);
    for (const partition of wanted) {
      if (!there.includes(partition)) throw noPartition(topic, partition, there.length);
      found.push({ topic, partition });
    }
  }
  return found;
}

/** The partitions of a topic, ascending. @throws CommandError there is no such topic. */
export async function partitionsOf(cluster: ClusterClient, topic: string): Promise<number[]> {
  try {
    const { partitions } = await cluster.topic(topic);
    return partitions.map(({ partitionIndex }) => partitionIndex).sort((a, b) => a - b);
  } catch (error) {
    throw inWords(error, topic);
  }
}

export function noPartition(topic: string, partition: number, count: number): CommandError {
  const there = count === 1 ? "it has partition 0 only" : `it has partitions 0 to ${count - 1}`;
  return new CommandError(`${topic} has no partition ${partition}: ${there}`);
}
