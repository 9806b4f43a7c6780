/**
 * One partition as somebody sees it who sees every replica at once: what is committed, who may lead, who may have lost what.
 *
 * Owns: the committed log (what any leader's high watermark has passed) and the rules about it: it never changes, each leader and each
 * member of ISR and ELR has all of it, an idempotent producer's batches are in it once and in order.
 * What may be lost, and nothing else: after an unclean election that the topic allows; and what a power cut took from replicas when
 * as many as min.insync.replicas of them crashed (killed or without power) before the first was back in the ISR. A controller cannot
 * tell a crash that took something from one that did not: of all of them it takes the last leader's word (KIP-966).
 */
import type { PartitionImage } from "../../../broker/metadata/metadata-image.ts";
import { addToSequence } from "../../../protocol/records/record-batch.ts";
import type { ReplicaShadow } from "./replica-shadow.ts";
import { describeBatch, indexOfOffset, isSameBatch, type StoredBatch } from "./stored-batch.ts";
import { Violation } from "./violation.ts";

export interface PartitionPromise {
  readonly minInSyncReplicas: number;
  readonly allowsUnclean: boolean;
}

/** Committed records that a run was allowed to lose. */
export interface Loss {
  readonly fromOffset: number;
  readonly atMs: number;
  /** Not only offsets, of records that had all been deleted. */
  readonly tookRecords: boolean;
}

export class PartitionAudit {
  readonly topic: string;
  readonly topicId: string;
  readonly index: number;
  readonly shadows = new Map<number, ReplicaShadow>();
  readonly committed: StoredBatch[] = [];
  /** Exclusive. */
  committedEnd = 0;
  /** Below it records are gone on purpose. */
  startOffset = 0;
  /** Nodes whose power cut took committed records that they have not got back. */
  readonly lossy = new Set<number>();
  /** Nodes that ended without a goodbye and are not back in the ISR. */
  private readonly crashed = new Set<number>();
  readonly losses: Loss[] = [];
  /** Set once it lost what it may lose: zombies of the time before may show what is no more. */
  wasUnclean = false;
  image: PartitionImage | undefined;
  promise: PartitionPromise = { minInSyncReplicas: 1, allowsUnclean: false };
  private readonly leaders = new Map<number, number>();
  private newestEpoch = -1;
  private readonly uncleanEpochs = new Set<number>();
  private readonly producers = new Map<string, { readonly nextSequence: number; readonly lastOffset: number }>();
  /** How far each replica's log was found to be the committed one. */
  private readonly checkedTo = new Map<number, number>();

  constructor(topic: string, topicId: string, index: number) {
    this.topic = topic;
    this.topicId = topicId;
    this.index = index;
  }

  get name(): string {
    return `${this.topic}-${this.index}`;
  }

  /** The controller committed a change. */
  changed(now: PartitionImage, promise: PartitionPromise): void {
    const before = this.image;
    this.image = now;
    this.promise = promise;
    const { leader, leaderEpoch, partitionEpoch, replicas, inSyncReplicas, eligibleLeaderReplicas } = now;
    for (const id of before?.replicas ?? []) if (!replicas.includes(id)) this.forget(id);
    if (before !== undefined && (leaderEpoch < before.leaderEpoch || partitionEpoch < before.partitionEpoch)) {
      throw new Violation("V15", `${this.name}: epochs go back: ${leaderEpoch}/${partitionEpoch}`);
    }
    if (inSyncReplicas.some((id) => !replicas.includes(id))) {
      throw new Violation("V18", `${this.name}: ISR ${inSyncReplicas} is no part of the replicas ${replicas}`);
    }
    if (eligibleLeaderReplicas.some((id) => inSyncReplicas.includes(id))) {
      throw new Violation(
        "V18",
        `${this.name}: ${eligibleLeaderReplicas} are eligible and in sync (${inSyncReplicas})`,
      );
    }
    if (leader >= 0 && !inSyncReplicas.includes(leader)) {
      throw new Violation("V18", `${this.name}: its leader ${leader} is not in sync (${inSyncReplicas})`);
    }
    if (now.leaderRecoveryState === 1) this.uncleanEpochs.add(leaderEpoch);
  }

