/**
 * A broker with one topic and the state of share groups, and time that stands still: members of share groups ask it without sockets.
 */
import type { Later } from "../../../broker/dispatch/answer.ts";
import { InternalTopic } from "../../../broker/metadata/internal-topics.ts";
import type { AcknowledgementBatch } from "../../../broker/share-partitions/acknowledgement.ts";
import { DelayedShareFetch, type ShareFetchLimits } from "../../../broker/share-partitions/delayed-share-fetch.ts";
import type { SharePartition } from "../../../broker/share-partitions/share-partition.ts";
import type { KafkaError } from "../../../protocol/kafka-error.ts";
import { buildEndTransactionBatch } from "../../../protocol/records/control-record.ts";
import { batchOf } from "../../support/batches.ts";
import { FixedBroker, type FixedBrokerOptions } from "../../support/fixed-broker.ts";
import { ManualClock } from "../../support/manual-clock.ts";

export const GROUP = "workers";
const TOPIC = "jobs";
const MOMENT_MS = 50;

export function settled<T>(later: Later<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    later.onComplete(
      (value) => (typeof value === "symbol" ? reject(new Error("no answer")) : resolve(value as T)),
      reject,
    );
  });
}

export class ShareWorld implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly fixed: FixedBroker;
  readonly topicId: string;
  private readonly sequences = new Map<number, number>();
  private isOver = false;

  constructor(options: FixedBrokerOptions = {}) {
    const features = new Map([["share.version", 1]]);
    this.fixed = new FixedBroker({ clock: this.clock, features, ...options });
    this.fixed.createTopic(InternalTopic.SHARE_GROUP_STATE, 1);
    this.topicId = this.fixed.createTopic(TOPIC).id;
  }

  /** A moment passes, in which the keeper of the state does what it was asked. */
  private async stir(): Promise<void> {
    for (let i = 0; i < MOMENT_MS && !this.isOver; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.advance(1);
    }
  }

  private get key() {
    return { groupId: GROUP, topicId: this.topicId, partition: 0 };
  }

  get log() {
    const log = this.fixed.logs.get(`${TOPIC}-0`);
    if (log === undefined) throw new Error("no log");
    return log;
  }

  async initialize(startOffset = 0): Promise<void> {
    await this.whenKept();
    void this.stir();
    const { sharePersister } = this.fixed.broker;
    const { errorCode } = await settled(sharePersister.initialize(this.key, { stateEpoch: 0, startOffset }));
    if (errorCode !== 0) throw new Error(`not initialized: ${errorCode}`);
  }

  /** What is stored: start offset, and [first, last, state, delivery count] of each batch. */
  async stored(): Promise<{ startOffset: number; batches: number[][] }> {
    void this.stir();
    const state = await settled(this.fixed.broker.sharePersister.read(this.key, this.leaderEpoch));
    const batches = state.stateBatches.map((batch) => [
      batch.firstOffset,
      batch.lastOffset,
      batch.deliveryState,
      batch.deliveryCount,
    ]);
    return { startOffset: state.startOffset, batches };
  }

  private get leaderEpoch(): number {
    return this.fixed.broker.image.topics.get(TOPIC)?.partitions[0]?.leaderEpoch ?? -1;
  }

  /** Appends a batch of records; one of a transaction when it has a producer. */
  async append(
    count: number,
    { ageMs = 0, producerId = -1 }: { ageMs?: number; producerId?: number } = {},
  ): Promise<void> {
    const { log } = this;
    const timestamp = this.clock.wallMs() - ageMs;
    const isTransactional = producerId >= 0;
    const baseSequence = isTransactional ? (this.sequences.get(producerId) ?? 0) : -1;
    const records = batchOf(
      Array.from({ length: count }, (_, i) => ({ value: `value-${i}`, timestamp })),
      isTransactional ? { producerId, producerEpoch: 0, baseSequence, isTransactional } : {},
    );
    this.sequences.set(producerId, baseSequence + count);
    const prepared = await log.prepare(records, undefined, { origin: "client" });
    const verification = isTransactional ? log.startVerification(producerId, 0, baseSequence, true) : undefined;
    this.partition?.append(prepared, true, verification === undefined ? {} : { verification });
  }

  /** Ends the transaction of a producer. */
  async endTransaction(producerId: number, committed: boolean): Promise<void> {
    const timestampMs = this.clock.wallMs();
    const marker = buildEndTransactionBatch({
      producerId,
      producerEpoch: 0,
      committed,
      coordinatorEpoch: 0,
      timestampMs,
    });
    this.partition?.append(await this.log.prepare(marker, undefined, { origin: "coordinator" }), true);
  }

  private get partition() {
    return this.fixed.broker.partitions.get(TOPIC, 0);
  }

  share(): SharePartition {
    return this.fixed.broker.sharePartitions.obtain(GROUP, TOPIC, { topicId: this.topicId, partition: 0 });
  }

  /** Starts to fetch; [first, last, delivery count] of each piece, or the code of the error. */
  fetch(memberId: string, limits: Partial<ShareFetchLimits> = {}): Promise<number[][] | number> {
    void this.stir();
    const { readCommitted } = this.fixed.broker.sharePartitions.settingsOf(GROUP);
    return new Promise((resolve, reject) => {
      const fetch = new DelayedShareFetch(
        this.fixed.broker,
        [this.share()],
        {
          ...{
            memberId,
            maxWaitMs: 500,
            minBytes: 1,
            maxBytes: 1 << 20,
            maxRecords: 500,
            batchSize: 500,
            isExact: false,
          },
          ...{ readCommitted, ...limits },
        },
        ({ partitions, release }) => {
          release();
          const [partition] = partitions;
          if (partition?.error !== undefined) resolve(partition.error.code);
          else {
            const acquired = partition?.acquired ?? [];
            resolve(
              acquired.map(({ firstOffset, lastOffset, deliveryCount }) => [firstOffset, lastOffset, deliveryCount]),
            );
          }
        },
        reject,
      );
      fetch.start();
    });
  }

  /** The code of the error, 0 when there is none; a promise, for it is stored first. */
  acknowledge(memberId: string, ...said: readonly (readonly [number, number, ...number[]])[]): Promise<number> {
    const acknowledgements: AcknowledgementBatch[] = said.map(([firstOffset, lastOffset, ...acknowledgeTypes]) => ({
      ...{ firstOffset, lastOffset, acknowledgeTypes },
    }));
    void this.stir();
    return new Promise((resolve) => {
      this.share().acknowledge(memberId, acknowledgements, (error: KafkaError | undefined) =>
        resolve(error?.code ?? 0),
      );
    });
  }

  /** Whoever keeps the state cannot be reached, or can again. */
  async keeperIsAway(isAway: boolean): Promise<void> {
    this.change(InternalTopic.SHARE_GROUP_STATE, isAway ? -1 : this.fixed.broker.nodeId);
    if (!isAway) await this.whenKept();
  }

  /** Until the keeper of the state has loaded it. */
  private async whenKept(): Promise<void> {
    const { sharePersister } = this.fixed.broker;
    let isKept = false;
    void settled(sharePersister.readSummary(this.key, this.leaderEpoch)).then(() => {
      isKept = true;
    });
    while (!isKept) await this.pass(10);
  }

  configureGroup(configs: Readonly<Record<string, string>>): void {
    this.fixed.configureGroup(GROUP, configs);
  }

  /** Somebody else led meanwhile. */
  leadAnew(): void {
    this.change(TOPIC, -1);
    this.change(TOPIC, this.fixed.broker.nodeId);
  }

  private change(topic: string, leader: number): void {
    const now = this.fixed.broker.image.topics.get(topic)?.partitions[0];
    if (now === undefined) return;
    const { leaderEpoch, partitionEpoch } = now;
    this.fixed.changePartition(topic, 0, { leader, leaderEpoch: leaderEpoch + 1, partitionEpoch: partitionEpoch + 1 });
  }

  /** Lets what is to be done be done, then lets time pass. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) {
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.advance(Math.min(100, ms - passed));
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isOver = true;
    await this.fixed.close();
  }
}
