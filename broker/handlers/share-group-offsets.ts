/**
 * Where share groups have come to (KIP-932): DescribeShareGroupOffsets (90), AlterShareGroupOffsets (91), DeleteShareGroupOffsets (92).
 *
 * Owns: from topic names to share partitions and back, and how far behind a group is. Describe v1 tells that.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type {
  AlterShareGroupOffsets,
  DeleteShareGroupOffsets,
  DescribeShareGroupOffsets,
} from "../../protocol/messages/share-group.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../protocol/uuid.ts";
import { Later } from "../dispatch/answer.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import type { EndOffset, EndOffsetsByPartition } from "../groups/share/end-offsets.ts";
import type { ToldState } from "../groups/share/share-group-state.ts";
import { coordinatorError } from "../state-machine/coordinator-error.ts";
import { gather } from "../state-machine/reply.ts";
import { servesShareGroups } from "./share-group.ts";

type AskedGroup = Decode<(typeof DescribeShareGroupOffsets)["request"]>["groups"][number];
type ToldGroup = Encode<(typeof DescribeShareGroupOffsets)["response"]>["groups"][number];
type ToldTopic = ToldGroup["topics"][number];
type ToldPartition = ToldTopic["partitions"][number];

const NO_OFFSET = -1;
const NO_LAG = -1;

export const handleDescribeShareGroupOffsets: Handler<typeof DescribeShareGroupOffsets> = (request, context) => {
  const served = servesShareGroups(context);
  return gather(
    request.groups.map((group) =>
      served ? describe(group, context) : refused(group.groupId, ErrorCode.UNSUPPORTED_VERSION),
    ),
    (groups) => ({ groups }),
  );
};

function refused(groupId: string, errorCode: ErrorCode): Later<ToldGroup> {
  const later = new Later<ToldGroup>();
  later.complete({ groupId, topics: [], errorCode, errorMessage: null });
  return later;
}

function describe({ groupId, topics }: AskedGroup, context: RequestContext): Later<ToldGroup> {
  const { groups, image } = context.broker;
  const asked = new Map<string, Set<number>>();
  const unknown: ToldTopic[] = [];
  if (topics === null) {
    try {
      const group = groups.machineOf(groupId).groups.committed(groupId);
      const initialized = group?.type === "share" ? group.sharePartitions.initialized : [];
      for (const [topicId, { partitions }] of initialized) {
        if (image.topicsById.has(topicId)) asked.set(topicId, new Set(partitions));
      }
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      return refused(groupId, coordinatorError(error.code));
    }
  }
  for (const { topicName, partitions } of topics ?? []) {
    const topic = image.topics.get(topicName);
    if (topic === undefined) unknown.push({ topicName, topicId: ZERO_UUID, partitions: partitions.map(notThere) });
    else {
      const named = asked.get(topic.id) ?? new Set();
      asked.set(topic.id, named);
      for (const partition of partitions) named.add(partition);
    }
  }
  const answer = new Later<ToldGroup>();
  groups.shareState.tell(groupId, asked).onComplete((states) => {
    if (typeof states === "symbol") return;
    context.broker.endOffsets.ask(toBeMeasured(states, context)).onComplete((ends) => {
      if (typeof ends === "symbol") return;
      const known = toldTopics([...asked.keys()], states, ends, context);
      answer.complete({ groupId, topics: [...known, ...unknown], errorCode: ErrorCode.NONE, errorMessage: null });
    });
  });
  return answer;
}

/** As a share partition that nobody has read: a topic that there is not is no error. */
function notThere(partitionIndex: number): ToldPartition {
  const told = { startOffset: NO_OFFSET, leaderEpoch: 0, lag: NO_LAG };
  return { partitionIndex, ...told, errorCode: ErrorCode.NONE, errorMessage: null };
}

/** Share partitions of which it is known how far they are done with: only of those is told how far behind they are. */
function isMeasured({ errorCode, startOffset, deliveryCompleteCount }: ToldState): boolean {
  return errorCode === ErrorCode.NONE && startOffset !== NO_OFFSET && deliveryCompleteCount !== -1;
}

function toBeMeasured(states: readonly ToldState[], { broker }: RequestContext): Map<string, number[]> {
  const partitions = new Map<string, number[]>();
  for (const state of states) {
    const name = broker.image.topicsById.get(state.topicId)?.name;
    if (name === undefined || !isMeasured(state)) continue;
    const known = partitions.get(name);
    if (known === undefined) partitions.set(name, [state.partition]);
    else known.push(state.partition);
  }
  return partitions;
}

function toldTopics(
  topicIds: readonly string[],
  states: readonly ToldState[],
  ends: EndOffsetsByPartition,
  { broker }: RequestContext,
): ToldTopic[] {
  return topicIds.flatMap((topicId) => {
    const topicName = broker.image.topicsById.get(topicId)?.name;
    if (topicName === undefined) return [];
    const own = states.filter((state) => state.topicId === topicId);
    return [
      { topicName, topicId, partitions: own.map((state) => told(state, ends.get(topicName)?.get(state.partition))) },
    ];
  });
}

/** Kafka says nothing of what kept it from knowing a state; of an end that it could not ask for it does. */
function told(state: ToldState, end: EndOffset | undefined): ToldPartition {
  const { partition: partitionIndex, errorCode, startOffset, leaderEpoch, deliveryCompleteCount } = state;
  if (errorCode !== ErrorCode.NONE) return notThere(partitionIndex);
  if (end === undefined) return { ...notThere(partitionIndex), startOffset, leaderEpoch };
  if (end.errorCode !== ErrorCode.NONE) return { ...notThere(partitionIndex), errorCode: end.errorCode };
  const lag = end.offset - startOffset - deliveryCompleteCount;
  return { partitionIndex, startOffset, leaderEpoch, lag, errorCode: ErrorCode.NONE, errorMessage: null };
}

export const handleAlterShareGroupOffsets: Handler<typeof AlterShareGroupOffsets> = (request, context) => {
  const { groupId, topics } = request;
  if (!servesShareGroups(context))
    return { errorCode: ErrorCode.UNSUPPORTED_VERSION, errorMessage: null, responses: [] };
  if (groupId === "") return { errorCode: ErrorCode.INVALID_GROUP_ID, errorMessage: null, responses: [] };
  return gather([context.broker.groups.shareState.alter(groupId, topics)], ([altered]) => {
    const { errorCode, errorMessage, topics: outcomes } = altered as NonNullable<typeof altered>;
    return {
      ...{ errorCode, errorMessage },
      responses: outcomes.map(({ topicName, topicId, partitions }) => ({
        topicName,
        topicId,
        partitions: [...partitions],
      })),
    };
  });
};

export const handleDeleteShareGroupOffsets: Handler<typeof DeleteShareGroupOffsets> = (request, context) => {
  const { groupId, topics } = request;
  if (!servesShareGroups(context))
    return { errorCode: ErrorCode.UNSUPPORTED_VERSION, errorMessage: null, responses: [] };
  if (groupId === "") return { errorCode: ErrorCode.INVALID_GROUP_ID, errorMessage: null, responses: [] };
  const names = topics.map(({ topicName }) => topicName);
  return gather([context.broker.groups.shareState.forget(groupId, names)], ([forgotten]) => {
    const { errorCode, errorMessage, topics: outcomes } = forgotten as NonNullable<typeof forgotten>;
    return { errorCode, errorMessage, responses: [...outcomes] };
  });
};
