/**
 * Offsets of partitions by time, and at the ends of their logs (ListOffsets), asked of all leaders at once.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { ListOffsets } from "../../protocol/messages/list-offsets.ts";
import { type ClusterClient, kafkaError } from "./cluster-client.ts";
import { passes, patiently } from "./patience.ts";

export const EARLIEST = -2;
export const LATEST = -1;

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface LookupOptions {
  /** The end as readers of committed transactions see it. */
  readonly committed?: boolean;
  readonly patienceMs?: number;
}

/** As long as somebody waits who looks at many partitions, of which a few cannot tell now. */
const GLANCE_MS = 1500;

export function partitionKey({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

/**
 * By partition key: the first offset of at least this time, or an end of the log. A time behind the last record gives the end.
 * @param timestamp ms since 1970, EARLIEST or LATEST.
 * @throws KafkaError
 */
export async function offsetsAt(
  cluster: ClusterClient,
  partitions: readonly TopicPartition[],
  timestamp: number,
  options: LookupOptions = {},
): Promise<Map<string, number>> {
  const found = await patiently(
    () => askLeaders(cluster, partitions, timestamp, options),
    () => cluster.forgetLeaders(),
    options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs },
  );
  const behind = partitions.filter((one) => (found.get(partitionKey(one)) ?? -1) < 0);
  if (behind.length === 0 || timestamp === LATEST) return found;
  const ends = await offsetsAt(cluster, behind, LATEST, options);
  return new Map([...found, ...ends]);
}

/** As `offsetsAt`, without those that cannot be told now, such as the end of a partition whose new leader waits for its replicas. */
export async function offsetsKnownAt(
  cluster: ClusterClient,
  partitions: readonly TopicPartition[],
  timestamp: number,
): Promise<Map<string, number>> {
  try {
    return await offsetsAt(cluster, partitions, timestamp, { patienceMs: GLANCE_MS });
  } catch (error) {
    if (!passes(error)) throw error;
  }
  const found = await Promise.all(
    partitions.map(async (one) => {
      try {
        return [...(await offsetsAt(cluster, [one], timestamp, { patienceMs: 0 }))];
      } catch (error) {
        if (passes(error)) return [];
        throw error;
      }
    }),
  );
  return new Map(found.flat());
}

async function askLeaders(
  cluster: ClusterClient,
  partitions: readonly TopicPartition[],
  timestamp: number,
  options: LookupOptions,
): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const asked = [...(await byLeader(cluster, partitions))].map(async ([leader, topics]) => {
    const request = {
      replicaId: -1,
      isolationLevel: options.committed === true ? 1 : 0,
      topics: [...topics].map(([name, indexes]) => ({
        name,
        partitions: indexes.map((partitionIndex) => ({ partitionIndex, timestamp })),
      })),
    };
    for (const { name, partitions: answered } of (await cluster.askBroker(leader, ListOffsets, request)).topics) {
      for (const { partitionIndex, errorCode, offset } of answered) {
        if (errorCode !== ErrorCode.NONE) throw kafkaError(errorCode, null);
        found.set(partitionKey({ topic: name, partition: partitionIndex }), offset);
      }
    }
  });
  await Promise.all(asked);
  return found;
}

/** Partitions by leader, then topic. @throws KafkaError a partition has no leader. */
export async function byLeader(
  cluster: ClusterClient,
  partitions: readonly TopicPartition[],
): Promise<Map<number, Map<string, number[]>>> {
  const leaders = new Map<number, Map<string, number[]>>();
  for (const { topic, partition } of partitions) {
    const leader = await cluster.leaderOf(topic, partition);
    const topics = leaders.get(leader) ?? new Map<string, number[]>();
    leaders.set(leader, topics);
    const indexes = topics.get(topic) ?? [];
    topics.set(topic, indexes);
    indexes.push(partition);
  }
  return leaders;
}
