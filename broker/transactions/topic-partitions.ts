/**
 * Sets of partitions, by topic. Never changed: another set is another object, which shares the topics that did not change.
 */
export type TopicPartitions = ReadonlyMap<string, ReadonlySet<number>>;

export const NO_PARTITIONS: TopicPartitions = new Map();

export function topicPartitions(entries: Iterable<readonly [string, Iterable<number>]>): TopicPartitions {
  const all = new Map<string, Set<number>>();
  for (const [topic, partitions] of entries) {
    const known = all.get(topic);
    if (known === undefined) all.set(topic, new Set(partitions));
    else for (const partition of partitions) known.add(partition);
  }
  return all;
}

export function contains(set: TopicPartitions, topic: string, partition: number): boolean {
  return set.get(topic)?.has(partition) === true;
}

export function containsAll(set: TopicPartitions, others: TopicPartitions): boolean {
  for (const [topic, partitions] of others) {
    for (const partition of partitions) if (!contains(set, topic, partition)) return false;
  }
  return true;
}

export function union(set: TopicPartitions, others: TopicPartitions): TopicPartitions {
  const all = new Map(set);
  for (const [topic, partitions] of others) all.set(topic, new Set([...(set.get(topic) ?? []), ...partitions]));
  return all;
}

export function* eachPartition(set: TopicPartitions): IterableIterator<readonly [topic: string, partition: number]> {
  for (const [topic, partitions] of set) for (const partition of partitions) yield [topic, partition];
}
