/**
 * The transaction index of a segment: the transactions whose ABORT marker lies in it.
 *
 * Entry (34 bytes): int16 version 0, int64 producer id, int64 first offset, int64 last offset (the marker), int64 last stable
 * offset at that time. The file is made with its first entry. Leaves to ProducerState: what an entry says.
 * Invariant: last offsets grow from entry to entry.
 */
import { readInt64, writeInt64 } from "../../protocol/records/int64.ts";
import type { DiskFile } from "../disk.ts";
import {
  offsetFileName,
  type PartitionDirectory,
  REBUILT_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from "./partition-directory.ts";

export const ABORTED_ENTRY_BYTES = 34;
const VERSION = 0;
const BLOCK_ENTRIES = 240;

/** For synchronous reads; never kept beyond a call. */
const scratch = Buffer.allocUnsafeSlow(ABORTED_ENTRY_BYTES * BLOCK_ENTRIES);

export interface AbortedTransactionEntry {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Of the marker. */
  readonly lastOffset: number;
  readonly lastStableOffset: number;
}

export class TransactionIndex {
  private readonly directory: PartitionDirectory;
  private readonly baseOffset: number;
  private name: string;
  private file: DiskFile | undefined;
  private fileExists: boolean;
  private needsSync = false;
  /** Entries that are to take the place of those behind the first `keptBytes`. */
  private rebuilt: { readonly keptBytes: number; readonly entries: Buffer[] } | undefined;

  constructor(directory: PartitionDirectory, baseOffset: number, fileExists: boolean, fileSuffix = "") {
    this.directory = directory;
    this.baseOffset = baseOffset;
    this.name = offsetFileName(baseOffset, TRANSACTION_INDEX_SUFFIX) + fileSuffix;
    this.fileExists = fileExists;
  }

  get exists(): boolean {
    return this.fileExists;
  }

  append(entry: AbortedTransactionEntry): void {
    const bytes = Buffer.allocUnsafe(ABORTED_ENTRY_BYTES);
    bytes.writeInt16BE(VERSION, 0);
    writeInt64(bytes, 2, entry.producerId);
    writeInt64(bytes, 10, entry.firstOffset);
    writeInt64(bytes, 18, entry.lastOffset);
    writeInt64(bytes, 26, entry.lastStableOffset);
    if (this.rebuilt !== undefined) {
      this.rebuilt.entries.push(bytes);
      return;
    }
    this.openFile().append([bytes]);
    this.needsSync = true;
  }

  /**
   * Entries appended until `endRebuild` take the place of those whose marker lies at or behind the offset. Until then the file stays as
   * it is: one that was emptied, and never filled for want of room or time, could not be told from one without aborted transactions.
   */
  beginRebuild(offset: number): void {
    const kept = offset <= this.baseOffset ? 0 : this.firstReaching(offset, this.count());
    this.rebuilt = { keptBytes: kept * ABORTED_ENTRY_BYTES, entries: [] };
  }

  /** @throws DiskError, and the file is what it was. */
  async endRebuild(): Promise<void> {
    const { keptBytes, entries } = this.rebuilt ?? { keptBytes: 0, entries: [] };
    this.rebuilt = undefined;
    const behind = Buffer.concat(entries);
    const whole = Buffer.alloc(this.fileExists ? this.openFile().sizeBytes : 0);
    if (whole.length > 0) this.openFile().read(0, whole);
    const before = whole.subarray(keptBytes);
    const commonBytes = Math.min(before.length, behind.length);
    if (before.subarray(0, commonBytes).equals(behind.subarray(0, commonBytes))) {
      if (before.length === behind.length) return;
      if (behind.length > commonBytes) this.openFile().append([behind.subarray(commonBytes)]);
      else this.openFile().truncate(keptBytes + behind.length);
      this.needsSync = true;
      return;
    }
    const { directory, name } = this;
    const next = name + REBUILT_SUFFIX;
    directory.put(next, Buffer.concat([whole.subarray(0, keptBytes), behind]));
    await directory.disk.syncFile(directory.pathOf(next));
    this.close();
    directory.rename(next, name);
  }

  /**
   * Adds the transactions that reach into [fetchOffset, upperBound); true when later segments have none of them.
   * @param upperBound exclusive.
   */
  collect(fetchOffset: number, upperBound: number, into: AbortedTransactionEntry[]): boolean {
    const count = this.count();
    for (let index = this.firstReaching(fetchOffset, count); index < count; index += BLOCK_ENTRIES) {
      for (const entry of this.readBlock(index, Math.min(BLOCK_ENTRIES, count - index))) {
        if (entry.lastOffset >= fetchOffset && entry.firstOffset < upperBound) into.push(entry);
        if (entry.lastStableOffset >= upperBound) return true;
      }
    }
    return false;
  }

  /** Every entry, for the cleaner and for tests. */
  all(): AbortedTransactionEntry[] {
    const count = this.count();
    const entries: AbortedTransactionEntry[] = [];
    for (let index = 0; index < count; index += BLOCK_ENTRIES) {
      entries.push(...this.readBlock(index, Math.min(BLOCK_ENTRIES, count - index)));
    }
    return entries;
  }

  /** Whether every entry can be what it seems, for a segment that ends at `endOffset`. */
  isSound(endOffset: number): boolean {
    if (!this.fileExists) return true;
    if (this.openFile().sizeBytes % ABORTED_ENTRY_BYTES !== 0) return false;
    let before = this.baseOffset - 1;
    for (const { firstOffset, lastOffset, lastStableOffset, producerId } of this.all()) {
      if (lastOffset <= before || lastOffset >= endOffset || firstOffset >= lastOffset) return false;
      if (lastStableOffset > lastOffset + 1 || firstOffset < 0 || producerId < 0) return false;
      before = lastOffset;
    }
    const count = this.count();
    for (let index = 0; index < count; index++) if (this.versionAt(index) !== VERSION) return false;
    return true;
  }

  /** Drops transactions whose marker lies at or behind `offset`. */
  truncateTo(offset: number): void {
    if (!this.fileExists) return;
    const keepBytes = this.firstReaching(offset, this.count()) * ABORTED_ENTRY_BYTES;
    if (this.openFile().sizeBytes === keepBytes) return;
    this.openFile().truncate(keepBytes);
    this.needsSync = true;
  }

  async sync(): Promise<void> {
    if (!this.needsSync) return;
    this.needsSync = false;
    await this.openFile().sync();
  }

  close(): void {
    this.file?.close();
    this.file = undefined;
  }

  /** The file, if there is one, has another suffix from now on. */
  renamed(fileSuffix: string): void {
    this.name = offsetFileName(this.baseOffset, TRANSACTION_INDEX_SUFFIX) + fileSuffix;
  }

  private count(): number {
    return this.fileExists ? Math.floor(this.openFile().sizeBytes / ABORTED_ENTRY_BYTES) : 0;
  }

  /** Index of the first entry whose marker lies at or behind `offset`. */
  private firstReaching(offset: number, count: number): number {
    let low = -1;
    let high = count;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      const [entry] = this.readBlock(middle, 1);
      if ((entry as AbortedTransactionEntry).lastOffset < offset) low = middle;
      else high = middle;
    }
    return high;
  }

  private readBlock(index: number, count: number): AbortedTransactionEntry[] {
    const block = scratch.subarray(0, count * ABORTED_ENTRY_BYTES);
    this.openFile().read(index * ABORTED_ENTRY_BYTES, block);
    const entries: AbortedTransactionEntry[] = [];
    for (let at = 0; at < block.length; at += ABORTED_ENTRY_BYTES) {
      entries.push({
        producerId: readInt64(block, at + 2),
        firstOffset: readInt64(block, at + 10),
        lastOffset: readInt64(block, at + 18),
        lastStableOffset: readInt64(block, at + 26),
      });
    }
    return entries;
  }

  private versionAt(index: number): number {
    const bytes = scratch.subarray(0, 2);
    this.openFile().read(index * ABORTED_ENTRY_BYTES, bytes);
    return bytes.readInt16BE(0);
  }

  private openFile(): DiskFile {
    if (this.file === undefined) {
      this.file = this.fileExists ? this.directory.open(this.name) : this.directory.create(this.name);
      this.fileExists = true;
    }
    return this.file;
  }
}
