/**
 * Offsets of groups: OffsetCommit (8), OffsetFetch (9), OffsetDelete (47).
 *
 * Owns: which topics and partitions exist, and where each version has its errors. Leaves who may commit, and what is stored, to
 * groups/offsets. OffsetFetch v7 stable offsets (KIP-447), v8 several groups (KIP-709); both v10 topic ids.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf, KafkaError } from "../../protocol/kafka-error.ts";
import type { OffsetCommit, OffsetDelete, OffsetFetch } from "../../protocol/messages/group-offsets.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../protocol/uuid.ts";
import type { Later } from "../dispatch/answer.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import { type Group, kindOf } from "../groups/group.ts";
import {
  type CommitResult,
  decideCommit,
  type OffsetToCommit,
  type TopicToCommit,
} from "../groups/offsets/commit-offsets.ts";
import { type DeletedTopicOffsets, decideOffsetDelete } from "../groups/offsets/delete-offsets.ts";
import { type FetchedTopic, fetchOffsets, none } from "../groups/offsets/fetch-offsets.ts";
import type { OffsetStore } from "../groups/offsets/offset-store.ts";
import type { MetadataImage, TopicImage } from "../metadata/metadata-image.ts";
import { coordinatorError } from "../state-machine/coordinator-error.ts";
import { responding } from "../state-machine/decision.ts";
import { gather, Reply } from "../state-machine/reply.ts";
import { onceEach } from "./once-each.ts";

type CommitResponse = Encode<(typeof OffsetCommit)["response"]>;
type FetchRequest = Decode<(typeof OffsetFetch)["request"]>;
type FetchResponse = Encode<(typeof OffsetFetch)["response"]>;
type DeleteResponse = Encode<(typeof OffsetDelete)["response"]>;

const TOPIC_ID_VERSION = 10;
/** From this version on an unknown group is told as such, and members of consumer groups say their epoch. */
const GROUP_NOT_FOUND_VERSION = 9;
const MEMBER_EPOCH_VERSION = 9;

export const handleOffsetCommit: Handler<typeof OffsetCommit> = (request, context) => {
  const { groups, image } = context.broker;
  const { groupId } = request;
  const usesTopicIds = context.apiVersion >= TOPIC_ID_VERSION;
  const refused: CommitResult[] = [];
  const topics: TopicToCommit[] = [];
  for (const { name, topicId, partitions } of request.topics) {
    const topic = usesTopicIds ? image.topicsById.get(topicId) : image.topics.get(name);
    if (topic === undefined) {
      const code = usesTopicIds ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      refused.push({ name, topicId, partitions: withCode(partitions, code) });
      continue;
    }
    const [known, unknown] = existing(topic, partitions);
    if (unknown.length > 0) {
      const code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      refused.push({ name: topic.name, topicId: topic.id, partitions: withCode(unknown, code) });
    }
    if (known.length > 0) topics.push({ name: topic.name, topicId: topic.id, partitions: known });
  }
  const respond = (results: readonly CommitResult[]): CommitResponse => ({ topics: mergeTopics(refused, results) });
  if (topics.length === 0) return respond([]);
  const reply = new Reply<CommitResponse>((code) =>
    respond(topics.map((topic) => ({ ...topic, partitions: withCode(topic.partitions, coordinatorError(code)) }))),
  );
  const order = {
    groupId,
    memberId: request.memberId,
    groupInstanceId: request.groupInstanceId,
    generationId: request.generationIdOrMemberEpoch,
    transactional: false,
    knowsEpochs: context.apiVersion >= MEMBER_EPOCH_VERSION,
    retentionTimeMs: request.retentionTimeMs,
    unknownGroup:
      context.apiVersion >= GROUP_NOT_FOUND_VERSION ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION,
    topics,
  };
  groups.write(groupId, reply, (machine) => {
    const { maxOffsetMetadataLength } = machine.settings;
    return responding(
      decideCommit(machine.groups.get(groupId), order, maxOffsetMetadataLength, machine.nowMs),
      respond,
    );
  });
  return reply.later;
};

