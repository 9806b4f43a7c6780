/**
 * Copies from one leader broker what this broker follows there: a plain Fetch client, one request at a time.
 *
 * Owns: when the leader is asked, and when each partition is asked for again. Leaves to FollowerSession: what it is told; to
 * follower-fetch: what an answer means; to LeaderSource: which partitions.
 * Invariant: a closed fetcher touches no partition, whatever still arrives.
 */

import type { RpcClient } from "../../broker/network/rpc-client.ts";
import type { RpcResponse } from "../../broker/network/rpc-connection.ts";
import type { ReplicationQuota } from "../../broker/quotas/replication-quota.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import type { Decode } from "../../protocol/schema/message.ts";
import type { Clock, Timer } from "../../storage/clock.ts";
import type { Logger } from "../../storage/logger.ts";
import { type FollowedPartition, type FollowOutcome, fitTo, takeIn } from "./follower-fetch.ts";
import { FollowerSession } from "./follower-session.ts";
import { askBounds } from "./leader-bounds.ts";

export interface ReplicaFetcherOptions {
  readonly brokerId: number;
  brokerEpoch(): number;
  readonly client: RpcClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly maxWaitMs: number;
  readonly minBytes: number;
  /** replica.fetch.max.bytes: of one partition. */
  readonly partitionMaxBytes: number;
  /** replica.fetch.response.max.bytes. */
  readonly responseMaxBytes: number;
  /** replica.fetch.backoff.ms. */
  readonly backoffMs: number;
  /** replica.socket.timeout.ms. */
  readonly requestTimeoutMs: number;
  /** Of replicas on the move; none when left out. */
  readonly quota?: Pick<ReplicationQuota, "isSet" | "isThrottled" | "isExceeded" | "record">;
}

/** Whoever shares the work with this fetcher. */
export interface FetcherHooks {
  /** Asked before each request: true and nothing is sent until proceed(). */
  mustHold?(): boolean;
  /** An answer came, or none will, and has been taken in. */
  onReturn?(): void;
}

type FetchResponse = Decode<(typeof Fetch)["response"]>;

const FETCH_VERSION = 17;
/**
 * What fails is tried again quickly first: the leader may only have restarted, or not have heard yet that it leads. Until it is
 * fetched from, nothing it appends is acknowledged.
 */
const MIN_BACKOFF_MS = 10;
/** Between looks at a quota that is used up. */
const HELD_BACK_MS = 100;

export class ReplicaFetcher {
  private readonly options: ReplicaFetcherOptions;
  private readonly hooks: FetcherHooks;
  private readonly session: FollowerSession;
  private readonly followed = new Map<string, FollowedPartition>();
  /** What the session may have to be told about; everything else stands as it was told. */
  private readonly changed = new Set<string>();
  /** Partitions that are not asked for before a time. */
  private readonly delayed = new Set<string>();
  private inFlight = false;
  private isSyncing = false;
  private timer: Timer | undefined;
  private closed = false;
  private failures = 0;
  private reconnectAtMs = 0;

  constructor(options: ReplicaFetcherOptions, hooks: FetcherHooks = {}) {
    this.options = options;
    this.hooks = hooks;
    this.session = new FollowerSession(options.partitionMaxBytes);
  }

  get size(): number {
    return this.followed.size;
  }

  /** A request is under way: the leader may keep it until there is data. */
  get isWaiting(): boolean {
    return this.inFlight;
  }

  /** Follows a partition from where its log ends, in this leader epoch; takes the place of an earlier epoch. */
  follow(followed: FollowedPartition): void {
    const key = keyOf(followed.partition.topicId, followed.partition.index);
    this.followed.set(key, followed);
    this.changed.add(key);
    if (followed.retryAtMs > 0) this.delayed.add(key); // it waits already: it comes from another fetcher
    this.soon();
  }

  forget(topicId: string, index: number): void {
    const key = keyOf(topicId, index);
    if (this.followed.delete(key)) this.changed.add(key);
  }

  /** Gives up what it follows, to be followed elsewhere. */
  release(): FollowedPartition[] {
    const all = [...this.followed.values()];
    // The leader's bounds that were asked for here are not waited for any more: whoever follows next asks for them itself.
    for (const followed of all) if (followed.retryAtMs === Number.POSITIVE_INFINITY) followed.retryAtMs = 0;
    this.close();
    return all;
  }

