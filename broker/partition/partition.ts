/**
 * One replica of a partition on this broker: leader or follower, as the metadata says.
 *
 * Owns: who may append and read, the ISR and its proposals, the high watermark, and who waits for what. Leaves to
 * PartitionLog: validation, offsets, bytes; to cluster/replication: fetching from a leader; to handlers: what clients are told.
 * Invariant: the high watermark of a leader never goes back, and nothing below it is missing on a member of the maximal ISR.
 */
import { strict as assert } from "node:assert";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Clock } from "../../storage/clock.ts";
import type { AppendOptions, AppendResult, PartitionLog, PreparedAppend } from "../../storage/partition-log.ts";
import type { SharedBuffer } from "../../storage/shared-buffer.ts";
import type { PartitionImage } from "../metadata/metadata-image.ts";
import type { AlterPartitionAnswer, IsrPort } from "../ports.ts";
import { type ChangingPartition, proposeIsr } from "./isr-change.ts";
import { LeaderState, type ReplicaEligibility } from "./leader-state.ts";
import type { ReplicaProgress } from "./replica-progress.ts";
import { type WakeQueue, WatchList } from "./watch-list.ts";

/** What all partitions of a broker share. */
export interface PartitionSurroundings {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly waking: WakeQueue;
  /** Wakes followers: once the sockets that are readable now have been read, so that a fetch takes along what came on all of them. */
  readonly followerWaking: WakeQueue;
  readonly isr: IsrPort;
  readonly eligibility: ReplicaEligibility;
  /** Epoch of this broker's own registration. */
  brokerEpoch(): number;
  readonly replicaLagTimeMaxMs: number;
  /** Leadership, ISR or high watermark changed; for events and tests. */
  observe?(partition: Partition, change: "role" | "isr" | "highWatermark"): void;
}

export class Partition implements ChangingPartition {
  readonly topic: string;
  readonly index: number;
  readonly topicId: string;
  private currentLog: PartitionLog;
  /** The high watermark moved, leadership changed or the log went offline: for consumers and acks=all producers. */
  readonly highWatermarkWatch: WatchList;
  /** The log grew, or the above: for followers. */
  readonly appendWatch: WatchList;
  /** A follower's log start moved: for DeleteRecords. */
  readonly lowWatermarkWatch: WatchList;
  private readonly around: PartitionSurroundings;
  private leaderState: LeaderState | undefined;
  private image: PartitionImage | undefined;
  minInSyncReplicas = 1;
  /** Bytes appended since this replica was made: tells how much came since a fetch was parked. */
  appendedBytes = 0;
  /** Grows when somebody else leads, in another epoch, or nobody can: whoever was parked before has to look again. */
  roleChanges = 0;
  /** Grows when this broker stops leading: an append of this tenure is where it was put as long as the tenure lasts. */
  tenure = 0;
  /** Why nothing is appended here any more; undefined as long as metadata decides. */
  private goneBecause: ErrorCode | undefined;

  constructor(topic: string, index: number, topicId: string, log: PartitionLog, around: PartitionSurroundings) {
    this.topic = topic;
    this.index = index;
    this.topicId = topicId;
    this.currentLog = log;
    this.around = around;
    this.highWatermarkWatch = new WatchList(around.waking);
    this.appendWatch = new WatchList(around.followerWaking);
    this.lowWatermarkWatch = new WatchList(around.waking);
  }

  get log(): PartitionLog {
    return this.currentLog;
  }

  get leader(): LeaderState | undefined {
    return this.leaderState;
  }

  /** What the metadata last said, ISR changes of this leader included. @throws assertion before the first apply(). */
  get state(): PartitionImage {
    assert(this.image !== undefined, "a partition is used before its metadata came");
    return this.image;
  }

  get isLeader(): boolean {
    return this.leaderState !== undefined;
  }

  /**
   * Takes on what the metadata says. An older partition epoch is ignored, an equal one is fine (it may be our own change coming
   * back). Only a new leader epoch starts a new epoch in the log; a mere ISR change resets nothing (KAFKA-13790).
   */
  apply(image: PartitionImage): void {
    const previous = this.image;
    if (previous !== undefined && image.partitionEpoch < previous.partitionEpoch) return;
    this.image = image;
    if (image.leader === this.around.nodeId && !this.log.offline) {
      this.lead(image, previous === undefined || image.partitionEpoch > previous.partitionEpoch);
    } else {
      this.stopLeading();
    }
    if (previous?.leader !== image.leader || previous?.leaderEpoch !== image.leaderEpoch) this.roleChanged();
  }

