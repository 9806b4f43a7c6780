/**
 * The replica that a consumer should read from, near to it (KIP-392), as the leader chooses it.
 *
 * Owns: Kafka's two selectors. Only replicas in sync that have the offset come into question; the leader when there is none in the
 * consumer's rack.
 */
import type { Broker } from "../broker.ts";
import type { LeaderState } from "../partition/leader-state.ts";
import type { Partition } from "../partition/partition.ts";
import type { ReplicaProgress } from "../partition/replica-progress.ts";

const RACK_AWARE = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

/** Undefined: the leader, which is asked. */
export function preferredReplica(
  broker: Broker,
  partition: Partition,
  leader: LeaderState,
  fetchOffset: number,
  rackId: string,
): number | undefined {
  if (rackId === "" || broker.config.settings.replicaSelectorClass !== RACK_AWARE) return undefined;
  const { brokers } = broker.image;
  if (brokers.get(broker.nodeId)?.rack === rackId) return undefined;
  let best: ReplicaProgress | undefined;
  for (const replica of leader.followerProgress) {
    const registered = brokers.get(replica.replicaId);
    if (registered === undefined || registered.fenced || registered.rack !== rackId) continue;
    if (!partition.state.inSyncReplicas.includes(replica.replicaId)) continue;
    if (replica.logEndOffset < fetchOffset || replica.logStartOffset > fetchOffset) continue;
    if (best === undefined || isBetter(replica, best)) best = replica;
  }
  return best?.replicaId;
}

/** More records; then more lately caught up; then the smaller id. */
function isBetter(a: ReplicaProgress, b: ReplicaProgress): boolean {
  if (a.logEndOffset !== b.logEndOffset) return a.logEndOffset > b.logEndOffset;
  if (a.lastCaughtUpMs !== b.lastCaughtUpMs) return a.lastCaughtUpMs > b.lastCaughtUpMs;
  return a.replicaId < b.replicaId;
}
