/**
 * Writes records to one topic, in their order within a partition, each once: idempotent wherever acks=all allows it.
 *
 * Owns: which partition a record goes to, batches, and trying again while leaders move. At most one batch of a partition is under
 * way, so that order and sequence hold by themselves. Reading ahead is limited: `send` waits while too much is queued.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { RpcError } from "../../broker/network/rpc-error.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { InitProducerId } from "../../protocol/messages/init-producer-id.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import type { Codec } from "../../protocol/records/codec.ts";
import { buildRecordBatch, type RecordToWrite } from "../../protocol/records/record-batch-builder.ts";
import { type ClusterClient, kafkaError } from "./cluster-client.ts";
import { partitionOfRecordKey } from "./murmur2.ts";
import { patiently } from "./patience.ts";

export interface OutgoingRecord extends RecordToWrite {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Chosen by the key, or in turn, when left out. */
  readonly partition?: number | undefined;
}

export interface WrittenRecord {
  readonly partition: number;
  /** -1 when nobody told. */
  readonly offset: number;
}

export interface ProducerOptions {
  readonly acks: -1 | 0 | 1;
  readonly compression: Codec;
  readonly patienceMs: number;
}

/** Produces by topic name; 13 wants ids. */
const BY_NAME_VERSION = 12;
/** Of one batch before compression: under the broker's usual limit of 1 MiB. */
const MAX_BATCH_BYTES = 512 * 1024;
const MAX_BATCH_RECORDS = 10_000;
/** Queued before `send` waits. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024;
/** What a record takes beside its bytes. */
const RECORD_OVERHEAD_BYTES = 32;
/** Records that come together leave together. */
const LINGER_MS = 5;
const MAX_SEQUENCE = 0x7fffffff;

interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

interface Queued {
  readonly record: OutgoingRecord;
  readonly sizeBytes: number;
}

export class Producer {
  private readonly cluster: ClusterClient;
  private readonly topic: string;
  private readonly options: ProducerOptions;
  private readonly partitionCount: number;
  private readonly written: (record: WrittenRecord) => void;
  private readonly identity: ProducerIdentity | undefined;
  private readonly queues = new Map<number, Queued[]>();
  private readonly sequences = new Map<number, number>();
  private queuedBytes = 0;
  private roomFreed: (() => void) | undefined;
  private sending: Promise<void> | undefined;
  private failure: unknown;
  /** For records without a key: they stay together for a batch, then it is the next one's turn. */
  private turn: number;

  /** @param written called for each record, in the order of its partition. @throws KafkaError, RpcError. */
  static async open(
    cluster: ClusterClient,
    topic: string,
    options: ProducerOptions,
    written: (record: WrittenRecord) => void,
  ): Promise<Producer> {
    const { patienceMs } = options;
    const { partitions } = await patiently(
      () => cluster.topic(topic, true),
      () => {},
      { patienceMs },
    );
    return new Producer(cluster, topic, options, partitions.length, written, await identityOf(cluster, options));
  }

  private constructor(
    cluster: ClusterClient,
    topic: string,
    options: ProducerOptions,
    partitionCount: number,
    written: (record: WrittenRecord) => void,
    identity: ProducerIdentity | undefined,
  ) {
    this.identity = identity;
    this.cluster = cluster;
    this.topic = topic;
    this.options = options;
    this.partitionCount = partitionCount;
    this.written = written;
    this.turn = Math.floor(Math.random() * partitionCount);
  }

  get partitions(): number {
    return this.partitionCount;
  }