  /** @param newer our own change coming back settles nothing: a proposal made since then stays in flight (KAFKA-12686). */
  private lead(image: PartitionImage, newer: boolean): void {
    const nowMs = this.around.clock.monotonicMs();
    const current = this.leaderState;
    if (current === undefined || current.leaderEpoch !== image.leaderEpoch) {
      this.log.startLeaderEpoch(image.leaderEpoch);
      this.leaderState = new LeaderState(this.around.nodeId, image, this.log.logEndOffset, nowMs);
    } else {
      current.inSync.committed = image.inSyncReplicas;
      if (newer) current.inSync.proposal = undefined;
      current.assign(image, nowMs);
    }
    this.around.observe?.(this, "isr");
    this.count();
  }

  /**
   * This replica is going away or its log failed: those who wait look again and find no leader.
   * @param why for a replica that goes away: what whoever still appends here is told.
   */
  resign(why?: ErrorCode): void {
    this.goneBecause = why;
    this.stopLeading();
    this.roleChanged();
  }

  private stopLeading(): void {
    if (this.leaderState === undefined) return;
    this.leaderState = undefined;
    this.tenure++;
  }

  private roleChanged(): void {
    this.roleChanges++;
    this.around.observe?.(this, "role");
    this.highWatermarkWatch.wake();
    this.appendWatch.wake();
    this.lowWatermarkWatch.wake();
  }

  /** What an append that waits here is told once its tenure is over. */
  get reasonNotLeading(): ErrorCode {
    if (this.goneBecause !== undefined) return this.goneBecause;
    return this.log.offline ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.NOT_LEADER_OR_FOLLOWER;
  }

  /** @throws KafkaError NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR, UNKNOWN_TOPIC_OR_PARTITION when the topic has gone. */
  requireLeader(): LeaderState {
    if (this.leaderState === undefined || this.log.offline) throw new KafkaError(this.reasonNotLeading);
    return this.leaderState;
  }

  /** Holds a client's idea of the leader epoch against ours; -1 is not checked. @throws KafkaError (KIP-320). */
  checkLeaderEpoch(requested: number): void {
    if (requested < 0) return;
    const current = this.state.leaderEpoch;
    if (requested < current) throw new KafkaError(ErrorCode.FENCED_LEADER_EPOCH);
    if (requested > current) throw new KafkaError(ErrorCode.UNKNOWN_LEADER_EPOCH);
  }

  /** The smallest ISR that acks=all accepts. */
  get effectiveMinInSyncReplicas(): number {
    return Math.min(this.minInSyncReplicas, this.state.replicas.length);
  }

  /** Whether an append may be tried at all. @throws KafkaError as append() does, but for the log's. */
  requireAppendable(requireMinIsr: boolean): LeaderState {
    const leader = this.requireLeader();
    if (requireMinIsr && leader.inSync.committed.length < this.effectiveMinInSyncReplicas) {
      throw new KafkaError(ErrorCode.NOT_ENOUGH_REPLICAS);
    }
    return leader;
  }

  /**
   * Appends as leader. With `requireMinIsr` (acks=all) nothing is written while the ISR is too small.
   * @throws KafkaError NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS, and those of the log.
   */
  append(prepared: PreparedAppend, requireMinIsr: boolean, options?: Omit<AppendOptions, "leaderEpoch">): AppendResult {
    const leader = this.requireAppendable(requireMinIsr);
    const result = this.log.append(prepared, { ...options, leaderEpoch: leader.leaderEpoch });
    if (!result.duplicate) {
      this.appendedBytes += prepared.records.length;
      this.appendWatch.wake();
      this.count();
    }
    return result;
  }

  /** Counts what the log holds: at once, or with flush.messages once it is on the device; appends meanwhile share the next sync. */
  private count(): void {
    this.maybeAdvanceHighWatermark();
    const { log } = this;
    if (log.countedEndOffset === log.logEndOffset) return;
    log.flush().then(
      () => {
        if (log !== this.log) return;
        // Whoever waits for this replica alone (acks=1) does not wait for the high watermark.
        if (!this.maybeAdvanceHighWatermark()) this.highWatermarkWatch.wake();
      },
      () => {
        // It has taken itself offline and said so.
        if (log === this.log) this.resign();
      },
    );
  }

  /** Another log with the same batches takes the place of this one: its copy in another directory. */
  logMoved(log: PartitionLog): void {
    this.currentLog = log;
    if (this.isLeader) this.count();
    this.highWatermarkWatch.wake();
    this.appendWatch.wake();
  }

