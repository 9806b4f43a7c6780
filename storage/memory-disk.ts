/**
 * A disk in memory, the default of in-process clusters: no file anywhere, gone with the process.
 *
 * Owns: the budget of the volume, and what a crash leaves. Leaves the names to FileTree, the bytes to ChunkedBytes.
 * Names are durable at once; the bytes of a file are durable up to its last sync (a disk that loses, tears and reorders
 * more than that is test/simulation's).
 */
import { ChunkedBytes, ChunkPool } from "./chunked-bytes.ts";
import { type DirectoryEntry, type Disk, DiskError, type DiskFile, type DiskLock } from "./disk.ts";
import { FileTree } from "./file-tree.ts";

/** Told to whoever asks when no budget is given. */
const UNBOUNDED_VOLUME_BYTES = 2 ** 40;
const MAX_IDLE_CHUNK_BYTES = 64 * 1024 * 1024;

/** Everything on a disk at one moment; not changed by what happens afterwards. */
export interface DiskContents {
  readonly directories: readonly string[];
  readonly files: readonly { readonly path: string; readonly bytes: Buffer; readonly syncedBytes: number }[];
  readonly sizeBytes: number;
}

export interface MemoryDiskOptions {
  /** Appends past this fail as on a full disk; no limit when left out. */
  readonly volumeBytes?: number;
}

interface Content {
  readonly bytes: ChunkedBytes;
  syncedBytes: number;
  /** Open handles and one for the name: at zero the bytes are freed. */
  holders: number;
}

export class MemoryDisk implements Disk {
  private readonly tree = new FileTree<Content>();
  private readonly pool = new ChunkPool(MAX_IDLE_CHUNK_BYTES);
  private readonly locks = new Set<string>();
  private volumeBytes: number;
  /** Counts crashes: handles of an earlier run are dead. */
  private run = 0;
  usedBytes = 0;

  constructor(options: MemoryDiskOptions = {}) {
    this.volumeBytes = options.volumeBytes ?? UNBOUNDED_VOLUME_BYTES;
  }

  /** The node that used the disk is gone: its locks and handles are, and with the power everything that was not synced. */
  crash(options: { readonly powerLoss: boolean }): void {
    this.run++;
    this.locks.clear();
    this.usedBytes = 0;
    for (const content of this.tree.files()) {
      content.holders = 1;
      if (options.powerLoss) content.bytes.truncate(content.syncedBytes);
      this.usedBytes += content.bytes.sizeBytes;
    }
  }

  /** A copy of everything, synced or not. */
  contents(): DiskContents {
    const directories: string[] = [];
    const files: { path: string; bytes: Buffer; syncedBytes: number }[] = [];
    let sizeBytes = 0;
    for (const { path, file } of this.tree.paths()) {
      if (file === undefined) {
        directories.push(path);
        continue;
      }
      const bytes = Buffer.allocUnsafeSlow(file.bytes.sizeBytes);
      file.bytes.read(0, bytes);
      sizeBytes += bytes.length;
      files.push({ path, bytes, syncedBytes: file.syncedBytes });
    }
    return { directories, files, sizeBytes };
  }

  /** Holds these contents and nothing else; handles and locks of before are dead. */
  replace(contents: DiskContents): void {
    this.run++;
    this.locks.clear();
    this.usedBytes = 0;
    for (const content of this.tree.files()) content.bytes.free();
    this.tree.clear();
    for (const path of contents.directories) this.tree.makeDirectory(path);
    for (const { path, bytes, syncedBytes } of contents.files) {
      const content = this.newContent();
      this.tree.put(path, content);
      this.write(content, [bytes], path);
      content.syncedBytes = syncedBytes;
    }
  }

  /** Changes the budget: a disk that fills up, or that gets room again. */
  resize(volumeBytes: number): void {
    this.volumeBytes = volumeBytes;
  }

  open(path: string, options: { readonly create: boolean }): DiskFile {
    let content: Content;
    if (options.create && this.tree.find(path) === undefined) {
      content = this.newContent();
      this.tree.put(path, content);
    } else {
      content = this.tree.file(path);
    }
    content.holders++;
    return new MemoryFile(this, content, path, this.run);
  }

  readFile(path: string): Buffer {
    const { bytes } = this.tree.file(path);
    const whole = Buffer.allocUnsafe(bytes.sizeBytes);
    bytes.read(0, whole);
    return whole;
  }

