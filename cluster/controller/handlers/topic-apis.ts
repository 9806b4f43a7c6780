/**
 * Topics: CreateTopics (19), DeleteTopics (20), CreatePartitions (37).
 */
import { CreatePartitions, CreateTopics, DeleteTopics } from "../../../protocol/messages/topics.ts";
import { decideCreatePartitions } from "../topics/create-partitions.ts";
import { decideCreateTopics } from "../topics/create-topics.ts";
import { decideDeleteTopics } from "../topics/delete-topics.ts";
import { checkTimeout, controllerApi, written } from "./controller-api.ts";

/** From this version on topics are named one by one, with an id or a name. */
const DELETE_BY_ID_VERSION = 6;

export const TOPIC_APIS = [
  controllerApi({
    api: CreateTopics,
    handle: (request, context) => {
      if (request.topics.length > 0) checkTimeout(request.timeoutMs);
      return written(
        context,
        (view) => decideCreateTopics(view, request, context.controller.random),
        (response) => response,
      );
    },
    refuse: ({ topics }, refusal) => ({
      topics: topics.map(({ name }) => ({ name, ...refusal, configs: [] })),
    }),
  }),
  controllerApi({
    api: DeleteTopics,
    handle: (request, context) => {
      if (request.topics.length + request.topicNames.length > 0) checkTimeout(request.timeoutMs);
      return written(
        context,
        (view) => decideDeleteTopics(view, request, context.apiVersion),
        (response) => response,
      );
    },
    refuse: ({ topics, topicNames }, refusal, { apiVersion }) => ({
      responses:
        apiVersion >= DELETE_BY_ID_VERSION
          ? topics.map(({ name, topicId }) => ({ name, topicId, ...refusal }))
          : topicNames.map((name) => ({ name, ...refusal })),
    }),
  }),
  controllerApi({
    api: CreatePartitions,
    handle: (request, context) => {
      if (request.topics.length > 0) checkTimeout(request.timeoutMs);
      return written(
        context,
        (view) => decideCreatePartitions(view, request, context.controller.random),
        (response) => ({ throttleTimeMs: 0, ...response }),
      );
    },
    refuse: ({ topics }, refusal) => ({
      throttleTimeMs: 0,
      results: topics.map(({ name }) => ({ name, ...refusal })),
    }),
  }),
];
