/**
 * The offset index of a segment: from the last offset of a batch to where the batch starts, for one batch in so many bytes.
 *
 * Entry (8 bytes): int32 last offset of the batch relative to the segment's base, int32 position. Leaves to Segment: which
 * batches get an entry, and whether an entry found speaks the truth.
 */
import { EntryFile } from "./entry-file.ts";
import { OFFSET_INDEX_SUFFIX, offsetFileName, type PartitionDirectory } from "./partition-directory.ts";

export const OFFSET_ENTRY_BYTES = 8;

export interface IndexedPosition {
  /** Of the batch that starts at the position, or of one behind it (older Kafkas index the last of several). */
  readonly lastOffset: number;
  readonly position: number;
}

const entry = Buffer.alloc(OFFSET_ENTRY_BYTES);
const relativeOffsetOf = (buffer: Buffer, at: number): number => buffer.readInt32BE(at);

export class OffsetIndex {
  readonly entries: EntryFile;
  private readonly baseOffset: number;

  constructor(directory: PartitionDirectory, baseOffset: number, fileSuffix = "") {
    this.baseOffset = baseOffset;
    this.entries = new EntryFile(directory, this.nameWith(fileSuffix), OFFSET_ENTRY_BYTES);
  }

  append(lastOffset: number, position: number): void {
    entry.writeInt32BE(lastOffset - this.baseOffset, 0);
    entry.writeInt32BE(position, 4);
    this.entries.append(entry);
  }

  /** The entry with the largest offset that is at most `offset`; the start of the segment when there is none. */
  lookup(offset: number): IndexedPosition {
    return this.at(this.entries.floor(offset - this.baseOffset, relativeOffsetOf));
  }

  last(): IndexedPosition {
    return this.at(this.entries.count - 1);
  }

  at(index: number): IndexedPosition {
    if (index < 0) return { lastOffset: this.baseOffset, position: 0 };
    this.entries.read(index, entry);
    return { lastOffset: this.baseOffset + entry.readInt32BE(0), position: entry.readInt32BE(4) };
  }

  /** Drops entries of batches that reach `offset` or lie behind it. */
  truncateTo(offset: number): void {
    this.entries.truncate(this.entries.floor(offset - 1 - this.baseOffset, relativeOffsetOf) + 1);
  }

  /** How many entries from the first on are in order and lie within a log of `sizeBytes`: preallocated files end in zeros. */
  soundCount(sizeBytes: number): number {
    let lastOffset = -1;
    let lastPosition = -1;
    return this.entries.countWhile((buffer, at) => {
      const offset = buffer.readInt32BE(at);
      const position = buffer.readInt32BE(at + 4);
      const isSound = offset > lastOffset && position > lastPosition && position < sizeBytes;
      lastOffset = offset;
      lastPosition = position;
      return isSound;
    });
  }

  /** The file has another suffix from now on. */
  renamed(fileSuffix: string): void {
    this.entries.renamed(this.nameWith(fileSuffix));
  }

  private nameWith(fileSuffix: string): string {
    return offsetFileName(this.baseOffset, OFFSET_INDEX_SUFFIX) + fileSuffix;
  }
}
