/**
 * A producer as real clients are: metadata, batches per partition, five requests in flight to a broker, retries in order.
 *
 * Owns: sequences (KIP-98) and which batch may be sent when: a batch that is tried again goes alone and first, as in Java's client, so that
 * the order of an idempotent producer is kept. It never gives up on a batch while its topic exists.
 */
import { RpcError } from "../../../broker/network/rpc-error.ts";
import { ErrorCode, errorName } from "../../../protocol/error-codes.ts";
import { InitProducerId } from "../../../protocol/messages/init-producer-id.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import { addToSequence } from "../../../protocol/records/record-batch.ts";
import { buildRecordBatch } from "../../../protocol/records/record-batch-builder.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import type { Timer } from "../../../storage/clock.ts";
import { type ClientEnvironment, ClusterClient, type TopicView } from "./cluster-client.ts";
import type { Ledger, SentBatch } from "./ledger.ts";
import { UnansweredProduce } from "./unanswered-produce.ts";

export interface ProducerOptions {
  readonly topics: readonly string[];
  readonly acks: -1 | 0 | 1;
  /** Only with acks=-1, as in Kafka's clients. */
  readonly idempotent: boolean;
  /** Between batches of the application, about. */
  readonly intervalMs: number;
  readonly maxRecordsPerBatch: number;
  readonly maxInFlight: number;
  readonly produceVersion: number;
  /** How long a leader may wait for replicas. */
  readonly ackTimeoutMs: number;
  readonly valueBytes: number;
}

/** What the checks are told. */
export interface ProducerWitness {
  readonly ledger: Ledger;
  acknowledged(batch: SentBatch, baseOffset: number, sequence: ProducerSequence | undefined): void;
  /** The epoch in which the node leads the batch's partition now; undefined when it does not. */
  leaderEpochAt(node: number, batch: SentBatch): number | undefined;
  /** A node does not have what was acknowledged to this producer before. @param ledIn the epoch it led in when it was asked. */
  sequenceBroken(batch: SentBatch, node: number, ledIn: number | undefined): void;
  /** An answer that no fault excuses. */
  unexpected(error: Error): void;
  topicIsDeleted(topicId: string): boolean;
}

export interface ProducerSequence {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

interface Batch extends SentBatch {
  sequence: ProducerSequence | undefined;
  /** Of the records as they were made: the time, and the bytes that are sent. */
  readonly timestamps: readonly number[];
  bytes: Buffer;
  tries: number;
  /** Among the batches of its partition, in the order in which they were first sent. */
  place: number;
  /** Whom it was sent to last, and in which epoch that node led then. */
  node: number;
  ledIn: number | undefined;
}

interface PartitionQueue {
  readonly topic: TopicView;
  readonly partition: number;
  waiting: Batch[];
  readonly inFlight: Batch[];
  nextPlace: number;
  /** What its next batch will be of; older than the producer's own until nothing of the older one is in flight. */
  producerEpoch: number;
  nextSequence: number;
  /** Sequence of the first batch that is not acknowledged, as the broker knows it. */
  expectedSequence: number;
  retryAtMs: number;
}

type PartitionAnswer = Decode<(typeof Produce)["response"]>["responses"][number]["partitionResponses"][number];

/** Batches an application makes ahead of what is acknowledged, of one partition. */
const MAX_WAITING = 20;
const INIT_VERSION = 4;
/** Codes after which the same request may succeed, here or at another broker. */
const RETRIABLE: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  ErrorCode.KAFKA_STORAGE_ERROR,
]);

export class Producer {
  private readonly options: ProducerOptions;
  private readonly environment: ClientEnvironment;
  private readonly client: ClusterClient;
  private readonly witness: ProducerWitness;
  private readonly queues = new Map<string, PartitionQueue>();
  private readonly inFlight = new Map<number, number>();
  private readonly unanswered: UnansweredProduce;
  private producerId = -1;
  private producerEpoch = -1;
  private initialising = false;
  private made = 0;
  private producing = true;
  private timer: Timer | undefined;
  private pumpTimer: Timer | undefined;
  private pumpAtMs = Number.POSITIVE_INFINITY;

