/**
 * A partition between its image and its records: made by a Partition record, changed by PartitionChange records.
 *
 * Owns: what a change does to the epochs: each raises the partition epoch, one that names a leader (the same one, too) also the
 * leader epoch (KIP-497). Every reader of the log must come to the same epochs.
 */
import type { PartitionImage } from "../../broker/metadata/metadata-image.ts";
import { DirectoryId } from "../../protocol/uuid.ts";
import { type MetadataRecord, record } from "./metadata-record.ts";
import type { MetadataVersion } from "./metadata-version.ts";

/** What a PartitionChange record holds in `leader` when the leader stays. */
export const NO_LEADER_CHANGE = -2;
/** What it holds in `leaderRecoveryState` when that stays. */
export const NO_RECOVERY_STATE_CHANGE = -1;

export const LeaderRecoveryState = { RECOVERED: 0, RECOVERING: 1 } as const;

type PartitionData = MetadataRecord<"Partition">["data"];
type PartitionChangeData = MetadataRecord<"PartitionChange">["data"];

export function partitionFromRecord(data: PartitionData): PartitionImage {
  return {
    partition: data.partitionId,
    replicas: data.replicas,
    directories: withoutGaps(data.directories, data.replicas.length),
    inSyncReplicas: data.isr,
    eligibleLeaderReplicas: data.eligibleLeaderReplicas ?? [],
    lastKnownEligibleLeaderReplicas: data.lastKnownElr ?? [],
    addingReplicas: data.addingReplicas,
    removingReplicas: data.removingReplicas,
    leader: data.leader,
    leaderRecoveryState: data.leaderRecoveryState,
    leaderEpoch: data.leaderEpoch,
    partitionEpoch: data.partitionEpoch,
  };
}

/** The partition after a change. */
export function changedPartition(before: PartitionImage, change: PartitionChangeData): PartitionImage {
  const leaderChanges = change.leader !== NO_LEADER_CHANGE;
  const replicas = change.replicas ?? before.replicas;
  return {
    partition: before.partition,
    replicas,
    directories: withoutGaps(change.directories ?? before.directories, replicas.length),
    inSyncReplicas: change.isr ?? before.inSyncReplicas,
    eligibleLeaderReplicas: change.eligibleLeaderReplicas ?? before.eligibleLeaderReplicas,
    lastKnownEligibleLeaderReplicas: change.lastKnownElr ?? before.lastKnownEligibleLeaderReplicas,
    addingReplicas: change.addingReplicas ?? before.addingReplicas,
    removingReplicas: change.removingReplicas ?? before.removingReplicas,
    leader: leaderChanges ? change.leader : before.leader,
    leaderRecoveryState:
      change.leaderRecoveryState === NO_RECOVERY_STATE_CHANGE ? before.leaderRecoveryState : change.leaderRecoveryState,
    leaderEpoch: leaderChanges ? before.leaderEpoch + 1 : before.leaderEpoch,
    partitionEpoch: before.partitionEpoch + 1,
  };
}

/** The partition without its eligible leader replicas; itself when it has none (KIP-966, ClearElr records). */
export function withoutEligibleLeaders(before: PartitionImage): PartitionImage {
  if (before.eligibleLeaderReplicas.length === 0 && before.lastKnownEligibleLeaderReplicas.length === 0) return before;
  return {
    ...before,
    eligibleLeaderReplicas: [],
    lastKnownEligibleLeaderReplicas: [],
    partitionEpoch: before.partitionEpoch + 1,
  };
}

/** The record that makes the partition as it is. */
export function partitionRecord(
  topicId: string,
  partition: PartitionImage,
  metadataVersion: MetadataVersion,
): MetadataRecord<"Partition"> {
  const { eligibleLeaderReplicas, lastKnownEligibleLeaderReplicas } = partition;
  return record("Partition", metadataVersion.partitionRecordVersion, {
    partitionId: partition.partition,
    topicId,
    replicas: partition.replicas,
    isr: partition.inSyncReplicas,
    removingReplicas: partition.removingReplicas,
    addingReplicas: partition.addingReplicas,
    leader: partition.leader,
    leaderRecoveryState: partition.leaderRecoveryState,
    leaderEpoch: partition.leaderEpoch,
    partitionEpoch: partition.partitionEpoch,
    directories: metadataVersion.hasDirectories ? partition.directories : [],
    // Kafka leaves these out rather than write an empty list.
    eligibleLeaderReplicas:
      metadataVersion.hasEligibleLeaderReplicas && eligibleLeaderReplicas.length > 0 ? eligibleLeaderReplicas : null,
    lastKnownElr:
      metadataVersion.hasEligibleLeaderReplicas && lastKnownEligibleLeaderReplicas.length > 0
        ? lastKnownEligibleLeaderReplicas
        : null,
  });
}

/** Records from before directories were assigned (KIP-858) name none. */
function withoutGaps(directories: readonly string[], replicaCount: number): readonly string[] {
  return directories.length === replicaCount ? directories : new Array(replicaCount).fill(DirectoryId.MIGRATING);
}
