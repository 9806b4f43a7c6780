/**
 * A transactional producer as clients have it, in either protocol: partitions are added by the client and an epoch lasts as long as
 * the producer (transaction.version 1), or leaders add them and every transaction has an epoch of its own (2, KIP-890).
 *
 * Owns: its id, epoch and sequences, and when it must begin anew: of protocol 1 a late request of one transaction can end up in the
 * next, as with Apache Kafka; so whoever lost an answer takes a new epoch first.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { InitProducerId } from "../../../protocol/messages/init-producer-id.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import {
  AddOffsetsToTxn,
  AddPartitionsToTxn,
  EndTxn,
  TxnOffsetCommit,
} from "../../../protocol/messages/transactions.ts";
import { buildRecordBatch } from "../../../protocol/records/record-batch-builder.ts";
import type { Api } from "../../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { GROUP_KEY, only, type PatientClient, TRANSACTION_KEY } from "./patient-client.ts";

export type TransactionProtocol = 1 | 2;

export interface ProducerSettings {
  readonly transactionalId: string;
  readonly protocol: TransactionProtocol;
  readonly timeoutMs: number;
  /** Told of each id and epoch it was given by InitProducerId: whoever had an epoch before is fenced. */
  readonly onInit: (producerId: number, producerEpoch: number) => void;
}

/** Who commits offsets of a group. */
export interface GroupMembership {
  readonly groupId: string;
  readonly memberId: string;
  readonly generationId: number;
}

const VERSIONS = {
  1: { init: 4, produce: 10, end: 4, txnOffsetCommit: 3 },
  2: { init: 5, produce: 12, end: 5, txnOffsetCommit: 5 },
} as const;
const FIRST_PRODUCE_BY_ID = 13;
const ADD_VERSION = 3;
const ADD_OFFSETS_VERSION = 3;
const ACK_TIMEOUT_MS = 3000;
/** Of a hundred new beginnings: says which epoch it had (KIP-360), and is fenced when another has taken its place. */
const GOES_ON = 30;

export class TransactionalProducer {
  private readonly client: PatientClient;
  private readonly settings: ProducerSettings;
  private producerId = -1;
  private producerEpoch = -1;
  private readonly sequences = new Map<string, number>();
  /** Partitions that the client itself has added to the transaction. */
  private readonly added = new Set<string>();
  /** Something of the transaction may have reached a broker. */
  private begun = false;
  private lostBefore = 0;

  constructor(client: PatientClient, settings: ProducerSettings) {
    this.client = client;
    this.settings = settings;
  }

  private get versions() {
    return VERSIONS[this.settings.protocol];
  }

  async init(): Promise<void> {
    const { transactionalId, timeoutMs, onInit } = this.settings;
    const goesOn = this.producerId >= 0 && this.client.environment.random.below(100) < GOES_ON;
    const before = goesOn
      ? { producerId: this.producerId, producerEpoch: this.producerEpoch }
      : { producerId: -1, producerEpoch: -1 };
    const request = { transactionalId, transactionTimeoutMs: timeoutMs, ...before };
    this.producerId = -1;
    const answer = await this.client.persist(() => this.ask(InitProducerId, this.versions.init, request));
    this.take(answer);
    this.begun = false;
    this.lostBefore = this.client.lostAnswers;
    onInit(answer.producerId, answer.producerEpoch);
  }

  async begin(): Promise<void> {
    this.begun = false;
    this.added.clear();
    const isInDoubt = this.settings.protocol === 1 && this.client.lostAnswers > this.lostBefore;
    if (isInDoubt) await this.init();
  }

  /** @returns the offset of the first. */
  send(topic: string, partition: number, values: readonly string[]): Promise<number> {
    return this.sendTo({ topic, topicId: undefined }, partition, values);
  }

  /** To the topic that has the name now, and to none that is made under it later. */
  sendById(topic: string, partition: number, values: readonly string[]): Promise<number> {
    return this.sendTo({ topic, topicId: this.client.cluster.topics.get(topic)?.id ?? ZERO_UUID }, partition, values);
  }

