/**
 * Produce (key 0): appends record batches to the partitions this broker leads.
 *
 * Owns: which partition gets which bytes, and what each one answers. Leaves to Partition: leadership, acks, ISR; to
 * PartitionLog: validation and offsets; to produce-verification: transactions. Each partition succeeds or fails alone.
 * v5 log start, v8 record errors (KIP-467), v10 current leader (KIP-951), v12 implicit add to transaction (KIP-890), v13 topic ids.
 */
import { ErrorCode, errorName } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Produce } from "../../protocol/messages/produce.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import type { PreparedAppend, TransactionVerification } from "../../storage/partition-log.ts";
import { RejectedRecords } from "../../storage/rejected-records.ts";
import { type Answer, CLOSE_CONNECTION, Later, NO_RESPONSE } from "../dispatch/answer.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import { currentLeader, nodeEndpoints } from "../metadata/current-leader.ts";
import { isInternalTopic } from "../metadata/internal-topics.ts";
import { DelayedProduce, type PendingAppend, settle } from "../partition/delayed-produce.ts";
import type { Partition } from "../partition/partition.ts";
import { transactionalProducer, verifySteps } from "./produce-verification.ts";

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
  /** Of a batch that begins a transaction here: the coordinator knows of it. */
  verification: TransactionVerification | undefined;
  /** Appended, and not to be acknowledged before something has happened. */
  pending: PendingAppend | undefined;
  readonly answer: Mutable<PartitionAnswer>;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Kafka lets only its own admin tools write to internal topics. */
const ADMIN_CLIENT_ID = "__admin_client";

/** Outcomes with which Kafka does not say where the log starts. */
const WITHOUT_LOG_START: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.INVALID_REQUIRED_ACKS,
  ErrorCode.INVALID_TOPIC_EXCEPTION,
  ErrorCode.MESSAGE_TOO_LARGE,
  ErrorCode.RECORD_LIST_TOO_LARGE,
  ErrorCode.CORRUPT_MESSAGE,
  ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
  ErrorCode.KAFKA_STORAGE_ERROR,
]);

export const handleProduce: Handler<typeof Produce> = (request, context) => {
  const producer = transactionalProducer(request);
  const steps = stepsOf(request, context);
  // Everything is checked before anything is appended, and appended before anything is awaited: offsets follow the wire.
  const waits = prepareAll(request, steps, context);
  const verified = (): Promise<void> | undefined =>
    producer === undefined
      ? undefined
      : verifySteps(steps, producer, context, (step, error) => refuseUnverified(step, error, context));
  const wait = waits.length === 0 ? verified() : Promise.all(waits).then(verified);
  if (wait === undefined) return appendAndAnswer(request, steps, context);
  const answer = new Later<ProduceResponse>({ holdsConnection: true });
  const release = keepBeyondTurn(steps, context);
  wait
    .then(() => {
      const settled = appendAndAnswer(request, steps, context);
      answer.releaseConnection();
      if (!(settled instanceof Later)) answer.complete(settled);
      else if (answer.completed) settled.cancel();
      else {
        answer.whenCancelled(() => settled.cancel());
        settled.onComplete((value) => answer.complete(value));
      }
    })
    .catch((error: unknown) => answer.fail(error))
    .finally(release);
  return answer;
};

/** The partitions of the request; of one named twice the last mention counts, as in Kafka. */
function stepsOf(request: ProduceRequest, context: RequestContext): ProduceStep[] {
  const byId = context.apiVersion >= 13;
  const { topicsById } = context.broker.image;
  const steps: ProduceStep[] = [];
  for (const { name, topicId, partitionData } of request.topicData) {
    const topic = byId ? (topicsById.get(topicId)?.name ?? null) : name;
    for (const { index, records } of partitionData) {
      steps.push({
        topic,
        topicId,
        index,
        records,
        partition: undefined,
        prepared: undefined,
        verification: undefined,
        pending: undefined,
        answer: { index, errorCode: ErrorCode.NONE, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 },
      });
    }
  }
  if (steps.length < 2) return steps;
  const last = new Map(steps.map((step) => [`${step.index}:${step.topic ?? step.topicId}`, step]));
  return last.size === steps.length ? steps : [...last.values()];
}

/** Finds each partition and checks its batches; returns what has to be waited for before appending. */
function prepareAll(request: ProduceRequest, steps: readonly ProduceStep[], context: RequestContext): Promise<void>[] {
  const waits: Promise<void>[] = [];
  for (const step of steps) {
    try {
      const prepared = prepare(step, request, context);
      if (!(prepared instanceof Promise)) {
        step.prepared = prepared;
        continue;
      }
      waits.push(
        prepared.then(
          (ready) => {
            step.prepared = ready;
          },
          (error: unknown) => fail(step, error, context),
        ),
      );
    } catch (error) {
      fail(step, error, context);
    }
  }
  return waits;
}

