/**
 * The transactional ids this broker coordinates: those whose partition of __transaction_state it leads.
 *
 * Owns: which partition an id belongs to, and that what is prepared comes to its end: markers first, then the last record. Leaves
 * to handlers: requests and answers; to the decisions: what they mean; to CoordinatorRuntime: loading, appending, waiting.
 */
import { ErrorCode, errorName } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Logger } from "../../storage/logger.ts";
import { Later } from "../dispatch/answer.ts";
import { InternalTopic } from "../metadata/internal-topics.ts";
import type { MetadataImage } from "../metadata/metadata-image.ts";
import type { ProducerIds } from "../producer-ids.ts";
import { coordinatorError } from "../state-machine/coordinator-error.ts";
import type { CoordinatorLog } from "../state-machine/coordinator-log.ts";
import { CoordinatorRuntime } from "../state-machine/coordinator-runtime.ts";
import { partitionOfKey } from "../state-machine/key-partition.ts";
import { gather, Reply } from "../state-machine/reply.ts";
import {
  type AddPartitionsOrder,
  decideAddPartitions,
  ongoingTransaction,
  type ProducerClaim,
} from "./add-partitions.ts";
import { decideComplete } from "./end-transaction.ts";
import { MarkerSender, type MarkerSenderOptions } from "./marker-sender.ts";
import { contains, eachPartition, type TopicPartitions } from "./topic-partitions.ts";
import type { PreparedTransaction, TransactionDeadline, TransactionDecision } from "./transaction-decision.ts";
import { TransactionMachine } from "./transaction-machine.ts";
import { TRANSACTION_RECORD_TYPES } from "./transaction-record.ts";
import type { TransactionSettings } from "./transaction-settings.ts";

/** Kafka's coordinator writes its batches without a sequence. */
const NO_SEQUENCE = -1;
/** The last record of a transaction, where the log could not take it, is tried again after this long. */
const COMPLETION_RETRY_MS = 100;
const TRANSACTION_VERSION = "transaction.version";

export interface TransactionCoordinatorOptions
  extends Pick<MarkerSenderOptions, "nodeId" | "clock" | "logger" | "image" | "writer" | "peers"> {
  readonly settings: TransactionSettings;
  readonly producerIds: Pick<ProducerIds, "next">;
}

/** What a partition of a request is answered. */
export interface PartitionResult {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: ErrorCode;
}

export class TransactionCoordinator {
  readonly settings: TransactionSettings;
  private readonly image: () => MetadataImage;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly runtime: CoordinatorRuntime<TransactionMachine, never, TransactionDeadline, PreparedTransaction>;
  private readonly sender: MarkerSender;

  constructor(options: TransactionCoordinatorOptions) {
    const { clock, logger, settings, image, producerIds, nodeId, writer, peers } = options;
    this.settings = settings;
    this.image = image;
    this.clock = clock;
    this.logger = logger;
    this.sender = new MarkerSender({
      ...{ nodeId, clock, logger, image, writer, peers, requestTimeoutMs: settings.requestTimeoutMs },
      coordinatorEpochOf: (transactionalId) => this.shardOf(transactionalId)?.leaderEpoch,
      onEnded: (transaction) => this.complete(transaction),
    });
    const machineOptions = {
      ...{ clock, settings },
      transactionVersion: () => image().features.get(TRANSACTION_VERSION) ?? 0,
      nextProducerId: () => producerIds.next(),
    };
    this.runtime = new CoordinatorRuntime({
      topic: InternalTopic.TRANSACTION_STATE,
      clock,
      logger,
      recordTypes: TRANSACTION_RECORD_TYPES,
      writeTimeoutMs: settings.requestTimeoutMs,
      batchStyle: { baseSequence: NO_SEQUENCE },
      newMachine: (timeline) => new TransactionMachine(timeline, machineOptions),
      runEffect: (transaction) => this.sender.send(transaction),
    });
  }

  /** This broker leads a partition of __transaction_state: its ids are loaded, then served, and what is prepared is ended. */
  lead(partition: number, leaderEpoch: number, log: CoordinatorLog): void {
    this.runtime.lead(partition, leaderEpoch, log);
  }

  /** Another broker leads from this epoch on; without an epoch the partition, or its topic, is gone. */
  resign(partition: number, leaderEpoch?: number): void {
    this.runtime.resign(partition, leaderEpoch);
    this.sender.forget((transactionalId) => this.shardOf(transactionalId) !== undefined);
  }

  metadataChanged(): void {
    this.sender.metadataChanged();
  }

  close(): void {
    this.sender.close();
    this.runtime.close();
  }

