/**
 * Who may lead a partition, and what follows for all partitions of a broker that comes or goes.
 *
 * Owns: the rules that every change of a partition shares (min.insync.replicas, unclean elections, directories). Leaves the change
 * itself to partition-change.ts.
 */
import { strict as assert } from "node:assert";
import type { TopicConfigSources } from "../../broker/config/config-schema.ts";
import type { PartitionImage, TopicImage } from "../../broker/metadata/metadata-image.ts";
import { ResourceType } from "../../broker/metadata/metadata-image.ts";
import { DirectoryId } from "../../protocol/uuid.ts";
import type { ClusterImage } from "../metadata/cluster-image.ts";
import { isOnlineDirectory } from "../metadata/directory-ids.ts";
import type { MetadataRecord } from "../metadata/metadata-record.ts";
import { type ControllerView, hasEligibleLeaderReplicas, isActive, metadataVersionIn } from "./controller-view.ts";
import { type PartitionChange, partitionChange } from "./partition-change.ts";
import type { PartitionRef } from "./partition-index.ts";

const MIN_IN_SYNC_REPLICAS = "min.insync.replicas";
const UNCLEAN_LEADER_ELECTION = "unclean.leader.election.enable";

/** What holds for every partition of a topic. */
export type TopicRules = Pick<
  PartitionChange,
  "topicId" | "metadataVersion" | "minInSyncReplicas" | "eligibleLeaderReplicasEnabled" | "defaultDirectory"
> & { readonly uncleanElectionEnabled: boolean };

/** A change of one partition, without what the topic's rules say already. */
export type ChangeOf = Omit<PartitionChange, keyof TopicRules | "partition" | "mayLead"> &
  Partial<Pick<PartitionChange, "mayLead">>;

export function configLayers(view: ControllerView, topicName: string): TopicConfigSources {
  return {
    topic: view.image.configsOf(ResourceType.TOPIC, topicName),
    node: view.image.configsOf(ResourceType.BROKER, String(view.nodeId)),
    cluster: view.image.configsOf(ResourceType.BROKER, ""),
  };
}

export function topicRules(view: ControllerView, topic: TopicImage): TopicRules {
  const layers = configLayers(view, topic.name);
  const minInSyncReplicas = Number(view.configs.effectiveTopicConfig(MIN_IN_SYNC_REPLICAS, layers).value);
  const unclean = view.configs.effectiveTopicConfig(UNCLEAN_LEADER_ELECTION, layers).value;
  return {
    topicId: topic.id,
    metadataVersion: metadataVersionIn(view.image),
    minInSyncReplicas: Math.min(minInSyncReplicas, topic.partitions[0]?.replicas.length ?? 1),
    eligibleLeaderReplicasEnabled: hasEligibleLeaderReplicas(view.image),
    defaultDirectory: (brokerId) => defaultDirectory(view.image, brokerId),
    uncleanElectionEnabled: unclean?.trim().toLowerCase() === "true",
  };
}

/** The record of a change under the topic's rules; undefined when nothing changes. */
export function changePartition(
  view: ControllerView,
  rules: TopicRules,
  partition: PartitionImage,
  change: ChangeOf,
): MetadataRecord<"PartitionChange"> | undefined {
  const isLeaderCandidate = change.mayLead ?? ((id: number) => isActive(view.image, id));
  return partitionChange({
    ...rules,
    ...change,
    partition,
    mayLead: (id) => isLeaderCandidate(id) && isReplicaOnline(view.image, partition, id, change.directory),
  });
}

/** Where a new replica goes: the only directory a broker has, else the broker chooses and tells (KIP-858). */
export function defaultDirectory(image: ClusterImage, brokerId: number): string {
  if (!metadataVersionIn(image).hasDirectories) return DirectoryId.MIGRATING;
  const directories = image.brokers.get(brokerId)?.directories;
  if (directories === undefined) return DirectoryId.UNASSIGNED;
  if (directories.length === 0) return DirectoryId.MIGRATING;
  return directories.length === 1 ? (directories[0] as string) : DirectoryId.UNASSIGNED;
}

/** @param moved the directory a replica is about to have. */
function isReplicaOnline(
  image: ClusterImage,
  partition: PartitionImage,
  brokerId: number,
  moved: PartitionChange["directory"],
): boolean {
  const broker = image.brokers.get(brokerId);
  const present = partition.directories[partition.replicas.indexOf(brokerId)] ?? DirectoryId.UNASSIGNED;
  const directory = moved?.brokerId === brokerId ? moved.id : present;
  return broker !== undefined && isOnlineDirectory(directory, broker.directories);
}

/** A broker that comes, goes or is found to have lost what it had. */
export interface BrokerEvent {
  /** Leaves every ISR and leads nothing, whatever the image says of it. */
  readonly removed?: number;
  /** May lead although the image still has it fenced. */
  readonly added?: number;
  /** May have lost records: leaves ISR and eligible replicas, and leads nothing. */
  readonly unclean?: number;
  /** False: partitions that only an unclean election could help stay without leader (default true). */
  readonly mayElectUncleanly?: boolean;
}

/** The changes of leaders and ISRs that an event brings to these partitions. */
export function leaderAndIsrUpdates(
  view: ControllerView,
  event: BrokerEvent,
  partitions: Iterable<PartitionRef>,
): MetadataRecord<"PartitionChange">[] {
  const { removed, added, unclean, mayElectUncleanly = true } = event;
  const mayLead = (id: number): boolean =>
    id !== removed && id !== unclean && (id === added || isActive(view.image, id));
  const records: MetadataRecord<"PartitionChange">[] = [];
  let topic: TopicImage | undefined;
  let rules: TopicRules | undefined;
  for (const { topicId, partition: index } of partitions) {
    if (topic?.id !== topicId || rules === undefined) {
      topic = view.image.topicsById.get(topicId);
      assert(topic !== undefined, `topic ${topicId} is in the index but not in the image`);
      rules = topicRules(view, topic);
    }
    const partition = topic.partitions[index];
    assert(partition !== undefined, `partition ${index} of ${topicId} is in the index but not in the image`);
    const change = changePartition(view, rules, partition, {
      mayLead,
      election: rules.uncleanElectionEnabled && mayElectUncleanly ? "unclean" : "online",
      electsLastKnownLeader: mayElectUncleanly,
      inSyncReplicas: partition.inSyncReplicas.filter((id) => id !== removed && id !== unclean),
      ...(unclean === undefined ? {} : { uncleanReplica: unclean }),
    });
    if (change !== undefined) records.push(change);
  }
  return records;
}
