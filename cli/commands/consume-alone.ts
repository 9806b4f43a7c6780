/**
 * Consuming without a group: all partitions, or those that were named, from where the options say.
 */
import type { ClusterClient } from "../client/cluster-client.ts";
import { EARLIEST, LATEST, offsetsAt, partitionKey, type TopicPartition } from "../client/offset-lookup.ts";
import { Reader } from "../client/reader.ts";
import { CommandError } from "../command-error.ts";
import type { Arguments } from "../commands.ts";
import type { ConsumeOrder } from "./consume.ts";
import { text, time, wholeNumber } from "./options.ts";
import { noPartition, partitionsOf } from "./partitions-named.ts";
import type { RecordOutput } from "./record-output.ts";

export async function consumeAlone(
  cluster: ClusterClient,
  argv: Arguments,
  order: ConsumeOrder,
  output: RecordOutput,
): Promise<void> {
  const { committed, follow, topics } = order;
  const partitions = await partitionsAsked(cluster, argv, topics);
  const ends = await offsetsAt(cluster, partitions, LATEST, { committed });
  const starts = await startsOf(cluster, argv, order, partitions, ends);
  const reader = new Reader(cluster, starts, { committed, whenGone: "earliest" });
  const isRead = (): boolean => [...ends].every(([key, end]) => (reader.positions.get(key) as number) >= end);
  if (!follow && isRead()) return;
  for await (const records of reader.records(output.stopped)) {
    const wanted = follow
      ? records
      : records.filter((record) => record.offset < (ends.get(partitionKey(record)) as number));
    await output.print(wanted);
    if (!follow && isRead()) return;
  }
}

async function partitionsAsked(
  cluster: ClusterClient,
  argv: Arguments,
  topics: readonly string[],
): Promise<TopicPartition[]> {
  const list = text(argv, "partition");
  if (list !== undefined && !/^\d+(,\d+)*$/.test(list)) {
    throw new CommandError(`--partition needs numbers with commas in between, not ${JSON.stringify(list)}`);
  }
  const asked: TopicPartition[] = [];
  for (const topic of topics) {
    const there = await partitionsOf(cluster, topic);
    for (const partition of list === undefined ? there : new Set(list.split(",").map(Number))) {
      if (!there.includes(partition)) throw noPartition(topic, partition, there.length);
      asked.push({ topic, partition });
    }
  }
  return asked;
}

async function startsOf(
  cluster: ClusterClient,
  argv: Arguments,
  { fromBeginning }: ConsumeOrder,
  partitions: readonly TopicPartition[],
  ends: ReadonlyMap<string, number>,
): Promise<Map<TopicPartition, number>> {
  const startOf = await startRule(cluster, argv, fromBeginning, partitions, ends);
  return new Map(partitions.map((partition) => [partition, startOf(partitionKey(partition))]));
}

async function startRule(
  cluster: ClusterClient,
  argv: Arguments,
  fromBeginning: boolean,
  partitions: readonly TopicPartition[],
  ends: ReadonlyMap<string, number>,
): Promise<(key: string) => number> {
  const at = async (timestamp: number) => {
    const found = await offsetsAt(cluster, partitions, timestamp);
    return (key: string): number => found.get(key) as number;
  };
  const since = time(argv, "time", Date.now());
  const offset = wholeNumber(argv, "offset", 0);
  const last = wholeNumber(argv, "last", 0);
  if (fromBeginning) return at(EARLIEST);
  if (since !== undefined) return at(since);
  if (offset !== undefined) return () => offset;
  const endOf = (key: string): number => ends.get(key) as number;
  if (last === undefined) return endOf;
  const first = await at(EARLIEST);
  return (key) => Math.max(first(key), endOf(key) - last);
}
