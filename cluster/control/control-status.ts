/**
 * What a cluster tells of itself: nodes, topics, ways, faults. Plain data, the same in every language.
 */

import { isInternalTopic } from "../../broker/metadata/internal-topics.ts";
import type { TopicImage } from "../../broker/metadata/metadata-image.ts";
import type { FaultRule } from "../faults/fault-rule.ts";
import type { Fault } from "../faults/fault-rules.ts";
import type { ManagedNode, ReplicaMarks } from "../managed-node.ts";
import type { ClusterImage } from "../metadata/cluster-image.ts";

export interface NodeStatus {
  readonly id: number;
  readonly state: string;
  /** "host:port"; "" before it was first started. */
  readonly address: string;
  readonly rack: string | null;
  /** The controller takes it for dead, or it has never been in service. */
  readonly fenced: boolean;
  /** Partitions it leads. */
  readonly leads: number;
  /** Of its own process; null where nodes share one. */
  readonly processId: number | null;
}

export interface ControllerStatus {
  /** "running", "paused", "stopped"; "combined" where the only node is its own controller. */
  readonly state: string;
  readonly address: string;
}

export interface PartitionStatus {
  readonly partition: number;
  /** -1: none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
  readonly addingReplicas: readonly number[];
  readonly removingReplicas: readonly number[];
  /** As the leader has it; null when it does not say. */
  readonly highWatermark: number | null;
  readonly logStartOffset: number | null;
  /** Of each replica that says, by node. */
  readonly logEndOffsets: Readonly<Record<string, number>>;
}

export interface TopicStatus {
  readonly name: string;
  readonly id: string;
  readonly internal: boolean;
  readonly partitions: readonly PartitionStatus[];
}

export interface FaultStatus {
  readonly id: number;
  readonly rule: FaultRule;
  readonly fired: number;
  readonly occasions: number;
}

export function nodeStatus(node: ManagedNode, image: ClusterImage): NodeStatus {
  const registered = image.brokers.get(node.id);
  let leads = 0;
  for (const { partitions } of image.topics.values()) {
    for (const { leader } of partitions) if (leader === node.id) leads++;
  }
  const [address] = node.addresses;
  return {
    id: node.id,
    state: node.state,
    address: address === undefined ? "" : `${address.host}:${address.port}`,
    rack: registered?.rack ?? null,
    fenced: registered?.fenced !== false,
    leads,
    processId: node.processId ?? null,
  };
}

export function faultStatus({ id, rule, fired, occasions }: Fault): FaultStatus {
  return { id, rule, fired, occasions };
}

/** @param marks of the topic, by node. */
export function topicStatus(
  { name, id, partitions }: TopicImage,
  marks: ReadonlyMap<number, ReadonlyMap<number, ReplicaMarks>>,
): TopicStatus {
  return {
    name,
    id,
    internal: isInternalTopic(name),
    partitions: partitions.map((image) => {
      const { partition, leader, leaderEpoch, replicas, inSyncReplicas, addingReplicas, removingReplicas } = image;
      const ends = replicas.flatMap((node) => {
        const end = marks.get(node)?.get(partition)?.logEndOffset;
        return end === undefined ? [] : [[String(node), end] as const];
      });
      const ofLeader = marks.get(leader)?.get(partition);
      return {
        ...{ partition, leader, leaderEpoch, replicas, inSyncReplicas, addingReplicas, removingReplicas },
        highWatermark: ofLeader?.highWatermark ?? null,
        logStartOffset: ofLeader?.logStartOffset ?? null,
        logEndOffsets: Object.fromEntries(ends),
      };
    }),
  };
}
