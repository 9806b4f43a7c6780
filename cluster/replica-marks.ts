/**
 * How far a broker's replicas of a topic are.
 */
import type { BrokerNode } from "../broker/broker-node.ts";
import type { ReplicaMarks } from "./managed-node.ts";

/** By partition; those whose log is offline are left out. */
export function replicaMarks({ partitions }: BrokerNode, topic: string): Map<number, ReplicaMarks> {
  const marks = new Map<number, ReplicaMarks>();
  for (const { topic: name, index, log } of partitions.all()) {
    if (name !== topic || log.offline) continue;
    const { highWatermark, logStartOffset, logEndOffset } = log;
    marks.set(index, { highWatermark, logStartOffset, logEndOffset });
  }
  return marks;
}
