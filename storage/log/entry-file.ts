/**
 * A file of sorted entries of one size: an offset index or a time index.
 *
 * Owns: which entries are still in memory (they are written a page at a time, and at the latest with a flush, a roll or a close:
 * what a crash loses is rebuilt), and the search. Leaves to OffsetIndex and TimeIndex: what is in an entry.
 * Invariant: entries on the disk come before those in memory; a file that was not opened yet costs no handle.
 */
import type { DiskFile } from "../disk.ts";
import type { PartitionDirectory } from "./partition-directory.ts";

/** Entries are written once this many bytes of them wait. */
const PENDING_BYTES = 4096;
const FIRST_PENDING_BYTES = 96;
/** Searches narrow the file down to a block of this size with single reads, then read the block. */
const BLOCK_BYTES = 3072;

/** For synchronous reads; never kept beyond a call. */
const scratch = Buffer.allocUnsafeSlow(BLOCK_BYTES);

/** What entries are sorted by. */
export type EntryKey = (buffer: Buffer, at: number) => number;

export class EntryFile {
  private readonly directory: PartitionDirectory;
  private readonly entryBytes: number;
  private name: string;
  private file: DiskFile | undefined;
  /** Entries in the file; undefined until it is opened. */
  private writtenCount: number | undefined;
  private pending: Buffer | undefined;
  private pendingBytes = 0;
  private needsSync = false;

  constructor(directory: PartitionDirectory, name: string, entryBytes: number) {
    this.directory = directory;
    this.name = name;
    this.entryBytes = entryBytes;
  }

  get count(): number {
    return this.written() + this.pendingBytes / this.entryBytes;
  }

  /** Whether the file is there and holds whole entries only. */
  get isSound(): boolean {
    if (this.file === undefined && !this.directory.exists(this.name)) return false;
    return this.openFile().sizeBytes % this.entryBytes === 0;
  }

  /** Makes the file, empty. */
  create(): void {
    this.openFile(true);
    this.writtenCount = 0;
  }

  /** The entry stands at the start of the buffer and is copied. */
  append(entry: Buffer): void {
    const { entryBytes } = this;
    let pending = this.pending;
    if (pending === undefined) pending = this.pending = Buffer.allocUnsafeSlow(FIRST_PENDING_BYTES);
    if (this.pendingBytes + entryBytes > pending.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(pending.length * 4, PENDING_BYTES));
      pending.copy(larger, 0, 0, this.pendingBytes);
      pending = this.pending = larger;
    }
    entry.copy(pending, this.pendingBytes, 0, entryBytes);
    this.pendingBytes += entryBytes;
    if (this.pendingBytes + entryBytes > PENDING_BYTES) this.write();
  }

  /** Reads entry `index` to the start of `target`. */
  read(index: number, target: Buffer): void {
    const { entryBytes } = this;
    const written = this.written();
    if (index >= written) {
      const at = (index - written) * entryBytes;
      (this.pending as Buffer).copy(target, 0, at, at + entryBytes);
    } else {
      this.openFile().read(index * entryBytes, target.subarray(0, entryBytes));
    }
  }

  /** Index of the last entry whose key is at most `target`, or -1. */
  floor(target: number, keyOf: EntryKey): number {
    const { entryBytes } = this;
    const written = this.written();
    const pendingCount = this.pendingBytes / entryBytes;
    if (pendingCount > 0 && keyOf(this.pending as Buffer, 0) <= target) {
      return written + floorIn(this.pending as Buffer, pendingCount, entryBytes, target, keyOf);
    }
    if (written === 0) return -1;
    const file = this.openFile();
    const one = scratch.subarray(0, entryBytes);
    let low = 0; // everything below is at most target
    let high = written; // everything from here on is above it
    while ((high - low) * entryBytes > BLOCK_BYTES) {
      const middle = (low + high) >>> 1;
      file.read(middle * entryBytes, one);
      if (keyOf(one, 0) <= target) low = middle;
      else high = middle;
    }
    file.read(low * entryBytes, scratch.subarray(0, (high - low) * entryBytes));
    return low + floorIn(scratch, high - low, entryBytes, target, keyOf);
  }

  /** How many entries from the first on `isSound` accepts; it is called with each in turn. */
  countWhile(isSound: (buffer: Buffer, at: number) => boolean): number {
    const { entryBytes } = this;
    const written = this.written();
    const blockEntries = Math.floor(BLOCK_BYTES / entryBytes);
    for (let first = 0; first < written; first += blockEntries) {
      const count = Math.min(blockEntries, written - first);
      this.openFile().read(first * entryBytes, scratch.subarray(0, count * entryBytes));
      for (let index = 0; index < count; index++) {
        if (!isSound(scratch, index * entryBytes)) return first + index;
      }
    }
    for (let at = 0; at < this.pendingBytes; at += entryBytes) {
      if (!isSound(this.pending as Buffer, at)) return written + at / entryBytes;
    }
    return this.count;
  }

  /** Keeps the first `count` entries. */
  truncate(count: number): void {
    const written = this.written();
    if (count >= written) {
      this.pendingBytes = Math.min(this.pendingBytes, (count - written) * this.entryBytes);
      // A piece of an entry may stand behind the last whole one.
      if (this.openFile().sizeBytes === written * this.entryBytes) return;
    } else {
      this.pendingBytes = 0;
      this.writtenCount = count;
    }
    this.openFile().truncate(this.written() * this.entryBytes);
    this.needsSync = true;
  }

  /** Hands the entries in memory to the operating system. */
  write(): void {
    if (this.pendingBytes === 0) return;
    const written = this.written();
    this.openFile().append([(this.pending as Buffer).subarray(0, this.pendingBytes)]);
    this.writtenCount = written + this.pendingBytes / this.entryBytes;
    this.pendingBytes = 0;
    this.needsSync = true;
  }

  /** Every entry is on the device when it resolves. */
  async sync(): Promise<void> {
    this.write();
    if (!this.needsSync) return;
    this.needsSync = false;
    await this.openFile().sync();
  }

  /** What is in memory is lost unless it was written. */
  close(): void {
    this.file?.close();
    this.file = undefined;
    this.pending = undefined;
    this.pendingBytes = 0;
    this.writtenCount = undefined;
  }

  /** Frees what only a segment that grows needs. */
  seal(): void {
    this.write();
    this.pending = undefined;
  }

  renamed(name: string): void {
    this.name = name;
  }

  private written(): number {
    if (this.writtenCount === undefined) {
      this.writtenCount = Math.floor(this.openFile().sizeBytes / this.entryBytes);
    }
    return this.writtenCount;
  }

  private openFile(create = false): DiskFile {
    if (this.file === undefined) {
      const missing = create || !this.directory.exists(this.name);
      this.file = missing ? this.directory.create(this.name) : this.directory.open(this.name);
    }
    return this.file;
  }
}

function floorIn(buffer: Buffer, count: number, entryBytes: number, target: number, keyOf: EntryKey): number {
  let low = -1;
  let high = count;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (keyOf(buffer, middle * entryBytes) <= target) low = middle;
    else high = middle;
  }
  return low;
}
