/**
 * The topics and partitions a request is about, whatever its API: found by the shape that Kafka's messages have in common.
 *
 * Owns: taking those that match out of a request, and putting their errors into the response to the rest.
 */
export interface Subject {
  readonly topic: string;
  /** Undefined: every partition, and a topic named without any. */
  readonly partition: number | undefined;
}

/** @param id of a topic that is named by id only. */
type TopicNameOf = (id: string) => string | undefined;

interface TopicEntry {
  readonly [field: string]: unknown;
}

const NAME_FIELDS = ["name", "topic", "topicName"] as const;
const PARTITION_FIELDS = ["partitionIndex", "index", "partition", "partitionId"] as const;

export interface SplitRequest {
  /** What matches and nothing else. */
  readonly matched: object;
  /** The rest; undefined when nothing is left. */
  readonly rest: object | undefined;
}

/** Parts a request by a subject; undefined when nothing of it matches. */
export function splitRequest(request: object, subject: Subject, nameOf: TopicNameOf): SplitRequest | undefined {
  const matched: Record<string, unknown> = { ...request };
  const rest: Record<string, unknown> = { ...request };
  let hasMatch = false;
  let hasRest = false;
  for (const [field, value] of Object.entries(request)) {
    if (!isTopics(value)) continue;
    const parts = value.map((entry) => splitTopic(entry, subject, nameOf));
    matched[field] = parts.flatMap((part) => (part.matched === undefined ? [] : [part.matched]));
    rest[field] = parts.flatMap((part) => (part.rest === undefined ? [] : [part.rest]));
    hasMatch ||= parts.some((part) => part.matched !== undefined);
    hasRest ||= parts.some((part) => part.rest !== undefined);
  }
  return hasMatch ? { matched, rest: hasRest ? rest : undefined } : undefined;
}

function splitTopic(
  entry: TopicEntry,
  { topic, partition }: Subject,
  nameOf: TopicNameOf,
): { matched?: TopicEntry; rest?: TopicEntry } {
  if (topicOf(entry, nameOf) !== topic) return { rest: entry };
  const [field, partitions] = Object.entries(entry).find(([, value]) => isPartitions(value)) ?? [];
  if (partition === undefined) return { matched: entry };
  if (field === undefined) return { rest: entry };
  const matched = (partitions as unknown[]).filter((one) => partitionOf(one) === partition);
  const others = (partitions as unknown[]).filter((one) => partitionOf(one) !== partition);
  return {
    ...(matched.length === 0 ? {} : { matched: { ...entry, [field]: matched } }),
    ...(others.length === 0 ? {} : { rest: { ...entry, [field]: others } }),
  };
}

/** A response in which the topics and partitions of `errors`, a response of the same API, take the place of their like. */
export function mergeResponses(response: object, errors: object): object {
  const merged: Record<string, unknown> = { ...response };
  for (const [field, value] of Object.entries(errors)) {
    const own = merged[field];
    if (!isTopics(value) || !Array.isArray(own)) continue;
    merged[field] = mergeTopics(own as TopicEntry[], value);
  }
  return merged;
}

function mergeTopics(topics: readonly TopicEntry[], errors: readonly TopicEntry[]): TopicEntry[] {
  const merged = [...topics];
  for (const failed of errors) {
    const at = merged.findIndex((topic) => isSameTopic(topic, failed));
    const topic = merged[at];
    const [field, partitions] = Object.entries(failed).find(([, value]) => isPartitions(value)) ?? [];
    if (topic === undefined) {
      merged.push(failed);
    } else if (field === undefined) {
      merged[at] = failed;
    } else {
      const own = (topic[field] ?? []) as unknown[];
      const gone = new Set((partitions as unknown[]).map(partitionOf));
      merged[at] = {
        ...topic,
        [field]: [...own.filter((one) => !gone.has(partitionOf(one))), ...(partitions as unknown[])],
      };
    }
  }
  return merged;
}

function isSameTopic(a: TopicEntry, b: TopicEntry): boolean {
  // A version names topics by name or by id; what it does not carry may be there or not.
  const known = NAME_FIELDS.find((field) => typeof a[field] === "string" && a[field] !== "");
  return known === undefined ? a.topicId === b.topicId : a[known] === b[known];
}

function topicOf(entry: TopicEntry, nameOf: TopicNameOf): string | undefined {
  for (const field of NAME_FIELDS) {
    const name = entry[field];
    if (typeof name === "string" && name !== "") return name;
  }
  return typeof entry.topicId === "string" ? nameOf(entry.topicId) : undefined;
}

function partitionOf(entry: unknown): number | undefined {
  if (typeof entry === "number") return entry;
  const field = PARTITION_FIELDS.find((name) => typeof (entry as TopicEntry)[name] === "number");
  return field === undefined ? undefined : ((entry as TopicEntry)[field] as number);
}

function isTopics(value: unknown): value is readonly TopicEntry[] {
  return (
    Array.isArray(value) && value.length > 0 && isObject(value[0]) && NAME_FIELDS.some((field) => field in value[0])
  );
}

function isPartitions(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0) return false;
  return typeof value[0] === "number" || (isObject(value[0]) && partitionOf(value[0]) !== undefined);
}

function isObject(value: unknown): value is TopicEntry {
  return typeof value === "object" && value !== null && !Buffer.isBuffer(value);
}