  /** A node is no replica any more: should it be one again, it begins anew. */
  private forget(nodeId: number): void {
    this.shadows.delete(nodeId);
    this.checkedTo.delete(nodeId);
    this.lossy.delete(nodeId);
    this.crashed.delete(nodeId);
  }

  /** A leader's or follower's log or marks moved. @param leaderEpoch undefined for a follower. */
  looked(shadow: ReplicaShadow, leaderEpoch: number | undefined, cut: boolean): void {
    const { nodeId } = shadow;
    if (cut) this.wasCut(shadow);
    if (leaderEpoch !== undefined) this.leads(shadow, leaderEpoch);
    const { highWatermark } = shadow;
    if (highWatermark > shadow.endOffset) {
      throw new Violation(
        "V10",
        `${this.name} on ${nodeId}: high watermark ${highWatermark} past end ${shadow.endOffset}`,
      );
    }
    if (leaderEpoch !== undefined) {
      const isTrue = leaderEpoch >= this.newestEpoch || this.isWithSuccessor(shadow, leaderEpoch);
      if (isTrue && highWatermark > this.committedEnd) this.commit(shadow);
    }
    // What the power left may be from before a truncation: it counts once the leader was asked, and must before it may lead (V18).
    this.compare(shadow, Math.min(highWatermark, this.committedEnd), !this.lossy.has(nodeId));
    if (leaderEpoch !== undefined) this.startOffset = Math.max(this.startOffset, shadow.startOffset);
    if (this.lossy.size > 0 && this.lossy.has(nodeId) && this.holdsAll(shadow) && shadow.endOffset >= this.committedEnd)
      this.lossy.delete(nodeId);
  }

  /** V18: whoever may be elected has what is committed. @param counts whether the node's registration is of its present life. */
  checkCandidates(counts: (nodeId: number) => boolean): void {
    const { image } = this;
    if (image === undefined || this.wasUnclean || this.mayLose(image.leaderEpoch)) return;
    for (const id of [...image.inSyncReplicas, ...image.eligibleLeaderReplicas]) {
      const shadow = this.shadows.get(id);
      if (shadow === undefined ? this.committedEnd <= this.startOffset : this.holdsAll(shadow)) {
        if (this.crashed.has(id) && counts(id) && image.inSyncReplicas.includes(id)) this.crashed.delete(id);
        continue;
      }
      if (!counts(id)) continue;
      const has = shadow === undefined ? "nothing" : `${shadow.startOffset}..${shadow.endOffset}`;
      throw new Violation(
        "V18",
        `${this.name}: ${id} may lead (ISR ${image.inSyncReplicas}, ELR ${image.eligibleLeaderReplicas}) and has ${has}, ` +
          `but ${this.committedEnd} is committed`,
      );
    }
  }

  /** The node lost its power: its disk is what it is. Returns whether committed records are gone from it. */
  powerWasCut(nodeId: number): boolean {
    const shadow = this.shadows.get(nodeId);
    if (shadow === undefined) return false;
    shadow.readDisk();
    this.checkedTo.delete(nodeId);
    // Of records that were all deleted the offsets are left to lose.
    const end = (shadow.batches[shadow.batches.length - 1]?.lastOffset ?? -1) + 1;
    if (this.holdsAll(shadow) && end >= this.committedEnd) return false;
    this.lossy.add(nodeId);
    return true;
  }

  /** The node's life ended without a goodbye. */
  hasCrashed(nodeId: number): void {
    if (this.image?.replicas.includes(nodeId) === true) this.crashed.add(nodeId);
  }

  private get lossIsExcused(): boolean {
    return this.lossy.size > 0 && this.crashed.size >= this.promise.minInSyncReplicas;
  }

  /** The committed batch at an offset. */
  committedAt(offset: number): StoredBatch | undefined {
    if (offset >= this.committedEnd) return undefined;
    const batch = this.committed[indexOfOffset(this.committed, offset)];
    return batch !== undefined && batch.baseOffset <= offset ? batch : undefined;
  }

  holdsAll(shadow: ReplicaShadow): boolean {
    const end = this.compare(shadow, this.committedEnd, false);
    return end >= this.committedEnd || this.committedEnd <= this.startOffset;
  }

  /** The log was opened anew: what it has is looked at from the start. */
  wasOpened(nodeId: number): void {
    this.checkedTo.delete(nodeId);
  }

