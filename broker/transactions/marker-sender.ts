/**
 * Ends prepared transactions: brings a marker to every partition of each, wherever that is led, and says when all have theirs.
 *
 * Owns: which partitions still lack their marker, one request at a time for each broker with what has come together meanwhile, and
 * trying again by Kafka's rules. Leaves to TransactionCoordinator: when a transaction is prepared, in which epoch, and its end.
 * Invariant: a transaction is here once; what answers to an earlier attempt at it changes nothing (KAFKA-16352).
 */
import { ErrorCode, errorName } from "../../protocol/error-codes.ts";
import { WriteTxnMarkers } from "../../protocol/messages/transactions.ts";
import type { Encode } from "../../protocol/schema/message.ts";
import type { Clock, Timer } from "../../storage/clock.ts";
import type { Logger } from "../../storage/logger.ts";
import { type MetadataImage, NO_LEADER } from "../metadata/metadata-image.ts";
import type { PeerBrokers } from "../network/peer-brokers.ts";
import { RpcError } from "../network/rpc-error.ts";
import type { TransactionEnd } from "../state-machine/shard.ts";
import type { MarkerOutcome, MarkerWriter } from "./marker-writer.ts";
import { eachPartition } from "./topic-partitions.ts";
import type { PreparedTransaction } from "./transaction-decision.ts";
import { TransactionState } from "./transaction-state.ts";

/** Leaders that are not there yet, or cannot take a marker now, are asked again after this long, or when the metadata changes. */
const RETRY_MS = 50;
/** Markers in one request, or written here in one turn of the loop: a few milliseconds' worth. */
const MAX_MARKERS = 250;

export interface MarkerSenderOptions {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly image: () => MetadataImage;
  readonly writer: Pick<MarkerWriter, "write">;
  readonly peers: Pick<PeerBrokers, "call" | "close">;
  readonly requestTimeoutMs: number;
  /** Epoch in which this broker coordinates an id; undefined when it does no more. */
  readonly coordinatorEpochOf: (transactionalId: string) => number | undefined;
  /** Every partition has its marker: once for each transaction sent. */
  readonly onEnded: (transaction: PreparedTransaction) => void;
}

/** A transaction some of whose partitions lack their marker. */
interface Ending {
  readonly transaction: PreparedTransaction;
  missing: number;
}

/** One marker on its way. */
interface Marker {
  readonly ending: Ending;
  readonly topic: string;
  readonly partition: number;
}

interface Destination {
  readonly brokerId: number;
  queue: Marker[];
  busy: boolean;
}

export class MarkerSender {
  private readonly options: MarkerSenderOptions;
  private readonly endings = new Map<string, Ending>();
  private readonly destinations = new Map<number, Destination>();
  private waiting: Marker[] = [];
  private retryTimer: Timer | undefined;
  private closed = false;

  constructor(options: MarkerSenderOptions) {
    this.options = options;
  }

  /** Transactions under way; for tests and metrics. */
  get size(): number {
    return this.endings.size;
  }

  /** Sends the markers of a prepared transaction, instead of what is under way for its id. */
  send(transaction: PreparedTransaction): void {
    if (this.closed) return;
    const markers: Marker[] = [];
    const ending: Ending = { transaction, missing: 0 };
    for (const [topic, partition] of eachPartition(transaction.partitions)) markers.push({ ending, topic, partition });
    ending.missing = markers.length;
    this.endings.set(transaction.transactionalId, ending);
    if (markers.length === 0) this.end(ending);
    else this.dispatch(markers);
  }

  /** Somebody else coordinates these ids now, or will send their markers anew. */
  forget(isOurs: (transactionalId: string) => boolean): void {
    for (const transactionalId of this.endings.keys()) {
      if (!isOurs(transactionalId)) this.endings.delete(transactionalId);
    }
  }

  /** Leaders may have changed: what waits looks for them again. */
  metadataChanged(): void {
    if (this.waiting.length > 0) this.retry();
  }

  close(): void {
    this.closed = true;
    this.retryTimer?.cancel();
    this.endings.clear();
    this.destinations.clear();
    this.waiting = [];
    this.options.peers.close();
  }

