/**
 * The share partitions of a group whose state is kept: which are being initialized, which may be read, which are being deleted.
 *
 * Owns: how the three move. Values are never changed in place. Partitions are in ascending order.
 */
import { ascending } from "../consumer/assignment.ts";

export interface KeptTopic {
  readonly name: string;
  readonly partitions: readonly number[];
  /** Since when, by the wall clock; 0 when this coordinator does not know: then it is begun anew at once. */
  readonly sinceMs: number;
}

export type KeptTopics = ReadonlyMap<string, KeptTopic>;

export interface SharePartitions {
  /** By topic id. */
  readonly initializing: KeptTopics;
  readonly initialized: KeptTopics;
  /** Names by topic id. */
  readonly deleting: ReadonlyMap<string, string>;
}

export const NO_SHARE_PARTITIONS: SharePartitions = {
  initializing: new Map(),
  initialized: new Map(),
  deleting: new Map(),
};

/** Both together; what the second says of a topic is the newer. */
export function together(a: KeptTopics, b: KeptTopics): KeptTopics {
  const all = new Map(a);
  for (const [topicId, { name, partitions, sinceMs }] of b) {
    const known = all.get(topicId);
    all.set(topicId, { name, partitions: ascending(new Set([...(known?.partitions ?? []), ...partitions])), sinceMs });
  }
  return all;
}

/** The first without what is in the second; a topic of which nothing is left goes. */
export function without(a: KeptTopics, b: KeptTopics): KeptTopics {
  const left = new Map<string, KeptTopic>();
  for (const [topicId, topic] of a) {
    const gone = new Set(b.get(topicId)?.partitions);
    const partitions = topic.partitions.filter((partition) => !gone.has(partition));
    if (partitions.length > 0) left.set(topicId, { ...topic, partitions });
  }
  return left;
}

/** These are being initialized from now on. */
export function initializing(known: SharePartitions, topics: KeptTopics): SharePartitions {
  const deleting = new Map([...known.deleting].filter(([topicId]) => !topics.has(topicId)));
  return { ...known, initializing: together(known.initializing, topics), deleting };
}

/** Some are initialized, with others it came to nothing. */
export function initialized(known: SharePartitions, done: KeptTopics, failed: KeptTopics): SharePartitions {
  return {
    initializing: without(without(known.initializing, done), failed),
    initialized: together(known.initialized, done),
    deleting: known.deleting,
  };
}

/** Nothing is kept of these topics. */
export function forgotten(known: SharePartitions, topicIds: ReadonlySet<string>): SharePartitions {
  const left = <V>(topics: ReadonlyMap<string, V>) =>
    new Map([...topics].filter(([topicId]) => !topicIds.has(topicId)));
  return {
    initializing: left(known.initializing),
    initialized: left(known.initialized),
    deleting: left(known.deleting),
  };
}

/** Topics of which something is kept, and that there are not any more. */
export function vanished(
  { initializing: a, initialized: b, deleting: c }: SharePartitions,
  isThere: (topicId: string) => boolean,
): ReadonlySet<string> {
  return new Set([...a.keys(), ...b.keys(), ...c.keys()].filter((topicId) => !isThere(topicId)));
}

/** Whether any of these topics is in it. */
export function mentions(
  { initializing: a, initialized: b, deleting: c }: SharePartitions,
  topicIds: ReadonlySet<string>,
) {
  for (const topicId of topicIds) if (a.has(topicId) || b.has(topicId) || c.has(topicId)) return true;
  return false;
}
