/**
 * The disk of the machine, over node:fs.
 *
 * Owns: paths, directories and what each error code means. Leaves to NodeFile: reading and writing; to NodeOpenFiles:
 * how many descriptors there are; to node-disk-lock: the lock that goes with its process.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { type DirectoryEntry, type Disk, DiskError, type DiskFile, type DiskLock } from "./disk.ts";
import { onDisk, toDiskError } from "./node-disk-error.ts";
import { lockFile } from "./node-disk-lock.ts";
import { NodeFile } from "./node-file.ts";
import { defaultMaxOpenFiles, NodeOpenFiles } from "./node-open-files.ts";
import { withSyncTurn } from "./node-sync-turns.ts";

const isWindows = process.platform === "win32";

export interface NodeDiskOptions {
  /** Descriptors kept open at most; files above that are opened again when they are used. Half of the process's limit when left out. */
  readonly maxOpenFiles?: number;
}

export class NodeDisk implements Disk {
  private readonly files: NodeOpenFiles;

  constructor(options: NodeDiskOptions = {}) {
    this.files = new NodeOpenFiles(options.maxOpenFiles ?? defaultMaxOpenFiles());
  }

  /** Descriptors open now, for metrics and tests. */
  get openFiles(): number {
    return this.files.openCount;
  }

  open(path: string, options: { readonly create: boolean }): DiskFile {
    const flags = constants.O_RDWR | (options.create ? constants.O_CREAT : 0);
    const descriptor = this.files.openDescriptor(path, flags);
    const stats = onDisk(path, () => fstatSync(descriptor));
    if (!stats.isFile()) {
      closeSync(descriptor);
      throw new DiskError("exists", path);
    }
    const file = new NodeFile(this.files, path, descriptor, stats.size);
    this.files.add(file);
    return file;
  }

  readFile(path: string): Buffer {
    return onDisk(path, () => readFileSync(path));
  }

  writeFile(path: string, content: Buffer | string): void {
    onDisk(path, () => writeFileSync(path, content));
  }

  syncFile(path: string): Promise<void> {
    return this.syncPath(path, constants.O_RDWR);
  }

  exists(path: string): boolean {
    return existsSync(path);
  }

  list(path: string): DirectoryEntry[] {
    const entries = onDisk(path, () => readdirSync(path, { withFileTypes: true }));
    const listed = entries.map((entry): DirectoryEntry => {
      const target = entry.isSymbolicLink() ? statSync(`${path}/${entry.name}`, { throwIfNoEntry: false }) : entry;
      const kind = target?.isFile() === true ? "file" : target?.isDirectory() === true ? "directory" : "other";
      return { name: entry.name, kind };
    });
    return listed.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  rename(from: string, to: string): void {
    if (isWindows) this.files.closeDescriptorsUnder(from);
    onDisk(from, () => renameSync(from, to));
    this.files.renamed(from, to);
  }

  remove(path: string): void {
    onDisk(path, () => unlinkSync(path));
    this.files.removed(path);
  }

  async removeTree(path: string): Promise<void> {
    this.files.removed(path);
    try {
      await rm(path, { recursive: true, force: true });
    } catch (error) {
      throw toDiskError(error, path);
    }
  }

  makeDirectory(path: string): void {
    onDisk(path, () => mkdirSync(path, { recursive: true }));
  }

  async syncDirectory(path: string): Promise<void> {
    // Windows has no such call; its file system writes names through its journal.
    if (!isWindows) await this.syncPath(path, constants.O_RDONLY);
  }

  volume(path: string): { readonly totalBytes: number; readonly usableBytes: number } {
    const stats = onDisk(path, () => statfsSync(path));
    return { totalBytes: stats.blocks * stats.bsize, usableBytes: stats.bavail * stats.bsize };
  }

  lock(path: string): DiskLock {
    return lockFile(path);
  }

  private async syncPath(path: string, flags: number): Promise<void> {
    const descriptor = this.files.openDescriptor(path, flags);
    try {
      await withSyncTurn(() => fullSync(descriptor));
    } catch (error) {
      throw toDiskError(error, path);
    } finally {
      closeSync(descriptor);
    }
  }
}

function fullSync(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fsync(descriptor, (error) => {
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });
}