  private isCurrent(ending: Ending): boolean {
    return this.endings.get(ending.transaction.transactionalId) === ending;
  }

  /** Gives each marker to the broker that leads its partition. */
  private dispatch(markers: readonly Marker[]): void {
    const { nodeId, image } = this.options;
    const { topics, brokers } = image();
    for (const marker of markers) {
      const { ending, topic, partition } = marker;
      if (!this.isCurrent(ending)) continue;
      const known = topics.get(topic)?.partitions[partition];
      if (known === undefined) {
        // It has been deleted: this broker has led the coordinator's partition since after it was made.
        this.written(ending);
        continue;
      }
      const { leader } = known;
      if (leader === NO_LEADER || brokers.get(leader)?.fenced !== false) this.later(marker);
      else this.enqueue(leader, marker);
    }
    const own = this.destinations.get(nodeId);
    if (own !== undefined) this.drain(own);
    for (const destination of this.destinations.values()) this.drain(destination);
  }

  private enqueue(brokerId: number, marker: Marker): void {
    const known = this.destinations.get(brokerId);
    if (known !== undefined) known.queue.push(marker);
    else this.destinations.set(brokerId, { brokerId, queue: [marker], busy: false });
  }

  private drain(destination: Destination): void {
    if (destination.busy || destination.queue.length === 0 || this.closed) return;
    const markers = destination.queue.splice(0, MAX_MARKERS);
    if (destination.brokerId === this.options.nodeId) this.writeHere(destination, markers);
    else this.writeThere(destination, markers);
  }

  /** What one transaction still wants of these markers, in the epoch of today; nothing when it is not ours any more. */
  private *byTransaction(markers: readonly Marker[]): IterableIterator<{ end: TransactionEnd; markers: Marker[] }> {
    const byEnding = new Map<Ending, Marker[]>();
    for (const marker of markers) {
      const known = byEnding.get(marker.ending);
      if (known === undefined) byEnding.set(marker.ending, [marker]);
      else known.push(marker);
    }
    for (const [ending, own] of byEnding) {
      const end = this.isCurrent(ending) ? this.endOf(ending) : undefined;
      if (end !== undefined) yield { end, markers: own };
    }
  }

  private endOf({ transaction }: Ending): TransactionEnd | undefined {
    const coordinatorEpoch = this.options.coordinatorEpochOf(transaction.transactionalId);
    if (coordinatorEpoch === undefined) {
      this.endings.delete(transaction.transactionalId);
      return undefined;
    }
    return {
      producerId: transaction.producerId,
      producerEpoch: transaction.producerEpoch,
      coordinatorEpoch,
      committed: transaction.state === TransactionState.PREPARE_COMMIT,
      transactionVersion: transaction.clientTransactionVersion,
    };
  }

  private writeHere(destination: Destination, markers: readonly Marker[]): void {
    for (const { end, markers: own } of [...this.byTransaction(markers)]) {
      const places = own.map(({ topic, partition }) => [topic, partition] as const);
      this.options.writer.write(end, places).onComplete((outcomes) => {
        if (typeof outcomes !== "symbol") this.answered(own, outcomes);
      });
    }
    if (destination.queue.length === 0) return;
    destination.busy = true;
    this.options.clock.afterPoll(() => {
      destination.busy = false;
      this.drain(destination);
    });
  }