  constructor(environment: ClientEnvironment, options: ProducerOptions, witness: ProducerWitness) {
    this.environment = environment;
    this.options = options;
    this.witness = witness;
    this.client = new ClusterClient(environment, options.topics);
    this.client.onMetadata = () => this.metadataCame();
    this.unanswered = new UnansweredProduce(environment.network, environment.name);
  }

  start(): void {
    this.client.start();
    this.scheduleNext();
  }

  /** Makes no more; what was made is still sent. */
  finish(): void {
    this.producing = false;
    this.timer?.cancel();
  }

  get isDrained(): boolean {
    return [...this.queues.values()].every(({ waiting, inFlight }) => waiting.length + inFlight.length === 0);
  }

  /** What is still to be acknowledged, for whoever wonders why it is not. */
  describe(): string {
    const lines = [...this.queues.values()]
      .filter(({ waiting, inFlight }) => waiting.length + inFlight.length > 0)
      .map(({ topic, partition, waiting, inFlight, retryAtMs }) => {
        const leader = this.client.topics.get(topic.name)?.partitions[partition];
        return `${topic.name}-${partition}: ${waiting.length} waiting, ${inFlight.length} in flight, leader ${leader?.leader} epoch ${leader?.leaderEpoch}, retry at ${retryAtMs}`;
      });
    return `${this.environment.name}: ${lines.join("; ") || "drained"}`;
  }

  close(): void {
    this.finish();
    this.pumpTimer?.cancel();
    this.unanswered.close();
    this.client.close();
  }

  private get nowMs(): number {
    return this.environment.clock.monotonicMs();
  }

  private scheduleNext(): void {
    const { clock, random } = this.environment;
    const delayMs = (this.options.intervalMs * (500 + random.below(1000))) / 1000;
    this.timer = clock.after(delayMs, () => {
      if (!this.producing) return;
      this.scheduleNext();
      this.make();
    });
  }

  /** The application hands over a few records for one partition. */
  private make(): void {
    const { random, clock, name } = this.environment;
    const { topics, acks, idempotent, maxRecordsPerBatch, valueBytes } = this.options;
    const topic = this.client.topics.get(random.pick(topics));
    if (topic === undefined) return;
    const partition = random.below(topic.partitions.length);
    const queue = this.queueOf(topic, partition);
    if (queue.waiting.length >= MAX_WAITING) return;
    const count = random.between(1, maxRecordsPerBatch);
    const values = Array.from({ length: count }, () => `${name}:${this.made++}`.padEnd(valueBytes, "."));
    const timestamps = values.map(() => clock.wallMs());
    const sent = { producer: name, topic: topic.name, topicId: topic.id, partition, values, acks, idempotent };
    const batch: Batch = { ...sent, sequence: undefined, timestamps, ...UNSENT };
    this.witness.ledger.batchMade(batch);
    queue.waiting.push(batch);
    this.pump();
  }

  private queueOf(topic: TopicView, partition: number): PartitionQueue {
    const key = `${topic.id}-${partition}`;
    let queue = this.queues.get(key);
    if (queue === undefined) {
      queue = {
        ...{ topic, partition, waiting: [], inFlight: [], nextPlace: 0, retryAtMs: 0 },
        ...{ producerEpoch: this.producerEpoch, nextSequence: 0, expectedSequence: 0 },
      };
      this.queues.set(key, queue);
    }
    return queue;
  }

  private metadataCame(): void {
    for (const [key, { topic }] of this.queues) {
      // What is queued for a topic that is gone is lost, as its application is told.
      if (this.witness.topicIsDeleted(topic.id)) this.queues.delete(key);
    }
    this.pump();
  }

