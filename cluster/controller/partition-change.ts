/**
 * One change of a partition's state, from what is wanted to the record that makes it so.
 *
 * Owns: elections (in-sync, eligible as in KIP-966, last known leader, preferred, unclean), the eligible leader replicas, the
 * completion of reassignments (KIP-455), directories of replicas (KIP-858). Leaves to the callers: who asks, and who may lead.
 * Invariant: a leader is in the ISR, ISR and eligible replicas are disjoint subsets of the replicas.
 */
import { NO_LEADER, type PartitionImage } from "../../broker/metadata/metadata-image.ts";
import type { MetadataRecord } from "../metadata/metadata-record.ts";
import { record } from "../metadata/metadata-record.ts";
import type { MetadataVersion } from "../metadata/metadata-version.ts";
import { LeaderRecoveryState, NO_LEADER_CHANGE, NO_RECOVERY_STATE_CHANGE } from "../metadata/partition-records.ts";
import { completedReassignment } from "./reassignment.ts";

/**
 * `online`: keeps a leader that may stay, else the first replica that may lead. `preferred`: the first replica before the present
 * leader. `unclean`: as online, but rather a replica that may lack records than none.
 */
export type Election = "online" | "preferred" | "unclean";

export interface PartitionChange {
  readonly topicId: string;
  readonly partition: PartitionImage;
  readonly metadataVersion: MetadataVersion;
  /** min.insync.replicas, at most the replication factor. */
  readonly minInSyncReplicas: number;
  readonly eligibleLeaderReplicasEnabled: boolean;
  /** Whether a broker is there to lead this partition. */
  readonly mayLead: (brokerId: number) => boolean;
  /** Directory for a replica that has none yet. */
  readonly defaultDirectory: (brokerId: number) => string;
  readonly election?: Election;
  /** False: not even the last known leader is elected, which may have lost records (default true). */
  readonly electsLastKnownLeader?: boolean;
  readonly inSyncReplicas?: readonly number[];
  readonly replicas?: readonly number[];
  readonly addingReplicas?: readonly number[];
  readonly removingReplicas?: readonly number[];
  readonly leaderRecoveryState?: number;
  /** Came back without what it had: neither in sync nor eligible. */
  readonly uncleanReplica?: number;
  /** Where a replica lies. */
  readonly directory?: { readonly brokerId: number; readonly id: string };
}

type PartitionChangeRecord = MetadataRecord<"PartitionChange">;
type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Fields = Partial<Mutable<PartitionChangeRecord["data"]>>;

interface Targets {
  inSyncReplicas: readonly number[];
  replicas: readonly number[];
  addingReplicas: readonly number[];
  removingReplicas: readonly number[];
  eligibleLeaderReplicas: readonly number[];
}

/** The record of a change; undefined when nothing changes. */
export function partitionChange(change: PartitionChange): PartitionChangeRecord | undefined {
  const { partition, topicId, metadataVersion } = change;
  const targets = completeReassignment(change);
  targets.eligibleLeaderReplicas = eligibleReplicas(change, targets);
  const fields: Fields = {};
  elect(change, targets, fields);
  bumpLeaderEpochForRemovedReplicas(partition, targets, fields);
  setReplicaSets(change, targets, fields);
  if (metadataVersion.bumpsLeaderEpochOnShrink) bumpLeaderEpochForShrink(partition, fields);
  setLastKnownLeader(change, fields);
  setAssignment(change, targets, fields);
  const recoveryState = change.leaderRecoveryState ?? partition.leaderRecoveryState;
  if (recoveryState !== partition.leaderRecoveryState) fields.leaderRecoveryState = recoveryState;
  if (Object.keys(fields).length === 0) return undefined;
  return record("PartitionChange", metadataVersion.partitionChangeRecordVersion, {
    partitionId: partition.partition,
    topicId,
    leader: NO_LEADER_CHANGE,
    leaderRecoveryState: NO_RECOVERY_STATE_CHANGE,
    ...fields,
  });
}

function completeReassignment(change: PartitionChange): Targets {
  const { partition } = change;
  const targets: Targets = {
    inSyncReplicas: change.inSyncReplicas ?? partition.inSyncReplicas,
    replicas: change.replicas ?? partition.replicas,
    addingReplicas: change.addingReplicas ?? partition.addingReplicas,
    removingReplicas: change.removingReplicas ?? partition.removingReplicas,
    eligibleLeaderReplicas: partition.eligibleLeaderReplicas,
  };
  const completed = completedReassignment(targets);
  if (completed === undefined) return targets;
  return { ...targets, ...completed, addingReplicas: [], removingReplicas: [] };
}

/**
 * KIP-966: while the ISR is below min.insync.replicas, whoever was in it and went cleanly still has every acknowledged record and
 * may lead; an ISR of full size needs nobody beside it.
 */
function eligibleReplicas(change: PartitionChange, targets: Targets): readonly number[] {
  const { partition } = change;
  if (!change.eligibleLeaderReplicasEnabled) return [];
  if (targets.inSyncReplicas.length >= change.minInSyncReplicas) return [];
  return (
    [...new Set([...partition.eligibleLeaderReplicas, ...partition.inSyncReplicas])]
      .filter((id) => !targets.inSyncReplicas.includes(id) && id !== change.uncleanReplica)
      // Differs from Kafka: a replica that is reassigned away leaves the eligible leader replicas; Kafka keeps it among them, though it
      // can never lead.
      .filter((id) => targets.replicas.includes(id))
      .sort((a, b) => a - b)
  );
}