/** @throws KafkaError why this partition's records are not even looked at, or are refused. */
function prepare(
  step: ProduceStep,
  request: ProduceRequest,
  context: RequestContext,
): PreparedAppend | Promise<PreparedAppend> {
  const { broker, apiVersion } = context;
  const { topic, index, records } = step;
  if (topic === null) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_ID);
  const held = broker.partitions.get(topic, index);
  if (held === undefined && broker.image.topics.get(topic)?.partitions[index] === undefined) {
    throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  }
  // Differs from Kafka: a Produce whose records are null is answered INVALID_RECORD; Kafka never answers it and leaves the
  // connection hanging.
  if (records === null) throw new KafkaError(ErrorCode.INVALID_RECORD);
  const { acks } = request;
  if (acks < -1 || acks > 1) throw new KafkaError(ErrorCode.INVALID_REQUIRED_ACKS);
  if (isInternalTopic(topic) && context.clientId !== ADMIN_CLIENT_ID) {
    throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION);
  }
  const partition = held ?? broker.partitions.require(topic, index, broker.image);
  step.partition = partition;
  partition.requireAppendable(acks === -1);
  return partition.log.prepare(records, context.frame, { origin: "client", requestVersion: apiVersion });
}

/** What was prepared lies in memory that is good for this turn only, or as long as somebody holds the frame. */
function keepBeyondTurn(steps: readonly ProduceStep[], { frame }: RequestContext): () => void {
  if (frame !== undefined) {
    frame.retain();
    return () => frame.release();
  }
  for (const step of steps) {
    if (step.prepared !== undefined) {
      step.prepared = { ...step.prepared, records: Buffer.from(step.prepared.records) };
    }
  }
  return () => {};
}

/** Appends what passed, in order, and answers: at once, or when it is replicated (acks=all) or on the device (flush.messages). */
function appendAndAnswer(
  request: ProduceRequest,
  steps: readonly ProduceStep[],
  context: RequestContext,
): Answer<ProduceResponse> {
  const pending: PendingAppend[] = [];
  for (const step of steps) append(step, request, pending, context);
  if (pending.length === 0) return respond(request, steps, context);
  const finished = (): ReturnType<typeof respond> => {
    for (const step of steps) finish(step, context);
    return respond(request, steps, context);
  };
  // With a single replica in sync nothing has to be waited for.
  if (pending.every(settle)) return finished();
  const answer = new Later<ProduceResponse>();
  const delayed = new DelayedProduce(pending, () => answer.complete(finished()));
  answer.whenCancelled(() => delayed.cancel());
  delayed.start(context.broker.clock, request.timeoutMs);
  return answer;
}

function append(step: ProduceStep, request: ProduceRequest, pending: PendingAppend[], context: RequestContext): void {
  const { partition, prepared, verification, answer } = step;
  if (prepared === undefined || partition === undefined) return;
  try {
    const options = verification === undefined ? undefined : { verification };
    const result = partition.append(prepared, request.acks === -1, options);
    answer.baseOffset = result.baseOffset;
    answer.logAppendTimeMs = result.logAppendTimeMs;
    answer.logStartOffset = result.logStartOffset;
    const { acks } = request;
    const requiredOffset = result.lastOffset + 1;
    if (acks === 0 || (acks === 1 && partition.log.countedEndOffset >= requiredOffset)) return;
    const { tenure } = partition;
    step.pending = { partition, tenure, requiredOffset, thisReplicaOnly: acks === 1, errorCode: undefined };
    pending.push(step.pending);
  } catch (error) {
    fail(step, error, context);
  }
}

/** An append that waited has its outcome; the assigned offset is told even when it timed out. */
function finish(step: ProduceStep, context: RequestContext): void {
  const errorCode = step.pending?.errorCode;
  if (errorCode !== undefined && errorCode !== ErrorCode.NONE) {
    step.answer.errorCode = errorCode;
    hintLeader(step, context);
  }
}

function fail(step: ProduceStep, error: unknown, context: RequestContext): void {
  if (!(error instanceof KafkaError)) throw error;
  const { answer, partition } = step;
  answer.errorCode = error.code;
  if (error instanceof RejectedRecords) {
    answer.recordErrors = error.recordErrors.map(({ batchIndex, message }) => ({
      batchIndex,
      batchIndexErrorMessage: message,
    }));
    answer.errorMessage = error.message;
  }
  if (partition !== undefined && !WITHOUT_LOG_START.has(error.code)) {
    answer.logStartOffset = partition.log.logStartOffset;
  }
  hintLeader(step, context);
}

/** The coordinator does not let it in, or could not be asked: the log was not looked at. */
function refuseUnverified(step: ProduceStep, error: KafkaError, context: RequestContext): void {
  step.prepared = undefined;
  fail(step, error, context);
  step.answer.logStartOffset = -1;
  if (error.message !== errorName(error.code)) step.answer.errorMessage = error.message;
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
