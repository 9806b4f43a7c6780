/**
 * Copies from one leader broker what this broker follows there: a plain Fetch client with an incremental session (KIP-227).
 *
 * Owns: one request in flight, its session, when each partition is asked again. Leaves to follower-fetch: what an answer means;
 * to ReplicaFetchers: who follows whom.
 * Invariant: a closed fetcher touches no partition, whatever still arrives.
 */
import type { RpcClient } from "../../broker/network/rpc-client.ts";
import type { RpcResponse } from "../../broker/network/rpc-connection.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { ListOffsets } from "../../protocol/messages/list-offsets.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import type { Clock, Timer } from "../../storage/clock.ts";
import type { Logger } from "../../storage/logger.ts";
import { type FollowedPartition, type FollowOutcome, fitTo, takeIn } from "./follower-fetch.ts";

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
  /** A partition was answered and its answer taken in. */
  readonly onProgress?: (followed: FollowedPartition) => void;
}

type FetchRequest = Encode<(typeof Fetch)["request"]>;
type FetchResponse = Decode<(typeof Fetch)["response"]>;
type TopicRequest = { topicId: string; partitions: FetchRequest["topics"][number]["partitions"][number][] };

const FETCH_VERSION = 17;
const LIST_OFFSETS_VERSION = 9;
const LATEST = -1;
const EARLIEST = -2;
/** A lost connection is tried again quickly first: the leader may only have restarted. */
const RECONNECT_MIN_MS = 20;

/** What the leader's session knows of a partition: only what differs is sent. */
interface Told {
  readonly fetchOffset: number;
  readonly lastFetchedEpoch: number;
  readonly logStartOffset: number;
  readonly leaderEpoch: number;
}

export class ReplicaFetcher {
  private readonly options: ReplicaFetcherOptions;
  private readonly followed = new Map<string, FollowedPartition>();
  private told = new Map<string, Told>();
  private sessionId = 0;
  private sessionEpoch = 0;
  private inFlight = false;
  private timer: Timer | undefined;
  private closed = false;
  private failures = 0;

  constructor(options: ReplicaFetcherOptions) {
    this.options = options;
  }

  get size(): number {
    return this.followed.size;
  }

  /** Follows a partition from where its log ends, in this leader epoch; takes the place of an earlier epoch. */
  follow(followed: FollowedPartition): void {
    this.followed.set(keyOf(followed.partition.topicId, followed.partition.index), followed);
    this.soon();
  }

  forget(topicId: string, index: number): void {
    this.followed.delete(keyOf(topicId, index));
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.followed.clear();
    this.options.client.close();
  }

  /** Asks in the next turn, when what this turn adds is there. */
  private soon(): void {
    if (this.inFlight || this.closed || this.timer !== undefined) return;
    this.timer = this.options.clock.after(0, () => {
      this.timer = undefined;
      this.fetch();
    });
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
    if (this.inFlight || this.closed) return;
    const nowMs = this.options.clock.monotonicMs();
    const { request, asked, earliestRetryMs } = this.nextRequest(nowMs);
    if (asked.size === 0) {
      if (earliestRetryMs !== undefined) this.later(Math.max(1, earliestRetryMs - nowMs));
      return;
    }
    this.inFlight = true;
    const { client, requestTimeoutMs } = this.options;
    client.call(Fetch, request, { version: FETCH_VERSION, timeoutMs: requestTimeoutMs }).then(
      (response) => {
        this.inFlight = false;
        if (this.closed) response.release();
        else this.answered(response, asked);
      },
      (error: unknown) => {
        this.inFlight = false;
        if (!this.closed) this.lost(error);
      },
    );
  }

  /** The request for what may be asked now, as a change of the session; partitions left out are forgotten by it. */
  private nextRequest(nowMs: number): {
    request: FetchRequest;
    asked: ReadonlyMap<string, FollowedPartition>;
    earliestRetryMs: number | undefined;
  } {
    const asked = new Map<string, FollowedPartition>();
    const topics = new Map<string, TopicRequest>();
    const told = new Map<string, Told>();
    let earliestRetryMs: number | undefined;
    for (const [key, followed] of this.followed) {
      const { partition, leaderEpoch } = followed;
      if (followed.waitsForMetadata || partition.log.offline) continue;
      if (followed.retryAtMs > nowMs) {
        earliestRetryMs = Math.min(earliestRetryMs ?? followed.retryAtMs, followed.retryAtMs);
        continue;
      }
      const { log } = partition;
      const fetchOffset = log.logEndOffset;
      const now = {
        fetchOffset,
        lastFetchedEpoch: log.latestLeaderEpoch,
        logStartOffset: log.logStartOffset,
        leaderEpoch,
      };
      followed.askedOffset = fetchOffset;
      asked.set(key, followed);
      told.set(key, now);
      const before = this.told.get(key);
      if (this.sessionEpoch > 0 && before !== undefined && isSame(before, now)) continue;
      const topic = topics.get(partition.topicId) ?? { topicId: partition.topicId, partitions: [] };
      topics.set(partition.topicId, topic);
      topic.partitions.push({
        partition: partition.index,
        currentLeaderEpoch: leaderEpoch,
        fetchOffset,
        lastFetchedEpoch: now.lastFetchedEpoch,
        logStartOffset: now.logStartOffset,
        partitionMaxBytes: this.options.partitionMaxBytes,
      });
    }
    const request = {
      replicaState: { replicaId: this.options.brokerId, replicaEpoch: this.options.brokerEpoch() },
      maxWaitMs: this.options.maxWaitMs,
      minBytes: this.options.minBytes,
      maxBytes: this.options.responseMaxBytes,
      isolationLevel: 0,
      sessionId: this.sessionId,
      sessionEpoch: this.sessionEpoch,
      topics: [...topics.values()],
      forgottenTopicsData: this.sessionEpoch > 0 ? forgotten(this.told, told) : [],
      rackId: "",
    };
    this.told = told;
    return { request, asked, earliestRetryMs };
  }

