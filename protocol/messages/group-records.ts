/** Records of __consumer_offsets: an int16 type (the key names it) before each key, an int16 version before each value. */
import { array, bytes, int8, int32, int64, int64Exact, string, struct, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

/** Type 0. */
export const LegacyOffsetCommitKey = message("LegacyOffsetCommitKey", "0", "none", {
  group: string(),
  topic: string(),
  partition: int32(),
});

export const LegacyOffsetCommitValue = message("LegacyOffsetCommitValue", "0", "none", {
  offset: int64(),
  metadata: string(),
  commitTimestamp: int64(),
});

/** Type 1: a committed offset. */
export const OffsetCommitKey = message("OffsetCommitKey", "0", "none", {
  group: string(),
  topic: string(),
  partition: int32(),
});

export const OffsetCommitValue = message("OffsetCommitValue", "0-4", "4+", {
  offset: int64(),
  leaderEpoch: int32({ versions: "3+", default: -1, ignorable: true }),
  metadata: string(),
  commitTimestamp: int64(),
  expireTimestamp: int64({ versions: "1", default: -1, ignorable: true }),
  topicId: uuid({ tag: 0, taggedVersions: "4+", ignorable: true }),
});

/** Type 2: a classic group. */
export const GroupMetadataKey = message("GroupMetadataKey", "0", "none", {
  group: string(),
});

const memberMetadata = {
  memberId: string(),
  groupInstanceId: string({ versions: "3+", nullable: "3+", default: null, ignorable: true }),
  clientId: string(),
  clientHost: string(),
  rebalanceTimeout: int32({ versions: "1+", default: -1, ignorable: true }),
  sessionTimeout: int32(),
  subscription: bytes(),
  assignment: bytes(),
} as const;
export const GroupMetadataValue = message("GroupMetadataValue", "0-4", "4+", {
  protocolType: string(),
  generation: int32(),
  protocol: string({ nullable: "0+" }),
  leader: string({ nullable: "0+" }),
  currentStateTimestamp: int64({ versions: "2+", default: -1, ignorable: true }),
  members: array(memberMetadata),
});

/** Type 3: epoch of a consumer group. */
export const ConsumerGroupMetadataKey = message("ConsumerGroupMetadataKey", "0", "none", {
  groupId: string(),
});

export const ConsumerGroupMetadataValue = message("ConsumerGroupMetadataValue", "0", "0+", {
  epoch: int32(),
  metadataHash: int64Exact({ tag: 0, taggedVersions: "0+", default: 0n }),
});

/** Type 4: deprecated, read and tombstoned only. */
export const ConsumerGroupPartitionMetadataKey = message("ConsumerGroupPartitionMetadataKey", "0", "none", {
  groupId: string(),
});

export const ConsumerGroupPartitionMetadataValue = message("ConsumerGroupPartitionMetadataValue", "0", "0+", {
  topics: array({
    topicId: uuid(),
    topicName: string(),
    numPartitions: int32(),
    partitionMetadata: array({
      partition: int32(),
      racks: array(string()),
    }),
  }),
});

/** Type 5: a member of a consumer group. */
export const ConsumerGroupMemberMetadataKey = message("ConsumerGroupMemberMetadataKey", "0", "none", {
  groupId: string(),
  memberId: string(),
});

export const ConsumerGroupMemberMetadataValue = message("ConsumerGroupMemberMetadataValue", "0", "0+", {
  instanceId: string({ nullable: "0+" }),
  rackId: string({ nullable: "0+" }),
  clientId: string(),
  clientHost: string(),
  subscribedTopicNames: array(string()),
  subscribedTopicRegex: string({ nullable: "0+" }),
  rebalanceTimeoutMs: int32({ default: -1 }),
  serverAssignor: string({ nullable: "0+" }),
  classicMemberMetadata: struct(
    {
      sessionTimeoutMs: int32(),
      supportedProtocols: array({
        name: string(),
        metadata: bytes(),
      }),
    },
    // Null is not the default and travels explicitly: a record without the field is one of a classic member without protocols.
    { nullable: "0+", tag: 0, taggedVersions: "0+" },
  ),
});

/** Type 6: epoch of the target assignment. */
export const ConsumerGroupTargetAssignmentMetadataKey = message(
  "ConsumerGroupTargetAssignmentMetadataKey",
  "0",
  "none",
  {
    groupId: string(),
  },
);

export const ConsumerGroupTargetAssignmentMetadataValue = message(
  "ConsumerGroupTargetAssignmentMetadataValue",
  "0",
  "0+",
  {
    assignmentEpoch: int32(),
    assignmentTimestamp: int64({ tag: 0, taggedVersions: "0+", default: 0, ignorable: true }),
  },
);

/** Type 7: target assignment of a member. */
export const ConsumerGroupTargetAssignmentMemberKey = message("ConsumerGroupTargetAssignmentMemberKey", "0", "none", {
  groupId: string(),
  memberId: string(),
});

export const ConsumerGroupTargetAssignmentMemberValue = message("ConsumerGroupTargetAssignmentMemberValue", "0", "0+", {
  topicPartitions: array({
    topicId: uuid(),
    partitions: array(int32()),
  }),
});

/** Type 8: what a member owns now. */
export const ConsumerGroupCurrentMemberAssignmentKey = message("ConsumerGroupCurrentMemberAssignmentKey", "0", "none", {
  groupId: string(),
  memberId: string(),
});

const topicPartitions = {
  topicId: uuid(),
  partitions: array(int32()),
  assignmentEpochs: array(int32(), { nullable: "0+", tag: 0, taggedVersions: "0+" }),
} as const;
export const ConsumerGroupCurrentMemberAssignmentValue = message(
  "ConsumerGroupCurrentMemberAssignmentValue",
  "0",
  "0+",
  {
    memberEpoch: int32(),
    previousMemberEpoch: int32(),
    state: int8(),
    assignedPartitions: array(topicPartitions),
    partitionsPendingRevocation: array(topicPartitions),
  },
);

/** Type 16: topics that a regular expression stands for. */
export const ConsumerGroupRegularExpressionKey = message("ConsumerGroupRegularExpressionKey", "0", "none", {
  groupId: string(),
  regularExpression: string(),
});

export const ConsumerGroupRegularExpressionValue = message("ConsumerGroupRegularExpressionValue", "0", "0+", {
  topics: array(string()),
  version: int64(),
  timestamp: int64(),
});
