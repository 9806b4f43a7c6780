/**
 * How far one follower has come, as its leader sees it through its fetches.
 *
 * Invariant: `logEndOffset` is what the follower itself said in a fetch of this leader epoch, or -1.
 */
export class ReplicaProgress {
  readonly replicaId: number;
  /** -1 until it has fetched in this leader epoch. */
  logEndOffset = -1;
  logStartOffset = -1;
  /** Broker epoch of its last fetch, -1 when that said none; undefined until it has fetched. */
  brokerEpoch: number | undefined;
  /** When it last had everything the leader had. */
  lastCaughtUpMs: number;
  /** Infinitely long ago until it has fetched: a fetch of a replica far behind must not count as one that was caught up. */
  private lastFetchMs = Number.NEGATIVE_INFINITY;
  private leaderEndAtLastFetch = 0;

  /** @param lastCaughtUpMs now for a member of the ISR at the start of the leader epoch, -Infinity for others. */
  constructor(replicaId: number, lastCaughtUpMs: number) {
    this.replicaId = replicaId;
    this.lastCaughtUpMs = lastCaughtUpMs;
  }

  /**
   * Takes in a fetch: everything below `fetchOffset` is on the follower. It was caught up now when it asks for the log end; it
   * was caught up at its previous fetch when it has all there was then.
   */
  fetched(
    fetchOffset: number,
    logStartOffset: number,
    brokerEpoch: number,
    leaderEndOffset: number,
    nowMs: number,
  ): void {
    if (fetchOffset >= leaderEndOffset) this.lastCaughtUpMs = Math.max(this.lastCaughtUpMs, nowMs);
    else if (fetchOffset >= this.leaderEndAtLastFetch) {
      this.lastCaughtUpMs = Math.max(this.lastCaughtUpMs, this.lastFetchMs);
    }
    this.logEndOffset = fetchOffset;
    this.logStartOffset = logStartOffset;
    this.brokerEpoch = brokerEpoch;
    this.leaderEndAtLastFetch = leaderEndOffset;
    this.lastFetchMs = nowMs;
  }

  /** Whether it has all the leader has, or had it within `lagMs`. */
  isCaughtUp(leaderEndOffset: number, nowMs: number, lagMs: number): boolean {
    return this.logEndOffset === leaderEndOffset || nowMs - this.lastCaughtUpMs <= lagMs;
  }

  /**
   * A new incarnation of the broker may have lost what the old one had.
   * @param lastCaughtUpMs as for the constructor: a member of the ISR gets its time to come back.
   */
  forget(lastCaughtUpMs: number): void {
    this.logEndOffset = -1;
    this.logStartOffset = -1;
    this.brokerEpoch = undefined;
    this.lastCaughtUpMs = lastCaughtUpMs;
    this.leaderEndAtLastFetch = 0;
    this.lastFetchMs = Number.NEGATIVE_INFINITY;
  }
}
