/**
 * A committed offset as its record, and back.
 */
import type { OffsetCommitValue } from "../../../protocol/messages/group-records.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { type CoordinatorRecord, newRecord, tombstone } from "../../state-machine/coordinator-record.ts";
import { OFFSET_COMMIT_VERSION, OFFSET_COMMIT_WITH_EXPIRY_VERSION, OffsetCommitRecord } from "../group-record-types.ts";
import type { StoredOffset } from "./offset-store.ts";

/** Whose offset it is. */
export interface OffsetKey {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

export function offsetRecord(key: OffsetKey, offset: Omit<StoredOffset, "recordOffset">): CoordinatorRecord {
  const expires = offset.expireTimestampMs !== -1;
  return newRecord(OffsetCommitRecord, key, expires ? OFFSET_COMMIT_WITH_EXPIRY_VERSION : OFFSET_COMMIT_VERSION, {
    offset: offset.committedOffset,
    // What the version does not carry must not be in memory either: a successor would not find it.
    leaderEpoch: expires ? -1 : offset.leaderEpoch,
    metadata: offset.metadata,
    commitTimestamp: offset.commitTimestampMs,
    expireTimestamp: offset.expireTimestampMs,
    topicId: expires ? ZERO_UUID : offset.topicId,
  });
}

export function offsetTombstone(group: string, topic: string, partition: number): CoordinatorRecord {
  return tombstone(OffsetCommitRecord, { group, topic, partition });
}

/** What a value of any version says. */
export function offsetFromRecord(value: Decode<typeof OffsetCommitValue>, recordOffset: number): StoredOffset {
  return {
    committedOffset: value.offset,
    leaderEpoch: value.leaderEpoch,
    metadata: value.metadata,
    commitTimestampMs: value.commitTimestamp,
    expireTimestampMs: value.expireTimestamp,
    topicId: value.topicId,
    recordOffset,
  };
}
