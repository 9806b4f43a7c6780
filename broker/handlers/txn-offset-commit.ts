/**
 * TxnOffsetCommit (key 28): a group's offsets become part of a transaction, and count when it commits (KIP-447).
 *
 * Owns: which topics and partitions exist, that the transaction knows of it, and where each version has its errors. Leaves who may
 * commit, and what is stored, to groups/offsets. v3 members, v4 abortable errors, v5 implicit add to the transaction (KIP-890).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { TxnOffsetCommit } from "../../protocol/messages/transactions.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import type { TransactionVerification } from "../../storage/partition-log.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import { type CommitResult, decideCommit, type TopicToCommit } from "../groups/offsets/commit-offsets.ts";
import { InternalTopic } from "../metadata/internal-topics.ts";
import { coordinatorError } from "../state-machine/coordinator-error.ts";
import { responding } from "../state-machine/decision.ts";
import { Reply } from "../state-machine/reply.ts";
import { type Candidate, modeOfTxnOffsetCommit, verify } from "../transactions/verification.ts";

type CommitRequest = Decode<(typeof TxnOffsetCommit)["request"]>;
type CommitResponse = Encode<(typeof TxnOffsetCommit)["response"]>;
type TopicAnswer = CommitResponse["topics"][number];

/** Older clients do not survive being told that a coordinator is loading (KAFKA-7296). */
const LOADING_VERSION = 2;
const NO_SEQUENCE = -1;

export const handleTxnOffsetCommit: Handler<typeof TxnOffsetCommit> = (request, context) => {
  const [topics, refused] = existing(request, context);
  if (topics.length === 0) return { topics: refused };
  const reply = new Reply<CommitResponse>((code) => {
    const errorCode = toldToClients(code, context.apiVersion);
    return { topics: [...refused, ...topics.map((topic) => withCode(topic, errorCode))] };
  });
  if (request.groupId === "") reply.refuse(ErrorCode.INVALID_GROUP_ID);
  else {
    verifyGroup(request, context, reply, (verification) => {
      commit(request, topics, verification, context, reply, (results) => ({ topics: [...refused, ...results] }));
    });
  }
  return reply.later;
};

/** What there is of the topics named, and the answers for the rest. */
function existing(request: CommitRequest, { broker }: RequestContext): [TopicToCommit[], TopicAnswer[]] {
  const known: TopicToCommit[] = [];
  const refused: TopicAnswer[] = [];
  for (const { name, partitions } of request.topics) {
    const image = broker.image.topics.get(name);
    const there = partitions.filter(({ partitionIndex }) => image?.partitions[partitionIndex] !== undefined);
    const absent = partitions.filter(({ partitionIndex }) => image?.partitions[partitionIndex] === undefined);
    if (image !== undefined && there.length > 0) known.push({ name, topicId: image.id, partitions: there });
    if (absent.length > 0) {
      refused.push(withCode({ name, partitions: absent }, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
    }
  }
  return [known, refused];
}

function withCode(
  { name, partitions }: { readonly name: string; readonly partitions: readonly { readonly partitionIndex: number }[] },
  errorCode: ErrorCode,
): TopicAnswer {
  return { name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })) };
}

/** The partition of the group's offsets must be in the transaction before anything is written there. */
function verifyGroup(
  { groupId, transactionalId, producerId, producerEpoch }: CommitRequest,
  { broker, apiVersion }: RequestContext,
  reply: Reply<CommitResponse>,
  go: (verification: TransactionVerification | undefined) => void,
): void {
  const index = broker.groups.partitionOf(groupId);
  const partition = index === undefined ? undefined : broker.partitions.get(InternalTopic.CONSUMER_OFFSETS, index);
  if (partition === undefined) {
    reply.refuse(ErrorCode.NOT_COORDINATOR);
    return;
  }
  const candidate: Candidate = { partition, firstSequence: NO_SEQUENCE };
  const around = { clock: broker.clock, verifier: broker.transactionVerifier, settings: broker.settings };
  const claim = { transactionalId, producerId, producerEpoch };
  verify([candidate], claim, modeOfTxnOffsetCommit(apiVersion), around, () => {
    const { errorCode, verification } = candidate;
    if (errorCode !== undefined) reply.refuse(errorCode);
    else go(verification);
  });
}

function commit(
  request: CommitRequest,
  topics: readonly TopicToCommit[],
  verification: TransactionVerification | undefined,
  { broker }: RequestContext,
  reply: Reply<CommitResponse>,
  respond: (results: readonly CommitResult[]) => CommitResponse,
): void {
  const { groupId, producerId, producerEpoch } = request;
  const order = {
    groupId,
    topics,
    memberId: request.memberId,
    groupInstanceId: request.groupInstanceId,
    generationId: request.generationId,
    transactional: true,
    knowsEpochs: true,
    retentionTimeMs: -1,
    unknownGroup: ErrorCode.ILLEGAL_GENERATION,
    transaction: { producerId, producerEpoch, verification },
  };
  broker.groups.write(groupId, reply, (machine) => {
    const { maxOffsetMetadataLength } = machine.settings;
    return responding(
      decideCommit(machine.groups.get(groupId), order, maxOffsetMetadataLength, machine.nowMs),
      respond,
    );
  });
}

function toldToClients(code: ErrorCode, apiVersion: number): ErrorCode {
  const told = coordinatorError(code);
  const isUnknown = told === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS && apiVersion < LOADING_VERSION;
  return isUnknown ? ErrorCode.COORDINATOR_NOT_AVAILABLE : told;
}
