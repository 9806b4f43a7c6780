/**
 * The state of one share partition as its coordinator holds it, as one immutable value, and the records it is stored in.
 *
 * Owns: what a snapshot or an update makes of a state. Leaves to the decisions: which of them is written.
 */
import {
  ShareSnapshotKey,
  ShareSnapshotValue,
  ShareUpdateKey,
  ShareUpdateValue,
} from "../../protocol/messages/share-state-records.ts";
import type { Decode } from "../../protocol/schema/message.ts";
import {
  type CoordinatorRecord,
  newRecord,
  RecordTypes,
  recordType,
  tombstone,
} from "../state-machine/coordinator-record.ts";
import type { SharePartitionKey } from "./share-partition-key.ts";
import type { StateBatch } from "./share-persister.ts";
import { combinedBatches } from "./state-batches.ts";

/** What a snapshot says. */
export interface StateSnapshot {
  readonly snapshotEpoch: number;
  readonly stateEpoch: number;
  readonly leaderEpoch: number;
  /** -1: the leader is to find it. */
  readonly startOffset: number;
  /** -1: not known. */
  readonly deliveryCompleteCount: number;
  readonly stateBatches: readonly StateBatch[];
  /** Wall clock: of the last snapshot that a change asked for. */
  readonly createTimestampMs: number;
  /** Later than the former when the snapshot only repeats what is known, so that the log before it can go. */
  readonly writeTimestampMs: number;
}

export interface StoredState extends StateSnapshot {
  readonly key: SharePartitionKey;
  /** The highest there was: who is of an older one is fenced. */
  readonly newestLeaderEpoch: number;
  readonly newestStateEpoch: number;
  /** Updates since they were last counted anew. */
  readonly updateCount: number;
  /** Offset of its last snapshot: all it is made of lies from there on. */
  readonly snapshotOffset: number;
}

export const ShareSnapshotRecord = recordType(0, ShareSnapshotKey, ShareSnapshotValue);
export const ShareUpdateRecord = recordType(1, ShareUpdateKey, ShareUpdateValue);
export const SHARE_STATE_RECORD_TYPES = new RecordTypes([ShareSnapshotRecord, ShareUpdateRecord]);

const VALUE_VERSION = 0;

export function snapshotRecord(key: SharePartitionKey, snapshot: StateSnapshot): CoordinatorRecord {
  const { createTimestampMs, writeTimestampMs, stateBatches, ...rest } = snapshot;
  return newRecord(ShareSnapshotRecord, { ...key }, VALUE_VERSION, {
    snapshotEpoch: rest.snapshotEpoch,
    stateEpoch: rest.stateEpoch,
    leaderEpoch: rest.leaderEpoch,
    startOffset: rest.startOffset,
    deliveryCompleteCount: rest.deliveryCompleteCount,
    createTimestamp: createTimestampMs,
    writeTimestamp: writeTimestampMs,
    stateBatches: [...stateBatches],
  });
}

/** What changed since the snapshot of this epoch. */
export function updateRecord(
  key: SharePartitionKey,
  update: Pick<
    StateSnapshot,
    "snapshotEpoch" | "leaderEpoch" | "startOffset" | "deliveryCompleteCount" | "stateBatches"
  >,
): CoordinatorRecord {
  const { snapshotEpoch, leaderEpoch, startOffset, deliveryCompleteCount, stateBatches } = update;
  const value = { snapshotEpoch, leaderEpoch, startOffset, deliveryCompleteCount, stateBatches: [...stateBatches] };
  return newRecord(ShareUpdateRecord, { ...key }, VALUE_VERSION, value);
}

export function stateTombstone(key: SharePartitionKey): CoordinatorRecord {
  return tombstone(ShareSnapshotRecord, { ...key });
}

/** @param updatesPerSnapshot a snapshot ends a count that has come so far; others, in between, do not. */
export function afterSnapshot(
  before: StoredState | undefined,
  key: SharePartitionKey,
  value: Decode<typeof ShareSnapshotValue>,
  offset: number,
  updatesPerSnapshot: number,
): StoredState {
  const updateCount = before?.updateCount ?? 0;
  return {
    key: before?.key ?? { groupId: key.groupId, topicId: key.topicId, partition: key.partition },
    snapshotEpoch: value.snapshotEpoch,
    stateEpoch: value.stateEpoch,
    leaderEpoch: value.leaderEpoch,
    startOffset: value.startOffset,
    deliveryCompleteCount: value.deliveryCompleteCount,
    // Whoever wrote it may not have combined them.
    stateBatches: combinedBatches([], value.stateBatches, value.startOffset),
    createTimestampMs: value.createTimestamp,
    writeTimestampMs: value.writeTimestamp,
    newestLeaderEpoch: Math.max(before?.newestLeaderEpoch ?? value.leaderEpoch, value.leaderEpoch),
    newestStateEpoch: Math.max(before?.newestStateEpoch ?? value.stateEpoch, value.stateEpoch),
    updateCount: updateCount >= updatesPerSnapshot ? 0 : updateCount,
    snapshotOffset: offset,
  };
}

export function afterUpdate(before: StoredState, value: Decode<typeof ShareUpdateValue>): StoredState {
  const startOffset = value.startOffset === -1 ? before.startOffset : value.startOffset;
  return {
    ...before,
    leaderEpoch: value.leaderEpoch === -1 ? before.leaderEpoch : value.leaderEpoch,
    startOffset,
    deliveryCompleteCount: value.deliveryCompleteCount,
    stateBatches: combinedBatches(before.stateBatches, value.stateBatches, startOffset),
    newestLeaderEpoch: Math.max(before.newestLeaderEpoch, value.leaderEpoch),
    updateCount: before.updateCount + 1,
  };
}
