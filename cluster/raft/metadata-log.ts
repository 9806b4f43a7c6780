/**
 * `__cluster_metadata-0`: a partition's log, and the snapshots that stand for what was cut off its beginning.
 *
 * Owns: how the two go together: where a follower's log parts from this one, which snapshot it needs, what may be cleaned. Leaves
 * segments to storage/log, epochs and votes to raft-core.ts.
 * Invariant: a snapshot stands at the log's start, unless that is 0.
 */

import type { SegmentedLog } from "../../storage/log/segmented-log.ts";
import type { LogRead } from "../../storage/partition-log.ts";
import { type MetadataBatch, metadataBatches } from "../metadata/metadata-batch.ts";
import { BOOTSTRAP_SNAPSHOT_ID, compareSnapshotIds, type SnapshotId } from "../metadata/snapshot-format.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

/** How far a follower's log agrees with this one. */
export type FollowerPosition =
  | { readonly kind: "valid" }
  /** It must cut its log to this end of this epoch. */
  | { readonly kind: "diverging"; readonly leaderEpoch: number; readonly endOffset: number }
  /** What it needs is not in the log any more. */
  | { readonly kind: "snapshot"; readonly id: SnapshotId };

/** What the metadata log reads at a time when it is replayed. */
const REPLAY_BYTES = 1024 * 1024;

export class MetadataLog {
  readonly log: SegmentedLog;
  readonly snapshots: SnapshotStore;

  constructor(log: SegmentedLog, snapshots: SnapshotStore) {
    this.log = log;
    this.snapshots = snapshots;
  }

  /**
   * Brings log and snapshots together after a crash: a log that ends below the newest snapshot starts over behind it, and snapshots
   * below the log's start go. @throws Error when what was cut off is in no snapshot.
   */
  recover(): void {
    this.truncateToLatestSnapshot();
    const { logStartOffset } = this.log;
    for (const id of [...this.snapshots.all]) if (id.endOffset < logStartOffset) this.snapshots.remove(id);
    if (logStartOffset > 0 && this.snapshots.latest === undefined) {
      throw new Error(`the metadata log starts at ${logStartOffset}, and no snapshot holds what was before`);
    }
  }

  get startOffset(): number {
    return this.log.logStartOffset;
  }

  get endOffset(): number {
    return this.log.logEndOffset;
  }

  /** Epoch of the last record, of the snapshot when there is none behind it, 0 when there is neither. */
  get lastEpoch(): number {
    const { latestLeaderEpoch } = this.log;
    return latestLeaderEpoch >= 0 ? latestLeaderEpoch : (this.snapshots.latest?.leaderEpoch ?? 0);
  }

  /** The newest snapshot that followers may have: the bootstrap snapshot is each node's own. */
  get latestSnapshot(): SnapshotId | undefined {
    const { latest } = this.snapshots;
    return latest === undefined || compareSnapshotIds(latest, BOOTSTRAP_SNAPSHOT_ID) === 0 ? undefined : latest;
  }

  /** Where a follower stands that has everything below an offset, the last of it from an epoch. */
  positionOf(fetchOffset: number, lastFetchedEpoch: number): FollowerPosition {
    const { latestSnapshot, startOffset } = this;
    // A snapshot is the shorter way for one who has nothing.
    if (fetchOffset === 0 && latestSnapshot !== undefined) return { kind: "snapshot", id: latestSnapshot };
    if (startOffset === 0 && fetchOffset === 0 && lastFetchedEpoch === 0) return { kind: "valid" };
    const { earliest } = this.snapshots;
    if (
      latestSnapshot !== undefined &&
      earliest !== undefined &&
      (fetchOffset < startOffset ||
        (fetchOffset === startOffset && lastFetchedEpoch !== earliest.leaderEpoch) ||
        lastFetchedEpoch < earliest.leaderEpoch)
    ) {
      return { kind: "snapshot", id: latestSnapshot };
    }
    const { leaderEpoch, endOffset } = this.endOffsetForEpoch(lastFetchedEpoch);
    if (leaderEpoch === lastFetchedEpoch && endOffset >= fetchOffset) return { kind: "valid" };
    return { kind: "diverging", leaderEpoch, endOffset };
  }