function existing(topic: TopicImage, partitions: readonly OffsetToCommit[]): [OffsetToCommit[], OffsetToCommit[]] {
  const known: OffsetToCommit[] = [];
  const unknown: OffsetToCommit[] = [];
  for (const partition of partitions) {
    (topic.partitions[partition.partitionIndex] === undefined ? unknown : known).push(partition);
  }
  return [known, unknown];
}

function withCode(partitions: readonly { readonly partitionIndex: number }[], errorCode: ErrorCode) {
  return partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode }));
}

/** One entry per topic, refusals first. */
function mergeTopics(refused: readonly CommitResult[], results: readonly CommitResult[]): CommitResult[] {
  if (refused.length === 0) return [...results];
  const merged = new Map<string, CommitResult & { readonly partitions: CommitResult["partitions"][number][] }>();
  for (const topic of [...refused, ...results]) {
    const key = `${topic.topicId}/${topic.name}`;
    const known = merged.get(key);
    if (known === undefined) merged.set(key, { ...topic, partitions: [...topic.partitions] });
    else for (const partition of topic.partitions) known.partitions.push(partition);
  }
  return [...merged.values()];
}

interface FetchedGroup {
  readonly groupId: string;
  readonly topics: FetchedTopic[];
  readonly errorCode: ErrorCode;
}

export const handleOffsetFetch: Handler<typeof OffsetFetch> = (request, context) => {
  const { apiVersion } = context;
  const asked = apiVersion >= 8 ? request.groups : [request];
  const { requireStable } = request;
  // Whoever asks for all of a group, however often, is told from one list.
  const wholes = new Map<string, FetchedTopic[]>();
  const fetch = (groupId: string, topics: AskedTopics, member: AskingMember): Later<FetchedGroup> =>
    fetchGroup(groupId, { topics, member, requireStable }, wholes, context);
  const all = onceEach((groupId: string) => fetch(groupId, null, NOBODY));
  const parts = asked.map((group) => {
    const { groupId, topics } = group;
    const member = "memberId" in group ? group : NOBODY;
    return topics === null && member.memberId === null && member.memberEpoch < 0
      ? all(groupId)
      : fetch(groupId, topics, member);
  });
  const respond = (groups: FetchedGroup[]): FetchResponse => {
    if (apiVersion >= 8) return { groups };
    const [only] = groups as [FetchedGroup];
    // Version 1 has no error but those of partitions.
    return apiVersion === 1 && only.errorCode !== ErrorCode.NONE
      ? { topics: everyPartition(request.topics ?? [], only.errorCode) }
      : { topics: only.topics, errorCode: only.errorCode };
  };
  const places = new Map([...new Set(parts)].map((part, place) => [part, place] as const));
  return gather([...places.keys()], (answers) =>
    respond(parts.map((part) => answers[places.get(part) as number] as FetchedGroup)),
  );
};

/** Who asks, from version 9 on; nobody says so otherwise. */
interface AskingMember {
  readonly memberId: string | null;
  readonly memberEpoch: number;
}

const NOBODY: AskingMember = { memberId: null, memberEpoch: -1 };

type AskedTopics = FetchRequest["groups"][number]["topics"] | FetchRequest["topics"];

interface AskedGroup {
  readonly topics: AskedTopics;
  readonly member: AskingMember;
  readonly requireStable: boolean;
}

/** @param wholes what was found of groups that are asked for all they have. */
function fetchGroup(
  groupId: string,
  { topics: asked, member, requireStable }: AskedGroup,
  wholes: Map<string, FetchedTopic[]>,
  context: RequestContext,
): Later<FetchedGroup> {
  const { groups, image } = context.broker;
  const usesTopicIds = context.apiVersion >= TOPIC_ID_VERSION;
  const reply = new Reply<FetchedGroup>((code) => ({ groupId, topics: [], errorCode: fetchError(code) }));
  const [topics, unknown] = usesTopicIds ? resolve(asked, image) : [named(asked), []];
  const fetch = (group: Group | undefined, offsets: OffsetStore): FetchedGroup => {
    const errorCode =
      group === undefined ? ErrorCode.NONE : kindOf(group).checkFetch(group, member.memberId, member.memberEpoch);
    if (errorCode !== ErrorCode.NONE) return { groupId, topics: [], errorCode };
    if (topics !== null) {
      return { groupId, topics: [...fetchOffsets(offsets, groupId, topics, requireStable), ...unknown], errorCode };
    }
    let whole = wholes.get(groupId);
    if (whole === undefined) {
      const fetched = fetchOffsets(offsets, groupId, null, requireStable);
      whole = usesTopicIds ? identified(fetched, image) : fetched;
      wholes.set(groupId, whole);
    }
    return { groupId, topics: whole, errorCode };
  };
  if (requireStable) {
    // What is told is true now: it waits until it is committed.
    groups.write(groupId, reply, (machine) => ({ response: fetch(machine.groups.get(groupId), machine.offsets) }));
    return reply.later;
  }
  try {
    const machine = groups.machineOf(groupId);
    reply.answer(fetch(machine.groups.committed(groupId), machine.offsets));
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    reply.refuse(errorCodeOf(error));
  }
  return reply.later;
}

