/**
 * Leaders and replicas: AlterPartition (56), ElectLeaders (43), AlterPartitionReassignments (45), ListPartitionReassignments (46).
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { AlterPartition } from "../../../protocol/messages/alter-partition.ts";
import { ElectLeaders } from "../../../protocol/messages/elect-leaders.ts";
import { AlterPartitionReassignments, ListPartitionReassignments } from "../../../protocol/messages/reassignments.ts";
import { decideAlterPartition } from "../replicas/alter-partition.ts";
import { decideElectLeaders } from "../replicas/elect-leaders.ts";
import { decideReassignments, listReassignments } from "../replicas/reassign-partitions.ts";
import { checkTimeout, controllerApi, written } from "./controller-api.ts";

export const REPLICA_APIS = [
  controllerApi({
    api: AlterPartition,
    handle: (request, context) => {
      if (request.topics.length === 0) return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, topics: [] };
      return written(
        context,
        (view) => decideAlterPartition(view, request, context.apiVersion),
        (response) => ({ ...response, throttleTimeMs: 0 }),
      );
    },
    refuse: (_, { errorCode }) => ({ throttleTimeMs: 0, errorCode, topics: [] }),
  }),
  controllerApi({
    api: ElectLeaders,
    handle: (request, context) => {
      if (request.topicPartitions?.length !== 0) checkTimeout(request.timeoutMs);
      return written(
        context,
        (view) => decideElectLeaders(view, request),
        (response) => ({ ...response, throttleTimeMs: 0 }),
      );
    },
    refuse: ({ topicPartitions }, refusal) => ({
      throttleTimeMs: 0,
      errorCode: refusal.errorCode,
      replicaElectionResults: (topicPartitions ?? []).map(({ topic, partitions }) => ({
        topic,
        partitionResult: partitions.map((partitionId) => ({ partitionId, ...refusal })),
      })),
    }),
  }),
  controllerApi({
    api: AlterPartitionReassignments,
    handle: (request, context) => {
      if (request.topics.length > 0) checkTimeout(request.timeoutMs);
      return written(
        context,
        (view) => decideReassignments(view, request),
        (response) => ({ ...response, throttleTimeMs: 0 }),
      );
    },
    refuse: ({ topics }, refusal) => ({
      throttleTimeMs: 0,
      ...refusal,
      responses: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, ...refusal })),
      })),
    }),
  }),
  controllerApi({
    api: ListPartitionReassignments,
    handle: (request, { controller }) => ({
      throttleTimeMs: 0,
      ...listReassignments(controller.image, controller.view.partitions.reassigning, request),
    }),
    refuse: (_, refusal) => ({ throttleTimeMs: 0, ...refusal, topics: [] }),
  }),
];
