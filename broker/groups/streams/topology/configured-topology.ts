/**
 * A topology held against the topics there are: how many tasks each subtopology has, which internal topics are missing, or what
 * keeps it from running.
 *
 * Follows from the topology and the cluster's topics alone; nothing of it is in records.
 */
import type { MetadataImage } from "../../../metadata/metadata-image.ts";
import { grownTableOrder, stringHash } from "../../consumer/assignors/visiting-order.ts";
import { invalid, mispartitioned, PartitionCounts } from "./partition-counts.ts";
import type { StreamsTopology, Subtopology, TopicInfo } from "./streams-topology.ts";
import { HeartbeatStatus, TopicProblem } from "./topic-problem.ts";

/**
 * Differs from Kafka: a streams group of more than 100,000 tasks is answered STREAMS_INVALID_TOPOLOGY; Kafka tries to assign any number,
 * and to write it into one record for each member.
 */
const MAX_TASKS = 100_000;

export interface InternalTopicPlan {
  readonly name: string;
  readonly partitionCount: number;
  /** 0: the cluster's default. */
  readonly replicationFactor: number;
  readonly configs: TopicInfo["topicConfigs"];
}

export interface ConfiguredSubtopology {
  readonly taskCount: number;
  /** It has state, which standby tasks keep a copy of. */
  readonly isStateful: boolean;
  readonly sourceTopics: readonly string[];
  readonly repartitionSinkTopics: readonly string[];
  readonly repartitionSourceTopics: readonly InternalTopicPlan[];
  readonly stateChangelogTopics: readonly InternalTopicPlan[];
}

export interface ConfiguredTopology {
  readonly epoch: number;
  /** In the order of their ids; undefined where the topics do not do. */
  readonly subtopologies: ReadonlyMap<string, ConfiguredSubtopology> | undefined;
  /** To be made. */
  readonly missingTopics: readonly InternalTopicPlan[];
  /** Undefined: tasks may run. */
  readonly problem: TopicProblem | undefined;
}

/** @throws KafkaError STREAMS_INVALID_TOPOLOGY when no topics would do. */
export function configureTopology(topology: StreamsTopology, image: MetadataImage): ConfiguredTopology {
  const { epoch } = topology;
  try {
    requireSourceTopics(topology, image);
    const counts = new PartitionCounts(topology, image);
    const subtopologies = new Map<string, ConfiguredSubtopology>();
    for (const each of topology.subtopologies) subtopologies.set(each.subtopologyId, configured(each, counts));
    requireFewTasks(subtopologies);
    const missingTopics = missing(subtopologies, image);
    const names = missingTopics.map(({ name }) => name);
    const problem =
      names.length === 0
        ? undefined
        : new TopicProblem(HeartbeatStatus.MISSING_INTERNAL_TOPICS, `Internal topics are missing: ${summary(names)}`);
    return { epoch, subtopologies, missingTopics, problem };
  } catch (error) {
    if (!(error instanceof TopicProblem)) throw error;
    return { epoch, subtopologies: undefined, missingTopics: [], problem: error };
  }
}

function requireSourceTopics(topology: StreamsTopology, image: MetadataImage): void {
  const missing = new Set<string>();
  for (const { sourceTopics } of topology.subtopologies) {
    for (const topic of sourceTopics) if (!image.topics.has(topic)) missing.add(topic);
  }
  if (missing.size === 0) return;
  const detail = `Source topics ${summary([...missing].sort())} are missing.`;
  throw new TopicProblem(HeartbeatStatus.MISSING_SOURCE_TOPICS, detail);
}

function requireFewTasks(subtopologies: ReadonlyMap<string, ConfiguredSubtopology>): void {
  let count = 0;
  for (const { taskCount } of subtopologies.values()) count += taskCount;
  if (count > MAX_TASKS) throw invalid(`The topology has ${count} tasks, which is more than ${MAX_TASKS}.`);
}

function configured(subtopology: Subtopology, counts: PartitionCounts): ConfiguredSubtopology {
  const plan = (topic: TopicInfo): InternalTopicPlan => planned(topic, counts);
  return {
    taskCount: counts.taskCount(subtopology),
    isStateful: subtopology.stateChangelogTopics.length > 0,
    sourceTopics: [...new Set(subtopology.sourceTopics)].sort(),
    repartitionSinkTopics: [...new Set(subtopology.repartitionSinkTopics)].sort(),
    repartitionSourceTopics: subtopology.repartitionSourceTopics.map(plan).sort(byName),
    stateChangelogTopics: subtopology.stateChangelogTopics.map(plan).sort(byName),
  };
}

function planned(topic: TopicInfo, counts: PartitionCounts): InternalTopicPlan {
  const { name, partitions, replicationFactor, topicConfigs } = topic;
  const partitionCount = partitions === 0 ? counts.decidedFor(name) : partitions;
  if (partitionCount < 1) throw invalid("Number of partitions must be at least 1.");
  return { name, partitionCount, replicationFactor, configs: topicConfigs };
}

function byName(a: InternalTopicPlan, b: InternalTopicPlan): number {
  return a.name < b.name ? -1 : 1;
}

/** Internal topics there are not, in the order in which Kafka names them; those there are have to have as many partitions as planned. */
function missing(
  subtopologies: ReadonlyMap<string, ConfiguredSubtopology>,
  image: MetadataImage,
): readonly InternalTopicPlan[] {
  const plans = new Map<string, InternalTopicPlan>();
  for (const { repartitionSourceTopics, stateChangelogTopics } of subtopologies.values()) {
    for (const plan of [...repartitionSourceTopics, ...stateChangelogTopics]) plans.set(plan.name, plan);
  }
  return grownTableOrder([...plans.values()], ({ name }) => stringHash(name)).filter(({ name, partitionCount }) => {
    const found = image.topics.get(name)?.partitions.length;
    if (found !== undefined && found !== partitionCount) {
      throw mispartitioned(
        `Existing topic ${name} has different number of partitions: expected ${partitionCount}, found ${found}`,
      );
    }
    return found === undefined;
  });
}

const MAX_NAMED = 3;

function summary(topics: readonly string[]): string {
  const named = topics.slice(0, MAX_NAMED).join(", ");
  return topics.length > MAX_NAMED ? `${named} and ${topics.length - MAX_NAMED} additional topics` : named;
}