  /** Queues a record; resolves when there is room for the next. @throws what made an earlier one fail. */
  async send(record: OutgoingRecord): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    const partition = record.partition ?? this.partitionFor(record.key);
    const sizeBytes = (record.key?.length ?? 0) + (record.value?.length ?? 0) + RECORD_OVERHEAD_BYTES;
    const queue = this.queues.get(partition) ?? [];
    this.queues.set(partition, queue);
    queue.push({ record, sizeBytes });
    this.queuedBytes += sizeBytes;
    this.sending ??= this.work();
    if (this.queuedBytes < MAX_QUEUED_BYTES) return;
    await new Promise<void>((resolve) => {
      this.roomFreed = resolve;
    });
    if (this.failure !== undefined) throw this.failure;
  }

  /** Resolves when everything is written. @throws KafkaError, RpcError: what is not. */
  async flush(): Promise<void> {
    await this.sending;
    if (this.failure !== undefined) throw this.failure;
  }

  private partitionFor(key: Buffer | null): number {
    return key === null ? this.turn : partitionOfRecordKey(key, this.partitionCount);
  }

  private async work(): Promise<void> {
    try {
      await sleep(LINGER_MS);
      while (this.queues.size > 0) {
        this.turn = (this.turn + 1) % this.partitionCount;
        const batches = [...this.queues].map(([partition, queue]) => [partition, takeBatch(queue)] as const);
        for (const [partition, queue] of this.queues) if (queue.length === 0) this.queues.delete(partition);
        const sent = await Promise.allSettled(batches.map(([partition, batch]) => this.write(partition, batch)));
        for (const [, batch] of batches) for (const { sizeBytes } of batch) this.queuedBytes -= sizeBytes;
        this.roomFreed?.();
        const failed = sent.find((one) => one.status === "rejected");
        if (failed !== undefined) throw failed.reason;
      }
    } catch (error) {
      this.failure = error;
      this.roomFreed?.();
    } finally {
      this.sending = undefined;
    }
  }

  /** Writes a batch; when the broker finds it too large, each half of it. */
  private async write(partition: number, batch: readonly Queued[]): Promise<void> {
    const records = batch.map(({ record }) => record);
    const baseSequence = this.sequences.get(partition) ?? 0;
    try {
      const baseOffset = await this.produce(partition, this.encode(records, baseSequence));
      this.sequences.set(partition, (baseSequence + records.length) % (MAX_SEQUENCE + 1));
      for (let at = 0; at < records.length; at++) {
        this.written({ partition, offset: baseOffset < 0 ? -1 : baseOffset + at });
      }
    } catch (error) {
      const tooLarge = error instanceof KafkaError && TOO_LARGE.has(error.code);
      if (!tooLarge || batch.length === 1) throw error;
      const half = batch.length >> 1;
      await this.write(partition, batch.slice(0, half));
      await this.write(partition, batch.slice(half));
    }
  }

  private encode(records: readonly OutgoingRecord[], baseSequence: number): Buffer {
    const nowMs = Date.now();
    const identity = this.identity === undefined ? {} : { ...this.identity, baseSequence };
    return buildRecordBatch(
      records.map((record) => ({ ...record, timestamp: record.timestamp ?? nowMs })),
      { compression: this.options.compression, ...identity },
    );
  }

  /** The offset of the first record; -1 when nobody tells. */
  private produce(partition: number, records: Buffer): Promise<number> {
    const { cluster, topic } = this;
    const { acks, patienceMs } = this.options;
    const request = {
      ...{ transactionalId: null, acks, timeoutMs: PRODUCE_TIMEOUT_MS },
      topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
    };
    const options = { maxVersion: BY_NAME_VERSION, timeoutMs: PRODUCE_TIMEOUT_MS + 5000 };
    const attempt = async (): Promise<number> => {
      const leader = await cluster.leaderOf(topic, partition);
      if (acks === 0) {
        await cluster.tell(leader, Produce, request, options);
        return -1;
      }
      const answer = await cluster.askBroker(leader, Produce, request, options);
      const told = answer.responses[0]?.partitionResponses[0];
      if (told === undefined) throw new RpcError("malformed", "an answer without the partition that was asked for");
      // A batch that was written before, and whose answer was lost.
      if (told.errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) return -1;
      if (told.errorCode !== ErrorCode.NONE) throw kafkaError(told.errorCode, told.errorMessage);
      return told.baseOffset;
    };
    return patiently(attempt, () => cluster.forgetLeaders(topic), { patienceMs });
  }
}

const PRODUCE_TIMEOUT_MS = 10_000;
const TOO_LARGE: ReadonlySet<number> = new Set([ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.RECORD_LIST_TOO_LARGE]);

/** From the front of a queue. */
function takeBatch(queue: Queued[]): Queued[] {
  let sizeBytes = 0;
  let count = 0;
  for (const one of queue) {
    if (count > 0 && (sizeBytes + one.sizeBytes > MAX_BATCH_BYTES || count === MAX_BATCH_RECORDS)) break;
    sizeBytes += one.sizeBytes;
    count++;
  }
  return queue.splice(0, count);
}

/** Undefined where batches must not carry one: whoever does not wait for all replicas cannot know what was written. */
async function identityOf(
  cluster: ClusterClient,
  { acks, patienceMs }: ProducerOptions,
): Promise<ProducerIdentity | undefined> {
  if (acks !== -1) return undefined;
  const request = { transactionalId: null, transactionTimeoutMs: 0x7fffffff };
  return patiently(
    async () => {
      const { errorCode, producerId, producerEpoch } = await cluster.askAny(InitProducerId, request);
      if (errorCode !== ErrorCode.NONE) throw kafkaError(errorCode, null);
      return { producerId, producerEpoch };
    },
    () => {},
    { patienceMs },
  );
}