  /** The leader's broker came back, perhaps: it is tried at once. */
  retryNow(): void {
    this.failures = 0;
    this.reconnectAtMs = 0;
    this.soon();
  }

  /** Goes on after mustHold(). */
  proceed(): void {
    this.fetch();
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.followed.clear();
    this.options.client.close();
  }

  /** Asks in the next turn, when what this turn adds is there. */
  private soon(): void {
    if (!this.inFlight) this.later(0);
  }

  private later(delayMs: number): void {
    if (this.closed) return;
    this.timer?.cancel();
    this.timer = this.options.clock.after(delayMs, () => {
      this.timer = undefined;
      this.fetch();
    });
  }

  private fetch(): void {
    if (this.inFlight || this.isSyncing || this.closed) return;
    const nowMs = this.options.clock.monotonicMs();
    if (nowMs < this.reconnectAtMs) {
      this.later(this.reconnectAtMs - nowMs);
      return;
    }
    if (this.hooks.mustHold?.() === true) return;
    this.wakeDelayed(nowMs);
    if (this.syncFirst()) return;
    const fields = this.session.next(this.takeChanged(nowMs));
    const earliestRetryMs = this.earliestRetryMs();
    if (fields === undefined) {
      if (Number.isFinite(earliestRetryMs)) this.later(Math.max(1, earliestRetryMs - nowMs));
      return;
    }
    this.timer?.cancel();
    this.timer = undefined;
    this.inFlight = true;
    const { client, brokerId, maxWaitMs, minBytes, responseMaxBytes, requestTimeoutMs } = this.options;
    const request = {
      replicaState: { replicaId: brokerId, replicaEpoch: this.options.brokerEpoch() },
      ...{ minBytes, maxBytes: responseMaxBytes, isolationLevel: 0, rackId: "" },
      // A partition that is to be asked for again soon does not wait for what the others have no data of.
      maxWaitMs: Math.min(maxWaitMs, Math.max(1, Math.ceil(earliestRetryMs - nowMs))),
      ...fields,
    };
    client.call(Fetch, request, { version: FETCH_VERSION, timeoutMs: requestTimeoutMs }).then(
      (response) => {
        this.inFlight = false;
        if (this.closed) response.release();
        else this.answered(response);
      },
      (error: unknown) => {
        this.inFlight = false;
        if (!this.closed) this.lost(error);
      },
    );
  }

  /** Partitions whose time has come are looked at again. */
  private wakeDelayed(nowMs: number): void {
    for (const key of this.delayed) {
      if ((this.followed.get(key)?.retryAtMs ?? 0) > nowMs) continue;
      this.delayed.delete(key);
      this.changed.add(key);
    }
  }

