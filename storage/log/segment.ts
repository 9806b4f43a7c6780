/**
 * One segment of a log: a file of batches and the indexes that find one in it.
 *
 * Owns: which batches get index entries, and that an index entry is believed only after a look at the batch it names: indexes are
 * not synced while a segment grows, so after a crash they may be anything, and are then made anew. Leaves to SegmentedLog: which
 * offsets come, when to roll and what to keep; to SegmentFiles: renaming and removing.
 * Invariant: `sizeBytes` is the end of the last whole batch.
 */
import type { RecordBatch } from "../../protocol/records/record-batch.ts";
import type { DiskFile } from "../disk.ts";
import type { LogConfig } from "../log-config.ts";
import { HeaderScan } from "./header-scan.ts";
import { type IndexedPosition, OFFSET_ENTRY_BYTES, OffsetIndex } from "./offset-index.ts";
import { LOG_SUFFIX, offsetFileName, type PartitionDirectory } from "./partition-directory.ts";
import { TIME_ENTRY_BYTES, TimeIndex, type TimestampOffset } from "./time-index.ts";
import type { AbortedTransactionEntry } from "./transaction-index.ts";
import { TransactionIndex } from "./transaction-index.ts";

/** Offsets in indexes are relative to the base, as int32; positions are int32. */
export const MAX_RELATIVE_OFFSET = 0x7fffffff;

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
  readonly offsetIndex: OffsetIndex;
  readonly timeIndex: TimeIndex;
  readonly transactionIndex: TransactionIndex;
  private readonly directory: PartitionDirectory;
  private readonly settings: { readonly config: LogConfig };
  private suffix: string;
  private file: DiskFile | undefined;
  /** Batches were written or cut since the last sync. */
  private needsSync = false;
  private indexesChecked = false;
  private bytesSinceIndexEntry = 0;
  /** Undefined until it is asked for. */
  private largest: TimestampOffset | undefined;
  private firstTimestamp: number | undefined;

  /** @param settings the log's: its config may change. */
  constructor(
    directory: PartitionDirectory,
    baseOffset: number,
    settings: { readonly config: LogConfig },
    options: SegmentOptions,
  ) {
    this.directory = directory;
    this.baseOffset = baseOffset;
    this.settings = settings;
    this.suffix = options.fileSuffix ?? "";
    this.createdMs = options.createdMs;
    this.createdWallMs = options.createdWallMs;
    this.jitterMs = options.jitterMs;
    this.offsetIndex = new OffsetIndex(directory, baseOffset, this.suffix);
    this.timeIndex = new TimeIndex(directory, baseOffset, this.suffix);
    this.transactionIndex = new TransactionIndex(
      directory,
      baseOffset,
      options.hasTransactionIndex === true,
      this.suffix,
    );
  }

  get fileSuffix(): string {
    return this.suffix;
  }

  get sizeBytes(): number {
    return this.log.sizeBytes;
  }

  /** The file of batches. */
  get log(): DiskFile {
    this.file ??= this.directory.open(offsetFileName(this.baseOffset, LOG_SUFFIX) + this.suffix);
    return this.file;
  }

  /** Makes the files, empty. */
  create(): void {
    this.file = this.directory.create(offsetFileName(this.baseOffset, LOG_SUFFIX) + this.suffix);
    this.offsetIndex.entries.create();
    this.timeIndex.entries.create();
    this.indexesChecked = true;
    this.largest = { timestamp: -1, offset: this.baseOffset };
  }

  canHold(lastOffset: number): boolean {
    return lastOffset - this.baseOffset <= MAX_RELATIVE_OFFSET;
  }

  /** Whether an index has no room for the next entry; the time index keeps one for the roll. */
  get indexesAreFull(): boolean {
    this.checkIndexes();
    const { segmentIndexBytes } = this.settings.config;
    return (
      this.offsetIndex.entries.count >= Math.floor(segmentIndexBytes / OFFSET_ENTRY_BYTES) ||
      this.timeIndex.entries.count >= Math.floor(segmentIndexBytes / TIME_ENTRY_BYTES) - 1
    );
  }

  /** Largest timestamp of its batches; the offset is the last of the first batch that has it. Timestamp -1 when there is none. */
  get largestTimestamp(): TimestampOffset {
    if (this.largest === undefined) {
      this.checkIndexes();
      this.largest = this.timeIndex.last();
    }
    return this.largest;
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
    if (maxTimestamp > this.largestTimestamp.timestamp) this.largest = { timestamp: maxTimestamp, offset: lastOffset };
    if (this.bytesSinceIndexEntry > this.settings.config.indexIntervalBytes) {
      this.offsetIndex.append(lastOffset, position);
      const { timestamp, offset } = this.largestTimestamp;
      this.timeIndex.maybeAppend(timestamp, offset);
      this.bytesSinceIndexEntry = 0;
    }
    this.bytesSinceIndexEntry += sizeBytes;
  }

  /** The first batch that reaches `offset` or lies behind it; undefined when the segment ends before. */
  locate(offset: number): BatchSpan | undefined {
    const end = this.sizeBytes;
    if (end === 0) return undefined;
    this.checkIndexes();
    let found = this.offsetIndex.lookup(offset);
    let scan = HeaderScan.lookup(this.log, found.position, end);
    let batch = scan.next();
    if (!this.isNamedBy(found, batch)) {
      this.rebuildIndexes();
      found = this.offsetIndex.lookup(offset);
      scan = HeaderScan.lookup(this.log, found.position, end);
      batch = scan.next();
    }
    while (batch !== undefined && batch.lastOffset < offset) batch = scan.next();
    return batch === undefined ? undefined : spanOf(batch, scan.position);
  }

  /** The last whole batch, if any; bytes may stand behind it that are none. */
  lastBatch(): BatchSpan | undefined {
    const end = this.sizeBytes;
    if (end === 0) return undefined;
    const scan = HeaderScan.lookup(this.log, this.startFor(this.baseOffset + MAX_RELATIVE_OFFSET), end);
    let last: BatchSpan | undefined;
    for (let batch = scan.next(); batch !== undefined; batch = scan.next()) last = spanOf(batch, scan.position);
    return last;
  }

  /** Position from which the first batch that reaches `offset` is found by going on. */
  startFor(offset: number): number {
    this.checkIndexes();
    const found = this.offsetIndex.lookup(offset);
    if (this.confirms(found)) return found.position;
    this.rebuildIndexes();
    return this.offsetIndex.lookup(offset).position;
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

  /** Whether the batch that an index entry names is there. */
  confirms(entry: IndexedPosition): boolean {
    if (entry.position < 0 || entry.position >= this.sizeBytes) return entry.position === 0;
    return this.isNamedBy(entry, HeaderScan.lookup(this.log, entry.position, this.sizeBytes).next());
  }

  /** Whether a batch at the entry's position starts at or before the entry's offset. */
  private isNamedBy({ position, lastOffset }: IndexedPosition, batch: RecordBatch | undefined): boolean {
    if (position === 0) return true;
    return batch !== undefined && batch.baseOffset >= this.baseOffset && batch.baseOffset <= lastOffset;
  }

  /** Drops the batch that reaches `offset` and all behind it; returns the offset at which the segment now ends. */
  truncateTo(offset: number): number {
    const span = this.locate(offset);
    this.offsetIndex.truncateTo(offset);
    this.timeIndex.truncateTo(offset);
    this.transactionIndex.truncateTo(offset);
    if (span === undefined) return offset;
    this.cut(span.position);
    return Math.min(offset, span.baseOffset);
  }

  /** Cuts the file and forgets what was known of its end; the indexes are the caller's. */
  cut(sizeBytes: number): void {
    this.needsSync = true;
    this.log.truncate(sizeBytes);
    if (sizeBytes === 0) this.firstTimestamp = undefined;
    this.bytesSinceIndexEntry = 0;
    this.findLargestTimestamp();
  }

  /** Keeps the entries of batches before a position, and finds the largest timestamp of those. */
  keepIndexesBefore(position: number, offset: number): void {
    this.indexesChecked = true;
    this.offsetIndex.entries.truncate(this.offsetIndex.soundCount(position));
    this.timeIndex.keep(this.timeIndex.soundCount(offset));
    this.bytesSinceIndexEntry = 0;
    this.findLargestTimestamp(position);
  }

  /** Looks for the largest timestamp from the last entry of the time index on. @param end exclusive position. */
  private findLargestTimestamp(end = this.sizeBytes): void {
    let largest = this.timeIndex.last();
    const scan = new HeaderScan(this.log, end === 0 ? 0 : this.startFor(largest.offset), end);
    for (let batch = scan.next(); batch !== undefined; batch = scan.next()) {
      if (batch.maxTimestamp > largest.timestamp) largest = { timestamp: batch.maxTimestamp, offset: batch.lastOffset };
    }
    this.largest = largest;
  }

  /** Makes the offset and the time index anew from the batches' headers. */
  rebuildIndexes(): void {
    this.indexesChecked = true;
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
    this.offsetIndex.entries.truncate(0);
    this.timeIndex.keep(0);
    this.largest = { timestamp: -1, offset: this.baseOffset };
    this.firstTimestamp = undefined;
    this.bytesSinceIndexEntry = 0;
  }

  /** The segment grows no more, for now: the largest timestamp goes into the time index, nothing stays in memory. */
  seal(): void {
    if (this.largest !== undefined) this.timeIndex.maybeAppend(this.largest.timestamp, this.largest.offset);
    this.offsetIndex.entries.seal();
    this.timeIndex.entries.seal();
  }

  /** Adds aborted transactions that reach into [fetchOffset, upperBound); true when later segments have none of them. */
  collectAborted(fetchOffset: number, upperBound: number, into: AbortedTransactionEntry[]): boolean {
    return this.transactionIndex.collect(fetchOffset, upperBound, into);
  }

  /** Batches and indexes are on the device when it resolves. */
  async sync(): Promise<void> {
    await this.syncBatches();
    await this.offsetIndex.entries.sync();
    await this.timeIndex.entries.sync();
  }

  /** Its batches may not be on the device: an earlier run wrote them. */
  assumeUnsynced(): void {
    this.needsSync = true;
  }

  /** Batches, and what cannot be made anew from them alone, are on the device when it resolves. */
  async syncBatches(): Promise<void> {
    if (this.needsSync) {
      this.needsSync = false;
      await this.log.sync();
    }
    await this.transactionIndex.sync();
  }

  /** Gives the handles back; the segment can still be used. */
  close(): void {
    this.file?.close();
    this.file = undefined;
    this.offsetIndex.entries.close();
    this.timeIndex.entries.close();
    this.transactionIndex.close();
    this.indexesChecked = false;
  }

  /** Its files have another suffix from now on. */
  renamed(suffix: string): void {
    this.suffix = suffix;
    this.offsetIndex.renamed(suffix);
    this.timeIndex.renamed(suffix);
    this.transactionIndex.renamed(suffix);
  }

  private checkIndexes(): void {
    if (this.indexesChecked) return;
    this.indexesChecked = true;
    if (!this.offsetIndex.entries.isSound || !this.timeIndex.entries.isSound) this.rebuildIndexes();
  }
}

function spanOf(batch: RecordBatch, position: number): BatchSpan {
  return { position, sizeBytes: batch.sizeBytes, baseOffset: batch.baseOffset, lastOffset: batch.lastOffset };
}
