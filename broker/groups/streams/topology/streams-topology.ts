/**
 * The topology of a streams application as its members say it and the group's record holds it: which subtopologies there are, and
 * which topics each reads and writes.
 */
import type { StreamsGroupTopologyValue } from "../../../../protocol/messages/streams-group-records.ts";
import type { Decode } from "../../../../protocol/schema/message.ts";

/** As the record holds it. */
export type StoredTopology = Decode<typeof StreamsGroupTopologyValue>;
export type Subtopology = StoredTopology["subtopologies"][number];
export type TopicInfo = Subtopology["stateChangelogTopics"][number];

export interface StreamsTopology {
  readonly stored: StoredTopology;
  readonly epoch: number;
  /** In the order of their ids. */
  readonly subtopologies: readonly Subtopology[];
  /** Id of the subtopology that reads a topic; repartition topics are read too. */
  readonly readers: ReadonlyMap<string, string>;
  /** Topics that have to exist: all that are read, and changelogs. */
  readonly requiredTopics: readonly string[];
  /** Two topologies are the same when this is. */
  readonly identity: string;
}

export function streamsTopology(said: StoredTopology): StreamsTopology {
  const stored = normal(said);
  const subtopologies = [...stored.subtopologies].sort((a, b) => (a.subtopologyId < b.subtopologyId ? -1 : 1));
  const readers = new Map<string, string>();
  const required = new Set<string>();
  for (const { subtopologyId, sourceTopics, repartitionSourceTopics, stateChangelogTopics } of stored.subtopologies) {
    for (const topic of [...sourceTopics, ...repartitionSourceTopics.map(nameOf)]) {
      readers.set(topic, subtopologyId);
      required.add(topic);
    }
    for (const { name } of stateChangelogTopics) required.add(name);
  }
  const identity = JSON.stringify({ epoch: stored.epoch, subtopologies });
  return { stored, epoch: stored.epoch, subtopologies, readers, requiredTopics: [...required], identity };
}

export function nameOf({ name }: TopicInfo): string {
  return name;
}

/** With the fields in one order, whether it comes from a request or from a record. */
function normal({ epoch, subtopologies }: StoredTopology): StoredTopology {
  return {
    epoch,
    subtopologies: subtopologies.map((each) => ({
      subtopologyId: each.subtopologyId,
      sourceTopics: each.sourceTopics,
      sourceTopicRegex: each.sourceTopicRegex,
      stateChangelogTopics: each.stateChangelogTopics.map(normalTopic),
      repartitionSinkTopics: each.repartitionSinkTopics,
      repartitionSourceTopics: each.repartitionSourceTopics.map(normalTopic),
      copartitionGroups: each.copartitionGroups.map(({ sourceTopics, sourceTopicRegex, repartitionSourceTopics }) => ({
        sourceTopics,
        sourceTopicRegex,
        repartitionSourceTopics,
      })),
    })),
  };
}

function normalTopic({ name, partitions, replicationFactor, topicConfigs }: TopicInfo): TopicInfo {
  return { name, partitions, replicationFactor, topicConfigs: topicConfigs.map(({ key, value }) => ({ key, value })) };
}