  endOffsetForEpoch(epoch: number): { readonly leaderEpoch: number; readonly endOffset: number } {
    const found = this.log.endOffsetForEpoch(epoch);
    if (found.leaderEpoch < 0) return { leaderEpoch: this.lastEpoch, endOffset: this.endOffset };
    const { earliest } = this.snapshots;
    // The epoch's records were all cut off: what stands for them is the snapshot at the log's start.
    const isCutOff = earliest !== undefined && found.endOffset === earliest.endOffset && found.leaderEpoch === epoch;
    return isCutOff ? earliest : found;
  }

  /** Where to cut this log when the leader says that it ends an epoch earlier. */
  divergingOffset(leaderEpoch: number, endOffset: number): number {
    if (leaderEpoch === 0) return Math.min(endOffset, this.endOffset);
    const own = this.endOffsetForEpoch(leaderEpoch);
    return own.leaderEpoch === leaderEpoch ? Math.min(own.endOffset, endOffset) : own.endOffset;
  }

  /** Batches for a follower, from the one that holds the offset on. @throws KafkaError. */
  read(fetchOffset: number, maxBytes: number, upToOffset: number): LogRead | Promise<LogRead> {
    return this.log.read(fetchOffset, { maxBytes, upToOffset, minOneBatch: true, abortedTransactions: false });
  }

  /** What lies from an offset up to another, decoded, a piece at a time. @throws CorruptMetadata, UnknownMetadataRecord, KafkaError. */
  async *replay(fromOffset: number, upToOffset: number): AsyncGenerator<MetadataBatch[], void, undefined> {
    let next = fromOffset;
    while (next < upToOffset) {
      const read = await this.read(next, REPLAY_BYTES, upToOffset);
      let batches: MetadataBatch[];
      try {
        const [only] = read.pieces;
        batches = [
          ...metadataBatches(read.pieces.length === 1 && only !== undefined ? only : Buffer.concat(read.pieces)),
        ];
      } finally {
        read.release();
      }
      const last = batches.at(-1);
      if (last === undefined) throw new Error(`the metadata log has nothing at offset ${next}, below its end`);
      next = last.lastOffset + 1;
      yield batches;
    }
  }

  /** Starts the log over behind the newest snapshot if that goes further than the log. True when it did. */
  truncateToLatestSnapshot(): boolean {
    const { latestSnapshot, log } = this;
    if (latestSnapshot === undefined) return false;
    const epoch = Math.max(log.latestLeaderEpoch, 0);
    const isBehind =
      latestSnapshot.leaderEpoch > epoch ||
      (latestSnapshot.leaderEpoch === epoch && latestSnapshot.endOffset > log.logEndOffset);
    if (!isBehind) return false;
    log.truncateFullyAndStartAt(latestSnapshot.endOffset);
    for (const id of [...this.snapshots.all]) if (id.endOffset < latestSnapshot.endOffset) this.snapshots.remove(id);
    return true;
  }

  /**
   * Drops old snapshots, and the log up to the next one, as metadata.max.retention.bytes and .ms ask; the newest snapshot stays
   * whatever they ask.
   * @param timestampOf when the last record in a snapshot was appended.
   */
  async clean(limits: RetentionLimits, timestampOf: (id: SnapshotId) => Promise<number>): Promise<void> {
    const { snapshots, log } = this;
    for (;;) {
      const [oldest, next] = snapshots.all;
      if (oldest === undefined || next === undefined) return;
      const snapshotBytes = snapshots.all.reduce((sum, id) => sum + snapshots.sizeBytes(id), 0);
      const isTooLarge = limits.retentionBytes >= 0 && log.sizeBytes + snapshotBytes > limits.retentionBytes;
      const isTooOld = limits.retentionMs >= 0 && limits.nowWallMs - (await timestampOf(oldest)) > limits.retentionMs;
      if (!isTooLarge && !isTooOld) return;
      log.raiseLogStartOffset(next.endOffset);
      log.deleteOldSegments(limits.nowWallMs);
      snapshots.remove(oldest);
    }
  }
}

export interface RetentionLimits {
  /** Of log and snapshots together; negative: no limit. */
  readonly retentionBytes: number;
  /** Negative: no limit. */
  readonly retentionMs: number;
  readonly nowWallMs: number;
}
