/**
 * A transaction coordinator on a log in memory, with time that stands still and partitions that take markers when a test says so.
 */
import { Later } from "../../../broker/dispatch/answer.ts";
import type { MetadataImage } from "../../../broker/metadata/metadata-image.ts";
import { batchesOf } from "../../../broker/state-machine/coordinator-batch.ts";
import { Reply } from "../../../broker/state-machine/reply.ts";
import type { TransactionEnd } from "../../../broker/state-machine/shard.ts";
import { decideEndTransaction } from "../../../broker/transactions/end-transaction.ts";
import { decideInitProducerId, type InitProducerIdOrder } from "../../../broker/transactions/init-producer-id.ts";
import type { MarkerOutcome } from "../../../broker/transactions/marker-writer.ts";
import { topicPartitions } from "../../../broker/transactions/topic-partitions.ts";
import type { Transaction } from "../../../broker/transactions/transaction.ts";
import { TransactionCoordinator } from "../../../broker/transactions/transaction-coordinator.ts";
import type { ProducerAnswer } from "../../../broker/transactions/transaction-decision.ts";
import { transactionRecord } from "../../../broker/transactions/transaction-record.ts";
import {
  DEFAULT_TRANSACTION_SETTINGS,
  type TransactionSettings,
} from "../../../broker/transactions/transaction-settings.ts";
import { nameOfState } from "../../../broker/transactions/transaction-state.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { SILENT_LOGGER } from "../../../storage/logger.ts";
import { brokerImage } from "../../support/fixed-broker.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { clusterImage, topicImage } from "../groups/group-world.ts";
import { MemoryCoordinatorLog } from "../state-machine/memory-coordinator-log.ts";

export const STATE_TOPIC = "__transaction_state";

/** Markers that were sent and have no answer yet. */
export interface SentMarkers {
  readonly end: TransactionEnd;
  readonly partitions: readonly (readonly [topic: string, partition: number])[];
  answer(errorCode?: ErrorCode): void;
}

export interface Ending {
  readonly transactionalId?: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly committed: boolean;
  /** Of the client; 2 when left out. */
  readonly version?: number;
}

export class TransactionWorld {
  readonly clock = new ManualClock();
  log = new MemoryCoordinatorLog();
  transactionVersion = 2;
  nextProducerId: number | undefined = 1000;
  /** Whether partitions take their markers at once. */
  markersAtOnce = true;
  readonly sent: SentMarkers[] = [];
  image: MetadataImage = clusterImage(
    [topicImage(STATE_TOPIC, "AAAAAAAAAAAAAAAAAAAA_A", 1), topicImage("t", "AAAAAAAAAAAAAAAAAAAA_Q", 4)],
    [brokerImage(1, { host: "127.0.0.1", port: 1 })],
  );
  coordinator: TransactionCoordinator;
  leaderEpoch = 0;
  private readonly settings: TransactionSettings;

  constructor(settings: Partial<TransactionSettings> = {}) {
    this.settings = { ...DEFAULT_TRANSACTION_SETTINGS, ...settings };
    this.coordinator = this.newCoordinator();
  }

  static async start(settings: Partial<TransactionSettings> = {}): Promise<TransactionWorld> {
    const world = new TransactionWorld(settings);
    await world.lead();
    return world;
  }

  private newCoordinator(): TransactionCoordinator {
    return new TransactionCoordinator({
      ...{ nodeId: 1, clock: this.clock, logger: SILENT_LOGGER, settings: this.settings },
      image: () => {
        const features = new Map([["transaction.version", this.transactionVersion]]);
        return { ...this.image, features };
      },
      producerIds: {
        next: () => (this.nextProducerId === undefined ? undefined : this.nextProducerId++),
      } as never,
      peers: { call: () => Promise.reject(new Error("there is one broker")), close: () => {} },
      writer: {
        write: (end, partitions) => {
          const later = new Later<MarkerOutcome[]>();
          const all = [...partitions];
          const answer = (errorCode: ErrorCode = ErrorCode.NONE): void =>
            later.complete(all.map(([topic, partition]) => ({ topic, partition, errorCode })));
          this.sent.push({ end, partitions: all, answer });
          if (this.markersAtOnce) answer();
          return later;
        },
      },
    });
  }

  /** Another epoch begins, and this broker leads it. */
  async lead(): Promise<void> {
    this.coordinator.lead(0, ++this.leaderEpoch, this.log);
    await this.settle();
  }

  /** Another broker loads the same log. */
  async failOver(): Promise<void> {
    this.coordinator.close();
    this.coordinator = this.newCoordinator();
    await this.lead();
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 1000; turn++) {
      await Promise.resolve();
      if (turn % 5 === 0) this.clock.poll();
      if (turn > 30 && this.coordinator.shard(0)?.active !== false) return;
    }
  }

  /** Each gives its answer, or undefined while there is none. */
  init(order: Partial<InitProducerIdOrder> = {}): ProducerAnswer | undefined {
    const whole = { transactionalId: "x", timeoutMs: 60_000, producer: undefined, ...order };
    return this.ask((reply) =>
      this.coordinator.write(whole.transactionalId, reply, (machine) =>
        decideInitProducerId(machine.known(whole.transactionalId), whole, machine.around()),
      ),
    );
  }

  end({ transactionalId = "x", version = 2, ...order }: Ending): ProducerAnswer | undefined {
    const whole = { ...order, transactionalId, clientTransactionVersion: version };
    return this.ask((reply) =>
      this.coordinator.write(transactionalId, reply, (machine) =>
        decideEndTransaction(machine.known(transactionalId), whole, machine.around()),
      ),
    );
  }

  private ask(write: (reply: Reply<ProducerAnswer>) => void): ProducerAnswer | undefined {
    const reply = new Reply<ProducerAnswer>((errorCode) => ({ errorCode, producerId: -1, producerEpoch: -1 }));
    let answer: ProducerAnswer | undefined;
    reply.later.onComplete((value) => {
      if (typeof value !== "symbol") answer = value;
    });
    write(reply);
    return answer;
  }

  add(
    producer: Pick<ProducerAnswer, "producerId" | "producerEpoch">,
    partitions: readonly number[] = [0],
    version = 2,
    transactionalId = "x",
  ): ErrorCode | undefined {
    const { producerId, producerEpoch } = producer;
    let code: ErrorCode | undefined;
    this.coordinator
      .addPartitions({
        ...{ transactionalId, producerId, producerEpoch, clientTransactionVersion: version },
        partitions: topicPartitions([["t", partitions]]),
      })
      .onComplete((results) => {
        if (typeof results !== "symbol") code = results[0]?.errorCode;
      });
    return code;
  }

  /** Puts a transaction into the log as somebody else wrote it, before it is loaded. */
  write(transaction: Transaction): void {
    const records = [transactionRecord(transaction, this.transactionVersion)];
    for (const { bytes } of batchesOf({ records }, this.clock.wallMs(), this.log.maxBatchBytes)) this.log.write(bytes);
  }

  known(transactionalId = "x"): Transaction | undefined {
    return this.coordinator.machineOf(transactionalId).known(transactionalId).current;
  }

  state(transactionalId = "x"): string | undefined {
    const transaction = this.known(transactionalId);
    return transaction === undefined ? undefined : nameOfState(transaction.state);
  }

  /** How many records of transactional ids the log has. */
  get records(): number {
    return [...this.log.records()].length;
  }
}