  writeFile(path: string, content: Buffer | string): void {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    if (this.tree.find(path) === undefined) this.tree.put(path, this.newContent());
    const file = this.tree.file(path);
    this.cut(file, 0);
    this.write(file, [bytes], path);
  }

  async syncFile(path: string): Promise<void> {
    const content = this.tree.file(path);
    content.syncedBytes = content.bytes.sizeBytes;
  }

  exists(path: string): boolean {
    return this.tree.find(path) !== undefined;
  }

  list(path: string): DirectoryEntry[] {
    return this.tree.list(path);
  }

  rename(from: string, to: string): void {
    const replaced = this.tree.rename(from, to);
    if (replaced !== undefined) this.release(replaced);
  }

  remove(path: string): void {
    this.release(this.tree.remove(path));
  }

  async removeTree(path: string): Promise<void> {
    for (const content of this.tree.removeTree(path)) this.release(content);
  }

  makeDirectory(path: string): void {
    this.tree.makeDirectory(path);
  }

  async syncDirectory(path: string): Promise<void> {
    this.tree.directory(path);
  }

  volume(): { readonly totalBytes: number; readonly usableBytes: number } {
    return { totalBytes: this.volumeBytes, usableBytes: Math.max(0, this.volumeBytes - this.usedBytes) };
  }

  lock(path: string): DiskLock {
    if (this.locks.has(path)) throw new DiskError("locked", path);
    if (!this.exists(path)) this.writeFile(path, "");
    this.locks.add(path);
    const run = this.run;
    return { release: () => void (run === this.run && this.locks.delete(path)) };
  }

  /** Only for MemoryFile. */
  alive(run: number): boolean {
    return run === this.run;
  }

  /** Only for MemoryFile. @throws DiskError full: nothing was written. */
  write(content: Content, chunks: readonly Buffer[], path: string): void {
    let totalBytes = 0;
    for (const chunk of chunks) totalBytes += chunk.length;
    if (this.usedBytes + totalBytes > this.volumeBytes) throw new DiskError("full", path);
    for (const chunk of chunks) content.bytes.append(chunk);
    this.usedBytes += totalBytes;
  }

  /** Only for MemoryFile. */
  cut(content: Content, sizeBytes: number): void {
    this.usedBytes -= content.bytes.sizeBytes - sizeBytes;
    content.bytes.truncate(sizeBytes);
    content.syncedBytes = Math.min(content.syncedBytes, sizeBytes);
  }

  /** Only for MemoryFile. */
  release(content: Content): void {
    if (--content.holders > 0) return;
    this.usedBytes -= content.bytes.sizeBytes;
    content.bytes.free();
  }

  private newContent(): Content {
    return { bytes: new ChunkedBytes(this.pool), syncedBytes: 0, holders: 1 };
  }
}

class MemoryFile implements DiskFile {
  private readonly disk: MemoryDisk;
  private readonly content: Content;
  private readonly path: string;
  private readonly run: number;
  private closed = false;

  constructor(disk: MemoryDisk, content: Content, path: string, run: number) {
    this.disk = disk;
    this.content = content;
    this.path = path;
    this.run = run;
  }

  get sizeBytes(): number {
    return this.content.bytes.sizeBytes;
  }

  append(chunks: readonly Buffer[]): number {
    this.mustBeOpen();
    const position = this.content.bytes.sizeBytes;
    this.disk.write(this.content, chunks, this.path);
    return position;
  }

  read(position: number, target: Buffer): number {
    this.mustBeOpen();
    return this.content.bytes.read(position, target);
  }

  async readLarge(position: number, target: Buffer): Promise<number> {
    return this.read(position, target);
  }

  readAtHand(position: number, target: Buffer): number {
    return this.read(position, target);
  }

  truncate(sizeBytes: number): void {
    this.mustBeOpen();
    this.disk.cut(this.content, sizeBytes);
  }

  async sync(): Promise<void> {
    this.mustBeOpen();
    this.content.syncedBytes = this.content.bytes.sizeBytes;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.disk.alive(this.run)) this.disk.release(this.content);
  }

  /** A handle of a node that crashed must not touch what the next one wrote. */
  private mustBeOpen(): void {
    if (this.closed || !this.disk.alive(this.run)) throw new DiskError("gone", this.path);
  }
}