  private writeThere(destination: Destination, markers: readonly Marker[]): void {
    const entries = [...this.byTransaction(markers)];
    if (entries.length === 0) {
      this.drain(destination);
      return;
    }
    const request = { markers: entries.map(({ end, markers: own }) => requestOf(end, own)) };
    const sent = entries.flatMap((entry) => entry.markers);
    const { peers, requestTimeoutMs, logger } = this.options;
    const { brokerId } = destination;
    destination.busy = true;
    void peers
      .call(brokerId, WriteTxnMarkers, request, requestTimeoutMs)
      .then(
        (response) => {
          const byProducer = new Map(response.markers.map((marker) => [marker.producerId, marker.topics]));
          for (const { end, markers: own } of entries) {
            const topics = byProducer.get(end.producerId) ?? [];
            const outcomes = topics.flatMap(({ name, partitions }) =>
              partitions.map(({ partitionIndex, errorCode }) => ({
                topic: name,
                partition: partitionIndex,
                errorCode: errorCode as ErrorCode,
              })),
            );
            this.answered(own, outcomes);
          }
        },
        (error: unknown) => {
          for (const marker of sent) this.later(marker);
          if (error instanceof RpcError) {
            logger.debug({ brokerId, reason: error.message }, "transaction markers have no answer and are sent again");
          } else logger.error({ brokerId, error }, "transaction markers could not be sent, and are sent again");
        },
      )
      // Whatever happened: a transaction whose markers wait behind this for ever never ends.
      .finally(() => {
        destination.busy = false;
        this.drain(destination);
      });
  }

  /** Takes in what became of some markers of one transaction; one of which nothing is said is sent again. */
  private answered(markers: readonly Marker[], outcomes: readonly MarkerOutcome[]): void {
    const codes = new Map(outcomes.map(({ topic, partition, errorCode }) => [`${partition}:${topic}`, errorCode]));
    for (const marker of markers) {
      const { ending, topic, partition } = marker;
      if (!this.isCurrent(ending)) continue;
      this.outcome(marker, codes.get(`${partition}:${topic}`) ?? ErrorCode.UNKNOWN_SERVER_ERROR);
    }
  }

  private outcome(marker: Marker, errorCode: ErrorCode): void {
    const { ending, topic, partition } = marker;
    const { transactionalId } = ending.transaction;
    const { logger } = this.options;
    switch (errorCode) {
      case ErrorCode.NONE:
      // No batch of a transaction can be there.
      case ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT:
      case ErrorCode.UNSUPPORTED_VERSION:
        this.written(ending);
        return;
      case ErrorCode.INVALID_PRODUCER_EPOCH:
      case ErrorCode.TRANSACTION_COORDINATOR_FENCED:
        // Another coordinator, or another transaction, has been there since: this one's end is not ours to write.
        logger.warn(
          { transactionalId, topic, partition, error: errorName(errorCode) },
          "a transaction's end is given up",
        );
        this.endings.delete(transactionalId);
        return;
      case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      case ErrorCode.NOT_LEADER_OR_FOLLOWER:
      case ErrorCode.NOT_ENOUGH_REPLICAS:
      case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
      case ErrorCode.REQUEST_TIMED_OUT:
      case ErrorCode.KAFKA_STORAGE_ERROR:
        this.later(marker);
        return;
      default:
        logger.error(
          { transactionalId, topic, partition, error: errorName(errorCode) },
          "a transaction marker is refused",
        );
        this.later(marker);
    }
  }

  private written(ending: Ending): void {
    if (--ending.missing === 0) this.end(ending);
  }

  private end(ending: Ending): void {
    this.endings.delete(ending.transaction.transactionalId);
    this.options.onEnded(ending.transaction);
  }

  private later(marker: Marker): void {
    if (this.closed) return;
    this.waiting.push(marker);
    this.retryTimer ??= this.options.clock.after(RETRY_MS, () => this.retry());
  }

  private retry(): void {
    this.retryTimer?.cancel();
    this.retryTimer = undefined;
    const markers = this.waiting;
    this.waiting = [];
    this.dispatch(markers);
  }
}

function requestOf(
  end: TransactionEnd,
  markers: readonly Marker[],
): Encode<(typeof WriteTxnMarkers)["request"]>["markers"][number] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of markers) {
    const known = topics.get(topic);
    if (known === undefined) topics.set(topic, [partition]);
    else known.push(partition);
  }
  return {
    producerId: end.producerId,
    producerEpoch: end.producerEpoch,
    transactionResult: end.committed,
    topics: [...topics].map(([name, partitionIndexes]) => ({ name, partitionIndexes })),
    coordinatorEpoch: end.coordinatorEpoch,
    transactionVersion: end.transactionVersion,
  };
}
