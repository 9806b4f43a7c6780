/**
 * Incremental fetch sessions (KIP-227): a client names its partitions once, later requests and answers carry only changes.
 *
 * Owns: which partitions a session has, its epochs, and what was last told about each. Leaves to handlers/fetch: reading.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Random } from "../../storage/random.ts";

/** One partition a client fetches, and what it was last told of it (in a session). */
export interface FetchPartition {
  /** Null while the topic id stands for no topic we know. */
  topic: string | null;
  readonly topicId: string;
  readonly partition: number;
  currentLeaderEpoch: number;
  fetchOffset: number;
  lastFetchedEpoch: number;
  logStartOffset: number;
  maxBytes: number;
  toldHighWatermark: number;
  toldLogStartOffset: number;
  /** The last answer was an error: the next one is told even if nothing else changed. */
  toldError: boolean;
}

export const NO_SESSION = 0;
const FINAL_EPOCH = -1;
const MAX_EPOCH = 0x7fffffff;
/** A session that was not used for this long may be evicted for a new one, as in Kafka. */
const EVICTION_MS = 120_000;

export interface FetchSession {
  readonly id: number;
  /** Epoch expected of the next request. */
  epoch: number;
  readonly usesTopicIds: boolean;
  readonly fromFollower: boolean;
  /** In the order they are to be read: those that returned data go to the end. */
  readonly partitions: Map<string, FetchPartition>;
  lastUsedMs: number;
}

/** A topic is named by id from Fetch v13 on, by name before; never by both. */
export function fetchPartitionKey(
  topic: string | null,
  topicId: string,
  usesTopicIds: boolean,
  partition: number,
): string {
  return `${partition}:${usesTopicIds ? topicId : topic}`;
}

export class FetchSessionCache {
  private readonly sessions = new Map<number, FetchSession>();
  private readonly maxSessions: number;
  private readonly clock: Clock;
  private readonly random: Random;

  constructor(maxSessions: number, clock: Clock, random: Random) {
    this.maxSessions = maxSessions;
    this.clock = clock;
    this.random = random;
  }

  get size(): number {
    return this.sessions.size;
  }

  /** A new session, or undefined when there is no room and none to evict: the client then goes on without. */
  open(
    partitions: Map<string, FetchPartition>,
    usesTopicIds: boolean,
    fromFollower: boolean,
  ): FetchSession | undefined {
    if (!this.makeRoom(fromFollower)) return undefined;
    let id: number;
    do {
      id = 1 + this.random.below(MAX_EPOCH);
    } while (this.sessions.has(id));
    const session = { id, epoch: 1, usesTopicIds, fromFollower, partitions, lastUsedMs: this.clock.monotonicMs() };
    this.sessions.set(id, session);
    return session;
  }

  /** The least recently used session goes when it is old enough; a follower's may also displace a consumer's. */
  private makeRoom(fromFollower: boolean): boolean {
    if (this.sessions.size < this.maxSessions) return true;
    const nowMs = this.clock.monotonicMs();
    for (const session of this.sessions.values()) {
      const stale = nowMs - session.lastUsedMs > EVICTION_MS;
      if (stale || (fromFollower && !session.fromFollower)) {
        this.sessions.delete(session.id);
        return true;
      }
      if (!fromFollower) return false; // the map is in order of use: nobody after this one is older
    }
    return false;
  }

  /**
   * The session of an incremental request, moved on to its next epoch.
   * @throws KafkaError FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR.
   */
  continue(id: number, epoch: number, usesTopicIds: boolean): FetchSession {
    const session = this.sessions.get(id);
    if (session === undefined) throw new KafkaError(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    if (session.epoch !== epoch) throw new KafkaError(ErrorCode.INVALID_FETCH_SESSION_EPOCH);
    if (session.usesTopicIds !== usesTopicIds) throw new KafkaError(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR);
    session.epoch = epoch === MAX_EPOCH ? 1 : epoch + 1;
    session.lastUsedMs = this.clock.monotonicMs();
    this.sessions.delete(id);
    this.sessions.set(id, session);
    return session;
  }

  close(id: number): void {
    this.sessions.delete(id);
  }
}

/** Whether a request goes on with a session; otherwise it names all its partitions itself. */
export function isIncremental(epoch: number): boolean {
  return epoch !== 0 && epoch !== FINAL_EPOCH;
}
