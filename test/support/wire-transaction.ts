/**
 * A transactional producer on the wire: one connection, requests of a version each, the id and epoch it was given last.
 *
 * Owns: asking again while a transaction before is being ended, where a test says so. Retries nothing else.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { FindCoordinator } from "../../protocol/messages/find-coordinator.ts";
import { OffsetFetch } from "../../protocol/messages/group-offsets.ts";
import { InitProducerId } from "../../protocol/messages/init-producer-id.ts";
import { ListOffsets } from "../../protocol/messages/list-offsets.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import {
  AddOffsetsToTxn,
  AddPartitionsToTxn,
  EndTxn,
  TxnOffsetCommit,
  WriteTxnMarkers,
} from "../../protocol/messages/transactions.ts";
import { DescribeProducers, DescribeTransactions } from "../../protocol/messages/transactions-admin.ts";
import type { Encode } from "../../protocol/schema/message.ts";
import { batchOf } from "./batches.ts";
import type { DataPlane } from "./data-plane.ts";
import { readableRecords } from "./read-partition.ts";
import { WireAsker } from "./wire-asker.ts";

const PATIENCE_MS = 20_000;
let made = 0;

/** A transactional id, or a group, that nobody has. */
export function freshName(what: string): string {
  return `${what}-${++made}`;
}

export interface Claim {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

export class WireTransaction implements Disposable {
  readonly asker: WireAsker;
  readonly transactionalId: string;
  producerId = -1;
  producerEpoch = -1;
  private readonly sequences = new Map<string, number>();

  private constructor(asker: WireAsker, transactionalId: string) {
    this.asker = asker;
    this.transactionalId = transactionalId;
  }

  /** Connects, with coordinators that serve. */
  static async open(plane: DataPlane, transactionalId = freshName("txn")): Promise<WireTransaction> {
    const asker = await WireAsker.open(plane.address);
    const coordinators = [
      [1, transactionalId],
      [0, "any"],
    ] as const;
    for (const [keyType, key] of coordinators) {
      await until(`a coordinator of ${key}`, async () => {
        const { errorCode } = await asker.ask(FindCoordinator, 3, { keyType, key });
        return errorCode === ErrorCode.NONE;
      });
    }
    return new WireTransaction(asker, transactionalId);
  }

  /** Connects and takes an epoch. */
  static async begin(plane: DataPlane, transactionalId?: string): Promise<WireTransaction> {
    const producer = await WireTransaction.open(plane, transactionalId);
    await until("an epoch", async () => (await producer.init()).errorCode === ErrorCode.NONE);
    return producer;
  }

  get claim(): Claim {
    const { transactionalId, producerId, producerEpoch } = this;
    return { transactionalId, producerId, producerEpoch };
  }

  /** InitProducerId; what it gives is taken over. */
  async init(request: Partial<Encode<(typeof InitProducerId)["request"]>> = {}, version = 4) {
    const answer = await this.asker.ask(InitProducerId, version, {
      transactionalId: this.transactionalId,
      transactionTimeoutMs: 60_000,
      ...request,
    });
    if (answer.errorCode === ErrorCode.NONE) {
      this.producerId = answer.producerId;
      this.producerEpoch = answer.producerEpoch;
      this.sequences.clear();
    }
    return answer;
  }

