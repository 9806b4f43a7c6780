/**
 * A Produce that waits until what it appended may be acknowledged, or until its time is up: with acks=all until every in-sync replica
 * has it, with acks=1 until this one counts it, which flush.messages puts off until it is on the device.
 *
 * Invariant: each partition is settled once; what was appended stays appended whatever the answer says.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Partition } from "./partition.ts";
import { ParkedWatcher } from "./watch-list.ts";

/** One partition of the request that was appended. */
export interface PendingAppend {
  readonly partition: Partition;
  /** The partition's tenure it was appended in: as long as that lasts it is where it was put, whatever the leader epoch. */
  readonly tenure: number;
  /** The end offset it takes: the high watermark, or with acks=1 what this replica counts. */
  readonly requiredOffset: number;
  /** acks=1: what others have does not matter. */
  readonly thisReplicaOnly?: boolean;
  /** Set when it is settled. */
  errorCode: number | undefined;
}

/** Looks at one append: settled with NONE once replicated, with an error once it cannot be any more. */
export function settle(pending: PendingAppend): boolean {
  if (pending.errorCode !== undefined) return true;
  const { partition } = pending;
  const { leader } = partition;
  if (leader === undefined || partition.log.offline || partition.tenure !== pending.tenure) {
    pending.errorCode = partition.reasonNotLeading;
  } else if (pending.thisReplicaOnly === true) {
    if (partition.log.countedEndOffset >= pending.requiredOffset) pending.errorCode = ErrorCode.NONE;
  } else if (partition.log.highWatermark >= pending.requiredOffset) {
    const enough = leader.inSync.maximal.length >= partition.effectiveMinInSyncReplicas;
    pending.errorCode = enough ? ErrorCode.NONE : ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND;
  }
  return pending.errorCode !== undefined;
}

export class DelayedProduce extends ParkedWatcher {
  private readonly appends: readonly PendingAppend[];
  private readonly done: () => void;

  /** @param done called once, when every append is settled. */
  constructor(appends: readonly PendingAppend[], done: () => void) {
    super();
    this.appends = appends;
    this.done = done;
  }

  start(clock: Clock, timeoutMs: number): void {
    const lists = [];
    for (const append of this.appends) if (!settle(append)) lists.push(append.partition.highWatermarkWatch);
    if (lists.length === 0) this.done();
    else this.park(lists, clock, timeoutMs);
  }

  /** Nobody waits for the answer any more; what was appended stays. */
  cancel(): void {
    this.leave();
  }

  private allSettled(): boolean {
    let all = true;
    for (const append of this.appends) if (!settle(append)) all = false;
    return all;
  }

  override tryComplete(): boolean {
    if (!this.allSettled()) return false;
    if (this.leave()) this.done();
    return true;
  }

  /** Time is up: what is not replicated yet is REQUEST_TIMED_OUT, and stays in the log. */
  protected override expire(): void {
    if (!this.leave()) return;
    for (const append of this.appends) {
      if (!settle(append)) append.errorCode = ErrorCode.REQUEST_TIMED_OUT;
    }
    this.done();
  }
}