  private pumpIn(delayMs: number): void {
    const atMs = this.nowMs + delayMs;
    if (this.client.isClosed || atMs >= this.pumpAtMs) return;
    this.pumpTimer?.cancel();
    this.pumpAtMs = atMs;
    this.pumpTimer = this.environment.clock.after(delayMs, () => this.pump());
  }

  /** Sends what may be sent: one batch of each partition a request, as many requests as may be in flight. */
  private pump(): void {
    this.pumpTimer?.cancel();
    this.pumpAtMs = Number.POSITIVE_INFINITY;
    if (this.client.isClosed) return;
    if (this.options.idempotent && this.producerId < 0) {
      if ([...this.queues.values()].some(({ waiting }) => waiting.length > 0)) this.initialise();
      return;
    }
    for (let batches = this.nextBatches(); batches.size > 0; batches = this.nextBatches()) {
      for (const [broker, queues] of batches) this.send(broker, queues);
    }
  }

  private nextBatches(): Map<number, PartitionQueue[]> {
    const byBroker = new Map<number, PartitionQueue[]>();
    for (const queue of this.queues.values()) {
      const [batch] = queue.waiting;
      if (batch === undefined) continue;
      if (queue.retryAtMs > this.nowMs) {
        this.pumpIn(queue.retryAtMs - this.nowMs);
        continue;
      }
      // A batch that is tried again waits for those before it, or it would come out of order.
      if (queue.inFlight.length > 0 && batch.tries > 0) continue;
      // Who knows nothing of a producer takes any sequence for its first: nothing goes ahead of the first that counts.
      if (this.options.idempotent && queue.inFlight.length > 0 && queue.expectedSequence === 0) continue;
      // A broker knows a producer's last five batches: no batch is sent that would push one out which is not decided yet.
      if (batch.tries === 0 && queue.nextPlace - placeOfFirst(queue) >= this.options.maxInFlight) continue;
      const leader = this.client.topics.get(queue.topic.name)?.partitions[queue.partition]?.leader ?? -1;
      if (this.client.brokerAt(leader) === undefined) {
        this.client.refresh();
        continue;
      }
      if ((this.inFlight.get(leader) ?? 0) >= this.options.maxInFlight) continue;
      byBroker.set(leader, [...(byBroker.get(leader) ?? []), queue]);
    }
    return byBroker;
  }

  private send(broker: number, queues: readonly PartitionQueue[]): void {
    const { acks, ackTimeoutMs, produceVersion } = this.options;
    const sent = new Map<string, { readonly queue: PartitionQueue; readonly batch: Batch }>();
    const topicData: { name: string; topicId: string; partitionData: { index: number; records: Buffer }[] }[] = [];
    for (const queue of queues) {
      const batch = queue.waiting.shift() as Batch;
      this.encode(queue, batch);
      if (batch.tries++ === 0) batch.place = queue.nextPlace++;
      batch.node = broker;
      batch.ledIn = this.witness.leaderEpochAt(broker, batch);
      queue.inFlight.push(batch);
      const { topic, partition } = queue;
      let data = topicData.find(({ topicId }) => topicId === topic.id);
      if (data === undefined) {
        data = { name: topic.name, topicId: topic.id, partitionData: [] };
        topicData.push(data);
      }
      data.partitionData.push({ index: partition, records: batch.bytes });
      sent.set(keyOf(produceVersion >= 13 ? topic.id : topic.name, partition), { queue, batch });
    }
    const request = { acks, timeoutMs: ackTimeoutMs, topicData };
    if (acks === 0) {
      this.sendUnanswered(broker, request, sent.values());
      return;
    }
    this.inFlight.set(broker, (this.inFlight.get(broker) ?? 0) + 1);
    const settled = (): void => void this.inFlight.set(broker, (this.inFlight.get(broker) ?? 1) - 1);
    const timeoutMs = this.client.settings.requestTimeoutMs + ackTimeoutMs;
    this.client
      .brokerAt(broker)
      ?.call(Produce, request, { version: produceVersion, timeoutMs })
      .then(
        ({ body }) => {
          settled();
          if (this.client.isClosed) return;
          for (const { nodeId, host, port } of body.nodeEndpoints) this.client.brokers.set(nodeId, { host, port });
          for (const { name, topicId, partitionResponses } of body.responses) {
            for (const answer of partitionResponses) {
              const one = sent.get(keyOf(produceVersion >= 13 ? topicId : name, answer.index));
              if (one !== undefined) this.answered(one.queue, one.batch, answer);
            }
          }
          this.pump();
        },
        (error: unknown) => {
          settled();
          if (this.client.isClosed) return;
          if (!(error instanceof RpcError) || error.kind === "malformed") this.witness.unexpected(error as Error);
          for (const { queue, batch } of sent.values()) this.retry(queue, batch);
          this.client.refresh();
          this.pump();
        },
      );
  }

