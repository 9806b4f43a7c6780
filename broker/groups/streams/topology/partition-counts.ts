/**
 * How many partitions the internal topics of a topology have to have: repartition topics as many as what is written to them
 * comes from, or as many as those they are joined with; changelogs one for each task.
 *
 * Owns: the counts, and that topics which are joined agree on them (copartitioning).
 */
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { KafkaError } from "../../../../protocol/kafka-error.ts";
import type { MetadataImage } from "../../../metadata/metadata-image.ts";
import { nameOf, type StreamsTopology, type Subtopology } from "./streams-topology.ts";
import { HeartbeatStatus, TopicProblem } from "./topic-problem.ts";

type Counts = Map<string, number>;

export class PartitionCounts {
  private readonly topology: StreamsTopology;
  private readonly image: MetadataImage;
  private readonly decided: Counts = new Map();

  /** @throws KafkaError STREAMS_INVALID_TOPOLOGY when there can be no counts; TopicProblem when the topics that exist do not fit. */
  constructor(topology: StreamsTopology, image: MetadataImage) {
    this.topology = topology;
    this.image = image;
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
    const { subtopologies } = this.topology;
    const counts: Counts = new Map();
    for (const { name, partitions } of this.repartitionSources()) if (partitions !== 0) counts.set(name, partitions);
    for (let missing = true; missing; ) {
      missing = false;
      let progress = false;
      for (const subtopology of subtopologies) {
        for (const sink of subtopology.repartitionSinkTopics) {
          if (counts.has(sink)) continue;
          const count = this.widestInput(subtopology, counts);
          if (count === undefined) missing = true;
          else {
            counts.set(sink, count);
            progress = true;
          }
        }
      }
      if (missing && !progress) {
        throw invalid(
          "Failed to compute number of partitions for all repartition topics. There may be loops in the topology that cannot be resolved.",
        );
      }
    }
    if (!this.repartitionSources().every(({ name }) => counts.has(name))) {
      throw invalid(
        "Failed to compute number of partitions for all repartition topics, because a repartition source topic is never used as a sink topic.",
      );
    }
    return counts;
  }

  private repartitionSources() {
    return this.topology.subtopologies.flatMap(({ repartitionSourceTopics }) => repartitionSourceTopics);
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
    const sources = this.repartitionSources();
    const fixed = new Set(sources.filter(({ partitions }) => partitions !== 0).map(nameOf));
    const isRepartition = new Set(sources.map(nameOf));
    const own = new Map<string, number>();
    const others = new Map<string, number>();
    for (const topic of topics) (isRepartition.has(topic) ? own : others).set(topic, this.of(topic));
    const count = others.size > 0 ? same(others, others) : this.repartitionCount(own, fixed);
    for (const [topic, has] of own) {
      if (!fixed.has(topic) || has === count) continue;
      throw mispartitioned(
        `Number of partitions [${has}] of repartition topic [${topic}] doesn't match number of partitions [${count}] of the source topic.`,
      );
    }
    return new Map([...own.keys()].map((topic) => [topic, count]));
  }

  /** Where only repartition topics are joined; as in Kafka all of the topology whose count is fixed have to agree. */
  private repartitionCount(own: ReadonlyMap<string, number>, fixed: ReadonlySet<string>): number {
    if (fixed.size > 0) return same(new Map([...fixed].map((topic) => [topic, this.of(topic)])), own);
    return [...own.values()].reduce((most, count) => Math.max(most, count), 0);
  }
}

/** @param told the topics that are named when they do not agree. */
function same(counts: ReadonlyMap<string, number>, told: ReadonlyMap<string, number>): number {
  const [first = 0] = counts.values();
  for (const count of counts.values()) {
    if (count === first) continue;
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
