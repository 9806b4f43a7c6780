/**
 * Before a partition takes the first batch of a transaction, its coordinator is asked: so nobody can leave a transaction hanging
 * that the coordinator knows nothing of (KIP-890).
 *
 * Owns: which partitions are asked for, asking again while the transaction before is being ended, and the codes that a coordinator
 * says to brokers only. Leaves to TransactionVerifier: the asking; to the log: that an answer counts for one append.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Clock } from "../../storage/clock.ts";
import type { TransactionVerification } from "../../storage/partition-log.ts";
import type { Partition } from "../partition/partition.ts";
import type { ProducerClaim } from "./add-partitions.ts";
import { topicPartitions } from "./topic-partitions.ts";
import type { PartitionResult } from "./transaction-coordinator.ts";
import type { TransactionVerifier } from "./transaction-verifier.ts";

/**
 * What a client's version makes of a partition that is not in its transaction: an error of old, one after which it can abort, or
 * nothing: it is added.
 */
export type VerificationMode = "legacy" | "abortable" | "add";

/** A partition that is to take a batch of a transaction. */
export interface Candidate {
  readonly partition: Partition;
  /** Of the batch; -1 where none is counted. */
  readonly firstSequence: number;
  /** Set when the coordinator had to be asked: goes with the append. */
  verification?: TransactionVerification | undefined;
  /** Why nothing may be appended. */
  errorCode?: ErrorCode | undefined;
}

export interface VerificationAround {
  readonly clock: Clock;
  readonly verifier: Pick<TransactionVerifier, "ask">;
  readonly settings: {
    readonly transactionPartitionVerificationEnable: boolean;
    readonly requestTimeoutMs: number;
    readonly addPartitionsToTxnRetryBackoffMs: number;
    readonly addPartitionsToTxnRetryBackoffMaxMs: number;
  };
}

/** Produce: v11 abortable errors, v12 implicit add. */
export function modeOfProduce(apiVersion: number): VerificationMode {
  return apiVersion >= 12 ? "add" : apiVersion === 11 ? "abortable" : "legacy";
}

/** TxnOffsetCommit: v4 abortable errors, v5 implicit add. */
export function modeOfTxnOffsetCommit(apiVersion: number): VerificationMode {
  return apiVersion >= 5 ? "add" : apiVersion === 4 ? "abortable" : "legacy";
}

/**
 * Has the coordinator asked about the candidates whose log knows no open transaction of the producer. Calls back when every one has
 * what it needs, or an error: before this returns when nobody has to be waited for.
 */
export function verify(
  candidates: readonly Candidate[],
  claim: ProducerClaim,
  mode: VerificationMode,
  around: VerificationAround,
  done: () => void,
): void {
  const { clock, verifier, settings } = around;
  const adds = mode === "add";
  if (!adds && !settings.transactionPartitionVerificationEnable) {
    done();
    return;
  }
  const { addPartitionsToTxnRetryBackoffMs, addPartitionsToTxnRetryBackoffMaxMs, requestTimeoutMs } = settings;
  const untilMs = clock.monotonicMs() + Math.min(addPartitionsToTxnRetryBackoffMaxMs, requestTimeoutMs);
  const attempt = (): void => {
    // Also when it is asked again: the end of the transaction before has made the last answer void.
    const asked = candidates.filter((candidate) => start(candidate, claim, adds));
    if (asked.length === 0) {
      done();
      return;
    }
    const partitions = topicPartitions(asked.map(({ partition }) => [partition.topic, [partition.index]]));
    verifier.ask({ ...claim, partitions, verifyOnly: !adds }).onComplete((results) => {
      if (typeof results === "symbol") throw new Error("a question to a coordinator has no answer");
      const isBusy = takeIn(asked, results, mode);
      if (adds && isBusy && clock.monotonicMs() < untilMs) clock.after(addPartitionsToTxnRetryBackoffMs, attempt);
      else done();
    });
  };
  attempt();
}

/** Whether the coordinator has to be asked. A producer that is fenced here is told so at once (KAFKA-18042). */
function start(candidate: Candidate, { producerId, producerEpoch }: ProducerClaim, adds: boolean): boolean {
  candidate.errorCode = undefined;
  try {
    const { partition, firstSequence } = candidate;
    partition.requireLeader();
    candidate.verification = partition.log.startVerification(producerId, producerEpoch, firstSequence, adds);
    return candidate.verification !== undefined;
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    candidate.errorCode = error.code;
    return false;
  }
}

/** True when the coordinator was busy with the transaction before. */
function takeIn(asked: readonly Candidate[], results: readonly PartitionResult[], mode: VerificationMode): boolean {
  const codes = new Map(results.map(({ topic, partition, errorCode }) => [`${partition}:${topic}`, errorCode]));
  let isBusy = false;
  for (const candidate of asked) {
    const { topic, index } = candidate.partition;
    const code = codes.get(`${index}:${topic}`) ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    if (code === ErrorCode.NONE) continue;
    candidate.errorCode = toldToProducers(code, mode);
    if (code === ErrorCode.CONCURRENT_TRANSACTIONS) isBusy = true;
  }
  return isBusy;
}

function toldToProducers(code: ErrorCode, mode: VerificationMode): ErrorCode {
  // With this one they can go on.
  if (code === ErrorCode.PRODUCER_FENCED) return ErrorCode.INVALID_PRODUCER_EPOCH;
  if (code === ErrorCode.TRANSACTION_ABORTABLE && mode === "legacy") return ErrorCode.INVALID_TXN_STATE;
  return code;
}
