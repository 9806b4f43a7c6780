/**
 * DeleteTopics: by name, from v6 on also by id.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { DeleteTopicsRequest, DeleteTopicsResponse } from "../../../protocol/messages/topics.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { type MetadataRecord, record } from "../../metadata/metadata-record.ts";
import type { ControllerView } from "../controller-view.ts";
import { atomic, type Decision } from "../decision.ts";
import { Occurrences } from "../occurrences.ts";

type Request = Decode<typeof DeleteTopicsRequest>;
type Response = Encode<typeof DeleteTopicsResponse>;
type TopicAnswer = Response["responses"][number];

/** From this version on there is a code that says deletion is switched off. */
const DELETION_DISABLED_VERSION = 3;

export function decideDeleteTopics(view: ControllerView, request: Request, apiVersion: number): Decision<Response> {
  if (!view.settings.deleteTopicEnable) {
    throw apiVersion < DELETION_DISABLED_VERSION
      ? new KafkaError(ErrorCode.INVALID_REQUEST, "This version does not support topic deletion.")
      : new KafkaError(ErrorCode.TOPIC_DELETION_DISABLED);
  }
  const { image } = view;
  const responses: TopicAnswer[] = [];
  const names = new Occurrences();
  const ids = new Occurrences();
  for (const name of request.topicNames) names.add(name);
  for (const { name, topicId } of request.topics) {
    if (name === null && topicId === ZERO_UUID) {
      responses.push(refused(null, ZERO_UUID, ErrorCode.INVALID_REQUEST, "Neither topic name nor id were specified."));
    } else if (name === null) {
      ids.add(topicId);
    } else if (topicId === ZERO_UUID) {
      names.add(name);
    } else {
      responses.push(
        refused(name, topicId, ErrorCode.INVALID_REQUEST, "You may not specify both topic name and topic id."),
      );
    }
  }
  for (const name of names.several()) {
    responses.push(refused(name, ZERO_UUID, ErrorCode.INVALID_REQUEST, "Duplicate topic name."));
  }
  for (const id of ids.several()) {
    responses.push(refused(null, id, ErrorCode.INVALID_REQUEST, "Duplicate topic id."));
  }
  const toDelete = new Map<string, string>();
  for (const id of ids.once()) {
    const topic = image.topicsById.get(id);
    if (topic === undefined) responses.push(refused(null, id, ErrorCode.UNKNOWN_TOPIC_ID));
    else toDelete.set(id, topic.name);
  }
  for (const name of names.once()) {
    const topic = image.topics.get(name);
    if (topic === undefined) {
      responses.push(refused(name, ZERO_UUID, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
    } else if (toDelete.delete(topic.id)) {
      responses.push(
        refused(
          name,
          topic.id,
          ErrorCode.INVALID_REQUEST,
          "The provided topic name maps to an ID that was already supplied.",
        ),
      );
    } else {
      toDelete.set(topic.id, name);
    }
  }
  const records: MetadataRecord[] = [];
  for (const [topicId, name] of toDelete) {
    records.push(record("RemoveTopic", 0, { topicId }));
    responses.push({ name, topicId, errorCode: ErrorCode.NONE, errorMessage: null });
  }
  return atomic(records, { responses });
}

function refused(
  name: string | null,
  topicId: string,
  errorCode: ErrorCode,
  errorMessage: string | null = null,
): TopicAnswer {
  return { name, topicId, errorCode, errorMessage };
}