  /** AddPartitionsToTxn as clients send it: the code of each partition, in order. */
  async add(topic: string, partitions: readonly number[] = [0], version = 3, claim: Partial<Claim> = {}) {
    const { transactionalId, producerId, producerEpoch } = { ...this.claim, ...claim };
    const answer = await this.asker.ask(AddPartitionsToTxn, version, {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions }],
    });
    return answer.resultsByTopicV3AndBelow.flatMap(({ resultsByPartition }) =>
      resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode),
    );
  }

  /** AddPartitionsToTxn as brokers send it. */
  async addAsBroker(topic: string, verifyOnly: boolean, claim: Partial<Claim> = {}, version = 5) {
    const transaction = { ...this.claim, ...claim, verifyOnly, topics: [{ name: topic, partitions: [0] }] };
    const answer = await this.asker.ask(AddPartitionsToTxn, version, { transactions: [transaction] });
    const [result] = answer.resultsByTransaction;
    return result?.topicResults[0]?.resultsByPartition[0]?.partitionErrorCode;
  }

  async addOffsets(groupId: string, version = 4, claim: Partial<Claim> = {}) {
    return (await this.asker.ask(AddOffsetsToTxn, version, { ...this.claim, ...claim, groupId })).errorCode;
  }

  /** Produces records with the next sequences; a refused one leaves them where they were. */
  async produce(
    topic: string,
    values: readonly string[],
    options: { version?: number; partition?: number; claim?: Partial<Claim>; sequence?: number } = {},
  ) {
    const { version = 11, partition = 0, claim = {} } = options;
    const { transactionalId, producerId, producerEpoch } = { ...this.claim, ...claim };
    const place = `${topic}-${partition}`;
    const baseSequence = options.sequence ?? this.sequences.get(place) ?? 0;
    const records = batchOf(values, { producerId, producerEpoch, baseSequence, isTransactional: true });
    const topicData = [{ name: topic, partitionData: [{ index: partition, records }] }];
    const request = { transactionalId, acks: -1, timeoutMs: 10_000, topicData };
    const { responses } = await this.asker.ask(Produce, version, request);
    const answer = responses[0]?.partitionResponses[0];
    if (answer === undefined) throw new Error("no answer");
    if (answer.errorCode === ErrorCode.NONE) this.sequences.set(place, baseSequence + values.length);
    return answer;
  }

  /** TxnOffsetCommit of partition 0; its code. */
  async commitOffset(
    groupId: string,
    topic: string,
    committedOffset: number,
    request: Partial<Encode<(typeof TxnOffsetCommit)["request"]>> = {},
    version = 3,
  ) {
    const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: "" }];
    const answer = await this.asker.ask(TxnOffsetCommit, version, {
      ...this.claim,
      groupId,
      topics: [{ name: topic, partitions }],
      ...request,
    });
    return answer.topics[0]?.partitions[0]?.errorCode;
  }

  /** EndTxn; with v5 the producer takes over what it is given. */
  async end(committed: boolean, version = 4, claim: Partial<Claim> = {}) {
    const answer = await this.asker.ask(EndTxn, version, { ...this.claim, ...claim, committed });
    if (answer.errorCode === ErrorCode.NONE && version >= 5) {
      this.producerId = answer.producerId;
      this.producerEpoch = answer.producerEpoch;
      this.sequences.clear();
    }
    return answer;
  }

  /** Ends the transaction and waits until its markers are written. */
  async ended(committed: boolean, version = 4): Promise<void> {
    const { errorCode } = await this.end(committed, version);
    if (errorCode !== ErrorCode.NONE) throw new Error(`EndTxn: ${errorCode}`);
    await this.inState(committed ? "CompleteCommit" : "CompleteAbort");
  }

  async describe(transactionalId = this.transactionalId) {
    const { transactionStates } = await this.asker.ask(DescribeTransactions, 0, {
      transactionalIds: [transactionalId],
    });
    const [state] = transactionStates;
    if (state === undefined) throw new Error("no answer");
    return state;
  }

  async inState(state: string): Promise<void> {
    await until(`${this.transactionalId} is ${state}`, async () => (await this.describe()).transactionState === state);
  }

  async describeProducers(topic: string, partition = 0) {
    const topics = [{ name: topic, partitionIndexes: [partition] }];
    const answer = (await this.asker.ask(DescribeProducers, 0, { topics })).topics[0]?.partitions[0];
    if (answer === undefined) throw new Error("no answer");
    return answer;
  }

  async writeMarkers(marker: Encode<(typeof WriteTxnMarkers)["request"]>["markers"][number], version = 2) {
    const { markers } = await this.asker.ask(WriteTxnMarkers, version, { markers: [marker] });
    return markers[0]?.topics[0]?.partitions[0]?.errorCode;
  }

  /** Asks again until the answer is not CONCURRENT_TRANSACTIONS; that code. */
  async settled(ask: () => Promise<number>): Promise<number> {
    let code: number = ErrorCode.CONCURRENT_TRANSACTIONS;
    await until("the transaction before is ended", async () => {
      code = await ask();
      return code !== ErrorCode.CONCURRENT_TRANSACTIONS;
    });
    return code;
  }

  /** What a consumer is given: values that are not dropped, and the answer itself. */
  async fetch(topic: string, isolationLevel: 0 | 1, fetchOffset = 0, partition = 0) {
    const partitions = [{ partition, fetchOffset, partitionMaxBytes: 1 << 20 }];
    const answer = await this.asker.ask(Fetch, 11, {
      ...{ maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 20, sessionId: 0, sessionEpoch: -1, forgottenTopicsData: [] },
      ...{ isolationLevel, topics: [{ topic, partitions }] },
    });
    const found = answer.responses[0]?.partitions[0];
    if (found === undefined) throw new Error("no answer");
    const { records, abortedTransactions } = found;
    const [readable] = readableRecords(records ?? Buffer.alloc(0), abortedTransactions ?? []);
    return { ...found, values: readable.map(({ value }) => value) };
  }

  /** The end of a partition as ListOffsets has it. */
  async endOffset(topic: string, isolationLevel: 0 | 1) {
    const partitions = [{ partitionIndex: 0, timestamp: -1 }];
    const answer = await this.asker.ask(ListOffsets, 5, {
      replicaId: -1,
      isolationLevel,
      topics: [{ name: topic, partitions }],
    });
    return answer.topics[0]?.partitions[0]?.offset;
  }

  async committedOffset(groupId: string, topic: string, requireStable: boolean) {
    const topics = [{ name: topic, partitionIndexes: [0] }];
    const answer = await this.asker.ask(OffsetFetch, 7, { groupId, topics, requireStable });
    const found = answer.topics[0]?.partitions[0];
    return { code: found?.errorCode, offset: found?.committedOffset };
  }

  [Symbol.dispose](): void {
    this.asker[Symbol.dispose]();
  }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