function elect(change: PartitionChange, targets: Targets, fields: Fields): void {
  const { partition } = change;
  const { leader, unclean } = electLeader(change, targets);
  if (leader === partition.leader) return;
  fields.leader = leader;
  if (unclean) {
    // It may lack acknowledged records: nobody else can be said to be in sync with it.
    fields.isr = [leader];
    targets.eligibleLeaderReplicas = [];
    if (partition.leaderRecoveryState !== LeaderRecoveryState.RECOVERING) {
      fields.leaderRecoveryState = LeaderRecoveryState.RECOVERING;
    }
  } else if (targets.eligibleLeaderReplicas.includes(leader)) {
    targets.inSyncReplicas = [leader];
    targets.eligibleLeaderReplicas = targets.eligibleLeaderReplicas.filter((id) => id !== leader);
  }
}

function electLeader(
  change: PartitionChange,
  targets: Targets,
): { readonly leader: number; readonly unclean: boolean } {
  const { partition, mayLead } = change;
  const inOrder =
    change.election === "preferred"
      ? [targets.replicas[0] as number, partition.leader, ...targets.replicas.slice(1)]
      : [partition.leader, ...targets.replicas];
  const { inSyncReplicas, eligibleLeaderReplicas } = targets;
  const electable = inSyncReplicas.length === 0 ? eligibleLeaderReplicas : inSyncReplicas;
  const clean = inOrder.find((id) => electable.includes(id) && mayLead(id));
  if (clean !== undefined) return { leader: clean, unclean: false };
  if (mayElectLastKnownLeader(change, targets)) {
    return { leader: partition.lastKnownEligibleLeaderReplicas[0] as number, unclean: true };
  }
  const any = change.election === "unclean" ? targets.replicas.find(mayLead) : undefined;
  return any === undefined ? { leader: NO_LEADER, unclean: false } : { leader: any, unclean: true };
}

/** R37: with nobody in sync and nobody eligible left, the last leader is the one most likely to have everything. */
function mayElectLastKnownLeader(change: PartitionChange, targets: Targets): boolean {
  const [lastKnown, ...others] = change.partition.lastKnownEligibleLeaderReplicas;
  if (!change.eligibleLeaderReplicasEnabled || change.electsLastKnownLeader === false) return false;
  if (targets.eligibleLeaderReplicas.length > 0 || targets.inSyncReplicas.length > 0) return false;
  if (lastKnown === undefined || others.length > 0 || !targets.replicas.includes(lastKnown)) return false;
  // R44: it must be there.
  return change.mayLead(lastKnown);
}

/** Whoever is no replica any more must not go on fetching in the old epoch. */
function bumpLeaderEpochForRemovedReplicas(partition: PartitionImage, targets: Targets, fields: Fields): void {
  if (fields.leader !== undefined) return;
  if (partition.replicas.some((id) => !targets.replicas.includes(id))) fields.leader = partition.leader;
}

function bumpLeaderEpochForShrink(partition: PartitionImage, fields: Fields): void {
  const { isr } = fields;
  if (fields.leader !== undefined || isr === undefined || isr === null) return;
  if (partition.inSyncReplicas.some((id) => !isr.includes(id))) fields.leader = partition.leader;
}

function setReplicaSets(change: PartitionChange, targets: Targets, fields: Fields): void {
  const { partition } = change;
  if (!isSameList(targets.eligibleLeaderReplicas, partition.eligibleLeaderReplicas)) {
    fields.eligibleLeaderReplicas = [...targets.eligibleLeaderReplicas];
  }
  // Without eligible replicas the last member stays in the ISR: it is the only record of who has everything.
  const mayBeEmpty = change.eligibleLeaderReplicasEnabled;
  if (fields.isr !== undefined || (targets.inSyncReplicas.length === 0 && !mayBeEmpty)) return;
  if (!isSameList(targets.inSyncReplicas, partition.inSyncReplicas)) fields.isr = [...targets.inSyncReplicas];
}

/** The last known leader is remembered when a partition first loses its leader, and forgotten once it has one. */
function setLastKnownLeader(change: PartitionChange, fields: Fields): void {
  const { partition } = change;
  if (!change.eligibleLeaderReplicasEnabled || fields.leader === undefined) return;
  const remembers = partition.lastKnownEligibleLeaderReplicas.length > 0;
  if (fields.leader === NO_LEADER) {
    if (!remembers && partition.leader !== NO_LEADER) fields.lastKnownElr = [partition.leader];
  } else if (remembers) {
    fields.lastKnownElr = [];
  }
}

function setAssignment(change: PartitionChange, targets: Targets, fields: Fields): void {
  const { partition } = change;
  if (change.metadataVersion.hasDirectories) {
    const directories = targets.replicas.map((id) => directoryOf(change, id));
    if (!isSameList(directories, partition.directories)) fields.directories = directories;
  }
  if (!isSameList(targets.replicas, partition.replicas)) fields.replicas = [...targets.replicas];
  if (!isSameList(targets.removingReplicas, partition.removingReplicas)) {
    fields.removingReplicas = [...targets.removingReplicas];
  }
  if (!isSameList(targets.addingReplicas, partition.addingReplicas))
    fields.addingReplicas = [...targets.addingReplicas];
}

function directoryOf({ partition, directory, defaultDirectory }: PartitionChange, brokerId: number): string {
  if (directory?.brokerId === brokerId) return directory.id;
  return partition.directories[partition.replicas.indexOf(brokerId)] ?? defaultDirectory(brokerId);
}

function isSameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
