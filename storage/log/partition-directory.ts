/**
 * The directory of one partition: what its files are called, and where it lies now.
 *
 * Owns: Kafka's names (a base offset of 20 digits and a suffix), and whether names changed since they were last synced. Leaves
 * what is in the files to the classes named for them.
 */
import type { Disk, DiskFile } from "../disk.ts";

/** Whose partition it is. */
export const PARTITION_METADATA = "partition.metadata";
export const LOG_SUFFIX = ".log";
export const OFFSET_INDEX_SUFFIX = ".index";
export const TIME_INDEX_SUFFIX = ".timeindex";
export const TRANSACTION_INDEX_SUFFIX = ".txnindex";
export const SNAPSHOT_SUFFIX = ".snapshot";
/** Behind the name of a file that goes after file.delete.delay.ms. */
export const DELETED_SUFFIX = ".deleted";
/** Behind the names of what the cleaner is writing. */
export const CLEANED_SUFFIX = ".cleaned";
/** Behind the names of what the cleaner has written: they replace the segments they were made from. */
export const SWAP_SUFFIX = ".swap";

/** Behind the name of a transaction index that takes the place of one once it is whole. */
export const REBUILT_SUFFIX = ".tmp";

/** The suffixes of the files of a segment, the log first. */
export const SEGMENT_SUFFIXES = [LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX] as const;

const OFFSET_DIGITS = 20;

export function offsetFileName(offset: number, suffix: string): string {
  return String(offset).padStart(OFFSET_DIGITS, "0") + suffix;
}

/** The offset in a file's name, or undefined when it is not that of such a file. */
export function offsetOfFileName(name: string, suffix: string): number | undefined {
  if (name.length !== OFFSET_DIGITS + suffix.length || !name.endsWith(suffix)) return undefined;
  const digits = name.slice(0, OFFSET_DIGITS);
  if (!/^\d+$/.test(digits)) return undefined;
  const offset = Number(digits);
  return Number.isSafeInteger(offset) ? offset : undefined;
}

export class PartitionDirectory {
  readonly disk: Disk;
  private location: string;
  private ownNameChanged = false;
  private namesChanged = false;
  private unsyncedFiles: string[] = [];

  constructor(disk: Disk, path: string) {
    this.disk = disk;
    this.location = path;
  }

  /** Without a slash at its end. */
  get path(): string {
    return this.location;
  }

  pathOf(name: string): string {
    return `${this.location}/${name}`;
  }

  /** @throws DiskError gone. */
  open(name: string): DiskFile {
    return this.disk.open(this.pathOf(name), { create: false });
  }

  create(name: string): DiskFile {
    this.namesChanged = true;
    return this.disk.open(this.pathOf(name), { create: true });
  }

  exists(name: string): boolean {
    return this.disk.exists(this.pathOf(name));
  }

  /** What was at `to` is gone; open files follow. */
  rename(from: string, to: string): void {
    this.namesChanged = true;
    this.disk.rename(this.pathOf(from), this.pathOf(to));
  }

  /** Silent when there is no such file. */
  remove(name: string): void {
    if (!this.exists(name)) return;
    this.namesChanged = true;
    this.disk.remove(this.pathOf(name));
  }

  /** Makes a small file, or replaces its content; a power cut before the next sync may leave it empty. */
  write(name: string, content: string): void {
    this.disk.writeFile(this.pathOf(name), content);
    this.namesChanged = true;
    if (!this.unsyncedFiles.includes(name)) this.unsyncedFiles.push(name);
  }

  /** The same for a file that its owner syncs. */
  put(name: string, content: Buffer): void {
    this.disk.writeFile(this.pathOf(name), content);
    this.namesChanged = true;
  }

  /** What an earlier run did to the names, its own among them, and wrote into small files may not be on the device. */
  assumeUnsynced(): void {
    this.namesChanged = true;
    this.ownNameChanged = true;
    const { unsyncedFiles } = this;
    if (!unsyncedFiles.includes(PARTITION_METADATA) && this.exists(PARTITION_METADATA)) {
      unsyncedFiles.push(PARTITION_METADATA);
    }
  }

  /** The directory is new where it lies: its own name must reach the device as well. */
  noteCreated(): void {
    this.ownNameChanged = true;
  }

  /** Moves the directory. */
  move(path: string): void {
    this.disk.rename(this.location, path);
    this.location = path;
    this.ownNameChanged = true;
  }

  /** Names made, changed and removed before the call are on the device when it resolves, and small files that were written. */
  async syncNames(): Promise<void> {
    for (let name = this.unsyncedFiles.pop(); name !== undefined; name = this.unsyncedFiles.pop()) {
      await this.disk.syncFile(this.pathOf(name));
    }
    if (this.ownNameChanged) {
      this.ownNameChanged = false;
      try {
        await this.disk.syncDirectory(this.location.slice(0, this.location.lastIndexOf("/")));
      } catch (error) {
        this.ownNameChanged = true;
        throw error;
      }
    }
    if (!this.namesChanged) return;
    this.namesChanged = false;
    try {
      await this.disk.syncDirectory(this.location);
    } catch (error) {
      this.namesChanged = true;
      throw error;
    }
  }
}