  private answered(response: RpcResponse<FetchResponse>, asked: ReadonlyMap<string, FollowedPartition>): void {
    const { body, frame } = response;
    this.failures = 0;
    if (body.errorCode !== ErrorCode.NONE) {
      response.release();
      this.startSessionAnew();
      this.later(body.errorCode === ErrorCode.FETCH_SESSION_ID_NOT_FOUND ? 0 : this.options.backoffMs);
      return;
    }
    this.sessionId = body.sessionId;
    this.sessionEpoch = body.sessionId === 0 ? 0 : this.sessionEpoch === 0x7fffffff ? 1 : this.sessionEpoch + 1;
    try {
      for (const topic of body.responses) {
        for (const answer of topic.partitions) {
          const key = keyOf(topic.topicId, answer.partitionIndex);
          const followed = asked.get(key);
          // It may be followed in a newer epoch by now, or no more.
          if (followed === undefined || this.followed.get(key) !== followed) continue;
          this.outcome(followed, takeIn(followed, answer, frame), key);
        }
      }
    } finally {
      response.release();
    }
    this.fetch();
  }

  private outcome(followed: FollowedPartition, outcome: FollowOutcome, key: string): void {
    switch (outcome) {
      case "go-on":
        this.options.onProgress?.(followed);
        if (followed.partition.log.config.flushMessages === 1) this.askOnceSynced(followed);
        return;
      case "back-off":
        followed.retryAtMs = this.options.clock.monotonicMs() + this.options.backoffMs;
        return;
      case "wait-for-metadata":
        followed.waitsForMetadata = true;
        return;
      case "stop":
        this.followed.delete(key);
        return;
      case "out-of-range":
        followed.retryAtMs = Number.POSITIVE_INFINITY;
        this.askBounds(followed, key);
    }
  }

  /** With flush.messages=1 our next fetch tells the leader what is on our device, so it waits for the sync. */
  private askOnceSynced(followed: FollowedPartition): void {
    const { log } = followed.partition;
    if (log.syncedEndOffset >= log.logEndOffset) return;
    followed.retryAtMs = Number.POSITIVE_INFINITY;
    log.flush().then(
      () => {
        followed.retryAtMs = 0;
        this.soon();
      },
      () => {}, // the log is offline and is asked no more
    );
  }

  /** Our log lies outside the leader's: asks where that starts and ends, and makes ours fit. */
  private askBounds(followed: FollowedPartition, key: string): void {
    const { partition } = followed;
    const ask = (timestamp: number) =>
      this.options.client.call(
        ListOffsets,
        {
          replicaId: this.options.brokerId,
          isolationLevel: 0,
          topics: [
            {
              name: partition.topic,
              partitions: [{ partitionIndex: partition.index, currentLeaderEpoch: followed.leaderEpoch, timestamp }],
            },
          ],
        },
        { version: LIST_OFFSETS_VERSION, timeoutMs: this.options.requestTimeoutMs },
      );
    Promise.all([ask(EARLIEST), ask(LATEST)]).then(
      ([earliest, latest]) => {
        earliest.release();
        latest.release();
        const start = earliest.body.topics[0]?.partitions[0];
        const end = latest.body.topics[0]?.partitions[0];
        if (this.closed || this.followed.get(key) !== followed || partition.isLeader) return;
        const stillThere = partition.state.leaderEpoch === followed.leaderEpoch && !partition.log.offline;
        if (stillThere && start?.errorCode === ErrorCode.NONE && end?.errorCode === ErrorCode.NONE) {
          fitTo(partition, { logStartOffset: start.offset, logEndOffset: end.offset });
          followed.retryAtMs = 0;
        } else {
          followed.retryAtMs = this.options.clock.monotonicMs() + this.options.backoffMs;
        }
        this.soon();
      },
      () => {
        if (this.closed) return;
        followed.retryAtMs = this.options.clock.monotonicMs() + this.options.backoffMs;
        this.soon();
      },
    );
  }

  /** No answer: the session is gone with the connection, and the leader perhaps too. */
  private lost(error: unknown): void {
    this.startSessionAnew();
    this.options.log.debug({ err: error, leader: this.options.client.address }, "fetching from a leader failed");
    const delayMs = Math.min(this.options.backoffMs, RECONNECT_MIN_MS * 2 ** this.failures);
    this.failures++;
    this.later(delayMs);
  }

  private startSessionAnew(): void {
    this.sessionId = 0;
    this.sessionEpoch = 0;
    this.told.clear();
  }
}

function keyOf(topicId: string, index: number): string {
  return `${index}:${topicId}`;
}

function isSame(a: Told, b: Told): boolean {
  return (
    a.fetchOffset === b.fetchOffset &&
    a.lastFetchedEpoch === b.lastFetchedEpoch &&
    a.logStartOffset === b.logStartOffset &&
    a.leaderEpoch === b.leaderEpoch
  );
}

function forgotten(before: ReadonlyMap<string, Told>, now: ReadonlyMap<string, Told>) {
  const topics = new Map<string, { topicId: string; partitions: number[] }>();
  for (const key of before.keys()) {
    if (now.has(key)) continue;
    const colon = key.indexOf(":");
    const topicId = key.slice(colon + 1);
    const topic = topics.get(topicId) ?? { topicId, partitions: [] };
    topic.partitions.push(Number(key.slice(0, colon)));
    topics.set(topicId, topic);
  }
  return [...topics.values()];
}