  private async sendTo(
    { topic, topicId }: { readonly topic: string; readonly topicId: string | undefined },
    partition: number,
    values: readonly string[],
  ): Promise<number> {
    const { producerId, producerEpoch, client } = this;
    const { transactionalId } = this.settings;
    const place = `${topicId ?? topic}-${partition}`;
    this.begun = true;
    if (this.settings.protocol === 1 && !this.added.has(place)) await this.add(topic, partition, place);
    const baseSequence = this.sequences.get(place) ?? 0;
    const timestamp = client.environment.clock.wallMs();
    const records = buildRecordBatch(
      values.map((value) => ({ value, timestamp })),
      { producerId, producerEpoch, baseSequence, isTransactional: true },
    );
    const version = topicId === undefined ? this.versions.produce : FIRST_PRODUCE_BY_ID;
    const topicData = [{ name: topic, topicId: topicId ?? ZERO_UUID, partitionData: [{ index: partition, records }] }];
    const request = { transactionalId, acks: -1, timeoutMs: ACK_TIMEOUT_MS, topicData };
    const answer = await client.persist(async () => {
      const { responses } = await client.askLeader([topic, partition], Produce, version, request);
      return only(responses[0]?.partitionResponses);
    });
    this.sequences.set(place, baseSequence + values.length);
    return answer.baseOffset;
  }

  private async add(topic: string, partition: number, place: string): Promise<void> {
    const { producerId, producerEpoch, client } = this;
    const { transactionalId } = this.settings;
    const request = {
      ...{ v3AndBelowTransactionalId: transactionalId, v3AndBelowProducerId: producerId, transactions: [] },
      ...{ v3AndBelowProducerEpoch: producerEpoch, v3AndBelowTopics: [{ name: topic, partitions: [partition] }] },
    };
    await client.persist(async () => {
      const answer = await this.ask(AddPartitionsToTxn, ADD_VERSION, request);
      return { errorCode: only(only(answer.resultsByTopicV3AndBelow).resultsByPartition).partitionErrorCode };
    });
    this.added.add(place);
  }

  /** The offsets count when the transaction commits (KIP-447). */
  async sendOffsets(
    membership: GroupMembership,
    topic: string,
    nextOffsets: ReadonlyMap<number, number>,
  ): Promise<void> {
    const { producerId, producerEpoch, client } = this;
    const { transactionalId, protocol } = this.settings;
    const { groupId } = membership;
    this.begun = true;
    if (protocol === 1) {
      const request = { transactionalId, producerId, producerEpoch, groupId };
      await client.persist(() => this.ask(AddOffsetsToTxn, ADD_OFFSETS_VERSION, request));
    }
    const partitions = [...nextOffsets].map(([partitionIndex, committedOffset]) => {
      return { partitionIndex, committedOffset, committedMetadata: "" };
    });
    const request = {
      ...{ transactionalId, producerId, producerEpoch, ...membership, groupInstanceId: null },
      topics: [{ name: topic, partitions }],
    };
    await client.persist(async () => {
      const version = this.versions.txnOffsetCommit;
      const answer = await client.askCoordinator([GROUP_KEY, groupId], TxnOffsetCommit, version, request);
      const results = only(answer.topics).partitions;
      return { errorCode: results.find(({ errorCode }) => errorCode !== ErrorCode.NONE)?.errorCode ?? ErrorCode.NONE };
    });
  }

  /** @throws Refused, or GivenUp when nobody can say what became of it. */
  async end(committed: boolean): Promise<void> {
    if (!this.begun) return;
    const { producerId, producerEpoch } = this;
    const { transactionalId, protocol } = this.settings;
    const request = { transactionalId, producerId, producerEpoch, committed };
    const answer = await this.client.persist(() => this.ask(EndTxn, this.versions.end, request));
    if (protocol === 2) this.take(answer);
    this.begun = false;
  }

  private take({ producerId, producerEpoch }: { readonly producerId: number; readonly producerEpoch: number }): void {
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    this.sequences.clear();
  }

  private ask<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
  ): Promise<Decode<Res>> {
    return this.client.askCoordinator([TRANSACTION_KEY, this.settings.transactionalId], api, version, request);
  }
}
