/** Records of share groups in __consumer_offsets. */
import { array, int8, int32, int64, int64Exact, string, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

/** Type 10: a member. */
export const ShareGroupMemberMetadataKey = message("ShareGroupMemberMetadataKey", "0", "none", {
  groupId: string(),
  memberId: string(),
});

export const ShareGroupMemberMetadataValue = message("ShareGroupMemberMetadataValue", "0", "0+", {
  rackId: string({ nullable: "0+" }),
  clientId: string(),
  clientHost: string(),
  subscribedTopicNames: array(string()),
});

/** Type 11: epoch of the group. */
export const ShareGroupMetadataKey = message("ShareGroupMetadataKey", "0", "none", {
  groupId: string(),
});

export const ShareGroupMetadataValue = message("ShareGroupMetadataValue", "0", "0+", {
  epoch: int32(),
  metadataHash: int64Exact(),
});

/** Type 12: epoch of the target assignment. */
export const ShareGroupTargetAssignmentMetadataKey = message("ShareGroupTargetAssignmentMetadataKey", "0", "none", {
  groupId: string(),
});

export const ShareGroupTargetAssignmentMetadataValue = message("ShareGroupTargetAssignmentMetadataValue", "0", "0+", {
  assignmentEpoch: int32(),
  assignmentTimestamp: int64({ tag: 0, taggedVersions: "0+", default: 0, ignorable: true }),
});

/** Type 13: target assignment of a member. */
export const ShareGroupTargetAssignmentMemberKey = message("ShareGroupTargetAssignmentMemberKey", "0", "none", {
  groupId: string(),
  memberId: string(),
});

export const ShareGroupTargetAssignmentMemberValue = message("ShareGroupTargetAssignmentMemberValue", "0", "0+", {
  topicPartitions: array({
    topicId: uuid(),
    partitions: array(int32()),
  }),
});

/** Type 14: what a member has now. */
export const ShareGroupCurrentMemberAssignmentKey = message("ShareGroupCurrentMemberAssignmentKey", "0", "none", {
  groupId: string(),
  memberId: string(),
});

const topicPartitions = {
  topicId: uuid(),
  partitions: array(int32()),
} as const;
export const ShareGroupCurrentMemberAssignmentValue = message("ShareGroupCurrentMemberAssignmentValue", "0", "0+", {
  memberEpoch: int32(),
  previousMemberEpoch: int32(),
  state: int8(),
  assignedPartitions: array(topicPartitions),
});

/** Type 15: share partitions that are initialized, being so, or being deleted. */
export const ShareGroupStatePartitionMetadataKey = message("ShareGroupStatePartitionMetadataKey", "0", "none", {
  groupId: string(),
});

const topicPartitionsInfo = {
  topicId: uuid(),
  topicName: string(),
  partitions: array(int32()),
} as const;
const topicInfo = {
  topicId: uuid(),
  topicName: string(),
} as const;
export const ShareGroupStatePartitionMetadataValue = message("ShareGroupStatePartitionMetadataValue", "0", "0+", {
  initializingTopics: array(topicPartitionsInfo),
  initializedTopics: array(topicPartitionsInfo),
  deletingTopics: array(topicInfo),
});
