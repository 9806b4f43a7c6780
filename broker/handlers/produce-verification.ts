/**
 * Produce inside a transaction (KIP-890): whose it is, and that its partitions are in it before anything is appended.
 *
 * Owns: the codes and messages of Produce for what the coordinator says. Leaves asking to transactions/verification.
 */
import { ErrorCode, errorName } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Produce } from "../../protocol/messages/produce.ts";
import { BATCH_HEADER_BYTES, CURRENT_MAGIC, RecordBatch } from "../../protocol/records/record-batch.ts";
import type { Decode } from "../../protocol/schema/message.ts";
import type { PreparedAppend, TransactionVerification } from "../../storage/partition-log.ts";
import type { RequestContext } from "../dispatch/handler.ts";
import type { Partition } from "../partition/partition.ts";
import { type Candidate, modeOfProduce, type VerificationMode, verify } from "../transactions/verification.ts";

type ProduceRequest = Decode<(typeof Produce)["request"]>;

/** The producer of a request's transactional batches. */
export interface TransactionalProducer {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** One partition of the request, as far as verification goes. */
export interface VerifiableStep {
  readonly partition: Partition | undefined;
  readonly prepared: PreparedAppend | undefined;
  verification: TransactionVerification | undefined;
}

/**
 * Undefined when the request has no transactional batch.
 * @throws KafkaError TRANSACTIONAL_ID_AUTHORIZATION_FAILED, INVALID_PRODUCER_ID_MAPPING.
 */
export function transactionalProducer({
  transactionalId,
  topicData,
}: ProduceRequest): TransactionalProducer | undefined {
  let found: TransactionalProducer | undefined;
  for (const { partitionData } of topicData) {
    for (const { records } of partitionData) {
      if (records === null || records.length < BATCH_HEADER_BYTES) continue;
      const batch = new RecordBatch(records, 0);
      if (batch.magic !== CURRENT_MAGIC || !batch.isTransactional) continue;
      // Whoever may not use a transactional id has none: a transactional batch without one is not authorized.
      if (transactionalId === null) throw new KafkaError(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
      const { producerId, producerEpoch } = batch;
      if (producerId < 0) continue;
      found ??= { transactionalId, producerId, producerEpoch };
      if (found.producerId !== producerId || found.producerEpoch !== producerEpoch) {
        throw new KafkaError(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
      }
    }
  }
  return found;
}

/**
 * Gives each step of a transactional batch what its append needs, or refuses it. A promise only when the coordinator has to be
 * waited for.
 */
export function verifySteps<S extends VerifiableStep>(
  steps: readonly S[],
  producer: TransactionalProducer,
  { broker, apiVersion }: RequestContext,
  refuse: (step: S, error: KafkaError) => void,
): Promise<void> | undefined {
  const mode = modeOfProduce(apiVersion);
  const asked: { readonly step: S; readonly candidate: Candidate }[] = [];
  for (const step of steps) {
    const { partition, prepared } = step;
    if (partition === undefined || prepared === undefined) continue;
    const batch = new RecordBatch(prepared.records, 0);
    if (batch.isTransactional && batch.producerId >= 0) {
      asked.push({ step, candidate: { partition, firstSequence: batch.baseSequence } });
    }
  }
  let waiting: (() => void) | undefined;
  let done = false;
  const around = { clock: broker.clock, verifier: broker.transactionVerifier, settings: broker.settings };
  verify(
    asked.map(({ candidate }) => candidate),
    producer,
    mode,
    around,
    () => {
      done = true;
      for (const { step, candidate } of asked) {
        if (candidate.errorCode === undefined) step.verification = candidate.verification;
        else refuse(step, refusalOf(candidate.errorCode, mode));
      }
      waiting?.();
    },
  );
  if (done) return undefined;
  return new Promise((resolve) => {
    waiting = resolve;
  });
}

/** What a producer is told; one that is to try again gets a code after which it looks for no new leader. */
function refusalOf(code: ErrorCode, mode: VerificationMode): KafkaError {
  switch (code) {
    case ErrorCode.INVALID_TXN_STATE:
      return new KafkaError(code, "Partition was not added to the transaction");
    case ErrorCode.NETWORK_EXCEPTION:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.NOT_COORDINATOR:
      return unverified(code);
    case ErrorCode.CONCURRENT_TRANSACTIONS:
      return mode === "add" ? new KafkaError(code) : unverified(code);
    default:
      return new KafkaError(code);
  }
}

function unverified(code: ErrorCode): KafkaError {
  const detail = `Unable to verify the partition has been added to the transaction. Underlying error: ${errorName(code)}`;
  return new KafkaError(ErrorCode.NOT_ENOUGH_REPLICAS, detail);
}
