/**
 * How many partitions the internal topics of a topology have to have: repartition topics as many as what is written to them
 * comes from, or as many as those they are joined with; changelogs one for each task.
 *
 * Owns: the counts, and that topics which are joined agree on them (copartitioning).
 */
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { KafkaError } from "../../../../protocol/kafka-error.ts";
import type { MetadataImage } from "../../../metadata/metadata-image.ts";
import { nameOf, type StreamsTopology, type Subtopology, type TopicInfo } from "./streams-topology.ts";
import { HeartbeatStatus, TopicProblem } from "./topic-problem.ts";

type Counts = Map<string, number>;

/**
 * Topics that are looked at while counts are found: a chain of subtopologies, each written by the next, takes the square of its
 * length, times the topics of each. None that anybody runs comes near.
 */
const MAX_LOOKS = 300_000;

export class PartitionCounts {
  private readonly topology: StreamsTopology;
  private readonly image: MetadataImage;
  private readonly decided: Counts = new Map();
  private readonly repartitionSources: readonly TopicInfo[];
  /** Repartition topics whose count the application says. */
  private readonly fixed: ReadonlySet<string>;
  private readonly repartitionTopics: ReadonlySet<string>;
  private fixedCounts: readonly number[] | undefined;

  /** @throws KafkaError STREAMS_INVALID_TOPOLOGY when there can be no counts; TopicProblem when the topics that exist do not fit. */
  constructor(topology: StreamsTopology, image: MetadataImage) {
    this.topology = topology;
    this.image = image;
    this.repartitionSources = topology.subtopologies.flatMap(({ repartitionSourceTopics }) => repartitionSourceTopics);
    this.fixed = new Set(this.repartitionSources.filter(({ partitions }) => partitions !== 0).map(nameOf));
    this.repartitionTopics = new Set(this.repartitionSources.map(nameOf));
    this.decide(this.repartitionCounts());
    for (const subtopology of topology.subtopologies) {
      for (const group of copartitionGroups(subtopology)) this.decide(this.copartitioned(group));
    }
    for (const subtopology of topology.subtopologies) {
      const count = this.taskCount(subtopology);
      for (const { name } of subtopology.stateChangelogTopics) this.decided.set(name, count);
    }
  }

  private decide(counts: Counts): void {
    for (const [topic, count] of counts) this.decided.set(topic, count);
  }

  /** Of a topic that exists, or as decided. */
  of(topic: string): number {
    const count = this.image.topics.get(topic)?.partitions.length ?? this.decided.get(topic);
    if (count === undefined) throw invalid(`Number of partitions is not set for topic: ${topic}`);
    return count;
  }

  /** As decided, whatever there is. */
  decidedFor(topic: string): number {
    const count = this.decided.get(topic);
    if (count === undefined) throw invalid(`Number of partitions must be set for topic ${topic}`);
    return count;
  }

  /** One task for each partition of the widest input. */
  taskCount({ subtopologyId, sourceTopics, repartitionSourceTopics }: Subtopology): number {
    const inputs = [...sourceTopics, ...repartitionSourceTopics.map(nameOf)];
    if (inputs.length === 0) throw invalid(`No source topics found for subtopology ${subtopologyId}`);
    return inputs.reduce((most, topic) => Math.max(most, this.of(topic)), 0);
  }

  /** A repartition topic without a count of its own has that of the widest input of the subtopology that writes to it. */
  private repartitionCounts(): Counts {
    const counts: Counts = new Map();
    for (const { name, partitions } of this.repartitionSources) if (partitions !== 0) counts.set(name, partitions);
    let looks = 0;
    let waiting = this.topology.subtopologies.filter(({ repartitionSinkTopics }) => repartitionSinkTopics.length > 0);
    while (waiting.length > 0) {
      for (const subtopology of waiting) looks += topicCount(subtopology);
      const left =
        looks > MAX_LOOKS ? waiting : waiting.filter((subtopology) => !this.decideSinks(subtopology, counts));
      if (left.length === waiting.length) {
        throw invalid(
          "Failed to compute number of partitions for all repartition topics. There may be loops in the topology that cannot be resolved.",
        );
      }
      waiting = left;
    }
    if (!this.repartitionSources.every(({ name }) => counts.has(name))) {
      throw invalid(
        "Failed to compute number of partitions for all repartition topics, because a repartition source topic is never used as a sink topic.",
      );
    }
    return counts;
  }