  /** Moves the high watermark as far as the replicas allow; true when it moved. */
  maybeAdvanceHighWatermark(): boolean {
    const leader = this.leaderState;
    if (leader === undefined || this.log.offline) return false;
    const candidate = leader.highWatermarkCandidate(
      this.log.countedEndOffset,
      this.minInSyncReplicas,
      this.around.clock.monotonicMs(),
      this.around.replicaLagTimeMaxMs,
      this.around.eligibility,
    );
    if (candidate === undefined || candidate <= this.log.highWatermark) return false;
    this.log.setHighWatermark(candidate);
    this.highWatermarkWatch.wake();
    this.around.observe?.(this, "highWatermark");
    return true;
  }

  /** Takes in how far a follower has come (never from a fetch that is answered with a divergence: KAFKA-13141). */
  followerFetched(replicaId: number, fetchOffset: number, logStartOffset: number, brokerEpoch: number): void {
    const leader = this.leaderState;
    const follower = leader?.follower(replicaId);
    if (leader === undefined || follower === undefined) return;
    const nowMs = this.around.clock.monotonicMs();
    const startMoved = logStartOffset !== follower.logStartOffset;
    const grew = fetchOffset !== follower.logEndOffset;
    follower.fetched(fetchOffset, logStartOffset, brokerEpoch, this.log.logEndOffset, nowMs);
    this.maybeExpandIsr(leader, follower);
    if (grew) this.maybeAdvanceHighWatermark();
    if (startMoved) this.lowWatermarkWatch.wake();
  }

  private maybeExpandIsr(leader: LeaderState, follower: ReplicaProgress): void {
    if (this.log.offline || !leader.mayJoin(follower, this.log.highWatermark, this.around.eligibility)) return;
    proposeIsr(this, leader, leader.inSync.expandedBy(follower.replicaId), this.around);
  }

  /** A broker is in service again: had it caught up before, it need not fetch once more to join. */
  replicaUnfenced(replicaId: number): void {
    const leader = this.leaderState;
    const follower = leader?.follower(replicaId);
    if (leader !== undefined && follower !== undefined) this.maybeExpandIsr(leader, follower);
  }

  /** A broker came back as a new incarnation: what its old one had counts no more until it fetches again. */
  replicaRestarted(replicaId: number, brokerEpoch: number | undefined): void {
    this.leaderState?.replicaRestarted(replicaId, brokerEpoch, this.around.clock.monotonicMs());
  }

  /** Drops members of the ISR that have lagged for too long; called every half replica.lag.time.max.ms. */
  maybeShrinkIsr(): void {
    const leader = this.leaderState;
    if (leader === undefined || leader.inSync.proposal !== undefined || this.log.offline) return;
    const nowMs = this.around.clock.monotonicMs();
    const lagging = leader.lagging(this.log.logEndOffset, nowMs, this.around.replicaLagTimeMaxMs);
    if (lagging.size > 0) proposeIsr(this, leader, leader.inSync.shrunkBy(lagging), this.around);
    // A replica outside the ISR that was expected to join holds the high watermark back only as long as it may be expected.
    else this.maybeAdvanceHighWatermark();
  }

  /** Only for the change in flight: the controller has committed it. */
  isrChanged({ isr, partitionEpoch, leaderRecoveryState }: AlterPartitionAnswer): void {
    this.image = { ...this.state, inSyncReplicas: isr, partitionEpoch, leaderRecoveryState };
    this.around.observe?.(this, "isr");
    this.maybeAdvanceHighWatermark();
  }

  /** Only for the change in flight: the controller has refused it. */
  isrStays(): void {
    this.maybeAdvanceHighWatermark();
  }

  /**
   * A follower's append of what its leader sent. The high watermark is the leader's, as far as the log goes; the log start
   * follows the leader's.
   */
  appendAsFollower(records: Buffer, owner: SharedBuffer | undefined, leaderEpoch: number): void {
    assert(this.leaderState === undefined, "a leader appends as a follower");
    this.log.appendAsFollower(records, owner, leaderEpoch);
    this.appendedBytes += records.length;
  }

  /** What the leader said of its own marks in a fetch response, taken after truncation and append (KAFKA-14704). */
  followLeaderMarks(highWatermark: number, logStartOffset: number): void {
    const capped = Math.min(highWatermark, this.log.logEndOffset);
    if (capped > this.log.highWatermark) {
      this.log.setHighWatermark(capped);
      this.highWatermarkWatch.wake();
      this.around.observe?.(this, "highWatermark");
    }
    if (logStartOffset > this.log.logStartOffset)
      this.log.raiseLogStartOffset(Math.min(logStartOffset, this.log.logEndOffset));
  }

  /** Least log start of this leader and its live followers (DeleteRecords waits for it). */
  lowWatermark(isAlive: (replicaId: number) => boolean): number {
    let least = this.log.logStartOffset;
    for (const follower of this.requireLeader().followerProgress) {
      if (isAlive(follower.replicaId)) least = Math.min(least, follower.logStartOffset);
    }
    return least;
  }
}
