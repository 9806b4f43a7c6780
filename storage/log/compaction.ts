/**
 * Cleans a compacted log: of each key only the newest record stays.
 *
 * Two passes: the dirty part is read for its keys, as far as memory allows; then every segment up to there is written again
 * without what is not needed, neighbours that have become small together, and swapped in. Leaves to BatchRetention: what is
 * needed; to planCompaction: which part; to LogCleaner: which log, and when.
 * Invariant: the log may be appended to, read, truncated and trimmed meanwhile; segments are exchanged only if they are still
 * those that were read.
 */

import type { RecordBatch } from "../../protocol/records/record-batch.ts";
import { RecordIterator } from "../../protocol/records/record-iterator.ts";
import { DiskError } from "../disk.ts";
import type { TurnPacer } from "../turn-pacer.ts";
import { BatchReader } from "./batch-reader.ts";
import { BatchRetention, type LastRecord } from "./batch-retention.ts";
import { CleanedTransactions } from "./cleaned-transactions.ts";
import { type CompactionPlan, segmentsBetween } from "./compaction-plan.ts";
import { decompressStored } from "./decompress-task.ts";
import type { LogSurroundings } from "./log-surroundings.ts";
import { OFFSET_ENTRY_BYTES } from "./offset-index.ts";
import { OffsetMap } from "./offset-map.ts";
import { MAX_RELATIVE_OFFSET, type Segment } from "./segment.ts";
import { SegmentWriter } from "./segment-writer.ts";
import type { SegmentedLog } from "./segmented-log.ts";
import { TIME_ENTRY_BYTES } from "./time-index.ts";
import type { AbortedTransactionEntry } from "./transaction-index.ts";

/** The log was truncated, trimmed or closed while it was cleaned: what was done so far is thrown away. */
export class CompactionAborted extends Error {
  override readonly name = "CompactionAborted";
}

export interface CompactionOptions {
  readonly log: SegmentedLog;
  readonly around: LogSurroundings;
  readonly plan: CompactionPlan;
  /** Memory for the keys of the dirty part. */
  readonly maxMapBytes: number;
  readonly pacer: TurnPacer;
  /** False once the log is closed, offline or about to be deleted, or nobody wants it cleaned any more. */
  readonly isWanted: () => boolean;
}

export interface CompactionResult {
  /** Exclusive end of what is clean now; the next cleaning starts there. */
  readonly endOffset: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** @throws CompactionAborted; KafkaError CORRUPT_MESSAGE or InvalidRecordError: it cannot be cleaned; DiskError. */
export function compact(options: CompactionOptions): Promise<CompactionResult> {
  return new Compaction(options).run();
}

class Compaction {
  private readonly options: CompactionOptions;
  private readonly log: SegmentedLog;
  private readonly around: LogSurroundings;
  private readonly pacer: TurnPacer;
  private readonly keys: OffsetMap;
  private readonly wallMs: number;
  private readonly truncations: number;
  private reading: Segment | undefined;
  private bytesRead = 0;
  private bytesWritten = 0;

  constructor(options: CompactionOptions) {
    const { random, clock } = options.around;
    this.options = options;
    this.log = options.log;
    this.around = options.around;
    this.pacer = options.pacer;
    this.keys = new OffsetMap(options.maxMapBytes, random.below(2 ** 32));
    this.wallMs = clock.wallMs();
    this.truncations = options.log.truncations;
  }

  async run(): Promise<CompactionResult> {
    try {
      const endOffset = (await this.mapKeys()) + 1;
      const transactions = new CleanedTransactions();
      for (const group of this.groupSegments(endOffset)) await this.cleanGroup(group, endOffset, transactions);
      return { endOffset, bytesRead: this.bytesRead, bytesWritten: this.bytesWritten };
    } catch (error) {
      // What was read from a segment that is no longer there means nothing.
      if (!this.isWanted()) throw new CompactionAborted("the log changed", { cause: error });
      throw error;
    }
  }

  /** Reads the dirty part for its keys; returns the last offset whose keys are all there. */
  private async mapKeys(): Promise<number> {
    const { firstDirtyOffset, firstUncleanableOffset } = this.options.plan;
    const transactions = new CleanedTransactions();
    transactions.expect(this.abortedBetween(firstDirtyOffset, firstUncleanableOffset));
    let lastMapped = firstDirtyOffset - 1;
    const segments = segmentsBetween(this.log, firstDirtyOffset, firstUncleanableOffset);
    for (const [index, segment] of segments.entries()) {
      const reader = new BatchReader(segment, segment.startFor(firstDirtyOffset), this.endOf(segment));
      for (;;) {
        const batch = await this.read(segment, reader);
        if (batch === undefined) break;
        if (!(await this.mapBatch(batch, transactions))) return lastMapped;
        lastMapped = Math.max(lastMapped, batch.lastOffset);
      }
      // Offsets may be missing at the end of a segment that was cleaned before.
      lastMapped = Math.max(lastMapped, (segments[index + 1]?.baseOffset ?? firstUncleanableOffset) - 1);
    }
    return lastMapped;
  }

  /** False when the memory is used up. */
  private async mapBatch(batch: RecordBatch, transactions: CleanedTransactions): Promise<boolean> {
    if (batch.isControl) {
      transactions.passControl(batch);
      return true;
    }
    // What was aborted replaces nothing.
    if (transactions.passData(batch)) return true;
    const { compute, maxDecompressedBytes } = this.around;
    const payload = await decompressStored(batch, compute, maxDecompressedBytes);
    for (const record of new RecordIterator(batch, payload)) {
      const { key } = record;
      if (key === null || record.offset < this.options.plan.firstDirtyOffset) continue;
      if (!this.keys.put(key, record.offset)) return false;
      const pause = this.pacer.spend(RECORD_COST_BYTES + key.length);
      if (pause !== undefined) await pause;
    }
    return true;
  }

