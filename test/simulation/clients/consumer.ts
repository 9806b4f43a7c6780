/**
 * A consumer that follows leaders by offset, as real clients do under `assign`: a Fetch session to each leader, positions with the
 * epoch of the last record read, resets where it must.
 *
 * Owns: positions, and that each answer is what Kafka promises (whole batches, in order, from the position on). Leaves to its
 * witness: whether what is read may be read.
 */
import type { RpcClient } from "../../../broker/network/rpc-client.ts";
import { RpcError } from "../../../broker/network/rpc-error.ts";
import { ErrorCode, errorName } from "../../../protocol/error-codes.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import type { RecordBatch } from "../../../protocol/records/record-batch.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import type { Timer } from "../../../storage/clock.ts";
import { type ClientEnvironment, ClusterClient, type TopicView } from "./cluster-client.ts";
import { EARLIEST, type ProbeWitness, ReadProbes } from "./read-probes.ts";

export interface ConsumerOptions {
  readonly topics: readonly string[];
  readonly usesSessions: boolean;
  readonly readCommitted: boolean;
  readonly maxWaitMs: number;
  /** Small ones make it read batch by batch. */
  readonly maxPartitionBytes: number;
  readonly fetchVersion: number;
  /** Looks at the log's end so often; 0: never. */
  readonly probeMs: number;
}

export interface ConsumerWitness extends ProbeWitness {
  /** A batch was read: whole, its CRC right, in order behind the one before. @throws what is wrong with it. */
  read(topicId: string, partition: number, batch: RecordBatch, marks: ReadMarks): void;
  /** The position is not there any more, or the log diverged. @throws where nothing excuses that. */
  moved(topicId: string, partition: number, from: number, why: "truncated" | "out of range", to: number): void;
  unexpected(error: Error): void;
}

export interface ReadMarks {
  readonly consumer: string;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  /** The answer's list: the same for all batches of an answer; null when the broker gave none. */
  readonly abortedTransactions: NonNullable<PartitionAnswer["abortedTransactions"]> | null;
  readonly position: number;
}

interface Position {
  readonly topic: TopicView;
  readonly partition: number;
  offset: number;
  /** Epoch of the last batch read; -1 before the first. */
  lastEpoch: number;
  retryAtMs: number;
  /** Being asked for: nothing is fetched meanwhile. */
  resetting: boolean;
  highWatermark: number;
  /** Of some batch that was read. */
  seenTimestamp: number | undefined;
  reads: number;
}

interface Source {
  readonly broker: number;
  sessionId: number;
  sessionEpoch: number;
  told: Map<string, string>;
  inFlight: boolean;
}

type FetchRequest = Encode<(typeof Fetch)["request"]>;
type FetchResponse = Decode<(typeof Fetch)["response"]>;
type PartitionAnswer = FetchResponse["responses"][number]["partitions"][number];

export class Consumer {
  private readonly options: ConsumerOptions;
  private readonly environment: ClientEnvironment;
  private readonly client: ClusterClient;
  private readonly witness: ConsumerWitness;
  private readonly positions = new Map<string, Position>();
  private readonly sources = new Map<number, Source>();
  private readonly probes: ReadProbes;
  private wakeTimer: Timer | undefined;
  private wakeAtMs = Number.POSITIVE_INFINITY;

  constructor(environment: ClientEnvironment, options: ConsumerOptions, witness: ConsumerWitness) {
    this.environment = environment;
    this.options = options;
    this.witness = witness;
    this.client = new ClusterClient(environment, options.topics);
    this.client.onMetadata = () => this.metadataCame();
    this.probes = new ReadProbes(this.client, witness, options.probeMs, options.readCommitted);
  }

  start(): void {
    this.client.start();
    this.probes.start(() => [...this.positions.values()]);
  }

  close(): void {
    this.probes.close();
    this.wakeTimer?.cancel();
    this.client.close();
  }

  /** Reads everything once more from where the logs begin. */
  rewind(): void {
    for (const position of this.positions.values()) {
      position.offset = 0;
      position.lastEpoch = -1;
    }
    this.pump();
  }

