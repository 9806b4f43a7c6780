/** Records of streams groups in __consumer_offsets. */
import { array, int8, int16, int32, int64, int64Exact, string, struct, uint16 } from "../schema/field.ts";
import { message } from "../schema/message.ts";

/** Type 17: epoch of the group. */
export const StreamsGroupMetadataKey = message("StreamsGroupMetadataKey", "0", "none", {
  groupId: string(),
});

const lastAssignmentConfig = {
  key: string(),
  value: string(),
} as const;
export const StreamsGroupMetadataValue = message("StreamsGroupMetadataValue", "0", "0+", {
  epoch: int32(),
  metadataHash: int64Exact(),
  validatedTopologyEpoch: int32({ tag: 0, taggedVersions: "0+", default: -1 }),
  lastAssignmentConfigs: array(lastAssignmentConfig, { nullable: "0+", tag: 1, taggedVersions: "0+" }),
});

/** Type 19: a member. */
export const StreamsGroupMemberMetadataKey = message("StreamsGroupMemberMetadataKey", "0", "none", {
  groupId: string(),
  memberId: string(),
});

const endpoint = {
  host: string(),
  port: uint16(),
} as const;
const keyValue = {
  key: string(),
  value: string(),
} as const;
export const StreamsGroupMemberMetadataValue = message("StreamsGroupMemberMetadataValue", "0", "0+", {
  instanceId: string({ nullable: "0+" }),
  rackId: string({ nullable: "0+" }),
  clientId: string(),
  clientHost: string(),
  rebalanceTimeoutMs: int32({ default: -1 }),
  topologyEpoch: int32(),
  processId: string(),
  userEndpoint: struct(endpoint, { nullable: "0+", default: null }),
  clientTags: array(keyValue),
});

/** Type 20: epoch of the target assignment. */
export const StreamsGroupTargetAssignmentMetadataKey = message("StreamsGroupTargetAssignmentMetadataKey", "0", "none", {
  groupId: string(),
});

export const StreamsGroupTargetAssignmentMetadataValue = message(
  "StreamsGroupTargetAssignmentMetadataValue",
  "0",
  "0+",
  {
    assignmentEpoch: int32(),
    assignmentTimestamp: int64({ tag: 0, taggedVersions: "0+", default: 0, ignorable: true }),
  },
);

/** Type 21: target tasks of a member. */
export const StreamsGroupTargetAssignmentMemberKey = message("StreamsGroupTargetAssignmentMemberKey", "0", "none", {
  groupId: string(),
  memberId: string(),
});

const taskIds = {
  subtopologyId: string(),
  partitions: array(int32()),
} as const;
export const StreamsGroupTargetAssignmentMemberValue = message("StreamsGroupTargetAssignmentMemberValue", "0", "0+", {
  activeTasks: array(taskIds),
  standbyTasks: array(taskIds),
  warmupTasks: array(taskIds),
});

/** Type 22: tasks a member has now. */
export const StreamsGroupCurrentMemberAssignmentKey = message("StreamsGroupCurrentMemberAssignmentKey", "0", "none", {
  groupId: string(),
  memberId: string(),
});

const streamsGroupCurrentMemberAssignmentValueTaskIds = {
  subtopologyId: string(),
  partitions: array(int32()),
  assignmentEpochs: array(int32(), { nullable: "0+", tag: 0, taggedVersions: "0+" }),
} as const;
export const StreamsGroupCurrentMemberAssignmentValue = message("StreamsGroupCurrentMemberAssignmentValue", "0", "0+", {
  memberEpoch: int32(),
  previousMemberEpoch: int32(),
  state: int8(),
  activeTasks: array(streamsGroupCurrentMemberAssignmentValueTaskIds),
  standbyTasks: array(streamsGroupCurrentMemberAssignmentValueTaskIds),
  warmupTasks: array(streamsGroupCurrentMemberAssignmentValueTaskIds),
  activeTasksPendingRevocation: array(streamsGroupCurrentMemberAssignmentValueTaskIds),
  standbyTasksPendingRevocation: array(streamsGroupCurrentMemberAssignmentValueTaskIds),
  warmupTasksPendingRevocation: array(streamsGroupCurrentMemberAssignmentValueTaskIds),
});

/** Type 23: the topology. */
export const StreamsGroupTopologyKey = message("StreamsGroupTopologyKey", "0", "none", {
  groupId: string(),
});

const topicConfig = {
  key: string(),
  value: string(),
} as const;
const topicInfo = {
  name: string(),
  partitions: int32(),
  replicationFactor: int16(),
  topicConfigs: array(topicConfig),
} as const;
export const StreamsGroupTopologyValue = message("StreamsGroupTopologyValue", "0", "0+", {
  epoch: int32(),
  subtopologies: array({
    subtopologyId: string(),
    sourceTopics: array(string()),
    sourceTopicRegex: array(string()),
    stateChangelogTopics: array(topicInfo),
    repartitionSinkTopics: array(string()),
    repartitionSourceTopics: array(topicInfo),
    copartitionGroups: array({
      sourceTopics: array(int16()),
      sourceTopicRegex: array(int16()),
      repartitionSourceTopics: array(int16()),
    }),
  }),
});