interface NamedTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitionIndexes: readonly number[];
}

function named(asked: AskedTopics): NamedTopic[] | null {
  if (asked === null) return null;
  return asked.map(({ name, partitionIndexes }) => ({ name, topicId: ZERO_UUID, partitionIndexes }));
}

/** Names for topic ids; topics that have none are answered UNKNOWN_TOPIC_ID (R151). */
function resolve(asked: AskedTopics, image: MetadataImage): [NamedTopic[] | null, FetchedTopic[]] {
  if (asked === null) return [null, []];
  const topics: NamedTopic[] = [];
  const unknown: FetchedTopic[] = [];
  for (const topic of asked) {
    const topicId = "topicId" in topic ? topic.topicId : ZERO_UUID;
    const { partitionIndexes } = topic;
    const known = image.topicsById.get(topicId);
    if (known !== undefined) topics.push({ name: known.name, topicId, partitionIndexes });
    else {
      const partitions = partitionIndexes.map((index) => none(index, ErrorCode.UNKNOWN_TOPIC_ID));
      unknown.push({ name: "", topicId, partitions });
    }
  }
  return [topics, unknown];
}

/** Ids for topics whose offsets came by name; a topic without one cannot be told. */
function identified(fetched: readonly FetchedTopic[], image: MetadataImage): FetchedTopic[] {
  return fetched.flatMap((topic) => {
    const topicId = topic.topicId === ZERO_UUID ? image.topics.get(topic.name)?.id : topic.topicId;
    return topicId === undefined ? [] : [{ ...topic, topicId }];
  });
}

/** Consumers before 3.9 take none of the codes that mean to wait: they look for the coordinator again (KAFKA-16386). */
function fetchError(code: ErrorCode): ErrorCode {
  const told = coordinatorError(code);
  return told === ErrorCode.COORDINATOR_NOT_AVAILABLE ? ErrorCode.NOT_COORDINATOR : told;
}

function everyPartition(
  topics: readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[],
  code: ErrorCode,
): FetchedTopic[] {
  return topics.map(({ name, partitionIndexes }) => ({
    name,
    topicId: ZERO_UUID,
    partitions: partitionIndexes.map((index) => none(index, code)),
  }));
}

export const handleOffsetDelete: Handler<typeof OffsetDelete> = (request, context) => {
  const { groups, image } = context.broker;
  const { groupId } = request;
  if (groupId === "") return { errorCode: ErrorCode.INVALID_GROUP_ID, topics: [] };
  const known = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.filter(({ partitionIndex }) => exists(image, name, partitionIndex)),
  }));
  const respond = (results: readonly DeletedTopicOffsets[]): DeleteResponse => ({
    errorCode: ErrorCode.NONE,
    topics: request.topics.map(({ name, partitions }, index) => {
      const unknown = partitions.filter(({ partitionIndex }) => !exists(image, name, partitionIndex));
      const deleted = results[index]?.partitions ?? [];
      return { name, partitions: [...withCode(unknown, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION), ...deleted] };
    }),
  });
  const reply = new Reply<DeleteResponse>((code) => ({ errorCode: coordinatorError(code), topics: [] }));
  groups.write(groupId, reply, (machine) =>
    responding(decideOffsetDelete(machine.groups.get(groupId), known, machine.offsets), respond),
  );
  return reply.later;
};

function exists(image: MetadataImage, topic: string, partition: number): boolean {
  return image.topics.get(topic)?.partitions[partition] !== undefined;
}
