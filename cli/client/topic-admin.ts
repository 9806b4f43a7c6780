/**
 * Topics by Kafka's admin APIs: looking at them, making, changing and deleting them.
 *
 * Owns: requests, and each topic's own error. Leaves to the commands: words and tables.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { KafkaError } from "../../protocol/kafka-error.ts";
import { DescribeConfigs, IncrementalAlterConfigs } from "../../protocol/messages/configs.ts";
import { CreatePartitions, CreateTopics, DeleteTopics } from "../../protocol/messages/topics.ts";
import { type ClusterClient, kafkaError, type TopicMetadata } from "./cluster-client.ts";

/** How long the controller may take. */
const ADMIN_TIMEOUT_MS = 30_000;
const ANSWER_MS = { timeoutMs: ADMIN_TIMEOUT_MS + 5000 };
const TOPIC_RESOURCE = 2;
const SET = 0;
const DELETE = 1;
/** Deletes by name, which every version can. */
const DELETE_BY_NAME_VERSION = 5;
/** Where a value stands: with the topic itself. */
const TOPIC_SOURCE = 1;

/** By topic: undefined when it was done. */
export type Outcomes = Map<string, KafkaError | undefined>;

export interface NewTopic {
  readonly name: string;
  /** -1: the broker's default. */
  readonly partitions: number;
  readonly replicas: number;
  readonly configs: ReadonlyMap<string, string>;
}

/** Every topic, by name; internal ones too. */
export async function listTopics(cluster: ClusterClient): Promise<TopicMetadata[]> {
  const { topics } = await cluster.view(null);
  return [...topics].sort((a, b) => ((a.name ?? "") < (b.name ?? "") ? -1 : 1));
}

export async function createTopics(
  cluster: ClusterClient,
  topics: readonly NewTopic[],
  validateOnly: boolean,
): Promise<Outcomes> {
  const request = {
    topics: topics.map(({ name, partitions, replicas, configs }) => ({
      ...{ name, numPartitions: partitions, replicationFactor: replicas, assignments: [] },
      configs: [...configs].map(([key, value]) => ({ name: key, value })),
    })),
    timeoutMs: ADMIN_TIMEOUT_MS,
    validateOnly,
  };
  return outcomes((await cluster.askController(CreateTopics, request, ANSWER_MS)).topics);
}

export async function deleteTopics(cluster: ClusterClient, names: readonly string[]): Promise<Outcomes> {
  const request = { topics: [], topicNames: [...names], timeoutMs: ADMIN_TIMEOUT_MS };
  const options = { ...ANSWER_MS, maxVersion: DELETE_BY_NAME_VERSION };
  return outcomes((await cluster.askController(DeleteTopics, request, options)).responses);
}

/** Raises the number of partitions. @throws KafkaError */
export async function growTopic(cluster: ClusterClient, name: string, count: number): Promise<void> {
  const request = {
    topics: [{ name, count, assignments: null }],
    timeoutMs: ADMIN_TIMEOUT_MS,
    validateOnly: false,
  };
  throwFirst(outcomes((await cluster.askController(CreatePartitions, request, ANSWER_MS)).results));
}

/** Sets configs of a topic, and lets others have their defaults again. @throws KafkaError */
export async function alterTopicConfigs(
  cluster: ClusterClient,
  topic: string,
  set: ReadonlyMap<string, string>,
  unset: readonly string[],
): Promise<void> {
  const configs = [
    ...[...set].map(([name, value]) => ({ name, value, configOperation: SET })),
    ...unset.map((name) => ({ name, value: null, configOperation: DELETE })),
  ];
  const resources = [{ resourceType: TOPIC_RESOURCE, resourceName: topic, configs }];
  const { responses } = await cluster.askController(IncrementalAlterConfigs, { resources, validateOnly: false });
  throwFirst(outcomes(responses.map((one) => ({ ...one, name: one.resourceName }))));
}

/** The configs that were set for topics themselves, by topic. */
export async function ownConfigs(
  cluster: ClusterClient,
  topics: readonly string[],
): Promise<Map<string, Map<string, string | null>>> {
  const resources = topics.map((name) => ({
    ...{ resourceType: TOPIC_RESOURCE, resourceName: name, configurationKeys: null },
  }));
  const { results } = await cluster.askAny(DescribeConfigs, { resources });
  return new Map(
    results.map(({ resourceName, configs }) => {
      const own = configs.filter(({ configSource }) => configSource === TOPIC_SOURCE);
      return [resourceName, new Map(own.map(({ name, value }) => [name, value]))];
    }),
  );
}

interface Answered {
  readonly name: string | null;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

function outcomes(answers: readonly Answered[]): Outcomes {
  return new Map(
    answers.map(({ name, errorCode, errorMessage }) => [
      name ?? "",
      errorCode === ErrorCode.NONE ? undefined : kafkaError(errorCode, errorMessage),
    ]),
  );
}

function throwFirst(all: Outcomes): void {
  for (const error of all.values()) if (error !== undefined) throw error;
}
