/** What a cluster without faults must come to: leaders, full ISRs, nothing unacknowledged, consumers at the end. */
import type { Auditor } from "../audit/auditor.ts";
import type { Consumer } from "../clients/consumer.ts";
import type { Producer } from "../clients/producer.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";

/** Undefined when all has come to rest; else the first thing that has not. */
export function whyNotConverged(
  cluster: SimulatedCluster,
  auditor: Auditor,
  producers: readonly Producer[],
  consumers: readonly Consumer[],
): string | undefined {
  const { image } = cluster.running;
  for (const id of cluster.nodeIds) {
    if (cluster.node(id).state !== "running") return `node ${id} is ${cluster.node(id).state}`;
    if (image.brokers.get(id)?.fenced !== false) return `node ${id} is fenced`;
  }
  for (const { name, partitions } of image.topics.values()) {
    for (const { partition, leader, replicas, inSyncReplicas, eligibleLeaderReplicas } of partitions) {
      const where = `${name}-${partition}`;
      if (leader < 0) return `${where} has no leader (ISR ${inSyncReplicas}, ELR ${eligibleLeaderReplicas})`;
      if (inSyncReplicas.length < replicas.length) return `${where} has ISR ${inSyncReplicas} of ${replicas}`;
    }
  }
  for (const producer of producers) if (!producer.isDrained) return producer.describe();
  for (const audit of auditor.partitions.values()) {
    for (const id of audit.image?.replicas ?? []) {
      const log = cluster.node(id).present?.broker.partitions.getById(audit.topicId, audit.index)?.log;
      const end = audit.shadows.get(audit.image?.leader ?? -1)?.endOffset;
      if (log?.highWatermark !== end || log?.logEndOffset !== end) {
        return `${audit.name} on ${id}: ends at ${log?.logEndOffset}, high watermark ${log?.highWatermark}, leader's end ${end}`;
      }
    }
  }
  for (const consumer of consumers) {
    for (const audit of auditor.partitions.values()) {
      const position = consumer.positionOf(audit.topicId, audit.index);
      if (audit.topic.startsWith("__") || position === undefined) continue;
      if (position !== audit.committedEnd) return `${consumer.describe()}; ${audit.name} ends at ${audit.committedEnd}`;
    }
  }
  return undefined;
}