  /** Where it reads next; undefined when it does not know the partition. */
  positionOf(topicId: string, partition: number): number | undefined {
    return this.positions.get(keyOf(topicId, partition))?.offset;
  }

  describe(): string {
    const lines = [...this.positions.values()].map(({ topic, partition, offset, resetting, retryAtMs }) => {
      const leader = this.client.topics.get(topic.name)?.partitions[partition];
      return `${topic.name}-${partition}@${offset} leader ${leader?.leader} epoch ${leader?.leaderEpoch}${resetting ? " resetting" : ""} retry ${retryAtMs}`;
    });
    return `${this.environment.name}: ${lines.join("; ")}`;
  }

  private get nowMs(): number {
    return this.environment.clock.monotonicMs();
  }

  private metadataCame(): void {
    for (const [key, { topic }] of this.positions) {
      if (this.client.topics.get(topic.name)?.id !== topic.id) this.positions.delete(key);
    }
    for (const topic of this.client.topics.values()) {
      topic.partitions.forEach((_, partition) => {
        const key = keyOf(topic.id, partition);
        if (this.positions.has(key)) return;
        this.positions.set(key, {
          ...{
            topic,
            partition,
            offset: 0,
            lastEpoch: -1,
            retryAtMs: 0,
            resetting: false,
            highWatermark: -1,
            seenTimestamp: undefined,
            reads: 0,
          },
        });
      });
    }
    this.pump();
  }

  private wakeIn(delayMs: number): void {
    const atMs = this.nowMs + delayMs;
    if (this.client.isClosed || atMs >= this.wakeAtMs) return;
    this.wakeTimer?.cancel();
    this.wakeAtMs = atMs;
    this.wakeTimer = this.environment.clock.after(delayMs, () => {
      this.wakeAtMs = Number.POSITIVE_INFINITY;
      this.pump();
    });
  }

