/**
 * `odradek topics describe`: each topic with its partitions, the ends of their logs and the configs that were set for it.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { type ClusterClient, kafkaError, type TopicMetadata } from "../client/cluster-client.ts";
import { EARLIEST, LATEST, offsetsKnownAt, partitionKey, type TopicPartition } from "../client/offset-lookup.ts";
import { ownConfigs } from "../client/topic-admin.ts";
import { CommandError } from "../command-error.ts";
import type { CommandIo } from "../command-io.ts";
import type { Arguments } from "../commands.ts";
import { writeJson } from "../output/results.ts";
import { formatTable } from "../output/table.ts";
import { isSet, texts } from "./options.ts";
import { inWords } from "./with-cluster.ts";

interface PartitionView {
  readonly partition: number;
  readonly leader: number | null;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
  readonly startOffset: number | null;
  readonly endOffset: number | null;
}

interface TopicView {
  readonly topic: string;
  readonly id: string;
  readonly internal: boolean;
  readonly configs: Readonly<Record<string, string | null>>;
  readonly partitions: readonly PartitionView[];
}

export async function describeTopics(cluster: ClusterClient, argv: Arguments, io: CommandIo): Promise<void> {
  const names = texts(argv, "topic");
  const { topics } = await cluster.view(names.length === 0 ? null : names);
  const failed = topics.filter(({ errorCode }) => errorCode !== ErrorCode.NONE);
  const asked = topics
    .filter(({ errorCode, isInternal }) => errorCode === ErrorCode.NONE && (names.length > 0 || !isInternal))
    .sort((a, b) => ((a.name ?? "") < (b.name ?? "") ? -1 : 1));
  const views = await viewsOf(cluster, asked);
  if (isSet(argv, "json")) writeJson(io, views);
  else if (topics.length === 0) io.stderr.write("there are no topics\n");
  else io.stdout.write(views.map(shown).join("\n"));
  if (failed.length > 0) {
    const words = failed.map(
      ({ errorCode, name }) => (inWords(kafkaError(errorCode, null), name ?? "") as Error).message,
    );
    throw new CommandError(words.join("\nodradek: "));
  }
}

async function viewsOf(cluster: ClusterClient, topics: readonly TopicMetadata[]): Promise<TopicView[]> {
  if (topics.length === 0) return [];
  const led: TopicPartition[] = topics.flatMap(({ name, partitions }) =>
    partitions
      .filter(({ leaderId }) => leaderId >= 0)
      .map(({ partitionIndex }) => ({ topic: name ?? "", partition: partitionIndex })),
  );
  const [starts, ends, configs] = await Promise.all([
    offsetsKnownAt(cluster, led, EARLIEST),
    offsetsKnownAt(cluster, led, LATEST),
    ownConfigs(
      cluster,
      topics.map(({ name }) => name ?? ""),
    ),
  ]);
  return topics.map(({ name, topicId, isInternal, partitions }) => {
    const topic = name ?? "";
    return {
      ...{ topic, id: topicId, internal: isInternal },
      configs: Object.fromEntries(configs.get(topic) ?? []),
      partitions: [...partitions]
        .sort((a, b) => a.partitionIndex - b.partitionIndex)
        .map(({ partitionIndex: partition, leaderId, replicaNodes, isrNodes }) => ({
          partition,
          leader: leaderId < 0 ? null : leaderId,
          replicas: replicaNodes,
          inSyncReplicas: isrNodes,
          startOffset: starts.get(partitionKey({ topic, partition })) ?? null,
          endOffset: ends.get(partitionKey({ topic, partition })) ?? null,
        })),
    };
  });
}

function shown({ topic, id, internal, configs, partitions }: TopicView): string {
  const replicas = Math.max(0, ...partitions.map((one) => one.replicas.length));
  const set = Object.entries(configs).map(([name, value]) => `${name}=${value}`);
  const rows = partitions.map(({ partition, leader, replicas: all, inSyncReplicas, startOffset, endOffset }) => ({
    partition,
    leader,
    replicas: all.join(","),
    "in sync": inSyncReplicas.join(","),
    start: startOffset,
    end: endOffset,
  }));
  const lines = [
    `${topic}${internal ? " (internal)" : ""}`,
    `  id        ${id}`,
    `  size      ${counted(partitions.length, "partition")}, ${counted(replicas, "replica")} each`,
    ...(set.length === 0 ? [] : [`  configs   ${set.join("\n            ")}`]),
  ];
  return `${lines.join("\n")}\n\n${indented(formatTable(rows))}`;
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

export function indented(lines: string): string {
  return lines.replace(/^(?=.)/gm, "  ");
}
