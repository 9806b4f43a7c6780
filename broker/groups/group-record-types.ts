/**
 * The records of __consumer_offsets that this release writes and reads; those of other types are left alone.
 */
import {
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupMemberMetadataKey,
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataKey,
  ConsumerGroupMetadataValue,
  ConsumerGroupPartitionMetadataKey,
  ConsumerGroupPartitionMetadataValue,
  ConsumerGroupRegularExpressionKey,
  ConsumerGroupRegularExpressionValue,
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
  GroupMetadataKey,
  GroupMetadataValue,
  LegacyOffsetCommitKey,
  OffsetCommitKey,
  OffsetCommitValue,
} from "../../protocol/messages/group-records.ts";
import {
  ShareGroupCurrentMemberAssignmentKey,
  ShareGroupCurrentMemberAssignmentValue,
  ShareGroupMemberMetadataKey,
  ShareGroupMemberMetadataValue,
  ShareGroupMetadataKey,
  ShareGroupMetadataValue,
  ShareGroupStatePartitionMetadataKey,
  ShareGroupStatePartitionMetadataValue,
  ShareGroupTargetAssignmentMemberKey,
  ShareGroupTargetAssignmentMemberValue,
  ShareGroupTargetAssignmentMetadataKey,
  ShareGroupTargetAssignmentMetadataValue,
} from "../../protocol/messages/share-group-records.ts";
import {
  StreamsGroupCurrentMemberAssignmentKey,
  StreamsGroupCurrentMemberAssignmentValue,
  StreamsGroupMemberMetadataKey,
  StreamsGroupMemberMetadataValue,
  StreamsGroupMetadataKey,
  StreamsGroupMetadataValue,
  StreamsGroupTargetAssignmentMemberKey,
  StreamsGroupTargetAssignmentMemberValue,
  StreamsGroupTargetAssignmentMetadataKey,
  StreamsGroupTargetAssignmentMetadataValue,
  StreamsGroupTopologyKey,
  StreamsGroupTopologyValue,
} from "../../protocol/messages/streams-group-records.ts";
import { RecordTypes, recordType } from "../state-machine/coordinator-record.ts";

/** Only read: both key types stand for the same thing, and values of every version may follow. */
export const LegacyOffsetCommitRecord = recordType(0, LegacyOffsetCommitKey, OffsetCommitValue);
export const OffsetCommitRecord = recordType(1, OffsetCommitKey, OffsetCommitValue);
export const GroupMetadataRecord = recordType(2, GroupMetadataKey, GroupMetadataValue);
export const ConsumerGroupRecord = recordType(3, ConsumerGroupMetadataKey, ConsumerGroupMetadataValue);
/** Of releases before 4.1; deleted, never written. */
export const PartitionMetadataRecord = recordType(
  4,
  ConsumerGroupPartitionMetadataKey,
  ConsumerGroupPartitionMetadataValue,
);
export const ConsumerMemberRecord = recordType(5, ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue);
export const TargetAssignmentRecord = recordType(
  6,
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
);
export const MemberTargetRecord = recordType(
  7,
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
);
export const MemberAssignmentRecord = recordType(
  8,
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
);
export const RegularExpressionRecord = recordType(
  16,
  ConsumerGroupRegularExpressionKey,
  ConsumerGroupRegularExpressionValue,
);
export const ShareMemberRecord = recordType(10, ShareGroupMemberMetadataKey, ShareGroupMemberMetadataValue);
export const ShareGroupRecord = recordType(11, ShareGroupMetadataKey, ShareGroupMetadataValue);
export const ShareTargetAssignmentRecord = recordType(
  12,
  ShareGroupTargetAssignmentMetadataKey,
  ShareGroupTargetAssignmentMetadataValue,
);
export const ShareMemberTargetRecord = recordType(
  13,
  ShareGroupTargetAssignmentMemberKey,
  ShareGroupTargetAssignmentMemberValue,
);
export const ShareMemberAssignmentRecord = recordType(
  14,
  ShareGroupCurrentMemberAssignmentKey,
  ShareGroupCurrentMemberAssignmentValue,
);
export const SharePartitionsRecord = recordType(
  15,
  ShareGroupStatePartitionMetadataKey,
  ShareGroupStatePartitionMetadataValue,
);

export const StreamsGroupRecord = recordType(17, StreamsGroupMetadataKey, StreamsGroupMetadataValue);
export const StreamsMemberRecord = recordType(19, StreamsGroupMemberMetadataKey, StreamsGroupMemberMetadataValue);
export const StreamsTargetAssignmentRecord = recordType(
  20,
  StreamsGroupTargetAssignmentMetadataKey,
  StreamsGroupTargetAssignmentMetadataValue,
);
export const StreamsMemberTargetRecord = recordType(
  21,
  StreamsGroupTargetAssignmentMemberKey,
  StreamsGroupTargetAssignmentMemberValue,
);
export const StreamsMemberAssignmentRecord = recordType(
  22,
  StreamsGroupCurrentMemberAssignmentKey,
  StreamsGroupCurrentMemberAssignmentValue,
);
export const StreamsTopologyRecord = recordType(23, StreamsGroupTopologyKey, StreamsGroupTopologyValue);

/** A group, as Apache Kafka 4.3.1 writes it; version 4 is known, and written by nobody yet. */
export const GROUP_METADATA_VERSION = 3;
/** A committed offset with the id of its topic. */
export const OFFSET_COMMIT_VERSION = 4;
/** The only version with an expire timestamp; without leader epoch and topic id. */
export const OFFSET_COMMIT_WITH_EXPIRY_VERSION = 1;

export const GROUP_RECORD_TYPES = new RecordTypes([
  LegacyOffsetCommitRecord,
  OffsetCommitRecord,
  GroupMetadataRecord,
  ConsumerGroupRecord,
  PartitionMetadataRecord,
  ConsumerMemberRecord,
  TargetAssignmentRecord,
  MemberTargetRecord,
  MemberAssignmentRecord,
  RegularExpressionRecord,
  StreamsGroupRecord,
  StreamsMemberRecord,
  StreamsTargetAssignmentRecord,
  StreamsMemberTargetRecord,
  StreamsMemberAssignmentRecord,
  StreamsTopologyRecord,
  ShareMemberRecord,
  ShareGroupRecord,
  ShareTargetAssignmentRecord,
  ShareMemberTargetRecord,
  ShareMemberAssignmentRecord,
  SharePartitionsRecord,
]);