  /** Neighbours that fit into one segment together, by size, index sizes and offsets. */
  private groupSegments(endOffset: number): Segment[][] {
    const { segmentBytes, segmentIndexBytes } = this.log.config;
    const segments = segmentsBetween(this.log, 0, endOffset);
    const groups: Segment[][] = [];
    let group: Segment[] = [];
    const sums = { log: 0, offsetIndex: 0, timeIndex: 0 };
    for (const [index, segment] of segments.entries()) {
      const first = group[0];
      const offsetIndexBytes = segment.offsetIndex.entries.count * OFFSET_ENTRY_BYTES;
      const timeIndexBytes = segment.timeIndex.entries.count * TIME_ENTRY_BYTES;
      // Counting its records would cost a read; it ends before the next one starts.
      const lastOffset = (segments[index + 1]?.baseOffset ?? this.options.plan.firstUncleanableOffset) - 1;
      const fits =
        first !== undefined &&
        sums.log + segment.sizeBytes <= segmentBytes &&
        sums.offsetIndex + offsetIndexBytes <= segmentIndexBytes &&
        sums.timeIndex + timeIndexBytes <= segmentIndexBytes &&
        (segment.sizeBytes === 0 || lastOffset - first.baseOffset <= MAX_RELATIVE_OFFSET);
      if (!fits) {
        group = [];
        groups.push(group);
        sums.log = sums.offsetIndex = sums.timeIndex = 0;
      }
      group.push(segment);
      sums.log += segment.sizeBytes;
      sums.offsetIndex += offsetIndexBytes;
      sums.timeIndex += timeIndexBytes;
    }
    return groups;
  }

  private async cleanGroup(
    group: readonly Segment[],
    endOffset: number,
    transactions: CleanedTransactions,
  ): Promise<void> {
    const pause = this.pacer.spend(GROUP_COST_BYTES);
    if (pause !== undefined) await pause;
    this.mustBeWanted();
    const writer = new SegmentWriter(this.log, (group[0] as Segment).baseOffset);
    try {
      for (const segment of group) await this.cleanInto(writer, segment, endOffset, transactions);
      writer.flush();
    } catch (error) {
      if (error instanceof DiskError) writer.close();
      else writer.discard();
      throw error;
    }
    if (!(await this.log.replaceSegments(writer.written, group))) throw new CompactionAborted();
    this.reading = undefined;
    this.bytesWritten += writer.sizeBytes;
  }

  private async cleanInto(
    writer: SegmentWriter,
    segment: Segment,
    endOffset: number,
    transactions: CleanedTransactions,
  ): Promise<void> {
    const retention = this.retention(endOffset, transactions);
    transactions.expect(this.abortedBetween(segment.baseOffset, this.endOf(segment)));
    const kept: AbortedTransactionEntry[] = [];
    transactions.onAbortKept = (entry) => kept.push(entry);
    const reader = new BatchReader(segment, 0, this.endOf(segment));
    for (;;) {
      const batch = await this.read(segment, reader);
      if (batch === undefined) return;
      const bytes = await retention.retain(batch);
      this.mustBeWanted();
      if (bytes === undefined) continue;
      const pause = this.pacer.throttle(writer.add(bytes, kept.splice(0)));
      if (pause !== undefined) await pause;
    }
  }

  private retention(endOffset: number, transactions: CleanedTransactions): BatchRetention {
    const lastRecords = new Map<number, LastRecord>();
    for (const { producerId, producerEpoch } of this.log.producers()) {
      lastRecords.set(producerId, { lastDataOffset: this.log.lastDataOffset(producerId) ?? -1, producerEpoch });
    }
    const round = {
      keys: this.keys,
      lastMappedOffset: endOffset - 1,
      endOffset: this.options.plan.firstUncleanableOffset,
      transactions,
      lastRecords,
      wallMs: this.wallMs,
      deleteRetentionMs: this.log.config.deleteRetentionMs,
      maxDecompressedBytes: this.around.maxDecompressedBytes,
    };
    return new BatchRetention(round, this.around.compute, this.pacer);
  }

  private async read(segment: Segment, reader: BatchReader): Promise<RecordBatch | undefined> {
    this.reading = segment;
    this.mustBeWanted();
    const from = reader.nextPosition;
    const batch = await reader.next();
    const readBytes = reader.nextPosition - from;
    this.bytesRead += readBytes;
    const pause = this.pacer.throttle(readBytes) ?? this.pacer.spend(readBytes);
    if (pause !== undefined) await pause;
    this.mustBeWanted();
    return batch;
  }

  private abortedBetween(from: number, to: number): AbortedTransactionEntry[] {
    const entries: AbortedTransactionEntry[] = [];
    for (const segment of segmentsBetween(this.log, from, Number.POSITIVE_INFINITY)) {
      if (segment.collectAborted(from, to, entries)) break;
    }
    return entries;
  }

  /** Offset at which the next segment starts. */
  private endOf(segment: Segment): number {
    const { segments } = this.log;
    return segments[segments.indexOf(segment) + 1]?.baseOffset ?? this.log.logEndOffset;
  }

  private mustBeWanted(): void {
    if (!this.isWanted()) throw new CompactionAborted();
  }

  private isWanted(): boolean {
    const { log, reading } = this;
    if (!this.options.isWanted() || log.offline || log.truncations !== this.truncations) return false;
    return reading === undefined || log.segments.includes(reading);
  }
}

/** Making, syncing, renaming and removing files, however small. */
const GROUP_COST_BYTES = 64 * 1024;

/** Noting a key costs about as much as copying this many bytes, however short it is. */
const RECORD_COST_BYTES = 256;
