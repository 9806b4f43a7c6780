/**
 * The time index of a segment: the largest timestamp up to an offset, strictly growing.
 *
 * Entry (12 bytes): int64 timestamp, int32 last offset of the batch that has it, relative to the segment's base. Leaves to
 * Segment: when an entry is due. The last one, written on a roll and on a close, is the largest timestamp of the segment.
 */
import { readInt64, writeInt64 } from "../../protocol/records/int64.ts";
import { EntryFile } from "./entry-file.ts";
import { offsetFileName, type PartitionDirectory, TIME_INDEX_SUFFIX } from "./partition-directory.ts";

export const TIME_ENTRY_BYTES = 12;

export interface TimestampOffset {
  readonly timestamp: number;
  readonly offset: number;
}

const entry = Buffer.alloc(TIME_ENTRY_BYTES);
const timestampOf = (buffer: Buffer, at: number): number => readInt64(buffer, at);
const relativeOffsetOf = (buffer: Buffer, at: number): number => buffer.readInt32BE(at + 8);

export class TimeIndex {
  readonly entries: EntryFile;
  private readonly baseOffset: number;
  private lastEntry: TimestampOffset | undefined;

  constructor(directory: PartitionDirectory, baseOffset: number, fileSuffix = "") {
    this.baseOffset = baseOffset;
    this.entries = new EntryFile(directory, this.nameWith(fileSuffix), TIME_ENTRY_BYTES);
  }

  /** Nothing happens unless the timestamp is above the last entry's. */
  maybeAppend(timestamp: number, offset: number): void {
    if (timestamp <= this.last().timestamp) return;
    writeInt64(entry, 0, timestamp);
    entry.writeInt32BE(offset - this.baseOffset, 8);
    this.entries.append(entry);
    this.lastEntry = { timestamp, offset };
  }

  /** The entry with the largest timestamp that is at most `timestamp`. */
  lookup(timestamp: number): TimestampOffset {
    return this.at(this.entries.floor(timestamp, timestampOf));
  }

  /** Timestamp -1 at the base offset when there is none. */
  last(): TimestampOffset {
    this.lastEntry ??= this.at(this.entries.count - 1);
    return this.lastEntry;
  }

  at(index: number): TimestampOffset {
    if (index < 0) return { timestamp: -1, offset: this.baseOffset };
    this.entries.read(index, entry);
    return { timestamp: readInt64(entry, 0), offset: this.baseOffset + entry.readInt32BE(8) };
  }

  /** Drops entries at or behind `offset`. */
  truncateTo(offset: number): void {
    this.keep(this.entries.floor(offset - 1 - this.baseOffset, relativeOffsetOf) + 1);
  }

  keep(count: number): void {
    this.entries.truncate(count);
    this.lastEntry = undefined;
  }

  /** How many entries from the first on are in order, below `endOffset`. */
  soundCount(endOffset: number): number {
    let lastTimestamp = -1;
    let lastOffset = -1;
    return this.entries.countWhile((buffer, at) => {
      const timestamp = readInt64(buffer, at);
      const offset = buffer.readInt32BE(at + 8);
      const isSound = timestamp > lastTimestamp && offset >= lastOffset && this.baseOffset + offset < endOffset;
      lastTimestamp = timestamp;
      lastOffset = offset;
      return isSound;
    });
  }

  /** The file has another suffix from now on. */
  renamed(fileSuffix: string): void {
    this.entries.renamed(this.nameWith(fileSuffix));
  }

  private nameWith(fileSuffix: string): string {
    return offsetFileName(this.baseOffset, TIME_INDEX_SUFFIX) + fileSuffix;
  }
}
