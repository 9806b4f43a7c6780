/**
 * One segment of a log: a file of batches and the indexes that find one in it.
 *
 * Owns: that an index entry is believed only after a look at the batch it names: indexes are not synced while a segment grows, so
 * after a crash they may be anything, and are then made anew. Leaves to SegmentIndexes: which batches get entries; to SegmentedLog:
 * which offsets come, when to roll and what to keep; to segment-files.ts: renaming and removing.
 * Invariant: `sizeBytes` is the end of the last whole batch.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { RecordBatch } from "../../protocol/records/record-batch.ts";
import type { DiskFile } from "../disk.ts";
import type { LogConfig } from "../log-config.ts";
import { HeaderScan } from "./header-scan.ts";
import type { IndexedPosition, OffsetIndex } from "./offset-index.ts";
import { LOG_SUFFIX, offsetFileName, type PartitionDirectory } from "./partition-directory.ts";
import { SegmentIndexes } from "./segment-indexes.ts";
import type { TimeIndex, TimestampOffset } from "./time-index.ts";
import { type AbortedTransactionEntry, TransactionIndex } from "./transaction-index.ts";

/** Offsets in indexes are relative to the base, as int32; positions are int32. */
export const MAX_RELATIVE_OFFSET = 0x7fffffff;

/** An offset index whose last entry is further from the end, or from a recovery point, than this has lost some. */
export const MAX_INDEX_GAP_BYTES = 8 * 1024 * 1024;

export interface SegmentOptions {
  /** Behind the names of its files, while the cleaner writes them. */
  readonly fileSuffix?: string;
  readonly hasTransactionIndex?: boolean;
  /** Monotonic time of creation, or of the load. */
  readonly createdMs: number;
  /** Wall-clock time of creation, or of the load: the age of a segment whose records have no timestamps. */
  readonly createdWallMs: number;
  /** Taken from segment.ms. */
  readonly jitterMs: number;
}

/** Where a batch lies. */
export interface BatchSpan {
  readonly position: number;
  readonly sizeBytes: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
}

export class Segment {
  readonly baseOffset: number;
  readonly createdMs: number;
  readonly createdWallMs: number;
  readonly jitterMs: number;
  readonly transactionIndex: TransactionIndex;
  private readonly indexes: SegmentIndexes;
  private readonly directory: PartitionDirectory;
  private suffix: string;
  private file: DiskFile | undefined;
  private sizeWhenClosed: number | undefined;
  /** Batches were written or cut since the last sync. */
  private needsSync = false;
  private indexesChecked = false;
  private firstTimestamp: number | undefined;
  /** Where a read ended: who reads on from there needs no index. */
  private readEnd: { readonly offset: number; readonly position: number } | undefined;

  /** @param settings the log's: its config may change. */
  constructor(
    directory: PartitionDirectory,
    baseOffset: number,
    settings: { readonly config: LogConfig },
    options: SegmentOptions,
  ) {
    this.directory = directory;
    this.baseOffset = baseOffset;
    this.suffix = options.fileSuffix ?? "";
    this.createdMs = options.createdMs;
    this.createdWallMs = options.createdWallMs;
    this.jitterMs = options.jitterMs;
    this.indexes = new SegmentIndexes(directory, baseOffset, settings, this.suffix);
    const hasTransactionIndex = options.hasTransactionIndex === true;
    this.transactionIndex = new TransactionIndex(directory, baseOffset, hasTransactionIndex, this.suffix);
  }

  get fileSuffix(): string {
    return this.suffix;
  }

  get sizeBytes(): number {
    return this.file?.sizeBytes ?? this.sizeWhenClosed ?? this.log.sizeBytes;
  }

  /** The file of batches. */
  get log(): DiskFile {
    this.file ??= this.directory.open(offsetFileName(this.baseOffset, LOG_SUFFIX) + this.suffix);
    return this.file;
  }

  get offsetIndex(): OffsetIndex {
    return this.indexes.offset;
  }

  get timeIndex(): TimeIndex {
    return this.indexes.time;
  }

  /** Makes the files, empty. */
  create(): void {
    this.file = this.directory.create(offsetFileName(this.baseOffset, LOG_SUFFIX) + this.suffix);
    this.indexes.create();
    this.indexesChecked = true;
  }

  canHold(lastOffset: number): boolean {
    return lastOffset - this.baseOffset <= MAX_RELATIVE_OFFSET;
  }

  /** Whether an index has no room for the next entry. */
  get indexesAreFull(): boolean {
    this.checkIndexes();
    return this.indexes.areFull;
  }

  /** Largest timestamp of its batches; the offset is the last of the first batch that has it. Timestamp -1 when there is none. */
  get largestTimestamp(): TimestampOffset {
    this.checkIndexes();
    return this.indexes.largest;
  }

