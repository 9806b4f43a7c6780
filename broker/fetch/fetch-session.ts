/**
 * Incremental fetch sessions (KIP-227): a client names its partitions once, later requests and answers carry only changes.
 *
 * Owns: which partitions a session has, its epochs, what was last told about each, and who makes room for whom. Leaves to
 * handlers/fetch: reading.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Random } from "../../storage/random.ts";
import type { Partition } from "../partition/partition.ts";

/** One partition a client fetches, and what it was last told of it (in a session). */
export interface FetchPartition {
  /** Null while the topic id stands for no topic we know. Once known it stays, even if the name stands for another topic by now. */
  topic: string | null;
  readonly topicId: string;
  readonly partition: number;
  currentLeaderEpoch: number;
  fetchOffset: number;
  lastFetchedEpoch: number;
  logStartOffset: number;
  maxBytes: number;
  /** -1 after an error too: what comes next is news. */
  toldHighWatermark: number;
  toldLogStartOffset: number;
  /** The request that is handled now names it: where it is read from, or how, may be new. */
  isNamed: boolean;
  /** Where it was read last; one that is gone has no leader. */
  held?: Partition;
}

/** The partitions of a session by fetchPartitionKey(), in the order they are to be read. */
export type FetchPartitions = Map<string, FetchPartition>;

export const NO_SESSION = 0;
const FIRST_EPOCH = 0;
const FINAL_EPOCH = -1;
const MAX_EPOCH = 0x7fffffff;
/** A session unused for this long makes room for any other; one that is younger is not displaced by its like. As in Kafka. */
const EVICTION_MS = 120_000;
/** Of all sessions together: a thousand sessions are few, but each may name as many partitions as fit a request. */
const MAX_PARTITIONS = 1_000_000;

export interface FetchSession {
  readonly id: number;
  /** Epoch expected of the next request. */
  epoch: number;
  readonly usesTopicIds: boolean;
  readonly fromFollower: boolean;
  readonly partitions: FetchPartitions;
  readonly createdMs: number;
  lastUsedMs: number;
  /** Partitions when it was last used. */
  partitionCount: number;
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
  /** In the order of use, least recently used first. */
  private readonly sessions = new Map<number, FetchSession>();
  private readonly maxSessions: number;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly maxPartitions: number;
  private partitionTotal = 0;

  constructor(maxSessions: number, clock: Clock, random: Random, maxPartitions = MAX_PARTITIONS) {
    this.maxSessions = maxSessions;
    this.maxPartitions = maxPartitions;
    this.clock = clock;
    this.random = random;
  }

  get size(): number {
    return this.sessions.size;
  }

  /** A new session, or undefined when there is no room and none to evict: the client then goes on without. */
  open(partitions: FetchPartitions, usesTopicIds: boolean, fromFollower: boolean): FetchSession | undefined {
    const nowMs = this.clock.monotonicMs();
    // Differs from Kafka: the partitions of all fetch sessions together have a limit, where Kafka counts sessions only.
    if (this.partitionTotal + partitions.size > this.maxPartitions) return undefined;
    if (!this.makeRoom(fromFollower, partitions.size, nowMs)) return undefined;
    let id: number;
    do {
      id = 1 + this.random.below(MAX_EPOCH);
    } while (this.sessions.has(id));
    const times = { createdMs: nowMs, lastUsedMs: nowMs, partitionCount: partitions.size };
    const session = { id, epoch: nextEpoch(FIRST_EPOCH), usesTopicIds, fromFollower, partitions, ...times };
    this.sessions.set(id, session);
    this.partitionTotal += partitions.size;
    return session;
  }

  /** Kafka's rules: one that is stale goes; else a follower displaces a consumer, and a larger one a smaller one that is not new. */
  private makeRoom(fromFollower: boolean, partitionCount: number, nowMs: number): boolean {
    if (this.sessions.size < this.maxSessions) return true;
    const [leastRecent] = this.sessions.values();
    if (leastRecent === undefined) return false;
    let victim: FetchSession | undefined;
    if (nowMs - leastRecent.lastUsedMs > EVICTION_MS) {
      victim = leastRecent;
    } else {
      for (const session of this.sessions.values()) {
        const mayGo = nowMs - session.createdMs > EVICTION_MS || (fromFollower && !session.fromFollower);
        if (mayGo && (victim === undefined || isLessWorth(session, victim))) victim = session;
      }
      if (victim === undefined) return false;
      const outranks = fromFollower !== victim.fromFollower ? fromFollower : partitionCount > victim.partitionCount;
      if (!outranks) return false;
    }
    this.close(victim.id);
    return true;
  }

  /**
   * The session of an incremental request; it stays at its epoch until advance().
   * @throws KafkaError FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR.
   */
  find(id: number, epoch: number, usesTopicIds: boolean): FetchSession {
    const session = this.sessions.get(id);
    if (session === undefined) throw new KafkaError(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    if (session.epoch !== epoch) throw new KafkaError(ErrorCode.INVALID_FETCH_SESSION_EPOCH);
    if (session.usesTopicIds !== usesTopicIds) throw new KafkaError(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR);
    return session;
  }

  /** What a session reads, if there is one of this id. */
  partitionsOf(id: number): FetchPartitions | undefined {
    return this.sessions.get(id)?.partitions;
  }

  /**
   * Moves a session on to its next epoch, its partitions being those of the request that is handled now. False: it has grown
   * beyond what there is room for, and is closed.
   */
  advance(session: FetchSession): boolean {
    this.partitionTotal += session.partitions.size - session.partitionCount;
    session.epoch = nextEpoch(session.epoch);
    session.lastUsedMs = this.clock.monotonicMs();
    session.partitionCount = session.partitions.size;
    this.sessions.delete(session.id);
    this.sessions.set(session.id, session);
    if (this.partitionTotal <= this.maxPartitions) return true;
    this.close(session.id);
    return false;
  }

  close(id: number): void {
    this.partitionTotal -= this.sessions.get(id)?.partitionCount ?? 0;
    this.sessions.delete(id);
  }
}

/** Epochs wrap to 1: 0 asks for a new session. */
function nextEpoch(epoch: number): number {
  return epoch === MAX_EPOCH ? 1 : epoch + 1;
}

function isLessWorth(a: FetchSession, b: FetchSession): boolean {
  return a.fromFollower !== b.fromFollower ? !a.fromFollower : a.partitionCount < b.partitionCount;
}

/** Whether a request goes on with a session; otherwise it names all its partitions itself. */
export function isIncremental(epoch: number): boolean {
  return epoch !== FIRST_EPOCH && epoch !== FINAL_EPOCH;
}

/** Whether a request that names all its partitions wants a session to go on with. */
export function wantsSession(epoch: number): boolean {
  return epoch === FIRST_EPOCH;
}