  /** When the next of those that wait is looked at; Infinity when none is. */
  private earliestRetryMs(): number {
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const key of this.delayed) earliestMs = Math.min(earliestMs, this.followed.get(key)?.retryAtMs ?? 0);
    return earliestMs;
  }

  /** With flush.messages a fetch tells the leader what is on our device: true when that has to be waited for. */
  private syncFirst(): boolean {
    const syncs: Promise<void>[] = [];
    for (const key of this.changed) {
      const log = this.followed.get(key)?.partition.log;
      if (log === undefined || log.offline) continue;
      if (log.countedEndOffset < log.logEndOffset) syncs.push(log.flush());
    }
    if (syncs.length === 0) return false;
    this.isSyncing = true;
    // A log that cannot sync is offline, and asked for no more.
    void Promise.allSettled(syncs).then(() => {
      this.isSyncing = false;
      this.fetch();
    });
    return true;
  }

  /** What the session is to be told of: partitions to ask for now, and others (undefined) not to. */
  private takeChanged(nowMs: number): ReadonlyMap<string, FollowedPartition | undefined> {
    const taken = new Map<string, FollowedPartition | undefined>();
    for (const key of this.session.beginsAnew ? this.followed.keys() : this.changed) {
      const followed = this.followed.get(key);
      const isAsked = followed !== undefined && isAskedFor(followed, nowMs) && !this.isHeldBack(followed, nowMs, key);
      taken.set(key, isAsked ? followed : undefined);
    }
    this.changed.clear();
    return taken;
  }

  /** KIP-73: while the quota is used up, what is throttled and behind is not asked for. */
  private isHeldBack(followed: FollowedPartition, nowMs: number, key: string): boolean {
    const { quota } = this.options;
    const { topic, index } = followed.partition;
    if (quota?.isSet !== true || followed.isCaughtUp || !quota.isThrottled(topic, index) || !quota.isExceeded)
      return false;
    this.delay(followed, nowMs + HELD_BACK_MS, key);
    return true;
  }

  private recordCopied({ partition }: FollowedPartition, records: Buffer | null): void {
    const { quota } = this.options;
    if (records === null || quota?.isSet !== true) return;
    if (quota.isThrottled(partition.topic, partition.index)) quota.record(records.length);
  }

  private answered(response: RpcResponse<FetchResponse>): void {
    const { body, frame } = response;
    this.failures = 0;
    if (body.errorCode !== ErrorCode.NONE) {
      response.release();
      this.session.startAnew();
      const isForgotten = body.errorCode === ErrorCode.FETCH_SESSION_ID_NOT_FOUND;
      if (!isForgotten) this.reconnectAtMs = this.options.clock.monotonicMs() + this.options.backoffMs;
    } else {
      this.session.answered(body.sessionId);
      try {
        for (const topic of body.responses) {
          for (const answer of topic.partitions) {
            const key = keyOf(topic.topicId, answer.partitionIndex);
            const followed = this.followed.get(key);
            // It may be followed in a newer epoch by now, or no more, or was never asked for.
            if (followed !== undefined && this.session.has(key, followed)) {
              this.recordCopied(followed, answer.records);
              this.outcome(followed, takeIn(followed, answer, frame), key);
            }
          }
        }
      } finally {
        response.release();
      }
    }
    this.hooks.onReturn?.();
    this.fetch();
  }

  private outcome(followed: FollowedPartition, outcome: FollowOutcome, key: string): void {
    this.changed.add(key);
    switch (outcome) {
      case "go-on":
        followed.retryAtMs = 0;
        followed.failures = 0;
        return;
      case "back-off":
        this.delay(followed, this.options.clock.monotonicMs() + this.backoffMs(followed.failures++), key);
        return;
      case "wait-for-metadata":
        followed.waitsForMetadata = true;
        return;
      case "stop":
        this.followed.delete(key);
        return;
      case "out-of-range":
        this.delay(followed, Number.POSITIVE_INFINITY, key);
        this.fitToLeader(followed, key);
    }
  }

  private backoffMs(failures: number): number {
    return Math.min(this.options.backoffMs, MIN_BACKOFF_MS * 2 ** failures);
  }

  private delay(followed: FollowedPartition, untilMs: number, key: string): void {
    followed.retryAtMs = untilMs;
    this.delayed.add(key);
  }

  /** Our log lies outside the leader's: asks where that starts and ends, and makes ours fit. */
  private fitToLeader(followed: FollowedPartition, key: string): void {
    const { client, brokerId, requestTimeoutMs } = this.options;
    const { partition } = followed;
    const isStillFollowed = (): boolean => !this.closed && this.followed.get(key) === followed;
    askBounds(client, brokerId, followed, requestTimeoutMs).then(
      (bounds) => {
        if (!isStillFollowed()) return;
        const isCurrent = !partition.isLeader && partition.state.leaderEpoch === followed.leaderEpoch;
        const fits = bounds !== undefined && isCurrent && !partition.log.offline;
        this.outcome(followed, fits ? fitTo(partition, bounds) : "back-off", key);
        this.soon();
      },
      () => {
        if (!isStillFollowed()) return;
        this.outcome(followed, "back-off", key);
        this.soon();
      },
    );
  }

  /** No answer: the session is gone with the connection, and the leader perhaps too. */
  private lost(error: unknown): void {
    this.session.startAnew();
    const { clock, log, client } = this.options;
    log.debug({ err: error, leader: client.address }, "fetching from a leader failed");
    this.reconnectAtMs = clock.monotonicMs() + this.backoffMs(this.failures++);
    this.hooks.onReturn?.();
    this.fetch();
  }
}

function isAskedFor({ partition, retryAtMs, waitsForMetadata }: FollowedPartition, nowMs: number): boolean {
  return !waitsForMetadata && !partition.log.offline && retryAtMs <= nowMs;
}

function keyOf(topicId: string, index: number): string {
  return `${index}:${topicId}`;
}