  /** Largest timestamp of the first batch; undefined for an empty segment. */
  get firstBatchTimestamp(): number | undefined {
    if (this.firstTimestamp === undefined && this.sizeBytes > 0) {
      this.firstTimestamp = HeaderScan.lookup(this.log, 0, this.sizeBytes).next()?.maxTimestamp;
    }
    return this.firstTimestamp;
  }

  /** Appends whole batches; to be followed by `noteBatch` for each. Returns the position of the first. @throws DiskError */
  append(chunks: readonly Buffer[]): number {
    this.needsSync = true;
    return this.log.append(chunks);
  }

  /** Takes in a batch that lies in the file behind all noted before. */
  noteBatch(position: number, sizeBytes: number, lastOffset: number, maxTimestamp: number): void {
    if (position === 0) this.firstTimestamp = maxTimestamp;
    this.indexes.note(position, sizeBytes, lastOffset, maxTimestamp);
  }

  /**
   * The first batch that reaches `offset` or lies behind it; undefined when the segment ends before.
   * @throws KafkaError CORRUPT_MESSAGE when what lies there is no batch.
   */
  locate(offset: number): BatchSpan | undefined {
    const end = this.sizeBytes;
    if (end === 0) return undefined;
    const scan = HeaderScan.lookup(this.log, this.startFor(offset), end);
    let batch = scan.next();
    while (batch !== undefined && batch.lastOffset < offset) batch = scan.next();
    if (batch !== undefined) return spanOf(batch, scan.position);
    if (scan.isAtEnd) return undefined;
    throw new KafkaError(
      ErrorCode.CORRUPT_MESSAGE,
      `no batch at byte ${scan.nextPosition} of segment ${this.baseOffset}`,
    );
  }

  /** The batch that ends at the position is the last one below the offset. */
  noteReadEnd(offset: number, position: number): void {
    this.readEnd = { offset, position };
  }

  /** The last whole batch, if any; bytes may stand behind it that are none. */
  lastBatch(): BatchSpan | undefined {
    const end = this.sizeBytes;
    if (end === 0) return undefined;
    const scan = HeaderScan.lookup(this.log, this.startFor(this.baseOffset + MAX_RELATIVE_OFFSET), end);
    let last: BatchSpan | undefined;
    for (let batch = scan.next(); batch !== undefined; batch = scan.next()) {
      if (batch.baseOffset <= (last?.lastOffset ?? this.baseOffset - 1)) break;
      last = spanOf(batch, scan.position);
    }
    return last;
  }

  /** Position from which the first batch that reaches `offset` is found by going on. */
  startFor(offset: number): number {
    if (this.readEnd?.offset === offset) return this.readEnd.position;
    this.checkIndexes();
    const found = this.offsetIndex.lookup(offset);
    if (this.confirms(found)) return found.position;
    this.rebuildIndexes();
    return this.offsetIndex.lookup(offset).position;
  }

  /** Position of the batch so many index entries before the end, of the first one when there are fewer; undefined when the index lies. */
  tailStart(entryCount: number): number | undefined {
    const { offsetIndex } = this;
    if (!offsetIndex.entries.isSound) return undefined;
    const found = offsetIndex.at(offsetIndex.entries.count - entryCount);
    return this.confirms(found) ? found.position : undefined;
  }

  /** Position from which the first record at or behind `offset` with a timestamp at or above is found by going on. */
  startForTimestamp(timestamp: number, offset: number): number {
    this.checkIndexes();
    let indexed = this.timeIndex.lookup(timestamp);
    if (indexed.timestamp >= 0 && !this.confirmsTime(indexed)) {
      this.rebuildIndexes();
      indexed = this.timeIndex.lookup(timestamp);
    }
    return this.startFor(Math.max(indexed.offset, offset));
  }

  /** Whether a batch that an entry of the time index names has the entry's timestamp. */
  private confirmsTime({ timestamp, offset }: TimestampOffset): boolean {
    const span = this.locate(offset);
    if (span === undefined) return false;
    return HeaderScan.lookup(this.log, span.position, this.sizeBytes).next()?.maxTimestamp === timestamp;
  }

  /** Whether a batch lies at the position an index entry names, and starts at or before the entry's offset. */
  confirms({ position, lastOffset }: IndexedPosition): boolean {
    if (position === 0) return true;
    if (position < 0 || position >= this.sizeBytes) return false;
    const batch = HeaderScan.lookup(this.log, position, this.sizeBytes).next();
    return batch !== undefined && batch.baseOffset >= this.baseOffset && batch.baseOffset <= lastOffset;
  }

