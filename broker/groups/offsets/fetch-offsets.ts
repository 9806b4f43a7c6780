/**
 * OffsetFetch: what a group has committed.
 *
 * Owns: which offset is told, of which version of memory. A group or partition without an offset is no error.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import type { OffsetStore, StoredOffset } from "./offset-store.ts";

export interface TopicToFetch {
  readonly name: string;
  /** The zero uuid when asked by name. */
  readonly topicId: string;
  readonly partitionIndexes: readonly number[];
}

export interface FetchedPartition {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly metadata: string;
  readonly errorCode: ErrorCode;
}

export interface FetchedTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: FetchedPartition[];
}

/**
 * @param topics null for all of the group.
 * @param stable what is true now and not only what is committed, with UNSTABLE_OFFSET_COMMIT where a transaction is open
 * (KIP-447); its answer must wait until all of it is committed.
 */
export function fetchOffsets(
  store: OffsetStore,
  groupId: string,
  topics: readonly TopicToFetch[] | null,
  stable: boolean,
): FetchedTopic[] {
  if (topics === null) return fetchAll(store, groupId, stable);
  return topics.map(({ name, topicId, partitionIndexes }) => ({
    name,
    topicId,
    partitions: partitionIndexes.map((partition) => {
      if (stable && store.hasPending(groupId, name, partition)) return unstable(partition);
      const offset = stable ? store.get(groupId, name, partition) : store.committed(groupId, name, partition);
      // An offset of a topic that had this name before says nothing about the one that has it now.
      return offset === undefined || isOfAnother(offset.topicId, topicId) ? none(partition) : told(partition, offset);
    }),
  }));
}

function fetchAll(store: OffsetStore, groupId: string, stable: boolean): FetchedTopic[] {
  const topics: FetchedTopic[] = [];
  for (const [name, offsets] of store.byTopic(groupId, !stable)) {
    const partitions = offsets.map(([partition, offset]) =>
      stable && store.hasPending(groupId, name, partition) ? unstable(partition) : told(partition, offset),
    );
    topics.push({ name, topicId: offsets[0]?.[1].topicId ?? ZERO_UUID, partitions });
  }
  return topics;
}

function isOfAnother(stored: string, asked: string): boolean {
  return stored !== ZERO_UUID && asked !== ZERO_UUID && stored !== asked;
}

function told(partitionIndex: number, offset: StoredOffset): FetchedPartition {
  return {
    partitionIndex,
    committedOffset: offset.committedOffset,
    committedLeaderEpoch: offset.leaderEpoch,
    metadata: offset.metadata,
    errorCode: ErrorCode.NONE,
  };
}

/** A partition without an offset, or with an error in its place. */
export function none(partitionIndex: number, errorCode: ErrorCode = ErrorCode.NONE): FetchedPartition {
  return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: "", errorCode };
}

function unstable(partitionIndex: number): FetchedPartition {
  return none(partitionIndex, ErrorCode.UNSTABLE_OFFSET_COMMIT);
}
