/**
 * Produce (key 0): appends record batches to the partitions this broker leads.
 *
 * Owns: which partition gets which bytes, and what each one answers. Leaves to Partition: leadership, acks, ISR; to
 * PartitionLog: validation and offsets. Each partition succeeds or fails alone.
 * v5 log start, v8 record errors (KIP-467), v10 current leader (KIP-951), v12 implicit add to transaction (KIP-890), v13 topic ids.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf, KafkaError } from "../../protocol/kafka-error.ts";
import type { Produce } from "../../protocol/messages/produce.ts";
import { BATCH_HEADER_BYTES, RecordBatch } from "../../protocol/records/record-batch.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import type { PreparedAppend } from "../../storage/partition-log.ts";
import { RejectedRecords } from "../../storage/rejected-records.ts";
import { type Answer, CLOSE_CONNECTION, Later, NO_RESPONSE } from "../dispatch/answer.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import { currentLeader, nodeEndpoints } from "../metadata/current-leader.ts";
import { isInternalTopic } from "../metadata/internal-topics.ts";
import { DelayedProduce, type PendingAppend } from "../partition/delayed-produce.ts";
import type { Partition } from "../partition/partition.ts";

type ProduceRequest = Decode<(typeof Produce)["request"]>;
type ProduceResponse = Encode<(typeof Produce)["response"]>;
type PartitionAnswer = ProduceResponse["responses"][number]["partitionResponses"][number];

/** One partition of the request on its way. */
interface ProduceStep {
  /** Null when the topic id is not known. */
  readonly topic: string | null;
  readonly topicId: string;
  readonly index: number;
  readonly records: Buffer | null;
  partition: Partition | undefined;
  /** Set when it is checked and ready to be appended. */
  prepared: PreparedAppend | undefined;
  /** Appended with acks=all: what it waits for. */
  pending: PendingAppend | undefined;
  readonly answer: Mutable<PartitionAnswer>;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Kafka lets only its own admin tools write to internal topics. */
const ADMIN_CLIENT_ID = "__admin_client";

export const handleProduce: Handler<typeof Produce> = (request, context) => {
  const steps = stepsOf(request, context);
  const refusal = refusalOfAll(request, steps);
  if (refusal !== undefined) {
    for (const step of steps) fail(step, new KafkaError(refusal), context);
    return respond(request, steps, context);
  }
  // Everything is checked before anything is appended, and appended before anything is awaited: offsets follow the wire.
  const waits = prepareAll(steps, context);
  if (waits.length === 0) return appendAndAnswer(request, steps, context);
  const answer = new Later<ProduceResponse>({ holdsConnection: true });
  Promise.all(waits)
    .then(() => {
      const settled = appendAndAnswer(request, steps, context);
      answer.releaseConnection();
      if (settled instanceof Later) settled.onComplete((value) => answer.complete(value));
      else answer.complete(settled);
    })
    .catch((error: unknown) => answer.fail(error));
  return answer;
};

/** Why the request as a whole is refused. */
function refusalOfAll(request: ProduceRequest, steps: readonly ProduceStep[]): ErrorCode | undefined {
  // Whoever may not use a transactional id has none: a transactional batch without one is not authorized.
  if (request.transactionalId === null && steps.some((step) => isTransactional(step.records))) {
    return ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
  }
  return request.acks < -1 || request.acks > 1 ? ErrorCode.INVALID_REQUIRED_ACKS : undefined;
}

function isTransactional(records: Buffer | null): boolean {
  return records !== null && records.length >= BATCH_HEADER_BYTES && new RecordBatch(records, 0).isTransactional;
}

/** The partitions of the request; of one named twice the last mention counts, as in Kafka. */
function stepsOf(request: ProduceRequest, context: RequestContext): ProduceStep[] {
  const steps: ProduceStep[] = [];
  for (const topic of request.topicData) {
    const byId = context.apiVersion >= 13;
    const name = byId ? (context.broker.image.topicsById.get(topic.topicId)?.name ?? null) : topic.name;
    for (const { index, records } of topic.partitionData) {
      const answer = { index, errorCode: ErrorCode.NONE, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 };
      const { topicId } = topic;
      steps.push({
        topic: name,
        topicId,
        index,
        records,
        partition: undefined,
        prepared: undefined,
        pending: undefined,
        answer,
      });
    }
  }
  if (steps.length < 2) return steps;
  const last = new Map(steps.map((step) => [`${step.index}:${step.topic ?? step.topicId}`, step]));
  return last.size === steps.length ? steps : [...last.values()];
}

/** Finds each partition and checks its batches; returns what has to be waited for before appending. */
function prepareAll(steps: readonly ProduceStep[], context: RequestContext): Promise<void>[] {
  const waits: Promise<void>[] = [];
  for (const step of steps) {
    try {
      const prepared = prepare(step, context);
      if (!(prepared instanceof Promise)) {
        step.prepared = prepared;
        continue;
      }
      waits.push(
        prepared.then(
          (ready) => {
            step.prepared = ready;
          },
          (error) => fail(step, error, context),
        ),
      );
    } catch (error) {
      fail(step, error, context);
    }
  }
  return waits;
}

/** @throws KafkaError why this partition's records are not even looked at, or are refused. */
function prepare(step: ProduceStep, context: RequestContext): PreparedAppend | Promise<PreparedAppend> {
  const { broker, apiVersion } = context;
  if (step.topic === null) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_ID);
  if (isInternalTopic(step.topic) && context.clientId !== ADMIN_CLIENT_ID) {
    throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, `Cannot append to internal topic ${step.topic}`);
  }
  step.partition = broker.partitions.require(step.topic, step.index, broker.image);
  step.partition.requireLeader();
  // Differs from Kafka: it never answers null records, and leaves the connection hanging.
  if (step.records === null) throw new KafkaError(ErrorCode.INVALID_RECORD, "The partition has no records");
  return step.partition.log.prepare(step.records, context.frame, { origin: "client", requestVersion: apiVersion });
}