  /** Whether the counts of what a subtopology writes to are known now. */
  private decideSinks(subtopology: Subtopology, counts: Counts): boolean {
    const missing = subtopology.repartitionSinkTopics.filter((sink) => !counts.has(sink));
    if (missing.length === 0) return true;
    const count = this.widestInput(subtopology, counts);
    if (count === undefined) return false;
    for (const sink of missing) counts.set(sink, count);
    return true;
  }

  /** As far as it is known by now. */
  private widestInput({ sourceTopics, repartitionSourceTopics }: Subtopology, counts: Counts): number | undefined {
    const known = [
      ...repartitionSourceTopics.map(({ name }) => counts.get(name)),
      ...sourceTopics.map((topic) => this.image.topics.get(topic)?.partitions.length),
    ].filter((count) => count !== undefined);
    return known.length === 0 ? undefined : known.reduce((most, count) => Math.max(most, count), 0);
  }

  /** The counts of the repartition topics in one group of topics that are joined. */
  private copartitioned(topics: ReadonlySet<string>): Counts {
    if (topics.size === 0) return new Map();
    const own = new Map<string, number>();
    const others = new Map<string, number>();
    for (const topic of topics) (this.repartitionTopics.has(topic) ? own : others).set(topic, this.of(topic));
    const count = others.size > 0 ? same([...others.values()], others) : this.repartitionCount(own);
    for (const [topic, has] of own) {
      if (!this.fixed.has(topic) || has === count) continue;
      throw mispartitioned(
        `Number of partitions [${has}] of repartition topic [${topic}] doesn't match number of partitions [${count}] of the source topic.`,
      );
    }
    return new Map([...own.keys()].map((topic) => [topic, count]));
  }

  /** Where only repartition topics are joined; as in Kafka all of the topology whose count is fixed have to agree. */
  private repartitionCount(own: ReadonlyMap<string, number>): number {
    if (this.fixed.size === 0) return [...own.values()].reduce((most, count) => Math.max(most, count), 0);
    // They stay as they are: one look is enough for all groups.
    this.fixedCounts ??= [...new Set([...this.fixed].map((topic) => this.of(topic)))];
    return same(this.fixedCounts, own);
  }
}

function topicCount({ sourceTopics, repartitionSourceTopics, repartitionSinkTopics }: Subtopology): number {
  return sourceTopics.length + repartitionSourceTopics.length + repartitionSinkTopics.length;
}

/** @param told the topics that are named when they do not agree. */
function same(counts: readonly number[], told: ReadonlyMap<string, number>): number {
  const [first = 0] = counts;
  if (counts.some((count) => count !== first)) {
    const sorted = [...told].sort(([a], [b]) => (a < b ? -1 : 1));
    const list = sorted.map(([topic, partitions]) => `${topic}=${partitions}`).join(", ");
    throw mispartitioned(`Following topics do not have the same number of partitions: [{${list}}]`);
  }
  return first;
}

/**
 * Names of topics that have to have the same number of partitions.
 * Differs from Kafka: a streams topology that contradicts itself (a copartition group that names a topic there is not, a
 * subtopology twice, a negative epoch or count) is answered STREAMS_INVALID_TOPOLOGY, where Kafka answers UNKNOWN_SERVER_ERROR.
 */
function copartitionGroups(subtopology: Subtopology): Set<string>[] {
  const { subtopologyId, sourceTopics, repartitionSourceTopics, copartitionGroups: groups } = subtopology;
  return groups.map((group) => {
    const topics = [
      ...group.sourceTopics.map((index) => sourceTopics[index]),
      ...group.repartitionSourceTopics.map((index) => repartitionSourceTopics[index]?.name),
    ];
    return new Set(
      topics.map((topic) => {
        if (topic === undefined) throw invalid(`A copartition group of subtopology ${subtopologyId} names no topic.`);
        return topic;
      }),
    );
  });
}

export function invalid(message: string): KafkaError {
  return new KafkaError(ErrorCode.STREAMS_INVALID_TOPOLOGY, message);
}

export function mispartitioned(message: string): TopicProblem {
  return new TopicProblem(HeartbeatStatus.INCORRECTLY_PARTITIONED_TOPICS, message);
}