  private sendUnanswered(
    broker: number,
    request: Parameters<UnansweredProduce["send"]>[3],
    sent: Iterable<{ readonly queue: PartitionQueue; readonly batch: Batch }>,
  ): void {
    const address = this.client.brokers.get(broker);
    const isSent = address !== undefined && this.unanswered.send(broker, address, this.options.produceVersion, request);
    for (const { queue, batch } of sent) {
      if (isSent) removeFrom(queue.inFlight, batch);
      else this.retry(queue, batch);
    }
    if (!isSent) this.client.refresh();
  }

  /** The bytes that are sent; a retry sends the same. */
  private encode(queue: PartitionQueue, batch: Batch): void {
    if (batch.bytes.length > 0) return;
    const { values, timestamps } = batch;
    if (this.options.idempotent) {
      if (queue.producerEpoch !== this.producerEpoch && queue.inFlight.length === 0) {
        Object.assign(queue, { producerEpoch: this.producerEpoch, nextSequence: 0, expectedSequence: 0 });
      }
      const { producerEpoch, nextSequence } = queue;
      batch.sequence = { producerId: this.producerId, producerEpoch, baseSequence: nextSequence };
      queue.nextSequence = addToSequence(queue.nextSequence, values.length);
    }
    const records = values.map((value, index) => ({ key: `k${index}`, value, timestamp: timestamps[index] as number }));
    batch.bytes = buildRecordBatch(records, batch.sequence ?? {});
  }

  private answered(queue: PartitionQueue, batch: Batch, answer: PartitionAnswer): void {
    const { errorCode, baseOffset, currentLeader } = answer;
    const { topic, partition } = queue;
    if (!queue.inFlight.includes(batch)) return; // made anew in another epoch meanwhile
    if (errorCode !== ErrorCode.NONE) this.witness.ledger.met(`Produce ${errorName(errorCode) ?? errorCode}`);
    if (errorCode === ErrorCode.NONE || errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) {
      removeFrom(queue.inFlight, batch);
      if (batch.sequence !== undefined) {
        // A retry of an earlier batch may be answered after later ones.
        const next = addToSequence(batch.sequence.baseSequence, batch.values.length);
        queue.expectedSequence = Math.max(queue.expectedSequence, next);
      }
      const isKnown = errorCode === ErrorCode.NONE;
      this.witness.acknowledged(batch, isKnown ? baseOffset : -1, batch.sequence);
      return;
    }
    if (currentLeader.leaderId >= 0) {
      const address = this.client.brokers.get(currentLeader.leaderId);
      const now = { leader: currentLeader.leaderId, leaderEpoch: currentLeader.leaderEpoch };
      this.client.leaderMoved(topic.name, partition, now, address);
    }
    if (errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER || errorCode === ErrorCode.UNKNOWN_PRODUCER_ID) {
      this.outOfOrder(queue, batch);
      return;
    }
    if (!RETRIABLE.has(errorCode)) {
      const what = `${this.environment.name}: Produce of ${topic.name}-${partition} answered ${errorName(errorCode) ?? errorCode}`;
      this.witness.unexpected(new Error(what));
    }
    this.retry(queue, batch);
    this.client.refresh();
  }

