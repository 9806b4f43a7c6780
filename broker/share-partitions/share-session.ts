/**
 * Share sessions (KIP-932): a member of a share group names its partitions once, and what it holds is given back when it goes.
 *
 * Owns: which partitions a session has, its epochs, how many there may be, which connection each lives on. Leaves to whoever asks:
 * reading, and giving back.
 * Unlike fetch sessions, one is never dropped to make room for another: records are locked through it.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { ClientConnection } from "../dispatch/handler.ts";

export const FIRST_EPOCH = 0;
export const FINAL_EPOCH = -1;
const MAX_EPOCH = 0x7fffffff;
/** Of all sessions together: each may name as many partitions as fit a request. */
const MAX_PARTITIONS = 1_000_000;

export interface NamedPartition {
  readonly topicId: string;
  readonly partition: number;
}

/** One partition of a session. */
export interface SessionPartition extends NamedPartition {
  /** To be told of at the next answer, whether or not there is news. */
  isDue: boolean;
}

export function sessionPartitionKey({ topicId, partition }: NamedPartition): string {
  return `${topicId}:${partition}`;
}

export interface ShareSession {
  readonly groupId: string;
  readonly memberId: string;
  /** Expected of the next request. */
  epoch: number;
  /** In the order in which they were named; those that gave records last go to the end. */
  readonly partitions: Map<string, SessionPartition>;
}

export interface ShareSessionOptions {
  readonly maxSessions: number;
  /** The connection of a session went: what its member holds is to be given back. */
  lost(session: ShareSession): void;
  readonly maxPartitions?: number;
}

export class ShareSessionCache {
  private readonly groups = new Map<string, Map<string, ShareSession>>();
  /** The newest session that was opened on each connection. */
  private readonly byConnection = new Map<number, ShareSession>();
  private readonly options: ShareSessionOptions;
  private count = 0;
  private partitionCount = 0;

  constructor(options: ShareSessionOptions) {
    this.options = options;
  }

  get size(): number {
    return this.count;
  }

  get partitionTotal(): number {
    return this.partitionCount;
  }

  hasGroup(groupId: string): boolean {
    return this.groups.has(groupId);
  }

  find(groupId: string, memberId: string): ShareSession | undefined {
    return this.groups.get(groupId)?.get(memberId);
  }

  /** @throws KafkaError SHARE_SESSION_NOT_FOUND. */
  require(groupId: string, memberId: string): ShareSession {
    const session = this.find(groupId, memberId);
    if (session === undefined) throw new KafkaError(ErrorCode.SHARE_SESSION_NOT_FOUND);
    return session;
  }

  /** The session of a request that goes on with it, now in the next epoch. @throws KafkaError INVALID_SHARE_SESSION_EPOCH too. */
  advance(groupId: string, memberId: string, epoch: number): ShareSession {
    const session = this.require(groupId, memberId);
    if (session.epoch !== epoch) throw new KafkaError(ErrorCode.INVALID_SHARE_SESSION_EPOCH);
    session.epoch = epoch >= MAX_EPOCH ? 1 : epoch + 1;
    return session;
  }

  /** Opens the session of a member that has none. @throws KafkaError SHARE_SESSION_LIMIT_REACHED. */
  open(
    groupId: string,
    memberId: string,
    partitions: readonly NamedPartition[],
    connection: ClientConnection,
  ): ShareSession {
    const { maxSessions, maxPartitions = MAX_PARTITIONS } = this.options;
    if (this.count >= maxSessions || this.partitionCount + partitions.length > maxPartitions) {
      throw new KafkaError(ErrorCode.SHARE_SESSION_LIMIT_REACHED);
    }
    const session: ShareSession = { groupId, memberId, epoch: FIRST_EPOCH + 1, partitions: new Map() };
    const members = this.groups.get(groupId) ?? new Map<string, ShareSession>();
    members.set(memberId, session);
    this.groups.set(groupId, members);
    this.count++;
    this.add(session, partitions, false);
    const isFirst = !this.byConnection.has(connection.id);
    this.byConnection.set(connection.id, session);
    if (isFirst) connection.onClosed(() => this.connectionClosed(connection.id));
    return session;
  }

  /** Takes in what a request changes. Partitions beyond what there is room for are left out. */
  update(session: ShareSession, added: readonly NamedPartition[], forgotten: readonly NamedPartition[]): void {
    this.add(session, added, true);
    for (const named of forgotten) {
      if (session.partitions.delete(sessionPartitionKey(named))) this.partitionCount--;
    }
  }

  private add({ partitions }: ShareSession, named: readonly NamedPartition[], isDue: boolean): void {
    const { maxPartitions = MAX_PARTITIONS } = this.options;
    for (const { topicId, partition } of named) {
      const key = sessionPartitionKey({ topicId, partition });
      if (partitions.has(key) || this.partitionCount >= maxPartitions) continue;
      partitions.set(key, { topicId, partition, isDue });
      this.partitionCount++;
    }
  }

  /** Ends a session, if it is still there. */
  remove(session: ShareSession): boolean {
    const { groupId, memberId } = session;
    const members = this.groups.get(groupId);
    if (members?.get(memberId) !== session) return false;
    members.delete(memberId);
    if (members.size === 0) this.groups.delete(groupId);
    this.count--;
    this.partitionCount -= session.partitions.size;
    return true;
  }

  private connectionClosed(connectionId: number): void {
    const session = this.byConnection.get(connectionId);
    this.byConnection.delete(connectionId);
    if (session !== undefined) this.options.lost(session);
  }
}
