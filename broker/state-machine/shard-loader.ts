/**
 * Loading a shard: its log replayed from the start, in pieces, with the sockets polled in between.
 *
 * Owns: the walk, that no turn takes long, and that one bad record does not take a shard away. Leaves to the machine: meaning.
 * Differs from Kafka: a coordinator skips and logs a record that it cannot read when it loads; Kafka's then serves none of the
 * groups of that partition.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { BatchIterator } from "../../protocol/records/batch-iterator.ts";
import { decompressRecords } from "../../protocol/records/compression.ts";
import { CompressionError } from "../../protocol/records/compression-error.ts";
import { ControlRecordType, controlRecordType } from "../../protocol/records/control-record.ts";
import { InvalidRecordError } from "../../protocol/records/invalid-record-error.ts";
import { CURRENT_MAGIC, type RecordBatch } from "../../protocol/records/record-batch.ts";
import { RecordIterator } from "../../protocol/records/record-iterator.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Logger } from "../../storage/logger.ts";
import type { CoordinatorLog } from "./coordinator-log.ts";
import type { RecordTypes } from "./coordinator-record.ts";
import type { StateMachine } from "./decision.ts";
import type { Timeline } from "./versioned.ts";

/** Read at once; offsets.load.buffer.size is 5 MiB in Kafka, which works in threads of its own. */
const READ_BYTES = 1024 * 1024;
/** Replayed in one turn of the loop, a few milliseconds' worth. */
const RECORDS_PER_TURN = 1000;
/** Of a compressed batch; others have been written by coordinators, which do not compress. */
const MAX_DECOMPRESSED_BYTES = 64 * 1024 * 1024;

export interface LoadSummary {
  readonly records: number;
  readonly skipped: number;
  readonly durationMs: number;
}

/** The shard that is loaded, as far as loading goes. */
export interface LoadTarget {
  readonly log: CoordinatorLog;
  readonly timeline: Timeline;
  readonly machine: Pick<StateMachine<never, never, never>, "replay" | "replayEndTransaction">;
  /** Whether it is still wanted. */
  readonly closed: boolean;
}

export class ShardLoader {
  private readonly shard: LoadTarget;
  private readonly types: RecordTypes;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private records = 0;
  private skipped = 0;
  private sincePause = 0;

  constructor(shard: LoadTarget, types: RecordTypes, clock: Clock, logger: Logger) {
    this.shard = shard;
    this.types = types;
    this.clock = clock;
    this.logger = logger;
  }

  /**
   * Replays the whole log; undefined when the shard was closed meanwhile. Ends with the timeline at the log's end.
   * @throws KafkaError when the log cannot be read.
   */
  async load(): Promise<LoadSummary | undefined> {
    const startMs = this.clock.monotonicMs();
    const { log, timeline } = this.shard;
    let offset = log.logStartOffset;
    while (offset < log.logEndOffset) {
      const next = await this.loadFrom(offset);
      if (this.shard.closed) return undefined;
      if (next === offset) break; // nothing is left there: compaction took the last records away
      offset = next;
    }
    timeline.endOffset = log.logEndOffset;
    return { records: this.records, skipped: this.skipped, durationMs: this.clock.monotonicMs() - startMs };
  }

  /** Replays the batches one read gives; returns where to go on. */
  private async loadFrom(offset: number): Promise<number> {
    const { log } = this.shard;
    let read: Awaited<ReturnType<typeof log.read>>;
    try {
      read = await log.read(offset, READ_BYTES);
    } catch (error) {
      // The log start has moved past what is to be read next.
      if (error instanceof KafkaError && error.code === ErrorCode.OFFSET_OUT_OF_RANGE && log.logStartOffset > offset) {
        return log.logStartOffset;
      }
      throw error;
    }
    let next = offset;
    try {
      const bytes = read.pieces.length === 1 ? (read.pieces[0] as Buffer) : Buffer.concat(read.pieces);
      for (const batch of new BatchIterator(bytes)) {
        if (batch.magic !== CURRENT_MAGIC || batch.nextOffset <= offset) continue;
        await this.replayBatch(batch, offset);
        if (++this.sincePause >= RECORDS_PER_TURN) await this.pause();
        if (this.shard.closed) return next;
        next = batch.nextOffset;
      }
    } finally {
      read.release();
    }
    return next;
  }

  private async replayBatch(batch: RecordBatch, fromOffset: number): Promise<void> {
    try {
      for (const record of new RecordIterator(batch, decompressRecords(batch, MAX_DECOMPRESSED_BYTES))) {
        if (record.offset < fromOffset) continue;
        if (batch.isControl) this.replayMarker(batch, record.offset, record.key);
        else this.replayRecord(batch, record.offset, record.key, record.value);
        if (++this.sincePause >= RECORDS_PER_TURN) await this.pause();
        if (this.shard.closed) return;
      }
    } catch (error) {
      if (!(error instanceof InvalidRecordError || error instanceof CompressionError)) throw error;
      this.skip(batch.baseOffset, error);
    }
  }

  private replayMarker(batch: RecordBatch, offset: number, key: Buffer | null): void {
    this.shard.timeline.endOffset = offset + 1;
    const type = controlRecordType(key);
    if (type !== ControlRecordType.COMMIT && type !== ControlRecordType.ABORT) return;
    this.shard.machine.replayEndTransaction(batch.producerId, type === ControlRecordType.COMMIT);
    this.records++;
  }

  private replayRecord(batch: RecordBatch, offset: number, key: Buffer | null, value: Buffer | null): void {
    this.shard.timeline.endOffset = offset + 1;
    let record: ReturnType<RecordTypes["decode"]>;
    try {
      record = key === null ? undefined : this.types.decode(key, value);
    } catch (error) {
      // Whatever these bytes are, they are no record of ours.
      this.skip(offset, error);
      return;
    }
    if (record === undefined) {
      this.skipped++;
      return;
    }
    const producerId = batch.isTransactional ? batch.producerId : -1;
    this.shard.machine.replay(record, { offset, producerId });
    this.records++;
  }

  private skip(offset: number, error: unknown): void {
    this.skipped++;
    this.logger.warn({ offset, error: String(error) }, "a record of a coordinator cannot be read and is skipped");
  }

  private pause(): Promise<void> {
    this.sincePause = 0;
    return new Promise((resolve) => this.clock.afterPoll(resolve));
  }
}