  /** Every leader that is not being asked is asked. */
  private pump(): void {
    if (this.client.isClosed) return;
    const byLeader = new Map<number, Position[]>();
    for (const position of this.positions.values()) {
      if (position.resetting) continue;
      if (position.retryAtMs > this.nowMs) {
        this.wakeIn(position.retryAtMs - this.nowMs);
        continue;
      }
      const leader = this.leaderOf(position)?.leader ?? -1;
      if (this.client.brokerAt(leader) === undefined) {
        this.client.refresh();
        continue;
      }
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), position]);
    }
    for (const [broker, positions] of byLeader) {
      let source = this.sources.get(broker);
      if (source === undefined) {
        source = { broker, sessionId: 0, sessionEpoch: 0, told: new Map(), inFlight: false };
        this.sources.set(broker, source);
      }
      if (!source.inFlight) this.fetch(source, positions);
    }
  }

  private leaderOf({ topic, partition }: Position) {
    return this.client.topics.get(topic.name)?.partitions[partition];
  }

  private fetch(source: Source, positions: readonly Position[]): void {
    const client = this.client.brokerAt(source.broker) as RpcClient;
    const { maxWaitMs, fetchVersion } = this.options;
    const asked = new Map<string, { readonly position: Position; readonly offset: number }>();
    const request = this.requestFor(source, positions, asked);
    source.inFlight = true;
    const timeoutMs = this.client.settings.requestTimeoutMs + maxWaitMs;
    client.call(Fetch, request, { version: fetchVersion, timeoutMs }).then(
      (response) => {
        source.inFlight = false;
        try {
          if (!this.client.isClosed) this.answered(source, response.body, asked);
        } catch (error) {
          this.witness.unexpected(error as Error);
        } finally {
          response.release();
        }
        this.pump();
      },
      (error: unknown) => {
        source.inFlight = false;
        if (this.client.isClosed) return;
        if (!(error instanceof RpcError) || error.kind === "malformed") this.witness.unexpected(error as Error);
        forgetSession(source);
        for (const { position } of asked.values())
          position.retryAtMs = this.nowMs + this.client.settings.retryBackoffMs;
        this.client.refresh();
        this.pump();
      },
    );
  }

  private requestFor(
    source: Source,
    positions: readonly Position[],
    asked: Map<string, { readonly position: Position; readonly offset: number }>,
  ): FetchRequest {
    const { maxWaitMs, usesSessions, readCommitted, maxPartitionBytes, fetchVersion } = this.options;
    const byId = fetchVersion >= 13;
    const told = new Map<string, string>();
    const topics = new Map<string, { topic: string; topicId: string; partitions: PartitionRequest[] }>();
    for (const position of positions) {
      const { topic, partition, offset, lastEpoch } = position;
      const key = keyOf(byId ? topic.id : topic.name, partition);
      const currentLeaderEpoch = this.leaderOf(position)?.leaderEpoch ?? -1;
      asked.set(key, { position, offset });
      told.set(key, `${currentLeaderEpoch},${offset},${lastEpoch}`);
      if (usesSessions && source.sessionEpoch > 0 && source.told.get(key) === told.get(key)) continue;
      let named = topics.get(topic.id);
      if (named === undefined) {
        named = { topic: topic.name, topicId: topic.id, partitions: [] };
        topics.set(topic.id, named);
      }
      named.partitions.push({
        ...{ partition, currentLeaderEpoch, fetchOffset: offset, lastFetchedEpoch: lastEpoch, logStartOffset: -1 },
        partitionMaxBytes: maxPartitionBytes,
      });
    }
    const forgottenTopicsData: { topic: string; topicId: string; partitions: number[] }[] = [];
    if (usesSessions && source.sessionEpoch > 0) {
      for (const key of source.told.keys()) {
        if (told.has(key)) continue;
        const [partition = "", topic = ""] = key.split(":");
        forgottenTopicsData.push({ topic, topicId: byId ? topic : ZERO_ID, partitions: [Number(partition)] });
      }
    }
    source.told = told;
    return {
      replicaState: { replicaId: -1, replicaEpoch: -1 },
      ...{ maxWaitMs, minBytes: 1, maxBytes: 1 << 20, isolationLevel: readCommitted ? 1 : 0 },
      sessionId: usesSessions ? source.sessionId : 0,
      sessionEpoch: usesSessions ? source.sessionEpoch : -1,
      topics: [...topics.values()],
      forgottenTopicsData,
    };
  }

  private answered(
    source: Source,
    body: FetchResponse,
    asked: ReadonlyMap<string, { readonly position: Position; readonly offset: number }>,
  ): void {
    if (body.errorCode !== ErrorCode.NONE) {
      this.witness.met(`Fetch ${errorName(body.errorCode) ?? body.errorCode}`);
      forgetSession(source);
      return;
    }
    if (this.options.usesSessions) {
      source.sessionId = body.sessionId;
      source.sessionEpoch = body.sessionId === 0 ? 0 : source.sessionEpoch + 1;
      if (body.sessionId === 0) source.told.clear();
    }
    for (const { topic, topicId, partitions } of body.responses) {
      for (const answer of partitions) {
        const one = asked.get(keyOf(this.options.fetchVersion >= 13 ? topicId : topic, answer.partitionIndex));
        if (one === undefined)
          throw new Error(
            `${this.environment.name} is answered about ${topic || topicId}-${answer.partitionIndex}, which it did not ask`,
          );
        const { position, offset } = one;
        // Its topic is gone, or it was moved meanwhile.
        if (this.positions.get(keyOf(position.topic.id, position.partition)) !== position) continue;
        if (position.offset === offset && !position.resetting) this.take(position, answer);
      }
    }
  }

  private take(position: Position, answer: PartitionAnswer): void {
    const { topic, partition } = position;
    const { errorCode, divergingEpoch } = answer;
    if (errorCode !== ErrorCode.NONE) {
      this.failed(position, errorCode);
      return;
    }
    if (divergingEpoch.endOffset >= 0) {
      const { epoch, endOffset } = divergingEpoch;
      const to = Math.min(endOffset, position.offset);
      this.witness.moved(topic.id, partition, position.offset, "truncated", to);
      // Where the epoch ends behind the position, nothing says of which epoch the record before the position is.
      position.lastEpoch = endOffset <= position.offset ? epoch : -1;
      position.offset = to;
      return;
    }
    position.highWatermark = answer.highWatermark;
    if (answer.records === null || answer.records.length === 0) return;
    const walk = new BatchIterator(answer.records);
    let isFirst = true;
    for (let batch = walk.next(); batch !== undefined; batch = walk.next()) {
      this.checkBatch(position, batch, isFirst);
      isFirst = false;
      this.witness.read(topic.id, partition, batch, {
        consumer: this.environment.name,
        highWatermark: answer.highWatermark,
        lastStableOffset: answer.lastStableOffset,
        abortedTransactions: answer.abortedTransactions,
        position: position.offset,
      });
      // Any batch as likely as another, with no more than one kept.
      if (!batch.isControl && this.environment.random.below(++position.reads) === 0)
        position.seenTimestamp = batch.maxTimestamp;
      position.offset = batch.nextOffset;
      position.lastEpoch = batch.partitionLeaderEpoch;
    }
    if (isFirst) throw new Error(`${this.nameOf(position)}: no whole batch among ${answer.records.length} bytes`);
    if (walk.stoppedBy !== "end" && walk.stoppedBy !== "truncated") {
      throw new Error(`${this.nameOf(position)}: bytes that are no batch (${walk.stoppedBy})`);
    }
  }

  /** V5, V6, V17: what is there, from the position on, in order. */
  private checkBatch(position: Position, batch: RecordBatch, isFirst: boolean): void {
    const where = this.nameOf(position);
    const { baseOffset, lastOffset } = batch;
    if (!batch.checkCrc()) throw new Error(`${where}: the batch at ${baseOffset} has a wrong CRC`);
    const follows = isFirst ? baseOffset <= position.offset : baseOffset === position.offset;
    if (!follows || lastOffset < position.offset) {
      throw new Error(`V17 ${where}: was given the batch ${baseOffset}..${lastOffset}`);
    }
    if (batch.partitionLeaderEpoch < position.lastEpoch) {
      throw new Error(`V15 ${where}: epoch ${batch.partitionLeaderEpoch} after ${position.lastEpoch}`);
    }
  }

  private nameOf({ topic, partition, offset }: Position): string {
    return `${this.environment.name} at ${topic.name}-${partition}@${offset}`;
  }

  private failed(position: Position, errorCode: number): void {
    this.witness.met(`Fetch ${errorName(errorCode) ?? errorCode}`);
    position.retryAtMs = this.nowMs + this.client.settings.retryBackoffMs;
    switch (errorCode) {
      case ErrorCode.OFFSET_OUT_OF_RANGE:
        this.reset(position);
        return;
      case ErrorCode.NOT_LEADER_OR_FOLLOWER:
      case ErrorCode.FENCED_LEADER_EPOCH:
      case ErrorCode.UNKNOWN_LEADER_EPOCH:
      case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      case ErrorCode.UNKNOWN_TOPIC_ID:
      case ErrorCode.INCONSISTENT_TOPIC_ID:
      case ErrorCode.KAFKA_STORAGE_ERROR:
      case ErrorCode.OFFSET_NOT_AVAILABLE:
      case ErrorCode.REPLICA_NOT_AVAILABLE:
      case ErrorCode.LEADER_NOT_AVAILABLE:
        this.client.refresh();
        return;
      default:
        this.witness.unexpected(
          new Error(`${this.nameOf(position)}: Fetch answered ${errorName(errorCode) ?? errorCode}`),
        );
    }
  }

  /** auto.offset.reset=earliest. */
  private reset(position: Position): void {
    position.resetting = true;
    void this.probes.offset(position, EARLIEST).then((offset) => {
      position.resetting = false;
      if (offset !== undefined && this.positions.get(keyOf(position.topic.id, position.partition)) === position) {
        this.witness.moved(position.topic.id, position.partition, position.offset, "out of range", offset);
        position.offset = offset;
        position.lastEpoch = -1;
      }
      this.pump();
    });
  }
}

type PartitionRequest = NonNullable<FetchRequest["topics"]>[number]["partitions"][number];

const ZERO_ID = "AAAAAAAAAAAAAAAAAAAAAA";

function keyOf(topic: string, partition: number): string {
  return `${partition}:${topic}`;
}

function forgetSession(source: Source): void {
  source.sessionId = 0;
  source.sessionEpoch = 0;
  source.told.clear();
}
