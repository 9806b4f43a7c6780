/**
 * The records of __consumer_offsets that this release writes and reads; those of other types are left alone.
 */
import {
  GroupMetadataKey,
  GroupMetadataValue,
  LegacyOffsetCommitKey,
  OffsetCommitKey,
  OffsetCommitValue,
} from "../../protocol/messages/group-records.ts";
import { type CoordinatorRecord, RecordTypes, recordType, tombstone } from "../state-machine/coordinator-record.ts";
import type { Group } from "./group.ts";

/** Only read: both key types stand for the same thing, and values of every version may follow. */
export const LegacyOffsetCommitRecord = recordType(0, LegacyOffsetCommitKey, OffsetCommitValue);
export const OffsetCommitRecord = recordType(1, OffsetCommitKey, OffsetCommitValue);
export const GroupMetadataRecord = recordType(2, GroupMetadataKey, GroupMetadataValue);

/** A group, as Apache Kafka 4.3.1 writes it; version 4 is known, and written by nobody yet. */
export const GROUP_METADATA_VERSION = 3;
/** A committed offset with the id of its topic. */
export const OFFSET_COMMIT_VERSION = 4;
/** The only version with an expire timestamp; without leader epoch and topic id. */
export const OFFSET_COMMIT_WITH_EXPIRY_VERSION = 1;

export const GROUP_RECORD_TYPES = new RecordTypes([LegacyOffsetCommitRecord, OffsetCommitRecord, GroupMetadataRecord]);

/** Deletes a group that is empty. */
export function groupTombstone(group: Group): CoordinatorRecord {
  return tombstone(GroupMetadataRecord, { group: group.groupId });
}
