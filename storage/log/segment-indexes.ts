/**
 * The offset index and the time index of a segment, which grow together.
 *
 * Owns: which batches get entries, and the largest timestamp so far. Leaves to Segment: whether what the files hold is true, and
 * making them anew. They are not synced while a segment grows.
 */
import type { LogConfig } from "../log-config.ts";
import { OFFSET_ENTRY_BYTES, OffsetIndex } from "./offset-index.ts";
import type { PartitionDirectory } from "./partition-directory.ts";
import { TIME_ENTRY_BYTES, TimeIndex, type TimestampOffset } from "./time-index.ts";

export class SegmentIndexes {
  readonly offset: OffsetIndex;
  readonly time: TimeIndex;
  private readonly baseOffset: number;
  private readonly settings: { readonly config: LogConfig };
  private bytesSinceEntry = 0;
  /** Undefined until it is asked for. */
  private largestSoFar: TimestampOffset | undefined;

  /** @param settings the log's: its config may change. */
  constructor(
    directory: PartitionDirectory,
    baseOffset: number,
    settings: { readonly config: LogConfig },
    fileSuffix: string,
  ) {
    this.baseOffset = baseOffset;
    this.settings = settings;
    this.offset = new OffsetIndex(directory, baseOffset, fileSuffix);
    this.time = new TimeIndex(directory, baseOffset, fileSuffix);
  }

  /** Whether both files are there and hold whole entries only. */
  get areSound(): boolean {
    return this.offset.entries.isSound && this.time.entries.isSound;
  }

  /** Whether one has no room for the next entry; the time index keeps one for the roll. */
  get areFull(): boolean {
    const { segmentIndexBytes } = this.settings.config;
    return (
      this.offset.entries.count >= Math.floor(segmentIndexBytes / OFFSET_ENTRY_BYTES) ||
      this.time.entries.count >= Math.floor(segmentIndexBytes / TIME_ENTRY_BYTES) - 1
    );
  }

  /** The largest timestamp and the last offset of the first batch that has it; timestamp -1 when there is none. */
  get largest(): TimestampOffset {
    this.largestSoFar ??= this.time.last();
    return this.largestSoFar;
  }

  set largest(largest: TimestampOffset) {
    this.largestSoFar = largest;
  }

  /** Makes the files, empty. */
  create(): void {
    this.offset.entries.create();
    this.time.entries.create();
    this.largest = { timestamp: -1, offset: this.baseOffset };
  }

  /** Takes in a batch that lies behind all noted before. */
  note(position: number, sizeBytes: number, lastOffset: number, maxTimestamp: number): void {
    if (maxTimestamp > this.largest.timestamp) this.largest = { timestamp: maxTimestamp, offset: lastOffset };
    if (this.bytesSinceEntry > this.settings.config.indexIntervalBytes) {
      this.offset.append(lastOffset, position);
      this.time.maybeAppend(this.largest.timestamp, this.largest.offset);
      this.bytesSinceEntry = 0;
    }
    this.bytesSinceEntry += sizeBytes;
  }

  /** Drops the entries of batches that reach `offset` or lie behind it; the largest timestamp is the caller's to find. */
  truncateTo(offset: number): void {
    this.offset.truncateTo(offset);
    this.time.truncateTo(offset);
    this.bytesSinceEntry = 0;
  }

  /** Keeps the entries in order that name batches before a position, and before an offset. */
  keepSoundBefore(position: number, offset: number): void {
    this.offset.entries.truncate(this.offset.soundCount(position));
    this.time.keep(this.time.soundCount(offset));
    this.bytesSinceEntry = 0;
  }

  clear(): void {
    this.offset.entries.truncate(0);
    this.time.keep(0);
    this.largest = { timestamp: -1, offset: this.baseOffset };
    this.bytesSinceEntry = 0;
  }

  /** The segment grows no more, for now: the largest timestamp goes into the time index, nothing stays in memory. */
  seal(): void {
    if (this.largestSoFar !== undefined) this.time.maybeAppend(this.largestSoFar.timestamp, this.largestSoFar.offset);
    this.offset.entries.seal();
    this.time.entries.seal();
  }

  /** Hands the entries in memory to the operating system. */
  write(): void {
    this.offset.entries.write();
    this.time.entries.write();
  }

  async sync(): Promise<void> {
    await this.offset.entries.sync();
    await this.time.entries.sync();
  }

  /** Gives the handles back; the indexes can still be used. */
  close(): void {
    this.offset.entries.close();
    this.time.entries.close();
  }

  /** The files have another suffix from now on. */
  renamed(fileSuffix: string): void {
    this.offset.renamed(fileSuffix);
    this.time.renamed(fileSuffix);
  }
}
