/** Creating, growing and deleting topics. */
import { defineApi } from "../schema/api.ts";
import { array, bool, int8, int16, int32, string, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const CreateTopicsRequest = message("CreateTopicsRequest", "2-7", "5+", {
  topics: array({
    name: string(),
    numPartitions: int32(),
    replicationFactor: int16(),
    assignments: array({
      partitionIndex: int32(),
      brokerIds: array(int32()),
    }),
    configs: array({
      name: string(),
      value: string({ nullable: "0+" }),
    }),
  }),
  timeoutMs: int32({ default: 60000 }),
  validateOnly: bool({ default: false }),
});

export const CreateTopicsResponse = message("CreateTopicsResponse", "2-7", "5+", {
  throttleTimeMs: int32({ ignorable: true }),
  topics: array({
    name: string(),
    topicId: uuid({ versions: "7+", ignorable: true }),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", ignorable: true }),
    topicConfigErrorCode: int16({ tag: 0, taggedVersions: "5+", ignorable: true }),
    numPartitions: int32({ versions: "5+", default: -1, ignorable: true }),
    replicationFactor: int16({ versions: "5+", default: -1, ignorable: true }),
    configs: array(
      {
        name: string(),
        value: string({ nullable: "5+" }),
        readOnly: bool(),
        configSource: int8({ default: -1, ignorable: true }),
        isSensitive: bool(),
      },
      { versions: "5+", nullable: "5+", ignorable: true },
    ),
  }),
});

/** CreateTopics (key 19): topics with their partitions, replicas and configs. v4 defaults by -1, v5 effective configs in the answer (KIP-525), v7 topic ids. */
export const CreateTopics = defineApi({
  key: 19,
  request: CreateTopicsRequest,
  response: CreateTopicsResponse,
  listeners: ["broker", "controller"],
});

export const DeleteTopicsRequest = message("DeleteTopicsRequest", "1-6", "4+", {
  topics: array(
    {
      name: string({ nullable: "6+", default: null }),
      topicId: uuid(),
    },
    { versions: "6+" },
  ),
  topicNames: array(string(), { versions: "0-5", ignorable: true }),
  timeoutMs: int32(),
});

export const DeleteTopicsResponse = message("DeleteTopicsResponse", "1-6", "4+", {
  throttleTimeMs: int32({ ignorable: true }),
  responses: array({
    name: string({ nullable: "6+" }),
    topicId: uuid({ versions: "6+", ignorable: true }),
    errorCode: int16(),
    errorMessage: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
  }),
});

/** DeleteTopics (key 20): topics by name, from v6 also by id. */
export const DeleteTopics = defineApi({
  key: 20,
  request: DeleteTopicsRequest,
  response: DeleteTopicsResponse,
  listeners: ["broker", "controller"],
});

export const CreatePartitionsRequest = message("CreatePartitionsRequest", "0-3", "2+", {
  topics: array({
    name: string(),
    count: int32(),
    assignments: array(
      {
        brokerIds: array(int32()),
      },
      { nullable: "0+" },
    ),
  }),
  timeoutMs: int32(),
  validateOnly: bool(),
});

export const CreatePartitionsResponse = message("CreatePartitionsResponse", "0-3", "2+", {
  throttleTimeMs: int32(),
  results: array({
    name: string(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
  }),
});

/** CreatePartitions (key 37): raises the number of partitions of topics (KIP-195). */
export const CreatePartitions = defineApi({
  key: 37,
  request: CreatePartitionsRequest,
  response: CreatePartitionsResponse,
  listeners: ["broker", "controller"],
});
