/** Moving replicas (KIP-455). */
import { defineApi } from "../schema/api.ts";
import { array, bool, int16, int32, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const AlterPartitionReassignmentsRequest = message("AlterPartitionReassignmentsRequest", "0-1", "0+", {
  timeoutMs: int32({ default: 60000 }),
  allowReplicationFactorChange: bool({ versions: "1+", default: true }),
  topics: array({
    name: string(),
    partitions: array({
      partitionIndex: int32(),
      replicas: array(int32(), { nullable: "0+", default: null }),
    }),
  }),
});

export const AlterPartitionReassignmentsResponse = message("AlterPartitionReassignmentsResponse", "0-1", "0+", {
  throttleTimeMs: int32(),
  allowReplicationFactorChange: bool({ versions: "1+", default: true, ignorable: true }),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
  responses: array({
    name: string(),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: "0+" }),
    }),
  }),
});

/** AlterPartitionReassignments (key 45): sets or cancels target replicas. v1 may refuse a change of the replication factor. */
export const AlterPartitionReassignments = defineApi({
  key: 45,
  request: AlterPartitionReassignmentsRequest,
  response: AlterPartitionReassignmentsResponse,
  listeners: ["broker", "controller"],
});

export const ListPartitionReassignmentsRequest = message("ListPartitionReassignmentsRequest", "0", "0+", {
  timeoutMs: int32({ default: 60000 }),
  topics: array(
    {
      name: string(),
      partitionIndexes: array(int32()),
    },
    { nullable: "0+", default: null },
  ),
});

export const ListPartitionReassignmentsResponse = message("ListPartitionReassignmentsResponse", "0", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
  topics: array({
    name: string(),
    partitions: array({
      partitionIndex: int32(),
      replicas: array(int32()),
      addingReplicas: array(int32()),
      removingReplicas: array(int32()),
    }),
  }),
});

/** ListPartitionReassignments (key 46): the moves under way. */
export const ListPartitionReassignments = defineApi({
  key: 46,
  request: ListPartitionReassignmentsRequest,
  response: ListPartitionReassignmentsResponse,
  listeners: ["broker", "controller"],
});