  /** Decides a request for an id; refused with NOT_COORDINATOR when another broker, or nobody, coordinates it. */
  write<R>(
    transactionalId: string,
    reply: Reply<R>,
    decide: (machine: TransactionMachine) => TransactionDecision<R>,
  ): void {
    const partition = this.partitionOf(transactionalId);
    if (partition === undefined) reply.refuse(ErrorCode.NOT_COORDINATOR);
    else this.runtime.write(partition, reply, decide);
  }

  /** Brings partitions into a transaction: all of them or, with one code for all, none. */
  addPartitions(order: AddPartitionsOrder): Later<PartitionResult[]> {
    const { transactionalId, partitions } = order;
    const reply = new Reply<ErrorCode>((code) => coordinatorError(code));
    if (transactionalId === "") reply.refuse(ErrorCode.INVALID_REQUEST);
    else {
      this.write(transactionalId, reply, (machine) =>
        decideAddPartitions(machine.known(transactionalId), order, machine.around()),
      );
    }
    return gather([reply.later], ([code = ErrorCode.NONE]) => results(partitions, () => code));
  }

  /** Whether partitions are in a transaction that goes on. Changes nothing and waits for nothing. */
  verifyPartitions(claim: ProducerClaim & { readonly partitions: TopicPartitions }): Later<PartitionResult[]> {
    const { transactionalId, partitions } = claim;
    const answer = new Later<PartitionResult[]>();
    try {
      if (transactionalId === "") throw new KafkaError(ErrorCode.INVALID_REQUEST);
      const { committed } = this.machineOf(transactionalId).known(transactionalId);
      const transaction = ongoingTransaction(committed, claim);
      answer.complete(
        results(partitions, (topic, partition) =>
          contains(transaction.partitions, topic, partition) ? ErrorCode.NONE : ErrorCode.TRANSACTION_ABORTABLE,
        ),
      );
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      const { code } = error;
      answer.complete(results(partitions, () => code));
    }
    return answer;
  }

  /** The machine that holds an id, for queries. @throws KafkaError NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS. */
  machineOf(transactionalId: string): TransactionMachine {
    const partition = this.partitionOf(transactionalId);
    if (partition === undefined) throw new KafkaError(ErrorCode.NOT_COORDINATOR);
    return this.runtime.machine(partition);
  }

  /** All machines of this broker, for queries. @throws KafkaError COORDINATOR_LOAD_IN_PROGRESS while one is loading. */
  machines(): TransactionMachine[] {
    return this.runtime.machines();
  }

  /** For tests and metrics. */
  shard(partition: number) {
    return this.runtime.shard(partition);
  }

  /** Transactions whose markers are being written; for tests and metrics. */
  get ending(): number {
    return this.sender.size;
  }

  private partitionOf(transactionalId: string): number | undefined {
    const topic = this.image().topics.get(InternalTopic.TRANSACTION_STATE);
    return topic === undefined ? undefined : partitionOfKey(transactionalId, topic.partitions.length);
  }

  /** The shard that serves an id; undefined while none does. */
  private shardOf(transactionalId: string) {
    const partition = this.partitionOf(transactionalId);
    const shard = partition === undefined ? undefined : this.runtime.shard(partition);
    return shard?.active === true ? shard : undefined;
  }

  private complete(transaction: PreparedTransaction): void {
    const { transactionalId } = transaction;
    const reply = new Reply<ErrorCode>((code) => code);
    reply.later.onComplete((code) => {
      if (typeof code !== "symbol") this.completed(transaction, code);
    });
    this.write(transactionalId, reply, (machine) =>
      decideComplete(machine.known(transactionalId), transaction, machine.around()),
    );
  }

  private completed(transaction: PreparedTransaction, code: ErrorCode): void {
    switch (code) {
      case ErrorCode.NONE:
      // It is in the log, and nobody waits for it.
      case ErrorCode.REQUEST_TIMED_OUT:
        return;
      case ErrorCode.NOT_COORDINATOR:
      case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      case ErrorCode.NOT_LEADER_OR_FOLLOWER:
      case ErrorCode.KAFKA_STORAGE_ERROR:
        // Whoever loads the log finds it prepared, and ends it.
        return;
      default: {
        const { transactionalId } = transaction;
        this.logger.warn({ transactionalId, error: errorName(code) }, "the end of a transaction cannot be stored yet");
        this.clock.after(COMPLETION_RETRY_MS, () => this.complete(transaction));
      }
    }
  }
}

function results(
  partitions: TopicPartitions,
  codeOf: (topic: string, partition: number) => ErrorCode,
): PartitionResult[] {
  return [...eachPartition(partitions)].map(([topic, partition]) => {
    return { topic, partition, errorCode: codeOf(topic, partition) };
  });
}