/** Appends what passed, in order, and answers: at once, or with acks=all when it is replicated. */
function appendAndAnswer(
  request: ProduceRequest,
  steps: readonly ProduceStep[],
  context: RequestContext,
): Answer<ProduceResponse> {
  const pending: PendingAppend[] = [];
  for (const step of steps) append(step, request, pending, context);
  if (request.acks !== -1 || pending.length === 0) return respond(request, steps, context);
  const answer = new Later<ProduceResponse>();
  const delayed = new DelayedProduce(pending, () => {
    for (const step of steps) finish(step, context);
    answer.complete(respond(request, steps, context));
  });
  delayed.start(context.broker.clock, request.timeoutMs);
  return answer;
}

function append(step: ProduceStep, request: ProduceRequest, pending: PendingAppend[], context: RequestContext): void {
  const { partition, prepared, answer } = step;
  if (prepared === undefined || partition === undefined) return;
  try {
    const result = partition.append(prepared, request.acks === -1);
    answer.baseOffset = result.baseOffset;
    answer.logAppendTimeMs = result.logAppendTimeMs;
    answer.logStartOffset = result.logStartOffset;
    if (request.acks !== -1) return;
    const leaderEpoch = partition.requireLeader().leaderEpoch;
    step.pending = { partition, leaderEpoch, requiredOffset: result.lastOffset + 1, errorCode: undefined };
    pending.push(step.pending);
  } catch (error) {
    fail(step, error, context);
  }
}

/** An acks=all append has its outcome; the assigned offset is told even when it timed out. */
function finish(step: ProduceStep, context: RequestContext): void {
  const errorCode = step.pending?.errorCode;
  if (errorCode !== undefined && errorCode !== ErrorCode.NONE) {
    step.answer.errorCode = errorCode;
    hintLeader(step, context);
  }
}

function fail(step: ProduceStep, error: unknown, context: RequestContext): void {
  const { answer } = step;
  answer.errorCode = errorCodeOf(error);
  if (error instanceof RejectedRecords) {
    answer.recordErrors = error.recordErrors.map(({ batchIndex, message }) => ({
      batchIndex,
      batchIndexErrorMessage: message,
    }));
    answer.errorMessage = error.message;
  } else if (error instanceof KafkaError) {
    answer.errorMessage = error.message;
  } else {
    throw error;
  }
  hintLeader(step, context);
}

/** KIP-951: whoever asks the wrong broker is told the right one. */
function hintLeader(step: ProduceStep, context: RequestContext): void {
  if (step.answer.errorCode !== ErrorCode.NOT_LEADER_OR_FOLLOWER || context.apiVersion < 10) return;
  step.answer.currentLeader = currentLeader(step.topic, step.index, context.broker);
}

function respond(
  request: ProduceRequest,
  steps: readonly ProduceStep[],
  context: RequestContext,
): ProduceResponse | typeof NO_RESPONSE | typeof CLOSE_CONNECTION {
  if (request.acks === 0) {
    // Nothing can be said of an error but by closing: the client then looks for the leader again.
    return steps.some((step) => step.answer.errorCode !== ErrorCode.NONE) ? CLOSE_CONNECTION : NO_RESPONSE;
  }
  const responses: { name: string; topicId: string; partitionResponses: PartitionAnswer[] }[] = [];
  const leaders = new Set<number>();
  let topic: (typeof responses)[number] | undefined;
  for (const step of steps) {
    if (topic === undefined || topic.name !== (step.topic ?? "") || topic.topicId !== step.topicId) {
      topic = { name: step.topic ?? "", topicId: step.topicId, partitionResponses: [] };
      responses.push(topic);
    }
    topic.partitionResponses.push(step.answer);
    const leaderId = step.answer.currentLeader?.leaderId ?? -1;
    if (leaderId >= 0) leaders.add(leaderId);
  }
  return { responses, nodeEndpoints: leaders.size === 0 ? [] : nodeEndpoints(leaders, context) };
}
