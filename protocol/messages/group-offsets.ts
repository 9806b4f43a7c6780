/** Committed offsets. */
import { defineApi } from "../schema/api.ts";
import { array, bool, int16, int32, int64, string, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const OffsetCommitRequest = message("OffsetCommitRequest", "2-10", "8+", {
  groupId: string(),
  generationIdOrMemberEpoch: int32({ default: -1, ignorable: true }),
  memberId: string({ ignorable: true }),
  groupInstanceId: string({ versions: "7+", nullable: "7+", default: null }),
  retentionTimeMs: int64({ versions: "2-4", default: -1, ignorable: true }),
  topics: array({
    name: string({ versions: "0-9", ignorable: true }),
    topicId: uuid({ versions: "10+", ignorable: true }),
    partitions: array({
      partitionIndex: int32(),
      committedOffset: int64(),
      committedLeaderEpoch: int32({ versions: "6+", default: -1, ignorable: true }),
      committedMetadata: string({ nullable: "0+" }),
    }),
  }),
});

export const OffsetCommitResponse = message("OffsetCommitResponse", "2-10", "8+", {
  throttleTimeMs: int32({ versions: "3+", ignorable: true }),
  topics: array({
    name: string({ versions: "0-9", ignorable: true }),
    topicId: uuid({ versions: "10+", ignorable: true }),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
    }),
  }),
});

/** OffsetCommit (key 8): stores offsets of a group. v7 static members, v9 member epochs (KIP-848), v10 topic ids. */
export const OffsetCommit = defineApi({
  key: 8,
  request: OffsetCommitRequest,
  response: OffsetCommitResponse,
  listeners: ["broker"],
});

export const OffsetFetchRequest = message("OffsetFetchRequest", "1-10", "6+", {
  groupId: string({ versions: "0-7" }),
  topics: array(
    {
      name: string(),
      partitionIndexes: array(int32()),
    },
    { versions: "0-7", nullable: "2-7" },
  ),
  groups: array(
    {
      groupId: string(),
      memberId: string({ versions: "9+", nullable: "9+", default: null, ignorable: true }),
      memberEpoch: int32({ versions: "9+", default: -1, ignorable: true }),
      topics: array(
        {
          name: string({ versions: "8-9", ignorable: true }),
          topicId: uuid({ versions: "10+", ignorable: true }),
          partitionIndexes: array(int32()),
        },
        { nullable: "8+" },
      ),
    },
    { versions: "8+" },
  ),
  requireStable: bool({ versions: "7+", default: false }),
});

export const OffsetFetchResponse = message("OffsetFetchResponse", "1-10", "6+", {
  throttleTimeMs: int32({ versions: "3+", ignorable: true }),
  topics: array(
    {
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32({ versions: "5-7", default: -1, ignorable: true }),
        metadata: string({ nullable: "0-7" }),
        errorCode: int16(),
      }),
    },
    { versions: "0-7" },
  ),
  errorCode: int16({ versions: "2-7", default: 0, ignorable: true }),
  groups: array(
    {
      groupId: string(),
      topics: array({
        name: string({ versions: "8-9", ignorable: true }),
        topicId: uuid({ versions: "10+", ignorable: true }),
        partitions: array({
          partitionIndex: int32(),
          committedOffset: int64(),
          committedLeaderEpoch: int32({ default: -1, ignorable: true }),
          metadata: string({ nullable: "8+" }),
          errorCode: int16(),
        }),
      }),
      errorCode: int16({ default: 0 }),
    },
    { versions: "8+" },
  ),
});

/** OffsetFetch (key 9): reads them. v7 requireStable (KIP-447), v8 several groups (KIP-709), v9 member epochs, v10 topic ids. */
export const OffsetFetch = defineApi({
  key: 9,
  request: OffsetFetchRequest,
  response: OffsetFetchResponse,
  listeners: ["broker"],
});

export const OffsetDeleteRequest = message("OffsetDeleteRequest", "0", "none", {
  groupId: string(),
  topics: array({
    name: string(),
    partitions: array({
      partitionIndex: int32(),
    }),
  }),
});

export const OffsetDeleteResponse = message("OffsetDeleteResponse", "0", "none", {
  errorCode: int16(),
  throttleTimeMs: int32({ ignorable: true }),
  topics: array({
    name: string(),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
    }),
  }),
});

/** OffsetDelete (key 47): forgets offsets of topics nobody subscribes to (KIP-496). */
export const OffsetDelete = defineApi({
  key: 47,
  request: OffsetDeleteRequest,
  response: OffsetDeleteResponse,
  listeners: ["broker"],
});
