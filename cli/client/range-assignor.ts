/**
 * Who reads what, as Kafka's range assignor has it: of each topic, members in the order of their ids get one run of partitions each.
 */
import type { TopicPartition } from "./offset-lookup.ts";

export interface Subscription {
  readonly memberId: string;
  /** Static members are ordered by it: they keep their place when they come back under another id. */
  readonly instanceId: string | null;
  readonly topics: readonly string[];
}

/** By member id; who gets nothing has an empty list. @param partitionCounts of the topics that are there. */
export function assignRanges(
  subscriptions: readonly Subscription[],
  partitionCounts: ReadonlyMap<string, number>,
): Map<string, TopicPartition[]> {
  const assigned = new Map<string, TopicPartition[]>(subscriptions.map(({ memberId }) => [memberId, []]));
  const inOrder = [...subscriptions].sort(byInstanceThenMember);
  for (const [topic, count] of partitionCounts) {
    const readers = inOrder.filter(({ topics }) => topics.includes(topic));
    if (readers.length === 0) continue;
    const each = Math.floor(count / readers.length);
    const withOneMore = count % readers.length;
    let next = 0;
    for (const [index, { memberId }] of readers.entries()) {
      const end = next + each + (index < withOneMore ? 1 : 0);
      for (; next < end; next++) assigned.get(memberId)?.push({ topic, partition: next });
    }
  }
  return assigned;
}

function byInstanceThenMember(a: Subscription, b: Subscription): number {
  if (a.instanceId !== null && b.instanceId !== null) return a.instanceId < b.instanceId ? -1 : 1;
  if (a.instanceId !== null || b.instanceId !== null) return a.instanceId !== null ? -1 : 1;
  return a.memberId < b.memberId ? -1 : 1;
}