  /** Drops the batch that reaches `offset` and all behind it; returns the offset at which the segment now ends. */
  truncateTo(offset: number): number {
    const span = this.locate(offset);
    this.indexes.truncateTo(offset);
    this.transactionIndex.truncateTo(offset);
    if (span === undefined) return offset;
    this.cut(span.position);
    if (span.position === 0) this.firstTimestamp = undefined;
    this.findLargestTimestamp();
    return Math.min(offset, span.baseOffset);
  }

  /** Cuts the file; what is known of its end is the caller's. */
  cut(sizeBytes: number): void {
    this.needsSync = true;
    this.readEnd = undefined;
    this.log.truncate(sizeBytes);
  }

  /** Keeps the index entries of batches before a position, and finds the largest timestamp of those. */
  keepIndexesBefore(position: number, offset: number): void {
    this.indexesChecked = true;
    this.indexes.keepSoundBefore(position, offset);
    this.findLargestTimestamp(position);
  }

  /** Brings indexes up to the end of the segment whose last entries a power cut may have taken. */
  completeIndexes(): void {
    this.checkIndexes();
    const { offsetIndex, sizeBytes } = this;
    const last = offsetIndex.last();
    if (this.confirms(last) && sizeBytes - last.position <= MAX_INDEX_GAP_BYTES) {
      this.keepIndexesBefore(sizeBytes, Number.POSITIVE_INFINITY);
      this.seal();
    } else this.rebuildIndexes();
  }

  /** Looks for the largest timestamp from the last entry of the time index on. @param end exclusive position. */
  private findLargestTimestamp(end = this.sizeBytes): void {
    let largest = this.timeIndex.last();
    const scan = new HeaderScan(this.log, end === 0 ? 0 : this.startFor(largest.offset), end);
    for (let batch = scan.next(); batch !== undefined; batch = scan.next()) {
      if (batch.maxTimestamp > largest.timestamp) largest = { timestamp: batch.maxTimestamp, offset: batch.lastOffset };
    }
    this.indexes.largest = largest;
  }

  /** Makes the offset and the time index anew from the batches' headers. */
  private rebuildIndexes(): void {
    this.clearIndexes();
    const scan = new HeaderScan(this.log, 0, this.sizeBytes);
    for (let batch = scan.next(); batch !== undefined; batch = scan.next()) {
      this.noteBatch(scan.position, batch.sizeBytes, batch.lastOffset, batch.maxTimestamp);
    }
    this.seal();
  }

  /** Empties the offset and the time index: the batches are about to be noted again. */
  clearIndexes(): void {
    this.indexesChecked = true;
    this.indexes.clear();
    this.firstTimestamp = undefined;
  }

  /** The segment grows no more, for now: the largest timestamp goes into the time index, nothing stays in memory. */
  seal(): void {
    this.indexes.seal();
  }

  /** Adds aborted transactions that reach into [fetchOffset, upperBound); true when later segments have none of them. */
  collectAborted(fetchOffset: number, upperBound: number, into: AbortedTransactionEntry[]): boolean {
    return this.transactionIndex.collect(fetchOffset, upperBound, into);
  }

  /** Batches and indexes are on the device when it resolves. */
  async sync(): Promise<void> {
    await this.syncBatches();
    await this.indexes.sync();
  }

  /** Batches were written or cut since the last sync, or may have been. */
  get isUnsynced(): boolean {
    return this.needsSync;
  }

  /** Its batches may not be on the device: an earlier run wrote them. */
  assumeUnsynced(): void {
    this.needsSync = true;
  }

  /**
   * Batches, and what cannot be made anew from them alone, are on the device when it resolves. Index entries are with the operating
   * system: what reads on from there after a kill finds its place with them.
   */
  async syncBatches(): Promise<void> {
    this.indexes.write();
    if (this.needsSync) {
      this.needsSync = false;
      await this.log.sync();
    }
    await this.transactionIndex.sync();
  }

  /** Gives the handles back; the segment can still be used. */
  close(): void {
    this.sizeWhenClosed = this.file?.sizeBytes ?? this.sizeWhenClosed;
    this.file?.close();
    this.file = undefined;
    this.indexes.close();
    this.transactionIndex.close();
    this.indexesChecked = false;
  }

  /** Its files have another suffix from now on. */
  renamed(suffix: string): void {
    this.suffix = suffix;
    this.indexes.renamed(suffix);
    this.transactionIndex.renamed(suffix);
  }

  private checkIndexes(): void {
    if (this.indexesChecked) return;
    this.indexesChecked = true;
    if (!this.indexes.areSound) this.rebuildIndexes();
  }
}

function spanOf(batch: RecordBatch, position: number): BatchSpan {
  return { position, sizeBytes: batch.sizeBytes, baseOffset: batch.baseOffset, lastOffset: batch.lastOffset };
}
