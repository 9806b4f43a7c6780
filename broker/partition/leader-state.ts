/**
 * What a leader knows of its followers in one leader epoch, and what follows from it: the high watermark and who is in sync.
 *
 * Pure but for its own fields: reads no clock, touches no log, sends nothing. Partition asks and acts.
 * Rules: design of KIP-101/KIP-497/KIP-903; the high watermark stands still below min(min.insync.replicas, replicas) (KIP-966).
 */
import type { PartitionImage } from "../metadata/metadata-image.ts";
import { InSyncReplicas } from "./in-sync-replicas.ts";
import { ReplicaProgress } from "./replica-progress.ts";

/** What the cluster says of a broker that wants to be in the ISR. */
export interface ReplicaEligibility {
  /** Registered, neither fenced nor shutting down, and of this broker epoch (-1: not said). */
  isEligible(replicaId: number, brokerEpoch: number): boolean;
}

export class LeaderState {
  readonly leaderEpoch: number;
  /** Log end when the epoch began: nothing below it counts as committed by this leader until the high watermark is here. */
  readonly epochStartOffset: number;
  readonly inSync: InSyncReplicas;
  private readonly leaderId: number;
  private followers = new Map<number, ReplicaProgress>();

  constructor(leaderId: number, image: PartitionImage, epochStartOffset: number, nowMs: number) {
    this.leaderId = leaderId;
    this.leaderEpoch = image.leaderEpoch;
    this.epochStartOffset = epochStartOffset;
    this.inSync = new InSyncReplicas(image.inSyncReplicas);
    this.assign(image, nowMs);
  }

  /** The assignment or the ISR changed within the epoch: progress of replicas that stay is kept. */
  assign(image: PartitionImage, nowMs: number): void {
    const followers = new Map<number, ReplicaProgress>();
    for (const id of image.replicas) {
      if (id === this.leaderId) continue;
      const start = image.inSyncReplicas.includes(id) ? nowMs : Number.NEGATIVE_INFINITY;
      followers.set(id, this.followers.get(id) ?? new ReplicaProgress(id, start));
    }
    this.followers = followers;
  }

  follower(replicaId: number): ReplicaProgress | undefined {
    return this.followers.get(replicaId);
  }

  get followerProgress(): Iterable<ReplicaProgress> {
    return this.followers.values();
  }

  /**
   * A broker came back as a new incarnation: what its old one had counts no more until it fetches again (KIP-903, KIP-966).
   * @param brokerEpoch of the new incarnation, which may have fetched before its registration was heard of here.
   */
  replicaRestarted(replicaId: number, brokerEpoch: number | undefined, nowMs: number): void {
    const follower = this.followers.get(replicaId);
    if (follower === undefined || (brokerEpoch !== undefined && follower.brokerEpoch === brokerEpoch)) return;
    follower.forget(this.inSync.committed.includes(replicaId) ? nowMs : Number.NEGATIVE_INFINITY);
  }

  /**
   * The least log end of the leader, the maximal ISR, and replicas that are caught up and about to join; undefined while the
   * committed ISR is too small for it to move.
   * @param ownEndOffset what the leader itself counts for: its log end, or what it has synced.
   */
  highWatermarkCandidate(
    ownEndOffset: number,
    minInSyncReplicas: number,
    nowMs: number,
    lagMs: number,
    eligibility: ReplicaEligibility,
  ): number | undefined {
    if (this.inSync.committed.length < Math.min(minInSyncReplicas, this.followers.size + 1)) return undefined;
    const maximal = this.inSync.maximal;
    let least = ownEndOffset;
    for (const follower of this.followers.values()) {
      if (follower.logEndOffset >= least) continue;
      const counts =
        maximal.includes(follower.replicaId) ||
        (follower.isCaughtUp(ownEndOffset, nowMs, lagMs) && isEligible(follower, eligibility));
      if (counts) least = follower.logEndOffset;
    }
    return least;
  }

  /** Whether a follower outside the ISR has come far enough to be proposed for it. */
  mayJoin(follower: ReplicaProgress, highWatermark: number, eligibility: ReplicaEligibility): boolean {
    return (
      this.inSync.proposal === undefined &&
      !this.inSync.committed.includes(follower.replicaId) &&
      follower.logEndOffset >= highWatermark &&
      follower.logEndOffset >= this.epochStartOffset &&
      isEligible(follower, eligibility)
    );
  }

  /** Members of the ISR that have not been caught up for longer than `lagMs`. */
  lagging(logEndOffset: number, nowMs: number, lagMs: number): Set<number> {
    const lagging = new Set<number>();
    for (const id of this.inSync.committed) {
      const follower = this.followers.get(id);
      if (follower !== undefined && !follower.isCaughtUp(logEndOffset, nowMs, lagMs)) lagging.add(id);
    }
    return lagging;
  }
}

/** A replica that has not fetched yet may still be of any incarnation: it is nobody to wait for. */
function isEligible({ replicaId, brokerEpoch }: ReplicaProgress, eligibility: ReplicaEligibility): boolean {
  return brokerEpoch !== undefined && eligibility.isEligible(replicaId, brokerEpoch);
}
