/**
 * The leader's side of KIP-890: asks the coordinator of a transaction, here or on another broker, whether partitions are in it, or
 * has them added.
 *
 * Owns: who the coordinator is, and one request at a time to each broker with what has come together meanwhile. Leaves to
 * verification.ts: which partitions are asked for, and what clients are told.
 */

import { MAX_STRING_BYTES } from "../../protocol/bytes/reader.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { AddPartitionsToTxn } from "../../protocol/messages/transactions.ts";
import type { Decode } from "../../protocol/schema/message.ts";
import type { Logger } from "../../storage/logger.ts";
import { Later } from "../dispatch/answer.ts";
import { InternalTopic } from "../metadata/internal-topics.ts";
import { type MetadataImage, NO_LEADER } from "../metadata/metadata-image.ts";
import type { PeerBrokers } from "../network/peer-brokers.ts";
import { RpcError } from "../network/rpc-error.ts";
import { partitionOfKey } from "../state-machine/key-partition.ts";
import type { ProducerClaim } from "./add-partitions.ts";
import type { TopicPartitions } from "./topic-partitions.ts";
import type { PartitionResult, TransactionCoordinator } from "./transaction-coordinator.ts";

export interface Question extends ProducerClaim {
  readonly partitions: TopicPartitions;
  /** Only whether they are in the transaction; otherwise they are added. */
  readonly verifyOnly: boolean;
}

export interface TransactionVerifierOptions {
  readonly nodeId: number;
  readonly logger: Logger;
  readonly image: () => MetadataImage;
  readonly coordinator: Pick<TransactionCoordinator, "addPartitions" | "verifyPartitions">;
  readonly peers: Pick<PeerBrokers, "call" | "close">;
  readonly requestTimeoutMs: number;
}

interface Asked {
  readonly question: Question;
  readonly answer: Later<PartitionResult[]>;
}

interface Coordinator {
  readonly brokerId: number;
  queue: Asked[];
  busy: boolean;
}

/** Leaders of transaction.version 2 have their partitions added in its terms. */
const BROKER_TRANSACTION_VERSION = 2;
/** Questions in one request. */
const MAX_QUESTIONS = 1000;

type Response = Decode<(typeof AddPartitionsToTxn)["response"]>;

export class TransactionVerifier {
  private readonly options: TransactionVerifierOptions;
  private readonly coordinators = new Map<number, Coordinator>();
  private closed = false;

  constructor(options: TransactionVerifierOptions) {
    this.options = options;
  }

  /** Every partition has its answer: NONE, or why it may not be written to in this transaction. */
  ask(question: Question): Later<PartitionResult[]> {
    const { nodeId, coordinator } = this.options;
    const brokerId = this.coordinatorOf(question.transactionalId);
    if (brokerId === nodeId) {
      const { verifyOnly, ...claim } = question;
      if (verifyOnly) return coordinator.verifyPartitions(claim);
      return coordinator.addPartitions({ ...claim, clientTransactionVersion: BROKER_TRANSACTION_VERSION });
    }
    const asked = { question, answer: new Later<PartitionResult[]>() };
    if (brokerId === undefined || this.closed) {
      asked.answer.complete(everyPartition(question, ErrorCode.COORDINATOR_NOT_AVAILABLE));
      return asked.answer;
    }
    // Bytes that are no UTF-8 become longer when they are written again: no coordinator knows such an id, nor can be asked.
    if (Buffer.byteLength(question.transactionalId) > MAX_STRING_BYTES) {
      asked.answer.complete(everyPartition(question, ErrorCode.INVALID_PRODUCER_ID_MAPPING));
      return asked.answer;
    }
    let known = this.coordinators.get(brokerId);
    if (known === undefined) {
      known = { brokerId, queue: [], busy: false };
      this.coordinators.set(brokerId, known);
    }
    known.queue.push(asked);
    this.drain(known);
    return asked.answer;
  }

  close(): void {
    this.closed = true;
    this.options.peers.close();
    this.coordinators.clear();
  }

  private coordinatorOf(transactionalId: string): number | undefined {
    const { topics, brokers } = this.options.image();
    const topic = topics.get(InternalTopic.TRANSACTION_STATE);
    if (topic === undefined) return undefined;
    const leader = topic.partitions[partitionOfKey(transactionalId, topic.partitions.length)]?.leader ?? NO_LEADER;
    return brokers.get(leader)?.fenced === false ? leader : undefined;
  }

  private drain(coordinator: Coordinator): void {
    if (coordinator.busy || coordinator.queue.length === 0 || this.closed) return;
    const asked = takeDistinct(coordinator);
    const request = {
      transactions: asked.map(({ question }) => ({
        transactionalId: question.transactionalId,
        producerId: question.producerId,
        producerEpoch: question.producerEpoch,
        verifyOnly: question.verifyOnly,
        topics: [...question.partitions].map(([name, partitions]) => ({ name, partitions: [...partitions] })),
      })),
    };
    const { peers, requestTimeoutMs, logger } = this.options;
    const { brokerId } = coordinator;
    coordinator.busy = true;
    void peers
      .call(brokerId, AddPartitionsToTxn, request, requestTimeoutMs)
      .then(
        (response) => settle(asked, response),
        (error: unknown) => {
          const isLost = error instanceof RpcError;
          if (!isLost) logger.error({ brokerId, error }, "a coordinator could not be asked about transactions");
          const code = isLost ? ErrorCode.NETWORK_EXCEPTION : ErrorCode.UNKNOWN_SERVER_ERROR;
          for (const { question, answer } of asked) answer.complete(everyPartition(question, code));
        },
      )
      // Whatever happened: who waits behind this would wait for ever.
      .finally(() => {
        coordinator.busy = false;
        this.drain(coordinator);
      });
  }
}

/** What the next request asks: a transactional id can be in it once. */
function takeDistinct(coordinator: Coordinator): Asked[] {
  const taken = new Map<string, Asked>();
  const left: Asked[] = [];
  for (const asked of coordinator.queue) {
    const { transactionalId } = asked.question;
    if (taken.size === MAX_QUESTIONS || taken.has(transactionalId)) left.push(asked);
    else taken.set(transactionalId, asked);
  }
  coordinator.queue = left;
  return [...taken.values()];
}

function settle(asked: readonly Asked[], { errorCode, resultsByTransaction }: Response): void {
  const byId = new Map(resultsByTransaction.map((result) => [result.transactionalId, result.topicResults]));
  for (const { question, answer } of asked) {
    const topics = byId.get(question.transactionalId);
    // What is not said was not done.
    const code = (errorCode === ErrorCode.NONE ? ErrorCode.UNKNOWN_SERVER_ERROR : errorCode) as ErrorCode;
    if (errorCode !== ErrorCode.NONE || topics === undefined) {
      // Clients have no business with what brokers may do among themselves.
      const told = code === ErrorCode.CLUSTER_AUTHORIZATION_FAILED ? ErrorCode.INVALID_TXN_STATE : code;
      answer.complete(everyPartition(question, told));
      continue;
    }
    answer.complete(
      topics.flatMap(({ name, resultsByPartition }) =>
        resultsByPartition.map(({ partitionIndex, partitionErrorCode }) => ({
          topic: name,
          partition: partitionIndex,
          errorCode: partitionErrorCode as ErrorCode,
        })),
      ),
    );
  }
}

export function everyPartition({ partitions }: Pick<Question, "partitions">, errorCode: ErrorCode): PartitionResult[] {
  const results: PartitionResult[] = [];
  for (const [topic, indexes] of partitions) {
    for (const partition of indexes) results.push({ topic, partition, errorCode });
  }
  return results;
}