  /**
   * Behind a batch that failed this is as it must be; for the very next one the broker has lost what it had. So it has for an earlier
   * one: of a producer it knows nothing of it takes any sequence, and what came before that has no place any more.
   */
  private outOfOrder(queue: PartitionQueue, batch: Batch): void {
    const { sequence } = batch;
    if (sequence !== undefined && sequence.baseSequence <= queue.expectedSequence && queue.inFlight[0] === batch) {
      this.witness.sequenceBroken(batch, batch.node, batch.ledIn);
      this.startAnew(queue);
      return;
    }
    this.retry(queue, batch);
  }

  /**
   * KIP-360: the epoch goes up by one. The partition that lost its sequence begins anew with what is in flight; the others do once
   * nothing of theirs is, or what was acknowledged unheard would come twice. Here it does: the new epoch knows nothing of the old one.
   */
  private startAnew(queue: PartitionQueue): void {
    this.producerEpoch = Math.max(this.producerEpoch, queue.producerEpoch) + 1;
    const again = [...queue.inFlight, ...queue.waiting];
    for (const { tries, values } of again) if (tries > 0) this.witness.ledger.sentAnew(values);
    // Answers to what is in flight are for batches that are none of ours any more.
    queue.inFlight.length = 0;
    Object.assign(queue, { producerEpoch: this.producerEpoch, nextSequence: 0, expectedSequence: 0 });
    queue.waiting = again.map((batch) => ({ ...batch, sequence: undefined, ...UNSENT }));
    this.pumpIn(this.client.settings.retryBackoffMs);
  }

  /** Puts the batch back in its place: before all that was made after it. */
  private retry(queue: PartitionQueue, batch: Batch): void {
    if (!queue.inFlight.includes(batch)) return;
    removeFrom(queue.inFlight, batch);
    const at = queue.waiting.findIndex(({ tries, sequence }) => tries === 0 || isAfter(sequence, batch.sequence));
    if (at < 0) queue.waiting.push(batch);
    else queue.waiting.splice(at, 0, batch);
    queue.retryAtMs = this.nowMs + this.client.settings.retryBackoffMs;
    this.pumpIn(this.client.settings.retryBackoffMs);
  }

  private initialise(): void {
    if (this.initialising) return;
    const brokers = [...this.client.brokers.keys()];
    const client = brokers.length === 0 ? undefined : this.client.brokerAt(this.environment.random.pick(brokers));
    if (client === undefined) return;
    this.initialising = true;
    const request = { transactionalId: null, transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1 };
    client
      .call(InitProducerId, request, { version: INIT_VERSION, timeoutMs: this.client.settings.requestTimeoutMs })
      .then(
        ({ body }) => {
          this.initialising = false;
          if (body.errorCode === ErrorCode.NONE) {
            this.producerId = body.producerId;
            this.producerEpoch = body.producerEpoch;
            this.pump();
          } else this.pumpIn(this.client.settings.retryBackoffMs);
        },
        () => {
          this.initialising = false;
          this.client.refresh();
          this.pumpIn(this.client.settings.retryBackoffMs);
        },
      );
  }
}

/** Of the batches that are in flight the one that was sent first. */
function placeOfFirst({ inFlight, nextPlace }: PartitionQueue): number {
  return inFlight.reduce((first, { place }) => Math.min(first, place), nextPlace);
}

const NO_BYTES = Buffer.alloc(0);
const UNSENT = { bytes: NO_BYTES, tries: 0, place: -1, node: -1, ledIn: undefined };

function keyOf(topic: string, partition: number): string {
  return `${partition}:${topic}`;
}

function removeFrom(batches: Batch[], batch: Batch): void {
  const at = batches.indexOf(batch);
  if (at >= 0) batches.splice(at, 1);
}

function isAfter(a: ProducerSequence | undefined, b: ProducerSequence | undefined): boolean {
  return a !== undefined && b !== undefined && a.baseSequence > b.baseSequence;
}