  private leads(shadow: ReplicaShadow, leaderEpoch: number): void {
    const { nodeId } = shadow;
    const known = this.leaders.get(leaderEpoch);
    if (known === nodeId) return;
    if (known !== undefined) {
      throw new Violation("V15", `${this.name}: ${known} and ${nodeId} both lead in epoch ${leaderEpoch}`);
    }
    this.leaders.set(leaderEpoch, nodeId);
    this.newestEpoch = Math.max(this.newestEpoch, leaderEpoch);
    // It hears only now that it was to lead, and another leads already: what that one committed it need not have.
    const isLate = this.image !== undefined && leaderEpoch < this.image.leaderEpoch;
    // Offsets are promised too: whoever leads with fewer gives them out again, though every record below was deleted.
    if (this.holdsAll(shadow) && shadow.endOffset >= this.committedEnd) return;
    const tookRecords = this.committedEnd > this.startOffset;
    if (isLate) {
      // Elected uncleanly, it tells clients what it has until it hears of its successor.
      if (this.uncleanEpochs.has(leaderEpoch) && this.mayLose(leaderEpoch))
        this.noteLoss(this.endOfSame(shadow), tookRecords);
      return;
    }
    const end = this.endOfSame(shadow);
    if (!this.mayLose(leaderEpoch)) {
      throw new Violation(
        "V3",
        `${this.name}: ${nodeId} leads epoch ${leaderEpoch} without ${end}..${this.committedEnd} of what is committed ` +
          `(it has ${describeBatch(shadow.at(end))} where ${describeBatch(this.committedAt(end))} was)`,
      );
    }
    this.lose(end, tookRecords);
  }

  /** How far a new leader has what is committed: from where its own log begins, which may be before what others have deleted. */
  private endOfSame(shadow: ReplicaShadow): number {
    if (shadow.endOffset < this.startOffset) {
      this.startOffset = Math.min(this.startOffset, shadow.startOffset);
      this.checkedTo.delete(shadow.nodeId);
      this.compare(shadow, this.committedEnd, false);
    }
    return this.checkedTo.get(shadow.nodeId) ?? this.startOffset;
  }

  /** The elections of epochs since the last leader that was seen: one of them may have been unclean. */
  private mayLose(leaderEpoch: number): boolean {
    if (this.lossIsExcused) return true;
    if (!this.promise.allowsUnclean) return false;
    for (let epoch = leaderEpoch; epoch >= 0; epoch--) {
      if (this.uncleanEpochs.has(epoch)) return true;
      if (epoch < leaderEpoch && this.leaders.has(epoch)) return false;
    }
    return false;
  }

  private lose(fromOffset: number, tookRecords: boolean): void {
    this.noteLoss(fromOffset, tookRecords);
    this.committed.length = indexOfOffset(this.committed, fromOffset);
    this.committedEnd = fromOffset;
    for (const [id, to] of this.checkedTo) this.checkedTo.set(id, Math.min(to, fromOffset));
    this.producers.clear();
    for (const batch of this.committed) this.noteSequence(batch, false);
  }

  private noteLoss(fromOffset: number, tookRecords = true): void {
    this.losses.push({ fromOffset, atMs: this.nowMs(), tookRecords });
    this.wasUnclean = true;
  }

  nowMs: () => number = () => 0;

  /**
   * A leader that has not heard yet that another leads goes on: what it takes for committed is what the other has, unless that one's
   * election, or one between, was unclean. Then clients may be told that it is committed, and it is lost already.
   */
  private isWithSuccessor(shadow: ReplicaShadow, leaderEpoch: number): boolean {
    const successor = this.shadows.get(this.leaders.get(this.newestEpoch) ?? -1);
    const from = Math.max(this.checkedTo.get(shadow.nodeId) ?? 0, shadow.startOffset, this.startOffset);
    for (const batch of shadow.between(from, shadow.highWatermark)) {
      const there = this.committedAt(batch.baseOffset) ?? successor?.at(batch.baseOffset);
      if (there !== undefined && isSameBatch(there, batch)) continue;
      if (this.wasUncleanSince(leaderEpoch)) {
        if (this.losses.every(({ fromOffset }) => fromOffset > batch.baseOffset)) this.noteLoss(batch.baseOffset);
        return false;
      }
      throw new Violation(
        "V3",
        `${this.name}: ${shadow.nodeId}, deposed, commits ${describeBatch(batch)} where ${describeBatch(there)} is`,
      );
    }
    return true;
  }

