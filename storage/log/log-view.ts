/**
 * What a log tells of itself without touching its disk: marks, epochs, producers, segments.
 *
 * Leaves to SegmentedLog: everything that may fail.
 */
import type { LogConfig } from "../log-config.ts";
import type { ProducerStateView, TransactionVerification } from "../partition-log.ts";
import type { EpochEntry } from "./leader-epochs.ts";
import type { LogState } from "./log-state.ts";
import type { OpenLogOptions } from "./log-surroundings.ts";
import type { Segment } from "./segment.ts";

export abstract class LogView {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  readonly directoryId: string;
  protected readonly state: LogState;

  constructor(state: LogState, topicId: string, options: OpenLogOptions) {
    this.topic = options.topic;
    this.partition = options.partition;
    this.topicId = topicId;
    this.directoryId = options.directoryId;
    this.state = state;
  }

  /** The partition's directory. */
  get path(): string {
    return this.state.directory.path;
  }

  get logStartOffset(): number {
    return this.state.logStartOffset;
  }

  get logEndOffset(): number {
    return this.state.logEndOffset;
  }

  get syncedEndOffset(): number {
    return this.state.syncedEndOffset;
  }

  get countedEndOffset(): number {
    const { config, logEndOffset, syncedEndOffset } = this.state;
    return logEndOffset - syncedEndOffset < config.flushMessages ? logEndOffset : syncedEndOffset;
  }

  /** What lies below it is on the device, with everything that says what it means; a crash leaves the rest to be read again. */
  get recoveryPoint(): number {
    return this.state.recoveryPoint;
  }

  get highWatermark(): number {
    return this.state.highWatermark;
  }

  get lastStableOffset(): number {
    return this.state.lastStableOffset;
  }

  get latestLeaderEpoch(): number {
    return this.state.epochs.latestEpoch;
  }

  /** Ascending; for tests and for what describes the log. */
  get leaderEpochs(): readonly EpochEntry[] {
    return this.state.epochs.all;
  }

  get sizeBytes(): number {
    return this.state.segments.sizeBytes;
  }

  get config(): LogConfig {
    return this.state.config;
  }

  /** Ascending, the active one last; not to be kept across turns. */
  get segments(): readonly Segment[] {
    return this.state.segments.all;
  }

  get activeSegment(): Segment {
    return this.state.segments.active;
  }

  inSameSegment(offset: number, endOffset: number): boolean {
    const { segments } = this.state;
    return segments.floorIndex(offset) === segments.floorIndex(endOffset);
  }

  epochForOffset(offset: number): number {
    return this.state.epochs.epochFor(offset);
  }

  startVerification(
    producerId: number,
    producerEpoch: number,
    firstSequence: number,
    supportsEpochBump: boolean,
  ): TransactionVerification | undefined {
    const { producers, around } = this.state;
    // KAFKA-18042: a producer that is fenced here learns it before anybody is asked.
    producers.requireEpoch(producerId, producerEpoch);
    if (producers.hasOpenTransaction(producerId, producerEpoch)) return undefined;
    const nowMs = around.clock.monotonicMs();
    return producers.verifications.start(producerId, producerEpoch, firstSequence, supportsEpochBump, nowMs);
  }

  hasOpenTransaction(producerId: number, producerEpoch: number): boolean {
    return this.state.producers.hasOpenTransaction(producerId, producerEpoch);
  }

  producers(): ProducerStateView[] {
    return this.state.producers.views();
  }

  expireProducers(): void {
    this.state.producers.expire(this.state.around.clock.monotonicMs());
  }

  /** Offset of a producer's last record here, -1 when it has none; undefined for a producer that is not known (any more). */
  lastDataOffset(producerId: number): number | undefined {
    return this.state.producers.lastDataOffset(producerId);
  }

  /** Grows with each truncation. */
  get truncations(): number {
    return this.state.truncations;
  }

  /** The lowest offset truncated to since the last call; infinite when there was none. */
  takeLowestTruncation(): number {
    const offset = this.state.truncatedTo;
    this.state.truncatedTo = Number.POSITIVE_INFINITY;
    return offset;
  }

  updateConfig(config: LogConfig): void {
    this.state.config = config;
  }
}