  private wasUncleanSince(leaderEpoch: number): boolean {
    if (this.lossIsExcused) return true;
    return this.promise.allowsUnclean && [...this.uncleanEpochs].some((epoch) => epoch > leaderEpoch);
  }

  private commit(shadow: ReplicaShadow): void {
    const { highWatermark } = shadow;
    const from = Math.max(this.committedEnd, shadow.startOffset);
    for (const batch of shadow.between(from, highWatermark)) {
      if (batch.lastOffset < this.committedEnd) continue;
      const last = this.committed[this.committed.length - 1];
      if (last !== undefined && batch.leaderEpoch < last.leaderEpoch) {
        throw new Violation("V15", `${this.name}: ${describeBatch(batch)} after ${describeBatch(last)}`);
      }
      this.noteSequence(batch, true);
      this.committed.push(batch);
    }
    this.committedEnd = highWatermark;
  }

  /** V2, V7: an idempotent producer's batches are there once, in order, without a gap. */
  private noteSequence(batch: StoredBatch, checks: boolean): void {
    const { producerId, producerEpoch, baseSequence } = batch;
    // Coordinators write into transactions without counting.
    if (producerId < 0 || batch.isControl || this.topic.startsWith("__")) return;
    const key = `${producerId}/${producerEpoch}`;
    const known = this.producers.get(key);
    const expected = known?.nextSequence ?? 0;
    const isForgotten = known !== undefined && this.hasForgotten(batch.leaderEpoch, known.lastOffset);
    if (checks && !this.wasUnclean && !isForgotten && baseSequence !== expected) {
      const what = baseSequence < expected ? "V2" : "V7";
      throw new Violation(
        what,
        `${this.name}: producer ${key} has sequence ${baseSequence} at ${describeBatch(batch)}, not ${expected}`,
      );
    }
    const { baseOffset, lastOffset } = batch;
    this.producers.set(key, { nextSequence: addToSequence(baseSequence, lastOffset - baseOffset + 1), lastOffset });
  }

  /** Who led in an epoch began its log behind the offset, which was deleted then: of a producer's batch there it knows nothing. */
  private hasForgotten(leaderEpoch: number, offset: number): boolean {
    const leader = this.shadows.get(this.leaders.get(leaderEpoch) ?? -1);
    return leader !== undefined && leader.beganAt > offset;
  }

  /** V1, V14: what a replica has below its high watermark is what is committed. Returns how far it is. */
  private compare(shadow: ReplicaShadow, to: number, mustBe = true): number {
    const { nodeId } = shadow;
    const from = Math.max(this.checkedTo.get(nodeId) ?? 0, shadow.startOffset, this.startOffset);
    let same = from;
    for (const batch of shadow.between(from, to)) {
      const expected = this.committedAt(batch.baseOffset) ?? this.committedAt(from);
      if (expected === undefined && this.wasUnclean) {
        // A compacted log may have holes: when all lost their power, the leader's is taken with one, which others need not have.
        same = batch.lastOffset + 1;
        continue;
      }
      if (expected === undefined || !isSameBatch(expected, batch)) {
        if (!mustBe || this.wasUnclean) break;
        throw new Violation(
          "V1",
          `${this.name} on ${nodeId}: has ${describeBatch(batch)}, committed is ${describeBatch(expected)}`,
        );
      }
      same = batch.lastOffset + 1;
    }
    this.checkedTo.set(nodeId, same);
    return same;
  }

  /** A replica cut its log: never what is committed. */
  private wasCut(shadow: ReplicaShadow): void {
    const { nodeId, endOffset } = shadow;
    const checked = this.checkedTo.get(nodeId) ?? 0;
    if (checked <= endOffset) return;
    this.checkedTo.set(nodeId, endOffset);
    if (this.wasUnclean || this.lossIsExcused || checked <= this.startOffset) return;
    throw new Violation(
      "V3",
      `${this.name}: ${nodeId} cuts its log at ${endOffset}, but ${checked} of it was committed`,
    );
  }
}
